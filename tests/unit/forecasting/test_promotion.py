"""Who forecasts: trained on the past, judged on what was held out, told in words."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.forecasting.backtest import losses, pick
from smartshelf_dagster.forecasting.baselines import METHODS, Forecast
from smartshelf_dagster.forecasting.calendar import protection_intervals
from smartshelf_dagster.forecasting.features import CLASSES
from smartshelf_dagster.forecasting.model import ModelError, ModelSettings
from smartshelf_dagster.forecasting.panel import Panel
from smartshelf_dagster.forecasting.promotion import (
    BASELINE,
    KEPT,
    PROMOTED,
    Champion,
    Trained,
    backtest_rows,
    decide,
    mix,
    train_family,
)
from smartshelf_dagster.forecasting.tables import DAYS, ORDERS
from tests.helpers.sales import market, panel_of

SETTINGS = ModelSettings(rounds=25, learning_rate=0.2)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(market(items=30, days=120))


def trained_on(panel: Panel, family: str) -> Trained:
    cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    return train_family(panel, cutoffs, family, SETTINGS)


@pytest.fixture(scope="module")
def trained(panel: Panel) -> Trained:
    return trained_on(panel, ORDERS)


def champion_of(
    trained: Trained, days_ago: int, methods: tuple[str, ...] | None = None
) -> Champion:
    return Champion(
        version="before",
        model=trained.model,
        last_day=trained.last_day - timedelta(days=days_ago),
        methods=methods or ("xgboost",) * len(CLASSES),
        best_baseline="ets",
    )


def says(trained: Trained, **said: Forecast) -> Trained:
    return replace(trained, said=trained.said | said)


def perfect(trained: Trained) -> Forecast:
    """Knows the future but for a band around it that holds 80 %."""
    actual = trained.held_out.target
    random = np.random.default_rng(1)
    away = np.where(random.random(len(actual)) < 0.8, 0.0, 0.02) * np.maximum(actual, 1)
    quantiles = np.repeat((actual + away)[:, None], 11, axis=1)
    return Forecast(actual, quantiles)


def test_orders_are_judged_by_the_time_an_order_has_to_last(trained: Trained) -> None:
    spans = trained.held_out.ends - trained.held_out.column
    assert set(spans.tolist()) == {2, 3}
    # Of the newest eight cutoffs the last has not been lasted yet.
    assert len(np.unique(trained.held_out.column)) == 7
    assert trained.is_judged.sum() < len(trained.examples)


def test_days_are_judged_by_the_next_seven(panel: Panel) -> None:
    held_out = trained_on(panel, DAYS).held_out
    assert set(held_out.horizon.tolist()) == set(range(1, 8))
    assert set((held_out.ends - held_out.column).tolist()) == set(range(1, 8))


def test_what_was_held_out_is_the_newest_and_was_not_learnt(trained: Trained) -> None:
    """Every method stands beside the same rows, baselines as computed one origin at a time."""
    assert trained.held_out.column.max() > trained.examples.column.max() - 7
    assert {name: len(each.mean) for name, each in trained.said.items()} == dict.fromkeys(
        ("xgboost", "xgboost+ets", *METHODS), len(trained.held_out)
    )
    average = trained.said["moving_average"].mean
    error = np.abs(average - trained.held_out.target).sum() / trained.held_out.target.sum()
    assert error < 0.5


def test_first_model_that_beats_the_baselines_is_promoted(panel: Panel, trained: Trained) -> None:
    promotion = decide(panel, trained, None)
    assert promotion.decision == PROMOTED
    assert promotion.loss_challenger < promotion.loss_baseline
    assert promotion.gain == pytest.approx(1 - promotion.loss_challenger / promotion.loss_baseline)
    assert promotion.origins == 7
    assert "no model before it" in promotion.reason
    assert 0.7 <= promotion.coverage_80 <= 0.9


def test_baselines_speak_when_no_model_is_better(panel: Panel, trained: Trained) -> None:
    bad = Forecast(trained.held_out.target * 3 + 5, np.full((len(trained.held_out), 11), 500.0))
    promotion = decide(panel, says(trained, xgboost=bad, **{"xgboost+ets": bad}), None)
    assert promotion.decision == BASELINE
    assert set(promotion.methods) <= set(METHODS)
    assert promotion.reason.startswith(f"no model beats {promotion.best_baseline}")


def test_band_that_holds_too_much_is_not_promoted(panel: Panel, trained: Trained) -> None:
    actual = trained.held_out.target
    wide = Forecast(actual, actual[:, None] * np.linspace(0.9, 1.1, 11)[None, :])
    for champion, decision in ((None, BASELINE), (champion_of(trained, 14), KEPT)):
        promotion = decide(panel, says(trained, xgboost=wide), champion)
        assert promotion.decision == decision
        assert "holds 100.0%, expected 70% to 90%" in promotion.reason


def test_challenger_that_is_no_worse_takes_over(panel: Panel, trained: Trained) -> None:
    promotion = decide(panel, says(trained, xgboost=perfect(trained)), champion_of(trained, 14))
    assert promotion.decision == PROMOTED
    assert promotion.loss_champion is not None
    assert promotion.loss_challenger < promotion.loss_champion
    assert promotion.gain_low is not None
    assert promotion.gain_low > 0


def test_champion_that_is_better_stays_with_its_methods(panel: Panel, trained: Trained) -> None:
    """The stored model has seen these origins here, which the challenger's first model has not."""
    champion = champion_of(trained, 14)
    late = replace(SETTINGS, rounds=3, learning_rate=0.05)
    cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    weak = train_family(panel, cutoffs, ORDERS, late)
    raised = weak.said["xgboost"].quantiles * 1.15
    weak = says(weak, xgboost=Forecast(weak.said["xgboost"].mean, raised))
    promotion = decide(panel, weak, champion)
    assert promotion.decision == KEPT
    assert promotion.methods == champion.methods
    assert promotion.gain < 0


