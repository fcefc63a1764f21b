"""The policy `forecast`: hand-computed lines, what holds for any line, and what it is worth."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartshelf_dagster.domain.forecast_policy import forecast_policy
from smartshelf_dagster.domain.ordering import (
    EXPLANATION,
    Economics,
    Policy,
    order_up_to,
    plan_orders,
)
from tests.helpers.shelf_life import Outcome, Shop, Situation

CUTOFF = datetime(2026, 2, 1, 12, tzinfo=UTC)
DELIVERY, COVERED = CUTOFF + timedelta(hours=20), CUTOFF + timedelta(hours=68)
SUNDAY = CUTOFF.date()
# What is forecast here is what comes: there is no reason to expect more.
HOURS = Economics(opens_h=8.0, closes_h=21.0, spread_factor=1.0)
LEVELS = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98)
ITEM = {
    "store_id": "S001", "shelf_id": "A", "category": "FISH", "batch_size": 1, "list_price": 2.0,
    "shelf_stock": 0, "in_transit": 0, "warehouse_stock": 0, "warehouse_on_hand": 0,
    "expiring_qty": 0, "warehouse_capacity": 10_000, "reorder_point": 10, "on_order_qty": 0,
    "life_days": 200.0, "sales_days": 28.0, "units_28d": 280, "units_squared_28d": 2_800,
    "as_of_ts": CUTOFF, "delivery_ts": DELIVERY, "covers_until_ts": COVERED,
}  # fmt: skip
# 9 of 35 trading hours pass before the delivery.
STEADY = {"before": (9.0, 9.0), "cover": (35.0, 35.0)}


def demand_of(
    levels: tuple[float, ...] = (0.1, 0.9),
    shelf_id: str = "A",
    **until: tuple[float, ...],
) -> pl.DataFrame:
    times = {"before": DELIVERY, "cover": COVERED}
    return pl.DataFrame(
        [
            {
                "store_id": "S001", "shelf_id": shelf_id, "until_ts": times[name],
                "quantile": level, "demand": float(demand),
            }
            for name, quantiles in until.items()
            for level, demand in zip(levels, quantiles, strict=True)
        ]
    )  # fmt: skip


def lots_of(*lots: tuple[int, int], shelf_id: str = "A") -> pl.DataFrame:
    """Lots as (days of sale left after today, pieces)."""
    return pl.DataFrame(
        [("S001", shelf_id, SUNDAY + timedelta(days=days), pieces) for days, pieces in lots],
        schema={
            "store_id": pl.String,
            "shelf_id": pl.String,
            "expiry_date": pl.Date,
            "quantity": pl.Int64,
        },
        orient="row",
    )


def line(
    demand: pl.DataFrame,
    *lots: tuple[int, int],
    economics: Economics = HOURS,
    **item: object,
) -> dict[str, object]:
    positions = pl.DataFrame([ITEM | item])
    return plan_orders(positions, forecast_policy(demand, lots_of(*lots), economics)).to_dicts()[0]


def test_line_explains_itself() -> None:
    """35 pieces asked for, 9 of them before the delivery: of 20 there, 15 are to come."""
    explained = line(demand_of(**STEADY), shelf_stock=8, in_transit=2, warehouse_stock=10)
    assert explained == {
        "store_id": "S001", "shelf_id": "A", "stock_qty": 20, "on_order_qty": 0,
        "target_qty": 35, "needed_qty": 15, "planned_qty": 15, "bound": "none",
        "source": "forecast", "demand_mean": pytest.approx(35), "critical_ratio": pytest.approx(0.9),
        "level_quantile": pytest.approx(1), "expected_outdated": 0, "expected_order_outdated": 0,
        "expected_lost": 0,
    }  # fmt: skip


def test_what_is_lost_before_the_delivery_is_not_ordered() -> None:
    empty = line(demand_of(**STEADY))
    assert (empty["planned_qty"], empty["expected_lost"]) == (26, pytest.approx(9))


def test_what_is_on_order_is_not_ordered_again() -> None:
    assert line(demand_of(**STEADY), on_order_qty=20)["planned_qty"] == 6


def test_goods_that_expire_before_they_are_sold_are_no_stock() -> None:
    """30 pieces whose last day is today, on which 9 are sold: 21 expire, 26 are asked for later."""
    old = line(demand_of(**STEADY), (0, 30), shelf_stock=30)
    assert (old["stock_qty"], old["planned_qty"]) == (9, 26)
    assert old["expected_outdated"] == pytest.approx(21)
    assert line(demand_of(**STEADY), (9, 30), shelf_stock=30)["planned_qty"] == 5


def test_goods_of_the_last_day_before_the_delivery_are_gone_when_it_comes() -> None:
    """50 pieces to be sold until Tuesday's close, 35 are asked for until Wednesday's delivery."""
    assert line(demand_of(**STEADY), (2, 50), shelf_stock=50)["stock_qty"] == 35


def test_counts_below_zero_are_no_stock_and_no_lots() -> None:
    """A sensor missed an arrival, or a lot was sold by another's name."""
    missed = line(demand_of(**STEADY), warehouse_stock=-5)
    assert (missed["stock_qty"], missed["planned_qty"]) == (0, 26)
    odd = line(demand_of(**STEADY), (0, -10), (1, 40), shelf_stock=40)
    assert odd == line(demand_of(**STEADY), (1, 40), shelf_stock=40)


