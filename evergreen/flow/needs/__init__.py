"""What needs somebody: open alerts, tasks and renewals in one order, and what a person does about them."""
