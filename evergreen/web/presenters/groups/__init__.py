"""Groups of customers on their pages."""
