"""Churn rates and metrics beside fightchurn 1.2.0, which is installed from its registry into an environment of its own."""
