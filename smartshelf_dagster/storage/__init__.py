"""The only code that touches Delta and DuckDB files."""
