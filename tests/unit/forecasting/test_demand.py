"""Days without sales are zero, and what stock-outs hid comes back."""

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartshelf_dagster.forecasting.demand import DemandError, densify, recover, shares_of_hours
from tests.helpers.sales import FIRST_DAY, frame


def at(index: int) -> dt.date:
    return FIRST_DAY + dt.timedelta(days=index)


@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abc"), st.integers(0, 40)),
        st.integers(0, 9),
        min_size=1,
        max_size=40,
    )
)
def test_dense_calendar_has_every_day_and_keeps_totals(sold: dict[tuple[str, int], int]) -> None:
    sales = pl.DataFrame(
        [{"unique_id": i, "ds": at(d), "y": float(y)} for (i, d), y in sold.items()]
    )
    dense = densify(sales)
    assert dense["y"].sum() == sales["y"].sum()
    last = sales["ds"].max()
    for (item,), rows in dense.group_by("unique_id"):
        first = sales.filter(pl.col("unique_id") == item)["ds"].min()
        assert rows["ds"].to_list() == pl.date_range(first, last, eager=True).to_list()


def test_densify_keeps_planned_days_open_and_fills_what_is_known() -> None:
    sales = pl.DataFrame(
        {
            "unique_id": ["a", "a", "a"],
            "ds": [at(0), at(2), at(4)],
            "y": [3.0, 1.0, None],
            "category": ["x", "x", "x"],
            "price": [2.0, 2.5, 1.5],
            "promo": [0.0, 0.0, 0.4],
        }
    )
    dense = densify(sales)
    assert dense["y"].to_list() == [3, 0, 1, None, None]
    assert dense["price"].to_list() == [2, 2, 2.5, 2.5, 1.5]
    assert dense["promo"].to_list() == [0, 0, 0, 0, 0.4]
    assert dense["category"].to_list() == ["x"] * 5


def test_densify_refuses_a_day_that_stands_twice_and_no_sales_at_all() -> None:
    twice = frame({"a": [1.0]})
    with pytest.raises(DemandError, match=r"\('a', .*stands twice"):
        densify(pl.concat([twice, twice]))
    with pytest.raises(DemandError, match="y: no value"):
        densify(frame({"a": [None]}))


def test_recover_without_flags_changes_nothing() -> None:
    demand = recover(densify(frame({"a": [2.0, 0.0, 5.0]})))
    assert demand["demand"].to_list() == [2, 0, 5]
    assert demand["in_stock"].to_list() == [1, 1, 1]
    assert demand["demand_late"].null_count() == 3


def test_recover_adds_the_rate_of_in_stock_time_for_what_was_lost() -> None:
    sales = frame({"a": [4.0, 4.0, 4.0, 2.0]}, lost_share={"a": [0, 0, 0, 0.5]})
    demand = recover(densify(sales))
    # Four a day while there is stock, on the last day for half of it.
    assert demand["demand"].to_list() == pytest.approx([4, 4, 4, 4])


def test_recover_counts_sales_in_hours_flagged_empty_once() -> None:
    columns = {"lost_share": {"a": [0, 0, 0.5]}, "y_in_stock": {"a": [4.0, 4.0, 2.0]}}
    demand = recover(densify(frame({"a": [4.0, 4.0, 3.0]}, **columns)))
    # Half a day of 4 is made up for; the piece sold in it is part of that.
    assert demand["demand"][2] == pytest.approx(4)


def test_recover_shares_out_what_was_lost_after_the_cutoff() -> None:
    columns = {
        "lost_share": {"a": [0, 0.5]},
        "lost_share_late": {"a": [0, 0.25]},
        "y_late": {"a": [3.0, 1.0]},
    }
    demand = recover(densify(frame({"a": [4.0, 2.0]}, **columns)))
    assert demand["demand"].to_list() == pytest.approx([4, 4])
    assert demand["demand_late"].to_list() == pytest.approx([3, 2])


def test_recover_of_a_day_knows_nothing_of_the_days_after_it() -> None:
    random = np.random.default_rng(3)
    sold = random.poisson(4, 30).astype(float).tolist()
    lost = random.choice([0, 0.4], 30).tolist()
    whole = recover(densify(frame({"a": sold}, lost_share={"a": lost})))
    half = recover(densify(frame({"a": sold[:15]}, lost_share={"a": lost[:15]})))
    assert whole["demand"].head(15).to_list() == half["demand"].to_list()


def hours(item: str, index: int, sold: list[float], is_out: list[int]) -> dict[str, object]:
    return {"unique_id": item, "ds": at(index), "category": "x", "sold": sold, "is_out": is_out}


def test_shares_of_hours_weigh_an_empty_hour_by_what_is_usually_sold_in_it() -> None:
    usual = [0.0] * 24
    usual[10], usual[14] = 3.0, 1.0
    busy = [0] * 24
    busy[10] = 1
    rows = [hours("a", index, usual, [0] * 24) for index in range(30)]
    rows.append(hours("a", 30, [0.0] * 14 + [1.0] + [0.0] * 9, busy))
    shares = shares_of_hours(pl.DataFrame(rows))
    last = shares.row(-1, named=True)
    assert last["lost_share"] == pytest.approx(0.75, abs=0.01)
    assert last["lost_share_late"] == 0
    assert (last["y"], last["y_late"], last["y_in_stock"]) == (1, 1, 1)
    assert recover(densify(shares))["demand"][-1] == pytest.approx(4, rel=0.02)


def test_synthetic_stock_outs_of_stocked_weeks_give_the_mean_back(shared_data: Path) -> None:
    """Hide hours of FreshRetailNet weeks without a stock-out, as real stock-outs do."""
    rows = pl.read_parquet(
        shared_data / "freshretail" / "freshretail_2000.parquet",
        columns=["store_id", "product_id", "first_category_id", "dt", "hours_sale",
                 "hours_stock_status"],
    ).sort("store_id", "product_id", "dt")  # fmt: skip
    sold = np.vstack(rows["hours_sale"].to_list()).reshape(2000, 90, 24)
    is_out = np.vstack(rows["hours_stock_status"].to_list()).reshape(2000, 90, 24)
    is_stocked = is_out[:, :, 6:22].sum(axis=2) == 0
    masks = is_out[~is_stocked]
    weeks = [
        (item, start)
        for item in range(2000)
        for start in range(0, 84, 7)
        if is_stocked[item, start : start + 7].all()
    ]
    truth = np.stack([sold[item, start : start + 7] for item, start in weeks])
    random = np.random.default_rng(1)
    mask = masks[random.integers(0, len(masks), truth.shape[:2])]
    mask = np.where(random.random(truth.shape[:2])[..., None] < 0.45, mask, 0)
    seen = np.where(mask == 1, 0, truth)
    category = rows["first_category_id"].to_numpy()[::90]
    hourly = pl.DataFrame(
        {
            "unique_id": np.repeat([f"{number:05d}" for number in range(len(weeks))], 7),
            "ds": [at(index % 7) for index in range(len(weeks) * 7)],
            "category": np.repeat([str(category[item]) for item, _ in weeks], 7),
            "sold": seen.reshape(-1, 24).tolist(),
            "is_out": mask.reshape(-1, 24).tolist(),
        }
    )
    categories = hourly.select("unique_id", "ds", "category")
    shares = shares_of_hours(hourly).join(categories, on=("unique_id", "ds"))
    demand = recover(densify(shares))
    assert demand["y"].sum() < 0.85 * truth.sum()
    assert demand["demand"].sum() == pytest.approx(truth.sum(), rel=0.02)
