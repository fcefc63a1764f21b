"""What is well and what is not, part by part, as far as a publication can tell.

Belongs here: the judgement, from what is known. Does not belong here: finding that out
(`pipeline/status.py`), and whether the publication itself is old, which its reader sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

OK, WARN, FAIL, OFF = "ok", "warn", "fail", "off"

# How old what a part has may be before somebody should look, and before it counts as failed.
_RAW = (timedelta(minutes=15), timedelta(hours=1))
_STREAM = (timedelta(minutes=15), timedelta(hours=1))
_ANALYTICS = (timedelta(hours=2), timedelta(hours=26))
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
        analysed: The time that analytics was built for; `None` before the first time.
        tables: Tables that are published.
        decided: Newest decision on who forecasts; `None` before the first.
        forecasts: Whether orders follow from forecasts.
        free_bytes: Room on the disk of the lake; `None` where that is remote.
        is_open: Whether a store is open, so that something should be coming in.
        last_ok: When each part was well, as the publication before says.
    """

    as_of: datetime
    published_at: datetime
    newest_event: datetime | None
    events: int
    behind: int
    drain_lag_s: float | None
    analysed: datetime | None
    tables: int
    decided: datetime | None
    forecasts: bool
    free_bytes: int | None
    is_open: bool
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


def _by_age(age: timedelta, limits: tuple[timedelta, timedelta]) -> str:
    """Judge how old something is.

    >>> _by_age(timedelta(minutes=15), _RAW), _by_age(timedelta(hours=2), _RAW)
    ('ok', 'fail')
    """
    warn, fail = limits
    return FAIL if age > fail else WARN if age > warn else OK


def _raw(known: Known) -> _Verdict:
    if known.newest_event is None:
        return "raw", FAIL, None, "no event has come yet"
    age = max(known.as_of - known.newest_event, timedelta())
    message = f"{known.events} events, the newest of {known.newest_event:%Y-%m-%d %H:%M:%S}"
    if not known.is_open:
        return "raw", OK, age.total_seconds(), f"{message}; no store is open"
    return "raw", _by_age(age, _RAW), age.total_seconds(), message


def _cleansed(known: Known) -> _Verdict:
    if known.behind:
        return "cleansed", WARN, None, f"{known.behind} raw tables have grown since the build"
    return "cleansed", OK, 0.0, "built from all events"


def _analytics(known: Known) -> _Verdict:
    if known.analysed is None:
        return "analytics", OFF, None, "not built yet"
    age = max(known.as_of - known.analysed, timedelta())
    message = f"built for {known.analysed:%Y-%m-%d %H:%M:%S}"
    return "analytics", _by_age(age, _ANALYTICS), age.total_seconds(), message


def _stream(known: Known) -> _Verdict:
    if known.drain_lag_s is None:
        status = FAIL if known.is_open else OK
        return "stream", status, None, "no receipt was drained in the last hour"
    lag = timedelta(seconds=known.drain_lag_s)
    message = "what half of the receipts took from the till to the lake"
    return "stream", _by_age(lag, _STREAM), known.drain_lag_s, message


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
