"""Inventory theory: figures of textbooks and of exact optima, and what holds for any input."""

from datetime import UTC, datetime, timedelta
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartshelf_dagster.domain.inventory import (
    SCENARIO_PROBABILITY,
    Costs,
    Goods,
    Outlook,
    Times,
    base_stock,
    critical_ratio,
    demand_scenarios,
    demand_until,
    expected_cost,
    expected_excess,
    expected_rest,
    look_ahead,
    order_quantity,
    outdated_until,
    round_to_batches,
    shelf_life_cap,
    trading_hours,
)
from tests.helpers.shelf_life import (
    cost_per_period,
    count_distribution,
    count_quantiles,
    draw_counts,
)

CERTAIN = np.array([1.0])
COUNTS = np.arange(600.0)[None]
LEVELS = (0.025, 0.1, 0.5, 0.9, 0.98)


def one(value: float) -> np.ndarray:
    return np.array([float(value)])


@pytest.mark.parametrize(
    ("price", "cost", "salvage", "ratio", "level"),
    [(3, 2, 0.8, 0.4545, 19), (3, 2, 0, 0.3333, 18), (10, 4, 0, 0.6, 21)],
)
def test_newsvendor_weighs_margin_against_what_is_thrown_away(
    price: float, cost: float, salvage: float, ratio: float, level: int
) -> None:
    found = critical_ratio(one(price - cost), one(cost - salvage))
    assert found[0] == pytest.approx(ratio, abs=5e-5)
    assert base_stock(COUNTS, count_distribution(20), found)[0] == level


def test_newsvendor_of_snyder_and_shen_with_poisson_demand() -> None:
    """Fundamentals of Supply Chain Theory, example 4.3: h 0.18, p 0.70, mean 50."""
    demand, costs = count_distribution(50), (one(0.70), one(0.18))
    assert base_stock(COUNTS, demand, critical_ratio(*costs))[0] == 56

    def cost(level: float) -> float:
        short = expected_excess(COUNTS, demand, one(level))[0]
        return 0.70 * short + 0.18 * expected_rest(COUNTS, demand, one(level))[0]

    assert cost(56) == pytest.approx(1.797235, abs=1e-6)
    assert cost(40) == pytest.approx(7.188568, abs=1e-6)


def test_loss_function_of_counts() -> None:
    assert expected_excess(COUNTS, count_distribution(15), one(18))[0] == pytest.approx(
        0.5176095, abs=1e-7
    )
    # 6 successes of probability 0.3: mean 14, variance / mean 1 / 0.3.
    assert expected_excess(COUNTS, count_distribution(14, 1 / 0.3), one(14))[0] == pytest.approx(
        2.6829458, abs=1e-7
    )


SUNDAY_NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cutoff_day", "next_cutoff_day", "hours", "trading"),
    [(0, 2, 68, 35), (2, 4, 68, 35), (4, 7, 92, 48)],
)
def test_an_order_lasts_from_its_cutoff_to_the_delivery_after_its_own(
    cutoff_day: int, next_cutoff_day: int, hours: int, trading: int
) -> None:
    start = SUNDAY_NOON + timedelta(days=cutoff_day)
    end = SUNDAY_NOON + timedelta(days=next_cutoff_day, hours=20)
    assert trading_hours(start, end, 0, 24) == hours
    assert trading_hours(start, end, 8, 21) == trading
    assert trading_hours(end, start, 8, 21) == -trading


def test_trading_hours_stand_still_at_night() -> None:
    evening = SUNDAY_NOON.replace(hour=23)
    assert trading_hours(evening, evening + timedelta(hours=9), 8, 21) == 0
    assert trading_hours(evening, evening + timedelta(hours=9, minutes=30), 8, 21) == 0.5


@pytest.mark.parametrize(
    ("hours", "dispersion", "levels"),
    [
        (68, 1, (35, 37, 41)),
        (92, 1, (46, 49, 53)),
        (68, 2, (38, 42, 48)),
        (92, 2, (50, 54, 61)),
    ],
)
def test_base_stock_covers_the_whole_protection_interval(
    hours: int, dispersion: float, levels: tuple[int, ...]
) -> None:
    """10 a day: neither the lead time (20 h) nor the review period (2 days) alone is enough."""
    demand = count_distribution(10 * hours / 24, dispersion)
    found = [base_stock(COUNTS, demand, one(ratio))[0] for ratio in (0.90, 0.95, 0.99)]
    assert found == list(levels)


