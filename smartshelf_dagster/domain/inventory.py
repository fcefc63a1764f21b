"""Inventory theory of the ordering policy `forecast`: from demand and costs to pieces, on arrays.

Belongs here: closed forms and recursions of periodic review with lost sales and goods that expire.
Does not belong here: tables and columns (`domain/forecast_policy.py`), and where demand comes from.

Axes of the arrays: lines (an item of a store), scenarios (equally placed for all lines, each with
a probability), times or lots. Demand in scenario j is high or low at all times alike. Demand and
stock are in pieces, money per piece, time in trading hours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# Bounds of the scenarios as probabilities; finer where little demand is lost at much stock.
_EDGES = np.concatenate(
    [np.linspace(0, 0.9, 61)[:-1], np.linspace(0.9, 0.99, 31)[:-1], np.linspace(0.99, 1, 21)]
)
SCENARIO_PROBABILITY: FloatArray = np.diff(_EDGES)
_SCENARIO_SCORE = np.array([NormalDist().inv_cdf(u) for u in (_EDGES[:-1] + _EDGES[1:]) / 2])
# Sums of probabilities that are equal on paper differ in their last digits.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Costs:
    """What a wrong order costs, money per piece.

    Attributes:
        lost: Piece asked for and not there: margin and goodwill, (lines).
        held: Piece left over until the next delivery, (lines).
        outdated: Piece that expires unsold: cost less salvage, (lines).
    """

    lost: FloatArray
    held: FloatArray
    outdated: FloatArray


@dataclass(frozen=True)
class Outlook:
    """What the pieces of an order meet, by scenario.

    Attributes:
        need: Pieces of it asked for until the delivery after it; below 0, goods in excess,
            (lines, scenarios).
        outlet: Pieces of it that can be sold before they expire, (lines, scenarios).
        probability: Probability of a scenario, (scenarios).
        missed: Pieces asked for in vain before it comes, (lines, scenarios).
        outdated: Pieces on hand that expire before the delivery after it, (lines, scenarios).
        asked: All pieces asked for until the delivery after it, (lines, scenarios).
    """

    need: FloatArray
    outlet: FloatArray
    probability: FloatArray
    missed: FloatArray
    outdated: FloatArray
    asked: FloatArray


@dataclass(frozen=True)
class Goods:
    """What is there and what is coming when an order is placed.

    Attributes:
        stock: Pieces that may be sold, (lines).
        on_order: Pieces ordered before, coming with this order at the latest, (lines).
        lots: Pieces of the stock by lot, in the order of expiry, (lines, lots). Stock beyond
            them does not expire.
        until_h: Trading hours until a lot expires, (lines, lots).
    """

    stock: FloatArray
    on_order: FloatArray
    lots: FloatArray
    until_h: FloatArray


@dataclass(frozen=True)
class Times:
    """Trading hours from now.

    Attributes:
        arrival_h: Until the order is delivered, (lines).
        cover_h: Until the delivery after it, (lines).
        fresh_h: Until what it delivers expires, (lines).
    """

    arrival_h: FloatArray
    cover_h: FloatArray
    fresh_h: FloatArray


def critical_ratio(underage: FloatArray, overage: FloatArray) -> FloatArray:
    """Return the newsvendor's probability of not running out, underage / (underage + overage).

    Arrow, Harris and Marschak (1951), Optimal inventory policy. Econometrica 19(3).

    Args:
        underage: Cost of a piece too few: price - cost + goodwill, (lines).
        overage: Cost of a piece too many: cost - salvage if it cannot be sold later, or the cost
            of holding it for a cycle, (lines).
    """
    return underage / (underage + overage)


def base_stock(units: FloatArray, probability: FloatArray, ratio: FloatArray) -> FloatArray:
    """Return the smallest level that covers demand with a probability of at least the ratio.

    Args:
        units: Demand by scenario, in any order, (lines, scenarios).
        probability: Of the scenarios, (scenarios) or (lines, scenarios).
        ratio: Critical ratio, (lines).
    """
    order = np.argsort(units, axis=-1)
    weight = np.take_along_axis(np.broadcast_to(probability, units.shape), order, axis=-1)
    covered = np.cumsum(weight, axis=-1) >= ratio[..., None] - _ROUNDING
    # Where rounding leaves the sum of all below the ratio, the last one covers it.
    covered[..., -1] = True
    place = np.take_along_axis(order, covered.argmax(axis=-1)[..., None], axis=-1)
    return np.take_along_axis(units, place, axis=-1)[..., 0]


def expected_excess(units: FloatArray, probability: FloatArray, level: FloatArray) -> FloatArray:
    """Return the loss function E[(units - level)+]: pieces asked for above a level, (lines).

    Args:
        units: By scenario, (lines, scenarios).
        probability: Of the scenarios, (scenarios).
        level: Pieces there, (lines).
    """
    return np.asarray(np.maximum(units - level[..., None], 0) @ probability)


def expected_rest(units: FloatArray, probability: FloatArray, level: FloatArray) -> FloatArray:
    """Return the complementary loss function E[(level - units)+]: pieces left over, (lines).

    Arguments as for `expected_excess`.
    """
    return np.asarray(np.maximum(level[..., None] - units, 0) @ probability)


def demand_scenarios(levels: FloatArray, demand: FloatArray, spread: float = 1.0) -> FloatArray:
    """Return whole pieces asked for in the scenarios of `SCENARIO_PROBABILITY`.

    Between quantiles demand is linear in the normal score, and beyond the outer ones as well:
    exact for normal demand, and close for counts from few quantiles. Crossing quantiles are
    sorted.

    Args:
        levels: Levels of the quantiles, ascending, two at least, (quantiles).
        demand: Quantiles, (..., quantiles).
        spread: Normal scores of the scenarios are multiplied by it: above 1 demand is wider than
            the quantiles say, and its median stays.

    Returns:
        Demand, not descending, (..., scenarios).
    """
    known = np.array([NormalDist().inv_cdf(level) for level in levels])
    score = spread * _SCENARIO_SCORE
    right = np.clip(np.searchsorted(known, score), 1, len(known) - 1)
    share = (score - known[right - 1]) / (known[right] - known[right - 1])
    rising = np.sort(demand, axis=-1)
    low, high = rising[..., right - 1], rising[..., right]
    whole = np.rint(low + share * (high - low))
    return np.asarray(np.maximum(whole, 0), dtype=np.float64)


def trading_hours(start: datetime, end: datetime, opens_h: float, closes_h: float) -> float:
    """Return the trading hours between two instants; with 0 and 24, the hours.

    Args:
        start: First instant.
        end: Last instant; when it is earlier, the hours are negative.
        opens_h: Hour of the day at which the store opens, in the time zone of the instants.
        closes_h: Hour at which it closes.
    """

    def since_epoch(moment: datetime) -> float:
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        hour = (moment - midnight).total_seconds() / 3_600
        traded = min(max(hour, opens_h), closes_h) - opens_h
        return moment.toordinal() * (closes_h - opens_h) + traded

    return since_epoch(end) - since_epoch(start)


def demand_until(
    known_h: FloatArray, demand: FloatArray, probability: FloatArray, until_h: FloatArray
) -> FloatArray:
    """Return demand from now until any times, from demand until some times.

    Linear in between. After the last known time its mean goes on at the same rate, and the
    deviation from it grows with the square root of time, as that of independent hours does.

    Args:
        known_h: Trading hours from now, above 0 and ascending, (times).
        demand: Demand until then, (lines, times, scenarios).
        probability: Of the scenarios, (scenarios).
        until_h: Trading hours asked for, (lines, lots).

    Returns:
        Demand, (lines, lots, scenarios).
    """
    hours = np.concatenate([[0.0], known_h])
    # More time, more demand, whatever the quantiles of two horizons say.
    path = np.maximum.accumulate(np.pad(demand, ((0, 0), (1, 0), (0, 0))), axis=1)
    right = np.clip(np.searchsorted(hours, until_h), 1, len(hours) - 1)
    line = np.arange(len(demand))[:, None]
    share = (until_h - hours[right - 1]) / (hours[right] - hours[right - 1])
    low, high = path[line, right - 1], path[line, right]
    between = low + np.clip(share, 0, 1)[..., None] * (high - low)
    mean = (path[:, -1] @ probability)[:, None, None]
    stretch = np.maximum(until_h / hours[-1], 1)[..., None]
    beyond = mean * stretch + (path[:, -1:] - mean) * np.sqrt(stretch)
    return np.asarray(np.where(stretch > 1, beyond, between), dtype=np.float64)


def outdated_until(lots: FloatArray, demand: FloatArray) -> FloatArray:
    """Return what of the goods on hand expires unsold, first expired first out.

    Of the first k lots sells what is asked for until the k-th expires, unless they are sold out
    or expired before: B_k - min(D_k, B_k - Z_(k-1)). Nahmias (1982), Perishable inventory theory:
    a review. Operations Research 30(4).

    Args:
        lots: Pieces by lot, in the order of expiry, (lines, lots).
        demand: Demand until each lot expires, (lines, lots, scenarios).

    Returns:
        Pieces expired, of this lot and all before, (lines, lots, scenarios).
    """
    held = np.cumsum(lots, axis=1)[..., None]
    return np.maximum.accumulate(np.maximum(held - demand, 0), axis=1)


def look_ahead(
    goods: Goods,
    times: Times,
    demand: Callable[[FloatArray], FloatArray],
    probability: FloatArray,
) -> Outlook:
    """Return what an order meets: demand less what the goods on hand can still serve.

    What is asked for before the order comes and is not there is lost; the order does not make up
    for it. Goods on hand that will have expired are no stock (Broekmeulen and van Donselaar
    (2009), A heuristic to manage perishable inventory with batch ordering, positive lead-times,
    and time-varying demand. Computers & Operations Research 36(11)), here by scenario instead of
    at mean demand. Lots that expire before the ordered goods are sold before them.

    Args:
        goods: What is there.
        times: When the order comes, lasts and expires.
        demand: Demand until trading hours from now, (lines, times) to (lines, times, scenarios).
        probability: Of the scenarios, (scenarios).
    """
    asked = demand(np.stack([times.arrival_h, times.cover_h, times.fresh_h], axis=1))
    before, cover, fresh = asked[:, 0], asked[:, 1], asked[:, 2]
    outdated = outdated_until(goods.lots, demand(goods.until_h))

    def outdated_by(hours: FloatArray) -> FloatArray:
        due = goods.until_h <= hours[:, None]
        return np.asarray(np.where(due[..., None], outdated, 0.0).max(axis=1, initial=0.0))

    older = np.where(goods.until_h <= times.fresh_h[:, None], goods.lots, 0.0).sum(axis=1)
    stock, on_order = goods.stock[:, None], goods.on_order[:, None]
    gone = outdated_by(times.cover_h)
    ahead = older[:, None] - outdated_by(times.fresh_h)
    return Outlook(
        need=cover - np.maximum(stock - gone, before) - on_order,
        outlet=np.maximum(fresh - np.maximum(ahead, before), 0) - on_order,
        probability=probability,
        missed=np.maximum(before - (stock - outdated_by(times.arrival_h)), 0),
        outdated=gone,
        asked=cover,
    )


def order_quantity(outlook: Outlook, costs: Costs) -> FloatArray:
    """Return the pieces with the least expected cost, as a fraction; below 0, goods in excess.

    A newsvendor with two prices for a piece too many: held if the next delivery finds it, and
    outdated besides if it expires. What an order outdates is charged to that order, though it
    happens cycles later: Nahmias (1976), Myopic approximations for the perishable inventory
    problem. Management Science 22(9). It costs least where
    held P(need <= q) + outdated P(outlet <= q) reaches lost P(need > q).

    Args:
        outlook: What the order meets.
        costs: Per piece.

    Returns:
        Pieces, (lines).
    """
    need, outlet, probability = outlook.need, outlook.outlet, outlook.probability
    at_need = (costs.lost + costs.held)[:, None] * probability
    at_outlet = costs.outdated[:, None] * probability
    return base_stock(
        np.concatenate([need, outlet], axis=1),
        np.concatenate([at_need, at_outlet], axis=1),
        costs.lost,
    )


def shelf_life_cap(outlook: Outlook, sell_through: float) -> FloatArray:
    """Return the most pieces of which the last one sells in time with the given probability.

    Args:
        outlook: What the order meets.
        sell_through: Probability, above 0.

    Returns:
        Pieces, (lines).
    """
    lines = len(outlook.outlet)
    return -base_stock(-outlook.outlet, outlook.probability, np.full(lines, sell_through))


def expected_cost(quantity: FloatArray, outlook: Outlook, costs: Costs) -> FloatArray:
    """Return what an order is expected to cost, money, (lines).

    Args:
        quantity: Pieces ordered, (lines).
        outlook: What they meet.
        costs: Per piece.
    """
    need, outlet, probability = outlook.need, outlook.outlet, outlook.probability
    return np.asarray(
        costs.lost * expected_excess(need, probability, quantity)
        + costs.held * expected_rest(need, probability, quantity)
        + costs.outdated * expected_rest(outlet, probability, quantity)
    )


def round_to_batches(
    quantity: FloatArray, batch_size: FloatArray, outlook: Outlook, costs: Costs
) -> FloatArray:
    """Return the whole batches below or above a quantity, whichever is expected to cost less.

    Costs are convex in the quantity: no other number of batches costs less than both. In a tie
    the smaller order wins.

    Args:
        quantity: Pieces wanted, (lines).
        batch_size: Pieces in a batch, (lines).
        outlook: What the order meets.
        costs: Per piece.

    Returns:
        Pieces, a multiple of the batch and not negative, (lines).
    """
    below = np.floor(np.maximum(quantity, 0) / batch_size) * batch_size
    above = np.ceil(np.maximum(quantity, 0) / batch_size) * batch_size
    saving = expected_cost(below, outlook, costs) - expected_cost(above, outlook, costs)
    return np.where(saving > _ROUNDING * costs.lost, above, below)
