"""How much to order from the supplier: policies as pure functions.

Belongs here: from what is known of every item to pieces per order line, with what bound them. A
policy sets the level to order up to; batches, capacity and shelf life bind all policies alike.
Does not belong here: the policy that needs a forecast (`domain/forecast_policy.py`), where the
numbers come from (`ops/supplier_positions` in dbt), and sending.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import ClassVar

import polars as pl

from smartshelf_dagster.errors import SmartShelfError

# Days with sales below which the variance is not measured.
MIN_VARIANCE_DAYS = 7

# Columns in which a policy may explain a line.
EXPLANATION = (
    "source",
    "demand_mean",
    "critical_ratio",
    "level_quantile",
    "expected_outdated",
    "expected_order_outdated",
    "expected_lost",
)

_KEY = ("store_id", "shelf_id")
_SECONDS_PER_DAY = 86_400.0


class UnknownPolicyError(SmartShelfError, ValueError):
    """No ordering policy has this name."""


Ranges = Mapping[str, tuple[float, float]]


class PolicyParameterError(SmartShelfError, ValueError):
    """A policy does not know a parameter, or its value is out of range."""


@dataclass(frozen=True)
class PolicyParameters:
    """What may be set about a policy: numbers, each with a default and a range.

    Raises:
        PolicyParameterError: A value is out of its range; both are named.
    """

    RANGES: ClassVar[Ranges] = {}

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise PolicyParameterError(f"{name} is {value:g}, expected {low:g} to {high:g}")


@dataclass(frozen=True)
class RuleParameters(PolicyParameters):
    """What may be set about `rule`.

    Attributes:
        reorder_factor: Level, in reorder points of the warehouse.
    """

    RANGES: ClassVar[Ranges] = {"reorder_factor": (0.0, 100.0)}

    reorder_factor: float = 1.0


@dataclass(frozen=True)
class OrderUpToParameters(PolicyParameters):
    """What may be set about `order-up-to`.

    Attributes:
        safety_factor: Standard deviations of demand kept above its mean.
        prior_days: Days of its category's mean demand that an item starts with, until it has a
            history of its own.
        dispersion: Variance of daily demand over its mean, where there is no history to measure
            it: customers take 1, 2 or 3 pieces with 60, 30 and 10 %, so E[q^2] / E[q] = 2.7 / 1.5.
    """

    RANGES: ClassVar[Ranges] = {
        "safety_factor": (-10.0, 10.0),
        "prior_days": (0.0, 365.0),
        "dispersion": (0.0, 100.0),
    }

    safety_factor: float = 2.0
    prior_days: float = 3.0
    dispersion: float = 1.8


@dataclass(frozen=True)
class Economics(PolicyParameters):
    """What the policy `forecast` takes for granted about money and hours.

    Attributes:
        cost_frac: Cost of a piece, of its list price; as the seed `cost_ratios` has it.
        goodwill_frac: What a customer sent away costs besides the margin, of the list price.
        salvage_frac: What a piece still brings when its time runs out, of the list price.
        holding_rate: Cost of holding goods for a year, of their cost.
        sell_through: Probability with which the last piece ordered sells before it expires.
        spread_factor: How much further from its median demand may be than forecast: calibration
            knows the past, and neither a season to come nor chances of one in a hundred.
        opens_h: Hour of the day at which stores open, UTC.
        closes_h: Hour of the day at which stores close, UTC.
    """

    RANGES: ClassVar[Ranges] = {
        "cost_frac": (0.0, 1.0),
        "goodwill_frac": (0.0, 100.0),
        "salvage_frac": (0.0, 1.0),
        "holding_rate": (0.0, 1000.0),
        "sell_through": (0.0, 1.0),
        "spread_factor": (0.0, 10.0),
        "opens_h": (0.0, 24.0),
        "closes_h": (0.0, 24.0),
    }

    cost_frac: float = 0.70
    goodwill_frac: float = 1.0
    salvage_frac: float = 0.0
    holding_rate: float = 0.25
    sell_through: float = 0.5
    spread_factor: float = 1.25
    opens_h: float = 0.0
    closes_h: float = 24.0


def rule(positions: pl.DataFrame, parameters: RuleParameters | None = None) -> pl.DataFrame:
    """Order up to the reorder point of the warehouse, shelves not counted: the first generation's.

    Args:
        positions: As for `plan_orders`.
        parameters: Multiple of the reorder point; once by default.

    Returns:
        The positions with `stock_qty` (pieces counted) and `level` (pieces wanted, fractional).
    """
    given = parameters or RuleParameters()
    return positions.with_columns(
        stock_qty=pl.col("warehouse_stock"), level=pl.col("reorder_point") * given.reorder_factor
    )


def order_up_to(
    positions: pl.DataFrame, parameters: OrderUpToParameters | None = None
) -> pl.DataFrame:
    """Order up to the demand until the delivery after the next, plus two standard deviations.

    Mean and variance are those of the last 28 business days; a young store leans on the mean of
    the category. Goods that expire before they can be sold do not count as stock, and nothing is
    ordered that would expire before it can be sold.

    Args:
        positions: As for `plan_orders`.
        parameters: Other than two standard deviations, among others.

    Returns:
        The positions with `stock_qty` (pieces counted) and `level` (pieces wanted, fractional).
    """
    given = parameters or OrderUpToParameters()
    days = pl.col("sales_days").cast(pl.Float64)
    units = pl.col("units_28d").cast(pl.Float64)
    category = ["store_id", "category"]
    prior = (units.sum() / pl.max_horizontal(days.sum(), 1.0)).over(category)
    mean = (units + given.prior_days * prior) / (days + given.prior_days)
    measured = pl.col("units_squared_28d") / days - (units / days) ** 2
    variance = (
        pl.when(days >= MIN_VARIANCE_DAYS)
        .then(pl.max_horizontal(measured, pl.col("mean")))
        .otherwise(given.dispersion * pl.col("mean"))
    )
    horizon = _days(pl.col("covers_until_ts") - pl.col("as_of_ts"))
    spread = given.safety_factor * (pl.col("variance") * pl.col("horizon")).sqrt()
    lead = _days(pl.col("delivery_ts") - pl.col("as_of_ts"))
    # What is there and what is ordered has to sell until the last day of the new lot.
    sellable_days = lead + pl.col("life_days").fill_null(365.0)
    lost = pl.max_horizontal(
        pl.col("expiring_qty") - pl.col("mean") * pl.min_horizontal("horizon", 4), 0
    )
    held = pl.col("shelf_stock") + pl.col("in_transit") + pl.col("warehouse_stock")
    return (
        positions.with_columns(mean=mean, horizon=horizon)
        .with_columns(variance=variance)
        .with_columns(
            stock_qty=(held - lost.floor()).cast(pl.Int64),
            free_level=pl.col("mean") * pl.col("horizon") + spread,
            life_level=pl.col("mean") * sellable_days,
        )
        .with_columns(
            level=pl.min_horizontal("free_level", "life_level"),
            is_life_bound=(pl.col("life_level") < pl.col("free_level"))
            & (pl.col("life_level") > pl.col("stock_qty") + pl.col("on_order_qty")),
        )
        .drop("mean", "variance", "horizon", "free_level", "life_level")
    )


def _days(span: pl.Expr) -> pl.Expr:
    return span.dt.total_seconds() / _SECONDS_PER_DAY


Policy = Callable[[pl.DataFrame], pl.DataFrame]
# Needs a forecast, and takes over where there is one (`domain/forecast_policy.py`); else it orders
# up to.
FORECAST = "forecast"
POLICIES: dict[str, Callable[..., pl.DataFrame]] = {
    "rule": rule,
    "order-up-to": order_up_to,
    FORECAST: order_up_to,
}
PARAMETERS: dict[str, type[PolicyParameters]] = {
    "rule": RuleParameters,
    "order-up-to": OrderUpToParameters,
    FORECAST: Economics,
}


def policy_named(name: str, parameters: Mapping[str, float] | None = None) -> Policy:
    """Return a policy.

    Args:
        name: Which.
        parameters: Values of its parameters by name; defaults for the rest.

    Raises:
        UnknownPolicyError: There is none of that name.
        PolicyParameterError: It has no such parameter, or a value is out of range.
    """
    if name not in POLICIES:
        raise UnknownPolicyError(f"ordering policy {name!r}, expected {' or '.join(POLICIES)}")
    given = parameters_of(name, parameters or {})
    # Those of `forecast` are for lines that have one.
    return POLICIES[name] if name == FORECAST else partial(POLICIES[name], parameters=given)


def parameters_of(name: str, given: Mapping[str, float]) -> PolicyParameters:
    """Return the parameters of a policy of `PARAMETERS`.

    Args:
        name: Which policy.
        given: Values by name; defaults for the rest.

    Raises:
        PolicyParameterError: It has no such parameter, or a value is out of range.
    """
    kind = PARAMETERS[name]
    known = [field.name for field in fields(kind)]
    for parameter in given:
        if parameter not in known:
            raise PolicyParameterError(
                f"parameter {parameter!r} of ordering policy {name}, expected {' or '.join(known)}"
            )
    return kind(**given)


def plan_orders(positions: pl.DataFrame, policy: Policy) -> pl.DataFrame:
    """Plan what to order for a cutoff.

    Args:
        positions: One row per store and item: the columns of `ops/supplier_positions`, and
            `as_of_ts`, `delivery_ts`, `covers_until_ts` (UTC) of the cutoff the orders are for.
        policy: Sets the level, and may set `wanted_qty` (whole batches) and `is_life_bound`. It
            sees `room_qty`, the whole batches that fit the warehouse.

    Returns:
        One row per store and item: store_id, shelf_id, and in pieces stock_qty (counted),
        on_order_qty, target_qty (level), needed_qty (level less stock and orders), planned_qty
        (whole batches that fit the warehouse); `bound` says what bound the quantity: none, batch,
        capacity or shelf_life. The columns of `EXPLANATION` follow if the policy explains itself.
    """
    batch = pl.col("batch_size")
    room = pl.col("warehouse_capacity") - pl.col("warehouse_on_hand") - pl.col("on_order_qty")
    levelled = policy(
        positions.with_columns(
            room_qty=pl.max_horizontal(room, pl.lit(0)) // batch * batch,
            # What a policy may leave as it is.
            is_life_bound=pl.lit(value=False),
            wanted_qty=pl.lit(None, pl.Int64),
        )
    )
    target = pl.col("level").ceil().cast(pl.Int64)
    needed = pl.max_horizontal(
        pl.col("target_qty") - pl.col("stock_qty") - pl.col("on_order_qty"), pl.lit(0)
    )
    return (
        levelled.with_columns(target_qty=target)
        .with_columns(needed_qty=needed)
        .with_columns(
            wanted_qty=pl.coalesce("wanted_qty", -(-pl.col("needed_qty") // batch) * batch)
        )
        .with_columns(planned_qty=pl.min_horizontal("wanted_qty", "room_qty"))
        .with_columns(
            bound=pl.when(pl.col("planned_qty") < pl.col("wanted_qty"))
            .then(pl.lit("capacity"))
            .when("is_life_bound")
            .then(pl.lit("shelf_life"))
            .when(pl.col("planned_qty") != pl.col("needed_qty"))
            .then(pl.lit("batch"))
            .otherwise(pl.lit("none"))
        )
        .select(
            *_KEY,
            *(
                pl.col(name).cast(pl.Int64)
                for name in ("stock_qty", "on_order_qty", "target_qty", "needed_qty", "planned_qty")
            ),
            "bound",
            *(name for name in EXPLANATION if name in levelled.columns),
        )
    )


def decide_orders(plan: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Apply what people decided to a plan.

    Args:
        plan: As from `plan_orders`.
        decisions: store_id, shelf_id, decision (held, approved, changed), order_qty when changed.

    Returns:
        The plan with the columns of `decisions` and `order_qty`, the pieces to order.
    """
    return plan.join(decisions, on=_KEY, how="left", suffix="_decided").with_columns(
        order_qty=pl.when(pl.col("decision") == "held")
        .then(pl.lit(0, pl.Int64))
        .when(pl.col("decision") == "changed")
        .then(pl.col("order_qty"))
        .otherwise(pl.col("planned_qty"))
    )
