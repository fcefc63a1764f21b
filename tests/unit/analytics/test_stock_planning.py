"""Risks, policies, recommendations and levels of stock: closed forms and what must hold of them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.analytics.demand_outlook import (
    DemandOutlook,
    demand_outlook,
    demand_quantile,
    shortage_probability,
)
from smartshelf_dagster.analytics.inventory_policy import inventory_policy
from smartshelf_dagster.analytics.replenishment import (
    SERVICE_LEVELS,
    Cycle,
    PolicyTerms,
    annual_cost,
    economic_quantity,
    fill_rate,
    policy_under,
    projected_stock,
    service_factor,
    sigma_protection,
    whole_packs,
    whole_pieces,
)
from smartshelf_dagster.analytics.restock import restock_recommendations
from smartshelf_dagster.analytics.stock_optimization import stock_optimization
from smartshelf_dagster.analytics.stock_risk import stock_risk
from smartshelf_dagster.domain.ordering import Economics
from smartshelf_dagster.pipeline.order import demand_to_come
from tests.helpers.predictions import cutoff_at, predictions

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LEVELS = (0.025, 0.1, 0.3, 0.5, 0.7, 0.9, 0.975, 0.99)


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def item(name: str, **given: object) -> dict[str, object]:
    """An item that sells four pieces a day, and has enough."""
    usual = {
        "store_id": "S", "item_id": name, "category": "C", "currency": "EUR", "on_hand": 30,
        "on_order": 0, "inventory_position": 30, "velocity_1h": 0.0, "velocity_24h": 0.0,
        "velocity_7d": 0.0, "history_days": 28, "units_28d": 112, "mean_daily": 4.0,
        "var_daily": 4.0, "list_price": 10.0, "unit_cost": 6.0, "pack_size": 6,
        "life_days": 200.0, "capacity_qty": 500, "abc_class": "A", "demand_class": "smooth",
        "delivery_ts": NOW + timedelta(days=1), "covers_until_ts": NOW + timedelta(days=3),
    }  # fmt: skip
    return usual | given


def stock_of(*items: dict[str, object]) -> pl.DataFrame:
    times = {name: pl.Datetime("us", "UTC") for name in ("delivery_ts", "covers_until_ts")}
    return pl.DataFrame(list(items), schema_overrides=times)


NOTHING_SAID = pl.DataFrame(
    schema={
        "store_id": pl.String, "shelf_id": pl.String, "until_ts": pl.Datetime("us", "UTC"),
        "quantile": pl.Float64, "demand": pl.Float64,
    }
)  # fmt: skip


def said(**daily: float) -> pl.DataFrame:
    """Forecasts of a steady demand per day, spread like independent days."""
    return pl.DataFrame(
        [
            {
                "store_id": "S", "shelf_id": name, "until_ts": NOW + timedelta(days=days),
                "quantile": level,
                "demand": float(demand_quantile(array(level), array(mean * days), array(mean * days))[0]),
            }
            for name, mean in daily.items()
            for days in (1, 3, 7)
            for level in LEVELS
        ],
        schema=NOTHING_SAID.schema,
    )  # fmt: skip


def plan(stock: pl.DataFrame, forecasts: pl.DataFrame = NOTHING_SAID) -> dict[str, pl.DataFrame]:
    outlook = demand_outlook(stock, forecasts, NOW)
    risk = stock_risk(stock, outlook, NOW)
    policy = inventory_policy(stock, outlook, risk, NOW)
    return {
        "risk": risk,
        "policy": policy,
        "restock": restock_recommendations(stock, outlook, risk, policy),
        "optimal": stock_optimization(stock, outlook, policy, NOW),
    }


def test_risk_falls_with_stock_and_rises_with_demand() -> None:
    for dispersion in (1.0, 3.0):
        position = np.arange(60, dtype=np.float64)
        by_stock = shortage_probability(position, array(12), array(12 * dispersion))
        assert (np.diff(by_stock) <= 0).all()
        mean = np.arange(0.5, 40, 0.5)
        by_demand = shortage_probability(array(12), mean, mean * dispersion)
        assert (np.diff(by_demand) >= 0).all()


def test_risk_of_no_stock_and_of_very_much() -> None:
    mean, variance = array(0.2, 3, 80), array(0.2, 12, 300)
    empty = shortage_probability(array(0, 0, 0), mean, variance)
    some = 1 - np.array([np.exp(-0.2), (3 / 12) ** (9 / 9), (80 / 300) ** (6400 / 220)])
    assert (empty >= 0.99 * some).all()
    assert (shortage_probability(array(1e5), mean, variance) < 1e-6).all()
    assert shortage_probability(array(0), array(0), array(0)) == 0


def test_risk_is_the_share_of_simulated_shortages() -> None:
    drawn = np.random.default_rng(7).poisson(5, 20_000)
    score = shortage_probability(array(5), array(5), array(5))[0]
    assert score == pytest.approx(0.384, abs=5e-4)
    assert (drawn > 5).mean() == pytest.approx(score, abs=0.02)


def test_risk_bands_and_cover() -> None:
    stock = stock_of(
        item("enough"),
        item("close", on_hand=14, inventory_position=14),
        item("gone", on_hand=0, inventory_position=0),
        item("unwanted", mean_daily=0.0, var_daily=0.0, units_28d=0),
    )
    risk = plan(stock)["risk"]
    assert dict(risk.select("item_id", "risk_band").rows()) == {
        "enough": "green", "close": "amber", "gone": "red", "unwanted": "green",
    }  # fmt: skip
    covers = dict(risk.select("item_id", "days_of_cover").rows())
    assert covers == {"enough": 7.5, "close": 3.5, "gone": 0.0, "unwanted": None}
    ends = dict(risk.select("item_id", "projected_stockout_ts").rows())
    assert ends["enough"] == NOW + timedelta(days=7.5)
    assert ends["unwanted"] is None


def test_safety_stock_and_reorder_point_in_closed_form() -> None:
    factor = service_factor(array(0.95))
    sigma = sigma_protection(array(10), array(3), array(7), array(1.5))
    safety = factor * sigma
    assert factor[0] == pytest.approx(1.644854, abs=5e-7)
    assert sigma[0] == pytest.approx(16.9706, abs=5e-5)
    assert safety[0] == pytest.approx(27.914, abs=5e-4)
    assert whole_pieces(safety)[0] == 28
    assert 10 * 7 + safety[0] == pytest.approx(97.914, abs=5e-4)
    assert whole_pieces(70 + safety)[0] == 98
    naive = factor * sigma_protection(array(10), array(3), array(7), array(0))
    assert naive[0] == pytest.approx(13.06, abs=5e-3)


def test_economic_quantity_in_closed_form() -> None:
    annual, holding, pack = array(3650), array(1.5), array(12)
    raw = economic_quantity(annual, 50, holding)
    assert raw[0] == pytest.approx(493.288, abs=5e-4)
    assert whole_packs(raw, pack, annual, 50, holding)[0] == 492
    assert annual_cost(array(492), annual, 50, holding)[0] == pytest.approx(739.935, abs=5e-4)
    assert annual_cost(array(504), annual, 50, holding)[0] == pytest.approx(740.103, abs=5e-4)
    rate = fill_rate(service_factor(array(0.95)), array(16.9706), array(492))
    assert rate[0] == pytest.approx(0.99928, abs=5e-6)
    assert np.isnan(economic_quantity(annual, 50, array(0))[0])


def test_safety_stock_rises_with_service_and_with_chance() -> None:
    def safety(level: float, sd: float, lead_sd: float) -> float:
        return float(
            service_factor(array(level))[0]
            * sigma_protection(array(10), array(sd), array(7), array(lead_sd))[0]
        )

    assert safety(0.9, 3, 1) < safety(0.95, 3, 1) < safety(0.98, 3, 1)
    assert safety(0.95, 2, 1) < safety(0.95, 3, 1) < safety(0.95, 3, 2)
    assert safety(0.95, 0, 0) == 0


def test_the_policy_keeps_what_it_promises() -> None:
    """(98, 492) hour by hour: orders at 98 come after 7 days, give or take 1.5."""
    chance = np.random.default_rng(1)
    cycles = 4000
    # Days of 10 pieces with a standard deviation of 3, as sums of independent hours.
    asked = np.cumsum(chance.gamma(100 / 9 / 24, 0.9, size=cycles * 60 * 24))
    leads = np.maximum(np.rint(24 * chance.normal(7, 1.5, size=cycles)), 0).astype(int)
    stock, hour, shortages, missed = 590.0, 0, 0, 0.0
    for lead in leads:
        ordered = int(np.searchsorted(asked, asked[hour] + stock - 98))
        arrived = ordered + lead
        rest = stock - (asked[arrived] - asked[hour])
        shortages += rest < 0
        missed += max(-rest, 0)
        stock, hour = max(rest, 0) + 492, arrived
    assert 1 - shortages / cycles >= 0.93
    assert 1 - missed / asked[hour] >= 0.998


def test_policy_follows_method_class_and_bounds() -> None:
    stock = stock_of(
        item("steady", abc_class="B"),
        item("seldom", demand_class="lumpy", mean_daily=0.3, var_daily=2.0),
        item("young", history_days=10),
        item("short", on_hand=0, inventory_position=0),
        item("fresh", on_hand=0, inventory_position=0, life_days=2.0),
        item("tight", on_hand=0, inventory_position=0, capacity_qty=10),
    )
    policy = plan(stock)["policy"]
    rows = {row["item_id"]: row for row in policy.to_dicts()}
    steady = rows["steady"]
    sigma = np.sqrt(3 * 4 + 16 * 0.25)
    assert steady["sigma_protection"] == pytest.approx(sigma)
    assert steady["safety_stock_raw"] == pytest.approx(1.644854 * sigma, rel=1e-6)
    assert steady["reorder_point"] == np.ceil(12 + 1.644854 * sigma)
    assert {name: row["method"] for name, row in rows.items()} == {
        "steady": "normal", "seldom": "negative_binomial", "young": "fallback",
        "short": "normal", "fresh": "normal", "tight": "normal",
    }  # fmt: skip
    assert rows["young"]["safety_stock"] == 3 * 4
    assert rows["young"]["reorder_point"] == np.ceil(1.2 * 4 * 1 + 12)
    assert rows["young"]["max_stock"] == 30 * 4
    assert (rows["steady"]["recommended_qty"], rows["steady"]["reorder_flag"]) == (0, False)
    wanted = rows["short"]
    assert wanted["recommended_qty"] % 6 == 0
    assert 0 <= wanted["recommended_qty"] - wanted["order_up_to"] < 6
    assert (rows["fresh"]["recommended_qty"], rows["fresh"]["binding_constraint"]) == (
        0,
        "shelf_life",
    )
    assert (rows["tight"]["recommended_qty"], rows["tight"]["binding_constraint"]) == (
        6,
        "capacity",
    )
    assert rows["seldom"]["safety_stock_raw"] == pytest.approx(
        demand_quantile(array(0.98), array(0.9), array(6))[0] - 0.9
    )


def test_policy_by_forecast_takes_its_quantile() -> None:
    policy = plan(stock_of(item("A")), said(A=4))["policy"].row(0, named=True)
    assert policy["method"] == "forecast_quantile"
    assert policy["reorder_point"] == pytest.approx(
        demand_quantile(array(0.98), array(12), array(12))[0], abs=1
    )
    assert PolicyTerms().service_levels == (0.98, 0.95, 0.90)


EVERY_METHOD = (
    item("steady"), item("seldom", demand_class="lumpy", mean_daily=0.5, var_daily=2.0),
    item("young", history_days=10), item("told"),
)  # fmt: skip


def test_a_published_policy_under_the_same_terms_is_itself() -> None:
    policy = plan(stock_of(*EVERY_METHOD), said(told=5))["policy"]
    assert set(policy["method"]) == {"normal", "negative_binomial", "fallback", "forecast_quantile"}
    assert policy_under(policy, PolicyTerms()).select(policy.columns).equals(policy)


@pytest.mark.parametrize("name", ["steady", "seldom", "told"])
def test_more_service_and_later_goods_ask_for_more_stock(name: str) -> None:
    policy = plan(stock_of(*EVERY_METHOD), said(told=5))["policy"]
    one = policy.filter(pl.col("item_id") == name)

    def under(**terms: object) -> dict[str, float]:
        return policy_under(one, PolicyTerms(**terms)).row(0, named=True)  # type: ignore[arg-type]

    by_service = [
        under(service_levels=(level,) * 3)["safety_stock_raw"] for level in SERVICE_LEVELS
    ]
    by_delay = [under(lead_time_extra_d=days) for days in (0.0, 1.0, 4.0)]
    assert by_service == sorted(by_service)
    assert by_service[0] < by_service[-1]
    for column in ("safety_stock_raw", "reorder_point"):
        found = [row[column] for row in by_delay]
        assert found == sorted(found)
        assert found[0] < found[-1]


def test_later_goods_of_a_forecast_stray_with_the_root_of_time() -> None:
    told = plan(stock_of(item("told")), said(told=5))["policy"]
    usual, later = (
        policy_under(told, PolicyTerms(lead_time_extra_d=days)).row(0, named=True)
        for days in (0.0, 9.0)
    )
    # Twelve days instead of three.
    assert later["safety_stock_raw"] == pytest.approx(2 * usual["safety_stock_raw"])
    assert later["reorder_point"] == np.ceil(
        12 * usual["demand_mean_d"] + 2 * usual["safety_stock_raw"] - 1e-9
    )


def test_costs_decide_quantities_and_leave_levels_alone() -> None:
    policy = plan(stock_of(item("steady")))["policy"]
    dear = policy_under(policy, PolicyTerms(order_cost=200.0)).row(0, named=True)
    held = policy_under(policy, PolicyTerms(holding_rate=1.0)).row(0, named=True)
    usual = policy.row(0, named=True)
    assert dear["eoq_raw"] == pytest.approx(2 * usual["eoq_raw"])
    assert held["eoq_raw"] == pytest.approx(usual["eoq_raw"] / 2)
    assert dear["reorder_point"] == held["reorder_point"] == usual["reorder_point"]


def test_a_service_level_without_a_quantile_is_refused() -> None:
    policy = plan(stock_of(item("steady")))["policy"]
    with pytest.raises(ValueError, match=r"service_levels: \[0.97\] is not among \[0.8, 0.85"):
        policy_under(policy, PolicyTerms(service_levels=(0.97, 0.95, 0.9)))


def test_projected_stock_is_a_saw_tooth_that_orders_keep_up() -> None:
    cycle = Cycle(daily=4, level=30, pack=6, lead_time_d=1, review_period_d=2)
    corners = projected_stock(10, 5, cycle, 7).rows()
    assert corners[0] == (0, 10)
    # 15 are missing to 30: three packs come a day later, with the five that were on order.
    assert (1, 6) in corners
    assert (1, 6 + 18 + 5) in corners
    days, stock = zip(*corners, strict=True)
    assert list(days) == sorted(days)
    assert max(stock) <= 30 + 5
    came = sum(max(after - before, 0) for before, after in pairwise(stock))
    assert stock[-1] == pytest.approx(10 + came - 4 * 7)


def test_projected_stock_stays_at_nothing_until_goods_come() -> None:
    late = Cycle(daily=4, level=30, pack=6, lead_time_d=5, review_period_d=2)
    corners = projected_stock(8, 0, late, 6).rows()
    assert (2, 0) in corners
    assert min(stock for _, stock in corners) == 0
    assert (5, 24) in corners, "what was missing when it was ordered"
    unwanted = Cycle(daily=0, level=0, pack=6, lead_time_d=1, review_period_d=2)
    assert set(projected_stock(8, 0, unwanted, 6)["stock"]) == {8}


def test_a22_a_week_is_compared_with_a_week() -> None:
    """The source divided the sum of a week by the mean line of a receipt: nearly all was high."""
    names = ("same", "double", "more", "less")
    stock = stock_of(*(item(name) for name in names), item("untold"))
    found = plan(stock, said(same=4, double=8, more=5.2, less=2))["restock"]
    rows = {row["item_id"]: row for row in found.to_dicts()}
    assert rows["same"]["demand_ratio"] == pytest.approx(1, abs=0.01)
    assert {name: row["recommendation"] for name, row in rows.items()} == {
        "same": "NORMAL", "double": "HIGH_DEMAND", "more": "MODERATE_INCREASE",
        "less": "LOW_DEMAND", "untold": None,
    }  # fmt: skip
    assert rows["double"]["priority"] == "High"
    assert rows["less"]["priority"] == "Low"
    assert rows["untold"]["priority"] == "Normal", "by its stock alone"
    empty = plan(stock_of(item("untold", on_hand=0, inventory_position=0)))["restock"]
    assert empty.select("recommendation", "priority").rows() == [(None, "High")]


def test_a23_the_target_is_no_function_of_past_sales() -> None:
    """The source's target was its own feature, total sales, times a constant."""
    stock = stock_of(item("A"), item("B"))
    forecasts = said(A=4, B=9)
    levels = plan(stock, forecasts)["optimal"]["optimal_stock"]
    assert levels[1] > levels[0], "same sales, other demand"
    shuffled = stock.with_columns(units_28d=pl.Series([7, 900]), mean_daily=pl.Series([0.2, 30.0]))
    assert plan(shuffled, forecasts)["optimal"]["optimal_stock"].equals(levels)


