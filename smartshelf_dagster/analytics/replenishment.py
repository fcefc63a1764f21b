"""What stock an item needs under given terms: safety stock, reorder point, order quantity.

Belongs here: closed forms of periodic review, as a function of the columns of
`analytics/inventory_policy`. So who reads that table, such as the report app, can ask it under
other terms and gets what would be published. Does not belong here: where demand comes from
(`inventory_policy.py`), and the orders that are sent (`domain/ordering.py`).

Silver, Pyke and Thomas (2017), Inventory and production management in supply chains; King (2011),
Crack the code: understanding safety stock; Harris (1913), How many parts to make at once.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import special

from smartshelf_dagster.domain.inventory import FloatArray

# Service levels that the demand of an item is told for, in the order of `demand_quantiles`.
SERVICE_LEVELS = (0.80, 0.85, 0.90, 0.95, 0.98, 0.99, 0.995)
_DAYS_PER_YEAR = 365
# Sums that are whole on paper are not in floating point.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PolicyTerms:
    """What the policy takes for granted.

    Attributes:
        service_levels: Probability of no shortage in a cycle, by class of revenue (A, B, C); each
            one of `SERVICE_LEVELS`.
        order_cost: Money per order line.
        holding_rate: Cost of holding goods for a year, of their cost.
        lead_time_sd_d: Standard deviation of the lead time, days.
        lead_time_extra_d: Days by which goods come later than agreed.
        min_history_d: Days of sales below which rules of thumb decide.
        fallback_safety_d: Safety stock by them, days of demand.
        fallback_reorder_factor: Demand over the lead time is multiplied by it.
        fallback_max_d: Most stock by them, days of demand.
    """

    service_levels: tuple[float, float, float] = (0.98, 0.95, 0.90)
    order_cost: float = 50.0
    holding_rate: float = 0.25
    lead_time_sd_d: float = 0.5
    lead_time_extra_d: float = 0.0
    min_history_d: int = 28
    fallback_safety_d: float = 3.0
    fallback_reorder_factor: float = 1.2
    fallback_max_d: float = 30.0


def service_factor(level: FloatArray) -> FloatArray:
    """Return the normal score z of a service level."""
    return np.asarray(special.ndtri(level))


def sigma_protection(
    mean_d: FloatArray, sd_d: FloatArray, protection_d: FloatArray, lead_time_sd_d: FloatArray
) -> FloatArray:
    """Return the standard deviation of demand over a protection interval of uncertain length.

    Args:
        mean_d: Mean demand of a day.
        sd_d: Its standard deviation.
        protection_d: Mean length, days.
        lead_time_sd_d: Standard deviation of the length, days.
    """
    return np.sqrt(protection_d * sd_d**2 + mean_d**2 * lead_time_sd_d**2)


def economic_quantity(annual: FloatArray, order_cost: float, holding: FloatArray) -> FloatArray:
    """Return the order quantity of least cost: sqrt(2 D S / H); not a number without holding cost.

    Args:
        annual: Demand of a year.
        order_cost: Money per order.
        holding: Money to hold a piece for a year.
    """
    return np.sqrt(2 * annual * order_cost / np.where(holding > 0, holding, np.nan))


def annual_cost(
    quantity: FloatArray, annual: FloatArray, order_cost: float, holding: FloatArray
) -> FloatArray:
    """Return what ordering and holding cost in a year: D/Q S + Q/2 H."""
    return np.asarray(annual / quantity * order_cost + quantity / 2 * holding)


def whole_packs(
    quantity: FloatArray,
    pack: FloatArray,
    annual: FloatArray,
    order_cost: float,
    holding: FloatArray,
) -> FloatArray:
    """Return the packs below or above a quantity, whichever cost less; one at least.

    Args:
        quantity: Pieces.
        pack: Pieces in a pack.
        annual: Demand of a year.
        order_cost: Money per order.
        holding: Money to hold a piece for a year.
    """
    below = np.maximum(np.floor(quantity / pack), 1) * pack
    above = np.maximum(np.ceil(quantity / pack), 1) * pack
    costs = (annual_cost(packs, annual, order_cost, holding) for packs in (below, above))
    low, high = costs
    return np.where(low <= high, below, above)


def fill_rate(factor: FloatArray, sigma: FloatArray, quantity: FloatArray) -> FloatArray:
    """Return the share of demand served from stock: 1 - sigma G(z) / Q.

    Args:
        factor: Normal score z of the reorder point.
        sigma: Standard deviation of demand over the protection interval.
        quantity: Pieces per order.
    """
    density = np.exp(-(factor**2) / 2) / np.sqrt(2 * np.pi)
    loss = density - factor * special.ndtr(-factor)
    return np.asarray(np.clip(1 - sigma * loss / quantity, 0, 1))


def whole_pieces(quantity: FloatArray) -> FloatArray:
    """Return the pieces that cover a quantity."""
    return np.ceil(quantity - _ROUNDING)


def policy_under(items: pl.DataFrame, terms: PolicyTerms) -> pl.DataFrame:
    """Return items with the columns that the terms decide.

    Stock is reviewed at cutoffs: the reorder point is the level to order up to. The safety stock
    is that quantile of demand that the service level asks for, less its mean: of the forecast
    where there is one, of a negative binomial for items that seldom sell, else normal with an
    uncertain lead time. Items with a short history follow rules of thumb. Where goods come later,
    demand goes on at its mean, and its quantiles stray with the square root of time.

    Args:
        items: store_id, item_id, abc_class, method, demand_mean_d, demand_sd_d,
            demand_quantiles, agreed_lead_time_d, review_period_d, unit_cost, pack_size,
            life_days, capacity_qty, inventory_position; any other columns stay as they are.
        terms: Service levels, times and costs.

    Raises:
        ValueError: A service level is none of `SERVICE_LEVELS`.
    """
    return _order(_quantities(_safety(_terms_of(items, terms), terms), terms))


def _terms_of(items: pl.DataFrame, terms: PolicyTerms) -> pl.DataFrame:
    """Add lead time, service level and what holding a piece costs."""
    unknown = sorted(set(terms.service_levels) - set(SERVICE_LEVELS))
    if unknown:
        raise ValueError(f"service_levels: {unknown} is not among {list(SERVICE_LEVELS)}")
    level_a, level_b, level_c = terms.service_levels
    return items.with_columns(
        lead_time_mean_d=pl.max_horizontal(
            pl.col("agreed_lead_time_d") + terms.lead_time_extra_d, pl.lit(0.0)
        ),
        lead_time_sd_d=pl.lit(terms.lead_time_sd_d),
        service_level=pl.col("abc_class").replace_strict(
            {"A": level_a, "B": level_b}, default=level_c, return_dtype=pl.Float64
        ),
        holding=pl.col("unit_cost").fill_null(0) * terms.holding_rate,
    )


def _safety(lines: pl.DataFrame, terms: PolicyTerms) -> pl.DataFrame:
    """Add safety stock and reorder point."""
    daily, level, lead, agreed, review = (
        lines[name].to_numpy()
        for name in (
            *("demand_mean_d", "service_level", "lead_time_mean_d", "agreed_lead_time_d"),
            "review_period_d",
        )
    )
    protection, planned = lead + review, agreed + review
    sigma = sigma_protection(
        daily, lines["demand_sd_d"].to_numpy(), protection, lines["lead_time_sd_d"].to_numpy()
    )
    factor = service_factor(level)
    # Of spans without a length, nothing grows.
    growth = np.sqrt(np.divide(protection, planned, where=planned > 0, out=np.ones_like(planned)))
    told = (_told_quantile(lines, level) - daily * planned) * growth
    safety = {
        "forecast_quantile": told,
        "negative_binomial": told,
        "normal": factor * sigma,
        "fallback": terms.fallback_safety_d * daily,
    }
    method = lines["method"].to_numpy()
    raw = np.select([method == name for name in safety], list(safety.values()))
    raw = np.maximum(raw, 0)
    covered = np.where(
        method == "fallback", terms.fallback_reorder_factor * daily * lead, daily * protection
    )
    return lines.with_columns(
        z=pl.Series(factor),
        sigma_protection=pl.Series(sigma),
        safety_stock_raw=pl.Series(raw),
        safety_stock=pl.Series(whole_pieces(raw)).cast(pl.Int64),
        reorder_point=pl.Series(whole_pieces(covered + raw)).cast(pl.Int64),
    )


def _told_quantile(lines: pl.DataFrame, level: FloatArray) -> FloatArray:
    """Return the demand that is not exceeded with the probability of each line's level."""
    told = lines["demand_quantiles"].list.to_array(len(SERVICE_LEVELS)).to_numpy()
    return np.asarray(told[np.arange(len(level)), np.searchsorted(SERVICE_LEVELS, level)])


