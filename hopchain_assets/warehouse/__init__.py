"""The DuckDB tables and where they lie. Knows nothing of what a chain means."""
