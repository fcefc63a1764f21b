"""How streams and system are, as a publication finds them.

Belongs here: finding out. Does not belong here: what is well and what is not
(`domain/system_status.py`).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS, raw_tables
from smartshelf_dagster.domain.opening_hours import is_open
from smartshelf_dagster.domain.ordering import FORECAST
from smartshelf_dagster.domain.quality import Pace
from smartshelf_dagster.domain.system_status import Component, Known, judge
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta, warehouse
from smartshelf_dagster.storage.reference import read_reference

SYSTEM_STATUS = "live/system_status"


def stream_status(settings: Settings) -> pa.Table:
    """Return one row per topic: how much its raw table holds and how new that is."""
    rows = []
    for topic, contract in raw_tables().items():
        uri = settings.table_uri(contract.table)
        events = delta.read_stats(uri, latest_of="event_ts")
        rows.append(
            {
                "topic": topic,
                "rows": events.rows,
                "files": events.files,
                "size_bytes": events.size_bytes,
                "version": events.version,
                "last_event_ts": events.latest,
            }
        )
    schema = pa.schema(
        [
            ("topic", pa.string()),
            ("rows", pa.int64()),
            ("files", pa.int64()),
            ("size_bytes", pa.int64()),
            ("version", pa.int64()),
            ("last_event_ts", UTC_MICROSECONDS),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def system_status(
    settings: Settings,
    streams: pa.Table,
    *,
    as_of: datetime,
    published_at: datetime,
    built_from: Mapping[str, int],
    tables: int,
    drain_lag_ms: float | None,
    only_loaded: bool,
    analysed: datetime | None,
    decided: datetime | None,
    speed: float,
) -> pa.Table:
    """Return one row per part of the system: how it is.

    Args:
        settings: Which lake, and the ordering policy.
        streams: What `stream_status` gave.
        as_of: The time of the publication.
        published_at: When it is written, wall time.
        built_from: Versions of the raw tables it was built from.
        tables: Number of tables that are published.
        drain_lag_ms: What half of the last hour's receipts took from till to lake.
        only_loaded: Whether all receipts are of a past that was loaded.
        analysed: The time that analytics was built for; `None` before the first time.
        decided: Newest decision on who forecasts; `None` before the first.
        speed: Seconds of the clock in force for each second on the wall.
    """
    known = Known(
        as_of=as_of,
        published_at=published_at,
        newest_event=pc.max(streams["last_event_ts"]).as_py(),
        events=pc.sum(streams["rows"]).as_py(),
        behind=_behind(streams, built_from),
        drain_lag_s=None if drain_lag_ms is None else drain_lag_ms / 1000,
        only_loaded=only_loaded,
        analysed=analysed,
        tables=tables,
        decided=decided,
        forecasts=settings.order_policy == FORECAST,
        free_bytes=shutil.disk_usage(settings.lake).free if settings.lake_is_local else None,
        open_since=_open_since(read_reference(settings, "stores"), as_of),
        pace=Pace(speed, settings.micro_batch_interval_s),
        last_ok=_last_ok(settings),
    )
    return _to_table(judge(known))


def _open_since(stores: pl.DataFrame, moment: datetime) -> datetime | None:
    """Return since when any store is open; one that does not tell its hours always was."""
    since = []
    for zone, opens, closes in stores.select("timezone", "opens_at", "closes_at").iter_rows():
        local = moment.astimezone(ZoneInfo(zone))
        if is_open(local.strftime("%H:%M"), opens, closes):
            begin = time.fromisoformat(opens) if opens and closes else None
            since.append(
                datetime.combine(local.date(), begin, local.tzinfo).astimezone(UTC)
                if begin
                else datetime.min.replace(tzinfo=UTC)
            )
    return min(since, default=None)


def _behind(streams: pa.Table, built_from: Mapping[str, int]) -> int:
    """Count the raw tables that have grown since they were built from."""
    tables = {topic: contract.table for topic, contract in raw_tables().items()}
    return sum(
        row["version"] > built_from.get(tables[row["topic"]], row["version"])
        for row in streams.to_pylist()
    )


def _last_ok(settings: Settings) -> dict[str, datetime | None]:
    """Return when each part was well, as the publication before says."""
    told = warehouse.read_served(settings.serving_path, SYSTEM_STATUS)
    if told is None:
        return {}
    return dict(zip(told["component"].to_pylist(), told["last_ok_ts"].to_pylist(), strict=True))


def _to_table(components: Sequence[Component]) -> pa.Table:
    schema = pa.schema(
        [
            ("component", pa.string()),
            ("status", pa.string()),
            ("latency_s", pa.float64()),
            ("last_ok_ts", UTC_MICROSECONDS),
            ("message", pa.string()),
        ]
    )
    return pa.Table.from_pylist([asdict(component) for component in components], schema=schema)