def _quantities(lines: pl.DataFrame, terms: PolicyTerms) -> pl.DataFrame:
    """Add the economic quantity, its costs, and the levels that follow."""
    annual = lines["demand_mean_d"].to_numpy() * _DAYS_PER_YEAR
    holding = lines["holding"].to_numpy()
    pack = lines["pack_size"].fill_null(1).to_numpy().astype(np.float64)
    raw = economic_quantity(annual, terms.order_cost, holding)
    wanted = np.where(np.isfinite(raw), raw, pack)
    quantity = whole_packs(wanted, pack, annual, terms.order_cost, holding)
    fallback = terms.fallback_max_d * lines["demand_mean_d"].to_numpy()
    is_fallback = (lines["method"] == "fallback").to_numpy()
    level = lines["reorder_point"].to_numpy()
    most = np.where(is_fallback, whole_pieces(fallback), level + quantity)
    return lines.with_columns(
        eoq_raw=pl.Series(raw).fill_nan(None),
        eoq=pl.Series(quantity).cast(pl.Int64),
        order_up_to=pl.col("reorder_point"),
        max_stock=pl.min_horizontal(
            pl.Series(np.maximum(most, level)).cast(pl.Int64), "capacity_qty"
        ),
        expected_fill_rate=pl.Series(
            fill_rate(lines["z"].to_numpy(), lines["sigma_protection"].to_numpy(), quantity)
        ),
        holding_cost_pa=pl.Series((quantity / 2 + lines["safety_stock"].to_numpy()) * holding),
        ordering_cost_pa=pl.Series(annual / quantity * terms.order_cost),
    )