@pytest.mark.parametrize("mean", [2, 5, 20, 80])
@pytest.mark.parametrize("dispersion", [1, 2])
def test_scenarios_restore_a_distribution_from_few_quantiles(mean: int, dispersion: float) -> None:
    quantiles = np.array([count_quantiles(mean, dispersion, LEVELS)], dtype=float)
    scenarios = demand_scenarios(np.array(LEVELS), quantiles)
    average = scenarios @ SCENARIO_PROBABILITY
    # Quantiles are whole pieces: that is how far off a mean can be.
    assert average[0] == pytest.approx(mean, abs=0.5)
    spread = scenarios**2 @ SCENARIO_PROBABILITY - average**2
    assert spread[0] == pytest.approx(mean * dispersion, rel=0.25)
    for level, quantile in zip(LEVELS, quantiles[0], strict=True):
        assert base_stock(scenarios, SCENARIO_PROBABILITY, one(level))[0] == pytest.approx(
            quantile, abs=1
        )


def test_scenarios_do_not_cross_when_quantiles_do() -> None:
    crossed = demand_scenarios(np.array([0.1, 0.5, 0.9]), np.array([[5.0, 3.0, 9.0]]))
    sorted_ = demand_scenarios(np.array([0.1, 0.5, 0.9]), np.array([[3.0, 5.0, 9.0]]))
    assert (crossed == sorted_).all()
    assert (np.diff(crossed) >= 0).all()


def test_wider_scenarios_keep_the_median_and_stretch_the_rest() -> None:
    levels = np.array([NormalDist().cdf(z) for z in (-2.0, 0.0, 2.0)])
    usual = demand_scenarios(levels, np.array([[600.0, 1000.0, 1400.0]]))[0]
    wider = demand_scenarios(levels, np.array([[600.0, 1000.0, 1400.0]]), 1.5)[0]
    assert np.abs((wider - 1000) - 1.5 * (usual - 1000)).max() <= 1.25
    assert wider.max() > usual.max() + 300


def test_demand_between_and_beyond_known_times() -> None:
    """Of 4 +- 2 after 2 hours and 9 +- 3 after 4, at 3 hours the middle; at 16 hours, mean 36."""
    demand = np.array([[[2.0, 4, 6], [6, 9, 12]]])
    found = demand_until(
        np.array([2.0, 4]), demand, np.full(3, 1 / 3), np.array([[0, 1, 3, 4, 16]])
    )
    assert found[0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 6.5, 9], [6, 9, 12], [30, 36, 42]]


def test_more_time_is_never_less_demand() -> None:
    """Quantiles of two times need not agree: 5 pieces until 2, and 3 until 4, are 5."""
    found = demand_until(np.array([2.0, 4]), np.array([[[5.0], [3]]]), CERTAIN, np.array([[4.0]]))
    assert found[0].tolist() == [[5]]


def test_goods_expire_by_lot_unless_sold_first() -> None:
    """5 then 3 then 10; sold by then 2, 7 and 9: 3 expire, then 1 more, then 5 more."""
    found = outdated_until(np.array([[5.0, 3, 10]]), np.array([[[2.0], [4], [9]]]))
    assert found[0, :, 0].tolist() == [3, 4, 9]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=8),
    st.lists(st.integers(0, 20), min_size=8, max_size=8),
)
def test_expired_goods_are_those_of_a_shop_that_sells_day_by_day(
    lots: list[int], daily: list[int]
) -> None:
    left, expired = list(lots), []
    for day, asked in enumerate(daily[: len(lots)]):
        still = asked
        for lot in range(day, len(left)):
            taken = min(left[lot], still)
            left[lot] -= taken
            still -= taken
        expired.append(left[day])
    upto = np.cumsum(daily[: len(lots)], dtype=float)
    found = outdated_until(np.array([lots], dtype=float), upto[None, :, None])
    assert found[0, :, 0].tolist() == np.cumsum(expired).tolist()


