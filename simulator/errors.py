"""Errors that end a command with one clear line."""


class SimulatorError(Exception):
    """Bad usage or environment; the message tells the reader what to do."""