def test_optimal_stock_rises_with_the_critical_ratio() -> None:
    stock = stock_of(*(item(f"I{price}", list_price=float(price)) for price in range(10, 90, 10)))
    outlook = demand_outlook(stock, NOTHING_SAID, NOW)
    policy = inventory_policy(stock, outlook, stock_risk(stock, outlook, NOW), NOW)
    dear = stock_optimization(stock, outlook, policy, NOW, Economics(holding_rate=100))
    ordered = dear.sort("critical_ratio")["optimal_stock"]
    assert ordered.is_sorted()
    assert ordered[0] < ordered[-1]


def test_optimal_stock_costs_no_more_than_the_policy_or_the_policy_stays() -> None:
    stock = stock_of(
        item("A"), item("B", on_hand=2, inventory_position=2), item("C", life_days=1.0)
    )
    optimal = plan(stock)["optimal"]
    assert (optimal["expected_cost_optimal"] <= optimal["expected_cost_current"] + 1e-9).all()
    assert (optimal["saving"] >= -1e-9).all()
    assert set(optimal["chosen"]) <= {"optimal", "policy"}
    assert (optimal["p10"] <= optimal["p90"]).all()
    short_lived = optimal.filter(pl.col("item_id") == "C")["critical_ratio"][0]
    assert short_lived < optimal["critical_ratio"][0]


def test_outlook_reads_the_forecasts_of_a_lake() -> None:
    """Of a forecast made on Sunday noon, what is left on Monday noon until Friday morning."""
    until = datetime(2026, 3, 6, 8, tzinfo=UTC)
    stock = stock_of(item("A", covers_until_ts=until), item("B", covers_until_ts=until))
    made = predictions(cutoff_at(NOW - timedelta(days=1)), {("S", "A"): 8.0})
    found = demand_outlook(stock, demand_to_come(made, NOW), NOW).items
    days = (until - NOW) / timedelta(days=1)
    assert found["source"].to_list() == ["forecast", "history"]
    assert found["mean"].to_list() == pytest.approx([8 * days, 4 * days], rel=0.1)
    assert found["week_mean"].to_list() == [pytest.approx(56, rel=0.1), None]


def test_nothing_stocked_plans_nothing() -> None:
    stock = stock_of(item("A")).clear()
    outlook = demand_outlook(stock, NOTHING_SAID, NOW)
    assert isinstance(outlook, DemandOutlook)
    assert [frame.height for frame in plan(stock).values()] == [0, 0, 0, 0]
