"""The pages, one module each, with its `PAGE`. `registry.py` puts them in order."""
