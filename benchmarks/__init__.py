"""Measurements: `python -m benchmarks [NAME ...]`. Each says how it measures; none is a test."""