def certain(stock: float, lots: list[float], until: list[float], before: float) -> Outlook:
    """Demand 10 a day, delivery after `before` days and after 3, goods live 5 days from then."""
    goods = Goods(one(stock), one(0), np.array([lots], dtype=float), np.array([until], dtype=float))
    times = Times(one(before), one(3), one(before + 5))
    return look_ahead(goods, times, lambda t: 10 * t[..., None], CERTAIN)


def test_what_is_lost_before_the_order_comes_is_not_ordered() -> None:
    """Nothing there: the order serves two of the three days; the first is lost."""
    empty = certain(0, [], [], before=1)
    assert (empty.need[0, 0], empty.missed[0, 0], empty.outlet[0, 0]) == (20, 10, 50)
    enough = certain(12, [], [], before=1)
    assert (enough.need[0, 0], enough.missed[0, 0]) == (18, 0)


def test_what_will_have_expired_is_no_stock() -> None:
    """Of 25 pieces that expire after 2 days 20 are sold: 30 asked for in 3 days lack 10."""
    aged = certain(25, [25], [2], before=1)
    assert (aged.need[0, 0], aged.outdated[0, 0], aged.outlet[0, 0]) == (10, 5, 40)
    fresh = certain(25, [25], [9], before=1)
    assert (fresh.need[0, 0], fresh.outdated[0, 0]) == (5, 0)


def test_goods_that_live_longer_are_sold_after_the_order() -> None:
    """Both serve the days until the order expires; what expires before it is sold before it."""
    before, after = certain(40, [40], [4], before=1), certain(40, [40], [9], before=1)
    assert (before.outlet[0, 0], after.outlet[0, 0]) == (20, 50)


def test_goods_that_arrive_expired_are_not_ordered() -> None:
    goods = Goods(one(0), one(0), np.zeros((1, 0)), np.zeros((1, 0)))
    late = look_ahead(goods, Times(one(2), one(4), one(1)), lambda t: 10 * t[..., None], CERTAIN)
    assert shelf_life_cap(late, 0.5)[0] == 0


def outlook(need: np.ndarray, outlet: np.ndarray) -> Outlook:
    nothing = np.zeros_like(need)
    probability = np.full(need.shape[1], 1 / need.shape[1])
    return Outlook(need, outlet, probability, nothing, nothing, nothing)


def test_shelf_life_cap_is_the_last_piece_that_sells_likely_enough() -> None:
    found = outlook(np.zeros((1, 4)), np.array([[9.0, 3, 5, 7]]))
    assert [shelf_life_cap(found, share)[0] for share in (1, 0.75, 0.5, 0.25)] == [3, 5, 7, 9]


_PIECES = st.lists(st.integers(-30, 60), min_size=12, max_size=12)
_PRICES = st.tuples(*[st.floats(0.01, 9)] * 3)


def priced(prices: tuple[float, ...]) -> Costs:
    return Costs(*(one(price) for price in prices))


def costs_of(quantities: np.ndarray, found: Outlook, prices: tuple[float, ...]) -> np.ndarray:
    each = np.zeros((len(quantities), 1))
    repeated = outlook(found.need + each, found.outlet + each)
    return expected_cost(quantities.astype(float), repeated, priced(prices))


@settings(deadline=None)
@given(_PIECES, _PIECES, _PRICES)
def test_no_quantity_costs_less_than_the_one_ordered(
    need: list[int], extra: list[int], prices: tuple[float, ...]
) -> None:
    wanted = np.array([need], dtype=float)
    found = outlook(wanted, wanted + np.abs(np.array([extra])))
    quantity = order_quantity(found, priced(prices))
    best = expected_cost(quantity, found, priced(prices))[0]
    assert best <= costs_of(np.arange(-40, 130), found, prices).min() + 1e-6


@settings(deadline=None)
@given(_PIECES, _PIECES, _PRICES, st.integers(1, 40))
def test_no_number_of_batches_costs_less_than_the_one_chosen(
    need: list[int], extra: list[int], prices: tuple[float, ...], batch: int
) -> None:
    wanted = np.array([need], dtype=float)
    found = outlook(wanted, wanted + np.abs(np.array([extra])))
    quantity = order_quantity(found, priced(prices))
    chosen = round_to_batches(quantity, one(batch), found, priced(prices))
    assert chosen[0] % batch == 0
    assert abs(chosen[0] - max(quantity[0], 0)) < batch
    best = expected_cost(chosen, found, priced(prices))[0]
    assert best <= costs_of(np.arange(0, 140, batch), found, prices).min() + 1e-6


