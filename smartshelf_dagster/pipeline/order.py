"""Ordering from suppliers: cutoffs that have passed are closed, each once.

Belongs here: from positions and people's decisions to order commands. Does not belong here: how
much to order (`domain/ordering.py`), and which cutoffs there are (dbt).

All orders of a store for a cutoff go out in one transaction, together with the command that closes
the cutoff. Whatever dies, either all of them stand on the stream or none; and a closed cutoff is
never planned again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

import polars as pl
import pyarrow as pa

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.domain.ordering import decide_orders, plan_orders, policy_named
from smartshelf_dagster.storage.warehouse import WarehouseReader
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import Event, send_events
from smartshelf_dagster.streaming.topics import COMMANDS, store_stream

# Closed cutoffs that the published plan still shows.
_SHOWN_DAYS = 28
_PLAN_SCHEMA = pa.schema(
    [
        ("store_id", pa.string()),
        ("shelf_id", pa.string()),
        ("category", pa.string()),
        ("subcategory", pa.string()),
        ("cutoff_ts", UTC_MICROSECONDS),
        ("delivery_ts", UTC_MICROSECONDS),
        ("policy", pa.string()),
        ("stock_qty", pa.int64()),
        ("on_order_qty", pa.int64()),
        ("target_qty", pa.int64()),
        ("needed_qty", pa.int64()),
        ("planned_qty", pa.int64()),
        ("order_qty", pa.int64()),
        ("batch_size", pa.int32()),
        ("bound", pa.string()),
        ("decision", pa.string()),
        ("actor", pa.string()),
        ("note", pa.string()),
        ("status", pa.string()),
        ("updated_ts", UTC_MICROSECONDS),
    ]
)


@dataclass(frozen=True)
class ClosedCutoff:
    """What was ordered for a cutoff.

    Attributes:
        store_id: Store.
        cutoff_ts: Cutoff.
        order_lines: Orders sent.
        order_pieces: Pieces ordered.
    """

    store_id: str
    cutoff_ts: datetime
    order_lines: int
    order_pieces: int


def due_cutoffs(reader: WarehouseReader, until: datetime | None = None) -> pl.DataFrame:
    """Return the oldest cutoff of each store whose orders are still to be sent.

    Args:
        reader: The warehouse, with `ops/supplier_cutoffs` built.
        until: Only cutoffs up to this one.
    """
    due = _frame(reader, "ops/supplier_cutoffs", "status = 'due'")
    if until is not None:
        due = due.filter(pl.col("cutoff_ts") <= until)
    return due.sort("cutoff_ts").unique("store_id", keep="first", maintain_order=True)


def close_cutoffs(
    reader: WarehouseReader,
    client: Client,
    due: pl.DataFrame,
    *,
    policy: str,
    as_of: datetime,
    parameters: Mapping[str, float] | None = None,
) -> list[ClosedCutoff]:
    """Send the orders of cutoffs, and close them.

    Args:
        reader: The warehouse, with positions and decisions built for `as_of`.
        client: Connection to the broker.
        due: What `due_cutoffs` gave.
        policy: Name of the ordering policy.
        as_of: The time the positions were computed for; UTC.
        parameters: Parameters of the policy that differ from their defaults.

    Raises:
        UnknownPolicyError: There is no such policy.
    """
    lines = _plan(reader, due, policy, as_of, parameters).filter(pl.col("order_qty") > 0)
    closed = []
    for cutoff in due.sort("store_id").iter_rows(named=True):
        orders = lines.filter(pl.col("store_id") == cutoff["store_id"]).sort("shelf_id")
        done = ClosedCutoff(
            cutoff["store_id"],
            cutoff["cutoff_ts"],
            orders.height,
            int(orders["order_qty"].sum() or 0),
        )
        events = [_order(row, cutoff, as_of) for row in orders.iter_rows(named=True)]
        events.append(_closing(done, cutoff, policy, as_of))
        send_events(client, COMMANDS, store_stream(COMMANDS, cutoff["store_id"]), events)
        closed.append(done)
    return closed


def supplier_plan(
    reader: WarehouseReader,
    policy: str,
    as_of: datetime,
    parameters: Mapping[str, float] | None = None,
) -> pa.Table:
    """Return the plan as it is published: the next cutoff's lines, and the orders of the last ones.

    Args:
        reader: The warehouse, with all models built for `as_of`.
        policy: Name of the ordering policy.
        as_of: The time; UTC.
        parameters: Parameters of the policy that differ from their defaults.
    """
    cutoffs = _frame(reader, "ops/supplier_cutoffs", "status in ('due', 'next')")
    upcoming = cutoffs.sort("cutoff_ts").unique("store_id", keep="first", maintain_order=True)
    planned = _plan(reader, upcoming, policy, as_of, parameters).filter(
        (pl.col("planned_qty") > 0) | pl.col("decision").is_not_null()
    )
    pending = planned.with_columns(
        policy=pl.lit(policy),
        status=pl.when(pl.col("order_qty") > 0)
        .then(pl.lit("pending"))
        .otherwise(pl.lit("canceled")),
        updated_ts=pl.lit(as_of),
    )
    since = as_of.timestamp() - _SHOWN_DAYS * 86_400
    orders = _frame(reader, "ops/supplier_orders", f"epoch(cutoff_ts) >= {since}")
    decided = _frame(reader, "ops/supplier_order_decisions").select(
        "store_id", "shelf_id", "cutoff_ts", "decision", "actor", "note"
    )
    issued = orders.join(
        decided, on=["store_id", "shelf_id", "cutoff_ts"], how="left"
    ).with_columns(
        planned_qty=pl.col("ordered_qty"),
        order_qty=pl.col("ordered_qty"),
        status=pl.when(pl.col("status") == "delivered")
        .then(pl.lit("completed"))
        .otherwise(pl.lit("issued")),
        updated_ts=pl.coalesce("delivered_ts", "issued_ts"),
    )
    table = pl.concat([_fit(pending), _fit(issued)]).to_arrow()
    return table.select(_PLAN_SCHEMA.names).cast(_PLAN_SCHEMA)


def _plan(
    reader: WarehouseReader,
    cutoffs: pl.DataFrame,
    policy: str,
    as_of: datetime,
    parameters: Mapping[str, float] | None,
) -> pl.DataFrame:
    """Return plan and decisions of every item for one cutoff per store."""
    positions = (
        _frame(reader, "ops/supplier_positions")
        .join(
            cutoffs.select("store_id", "cutoff_ts", "delivery_ts", "covers_until_ts"),
            on="store_id",
        )
        .with_columns(as_of_ts=pl.lit(as_of))
    )
    plan = plan_orders(positions, policy_named(policy, parameters)).join(
        positions.select(
            *("store_id", "shelf_id", "category", "subcategory", "batch_size"),
            *("cutoff_ts", "delivery_ts"),
        ),
        on=["store_id", "shelf_id"],
    )
    decisions = _frame(reader, "ops/supplier_order_decisions").join(
        cutoffs.select("store_id", "cutoff_ts"), on=["store_id", "cutoff_ts"], how="semi"
    )
    return decide_orders(plan, decisions.drop("cutoff_ts", "decided_ts"))


def _fit(frame: pl.DataFrame) -> pl.DataFrame:
    """Bring a frame into the columns of the published plan; what it lacks is null."""
    types = pl.DataFrame(pl.from_arrow(_PLAN_SCHEMA.empty_table())).schema
    lacking = [pl.lit(None).alias(name) for name in types if name not in frame.columns]
    return frame.with_columns(lacking).select(
        pl.col(name).cast(kind) for name, kind in types.items()
    )


def _order(row: dict[str, object], cutoff: dict[str, object], as_of: datetime) -> Event:
    name = f"supplier_order:{row['store_id']}:{_iso(cutoff['cutoff_ts'])}:{row['shelf_id']}"
    return Event(
        event_id=str(uuid5(NAMESPACE_URL, name)),
        source=f"/stores/{row['store_id']}/supply-planner",
        ce_type="com.smartshelf.command.supplier_order.v1",
        event_ts=as_of,
        data={
            "store_id": row["store_id"],
            "shelf_id": row["shelf_id"],
            "quantity": row["order_qty"],
            "batch_size": row["batch_size"],
            "cutoff_ts": cutoff["cutoff_ts"],
            "delivery_ts": cutoff["delivery_ts"],
        },
    )


def _closing(done: ClosedCutoff, cutoff: dict[str, object], policy: str, as_of: datetime) -> Event:
    name = f"supplier_cutoff:{done.store_id}:{_iso(cutoff['cutoff_ts'])}"
    return Event(
        event_id=str(uuid5(NAMESPACE_URL, name)),
        source=f"/stores/{done.store_id}/supply-planner",
        ce_type="com.smartshelf.command.supplier_cutoff.v1",
        event_ts=as_of,
        data={
            "store_id": done.store_id,
            "cutoff_ts": cutoff["cutoff_ts"],
            "delivery_ts": cutoff["delivery_ts"],
            "order_lines": done.order_lines,
            "order_pieces": done.order_pieces,
            "policy": policy,
            "as_of_ts": as_of,
        },
    )


def _iso(moment: object) -> str:
    if not isinstance(moment, datetime):
        raise TypeError(f"cutoff_ts is {moment!r}, expected a timestamp")
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _frame(reader: WarehouseReader, table: str, where: str | None = None) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(reader.rows(table, where=where)))
