"""What the data of a lake has to satisfy, and what follows from what was measured.

Belongs here: the checks with their bounds, the judgement and the score, as pure functions. Does not
belong here: measuring (`dbt_project/models/quality`, dbt's tests, `pipeline/quality.py`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "warn", "fail", "skipped"]
Severity = Literal["critical", "error", "warn"]
Dimension = Literal[
    "freshness",
    "completeness",
    "consistency",
    "validity",
    "uniqueness",
    "timeliness",
    "reconciliation",
]

PASS: Status = "pass"  # noqa: S105 - what became of a check
WARN: Status = "warn"
FAIL: Status = "fail"
SKIPPED: Status = "skipped"

# From good to bad; what was not measured says nothing.
_ORDER: tuple[Status, ...] = (SKIPPED, PASS, WARN, FAIL)
_WEIGHTS: Mapping[Severity, int] = {"critical": 3, "error": 2, "warn": 1}


@dataclass(frozen=True)
class Bounds:
    """Between what a figure has to lie, both ends included.

    Attributes:
        low: At least this; `None` where anything is enough.
        high: At most this; `None` where nothing is too much.
    """

    low: float | None = None
    high: float | None = None

    def hold(self, observed: float) -> bool:
        """Say whether a figure lies between them.

        >>> Bounds(0.5, 2).hold(2), Bounds(0.5, 2).hold(2.1)
        (True, False)
        """
        return not (
            (self.low is not None and observed < self.low)
            or (self.high is not None and observed > self.high)
        )

    def nearest(self, observed: float | None) -> float | None:
        """Return the end that a figure has passed, or would pass first.

        >>> Bounds(0.5, 2).nearest(0.1), Bounds(0.5, 2).nearest(1.9), Bounds(high=3).nearest(None)
        (0.5, 2, 3)
        """
        ends = [end for end in (self.high, self.low) if end is not None]
        if observed is None:
            return ends[0]
        return min(ends, key=lambda end: abs(end - observed))


@dataclass(frozen=True)
class Pace:
    """How time passes for the system.

    Attributes:
        speed: Seconds of the clock in force for each second on the wall.
        batch_interval_s: Seconds on the wall that an event may wait for the next micro-batch.
    """

    speed: float
    batch_interval_s: float

    def passes(self, seconds: float, *, waits_for_batch: bool = False) -> float:
        """Return how much of the clock in force passes while seconds pass on the wall.

        Args:
            seconds: Seconds on the wall.
            waits_for_batch: Whether the wait for the next micro-batch comes on top.

        >>> Pace(60, 30).passes(5), Pace(60, 30).passes(5, waits_for_batch=True)
        (300, 2100)
        """
        return (seconds + (self.batch_interval_s if waits_for_batch else 0)) * self.speed

    def bounds(self, wall: Bounds | None, *, waits_for_batch: bool = False) -> Bounds | None:
        """Return bounds in seconds on the wall as seconds of the clock in force."""
        if wall is None:
            return None
        low, high = (
            None if end is None else self.passes(end, waits_for_batch=waits_for_batch)
            for end in (wall.low, wall.high)
        )
        return Bounds(low, high)


@dataclass(frozen=True)
class Check:
    """Something that has to be true of the data.

    Attributes:
        number: The requirement it belongs to, Q1 to Q20; several checks may share one.
        name: What has to be true; unique.
        dimension: Which quality of the data it is about.
        severity: critical: nothing that follows can be trusted. error: something is wrong. warn:
            somebody should look.
        asset: The table that it is about, or the first of them.
        text: What is measured.
        fail: Outside of these the check fails; `None` for one that only warns.
        warn: Outside of these it warns.
        is_wall_time: Whether the bounds are seconds on the wall, and what is measured is seconds of
            the clock in force.
        waits_for_batch: Whether the wait for the next micro-batch is granted on top.
    """

    number: str
    name: str
    dimension: Dimension
    severity: Severity
    asset: str
    text: str
    fail: Bounds | None = None
    warn: Bounds | None = None
    is_wall_time: bool = False
    waits_for_batch: bool = False

    def at(self, pace: Pace) -> tuple[Bounds | None, Bounds | None]:
        """Return the bounds of failure and of warning in the unit of what is measured."""
        if not self.is_wall_time:
            return self.fail, self.warn
        fail, warn = (
            pace.bounds(wall, waits_for_batch=self.waits_for_batch)
            for wall in (self.fail, self.warn)
        )
        return fail, warn


_NONE = Bounds(high=0)
_SOME = Bounds(low=1)
_LINES, _FACTS = "cleansed/sales_lines", "analytics/fact_sales"

CHECKS: tuple[Check, ...] = (
    Check("Q1", "sales_are_fresh", "freshness", "error", _LINES,
        "Seconds since the newest receipt, or since stores have opened; while any is open.",
        fail=Bounds(high=300), warn=Bounds(high=60), is_wall_time=True),
    Check("Q2", "sales_are_made", "freshness", "error", _LINES,
        "Sale lines of the last hour that events reach; when a store was open all through it.",
        fail=_SOME),
    Check("Q3", "events_arrive_in_time", "timeliness", "error", _LINES,
        "Seconds from till to lake that 95 % of the lines of the last hour did not exceed.",
        fail=Bounds(high=30), warn=Bounds(high=5), is_wall_time=True, waits_for_batch=True),
    Check("Q4", "tables_are_up_to_date", "timeliness", "error", "analytics/versions",
        "Age of what was built longest ago, in times that it is due.", fail=Bounds(high=2)),
    Check("Q5", "stores_report", "completeness", "error", _LINES,
        "Stores of ref/stores that were open all through the last hour and without a receipt.",
        fail=_NONE),
    Check("Q6", "volume_is_as_usual", "completeness", "error", _LINES,
        "Lines of the last full hour over the median of that hour in the four weeks before.",
        fail=Bounds(0.5, 2)),
    Check("Q7", "fields_are_filled", "completeness", "error", _FACTS,
        "Rows that lack a field they must have.", fail=_NONE),
    Check("Q7", "customers_are_known_as_usual", "completeness", "error", _FACTS,
        "Points of percent by which the share of receipts without a customer differs from that of "
        "the four weeks before.", fail=Bounds(high=10)),
    Check("Q7", "events_are_accepted", "completeness", "error", "raw/quarantine",
        "Share of the events of the last day that were accepted, percent.", fail=Bounds(low=99)),
    Check("Q8", "hours_have_no_gaps", "completeness", "error", _LINES,
        "Hours of the last week, inside opening hours, without a line in any store.", fail=_NONE),
    Check("Q9", "amounts_are_positive", "validity", "error", _FACTS,
        "Rows with a quantity or price that is not positive, or a negative amount.", fail=_NONE),
    Check("Q10", "totals_add_up", "consistency", "error", _FACTS,
        "Rows whose total differs from quantity, price and discount by more than a cent.",
        fail=_NONE),
    Check("Q11", "references_exist", "consistency", "critical", _FACTS,
        "Rows that refer to something that is not there.", fail=_NONE),
    Check("Q12", "nothing_stands_twice", "uniqueness", "critical", _FACTS,
        "Keys that stand in more than one row.", fail=_NONE),
    Check("Q13", "stock_is_not_negative", "consistency", "error", "cleansed/stock_balances",
        "Items with fewer than no pieces on the shelf or in the warehouse.", fail=_NONE),
    Check("Q13", "ledger_balances", "consistency", "error", "cleansed/stock_balances",
        "Balances that are not the sum of their movements.", fail=_NONE),
    Check("Q13", "goods_are_accounted_for", "consistency", "error", "analytics/fact_inventory",
        "Pieces taken a day before and neither paid nor put back since, percent of those sold.",
        fail=Bounds(high=1)),
    Check("Q14", "returns_were_sold", "consistency", "warn", _FACTS,
        "Customers and items of which more came back than had been sold.", warn=_NONE),
    Check("Q15", "windows_have_a_length", "validity", "error", "live/sales_window_5m",
        "Windows that do not begin before they end.", fail=_NONE),
    Check("Q15", "nothing_is_in_the_future", "validity", "error", _LINES,
        "Lines stamped later than five minutes after they were drained.", fail=_NONE),
    Check("Q16", "values_are_known", "validity", "error", _LINES,
        "Values that their list does not have.", fail=_NONE),
    Check("Q17", "raw_is_reconciled", "reconciliation", "critical", "raw/quarantine",
        "Events lost or repeated, goods and figures that differ: the findings of the audit.",
        fail=_NONE),
    Check("Q17", "summaries_agree", "reconciliation", "critical", _FACTS,
        "Days of a store on which a summary differs from the facts.", fail=_NONE),
    Check("Q18", "tables_have_rows", "completeness", "critical", _FACTS,
        "Rows of a table that cannot be empty.", fail=_SOME),
    Check("Q19", "prices_are_steady", "validity", "warn", _FACTS,
        "Items whose mean price of the last week is far from that of the four weeks before.",
        warn=_NONE),
    Check("Q19", "costs_are_below_prices", "validity", "warn", "analytics/dim_product",
        "Items that cost more than they are listed at.", warn=_NONE),
    Check("Q20", "schemas_match", "validity", "critical", "raw/pos_transactions",
        "Columns that differ from the contract of their table.", fail=_NONE),
)  # fmt: skip
BY_NAME: Mapping[str, Check] = {check.name: check for check in CHECKS}


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes:
        check_name: Of the check.
        asset: Table it is about.
        scope: What of it; ALL for the whole.
        observed: The figure; `None` when there was nothing to be measured.
        sample_json: Some of what is wrong.
        duration_ms: What measuring took, where that is known.
    """

    check_name: str
    asset: str
    scope: str
    observed: float | None
    sample_json: str | None = None
    duration_ms: float | None = None


