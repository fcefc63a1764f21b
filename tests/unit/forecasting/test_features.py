"""Features know the past and the plans, and nothing else."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.forecasting.calendar import Window, day, next_days
from smartshelf_dagster.forecasting.features import (
    CLASSES,
    FEATURES,
    Examples,
    Origin,
    build_examples,
    same_windows,
    vocabulary,
)
from tests.helpers.sales import frame, market, panel_of

INTERVAL = Window(first=1, last=2, rest_of_day=9 / 13)


def feature(examples: object, name: str) -> np.ndarray:
    return examples.features[:, FEATURES.index(name)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("column", [30, 95, 140])
@pytest.mark.parametrize("window", [INTERVAL, day(5), next_days(7)])
def test_features_are_the_same_when_nothing_after_the_origin_is_known(
    column: int, window: Window
) -> None:
    panel = panel_of(market())
    origin = [Origin(column, window)]
    whole = build_examples(panel, origin)
    cut = build_examples(panel.truncated(column), origin)
    assert np.array_equal(whole.features, cut.features, equal_nan=True)
    assert np.array_equal(whole.level, cut.level)
    assert np.array_equal(whole.demand_class, cut.demand_class)
    assert np.isnan(cut.target).all()


def stands_for_the_target(examples: Examples) -> list[str]:
    """Name the features that order the windows as their demand does, relative to the usual."""
    columns = pl.DataFrame(examples.features, schema=list(FEATURES), orient="row")
    columns = columns.with_columns(target=pl.Series(examples.target / examples.scale))
    known = [name for name in FEATURES if columns[name].is_not_nan().any()]
    correlations = columns.select(
        pl.corr(pl.col(name).fill_nan(None), "target", method="spearman").fill_nan(0)
        for name in known
    ).row(0)
    return [name for name, value in zip(known, correlations, strict=True) if abs(value) > 0.9]


@pytest.mark.parametrize("window", [INTERVAL, day(1)])
def test_no_feature_stands_for_the_target(window: Window) -> None:
    examples = build_examples(panel_of(market()), [Origin(at, window) for at in range(40, 140, 9)])
    assert stands_for_the_target(examples) == []
    leaking = examples.features.copy()
    leaking[:, FEATURES.index("holiday")] = np.log1p(examples.target / examples.level)
    assert stands_for_the_target(replace(examples, features=leaking)) == ["holiday"]


def test_features_change_with_the_day_before_the_origin_and_the_morning() -> None:
    sales = market(items=10)
    column = 100
    origin = [Origin(column, INTERVAL)]
    before = build_examples(panel_of(sales), origin)
    ds = pl.col("ds") == pl.col("ds").min() + pl.duration(days=column)
    more = sales.with_columns(y=pl.when(ds).then(pl.col("y") + 5).otherwise("y"))
    after = build_examples(panel_of(more), origin)
    names = [
        name
        for index, name in enumerate(FEATURES)
        if not np.array_equal(before.features[:, index], after.features[:, index], equal_nan=True)
    ]
    assert names == ["morning"]


def test_afternoon_of_the_origin_is_not_seen_through_recovered_demand() -> None:
    sales = market(items=10).with_columns(lost_share=pl.lit(0.4), lost_share_late=pl.lit(0.2))
    column = 100
    afternoon = pl.col("ds") == pl.col("ds").min() + pl.duration(days=column)
    more = sales.with_columns(
        pl.when(afternoon).then(pl.col(name) + 50).otherwise(name).alias(name)
        for name in ("y", "y_late")
    )
    origin = [Origin(column, INTERVAL)]
    before, after = (build_examples(panel_of(each), origin) for each in (sales, more))
    assert np.array_equal(before.features, after.features, equal_nan=True)
    assert (after.target > before.target).all()


def test_target_of_an_interval_is_the_rest_of_the_day_and_the_days_after() -> None:
    late = {"y_late": {"a": [0.0] * 20 + [3.0] + [1.0] * 9}}
    sold = [2.0] * 20 + [7.0, 11.0, 13.0] + [5.0] * 7
    panel = panel_of(frame({"a": sold}, **late))
    examples = build_examples(panel, [Origin(20, INTERVAL)])
    assert examples.target.tolist() == [3 + 11 + 13]
    assert build_examples(panel, [Origin(20, day(3))]).target.tolist() == [5]
    assert build_examples(panel, [Origin(28, INTERVAL)]).target.tolist() != [0]


def test_window_with_a_tail_counts_part_of_its_last_day() -> None:
    panel = panel_of(frame({"a": [4.0] * 30}))
    examples = build_examples(panel, [Origin(20, Window(1, 2, 0.0, 0.25))])
    assert examples.target.tolist() == [9]
    assert examples.days.tolist() == [2.25]
    assert examples.in_stock.tolist() == [1]


def test_same_windows_are_those_that_had_ended() -> None:
    panel = panel_of(frame({"a": [float(index) for index in range(60)]}))
    past = same_windows(panel, 56, next_days(2))[0]
    assert past[0] == 50 + 51
    assert past[1] == 43 + 44
    # Seven days ahead a week ago is the origin itself; two weeks ago it is known.
    assert same_windows(panel, 56, day(7))[0][0] == 49


def test_demand_classes_follow_intervals_and_sizes() -> None:
    random = np.random.default_rng(1)
    series = {
        "erratic": [float(v) for v in random.choice([1, 1, 1, 12], 100)],
        "intermittent": [2.0, 0, 0, 0] * 25,
        "lumpy": [float(v) for v in random.choice([1, 1, 1, 12], 25) for v in (v, 0, 0, 0)],
        "smooth": [5.0, 6.0] * 50,
    }
    sales = frame(series)
    young = frame({"young": [0.0] * 80 + [3.0] * 20}).tail(20)
    panel = panel_of(pl.concat([sales, young]))
    examples = build_examples(panel, [Origin(100, day(1))])
    assert [CLASSES[index] for index in examples.demand_class] == [
        "erratic", "intermittent", "lumpy", "smooth", "new",
    ]  # fmt: skip


def test_delisted_items_are_left_out_and_new_ones_are_not() -> None:
    sales = frame({"gone": [5.0] * 20 + [0.0] * 130, "listed": [0.0] * 150}).filter(
        (pl.col("unique_id") == "gone") | (pl.col("ds") >= pl.col("ds").max() - pl.duration(days=9))
    )
    panel = panel_of(sales)
    examples = build_examples(panel, [Origin(150, day(1))])
    assert panel.items["unique_id"].gather(examples.item).to_list() == ["listed"]
    assert (examples.level > 0).all()


def test_new_item_leans_on_its_category() -> None:
    old = market(items=20, days=60).with_columns(category=pl.lit("x"), store=pl.lit("s"))
    young = old.filter(pl.col("unique_id") == old["unique_id"][0]).tail(1)
    young = young.with_columns(unique_id=pl.lit("young"), y=pl.lit(0.0), y_late=pl.lit(0.0))
    panel = panel_of(pl.concat([old, young]))
    examples = build_examples(panel, [Origin(60, day(1))])
    place = panel.items["unique_id"].to_list().index("young")
    level = examples.level[examples.item == place][0]
    assert 0.2 * np.median(examples.level) < level < examples.level.max()


def test_planned_promotion_and_price_are_seen_and_unknown_plans_are_missing() -> None:
    columns = {
        "promo": {"a": [0.0] * 40 + [0.3, 0.3]},
        "price": {"a": [2.0] * 40 + [1.0, 1.0]},
        "holiday": {"a": [0.0] * 41 + [1.0]},
    }
    sales = frame({"a": [3.0] * 40 + [None, None]}, **columns)  # type: ignore[list-item]
    panel = panel_of(sales)
    seen = build_examples(panel, [Origin(39, next_days(2))])
    assert feature(seen, "promo") == pytest.approx(0.3)
    assert feature(seen, "price_relative") == pytest.approx(0.5)
    assert feature(seen, "holiday") == pytest.approx(0.5)
    beyond = build_examples(panel, [Origin(39, next_days(3))])
    assert np.isnan(feature(beyond, "promo")).all()


def test_codes_follow_the_vocabulary_of_the_model() -> None:
    panel = panel_of(market(items=10, days=60))
    known = vocabulary(panel) | {"category": ["c0", "c3"]}
    codes = feature(build_examples(panel, [Origin(50, day(1))], known), "category")
    # Items are in order of their store: c0 c2 c4 c1 c3, c1 c3 c0 c2 c4.
    assert np.nan_to_num(codes, nan=-1).tolist() == [0, -1, -1, -1, 1, -1, 1, 0, -1, -1]


def test_frame_of_examples_names_keys_and_features() -> None:
    panel = panel_of(market(items=4, days=60))
    rows = build_examples(panel, [Origin(50, day(1))]).frame(panel)
    assert rows["unique_id"].to_list() == panel.items["unique_id"].to_list()
    assert rows["origin"].unique().to_list() == [panel.day(50)]
    assert set(FEATURES) < set(rows.columns)
