"""Measures, against figures worked out by hand."""

import numpy as np
import pytest

from smartshelf_dagster.forecasting import metrics

ACTUAL = np.array([10, 0, 5, 20, 15.0])
SAID = np.array([12, 1, 5, 15, 18.0])


def test_point_measures_of_five_days() -> None:
    assert metrics.wape(ACTUAL, SAID) == pytest.approx(0.22)
    assert metrics.bias(ACTUAL, SAID) == pytest.approx(0.02)
    assert metrics.score(ACTUAL, SAID) == pytest.approx(0.24)


def test_pinball_costs_a_shortfall_by_the_level_and_an_excess_by_the_rest() -> None:
    loss = metrics.pinball(np.array([10.0]), np.array([[8.0, 13.0]]), np.array([0.9, 0.9]))
    assert loss[0] == pytest.approx([1.8, 0.3])


def test_pinball_is_least_at_the_true_quantile() -> None:
    draws = np.random.default_rng(1).poisson(10, 20_000).astype(float)
    tried = np.arange(5, 21.0)
    loss = [
        metrics.pinball(draws, np.full((len(draws), 1), each), np.array([0.9])).mean()
        for each in tried
    ]
    assert tried[int(np.argmin(loss))] == np.quantile(draws, 0.9)


def test_naive_scales_begin_with_the_first_sale() -> None:
    history = np.array([[0, 0, 2, 5, 4.0], [3, 3, 3, 3, 3.0]])
    absolute, squared = metrics.naive_scales(history, np.array([2, 0]))
    assert absolute[0] == pytest.approx(2)  # steps 3 and 1
    assert squared[0] == pytest.approx(5)  # 9 and 1
    assert np.isnan(absolute[1])


def test_scaled_errors_average_over_items_and_leave_out_those_without_a_scale() -> None:
    scales = np.array([2.0, np.nan]), np.array([5.0, np.nan])
    actual = np.array([4.0, 6.0, 1.0])
    mase, rmsse = metrics.scaled_errors(
        actual, np.array([5.0, 3.0, 9.0]), np.array([4.0, 4.0, 9.0]), np.array([0, 0, 1]), scales
    )
    assert mase == pytest.approx(0.5)  # mean error 1 over 2
    assert rmsse == pytest.approx(1.0)  # mean square (1 + 9) / 2 over 5


def test_coverage_counts_the_bounds() -> None:
    bounds = np.zeros(4), np.full(4, 2.0)
    assert metrics.coverage(np.array([0, 2, 3, -1.0]), *bounds) == 0.5


def test_bootstrap_difference_of_a_constant_gain_is_that_gain() -> None:
    second = np.array([4.0, 6.0, 5.0, 9.0, 2.0, 7.0, 5.0, 5.0])
    assert metrics.bootstrap_difference(0.9 * second, second, seed=1) == pytest.approx(
        (0.1, 0.1, 0.1)
    )


def test_bootstrap_difference_of_noise_holds_zero_and_repeats_by_seed() -> None:
    random = np.random.default_rng(5)
    first, second = random.normal(10, 1, 30), random.normal(10, 1, 30)
    _, low, high = metrics.bootstrap_difference(first, second, seed=2)
    assert low < 0 < high
    assert metrics.bootstrap_difference(first, second, seed=2)[1:] == (low, high)
