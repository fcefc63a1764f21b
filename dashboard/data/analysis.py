"""Whether tables of the analytics are there yet, and for what time they were built."""

from dataclasses import dataclass
from datetime import datetime

from dashboard import serving

# What stands in the place of a store where all of a currency are meant.
ALL = "ALL"


@dataclass(frozen=True)
class Scope:
    """Whose figures are shown.

    Attributes:
        store_id: A store, or `ALL`.
        currency: ISO 4217; figures of all stores are those of the stores with it.
    """

    store_id: str
    currency: str


def built_for(name: str) -> datetime | None:
    """Return the time that a table of the analytics was built for, `None` before the first time.

    Args:
        name: Its name within the schema `analytics`.
    """
    if not all(serving.has_table("analytics", table) for table in ("versions", name)):
        return None
    rows = serving.query(
        'select as_of_ts from analytics.versions where "table" = $name', name=f"analytics/{name}"
    ).rows()
    return rows[0][0] if rows else None
