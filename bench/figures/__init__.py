"""Seven figures from raw events: hand-written SQL, pandas, and the product's own expressions over the same Parquet."""
