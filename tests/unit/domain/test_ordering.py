"""Ordering policies: hand-computed lines, and what holds for every policy."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartshelf_dagster.domain.ordering import (
    PARAMETERS,
    POLICIES,
    PolicyParameterError,
    UnknownPolicyError,
    decide_orders,
    parameters_of,
    plan_orders,
    policy_named,
)

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
ITEM = {
    "store_id": "S001", "shelf_id": "A", "category": "SAUCES", "batch_size": 12,
    "shelf_stock": 20, "in_transit": 0, "warehouse_stock": 30, "warehouse_on_hand": 30,
    "expiring_qty": 0, "warehouse_capacity": 200, "reorder_point": 10, "on_order_qty": 0,
    "life_days": 500.0, "sales_days": 28.0, "units_28d": 280, "units_squared_28d": 2_800,
}  # fmt: skip


def plan(policy: str, *items: dict[str, object], days: float = 4.0) -> list[dict[str, object]]:
    positions = pl.DataFrame([ITEM | item for item in items]).with_columns(
        as_of_ts=pl.lit(NOW),
        delivery_ts=pl.lit(NOW + timedelta(hours=18)),
        covers_until_ts=pl.lit(NOW + timedelta(days=days)),
    )
    return plan_orders(positions, policy_named(policy)).to_dicts()


def line(policy: str, days: float = 4.0, **item: object) -> dict[str, object]:
    return plan(policy, item, days=days)[0]


def test_rule_orders_up_to_the_reorder_point_in_whole_batches() -> None:
    """6 in the warehouse, 10 wanted: 4 are missing, a batch has 12."""
    ordered = line("rule", warehouse_stock=6)
    assert ordered == {
        "store_id": "S001", "shelf_id": "A", "stock_qty": 6, "on_order_qty": 0,
        "target_qty": 10, "needed_qty": 4, "planned_qty": 12, "bound": "batch",
    }  # fmt: skip
    assert line("rule", warehouse_stock=10)["planned_qty"] == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_d24_what_is_on_order_is_not_ordered_again(policy: str) -> None:
    empty = {"warehouse_stock": 0, "warehouse_on_hand": 0, "shelf_stock": 0}
    first = line(policy, **empty)["planned_qty"]
    assert first > 0
    assert line(policy, **empty, on_order_qty=first)["planned_qty"] == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_d40_no_policy_orders_what_does_not_fit(policy: str) -> None:
    """Room for 19 pieces is room for one batch of 12; expired goods take room too."""
    full = line(policy, shelf_stock=0, warehouse_stock=0, warehouse_on_hand=181, reorder_point=100)
    assert (full["planned_qty"], full["bound"]) == (12, "capacity")
    over = line(policy, warehouse_on_hand=250, warehouse_stock=0, shelf_stock=0)
    assert over["planned_qty"] == 0


def test_order_up_to_covers_demand_and_its_spread_until_the_delivery_after() -> None:
    """The mean, with 3 prior days of the same mean, is 10 a day; no spread beyond Poisson's.

    Level: 4 days x 10 + 2 x sqrt(10 x 4) = 52.6, so 53 pieces; 50 are there; 3 missing.
    """
    ordered = line("order-up-to", units_squared_28d=2_800)
    assert (ordered["target_qty"], ordered["stock_qty"], ordered["needed_qty"]) == (53, 50, 3)
    assert (ordered["planned_qty"], ordered["bound"]) == (12, "batch")


def test_order_up_to_spread_is_measured_once_there_is_a_week_of_sales() -> None:
    """Variance 28 * (100 + 44) / 28 - 100 = 44: 40 + 2 sqrt(44 x 4) = 66.5."""
    assert line("order-up-to", units_squared_28d=28 * 144)["target_qty"] == 67


def test_order_up_to_new_item_leans_on_its_category() -> None:
    """No sales of its own in 2 days; the category's mean is 5: (0 + 3 x 5) / (2 + 3) = 3 a day.

    Level: 4 x 3 + 2 sqrt(1.8 x 3 x 4) = 21.3.
    """
    new, known = plan(
        "order-up-to",
        {"shelf_id": "NEW", "sales_days": 2.0, "units_28d": 0, "units_squared_28d": 0},
        {"shelf_id": "OLD", "sales_days": 2.0, "units_28d": 20, "units_squared_28d": 200},
    )
    assert new["target_qty"] == 22
    assert known["target_qty"] > new["target_qty"]


def test_order_up_to_does_not_order_what_would_expire_on_the_shelf() -> None:
    """It comes in 18 hours and lives for 3 days: 10 a day make 37.5 pieces."""
    ordered = line("order-up-to", life_days=3.0, shelf_stock=0, warehouse_stock=0)
    assert (ordered["target_qty"], ordered["bound"]) == (38, "shelf_life")
    stocked = line("order-up-to", life_days=3.0, shelf_stock=38, warehouse_stock=0)
    assert (stocked["planned_qty"], stocked["bound"]) == (0, "none")


def test_order_up_to_goods_that_cannot_be_sold_in_time_are_no_stock() -> None:
    """50 pieces expire within 4 days, in which 40 are sold: 10 of them are lost."""
    assert line("order-up-to", expiring_qty=50)["stock_qty"] == 40


def test_order_up_to_wants_more_for_a_longer_gap() -> None:
    targets = [line("order-up-to", days=days)["target_qty"] for days in (2.8, 3.8, 6.8)]
    assert targets == sorted(set(targets))


def test_policy_that_does_not_exist_is_named() -> None:
    with pytest.raises(
        UnknownPolicyError, match="'magic', expected rule or order-up-to or forecast"
    ):
        policy_named("magic")


def level_with(policy: str, **parameters: float) -> int:
    positions = pl.DataFrame([ITEM | {"sales_days": 2.0, "units_28d": 20}]).with_columns(
        as_of_ts=pl.lit(NOW),
        delivery_ts=pl.lit(NOW + timedelta(hours=18)),
        covers_until_ts=pl.lit(NOW + timedelta(days=4)),
    )
    planned = plan_orders(positions, policy_named(policy, parameters)).to_dicts()[0]
    return int(planned["target_qty"])


def test_parameters_move_the_levels_of_policies() -> None:
    """10 a day for 4 days, variance 1.8 x 10: 40 + factor x sqrt(18 x 4)."""
    assert level_with("rule", reorder_factor=2.5) == 25
    assert level_with("order-up-to") == level_with("order-up-to", safety_factor=2.0) == 57
    assert level_with("order-up-to", safety_factor=1.0) == 49
    assert level_with("order-up-to", dispersion=0.9) == 52


@pytest.mark.parametrize("policy", PARAMETERS)
def test_parameter_that_a_policy_does_not_know_is_refused_naming_those_it_knows(
    policy: str,
) -> None:
    known = next(iter(PARAMETERS[policy].RANGES))
    with pytest.raises(PolicyParameterError, match=f"'magic' of ordering policy {policy}.*{known}"):
        parameters_of(policy, {"magic": 1.0})


def test_parameter_out_of_range_is_named_with_its_range() -> None:
    with pytest.raises(PolicyParameterError, match="safety_factor is 99, expected -10 to 10"):
        policy_named("order-up-to", {"safety_factor": 99.0})


def test_decisions_of_people_win_over_the_plan() -> None:
    planned = pl.DataFrame(plan("rule", *({"shelf_id": s, "warehouse_stock": 0} for s in "ABCD")))
    decisions = pl.DataFrame(
        {
            "store_id": ["S001"] * 3,
            "shelf_id": ["A", "B", "C"],
            "decision": ["held", "changed", "approved"],
            "order_qty": [None, 36, None],
            "actor": ["Anna"] * 3,
            "note": [None, "feast", None],
        }
    )
    decided = decide_orders(planned, decisions).sort("shelf_id")
    assert decided["order_qty"].to_list() == [0, 36, 12, 12]
    assert decided["planned_qty"].to_list() == [12] * 4


@given(
    st.sampled_from(sorted(POLICIES)),
    st.fixed_dictionaries(
        {
            "batch_size": st.integers(1, 80),
            "shelf_stock": st.integers(0, 300),
            "warehouse_stock": st.integers(0, 900),
            "expiring_qty": st.integers(0, 900),
            "warehouse_on_hand": st.integers(0, 1_200),
            "warehouse_capacity": st.integers(0, 1_300),
            "on_order_qty": st.integers(0, 600),
            "reorder_point": st.integers(1, 60),
            "life_days": st.none() | st.floats(1, 1_000),
            "sales_days": st.floats(0.2, 28),
            "units_28d": st.integers(0, 2_000),
            "units_squared_28d": st.integers(0, 400_000),
        }
    ),
)
def test_every_policy_orders_whole_batches_that_fit(policy: str, item: dict[str, object]) -> None:
    ordered = line(policy, **item)
    quantity, batch = ordered["planned_qty"], item["batch_size"]
    room = item["warehouse_capacity"] - item["warehouse_on_hand"] - item["on_order_qty"]
    assert quantity % batch == 0
    assert 0 <= quantity <= max(room, 0)
    if ordered["bound"] != "capacity":
        assert ordered["needed_qty"] <= quantity < ordered["needed_qty"] + batch