def _order(lines: pl.DataFrame) -> pl.DataFrame:
    """Add what to order now: whole packs up to the level, as far as life and room allow."""
    pack = pl.col("pack_size").fill_null(1)
    short = pl.max_horizontal(pl.col("order_up_to") - pl.col("inventory_position"), pl.lit(0))
    fresh = pl.col("demand_mean_d") * (pl.col("life_days") - pl.col("lead_time_mean_d"))
    caps = {
        "shelf_life": pl.max_horizontal(fresh, pl.lit(0)).floor().cast(pl.Int64),
        "capacity": pl.max_horizontal(
            pl.col("capacity_qty") - pl.col("inventory_position"), pl.lit(0)
        ),
    }
    wanted = -(-short // pack) * pack
    allowed = pl.min_horizontal(*(cap // pack * pack for cap in caps.values()))
    bound = (
        pl.when(allowed >= wanted)
        .then(pl.when(wanted > short).then(pl.lit("pack")).otherwise(pl.lit("none")))
        .when((caps["shelf_life"] <= caps["capacity"]).fill_null(value=False))
        .then(pl.lit("shelf_life"))
        .otherwise(pl.lit("capacity"))
    )
    return lines.with_columns(
        recommended_qty=pl.min_horizontal(wanted, allowed),
        reorder_flag=pl.col("inventory_position") <= pl.col("reorder_point"),
        binding_constraint=bound,
        total_cost_pa=pl.col("holding_cost_pa") + pl.col("ordering_cost_pa"),
    )


@dataclass(frozen=True)
class Cycle:
    """How the stock of an item goes up and down.

    Attributes:
        daily: Pieces asked for in a day, on average.
        level: Pieces that orders fill up to.
        pack: Pieces in a pack.
        lead_time_d: Days from an order to its goods.
        review_period_d: Days from one order to the next; above 0.
    """

    daily: float
    level: float
    pack: int
    lead_time_d: float
    review_period_d: float


def projected_stock(on_hand: float, on_order: float, cycle: Cycle, days: float) -> pl.DataFrame:
    """Return the stock of the days to come at mean demand, as the corners of a saw-tooth.

    Orders are placed now and after each review period, in whole packs up to the level, on hand and
    on order together; shelf life and room do not bind them. What was on order before comes with
    the first of them. What is asked for in vain is not asked for again.

    Args:
        on_hand: Pieces there.
        on_order: Pieces ordered and still to come.
        cycle: How it goes on.
        days: For how long.

    Returns:
        day (from now), stock; by time.
    """
    placed = np.arange(0, days, cycle.review_period_d).tolist()
    moments = [(at, "order") for at in placed]
    moments += [(at + cycle.lead_time_d, "delivery") for at in placed]
    coming = [on_order]
    corners = [(0.0, max(on_hand, 0.0))]
    for moment, kind in sorted([*moments, (days, "end")]):
        if moment > days:
            break
        since, stock = corners[-1]
        asked = cycle.daily * (moment - since)
        if 0 < stock < asked:
            corners.append((since + stock / cycle.daily, 0.0))
        stock = max(stock - asked, 0.0)
        corners.append((moment, stock))
        if kind == "order":
            missing = cycle.level - stock - sum(coming)
            coming.append(max(np.ceil(missing / cycle.pack - _ROUNDING), 0) * cycle.pack)
            # The goods of the first order bring along what was on order before.
            if moment == 0:
                coming = [sum(coming)]
        elif kind == "delivery":
            corners.append((moment, stock + coming.pop(0)))
    return pl.DataFrame(corners, schema={"day": pl.Float64, "stock": pl.Float64}, orient="row")
