"""What the pages ask the serving file, one module per page.

A query selects, filters, joins and counts what the marts say. Values are bound.
"""
