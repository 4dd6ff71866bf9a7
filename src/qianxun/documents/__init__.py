"""Files to chunks: load, clean, split, recognise duplicates. Knows no store, index or model."""
