"""Shared by tests: building events, reading lakes."""