def test_lots_do_not_count_for_more_than_the_stock() -> None:
    assert line(demand_of(**STEADY), (0, 500), shelf_stock=30)["stock_qty"] == 9


def test_expired_lots_are_not_counted() -> None:
    assert line(demand_of(**STEADY), (-1, 30), shelf_stock=30)["expected_outdated"] == 0


def test_no_more_is_ordered_than_sells_before_it_expires() -> None:
    """Delivered on Monday for Monday only: 13 pieces, though 26 are asked for until Wednesday."""
    one_day = line(demand_of(**STEADY), life_days=0.0)
    assert (one_day["planned_qty"], one_day["bound"]) == (13, "shelf_life")
    assert one_day["expected_lost"] == pytest.approx(9 + 13)


def test_what_is_on_order_sells_first_and_expires_for_itself() -> None:
    """20 pieces are on order for the 13 of Monday: no more, and none of this order's expire."""
    ordered = line(demand_of(**STEADY), life_days=0.0, on_order_qty=20)
    assert (ordered["planned_qty"], ordered["expected_order_outdated"]) == (0, 0)
    assert line(demand_of(**STEADY), life_days=0.0, on_order_qty=5)["planned_qty"] == 8


def test_last_piece_sells_with_the_probability_asked_for() -> None:
    """Demand until Monday's close is 9 + 13 / 26 of what is asked for from then to Wednesday."""
    unsure = demand_of(LEVELS, before=(9.0,) * 8, cover=(11, 17, 22, 35, 48, 55, 59, 63))
    rich = {"cost_frac": 0.1, "goodwill_frac": 9.0}
    orders = [
        line(unsure, life_days=0.0, economics=replace(HOURS, **rich, sell_through=share))[
            "planned_qty"
        ]
        for share in (0.9, 0.5, 0.1)
    ]
    assert orders == [4, 13, 23]


def test_margin_and_waste_set_the_quantile_of_goods_that_expire() -> None:
    spread = demand_of(LEVELS, before=(9.0,) * 8, cover=(11, 17, 22, 35, 48, 55, 59, 63))
    costs = [
        replace(HOURS, cost_frac=cost, goodwill_frac=0, sell_through=0.01)
        for cost in (0.2, 0.5, 0.9)
    ]
    quantiles = [line(spread, life_days=1.0, economics=e)["level_quantile"] for e in costs]
    assert quantiles == sorted(quantiles, reverse=True)
    # All of a delivery that lives two days is sold or lost with the cycle: the newsvendor.
    assert quantiles == pytest.approx([0.8, 0.5, 0.1], abs=0.05)


