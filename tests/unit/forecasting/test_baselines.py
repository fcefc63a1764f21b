"""Simple forecasts, against figures worked out by hand or by others."""

import numpy as np
import pytest
from scipy import stats

from smartshelf_dagster.forecasting.baselines import (
    LEVELS,
    METHODS,
    Baselines,
    Forecast,
    count_quantiles,
    gamma_quantiles,
)
from smartshelf_dagster.forecasting.calendar import Window, day, next_days
from smartshelf_dagster.forecasting.smoothing import smooth
from tests.helpers.sales import frame, market, panel_of

RARE = [0.0, 0, 3, 0, 1, 0, 0, 5, 2, 0, 0, 0, 4, 0, 1, 1, 0, 0, 2, 0, 6]
SHORT = [3.0, 0, 1, 0, 0, 5, 2]
ROW = np.array([0])


@pytest.mark.parametrize(
    ("sold", "croston", "tsb"),
    [(RARE, 1.08134726, 1.23618963), (SHORT, 2.19833466, 2.29661482)],
)
def test_croston_and_tsb_are_those_of_statsforecast(
    sold: list[float], croston: float, tsb: float
) -> None:
    """The figures are of CrostonSBA() and TSB(0.1, 0.1) of statsforecast 2.1.1."""
    state = smooth(panel_of(frame({"a": sold})), [len(sold)])[len(sold)]
    assert state.croston[0] == pytest.approx(croston)
    assert state.tsb[0] == pytest.approx(tsb)


@pytest.mark.parametrize("method", METHODS)
def test_constant_demand_is_forecast_as_it_is(method: str) -> None:
    panel = panel_of(frame({"a": [5.0] * 70}))
    forecast = Baselines(panel, [70]).forecast(method, 70, next_days(3), ROW)
    # Croston's is corrected for a bias that constant demand does not have.
    assert forecast.mean[0] == pytest.approx(15 * (0.95 if method == "croston" else 1))
    if method not in {"croston", "first_generation", "moving_average", "tsb"}:
        assert forecast.quantiles[0] == pytest.approx(15)


@pytest.mark.parametrize("method", ["last_same_window", "mean_same_window", "ets"])
def test_weekly_pattern_is_forecast_as_it_is(method: str) -> None:
    week = [2.0, 4, 6, 8, 10, 12, 0]
    panel = panel_of(frame({"a": week * 30}))
    baselines = Baselines(panel, [210])
    for ahead in range(1, 7):
        mean = baselines.forecast(method, 210, day(ahead), ROW).mean[0]
        assert mean == pytest.approx(week[ahead], abs=0.5 if method == "ets" else 1e-9)


def test_last_same_window_repeats_a_week_ago_and_not_what_has_not_ended() -> None:
    sold = [float(index) for index in range(28)]
    baselines = Baselines(panel_of(frame({"a": sold})), [28])
    assert baselines.forecast("last_same_window", 28, next_days(2), ROW).mean[0] == 22 + 23
    # Day 7 of a week ago is the origin itself, of which nothing is known.
    assert baselines.forecast("last_same_window", 28, day(7), ROW).mean[0] == 21


def test_moving_average_normal_is_the_textbook_formula() -> None:
    sold = [8.0, 12.0] * 14
    forecast = Baselines(panel_of(frame({"a": sold})), [28]).forecast(
        "moving_average_normal", 28, next_days(4), ROW
    )
    spread = np.sqrt(np.var(sold, ddof=1) * 4)
    assert forecast.quantiles[0] == pytest.approx(40 + stats.norm.ppf(LEVELS) * spread)


def test_first_generation_is_an_exponential_mean_of_a_tenth() -> None:
    baselines = Baselines(panel_of(frame({"a": [10.0, 20.0, 0.0]})), [3])
    mean = baselines.forecast("first_generation", 3, day(1), ROW).mean[0]
    assert mean == pytest.approx(0.9 * (0.9 * 10 + 0.1 * 20))


def test_rest_of_the_origin_day_counts_by_how_much_is_usually_sold_in_it() -> None:
    late = {"y_late": {"a": [2.5] * 28}}
    panel = panel_of(frame({"a": [10.0] * 28}, **late))
    window = Window(first=1, last=2, rest_of_day=9 / 13)
    forecast = Baselines(panel, [27]).forecast("moving_average", 27, window, ROW)
    assert forecast.mean[0] == pytest.approx(22.5)


def test_methods_give_quantiles_in_order_that_are_never_negative() -> None:
    panel = panel_of(market(items=30, days=80))
    rows = np.arange(30)
    baselines = Baselines(panel, [79])
    for method in METHODS:
        quantiles = baselines.forecast(method, 79, Window(1, 2, 0.7), rows).quantiles
        assert (np.diff(quantiles, axis=1) >= -1e-9).all(), method
        assert (quantiles >= 0).all(), method


@pytest.mark.parametrize(("mean", "expected"), [(28.3333, [35, 37]), (38.3333, [46, 49])])
def test_count_quantiles_without_excess_are_poisson(mean: float, expected: list[int]) -> None:
    found = count_quantiles(np.array([mean]), np.array([mean]))[0]
    assert found[np.searchsorted(LEVELS, [0.9, 0.95])].tolist() == expected


@pytest.mark.parametrize(("mean", "expected"), [(28.3333, [38, 42]), (38.3333, [50, 54])])
def test_count_quantiles_with_twice_the_variance(mean: float, expected: list[int]) -> None:
    found = count_quantiles(np.array([mean]), np.array([2 * mean]))[0]
    assert found[np.searchsorted(LEVELS, [0.9, 0.95])].tolist() == expected


def test_gamma_quantiles_have_the_moments() -> None:
    found = gamma_quantiles(np.array([4.0]), np.array([8.0]))[0]
    assert found == pytest.approx(stats.gamma.ppf(LEVELS, 2, scale=2), rel=0.02)


def test_quantiles_of_nothing_are_zero() -> None:
    assert (count_quantiles(np.zeros(1), np.zeros(1)) == 0).all()


def test_forecast_reads_levels_between_those_known() -> None:
    forecast = Forecast(np.ones(1), np.arange(len(LEVELS), dtype=float)[None, :])
    assert forecast.at(0.4)[0] == pytest.approx(2.5)  # between 0.3 and 0.5
    assert forecast.at(0.999)[0] == len(LEVELS) - 1


def test_forecast_reads_a_level_of_its_own_for_each_item() -> None:
    rows = np.arange(len(LEVELS), dtype=float)
    forecast = Forecast(np.ones(2), np.stack([rows, 10 * rows]))
    assert forecast.at(np.array([0.5, 0.9])).tolist() == [3, 60]


def test_band_is_one_sided_where_nothing_is_likely() -> None:
    quantiles = np.stack([LEVELS * 10, np.maximum(LEVELS * 10 - 2, 0)])
    low, high = Forecast(np.ones(2), quantiles).band(0.8)
    assert low == pytest.approx([1, 0])
    assert high == pytest.approx([9, 6])
