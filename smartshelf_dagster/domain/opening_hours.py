"""When a store trades, by the hours that its master data tell.

Belongs here: the rule, as code needs it. The models have it in the macros `is_trading` and
`clock_ts`; a test holds them together.
"""


def is_open(clock: str, opens_at: str | None, closes_at: str | None) -> bool:
    """Say whether a store is open; one that does not tell its hours always is.

    Args:
        clock: Its local time, HH:MM.
        opens_at: Begin of trade, HH:MM.
        closes_at: End of trade, HH:MM up to 24:00; at that time it is closed.

    >>> is_open("08:00", "08:00", "20:00"), is_open("20:00", "08:00", "20:00")
    (True, False)
    """
    return opens_at is None or closes_at is None or opens_at <= clock < closes_at


def hours_problem(opens_at: str | None, closes_at: str | None) -> str | None:
    """Return what is wrong with hours, `None` when nothing is.

    A business day ends at midnight: who trades past it tells no hours.
    """
    if opens_at is None and closes_at is None:
        return None
    if opens_at is not None and closes_at is not None and opens_at < closes_at:
        return None
    return (
        f"opens_at={opens_at!r}, closes_at={closes_at!r}: expected closes_at after opens_at on the "
        "same day, or both null for a store that trades past midnight or always"
    )
