"""The steps of the system as plain functions: drain, build, decide, publish, audit.

Dagster assets and the command line call them; so do tests.
"""
