"""The model learns what can be known, and nothing else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.forecasting.baselines import LEVELS, Baselines, Forecast
from smartshelf_dagster.forecasting.calendar import Window, day
from smartshelf_dagster.forecasting.features import (
    CLASSES,
    FEATURES,
    Examples,
    Origin,
    build_examples,
    concat,
    vocabulary,
)
from smartshelf_dagster.forecasting.metrics import pinball
from smartshelf_dagster.forecasting.model import (
    Model,
    ModelError,
    ModelSettings,
    load_model,
    train,
)
from smartshelf_dagster.forecasting.panel import Panel
from tests.helpers.sales import frame, market, panel_of

SETTINGS = ModelSettings(rounds=40, learning_rate=0.15)
INTERVAL = Window(first=1, last=2, rest_of_day=9 / 13)
TRAINED, TESTED = range(20, 150, 2), range(154, 196, 2)


def origins(columns: range, window: Window = INTERVAL) -> list[Origin]:
    return [Origin(column, window) for column in columns]


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(market(items=80, days=200))


@pytest.fixture(scope="module")
def model(panel: Panel) -> Model:
    return train(build_examples(panel, origins(TRAINED)), vocabulary(panel), SETTINGS)


def loss(actual: np.ndarray, forecast: Forecast) -> float:
    return float(pinball(actual, forecast.quantiles, LEVELS).mean())


def test_quantiles_are_in_order_not_negative_and_hold_their_share(
    panel: Panel, model: Model
) -> None:
    tested = build_examples(panel, origins(TESTED))
    forecast = model.predict(tested)
    assert (np.diff(forecast.quantiles, axis=1) >= 0).all()
    assert (forecast.quantiles >= 0).all()
    low, high = forecast.band(0.8)
    held = ((tested.target >= low) & (tested.target <= high)).mean()
    assert 0.75 <= held <= 0.87
    above = (tested.target[:, None] <= forecast.quantiles[:, -4:]).mean(axis=0)
    assert above == pytest.approx(LEVELS[-4:], abs=0.03)


def test_model_loses_less_than_the_moving_average_and_is_not_biased(
    panel: Panel, model: Model
) -> None:
    tested = build_examples(panel, origins(TESTED))
    simple = Baselines(panel, TESTED)
    parts = [
        simple.forecast("moving_average", each, INTERVAL, tested.item[tested.column == each])
        for each in TESTED
    ]
    average = Forecast(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.quantiles for part in parts]),
    )
    ours = model.predict(tested)
    assert loss(tested.target, ours) < 0.97 * loss(tested.target, average)
    assert ours.mean.sum() == pytest.approx(tested.target.sum(), rel=0.05)


def test_same_examples_and_seed_give_the_same_model(panel: Panel, model: Model) -> None:
    tested = build_examples(panel, origins(TESTED))
    again = train(build_examples(panel, origins(TRAINED)), vocabulary(panel), SETTINGS)
    assert again.fingerprint == model.fingerprint
    assert np.array_equal(again.predict(tested).quantiles, model.predict(tested).quantiles)
    assert np.array_equal(again.predict(tested).mean, model.predict(tested).mean)


def test_sampled_rows_depend_on_the_seed_only(panel: Panel) -> None:
    examples = build_examples(panel, origins(TRAINED))
    few = replace(SETTINGS, rounds=5, max_rows=500)
    first, second = (train(examples, vocabulary(panel), few) for _ in range(2))
    other = train(examples, vocabulary(panel), replace(few, seed=2))
    assert np.array_equal(first.predict(examples).mean, second.predict(examples).mean)
    assert not np.array_equal(first.predict(examples).mean, other.predict(examples).mean)


def test_saved_model_forecasts_the_same(panel: Panel, model: Model, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    tested = build_examples(panel, origins(TESTED), loaded.vocabulary)
    assert np.array_equal(loaded.predict(tested).quantiles, model.predict(tested).quantiles)
    assert np.array_equal(loaded.predict(tested).mean, model.predict(tested).mean)
    assert (loaded.fingerprint, loaded.rows) == (model.fingerprint, model.rows)
    assert loaded.settings == model.settings


def test_model_of_other_features_is_refused(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    about = tmp_path / "about.json"
    about.write_text(about.read_text().replace('"zero_share_28"', '"zero_share_30"'))
    with pytest.raises(ModelError, match="features is not that of this version; train it again"):
        load_model(tmp_path)


def test_missing_file_is_named(model: Model, tmp_path: Path) -> None:
    model.save(tmp_path)
    (tmp_path / "mean.ubj").unlink()
    with pytest.raises(ModelError, match=r"mean\.ubj: missing"):
        load_model(tmp_path)


def test_too_few_origins_are_refused(panel: Panel) -> None:
    with pytest.raises(ModelError, match="2 origins with known demand, expected enough"):
        train(build_examples(panel, origins(range(20, 24, 2))), vocabulary(panel), SETTINGS)


def feature(examples: Examples, name: str) -> np.ndarray:
    return examples.features[:, FEATURES.index(name)]


def shuffled(examples: Examples, seed: int) -> Examples:
    """Give each row the relative demand of another."""
    order = np.random.default_rng(seed).permutation(len(examples))
    ratio = examples.target / examples.scale
    return replace(examples, target=ratio[order] * examples.scale)


def test_shuffled_target_leaves_no_skill_over_the_mean(panel: Panel) -> None:
    examples = shuffled(build_examples(panel, origins(TRAINED)), seed=1)
    tested = shuffled(build_examples(panel, origins(TESTED)), seed=2)
    model = train(examples, vocabulary(panel), SETTINGS)
    actual = tested.target / tested.scale
    said = model.predict(tested).mean / tested.scale
    explained = 1 - ((actual - said) ** 2).sum() / ((actual - actual.mean()) ** 2).sum()
    assert explained < 0.02


def test_targets_shuffled_within_items_leave_little_over_the_moving_average(
    panel: Panel, model: Model
) -> None:
    """A model that still gains has seen the windows it forecasts.

    A little is left: its bands come from months, and this market never changes.
    """
    examples = build_examples(panel, origins(TRAINED))
    order = np.lexsort((np.random.default_rng(3).random(len(examples)), examples.item))
    by_item = np.argsort(examples.item, kind="stable")
    target = np.empty_like(examples.target)
    target[by_item] = examples.target[order]
    mixed = train(replace(examples, target=target), vocabulary(panel), SETTINGS)
    baselines = Baselines(panel, TESTED)
    lost = np.zeros(3)
    for origin in origins(TESTED):
        seen = build_examples(panel, [origin])
        simple = baselines.forecast("moving_average", origin.column, INTERVAL, seen.item)
        said = (mixed.predict(seen), model.predict(seen), simple)
        lost += [loss(seen.target, forecast) for forecast in said]
    gain_shuffled, gain = 1 - lost[:2] / lost[2]
    assert gain > 0.1
    assert gain_shuffled < 0.03


def test_what_only_the_future_knows_is_not_picked_up(panel: Panel) -> None:
    """Plant a spike in each tested window: with leaking features forecasts would follow it."""
    examples = build_examples(panel, origins(TRAINED))
    model = train(examples, vocabulary(panel), SETTINGS)
    column = 180
    later = np.arange(panel.days) > column
    spiked = replace(panel, demand=np.where(later, panel.demand + 1000, panel.demand))
    before = model.predict(build_examples(panel, origins(range(column, column + 1))))
    after = model.predict(build_examples(spiked, origins(range(column, column + 1))))
    assert np.array_equal(before.quantiles, after.quantiles)
    assert np.array_equal(before.mean, after.mean)


def test_promotion_that_is_planned_raises_the_forecast(panel: Panel, model: Model) -> None:
    tested = build_examples(panel, origins(TESTED))
    place = [FEATURES.index(name) for name in ("promo", "promo_change")]
    quiet, loud = tested.features.copy(), tested.features.copy()
    quiet[:, place], loud[:, place] = 0, 0.3
    said = [model.predict(replace(tested, features=each)).mean.sum() for each in (quiet, loud)]
    assert said[1] > 1.2 * said[0]


def test_new_items_are_forecast_and_their_bands_hold() -> None:
    sales = market(items=80, days=200)
    number = pl.col("unique_id").str.slice(3).cast(pl.Int64)
    since = (pl.col("ds") - pl.col("ds").min()).dt.total_days()
    # Half of the items were there from the first day; each of the others comes after another.
    panel = panel_of(sales.filter((number % 2 == 0) | (since >= 2 * number + 30)))
    model = train(build_examples(panel, origins(TRAINED)), vocabulary(panel), SETTINGS)
    tested = build_examples(panel, origins(TESTED), model.vocabulary)
    new = tested.take(tested.demand_class == CLASSES.index("new"))
    assert feature(new, "age").min() <= 2
    forecast = model.predict(new)
    low, high = forecast.band(0.8)
    assert 0.65 <= ((new.target >= low) & (new.target <= high)).mean() <= 0.95
    assert forecast.mean.sum() == pytest.approx(new.target.sum(), rel=0.2)


def test_constant_demand_is_forecast_as_it_is() -> None:
    panel = panel_of(frame({f"item {i}": [float(2 + i)] * 120 for i in range(12)}))
    examples = concat([build_examples(panel, origins(range(20, 110, 2), day(h))) for h in (1, 7)])
    model = train(examples, vocabulary(panel), replace(SETTINGS, min_leaf_weight=1.0))
    tested = build_examples(panel, origins(range(119, 120), day(3)))
    said = model.predict(tested)
    expected = np.arange(2.0, 14.0)[np.argsort([f"item {i}" for i in range(12)])]
    assert said.mean == pytest.approx(expected, rel=0.01)
    assert said.quantiles == pytest.approx(np.tile(expected[:, None], len(LEVELS)), rel=0.03)


def test_importance_sums_to_one_and_ranks_the_driver_first(panel: Panel) -> None:
    examples = build_examples(panel, origins(TRAINED))
    noise, driver = FEATURES.index("month_day"), FEATURES.index("holiday")
    features = examples.features.copy()
    random = np.random.default_rng(1)
    features[:, driver] = random.random(len(examples)) < 0.5
    features[:, noise] = random.random(len(examples))
    target = examples.scale * (1 + 4 * features[:, driver])
    planted = replace(examples, features=features, target=target)
    importance = train(planted, vocabulary(panel), replace(SETTINGS, rounds=15)).importance()
    assert sum(importance.values()) == pytest.approx(1)
    assert next(iter(importance)) == "holiday"
    assert importance.get("month_day", 0) < 0.05
