"""The accounts page: its columns, its table with chips and sums, and its exports."""