def test_few_common_cutoffs_are_told(panel: Panel, trained: Trained) -> None:
    told = decide(panel, says(trained, xgboost=perfect(trained)), champion_of(trained, 6))
    assert told.origins < 3
    assert told.gain_low is None
    assert "fewer than 3: by the point estimate" in told.reason
    none = decide(panel, says(trained, xgboost=perfect(trained)), champion_of(trained, 0))
    assert (none.decision, none.origins) == (KEPT, 0)
    assert "no cutoff was judged" in none.reason


def test_champion_is_asked_for_the_same_rows(panel: Panel, trained: Trained) -> None:
    """With the vocabulary of its own; what it says of a row is what it said of it in training."""
    champion = champion_of(trained, 400)
    same = decide(panel, trained, champion)
    rows = pick(trained.model.predict(trained.examples), _rows_of(trained))
    lost = float(losses(trained.held_out.target, rows).sum() / trained.held_out.target.sum())
    assert same.loss_champion == pytest.approx(lost)


def _rows_of(trained: Trained) -> np.ndarray:
    size = 10_000
    keys = trained.examples.column * size + trained.examples.item
    wanted = trained.held_out.column * size + trained.held_out.item
    judged = np.flatnonzero(trained.is_judged)
    return judged[np.searchsorted(keys[judged], wanted)]


def test_mixture_takes_each_class_from_its_method() -> None:
    one, two = (Forecast(np.full(3, n), np.full((3, 11), n)) for n in (1.0, 2.0))
    mixed = mix(("a", "b", "a", "a", "a"), np.array([0, 1, 4]), {"a": one, "b": two})
    assert mixed.mean.tolist() == [1, 2, 1]
    assert mixed.quantiles[:, 0].tolist() == [1, 2, 1]


def test_backtest_rows_sum_up_over_classes(trained: Trained) -> None:
    rows = backtest_rows(trained)
    counts = rows.filter(pl.col("method") == "ets")
    whole = counts.filter(pl.col("demand_class") == "all")["n"][0]
    assert whole == len(trained.held_out)
    assert counts.filter(pl.col("demand_class") != "all")["n"].sum() == whole
    best = rows.filter(pl.col("demand_class") == "all").sort("pinball")["method"][0]
    assert best in {"xgboost", "xgboost+ets"}


def test_short_history_is_refused(panel: Panel) -> None:
    with pytest.raises(ModelError, match="origins with known demand"):
        trained_on(panel.truncated(16), ORDERS)