def test_ratio_is_not_above_what_the_forecast_knows() -> None:
    assert line(demand_of((0.1, 0.8), **STEADY))["critical_ratio"] == pytest.approx(0.8)
    dear = replace(HOURS, holding_rate=400.0)
    assert line(demand_of((0.1, 0.8), **STEADY), economics=dear)["critical_ratio"] < 0.5


def test_batch_that_costs_more_than_it_saves_is_not_ordered() -> None:
    """2 pieces are missing: a batch of 50 that lives a day is 48 pieces of waste."""
    little = line(demand_of(**STEADY), shelf_stock=33, life_days=1.0, batch_size=50)
    assert (little["needed_qty"], little["planned_qty"], little["bound"]) == (2, 0, "batch")
    assert little["expected_lost"] == pytest.approx(2)
    lasting = line(demand_of(**STEADY), shelf_stock=33, batch_size=5)
    assert (lasting["planned_qty"], lasting["bound"]) == (5, "batch")


def test_expected_loss_is_that_of_what_fits() -> None:
    full = line(demand_of(**STEADY), warehouse_capacity=10)
    assert (full["planned_qty"], full["bound"]) == (10, "capacity")
    assert full["expected_lost"] == pytest.approx(9 + 16)


def test_lines_without_a_full_forecast_fall_back() -> None:
    """B has no forecast, C lacks a quantile, D has one that is no number."""
    positions = pl.DataFrame([ITEM | {"shelf_id": name} for name in "ABCD"])
    demand = pl.concat(
        [
            demand_of(**STEADY),
            demand_of(**STEADY, shelf_id="C").head(3),
            demand_of(before=(9.0, 9.0), cover=(35.0, float("nan")), shelf_id="D"),
        ]
    )
    plan = plan_orders(positions, forecast_policy(demand, lots_of(), HOURS))
    assert dict(plan.select("shelf_id", "source").iter_rows()) == {
        "A": "forecast", "B": "order-up-to", "C": "order-up-to", "D": "order-up-to",
    }  # fmt: skip
    plain = plan_orders(positions, order_up_to)
    fallen = plan.filter(pl.col("source") == "order-up-to")
    assert fallen.select(plain.columns).equals(plain.filter(pl.col("shelf_id") != "A"))
    assert fallen.select(EXPLANATION[1:]).null_count().row(0) == (3,) * len(EXPLANATION[1:])


@pytest.mark.parametrize("demand", [demand_of(**STEADY).clear(), demand_of((0.5,), cover=(9.0,))])
def test_without_quantiles_every_line_falls_back(demand: pl.DataFrame) -> None:
    assert line(demand)["source"] == "order-up-to"


def test_times_at_which_the_store_is_closed_are_one() -> None:
    """Until 21:00 and until 08:00 the next day the same is asked for."""
    closing = demand_of(**STEADY).with_columns(
        until_ts=pl.col("until_ts").replace(DELIVERY, CUTOFF.replace(hour=21))
    )
    both = pl.concat([closing, demand_of(**STEADY)]).unique()
    assert line(both) == line(demand_of(**STEADY))


def test_forecast_of_what_has_passed_is_none() -> None:
    past = demand_of(**STEADY).with_columns(pl.col("until_ts") - timedelta(days=3))
    assert line(past)["source"] == "order-up-to"


_GROWING = st.lists(st.integers(0, 30), min_size=3, max_size=3).map(
    lambda steps: tuple(float(total) for total in np.cumsum(steps))
)
_LOTS = st.dictionaries(st.integers(0, 12), st.integers(1, 40), max_size=4)
_ITEM = st.fixed_dictionaries(
    {
        "batch_size": st.integers(1, 40),
        "warehouse_stock": st.integers(-5, 150),
        "warehouse_on_hand": st.integers(0, 300),
        "warehouse_capacity": st.integers(0, 400),
        "on_order_qty": st.integers(0, 60),
        "life_days": st.none() | st.floats(0, 20),
        "list_price": st.floats(0.2, 50),
    }
)
_SOME = (0.1, 0.5, 0.95)


def forecast_of(before: tuple[float, ...], after: tuple[float, ...]) -> pl.DataFrame:
    return demand_of(_SOME, before=before, cover=tuple(np.add(before, after)))


