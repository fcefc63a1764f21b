"""What cannot have happened: rules that need the clock or the reference data.

Belongs here: checks of events that already satisfy their contract against the stores and items
that exist and the time it is. Does not belong here: the shape of an event (`contracts/`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.validation import ReasonCode, Rejection
from smartshelf_dagster.domain.anomaly_scope import EVERYWHERE, store_of


@dataclass(frozen=True)
class Assortment:
    """Which stores exist, since when, and what they carry.

    Attributes:
        stores: Store ids.
        items: Item ids of the chain.
        opened_ts: Opening of each store, UTC microseconds.
        tracked: Whether stock is tracked in each store; elsewhere any item may be sold.
        carried: One row per store, one column per item; whether the store carries the item.

    `tracked` and `carried` end with one false entry for stores and items that are not known.
    """

    stores: pa.StringArray
    items: pa.StringArray
    opened_ts: pa.TimestampArray
    tracked: npt.NDArray[np.bool_]
    carried: npt.NDArray[np.bool_]

    @classmethod
    def build(cls, stores: pl.DataFrame, store_items: pl.DataFrame) -> "Assortment":
        """Build from the reference tables.

        Args:
            stores: One row per store, as `ref/stores`.
            store_items: One row per store and item, as `ref/store_items`.
        """
        store_ids = stores["store_id"].to_list()
        item_ids = store_items["item_id"].unique(maintain_order=True).to_list()
        rows = {store: i for i, store in enumerate(store_ids)}
        columns = {item: i for i, item in enumerate(item_ids)}
        # One more of each, all false: index -1 stands for what is not known.
        carried = np.zeros((len(store_ids) + 1, len(item_ids) + 1), dtype=np.bool_)
        tracked = [*(stores["stock_tracking"] != "none"), False]
        for store, item in store_items.select("store_id", "item_id").iter_rows():
            if store in rows:
                carried[rows[store], columns[item]] = True
        return cls(
            stores=pa.array(store_ids, pa.string()),
            items=pa.array(item_ids, pa.string()),
            opened_ts=pa.array(stores["opened_ts"].to_list(), pa.timestamp("us", tz="UTC")),
            tracked=np.array(tracked, dtype=np.bool_),
            carried=carried,
        )


@dataclass(frozen=True)
class Finding:
    """An implausible event.

    Attributes:
        row: Its position.
        rejection: Why it was refused.
    """

    row: int
    rejection: Rejection


def _store_index(events: pa.Table, assortment: Assortment) -> npt.NDArray[np.int64]:
    found = pc.index_in(events["store_id"].combine_chunks(), assortment.stores)
    return np.asarray(pc.fill_null(found, -1), dtype=np.int64)


def _uncarried(
    items: pa.StringArray, stores: npt.NDArray[np.int64], assortment: Assortment
) -> npt.NDArray[np.int64]:
    """Return positions whose store tracks stock and does not carry the item."""
    found = np.asarray(pc.fill_null(pc.index_in(items, assortment.items), -1), dtype=np.int64)
    wrong = assortment.tracked[stores] & ~assortment.carried[stores, found]
    return np.flatnonzero(wrong & np.asarray(items.is_valid()))


def _unknown_items(
    events: pa.Table, stores: npt.NDArray[np.int64], assortment: Assortment
) -> Iterator[tuple[int, str, str]]:
    if "shelf_id" in events.column_names:
        shelves = events["shelf_id"].combine_chunks()
        for row in _uncarried(shelves, stores, assortment):
            yield int(row), "data.shelf_id", shelves[int(row)].as_py()
    if "items" in events.column_names:
        lines = events["items"].combine_chunks()
        parents = np.asarray(pc.list_parent_indices(lines), dtype=np.int64)
        items = lines.flatten().field("item_id")
        for line in _uncarried(items, stores[parents], assortment):
            yield int(parents[line]), "data.items.item_id", items[int(line)].as_py()


def _repeated_lines(events: pa.Table) -> Iterator[tuple[int, str]]:
    """Find receipts that number two lines alike."""
    if "items" not in events.column_names:
        return
    lines = events["items"].combine_chunks()
    numbers = np.asarray(lines.flatten().field("line_no"), dtype=np.int64)
    places = np.stack([np.asarray(pc.list_parent_indices(lines), dtype=np.int64), numbers], axis=1)
    distinct, copies = np.unique(places, axis=0, return_counts=True)
    for row, number in distinct[copies > 1]:
        yield int(row), f"data.items.line_no is {number} more than once, expected each once"


def _impossible_anomalies(events: pa.Table) -> Iterator[tuple[int, str]]:
    """Find acknowledgements by another store than that of the series, or of what is yet to come."""
    if "scope_type" not in events.column_names:
        return
    columns = ["store_id", "scope_type", "scope_id", "bucket_start", "event_ts"]
    told = np.flatnonzero(np.asarray(events["scope_type"].is_valid()))
    for row, event in zip(told, events.select(columns).take(told).to_pylist(), strict=True):
        store = store_of(event["scope_type"], event["scope_id"])
        if event["store_id"] != store:
            yield int(row), f'data.store_id is "{event["store_id"]}", expected "{store}"'
        elif event["bucket_start"] > event["event_ts"]:
            shown = event["bucket_start"].isoformat()
            yield int(row), f"data.bucket_start is {shown}, expected at most the time of the event"


def _of_no_store(events: pa.Table) -> npt.NDArray[np.bool_]:
    """Return which events are about a series over all stores."""
    if "scope_type" not in events.column_names:
        return np.zeros(events.num_rows, dtype=np.bool_)
    is_told = pc.is_valid(events["scope_type"])
    return np.asarray(pc.and_(is_told, pc.equal(events["store_id"], EVERYWHERE)), dtype=np.bool_)


def find_implausible(
    events: pa.Table, assortment: Assortment, now: datetime, max_ahead: timedelta
) -> list[Finding]:
    """Find events that cannot have happened, the first reason for each.

    Args:
        events: Rows of a raw table (before the ingest columns are set).
        assortment: What exists.
        now: The clock in force when the events were read; UTC.
        max_ahead: How far a device's clock may run ahead.

    Returns:
        One finding per refused row, by rising row.
    """
    stores = _store_index(events, assortment)
    event_ts = events["event_ts"].combine_chunks()
    findings: dict[int, tuple[ReasonCode, str]] = {}

    def add(rows: npt.NDArray[np.int64], code: ReasonCode, column: str, expected: str) -> None:
        for row in rows:
            shown = events[column][int(row)].as_py()
            shown = shown.isoformat() if isinstance(shown, datetime) else f'"{shown}"'
            findings.setdefault(int(row), (code, f"{_NAMES[column]} is {shown}, {expected}"))

    is_unknown = (stores < 0) & ~_of_no_store(events)
    add(np.flatnonzero(is_unknown), ReasonCode.UNKNOWN_STORE, "store_id",
        "expected a store of ref/stores")  # fmt: skip
    latest = pa.scalar(now + max_ahead, event_ts.type)
    late = np.asarray(pc.greater(event_ts, latest))
    add(np.flatnonzero(late), ReasonCode.IN_THE_FUTURE, "event_ts",
        f"expected at most {max_ahead} after {now.isoformat()}")  # fmt: skip
    if len(assortment.stores):
        opened = assortment.opened_ts.take(pa.array(np.maximum(stores, 0)))
        early = np.asarray(pc.less(event_ts, opened)) & (stores >= 0)
        add(np.flatnonzero(early), ReasonCode.BEFORE_OPENING, "event_ts",
            "expected a time after the store was opened")  # fmt: skip
    for row, name, item in _unknown_items(events, stores, assortment):
        reason = f'{name} is "{item}", expected an item that the store carries'
        findings.setdefault(row, (ReasonCode.UNKNOWN_SHELF, reason))
    for row, reason in (*_repeated_lines(events), *_impossible_anomalies(events)):
        findings.setdefault(row, (ReasonCode.IMPOSSIBLE_VALUE, reason))
    if {"received_date", "expiry_date"} <= set(events.column_names):
        reversed_dates = pc.fill_null(
            pc.greater(events["received_date"], events["expiry_date"]), False
        )
        add(np.flatnonzero(np.asarray(reversed_dates)), ReasonCode.IMPOSSIBLE_VALUE,
            "received_date", "expected a day not after data.expiry_date")  # fmt: skip
    ids = events["event_id"]
    return [
        Finding(row, Rejection(code, reason, ids[row].as_py()))
        for row, (code, reason) in sorted(findings.items())
    ]


_NAMES = {
    "store_id": "data.store_id",
    "event_ts": "time",
    "received_date": "data.received_date",
}
