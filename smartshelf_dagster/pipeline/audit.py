"""Audit: what must be true, computed again from the raw events alone.

Belongs here: an independent recomputation. It shares no SQL and no function with the models: it
knows only what each event means for the goods. Does not belong here: repairing anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import polars as pl

from smartshelf_dagster.contracts.tables import QUARANTINE, raw_tables
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.publish import Publication, read_publication
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.archive import Part

_KEY = ["store_id", "item_id"]


class NothingToAuditError(SmartShelfError, RuntimeError):
    """Nothing was published from this lake yet."""


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        events: Events received: rows of the raw tables and of the quarantine.
        duplicates: Rows whose event id came before in the same topic.
        quarantined: Refused events.
        lost: Events that commits say they received and that are in neither place, those of files
            of the archive that are missing or damaged, and entries skipped between two commits.
        repeated: Stream positions that stand in the lake more than once.
        conservation_errors: Items of a store whose goods do not add up.
        state_mismatches: Published figures that differ from what the raw events say.
        details: One line for each kind of finding.
    """

    events: int
    duplicates: int
    quarantined: int
    lost: int
    repeated: int
    conservation_errors: int
    state_mismatches: int
    details: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; repeats and refusals are no fault."""
        return not (self.lost or self.repeated or self.conservation_errors or self.state_mismatches)

    def to_json(self) -> dict[str, int]:
        """Return the figures of the public contract."""
        return {
            "events": self.events,
            "duplicates": self.duplicates,
            "quarantined": self.quarantined,
            "lost": self.lost,
            "repeated": self.repeated,
            "conservation_errors": self.conservation_errors,
            "state_mismatches": self.state_mismatches,
        }


class _Lake:
    """Reads tables at the versions that were published together."""

    def __init__(self, settings: Settings, publication: Publication) -> None:
        self._settings = settings
        self._versions = publication.raw_versions | publication.table_versions
        self.damaged: dict[str, dict[Part, str]] = {}

    def _version(self, name: str) -> int | None:
        return self._versions.get(name)

    def table(self, name: str, columns: list[str] | None = None) -> pl.DataFrame:
        """Return a table with what of it is in the archive and is as it was written."""
        found = archive.read_whole(
            self._settings.lake,
            name,
            columns,
            version=self._version(name),
            without=self.damaged.get(name, {}),
        )
        frame = pl.from_arrow(found)
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows from_arrow's union
        return frame

    def find_damage(self, names: Iterable[str]) -> None:
        """Look at each file that is in the archive of some tables now."""
        for name in names:
            parts = archive.archived_parts(self._settings.lake, name)
            self.damaged[name] = archive.find_damage(self._settings.lake, parts)

    def history(self, name: str) -> list[dict[str, Any]]:
        table = delta.open_table(self._settings.table_uri(name))
        newest = self._version(name)
        return [e for e in table.history() if newest is None or e["version"] <= newest]


def audit(settings: Settings, as_of: datetime | None = None) -> AuditReport:
    """Audit a lake: the raw events against everything that was published from them.

    Args:
        settings: Which lake.
        as_of: Audit the stock ledger as it stood at this time as well; UTC.

    Raises:
        NothingToAuditError: Nothing was published yet.
    """
    publication = read_publication(settings)
    if publication is None:
        raise NothingToAuditError(f"{settings.lake}: nothing is published yet; run it first")
    lake = _Lake(settings, publication)
    lake.find_damage([*(contract.table for contract in raw_tables().values()), QUARANTINE.table])
    received = {topic: lake.table(contract.table) for topic, contract in raw_tables().items()}
    quarantine = lake.table(QUARANTINE.table, ["topic", "stream", "stream_id", "entry_index"])
    details: list[str] = []
    lost, repeated = 0, 0
    for topic, frame in received.items():
        refused = quarantine.filter(pl.col("topic") == topic)
        lost += _count_lost(lake, topic, frame, refused, details)
        repeated += _count_repeated(topic, frame, refused, details)
    lost += _count_damaged(lake, QUARANTINE.table, details)
    events = {topic: _first_arrivals(frame) for topic, frame in received.items()}
    stores = lake.table("ref/stores", ["store_id", "stock_tracking"])
    goods = _follow_goods(events, stores)
    conservation = _compare_totals(lake, goods, details)
    mismatches = _compare_states(lake, goods, events, details)
    if as_of is not None:
        mismatches += _compare_ledger_at(lake, goods, as_of.astimezone(UTC), details)
    rows = sum(frame.height for frame in received.values())
    return AuditReport(
        events=rows + quarantine.height,
        duplicates=rows - sum(frame.height for frame in events.values()),
        quarantined=quarantine.height,
        lost=lost,
        repeated=repeated,
        conservation_errors=conservation,
        state_mismatches=mismatches,
        details=tuple(details),
    )


def _count_lost(
    lake: _Lake, topic: str, frame: pl.DataFrame, refused: pl.DataFrame, details: list[str]
) -> int:
    """Compare what commits say they received with what is there, and each with the one before."""
    claimed, gaps, complete = 0, 0, False
    reached: dict[str, str] = {}
    for entry in sorted(lake.history(f"raw/{topic}"), key=lambda e: e["version"]):
        complete = complete or entry["version"] == 0
        if "smartshelf.drain" not in entry:
            continue
        batch = orjson.loads(str(entry["smartshelf.drain"]))
        claimed += batch["events"]
        for stream, start in batch["from"].items():
            gaps += reached.get(stream, start) != start
            reached[stream] = batch["to"][stream]
    # Old entries of the log are cleaned away; then only the chain can be checked.
    missing = max(claimed - frame.height - refused.height, 0) if complete else 0
    missing = max(missing, _count_damaged(lake, f"raw/{topic}", details))
    if missing or gaps:
        details.append(f"{topic}: {missing} events missing, {gaps} gaps between commits")
    return missing + gaps


def _count_damaged(lake: _Lake, table: str, details: list[str]) -> int:
    damaged = lake.damaged[table]
    details += damaged.values()
    return sum(part.rows for part in damaged)


def _count_repeated(
    topic: str, frame: pl.DataFrame, refused: pl.DataFrame, details: list[str]
) -> int:
    place = ["stream", "stream_id", "entry_index"]
    places = pl.concat([frame.select(place), refused.select(place)])
    repeated = places.height - places.n_unique()
    if repeated:
        details.append(f"{topic}: {repeated} stream positions stand in the lake more than once")
    return repeated


def _first_arrivals(frame: pl.DataFrame) -> pl.DataFrame:
    parts = pl.col("stream_id").str.split("-")
    return frame.sort(
        "ingest_batch",
        parts.list.get(0).cast(pl.Int64),
        parts.list.get(1).cast(pl.Int64),
        "entry_index",
    ).unique("event_id", keep="first", maintain_order=True)


def _follow_goods(events: dict[str, pl.DataFrame], stores: pl.DataFrame) -> pl.DataFrame:
    """Tell for each event which place gains and which loses how many pieces.

    Returns:
        One row per event and place: store_id, item_id, batch_code, event_ts, place, qty, flow.
        `flow` is what the goods cross: opening, received, sold, returned, removed, counted, or
        null inside the store.
    """
    shelf, scans, tills = (
        events["shelf_events"],
        events["warehouse_events"],
        _receipt_lines(events["pos_transactions"]),
    )
    staff, delivered = pl.col("actor_role") == "staff", pl.col("reason") == "supplier_delivery"
    put = shelf.filter(pl.col("event_type") == "putback")
    taken = shelf.filter(pl.col("event_type") == "pickup")
    came = scans.filter(pl.col("event_type") == "wh_in")
    opening = scans.filter(pl.col("event_type") == "opening_stock")
    picked = scans.filter(pl.col("event_type") == "wh_out")
    removed = scans.filter(pl.col("event_type") == "removal").with_columns(
        quantity=pl.col("removed_quantity")
    )
    counted = events["operator_events"].filter(pl.col("event_type") == "stock_counted")
    counted = counted.with_columns(
        quantity=pl.col("counted_quantity").cast(pl.Int64) - pl.col("book_quantity")
    )
    sold = tills.filter(pl.col("event_type") == "sale")
    returned = tills.filter(pl.col("event_type") == "return")
    legs = [
        _legs(opening.filter(pl.col("location") == place), place, +1, "opening")
        for place in ("shelf", "warehouse")
    ]
    legs += [
        _legs(taken, "shelf", -1),
        _legs(taken, "cart", +1),
        _legs(put.filter(~staff), "cart", -1),
        _legs(put.filter(~staff), "shelf", +1),
        _legs(put.filter(staff), "transit", -1),
        _legs(put.filter(staff), "shelf", +1),
        _legs(picked, "warehouse", -1),
        _legs(picked, "transit", +1),
        _legs(came.filter(delivered), "warehouse", +1, "received"),
        _legs(came.filter(~delivered), "transit", -1),
        _legs(came.filter(~delivered), "warehouse", +1),
        *(
            _legs(removed.filter(pl.col("location") == place), place, -1, "removed")
            for place in ("shelf", "warehouse")
        ),
        *(
            _legs(counted.filter(pl.col("location") == place), place, +1, "counted")
            for place in ("shelf", "warehouse")
        ),
        _legs(sold, "cart", -1, "sold"),
        _legs(returned, "transit", +1, "returned"),
    ]
    tracked = stores.filter(pl.col("stock_tracking") == "sensors").select("store_id")
    return pl.concat(legs).join(tracked, on="store_id", how="semi")


def _receipt_lines(receipts: pl.DataFrame) -> pl.DataFrame:
    return (
        receipts.select("store_id", "event_ts", "event_type", "customer_id", "items")
        .explode("items")
        .with_columns(
            shelf_id=pl.col("items").struct.field("item_id"),
            quantity=pl.col("items").struct.field("quantity"),
            batch_code=pl.col("items").struct.field("batch_code"),
            unit_price=pl.col("items").struct.field("unit_price"),
            discount=pl.col("items").struct.field("discount"),
        )
        .drop("items")
    )


def _legs(frame: pl.DataFrame, place: str, sign: int, flow: str | None = None) -> pl.DataFrame:
    return frame.select(
        "store_id",
        pl.col("shelf_id").alias("item_id"),
        pl.col("batch_code").fill_null(""),
        "event_ts",
        pl.lit(place).alias("place"),
        (pl.col("quantity").cast(pl.Int64) * sign).alias("qty"),
        pl.lit(flow, pl.String).alias("flow"),
    )


def _differences(left: pl.DataFrame, right: pl.DataFrame, on: list[str], column: str) -> int:
    """Count keys whose value differs, or is there on one side only and not zero."""
    joined = left.join(right, on=on, how="full", coalesce=True, suffix="_published")
    own, other = pl.col(column).fill_null(0), pl.col(f"{column}_published").fill_null(0)
    return joined.filter(own != other).height


def _compare_totals(lake: _Lake, goods: pl.DataFrame, details: list[str]) -> int:
    """Opening, received, returned, counted less sold, removed: that is there, lot by lot."""
    crossed = goods.filter(pl.col("flow").is_not_null())
    wrong = 0
    for what, table, key in (
        ("items", "cleansed/stock_balances", _KEY),
        ("lots", "cleansed/lot_balances", [*_KEY, "batch_code"]),
    ):
        own = crossed.group_by(key).agg(pl.col("qty").sum())
        held = lake.table(table).group_by(key).agg(pl.col("qty").sum())
        if found := _differences(own, held, key, "qty"):
            details.append(f"{found} {what} whose goods do not add up")
            wrong += found
    return wrong


def _compare_states(
    lake: _Lake, goods: pl.DataFrame, events: dict[str, pl.DataFrame], details: list[str]
) -> int:
    by_place = goods.group_by([*_KEY, "place"]).agg(pl.col("qty").sum())
    states = {
        "shelf": ("cleansed/shelf_state", "current_stock"),
        "warehouse": ("cleansed/warehouse_state", "current_stock"),
        "transit": ("cleansed/shelf_state", "in_transit"),
        "cart": ("cleansed/shelf_state", "in_carts"),
    }
    total = 0
    for place, (table, column) in states.items():
        published = lake.table(table).select(
            "store_id", pl.col("shelf_id").alias("item_id"), pl.col(column).alias("qty")
        )
        own = by_place.filter(pl.col("place") == place).select(*_KEY, "qty")
        total += _note(details, f"{table}.{column}", _differences(own, published, _KEY, "qty"))
    total += _compare_lots(lake, goods, by_place, details)
    total += _note(details, "ops/supplier_orders", _compare_orders(lake, events))
    total += _note(details, "cleansed/sales_lines", _compare_sales(lake, events))
    total += _note(details, "cleansed/foot_traffic", _compare_traffic(lake, events))
    return total + _note(details, "ops/commands", _compare_commands(lake, events))


def _compare_lots(
    lake: _Lake, goods: pl.DataFrame, by_place: pl.DataFrame, details: list[str]
) -> int:
    """Warehouse lots one by one; lots on a shelf by their sum, for nobody sees which is taken."""
    shelves = lake.table("cleansed/shelf_batch_state")
    on_shelf = shelves.group_by("store_id", pl.col("shelf_id").alias("item_id")).agg(
        pl.col("batch_quantity_store").sum().alias("qty")
    )
    own = by_place.filter(pl.col("place") == "shelf").select(*_KEY, "qty")
    total = _note(details, "cleansed/shelf_batch_state", _differences(own, on_shelf, _KEY, "qty"))
    key = [*_KEY, "batch_code"]
    lots = lake.table("cleansed/warehouse_batch_state").select(
        "store_id",
        pl.col("shelf_id").alias("item_id"),
        pl.col("batch_code").fill_null(""),
        pl.col("batch_quantity_warehouse").alias("qty"),
    )
    in_warehouse = (
        goods.filter(pl.col("place") == "warehouse").group_by(key).agg(pl.col("qty").sum())
    )
    return total + _note(
        details, "cleansed/warehouse_batch_state", _differences(in_warehouse, lots, key, "qty")
    )


def _compare_orders(lake: _Lake, events: dict[str, pl.DataFrame]) -> int:
    """Each order once per item and cutoff, with what was scanned in for it."""
    ordered = events["commands"].filter(pl.col("event_type") == "supplier_order")
    lines = ordered.select("store_id", "shelf_id", "cutoff_ts")
    scans = events["warehouse_events"].filter(
        (pl.col("event_type") == "wh_in") & (pl.col("reason") == "supplier_delivery")
    )
    came = scans.group_by(order_id="command_id").agg(pl.col("quantity").cast(pl.Int64).sum())
    own = ordered.select(
        pl.col("event_id").alias("order_id"), pl.col("quantity").cast(pl.Int64).alias("ordered")
    ).join(came.rename({"quantity": "received"}), on="order_id", how="left")
    published = lake.table("ops/supplier_orders").select(
        "order_id",
        pl.col("ordered_qty").alias("ordered"),
        pl.col("received_qty").alias("received"),
    )
    return (
        (lines.height - lines.n_unique())
        + _differences(own, published, ["order_id"], "ordered")
        + _differences(own, published, ["order_id"], "received")
    )


def _note(details: list[str], what: str, wrong: int) -> int:
    if wrong:
        details.append(f"{what}: {wrong} rows differ from the raw events")
    return wrong


def _compare_sales(lake: _Lake, events: dict[str, pl.DataFrame]) -> int:
    lines = _receipt_lines(events["pos_transactions"])
    sold = lines.filter(pl.col("event_type").is_in(["sale", "return"])).with_columns(
        pl.col("event_type").str.to_uppercase()
    )
    key = ["store_id", "event_type"]
    gross = (pl.col("quantity") * pl.col("unit_price")).round(2, mode="half_away_from_zero")
    own = sold.group_by(key).agg(
        pl.len().cast(pl.Int64).alias("lines"),
        pl.col("quantity").sum().cast(pl.Int64).alias("units"),
        (gross.sum() * 100).cast(pl.Int64).alias("cents"),
    )
    published = (
        lake.table("cleansed/sales_lines")
        .group_by(key)
        .agg(
            pl.len().cast(pl.Int64).alias("lines"),
            pl.col("qty").sum().cast(pl.Int64).alias("units"),
            (pl.col("gross").sum() * 100).cast(pl.Int64).alias("cents"),
        )
    )
    return sum(_differences(own, published, key, column) for column in ("lines", "units", "cents"))


def _compare_traffic(lake: _Lake, events: dict[str, pl.DataFrame]) -> int:
    key = ["store_id", "direction"]
    own = events["foot_traffic"].rename({"event_type": "direction"}).group_by(key).len()
    published = lake.table("cleansed/foot_traffic").group_by(key).len()
    return _differences(own, published, key, "len")


def _compare_commands(lake: _Lake, events: dict[str, pl.DataFrame]) -> int:
    own = events["commands"].select(
        pl.col("event_id").alias("command_id"), pl.col("quantity").alias("qty")
    )
    published = lake.table("ops/commands").select("command_id", "qty")
    return _differences(own, published, ["command_id"], "qty")


def _compare_ledger_at(
    lake: _Lake, goods: pl.DataFrame, as_of: datetime, details: list[str]
) -> int:
    """Compare the published stock ledger with the raw events, both up to a time."""
    own = (
        goods.filter(pl.col("event_ts") <= as_of)
        .group_by([*_KEY, "place"])
        .agg(pl.col("qty").sum())
    )
    published = (
        lake.table("cleansed/stock_movements")
        .filter(pl.col("event_ts") <= as_of)
        .group_by([*_KEY, pl.col("location").alias("place")])
        .agg(pl.col("qty_signed").cast(pl.Int64).sum().alias("qty"))
    )
    wrong = _differences(own, published, [*_KEY, "place"], "qty")
    return _note(details, f"cleansed/stock_movements up to {as_of.isoformat()}", wrong)
