"""What a publication is called, by everybody who reads it.

Belongs here: the name, as a pure function. Does not belong here: reading publications.
"""

from datetime import UTC, datetime


def version_name(published_at: datetime) -> str:
    """Return the name of a version: when it was published, UTC, to the microsecond.

    >>> version_name(datetime(2026, 1, 3, 11, 48, 5, 120, tzinfo=UTC))
    '20260103T114805.000120Z'
    """
    return f"{published_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}"