@settings(deadline=None, max_examples=50)
@given(_GROWING, _GROWING, _LOTS, _ITEM)
def test_orders_are_whole_batches_that_fit_and_explained_in_bounds(
    before: tuple[float, ...],
    after: tuple[float, ...],
    lots: dict[int, int],
    item: dict[str, object],
) -> None:
    ordered = line(forecast_of(before, after), *lots.items(), **item)
    planned, batch = ordered["planned_qty"], item["batch_size"]
    room = item["warehouse_capacity"] - item["warehouse_on_hand"] - item["on_order_qty"]
    assert planned % batch == 0
    assert 0 <= planned <= max(room, 0)
    if ordered["bound"] != "capacity":
        assert abs(planned - ordered["needed_qty"]) < batch
    held = max(item["warehouse_stock"], 0)
    assert 0 <= ordered["expected_outdated"] <= held
    assert 0 <= ordered["stock_qty"] <= held
    assert ordered["target_qty"] >= 0
    assert 0 <= ordered["expected_order_outdated"] <= planned
    assert ordered["expected_lost"] >= 0


@settings(deadline=None, max_examples=50)
@given(_GROWING, _GROWING, _LOTS, _ITEM, st.integers(1, 60), st.integers(0, 12))
def test_more_stock_never_orders_more(
    before: tuple[float, ...],
    after: tuple[float, ...],
    lots: dict[int, int],
    item: dict[str, object],
    more: int,
    days: int,
) -> None:
    demand = forecast_of(before, after)
    stocked = item | {"warehouse_stock": sum(lots.values())}
    fuller = item | {"warehouse_stock": sum(lots.values()) + more}
    added = lots | {days: lots.get(days, 0) + more}
    poor = line(demand, *lots.items(), **stocked)
    rich = line(demand, *added.items(), **fuller)
    assert rich["planned_qty"] <= poor["planned_qty"]
    assert rich["expected_outdated"] >= poor["expected_outdated"] - 1e-9


@settings(deadline=None, max_examples=50)
@given(_GROWING, _GROWING, _LOTS, _ITEM, st.integers(1, 40))
def test_more_demand_never_lowers_the_level(
    before: tuple[float, ...],
    after: tuple[float, ...],
    lots: dict[int, int],
    item: dict[str, object],
    more: int,
) -> None:
    busier = tuple(pieces + more for pieces in after)
    quiet = line(forecast_of(before, after), *lots.items(), **item)
    busy = line(forecast_of(before, busier), *lots.items(), **item)
    assert busy["target_qty"] >= quiet["target_qty"]
    assert busy["expected_outdated"] <= quiet["expected_outdated"] + 1e-9


@settings(deadline=None, max_examples=50)
@given(_GROWING, _GROWING, _LOTS, _ITEM, st.floats(0, 0.5), st.floats(0, 0.4))
def test_dearer_lost_sales_never_lower_the_level(
    before: tuple[float, ...],
    after: tuple[float, ...],
    lots: dict[int, int],
    item: dict[str, object],
    goodwill: float,
    more: float,
) -> None:
    demand = forecast_of(before, after)
    low, high = (
        line(demand, *lots.items(), economics=replace(HOURS, goodwill_frac=value), **item)
        for value in (goodwill, goodwill + more)
    )
    assert low["critical_ratio"] <= high["critical_ratio"] + 1e-9
    assert low["target_qty"] <= high["target_qty"]
    assert low["planned_qty"] <= high["planned_qty"]


@settings(deadline=None, max_examples=50)
@given(_GROWING, _GROWING, _LOTS)
def test_nothing_expires_that_lives_longer_than_any_demand(
    before: tuple[float, ...], after: tuple[float, ...], lots: dict[int, int]
) -> None:
    long = {days + 3_000: pieces for days, pieces in lots.items()}
    ordered = line(
        forecast_of(before, after),
        *long.items(),
        warehouse_stock=sum(lots.values()),
        life_days=3_000.0,
    )
    assert ordered["expected_outdated"] == 0
    assert ordered["expected_order_outdated"] == pytest.approx(0) or after[-1] == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(_GROWING, _GROWING, _LOTS, _ITEM), min_size=2, max_size=5), st.randoms())
