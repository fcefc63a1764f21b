"""Ordering from suppliers: cutoffs that have passed are closed, each once.

Belongs here: from positions and people's decisions to order commands. Does not belong here: how
much to order (`domain/ordering.py`), and which cutoffs there are (dbt).

All orders of a store for a cutoff go out in one transaction, together with the command that closes
the cutoff. Whatever dies, either all of them stand on the stream or none; and a closed cutoff is
never planned again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import polars as pl
import pyarrow as pa

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.domain.forecast_policy import forecast_policy
from smartshelf_dagster.domain.ordering import (
    EXPLANATION,
    FORECAST,
    Economics,
    Policy,
    decide_orders,
    plan_orders,
    policy_named,
)
from smartshelf_dagster.domain.remaining_demand import remaining_demand
from smartshelf_dagster.forecasting.baselines import LEVELS
from smartshelf_dagster.forecasting.tables import COVER, ORDERS, QUANTILE_COLUMNS, WINDOWS
from smartshelf_dagster.storage.warehouse import WarehouseReader
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import Event, send_events
from smartshelf_dagster.streaming.topics import COMMANDS, store_stream

# Figures in which a policy explains a line, and the decimals that are sent of them.
_FIGURES = tuple(name for name in EXPLANATION if name != "source")
_DECIMALS = {name: 6 if name in {"critical_ratio", "level_quantile"} else 4 for name in _FIGURES}
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
        ("source", pa.string()),
        *((name, pa.float64()) for name in _FIGURES),
        ("model_version", pa.string()),
        ("forecast_method", pa.string()),
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
    """Return the cutoffs whose orders are still to be sent, the oldest of each store first.

    Args:
        reader: The warehouse, with `ops/supplier_cutoffs` built.
        until: Only cutoffs up to this one.
    """
    due = _frame(reader, "ops/supplier_cutoffs", "status = 'due'")
    if until is not None:
        due = due.filter(pl.col("cutoff_ts") <= until)
    return due.sort("cutoff_ts")


def cutoffs_at(reader: WarehouseReader, cutoff: datetime) -> pl.DataFrame:
    """Return the rows of `ops/supplier_cutoffs` of one cutoff, open or closed."""
    rows = _frame(reader, "ops/supplier_cutoffs", "covers_until_ts is not null")
    return rows.filter(pl.col("cutoff_ts") == cutoff)


@dataclass(frozen=True)
class Planner:
    """How orders are planned.

    Attributes:
        policy: Name of the ordering policy.
        as_of: The time that positions were computed for; UTC.
        parameters: Parameters of the policy that differ from their defaults.
        predictions: Rows of `forecasting.tables.PREDICTIONS`, of one cutoff of each store; for the
            policy `forecast`. Items that lack them are ordered up to.
    """

    policy: str
    as_of: datetime
    parameters: Mapping[str, float] = field(default_factory=dict)
    predictions: pl.DataFrame | None = None


def close_cutoffs(
    reader: WarehouseReader, client: Client, due: pl.DataFrame, planner: Planner
) -> list[ClosedCutoff]:
    """Send the orders of cutoffs, and close them.

    Args:
        reader: The warehouse, with positions and decisions built.
        client: Connection to the broker.
        due: Of what `due_cutoffs` gave, one of each store.
        planner: How to plan.

    Raises:
        UnknownPolicyError: There is no such policy.
    """
    as_of = planner.as_of
    lines = _plan(reader, due, planner).filter(pl.col("order_qty") > 0)
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
        events.append(_closing(done, cutoff, planner.policy, as_of))
        send_events(client, COMMANDS, store_stream(COMMANDS, cutoff["store_id"]), events)
        closed.append(done)
    return closed


def supplier_plan(reader: WarehouseReader, planner: Planner) -> pa.Table:
    """Return the plan as it is published: the next cutoff's lines, and the orders of the last ones.

    No forecast is made for it: of the last one, what is left counts.

    Args:
        reader: The warehouse, with all models built.
        planner: How to plan.
    """
    as_of = planner.as_of
    cutoffs = _frame(reader, "ops/supplier_cutoffs", "status in ('due', 'next')")
    upcoming = cutoffs.sort("cutoff_ts").unique("store_id", keep="first", maintain_order=True)
    planned = _plan(reader, upcoming, planner).filter(
        (pl.col("planned_qty") > 0) | pl.col("decision").is_not_null()
    )
    pending = planned.with_columns(
        policy=pl.lit(planner.policy),
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
        source=pl.col("planned_by"),
        planned_qty=pl.col("ordered_qty"),
        order_qty=pl.col("ordered_qty"),
        status=pl.when(pl.col("status") == "delivered")
        .then(pl.lit("completed"))
        .otherwise(pl.lit("issued")),
        updated_ts=pl.coalesce("delivered_ts", "issued_ts"),
    )
    table = pl.concat([_fit(pending), _fit(issued)]).to_arrow()
    return table.select(_PLAN_SCHEMA.names).cast(_PLAN_SCHEMA)


def _plan(reader: WarehouseReader, cutoffs: pl.DataFrame, planner: Planner) -> pl.DataFrame:
    """Return plan and decisions of every item for one cutoff per store."""
    positions = (
        _frame(reader, "ops/supplier_positions")
        .join(
            cutoffs.select("store_id", "cutoff_ts", "delivery_ts", "covers_until_ts"),
            on="store_id",
        )
        .with_columns(as_of_ts=pl.lit(planner.as_of))
    )
    plan = plan_orders(positions, policy_with(planner, _lots(reader))).join(
        positions.select(
            *("store_id", "shelf_id", "category", "subcategory", "batch_size"),
            *("cutoff_ts", "delivery_ts"),
        ),
        on=["store_id", "shelf_id"],
    )
    plan = _explain(plan, planner)
    decisions = _frame(reader, "ops/supplier_order_decisions").join(
        cutoffs.select("store_id", "cutoff_ts"), on=["store_id", "cutoff_ts"], how="semi"
    )
    return decide_orders(plan, decisions.drop("cutoff_ts", "decided_ts"))


def policy_with(planner: Planner, lots: pl.DataFrame) -> Policy:
    """Return the policy, with what it has to know besides positions.

    Args:
        planner: How to plan.
        lots: Sellable goods on hand, as for `forecast_policy`.
    """
    policy = policy_named(planner.policy, planner.parameters)
    said = planner.predictions
    if planner.policy != FORECAST or said is None or said.is_empty():
        return policy
    economics = Economics(**planner.parameters)
    demand = demand_to_come(said, planner.as_of, economics)
    return forecast_policy(demand, lots, economics)


def demand_to_come(
    said: pl.DataFrame, as_of: datetime, economics: Economics | None = None
) -> pl.DataFrame:
    """Return what is left of forecasts for orders, as `remaining_demand` does.

    Args:
        said: Rows of `forecasting.tables.PREDICTIONS`, of one cutoff of each store.
        as_of: From when on demand is wanted; UTC.
        economics: Opening hours.
    """
    levels = pl.DataFrame({"column": QUANTILE_COLUMNS, "quantile": LEVELS})
    forecasts = (
        said.filter(pl.col("window").is_in(WINDOWS[ORDERS]))
        .unpivot(
            QUANTILE_COLUMNS,
            index=["store_id", "item_id", "origin_ts", "until_ts", "mean"],
            variable_name="column",
            value_name="demand",
        )
        .join(levels, on="column")
        .rename({"item_id": "shelf_id"})
    )
    return remaining_demand(forecasts, as_of, economics)


def _lots(reader: WarehouseReader) -> pl.DataFrame:
    """Return the goods on hand that may still be sold, by their last day."""
    places = (
        ("cleansed/shelf_batch_state", "batch_quantity_store"),
        ("cleansed/warehouse_batch_state", "batch_quantity_warehouse"),
    )
    return pl.concat(
        _frame(reader, table, "days_to_expiry >= 0").select(
            "store_id", "shelf_id", "expiry_date", quantity=pl.col(column)
        )
        for table, column in places
    )


def _explain(plan: pl.DataFrame, planner: Planner) -> pl.DataFrame:
    """Add what each line follows from: a model, the simple method that spoke, another policy."""
    if "source" not in plan.columns or planner.predictions is None:
        # Without any forecast the policy that needs one orders up to.
        other = "order-up-to" if planner.policy == FORECAST else planner.policy
        return plan.with_columns(source=pl.lit(other))
    spoke = planner.predictions.filter(pl.col("window") == COVER).select(
        "store_id", "model_version", shelf_id="item_id", forecast_method="method"
    )
    by_forecast = pl.col("source") == FORECAST
    return plan.join(spoke, on=["store_id", "shelf_id"], how="left").with_columns(
        source=pl.when(by_forecast & pl.col("model_version").is_null())
        .then("forecast_method")
        .otherwise("source"),
        model_version=pl.when(by_forecast).then("model_version"),
        forecast_method=pl.when(by_forecast).then("forecast_method"),
    )


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
            **_why(row),
        },
    )


def _why(row: dict[str, Any]) -> dict[str, object]:
    """Return the explanation of a line as its command carries it."""
    told = {
        "planned_by": row["source"],
        "model_version": row.get("model_version"),
        "forecast_method": row.get("forecast_method"),
    } | {
        name: max(round(row[name], decimals), 0.0)
        for name, decimals in _DECIMALS.items()
        if row.get(name) is not None
    }
    return {name: value for name, value in told.items() if value is not None}


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
