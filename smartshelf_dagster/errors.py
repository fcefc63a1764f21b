"""The base of errors that are for people: their message says what is wrong and what to do."""


class SmartShelfError(Exception):
    """An error whose message is enough; the command line shows it without a trace."""
