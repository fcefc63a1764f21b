"""The stock level of least expected cost, by the newsvendor's quantile of demand.

Belongs here: levels and what they save. Does not belong here: demand (`demand_outlook.py`), and
the orders that are sent, which also weigh ages and packs (`domain/forecast_policy.py`).

There is no model of its own: the level is a quantile of the demand that is forecast anyway, and a
second regressor of quantiles would be the first one again. Nor can its target follow from its own
features: what is learnt is what was asked for, after the features were known.
"""

from datetime import datetime

import numpy as np
import polars as pl

from smartshelf_dagster.analytics.demand_outlook import KEY, DemandOutlook, protection_days
from smartshelf_dagster.domain.inventory import (
    SCENARIO_PROBABILITY,
    FloatArray,
    base_stock,
    critical_ratio,
    expected_excess,
    expected_rest,
)
from smartshelf_dagster.domain.ordering import Economics

_DAYS_PER_YEAR = 365.0
_LOW, _HIGH = 0.1, 0.9


def stock_optimization(
    stock: pl.DataFrame,
    outlook: DemandOutlook,
    policy: pl.DataFrame,
    as_of: datetime,
    economics: Economics | None = None,
) -> pl.DataFrame:
    """Return the optimal stock of every item until the goods of the order after the next come.

    A piece too few costs its margin and goodwill; one too many is held until then, and expires
    with the probability that it is not asked for when its life ends before.

    Args:
        stock: Rows of `analytics/stock_outlook`.
        outlook: Their demand.
        policy: Rows of `inventory_policy`, whose level stays where it costs no more.
        as_of: Now; UTC.
        economics: Costs.

    Returns:
        store_id, item_id, category, current_stock (with what is on order), optimal_stock, p10 and
        p90 (of the demand), critical_ratio, delta_units (optimal less current),
        expected_cost_current, expected_cost_optimal, saving, policy_stock, chosen (the level of
        the policy, or the optimal one), source (forecast or history), reason.
    """
    given = economics or Economics()
    lines = (
        stock.join(outlook.items, on=KEY).join(policy.select(*KEY, "order_up_to"), on=KEY).sort(KEY)
    )
    lost, kept = _costs(lines, given, as_of)
    ratio = critical_ratio(lost, kept)
    units = outlook.protection
    best = base_stock(units, SCENARIO_PROBABILITY, ratio)
    current = np.maximum(lines["inventory_position"].to_numpy().astype(np.float64), 0)
    by_policy = lines["order_up_to"].to_numpy().astype(np.float64)

    def cost(level: FloatArray) -> FloatArray:
        missed = expected_excess(units, SCENARIO_PROBABILITY, level)
        rest = expected_rest(units, SCENARIO_PROBABILITY, level)
        return np.asarray(lost * missed + kept * rest)

    def quantile(level: float) -> FloatArray:
        return base_stock(units, SCENARIO_PROBABILITY, np.full(len(best), level))

    is_better = cost(best) < cost(by_policy)
    return lines.select(
        *KEY,
        "category",
        pl.Series("current_stock", current).cast(pl.Int64),
        pl.Series("optimal_stock", best),
        pl.Series("p10", quantile(_LOW)),
        pl.Series("p90", quantile(_HIGH)),
        pl.Series("critical_ratio", ratio),
        pl.Series("delta_units", best - current),
        pl.Series("expected_cost_current", cost(current)),
        pl.Series("expected_cost_optimal", cost(best)),
        pl.Series("saving", cost(current) - cost(best)),
        pl.col("order_up_to").alias("policy_stock"),
        pl.Series("chosen", np.where(is_better, "optimal", "policy"), dtype=pl.String),
        "source",
        pl.Series(
            "reason",
            np.where(
                is_better,
                "expected to cost less than the policy's level",
                "the policy's level is expected to cost no more",
            ),
            dtype=pl.String,
        ),
    )


def _costs(lines: pl.DataFrame, given: Economics, as_of: datetime) -> tuple[FloatArray, FloatArray]:
    """Return what a piece too few and a piece too many cost."""
    price = lines["list_price"].to_numpy()
    cost = lines["unit_cost"].fill_null(lines["list_price"] * given.cost_frac).to_numpy()
    days = protection_days(lines, as_of)
    life = lines["life_days"].fill_null(np.inf).to_numpy()
    lost = np.maximum(price * (1 + given.goodwill_frac) - cost, 0)
    held = cost * given.holding_rate * days / _DAYS_PER_YEAR
    outdated = np.where(life < days, cost - price * given.salvage_frac, 0)
    # A ratio needs both sides, however little they are.
    return np.maximum(lost, 1e-9), np.maximum(held + outdated, 1e-9)
