"""How long rows stay where they are at hand, and what becomes of them then.

Belongs here: the one list of rules, and which days are due by it, as pure functions. Does not
belong here: moving or deleting anything (`storage/archive.py`, `pipeline/retention.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from smartshelf_dagster.contracts.tables import QUARANTINE, raw_tables
from smartshelf_dagster.errors import SmartShelfError

# Where the rules stand for people to read.
POLICY = "ops/retention_policy"
ARCHIVE, DELETE, KEEP = "archive", "delete", "keep"
# A day that was brought back stays for so long before it is due again.
RESTORED_STAYS = timedelta(days=7)


class RetentionError(SmartShelfError, ValueError):
    """A number of days cannot be used; the message names it and what was expected."""


@dataclass(frozen=True)
class Rule:
    """What becomes of the rows of some tables.

    Attributes:
        subject: Its name, also in `SMARTSHELF_RETENTION_DAYS`.
        tables: Which tables, `<layer>/<name>`; `<layer>/*` for all of a layer that no other rule
            names.
        days: How long rows stay at hand; `None` for ever.
        then: `archive`, `delete` or `keep`.
        dated_by: Column by which a row is dated; empty where that does not matter.
        least_days: Fewer would take away what is still needed.
        reason: Why so.
    """

    subject: str
    tables: tuple[str, ...]
    days: int | None
    then: str
    dated_by: str
    least_days: int
    reason: str

    @property
    def span(self) -> timedelta:
        """How long rows stay at hand; without end where the rule is to keep them."""
        return timedelta.max if self.days is None else timedelta(days=self.days)


RULES = (
    Rule(
        "events",
        tuple(contract.table for contract in raw_tables().values()),
        90,
        ARCHIVE,
        "event_date",
        1,
        "the truth, for ever; models read only what is new",
    ),
    Rule(
        "quarantine",
        (QUARANTINE.table,),
        90,
        ARCHIVE,
        "ingest_date",
        1,
        "counts among the events received, for ever",
    ),
    Rule(
        "forecasts",
        ("ml/predictions",),
        400,
        DELETE,
        "origin_ts",
        100,
        "how they turned out stays in ml/accuracy",
    ),
    Rule(
        "features",
        ("curated/features_store",),
        365,
        DELETE,
        "origin_ts",
        100,
        "drift is judged by the last weeks; models keep what they learnt from",
    ),
    Rule(
        "windows",
        ("live/*",),
        None,
        KEEP,
        "",
        0,
        "each model reaches back as far as its windows, no further",
    ),
    Rule(
        "cleansed",
        ("cleansed/*",),
        None,
        KEEP,
        "",
        0,
        "one row per event, of any age, is what questions and summaries are answered from",
    ),
    Rule(
        "operations",
        ("ops/*",),
        None,
        KEEP,
        "",
        0,
        "what was decided and done",
    ),
    Rule(
        "models",
        ("ml/*",),
        None,
        KEEP,
        "",
        0,
        "an order of any age can be traced to its model",
    ),
    Rule(
        "history",
        ("curated/*", "analytics/*", "ref/*"),
        None,
        KEEP,
        "",
        0,
        "days, dimensions, facts and summaries are few and are compared over years",
    ),
)


def rules_with(days: Mapping[str, float]) -> tuple[Rule, ...]:
    """Return the rules, some of them with other numbers of days.

    Args:
        days: Days by subject.

    Raises:
        RetentionError: There is no such rule, it keeps for ever, or the days are too few.
    """
    changeable = {rule.subject: rule for rule in RULES if rule.days is not None}
    for subject, number in days.items():
        if subject not in changeable:
            raise RetentionError(
                f"SMARTSHELF_RETENTION_DAYS: {subject!r}, expected one of {', '.join(changeable)}"
            )
        least = changeable[subject].least_days
        if number != int(number) or number < least:
            raise RetentionError(
                f"SMARTSHELF_RETENTION_DAYS: {subject}={number:g}, expected a whole number of "
                f"days, {least} or more"
            )
    return tuple(
        replace(rule, days=int(days[rule.subject])) if rule.subject in days else rule
        for rule in RULES
    )


def is_due(
    day: date, as_of: datetime, span: timedelta, restored_at: datetime | None = None
) -> bool:
    """Say whether a day may go: it ended long enough ago, and was not just brought back.

    Args:
        day: The day, UTC.
        as_of: The time; UTC.
        span: How long rows stay.
        restored_at: When it was brought back last, if it was.

    >>> noon = datetime(2026, 4, 1, 12, tzinfo=UTC)
    >>> [is_due(date(2025, 12, day), noon, timedelta(days=91)) for day in (30, 31)]
    [True, False]
    """
    ended = datetime.combine(day, time(), UTC) + timedelta(days=1)
    stays = restored_at is not None and restored_at + RESTORED_STAYS > as_of
    return as_of - ended >= span and not stays
