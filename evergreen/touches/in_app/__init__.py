"""What waits for a person inside the vendor's product, who may ask for it, and what is heard of it."""
