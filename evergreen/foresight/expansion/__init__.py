"""Who is likely to buy more: seats, a higher edition, another product; from the vendor's own past purchases."""