@dataclass(frozen=True)
class Verdict:
    """What became of a measurement.

    Attributes:
        check: The check.
        measured: What was measured.
        status: pass, warn, fail, or skipped when there was nothing to be measured.
        threshold: The bound it passed or would pass first.
    """

    check: Check
    measured: Measurement
    status: Status
    threshold: float | None


def judge(measured: Measurement, pace: Pace) -> Verdict:
    """Judge a measurement.

    Args:
        measured: What was measured.
        pace: How time passes.

    Raises:
        KeyError: There is no check of that name.
    """
    check = BY_NAME[measured.check_name]
    fail, warn = check.at(pace)
    observed, status = measured.observed, PASS
    if observed is None:
        status = SKIPPED
    elif fail and not fail.hold(observed):
        status = FAIL
    elif warn and not warn.hold(observed):
        status = WARN
    told = warn if fail is None or status == WARN else fail
    return Verdict(check, measured, status, told.nearest(observed) if told else None)


def worst(verdicts: Iterable[Verdict]) -> dict[str, Status]:
    """Return the worst status of each check that was judged, by its name."""
    found: dict[str, Status] = {}
    for verdict in verdicts:
        name = verdict.check.name
        found[name] = max(found.get(name, SKIPPED), verdict.status, key=_ORDER.index)
    return found


def dq_score(statuses: Mapping[str, Status]) -> float | None:
    """Return the share of the checks that did not fail, by weight, in percent.

    A critical check counts three times, an error twice. It is 100 if, and only if, none failed;
    `None` when nothing was measured.

    Args:
        statuses: By name of the check.

    >>> dq_score({"sales_are_fresh": "pass", "summaries_agree": "fail", "stores_report": "skipped"})
    40.0
    """
    weights = {
        name: _WEIGHTS[BY_NAME[name].severity]
        for name, status in statuses.items()
        if status != SKIPPED
    }
    passed = sum(weight for name, weight in weights.items() if statuses[name] != FAIL)
    return 100 * passed / sum(weights.values()) if weights else None
