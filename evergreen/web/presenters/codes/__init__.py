"""What the pages of contact codes show."""
