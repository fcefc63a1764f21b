"""Whose an unusual hour or day of sales is.

Belongs here: the store of a series that is watched, as a pure function. Does not belong here: what
counts as unusual (`analytics/anomalies.py`, dbt).
"""

EVERYWHERE = "ALL"

_OF_A_STORE = frozenset({"store", "store_category"})


def store_of(scope_type: str, scope_id: str) -> str:
    """Return the store of a series, `ALL` for one over all stores.

    Args:
        scope_type: all, store, category, store_category or item.
        scope_id: Which of them; a store and its category are parted by a slash.

    >>> store_of("store_category", "S001/MEAT"), store_of("category", "MEAT")
    ('S001', 'ALL')
    """
    return scope_id.partition("/")[0] if scope_type in _OF_A_STORE else EVERYWHERE
