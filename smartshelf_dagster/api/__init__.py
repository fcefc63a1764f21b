"""The HTTP API over the serving file, and files written from it."""
