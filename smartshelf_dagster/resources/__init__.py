"""Dagster resources: thin handles on what the pipeline needs."""
