"""What is well and what is not, part by part, as far as a publication can tell.

Belongs here: the judgement, from what is known. Does not belong here: finding that out
(`pipeline/status.py`), and whether the publication itself is old, which its reader sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from smartshelf_dagster.domain.cadence import due_every
from smartshelf_dagster.domain.quality import Pace

OK, WARN, FAIL, OFF = "ok", "warn", "fail", "off"

# How old what a part has may be before somebody should look, and before it counts as failed: events
# on the wall, analytics in times that they are due.
_EVENTS = (timedelta(minutes=15), timedelta(hours=1))
_ANALYTICS = (2, 26)
_FREE_BYTES = (5_000_000_000, 1_000_000_000)


@dataclass(frozen=True)
class Known:
    """What a publication knows of the system.

    Attributes:
        as_of: The time it was computed for.
        published_at: When it was written, wall time.
        newest_event: Newest event of the raw tables; `None` while they are empty.
        events: Events in the raw tables.
        behind: Raw tables that have grown since the build.
        drain_lag_s: What half of the last hour's receipts took from till to lake; `None` without.
        only_loaded: Whether all receipts are of a past that was loaded, and none came from a till.
        analysed: The time that analytics was built for; `None` before the first time.
        tables: Tables that are published.
        decided: Newest decision on who forecasts; `None` before the first.
        forecasts: Whether orders follow from forecasts.
        free_bytes: Room on the disk of the lake; `None` where that is remote.
        open_since: Since when a store is open, so that something should be coming in; `None` while
            all are closed.
        pace: How fast the clock in force goes.
        last_ok: When each part was well, as the publication before says.
    """

    as_of: datetime
    published_at: datetime
    newest_event: datetime | None
    events: int
    behind: int
    drain_lag_s: float | None
    only_loaded: bool
    analysed: datetime | None
    tables: int
    decided: datetime | None
    forecasts: bool
    free_bytes: int | None
    open_since: datetime | None
    pace: Pace
    last_ok: Mapping[str, datetime | None]


@dataclass(frozen=True)
class Component:
    """What became of one part.

    Attributes:
        component: Its name.
        status: ok, warn, fail, or off for a part that is not in use.
        latency_s: How far it is behind, seconds, where that can be said.
        last_ok_ts: When it was last seen well, by the time that publications are computed for.
        message: One sentence for people.
    """

    component: str
    status: str
    latency_s: float | None
    last_ok_ts: datetime | None
    message: str


def judge(known: Known) -> list[Component]:
    """Judge every part of the system on its own.

    Args:
        known: What is known.
    """
    found = [_raw(known), _cleansed(known), _analytics(known), _stream(known), _serving(known)]
    found += [_model(known), _disk(known)]
    return [
        Component(
            name,
            status,
            latency_s,
            known.as_of if status == OK else known.last_ok.get(name),
            message,
        )
        for name, status, latency_s, message in found
    ]


_Verdict = tuple[str, str, float | None, str]


_Limits = tuple[timedelta, timedelta]


def _by_age(age: timedelta, limits: _Limits) -> str:
    """Judge how old something is.

    >>> _by_age(timedelta(minutes=15), _EVENTS), _by_age(timedelta(hours=2), _EVENTS)
    ('ok', 'fail')
    """
    warn, fail = limits
    return FAIL if age > fail else WARN if age > warn else OK


def _on_the_clock(pace: Pace) -> _Limits:
    """Return the limits of events by the clock in force, which the checks of quality follow too."""
    warn, fail = (
        timedelta(seconds=pace.passes(limit.total_seconds(), waits_for_batch=True))
        for limit in _EVENTS
    )
    return warn, fail


def _raw(known: Known) -> _Verdict:
    if known.newest_event is None:
        return "raw", FAIL, None, "no event has come yet"
    age = max(known.as_of - known.newest_event, timedelta())
    message = f"{known.events:,} events, the newest of {known.newest_event:%Y-%m-%d %H:%M:%S}"
    if known.open_since is None:
        return "raw", OK, age.total_seconds(), f"{message}; no store is open"
    missing = min(age, known.as_of - known.open_since)
    return "raw", _by_age(missing, _on_the_clock(known.pace)), age.total_seconds(), message


def _cleansed(known: Known) -> _Verdict:
    if known.behind:
        return "cleansed", WARN, None, f"{known.behind} raw tables have grown since the build"
    return "cleansed", OK, 0.0, "built from all events"


def _analytics(known: Known) -> _Verdict:
    if known.analysed is None:
        return "analytics", OFF, None, "not built yet"
    age = max(known.as_of - known.analysed, timedelta())
    message = f"built for {known.analysed:%Y-%m-%d %H:%M:%S}"
    due = due_every("hourly_pipeline", known.pace.speed)
    warn, fail = (times * due for times in _ANALYTICS)
    return "analytics", _by_age(age, (warn, fail)), age.total_seconds(), message


def _stream(known: Known) -> _Verdict:
    limits = _on_the_clock(known.pace)
    if known.only_loaded:
        return "stream", OFF, None, "no receipt came from a till, all are of a past that was loaded"
    if known.drain_lag_s is None:
        traded = known.as_of - known.open_since if known.open_since else timedelta()
        return "stream", _by_age(traded, limits), None, "no receipt was drained in the last hour"
    lag = timedelta(seconds=known.drain_lag_s)
    message = "what half of the receipts took from the till to the lake"
    return "stream", _by_age(lag, limits), known.drain_lag_s, message


def _serving(known: Known) -> _Verdict:
    message = f"{known.tables} tables, written at {known.published_at:%Y-%m-%d %H:%M:%S}"
    return "serving", OK, 0.0, message


def _model(known: Known) -> _Verdict:
    if not known.forecasts:
        return "model", OFF, None, "orders do not follow from forecasts"
    if known.decided is None:
        return "model", WARN, None, "nothing was trained yet; baselines speak"
    age = max(known.as_of - known.decided, timedelta())
    message = f"last decided on {known.decided:%Y-%m-%d %H:%M:%S}"
    return "model", OK, age.total_seconds(), message


def _disk(known: Known) -> _Verdict:
    if known.free_bytes is None:
        return "disk", OFF, None, "the lake is not on a disk of this machine"
    warn, fail = _FREE_BYTES
    status = FAIL if known.free_bytes < fail else WARN if known.free_bytes < warn else OK
    return "disk", status, None, f"{known.free_bytes / 1e9:.1f} GB free"
