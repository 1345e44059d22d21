"""Certified multi-hop image questions as Dagster assets over DuckDB."""
