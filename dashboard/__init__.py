"""The report app: what has been published, shown to the people who run the stores.

It reads the serving file and nothing else, and writes operator events and nothing else. Rules
live in the models; a page selects, filters, joins and counts what they say.
"""
