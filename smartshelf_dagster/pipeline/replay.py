"""Replaying recorded sales through the streams, as if a till sent them now.

Belongs here: reading the file, pacing, and counting what arrived. Does not belong here: what a
row means (`domain/online_retail.py`).
"""

import io
import lzma
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from smartshelf_dagster.domain import online_retail
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.storage.reference import add_store
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import POS_TRANSACTIONS, store_stream
from smartshelf_dagster.transform.runner import warehouse_lock

_EVENTS_PER_ENTRY = 500
_EVENTS_PER_ROUND = 100_000
# With a clock to follow, send at least this often.
_PACED_ROUND_S = 1.0
_STORE = {
    "store_id": online_retail.STORE_ID,
    "store_name": "UCI Online Retail",
    "city": "London",
    "country": "United Kingdom",
    "timezone": online_retail.TIME_ZONE,
    "currency": "GBP",
    "stock_tracking": "none",
    "opened_ts": datetime(2010, 1, 1, tzinfo=UTC),
}


@dataclass(frozen=True)
class ReplayReport:
    """What a replay brought into the lake.

    Attributes:
        rows: Rows of the file.
        sales: Sale lines of the store in the lake.
        returns: Return lines.
        adjustments: Lines that are neither.
        quarantined: Events of this replay that were refused.
        wall_s: From the first event sent to everything published, seconds.
    """

    rows: int
    sales: int
    returns: int
    adjustments: int
    quarantined: int
    wall_s: float

    def to_json(self) -> dict[str, float]:
        """Return the figures of the public contract."""
        return {
            "rows": self.rows,
            "sales": self.sales,
            "returns": self.returns,
            "adjustments": self.adjustments,
            "quarantined": self.quarantined,
            "wall_s": round(self.wall_s, 2),
            "events_per_s": round(self.rows / self.wall_s, 1),
        }


def read_online_retail(path: Path) -> pl.DataFrame:
    """Read UCI Online Retail.

    Args:
        path: CSV, CSV.xz or Parquet.

    Raises:
        OnlineRetailError: The file is missing, or not that data set.
    """
    if not path.is_file():
        raise online_retail.OnlineRetailError(f"{path}: no such file")
    try:
        if path.suffix == ".parquet":
            rows = pl.read_parquet(path)
        else:
            content = path.read_bytes()
            if path.suffix == ".xz":
                content = lzma.decompress(content)
            rows = pl.read_csv(io.BytesIO(content), infer_schema=False, encoding="utf8-lossy")
        return online_retail.normalise(rows)
    except (pl.exceptions.PolarsError, lzma.LZMAError, online_retail.OnlineRetailError) as error:
        raise online_retail.OnlineRetailError(f"{path}: {error}") from error


def replay_online_retail(
    session: LakeSession,
    path: Path,
    *,
    speed: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ReplayReport:
    """Send the data set through Redis, the drain and dbt, and publish.

    Args:
        session: The system.
        path: CSV, CSV.xz or Parquet.
        speed: Recorded seconds per real second; as fast as possible by default.
        on_progress: Called with events sent and events in all.

    Raises:
        OnlineRetailError: The file is not that data set.
    """
    events = online_retail.build_events(read_online_retail(path))
    started = time.perf_counter()
    stream = store_stream(POS_TRANSACTIONS, online_retail.STORE_ID)
    quarantined, sent = 0, 0
    with warehouse_lock(session.settings, wait=True):
        if add_store(session.settings, dict(_STORE)):
            session.forget_reference()
    for payloads in _rounds(events, speed):
        send_batches(session.client, stream, payloads, _EVENTS_PER_ENTRY)
        sent += len(payloads)
        with warehouse_lock(session.settings, wait=True):
            quarantined += session.drain().rejected
        if on_progress:
            on_progress(sent, events.height)
    with warehouse_lock(session.settings, wait=True):
        session.build(session.as_of())
        session.publish()
        counts = _count_lines(session)
    return ReplayReport(
        rows=events.height,
        quarantined=quarantined,
        wall_s=time.perf_counter() - started,
        **counts,
    )


def _rounds(events: pl.DataFrame, speed: float | None) -> Iterator[list[bytes]]:
    """Yield what to send next, waiting as the recorded times ask for."""
    if speed is None:
        for part in events.iter_slices(_EVENTS_PER_ROUND):
            yield [payload.encode() for payload in part["payload"]]
        return
    ordered = events.sort("event_ts", maintain_order=True)
    first, started = ordered["event_ts"][0], time.monotonic()
    due = (ordered["event_ts"] - first).dt.total_seconds() / speed
    sent = 0
    while sent < ordered.height:
        elapsed = time.monotonic() - started
        upto = int((due <= elapsed).sum())
        if upto > sent:
            yield [payload.encode() for payload in ordered["payload"][sent:upto]]
            sent = upto
        else:
            time.sleep(min(max(float(due[sent]) - elapsed, 0.01), _PACED_ROUND_S))


def _count_lines(session: LakeSession) -> dict[str, int]:
    here = f"store_id = '{online_retail.STORE_ID}'"
    with session.transformer.reading() as reader:
        return {
            "sales": reader.count("cleansed/sales_lines", f"{here} and event_type = 'SALE'"),
            "returns": reader.count("cleansed/sales_lines", f"{here} and event_type = 'RETURN'"),
            "adjustments": reader.count("cleansed/pos_adjustments", here),
        }
