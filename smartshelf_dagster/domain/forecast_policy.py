"""The ordering policy `forecast`: base stock by item from the distribution of its demand.

Belongs here: from tables of positions, forecast demand and lots to levels, whole batches and the
figures that explain them. Does not belong here: the formulas (`domain/inventory.py`), what binds
all policies alike (`domain/ordering.py`), and how demand is forecast.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import polars as pl

from smartshelf_dagster.domain.inventory import (
    SCENARIO_PROBABILITY,
    Costs,
    FloatArray,
    Goods,
    Outlook,
    Times,
    base_stock,
    critical_ratio,
    demand_scenarios,
    demand_until,
    expected_excess,
    expected_rest,
    look_ahead,
    order_quantity,
    round_to_batches,
    shelf_life_cap,
    trading_hours,
)
from smartshelf_dagster.domain.ordering import Economics, Policy, order_up_to

_KEY = ("store_id", "shelf_id")
_DAYS_PER_YEAR = 365.0
# Life of goods of which no lot has been seen.
_UNKNOWN_LIFE_DAYS = 365.0
# Later than any lot expires.
_NEVER_H = 1e6
_MIN_QUANTILES = 2
_PLANNED = {
    "store_id": pl.String,
    "shelf_id": pl.String,
    "stock_qty": pl.Int64,
    "level": pl.Float64,
    "is_life_bound": pl.Boolean,
    "wanted_qty": pl.Int64,
    "source": pl.String,
    "demand_mean": pl.Float64,
    "critical_ratio": pl.Float64,
    "level_quantile": pl.Float64,
    "expected_outdated": pl.Float64,
    "expected_order_outdated": pl.Float64,
    "expected_lost": pl.Float64,
}


def forecast_policy(
    demand: pl.DataFrame, lots: pl.DataFrame, economics: Economics | None = None
) -> Policy:
    """Return the policy that orders by forecast demand, margins and the age of goods.

    Args:
        demand: Forecast: store_id, shelf_id, until_ts (UTC), quantile (0 to 1), demand (pieces
            asked for from `as_of_ts` until then). All lines of a store have the same times and
            the same two or more quantiles; the times include `delivery_ts` and `covers_until_ts`
            at best, between times demand is interpolated. A line that lacks any of them is
            planned by `order_up_to`, and `source` says so. The highest quantile bounds the
            critical ratio.
        lots: Sellable goods on hand: store_id, shelf_id, expiry_date (last day of sale),
            quantity. Stock beyond the lots counts as goods that do not expire.
        economics: Costs and hours.

    Returns:
        A policy. Its positions need `delivery_ts` (UTC) besides what `plan_orders` asks for. To
        `stock_qty`, `level` and `is_life_bound` it adds `wanted_qty`, `source` and per line:
        demand_mean (pieces until `covers_until_ts`), critical_ratio (by margin and holding),
        level_quantile (of the pieces needed, that the level covers; lower than the ratio when
        goods expire), expected_outdated (pieces on hand that expire until `covers_until_ts`),
        expected_order_outdated (pieces of this order that expire ever), expected_lost (pieces
        asked for in vain until `covers_until_ts`).
    """
    given = economics or Economics()

    def forecast(positions: pl.DataFrame) -> pl.DataFrame:
        planned = [
            _plan_store(
                store,
                demand.join(store, on=_KEY, how="semi"),
                lots.join(store, on=_KEY, how="semi"),
                given,
            )
            for store in positions.partition_by("store_id")
        ]
        lines = pl.concat([pl.DataFrame(schema=_PLANNED), *planned])
        own = ("stock_qty", "level", "is_life_bound", "wanted_qty")
        return (
            order_up_to(positions)
            .join(lines, on=_KEY, how="left", suffix="_forecast", maintain_order="left")
            .with_columns(
                *(pl.coalesce(f"{name}_forecast", name).alias(name) for name in own),
                source=pl.col("source").fill_null("order-up-to"),
            )
            .drop(f"{name}_forecast" for name in own)
        )

    return forecast


@dataclass(frozen=True)
class _Clock:
    """Trading hours from now."""

    as_of: datetime
    opens_h: float
    closes_h: float

    def until(self, moment: datetime) -> float:
        return trading_hours(self.as_of, moment, self.opens_h, self.closes_h)

    def until_close(self, day: date) -> float:
        midnight = datetime.combine(day, time(), UTC)
        return self.until(midnight + timedelta(hours=self.closes_h))


def _plan_store(
    positions: pl.DataFrame, demand: pl.DataFrame, lots: pl.DataFrame, given: Economics
) -> pl.DataFrame:
    """Return levels and explanations of the items of one store that have a full forecast."""
    first = positions.row(0, named=True)
    clock = _Clock(first["as_of_ts"], given.opens_h, given.closes_h)
    traded = _traded(demand, clock)
    levels = traded["quantile"].unique().sort()
    full = (
        traded.group_by("shelf_id")
        .len()
        .filter(pl.col("len") == len(levels) * traded["hours"].n_unique())
    )
    lines = positions.join(full, on="shelf_id", how="semi").sort("shelf_id")
    if lines.is_empty() or len(levels) < _MIN_QUANTILES:
        return pl.DataFrame(schema=_PLANNED)
    wanted = traded.join(full, on="shelf_id", how="semi")
    path = _path(wanted, levels.to_numpy(), given.spread_factor)
    days = lines["life_days"].fill_null(_UNKNOWN_LIFE_DAYS).floor().cast(pl.Int64)
    arrives = first["delivery_ts"]
    goods = _goods(lines, lots, clock)
    outlook = look_ahead(
        goods,
        Times(
            arrival_h=np.full(len(lines), clock.until(arrives)),
            cover_h=np.full(len(lines), clock.until(first["covers_until_ts"])),
            fresh_h=np.array([clock.until_close(arrives.date() + timedelta(n)) for n in days]),
        ),
        path,
        SCENARIO_PROBABILITY,
    )
    cycle = (first["covers_until_ts"] - arrives) / timedelta(days=_DAYS_PER_YEAR)
    costs = _costs(lines, given, cycle, float(levels[-1]))
    return _order(lines, goods, outlook, costs, given.sell_through)


def _traded(demand: pl.DataFrame, clock: _Clock) -> pl.DataFrame:
    """Return demand by trading hours from now: shelf_id, hours, quantile, demand."""
    times = demand.select(pl.col("until_ts").unique())
    hours = [clock.until(moment) for moment in times["until_ts"]]
    return (
        demand.filter(pl.col("demand").is_finite())
        .join(times.with_columns(hours=pl.Series(hours, dtype=pl.Float64)), on="until_ts")
        .filter(pl.col("hours") > 0)
        # While the store is closed nothing is asked for: times between two days are one.
        .group_by("shelf_id", "hours", "quantile")
        .agg(pl.col("demand").max())
    )


def _path(
    traded: pl.DataFrame, levels: FloatArray, spread: float
) -> Callable[[FloatArray], FloatArray]:
    """Return demand of the lines, in the order of their items, until any trading hours."""
    known_h = traded["hours"].unique().sort().to_numpy()
    quantiles = traded.sort("shelf_id", "hours", "quantile")["demand"].to_numpy()
    units = demand_scenarios(levels, quantiles.reshape(-1, len(known_h), len(levels)), spread)
    return lambda until_h: demand_until(known_h, units, SCENARIO_PROBABILITY, until_h)


def _goods(lines: pl.DataFrame, lots: pl.DataFrame, clock: _Clock) -> Goods:
    """Return what is there and on order, the lots as a padded matrix."""
    counted = pl.sum_horizontal("shelf_stock", "in_transit", "warehouse_stock")
    held = lines.select(
        # Counts fall below 0 when a sensor missed an arrival.
        "shelf_id",
        stock=pl.max_horizontal(counted, pl.lit(0)),
    ).with_row_index("line")
    aged = (
        lots.filter((pl.col("expiry_date") >= clock.as_of.date()) & (pl.col("quantity") > 0))
        .group_by("shelf_id", "expiry_date")
        .agg(pl.col("quantity").sum())
        .join(held, on="shelf_id")
        .sort("line", "expiry_date")
        .with_columns(
            place=pl.int_range(pl.len()).over("line"),
            # The counts of lots may sum up to more than those of places, which are right.
            upto=pl.min_horizontal(pl.col("quantity").cum_sum().over("line"), "stock"),
        )
        .with_columns(pieces=pl.col("upto") - pl.col("upto").shift(1, fill_value=0).over("line"))
    )
    shape = (len(lines), aged["place"].n_unique())
    pieces, until_h = np.zeros(shape), np.full(shape, _NEVER_H)
    at = (aged["line"].to_numpy(), aged["place"].to_numpy())
    pieces[at] = aged["pieces"].to_numpy()
    until_h[at] = [clock.until_close(day) for day in aged["expiry_date"]]
    return Goods(
        stock=held["stock"].cast(pl.Float64).to_numpy(),
        on_order=lines["on_order_qty"].cast(pl.Float64).to_numpy(),
        lots=pieces,
        until_h=until_h,
    )


def _costs(lines: pl.DataFrame, given: Economics, cycle_years: float, top: float) -> Costs:
    price = lines["list_price"].cast(pl.Float64).to_numpy()
    lost = price * (1 - given.cost_frac + given.goodwill_frac)
    held = price * given.cost_frac * given.holding_rate * cycle_years
    return Costs(
        lost=lost,
        # The forecast does not know demand beyond its highest quantile: no ratio is above it.
        held=np.maximum(held, lost * (1 - top) / top),
        outdated=price * (given.cost_frac - given.salvage_frac),
    )


def _order(
    lines: pl.DataFrame, goods: Goods, outlook: Outlook, costs: Costs, sell_through: float
) -> pl.DataFrame:
    """Return what to order of each line, and why."""
    probability = outlook.probability
    ratio = critical_ratio(costs.lost, costs.held)
    lasting = base_stock(outlook.need, probability, ratio)
    quantity = np.minimum(order_quantity(outlook, costs), shelf_life_cap(outlook, sell_through))
    batches = round_to_batches(quantity, lines["batch_size"].to_numpy(), outlook, costs)
    ordered = np.minimum(batches, lines["room_qty"].to_numpy())
    outdated = outlook.outdated @ probability
    stock = goods.stock - np.rint(outdated)
    return pl.DataFrame(
        {
            "store_id": lines["store_id"],
            "shelf_id": lines["shelf_id"],
            "stock_qty": stock.astype(np.int64),
            "level": stock + goods.on_order + quantity,
            "is_life_bound": np.ceil(quantity) < np.ceil(np.maximum(lasting, 0)),
            "wanted_qty": batches.astype(np.int64),
            "source": ["forecast"] * len(lines),
            "demand_mean": outlook.asked @ probability,
            "critical_ratio": ratio,
            "level_quantile": (outlook.need <= quantity[:, None]) @ probability,
            "expected_outdated": outdated,
            "expected_order_outdated": expected_rest(outlook.outlet, probability, ordered)
            - expected_rest(outlook.outlet, probability, np.zeros(len(lines))),
            "expected_lost": outlook.missed @ probability
            + expected_excess(outlook.need, probability, ordered),
        },
        schema=_PLANNED,
    )
