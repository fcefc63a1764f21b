"""Contracts of events, commands and tables: one source for every schema in the system.

The JSON Schemas in `data/contracts/` are the source. From them follow the Delta schemas, the
columns of the dbt sources, the blocking asset checks and the data dictionary.
"""
