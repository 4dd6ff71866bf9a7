"""The truth in SQLite, the vectors kept beside it, and how derived indexes catch up."""