def test_order_of_rows_does_not_matter(lines: list[tuple], chance: object) -> None:
    positions, demands, lots = [], [], []
    for number, (before, after, held, item) in enumerate(lines):
        name = f"I{number}"
        positions.append(ITEM | item | {"shelf_id": name, "store_id": "S001"})
        demands.append(forecast_of(before, after).with_columns(shelf_id=pl.lit(name)))
        lots.append(lots_of(*held.items(), shelf_id=name))
    frames = [
        pl.DataFrame(positions, infer_schema_length=None),
        pl.concat(demands),
        pl.concat(lots),
    ]
    plain, mixed = (
        plan_orders(rows, forecast_policy(demand, aged, HOURS)).sort("shelf_id")
        for rows, demand, aged in (frames, [shuffled(frame, chance) for frame in frames])
    )
    assert plain.equals(mixed)


def shuffled(frame: pl.DataFrame, chance: object) -> pl.DataFrame:
    places = list(range(len(frame)))
    chance.shuffle(places)
    return frame[places]


def ordered_by(situation: Situation, policy: Policy) -> np.ndarray:
    return plan_orders(situation.positions(), policy).sort("shelf_id")["planned_qty"].to_numpy()


def compared(shop: Shop, levels: tuple[float, ...] = LEVELS) -> tuple[Outcome, Outcome]:
    """What comes of the policy that knows the distribution of demand, and of order-up-to."""

    def by_forecast(situation: Situation) -> np.ndarray:
        policy = forecast_policy(situation.forecast(levels), situation.lot_table(), HOURS)
        return ordered_by(situation, policy)

    def by_order_up_to(situation: Situation) -> np.ndarray:
        return ordered_by(situation, order_up_to)

    forecast, simple = (
        shop.run(plan, days=91, warm_up=35, seed=11) for plan in (by_forecast, by_order_up_to)
    )
    return forecast, simple


ITEMS = 90
MEANS = np.tile([2.0, 4.0, 8.0, 16.0, 30.0], ITEMS // 5)


# Two standard deviations are the 98 % quantile of lumpy demand, and more of regular demand.
@pytest.mark.parametrize(("dispersion", "top"), [(1.0, 0.99), (1.8, 0.98)])
@pytest.mark.parametrize("earliest_share", [1.0, 0.8])
def test_short_lived_goods_are_sold_as_often_and_thrown_away_less(
    dispersion: float, top: float, earliest_share: float
) -> None:
    shop = Shop(MEANS, dispersion, 9, np.ones(ITEMS, dtype=np.int64), earliest_share)
    forecast, simple = compared(shop, (*LEVELS[:-1], top))
    assert forecast.fill >= simple.fill
    assert forecast.waste < 0.5 * simple.waste
    assert forecast.stock <= simple.stock


def test_goods_of_a_few_days_are_ordered_enough_and_not_too_much() -> None:
    """A few more customers go without the goods, and half as much is thrown away."""
    forecast, simple = compared(Shop(MEANS, 1.8, 4, np.ones(ITEMS, dtype=np.int64)))
    assert forecast.fill > 0.985
    assert forecast.waste < 0.5 * simple.waste
    assert forecast.profit > simple.profit


def test_large_batches_of_short_lived_goods_do_not_fill_the_bin() -> None:
    forecast, simple = compared(Shop(MEANS, 1.8, 6, np.full(ITEMS, 12)))
    assert forecast.fill > 0.985
    assert forecast.waste < 0.5 * simple.waste
    assert forecast.stock < simple.stock
    assert forecast.profit > simple.profit


def test_lasting_goods_need_no_more_stock_for_a_higher_fill() -> None:
    forecast, simple = compared(Shop(MEANS, 1.8, 60, np.ones(ITEMS, dtype=np.int64)))
    assert forecast.fill > simple.fill
    assert forecast.stock < simple.stock