@settings(deadline=None)
@given(_PIECES, st.floats(0.01, 0.99), st.floats(0, 0.5))
def test_level_rises_with_the_critical_ratio(need: list[int], ratio: float, more: float) -> None:
    units, probability = np.array([need], dtype=float), np.full(12, 1 / 12)
    low, high = (base_stock(units, probability, one(r)) for r in (ratio, min(ratio + more, 1)))
    assert low[0] <= high[0]
    assert np.mean(units <= low[0]) >= ratio - 1e-9


@settings(deadline=None)
@given(_PIECES, _PIECES, _PRICES)
def test_shorter_life_never_orders_more(
    need: list[int], extra: list[int], prices: tuple[float, ...]
) -> None:
    wanted = np.array([need], dtype=float)
    life = wanted + np.abs(np.array([extra]))
    short, long = outlook(wanted, life), outlook(wanted, life + 7)
    assert order_quantity(short, priced(prices))[0] <= order_quantity(long, priced(prices))[0]


CARRIED = 30
ORDER_LEVELS = (0.005, 0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.995)


def orders_by_state(life: int, mean: float, prices: tuple[float, float, float]) -> np.ndarray:
    """What the policy orders, at no lead time, by the goods carried over, the oldest first."""
    states = np.indices((CARRIED,) * (life - 1)).reshape(life - 1, -1).T.astype(float)
    lines, lives = len(states), np.arange(1.0, life)
    quantiles = [count_quantiles(mean * n, 1, ORDER_LEVELS) for n in range(1, life + 1)]
    units = demand_scenarios(np.array(ORDER_LEVELS), np.array(quantiles, dtype=float))
    demand = np.broadcast_to(units, (lines, *units.shape))
    held, lost, outdated = (np.full(lines, float(price)) for price in prices)
    costs = Costs(lost=lost, held=held, outdated=outdated)
    ahead = look_ahead(
        Goods(states.sum(axis=1), np.zeros(lines), states, np.broadcast_to(lives, states.shape)),
        Times(np.zeros(lines), np.ones(lines), np.full(lines, float(life))),
        lambda until: demand_until(np.arange(1.0, life + 1), demand, SCENARIO_PROBABILITY, until),
        SCENARIO_PROBABILITY,
    )
    batches = round_to_batches(order_quantity(ahead, costs), np.ones(lines), ahead, costs)
    return batches.astype(int).reshape((CARRIED,) * (life - 1))


@pytest.mark.parametrize(
    ("life", "mean", "prices", "optimum", "base_stock_level", "base_stock_cost", "above"),
    [
        (2, 5, (1, 10, 5), 5.500659, 7, 5.528507, 0.003),
        (2, 5, (0.1, 5, 3), 1.845137, 8, 1.852262, 0.035),
        (3, 4, (0.5, 8, 4), 2.406517, 7, 2.406517, 0.03),
    ],
)
def test_policy_is_close_to_the_exact_optimum_of_perishables(
    life: int,
    mean: float,
    prices: tuple[float, float, float],
    optimum: float,
    base_stock_level: int,
    base_stock_cost: float,
    above: float,
) -> None:
    """Optima by value iteration: Poisson demand, lost sales, FIFO; costs per period.

    The best base stock checks the simulation; the policy charges what it will outdate at once,
    which costs up to 3 % more than the optimum.
    """
    table = orders_by_state(life, mean, prices)
    demand = draw_counts(np.random.default_rng(7), np.array(mean), 1, (1_050, 1_000))

    def policy(carried: np.ndarray) -> np.ndarray:
        return table[tuple(np.minimum(carried, CARRIED - 1).T)]

    def best_base_stock(carried: np.ndarray) -> np.ndarray:
        return np.maximum(base_stock_level - carried.sum(axis=1), 0)

    simulated = cost_per_period(best_base_stock, demand, life, prices)
    assert simulated == pytest.approx(base_stock_cost, rel=0.003)
    assert cost_per_period(policy, demand, life, prices) == pytest.approx(optimum, rel=above)


def test_policy_finds_the_optimal_order_of_every_state() -> None:
    assert orders_by_state(2, 5, (1, 10, 5))[:10].tolist() == [7, 6, 5, 4, 4, 3, 2, 1, 0, 0]
