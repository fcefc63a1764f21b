"""Offsets make quantiles hold what they promise."""

import numpy as np
import pytest

from smartshelf_dagster.forecasting.baselines import LEVELS, Forecast, count_quantiles
from smartshelf_dagster.forecasting.calibration import (
    conformal_offsets,
    conformal_quantile,
    horizon_bucket,
)


def test_conformal_quantile_of_nine_residuals() -> None:
    assert conformal_quantile(np.arange(1.0, 10.0), 0.8) == 8
    assert conformal_quantile(np.arange(1.0, 10.0), 0.99) == 9


def test_horizon_buckets_grow() -> None:
    assert horizon_bucket(np.array([0, 1, 2, 3, 4, 7, 8, 30])).tolist() == [0, 1, 2, 2, 3, 3, 4, 4]


def draw(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).negative_binomial(3, 3 / 15, rows).astype(float)


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.7])
def test_offsets_calibrate_forecasts_that_are_too_low_or_too_high(factor: float) -> None:
    rows = 6000
    said = count_quantiles(np.full(rows, 12 * factor), np.full(rows, 30 * factor))
    forecast = Forecast(np.full(rows, 12.0), said)
    scale = np.full(rows, 12.0)
    groups = {
        "days": np.ones(rows),
        "horizon": np.ones(rows, dtype=int),
        "demand_class": np.arange(rows) % 3,
    }
    offsets = conformal_offsets(draw(rows, 1), forecast, scale, **groups)
    moved = offsets.apply(forecast, scale, **groups).quantiles
    assert (np.diff(moved, axis=1) >= 0).all()
    assert (moved >= 0).all()
    fresh = draw(rows, 2)
    # Counts come in whole pieces: a quantile holds its level, and less than it one piece lower.
    assert ((fresh[:, None] <= moved + 1e-6).mean(axis=0) >= LEVELS - 0.02).all()
    assert ((fresh[:, None] <= moved - 1).mean(axis=0) <= LEVELS + 0.02).all()


def test_offsets_are_of_the_group_and_lean_on_all_where_it_is_small() -> None:
    rows = 4000
    demand_class = np.zeros(rows, dtype=int)
    demand_class[:10] = 1
    forecast = Forecast(np.ones(rows), np.full((rows, len(LEVELS)), 5.0))
    actual = np.where(demand_class == 1, 50.0, 5.0)
    horizon = np.ones(rows, dtype=int)
    ones = np.ones(rows)
    offsets = conformal_offsets(
        actual, forecast, ones, days=ones, horizon=horizon, demand_class=demand_class
    ).by_group[0]
    assert offsets[1, 0] == pytest.approx(0, abs=1e-9)
    assert (offsets[1, 1] > 0).all()
    assert (offsets[1, 1] < 2).all()
    assert offsets[0, 4] == pytest.approx(0, abs=1e-9)


def test_offsets_of_a_day_say_nothing_of_a_month() -> None:
    rows = 2000
    days = np.where(np.arange(rows) < rows // 2, 1.0, 30.0)
    forecast = Forecast(np.ones(rows), np.full((rows, len(LEVELS)), 5.0))
    actual = np.where(days == 1, 8.0, 5.0)
    horizon, demand_class = np.ones(rows, dtype=int), np.zeros(rows, dtype=int)
    offsets = conformal_offsets(
        actual, forecast, np.ones(rows), days=days, horizon=horizon, demand_class=demand_class
    )
    assert offsets.by_group[0, 1, 0] == pytest.approx(3)
    assert offsets.by_group[3, 1, 0] == pytest.approx(0)


def test_offsets_of_no_rows_change_nothing() -> None:
    nothing = Forecast(np.zeros(0), np.zeros((0, len(LEVELS))))
    empty = np.zeros(0, dtype=int)
    offsets = conformal_offsets(
        *(np.zeros(0), nothing, np.zeros(0)), days=np.zeros(0), horizon=empty, demand_class=empty
    )
    assert (offsets.by_group == 0).all()
