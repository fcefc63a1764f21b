"""Dagster definitions by stage. Thin: each body calls the pipeline and reports what it did."""
