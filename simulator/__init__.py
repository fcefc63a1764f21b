"""The physical world of a chain of supermarkets, played in event time.

Customers, staff, sensors and tills live here. The package speaks to the outside only through
Redis streams (events out, commands in) and shares nothing with the system but the contracts and
the reference data under `data/`.
"""
