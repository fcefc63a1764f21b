"""Rare counts, odd residuals and what they amount to: by hand, by publication, by injection."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from smartshelf_dagster.analytics.anomalies import (
    METRICS,
    SCORES,
    SUMMARY,
    AnomalyError,
    AnomalySettings,
    decompose,
    generalised_esd,
    odd_residuals,
    rare_counts,
    summarise,
)

LAST_DAY = date(2026, 6, 28)

# Rosner's example, as the Engineering Statistics Handbook of NIST gives it (1.3.5.17.3): three
# outliers, though the second is within its critical value.
ROSNER = np.array([
    -0.25, 0.68, 0.94, 1.15, 1.20, 1.26, 1.26, 1.34, 1.38, 1.43, 1.49, 1.49, 1.55, 1.56, 1.58, 1.65,
    1.69, 1.70, 1.76, 1.77, 1.81, 1.91, 1.94, 1.96, 1.99, 2.06, 2.09, 2.10, 2.14, 2.15, 2.23, 2.24,
    2.26, 2.35, 2.37, 2.40, 2.47, 2.54, 2.62, 2.64, 2.90, 2.92, 2.92, 2.93, 3.21, 3.26, 3.30, 3.59,
    3.68, 4.30, 4.64, 5.34, 5.42, 6.01,
])  # fmt: skip


def test_esd_finds_the_outliers_of_the_published_example() -> None:
    flags, centre, spread, limit = generalised_esd(ROSNER, 0.05, 10 / 54)
    assert ROSNER[flags].tolist() == [5.34, 5.42, 6.01]
    rest = ROSNER[~flags]
    assert (centre, spread) == pytest.approx((rest.mean(), rest.std(ddof=1)))
    # Critical value of the fourth.
    assert limit == pytest.approx(3.136, abs=5e-4)


def test_esd_finds_as_much_in_any_order_and_nothing_where_nothing_varies() -> None:
    turned = ROSNER[::-1]
    assert turned[generalised_esd(turned, 0.05, 0.2)[0]].tolist() == [6.01, 5.42, 5.34]
    for same in (np.full(50, 3.0), np.array([1.0, 9.0]), np.array([])):
        assert not generalised_esd(same, 0.05, 0.02)[0].any()


def test_esd_rarely_flags_what_is_normal() -> None:
    random = np.random.default_rng(3)
    flagged = [generalised_esd(random.normal(size=500), 0.05, 0.02)[0].any() for _ in range(400)]
    assert np.mean(flagged) < 0.09


def test_decomposition_is_exact_for_a_season_and_a_bump_hardly_bends_it() -> None:
    time = np.arange(12 * 168)
    season = np.sin(2 * np.pi * time / 168) * 5 + (time % 24 == 18) * 10
    series = 100 + season
    assert np.allclose(decompose(series, 168), series)
    bumped = series.copy()
    bumped[[500, 1_300]] = 0, 500
    assert np.allclose(decompose(bumped, 168), series, atol=0.2)
    assert np.allclose(decompose(bumped[:-60], 168), series[:-60], atol=0.2)
    with pytest.raises(AnomalyError, match="values: 3, expected at least 4 periods of 168"):
        decompose(series[:3], 168)


def hours_of(values: np.ndarray, scope: str = "S") -> pl.DataFrame:
    """A series that ends with the last hour of LAST_DAY; all metrics are the same."""
    last = datetime(LAST_DAY.year, LAST_DAY.month, LAST_DAY.day, 23, tzinfo=UTC)
    first = last - timedelta(hours=len(values) - 1)
    times = [first + timedelta(hours=index) for index in range(len(values))]
    return pl.DataFrame(
        {
            "scope_type": "store", "scope_id": scope, "currency": "EUR",
            "bucket_start": times, "date_key": [time.date() for time in times],
            "hour": [time.hour for time in times],
            "days_ago": [(LAST_DAY - time.date()).days + 1 for time in times],
            "is_open": True, "is_holiday": False,
            **dict.fromkeys(METRICS, values.astype(float)),
        },
        schema_overrides={"bucket_start": pl.Datetime("us", "UTC")},
    )  # fmt: skip


def busy_weeks(weeks: int = 26, seed: int = 1) -> np.ndarray:
    """Receipts of a store that is closed at night and busy in the evening, at the weekend more."""
    time = np.arange(weeks * 168)
    of_day = np.where(time % 24 < 7, 0, 20 + 30 * np.exp(-(((time % 24) - 18) ** 2) / 8))
    rate = of_day * np.where(time // 24 % 7 > 4, 1.4, 1)
    return np.random.default_rng(seed).poisson(rate).astype(float)


def test_a24_injected_hours_are_found_in_either_direction() -> None:
    sold = busy_weeks()
    open_hours = np.flatnonzero(np.arange(len(sold)) % 24 > 9)
    injected = np.random.default_rng(2).choice(open_hours, 24, replace=False)
    sold[injected[:12]] *= 5
    sold[injected[12:]] = 0
    found = odd_residuals(hours_of(sold)).filter(metric="units_sold", is_anomaly=True)
    places = hours_of(sold).with_row_index().join(found, on="bucket_start", how="semi")["index"]
    told = set(places)
    assert set(injected) <= told
    assert len(set(injected)) / len(told) >= 0.9
    high, low = (set(found.filter(direction=way)["value"]) for way in ("high", "low"))
    assert min(low) == 0
    assert min(high) > 60
    assert set(found["severity"]) <= {"LOW", "MEDIUM", "HIGH"}


def test_scores_of_the_last_days_are_kept_and_short_series_have_none() -> None:
    told = odd_residuals(hours_of(busy_weeks()), AnomalySettings(score_days=3))
    assert told.schema == pl.Schema(SCORES)
    usual = told.filter(~pl.col("is_anomaly"))
    assert set(usual["days_ago"]) == {1, 2, 3}
    # Nothing is sold nor expected before seven.
    assert usual["hour"].min() == 7
    assert usual.filter(pl.col("value").cast(float) > pl.col("upper_band")).is_empty()
    assert usual.filter(pl.col("value").cast(float) < pl.col("lower_band")).is_empty()
    assert odd_residuals(hours_of(busy_weeks(weeks=3))).is_empty()
    with pytest.raises(AnomalyError, match="hours: columns hour are missing"):
        odd_residuals(hours_of(busy_weeks(4)).drop("hour"))


def test_a_series_that_hardly_ever_sold_or_never_varies_has_no_anomaly() -> None:
    seldom, steady = np.zeros(700), np.full(700, 9.0)
    seldom[[50, 300]] = 4
    for values, scored in ((seldom, 2), (np.zeros(700), 0), (steady, 700)):
        told = odd_residuals(hours_of(values)).filter(metric="transactions")
        assert told.height == scored
        assert not told["is_anomaly"].any()
        assert not told["upper_band"].is_nan().any()


def days_of(items: dict[str, np.ndarray]) -> pl.DataFrame:
    """Days that end with LAST_DAY."""
    parts = []
    for item, sold in items.items():
        days = [LAST_DAY - timedelta(days=len(sold) - 1 - index) for index in range(len(sold))]
        parts.append(
            pl.DataFrame(
                {
                    "currency": "EUR", "item_id": item, "date_key": days,
                    "bucket_start": [datetime(d.year, d.month, d.day, tzinfo=UTC) for d in days],
                    "days_ago": [(LAST_DAY - day).days + 1 for day in days],
                    "is_holiday": False, "units_sold": sold.astype(np.int64),
                },
                schema_overrides={"bucket_start": pl.Datetime("us", "UTC")},
            )
        )  # fmt: skip
    return pl.concat(parts)


def test_a24_a_count_is_judged_by_the_days_before_it_alone() -> None:
    sold = np.tile([1, 2, 3, 2], 15)[:57]
    sold[-1] = 40
    row = rare_counts(days_of({"A": sold})).row(-1, named=True)
    mean = (sold[:-1].sum() + 0.5) / 56
    variance = max(mean, sold[:-1].var(ddof=1)) * (1 + 1 / 56)
    expected = stats.nbinom(mean**2 / (variance - mean), mean / variance)
    assert row["p_value"] == pytest.approx(2 * expected.sf(39))
    assert row["score"] == pytest.approx(stats.norm.isf(row["p_value"] / 2))
    assert (row["baseline"], row["n_ref"], row["value"]) == (pytest.approx(mean), 56, 40)
    assert (row["is_anomaly"], row["direction"], row["severity"]) == (True, "high", "HIGH")
    assert row["lower_band"] == 0
    assert row["upper_band"] == expected.isf(5e-5)
    # The day alone is different, not the ones before.
    usual = sold.copy()
    usual[-1] = 2
    before = rare_counts(days_of({"A": sold})).filter(pl.col("days_ago") > 1)
    assert before.equals(rare_counts(days_of({"A": usual})).filter(pl.col("days_ago") > 1))


def test_a_day_with_too_few_before_it_is_not_judged_and_silence_is_found_where_it_is_rare() -> None:
    random = np.random.default_rng(4)
    often, seldom = random.poisson(40, 60), random.poisson(1.5, 60)
    often[-1] = seldom[-1] = 0
    told = rare_counts(days_of({"often": often, "seldom": seldom}), AnomalySettings(score_days=100))
    assert told["n_ref"].min() == 28
    last = {row["scope_id"]: row for row in told.filter(days_ago=1).iter_rows(named=True)}
    assert (last["often"]["direction"], last["often"]["is_anomaly"]) == ("low", True)
    assert not last["seldom"]["is_anomaly"]


def test_false_discoveries_are_bounded_among_the_items_of_a_day() -> None:
    random = np.random.default_rng(5)
    items = {f"I{n:03d}": random.negative_binomial(2, 0.4, 90) for n in range(200)}
    for name in ("I000", "I001", "I002"):
        items[name][-5] = 80
    told = rare_counts(days_of(items), AnomalySettings(score_days=100))
    assert {"I000", "I001", "I002"} <= set(told.filter(is_anomaly=True, days_ago=5)["scope_id"])
    # 12,400 counts were judged.
    assert told.filter(is_anomaly=True).height <= 12
    for _, day in told.group_by("date_key"):
        expected = stats.false_discovery_control(day["p_value"].to_numpy())
        assert day["q_value"].to_numpy() == pytest.approx(expected)


def test_nothing_sold_gives_no_rows_and_what_cannot_be_judged_is_named() -> None:
    nothing = days_of({"A": np.zeros(3)}).clear()
    assert rare_counts(nothing).schema == pl.Schema(SCORES)
    assert rare_counts(nothing).is_empty()
    with pytest.raises(AnomalyError, match="days: columns item_id are missing"):
        rare_counts(nothing.drop("item_id"))
    with pytest.raises(AnomalyError, match=r"item_q: 1\.5, expected above 0 and below 1"):
        AnomalySettings(item_q=1.5)
    with pytest.raises(AnomalyError, match="min_item_days: 60, expected from 2 to 56"):
        AnomalySettings(min_item_days=60)


def test_a25_a_summary_counts_all_of_them_and_only_days_that_are_over() -> None:
    hour = datetime(2026, 2, 24, 9, tzinfo=UTC)
    rows = [
        (7, hour, 9.0, True, "high"), (7, hour + timedelta(hours=1), -4.0, True, "low"),
        (1, hour, 1.0, False, None), (1, hour, None, False, None), (0, hour, 99.0, True, "high"),
        (31, hour, 5.0, True, "high"),
    ]  # fmt: skip
    columns = ["days_ago", "bucket_start", "score", "is_anomaly", "direction"]
    key = {"scope_type": "store", "scope_id": "S", "currency": "EUR", "metric": "m", "grain": "hour",
           "method": "z"}  # fmt: skip
    scores = pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.lit(value).alias(name) for name, value in key.items()
    )
    told = summarise(scores)
    assert told.schema == pl.Schema(SUMMARY)
    figures = told.sort("scored_count", "period").drop(*key, "last_anomaly").rows()
    assert figures == [
        ("1d", 2, 0, 0, 0, None, None, None, 0.0),
        ("30d", 4, 2, 1, 1, 6.5, 9.0, -4.0, 50.0),
        ("7d", 4, 2, 1, 1, 6.5, 9.0, -4.0, 50.0),
    ]
    assert told.filter(period="7d")["last_anomaly"].to_list() == [hour + timedelta(hours=1)]
