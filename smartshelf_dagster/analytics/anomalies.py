"""Unusual sales that SQL has no functions for: rare counts of items, and odd residuals of hours.

Belongs here: the tests, their formulas, and what all anomalies amount to. Does not belong here:
scores by medians (dbt, `sales_anomalies`), and what the series are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy

from smartshelf_dagster.errors import SmartShelfError

Floats = npt.NDArray[np.floating[Any]]

SERIES = ("scope_type", "scope_id", "currency")
METRICS = ("sales_revenue", "net_sales", "units_sold", "transactions")
PERIODS = {"1d": 1, "7d": 7, "30d": 30}
SCORES = {
    "scope_type": pl.String(),
    "scope_id": pl.String(),
    "currency": pl.String(),
    "metric": pl.String(),
    "grain": pl.String(),
    "bucket_start": pl.Datetime("us", "UTC"),
    "method": pl.String(),
    "date_key": pl.Date(),
    "hour": pl.Int8(),
    "days_ago": pl.Int32(),
    "value": pl.Decimal(18, 2),
    "baseline": pl.Float64(),
    "score": pl.Float64(),
    "p_value": pl.Float64(),
    "q_value": pl.Float64(),
    "lower_band": pl.Float64(),
    "upper_band": pl.Float64(),
    "is_anomaly": pl.Boolean(),
    "direction": pl.String(),
    "severity": pl.String(),
    "is_open": pl.Boolean(),
    "is_holiday": pl.Boolean(),
    "n_ref": pl.Int64(),
}
SUMMARY = {
    "period": pl.String(),
    "scope_type": pl.String(),
    "scope_id": pl.String(),
    "currency": pl.String(),
    "metric": pl.String(),
    "grain": pl.String(),
    "method": pl.String(),
    "scored_count": pl.Int64(),
    "anomaly_count": pl.Int64(),
    "high_count": pl.Int64(),
    "low_count": pl.Int64(),
    "avg_score": pl.Float64(),
    "max_score": pl.Float64(),
    "min_score": pl.Float64(),
    "last_anomaly": pl.Datetime("us", "UTC"),
    "rate_pct": pl.Float64(),
}
ITEM_COLUMNS = (
    "currency", "item_id", "date_key", "bucket_start", "days_ago", "is_holiday", "units_sold",
)  # fmt: skip
HOUR_COLUMNS = (
    *SERIES, "bucket_start", "date_key", "hour", "days_ago", "is_open", "is_holiday", *METRICS,
)  # fmt: skip
_HOURS_OF_WEEK = 168
_LEAST_PERIODS = 4
_SEASONS_BESIDE = 7
# Beyond this the normal scale of a probability has no numbers left.
_LEAST_P = 1e-300
_MEDIUM, _HIGH = 5, 8


class AnomalyError(SmartShelfError, ValueError):
    """Series or settings that cannot be judged; the message names the field and the expected."""


@dataclass(frozen=True)
class AnomalySettings:
    """What counts as unusual, and compared with what.

    Attributes:
        item_days: Days before that an item is compared with.
        min_item_days: With fewer of them it is not judged.
        item_p: A count is rarer than this, above 0 to 1.
        item_q: At most this share of the items flagged of a day is flagged by chance.
        residual_days: Days whose hours are judged together.
        residual_alpha: Chance of any flag in a series without anomalies.
        max_outliers: Most of the hours of a series that are flagged, as a share.
        score_days: Days for which scores are kept that are no anomaly.

    Raises:
        AnomalyError: A value is out of its range.
    """

    item_days: int = 56
    min_item_days: int = 28
    item_p: float = 1e-4
    item_q: float = 0.05
    residual_days: int = 365
    residual_alpha: float = 0.05
    max_outliers: float = 0.02
    score_days: int = 30

    def __post_init__(self) -> None:
        for name in ("item_p", "item_q", "residual_alpha", "max_outliers"):
            value = getattr(self, name)
            if not 0 < value < 1:
                raise AnomalyError(f"{name}: {value}, expected above 0 and below 1")
        if not 2 <= self.min_item_days <= self.item_days:  # noqa: PLR2004 - one has no variance
            raise AnomalyError(
                f"min_item_days: {self.min_item_days}, expected from 2 to {self.item_days}"
            )


def rare_counts(days: pl.DataFrame, settings: AnomalySettings | None = None) -> pl.DataFrame:
    """Judge the pieces of each item on each day by the days before.

    What may be expected is negative binomial: of the mean of those days, and of their variance,
    but at least that of a Poisson count, both widened as the mean is itself known from few days
    only. A count is unusual when the tail it lies in, doubled, has a probability below `item_p`,
    and its q-value among all items of the day (Benjamini and Hochberg 1995) lies below `item_q`.

    Args:
        days: One row per currency, item and day, columns `ITEM_COLUMNS`, any order; every day from
            an item's first on.
        settings: The defaults without.

    Returns:
        Columns `SCORES`, metric units_sold: anomalies, and all scores of the last `score_days`.

    Raises:
        AnomalyError: A column is missing.
    """
    settings = settings or AnomalySettings()
    _check_columns("days", days, ITEM_COLUMNS)
    judged = _with_references(days, settings)
    sold, mean, variance = (judged[name].to_numpy() for name in ("units_sold", "mean", "variance"))
    expected = _negative_binomial(mean, variance)
    below, above = expected.cdf(sold), expected.sf(sold - 1)
    p_values = np.minimum(1, 2 * np.minimum(below, above))
    tails = scipy.stats.norm.isf(np.maximum(p_values, _LEAST_P) / 2)
    judged = judged.with_columns(
        p_value=pl.Series(p_values, dtype=pl.Float64),
        score=pl.Series(np.where(below < above, -tails, tails), dtype=pl.Float64),
    )
    judged = judged.with_columns(q_value=_false_discovery_rate(["currency", "date_key"]))
    unusual = (pl.col("p_value") < settings.item_p) & (pl.col("q_value") < settings.item_q)
    told = judged.with_columns(is_anomaly=unusual).filter(_is_kept(settings))
    limits = _negative_binomial(told["mean"].to_numpy(), told["variance"].to_numpy())
    return _scores(
        told.with_columns(
            scope_type=pl.lit("item"),
            scope_id=pl.col("item_id"),
            metric=pl.lit("units_sold"),
            grain=pl.lit("day"),
            method=pl.lit("poisson_tail"),
            hour=pl.lit(None),
            value=pl.col("units_sold"),
            baseline=pl.col("mean"),
            lower_band=pl.Series(limits.ppf(settings.item_p / 2), dtype=pl.Float64),
            upper_band=pl.Series(limits.isf(settings.item_p / 2), dtype=pl.Float64),
            is_open=pl.lit(True),
        )
    )


def _with_references(days: pl.DataFrame, settings: AnomalySettings) -> pl.DataFrame:
    """Add number, mean and variance of the days before; leave out what has too few."""
    item = ["currency", "item_id"]
    sold = pl.col("units_sold").cast(pl.Float64)
    size, least = settings.item_days, settings.min_item_days
    before = days.sort(*item, "date_key").with_columns(
        n_ref=pl.int_range(pl.len()).over(item).clip(upper_bound=settings.item_days),
        total=sold.shift(1).rolling_sum(size, min_samples=least).over(item),
        spread=sold.shift(1).rolling_var(size, min_samples=least).over(item),
    )
    # Half a piece more than were sold: what never sold may sell (Jeffreys).
    mean = (pl.col("total") + 0.5) / pl.col("n_ref")
    variance = pl.max_horizontal(mean, pl.col("spread")) * (1 + 1 / pl.col("n_ref"))
    return before.drop_nulls("total").with_columns(mean=mean, variance=variance)


def _negative_binomial(mean: Floats, variance: Floats) -> Any:
    return scipy.stats.nbinom(mean**2 / (variance - mean), mean / variance)


def _false_discovery_rate(family: list[str]) -> pl.Expr:
    """Return the q-values of the p-values of each family."""
    rank = pl.col("p_value").rank("ordinal", descending=True)
    rarer = pl.len() + 1 - rank
    scaled = pl.col("p_value") * pl.len() / rarer
    from_the_rarest = rank.cast(pl.Int64)
    lowest = scaled.sort_by(from_the_rarest).cum_min()
    return lowest.gather(from_the_rarest - 1).clip(upper_bound=1).over(family)


def odd_residuals(hours: pl.DataFrame, settings: AnomalySettings | None = None) -> pl.DataFrame:
    """Judge the hours of each series by what trend and hour of the week leave unexplained.

    Roots are decomposed and not the values: of counts, and of money in counted receipts, the root
    varies alike in busy and in quiet hours. Hours in which nothing was sold nor expected are no
    evidence of how much others vary.

    Args:
        hours: One row per series and hour, columns `HOUR_COLUMNS`, dense, any order.
        settings: The defaults without.

    Returns:
        Columns `SCORES`: anomalies, and all scores of the last `score_days`. Series of less than
        four weeks have none.

    Raises:
        AnomalyError: A column is missing.
    """
    settings = settings or AnomalySettings()
    _check_columns("hours", hours, HOUR_COLUMNS)
    recent = hours.filter(pl.col("days_ago") <= settings.residual_days)
    parts = [pl.DataFrame(schema=SCORES)]
    ordered = recent.sort(*SERIES, "bucket_start")
    for own in ordered.partition_by(list(SERIES), maintain_order=True):
        if own.height >= _LEAST_PERIODS * _HOURS_OF_WEEK:
            parts += [_judge_residuals(own, metric, settings) for metric in METRICS]
    return pl.concat(parts)


def _judge_residuals(own: pl.DataFrame, metric: str, settings: AnomalySettings) -> pl.DataFrame:
    values = own[metric].cast(pl.Float64).to_numpy()
    roots = np.sign(values) * np.sqrt(np.abs(values))
    fitted = decompose(roots, _HOURS_OF_WEEK)
    told = (values != 0) | (np.abs(fitted) > 0)
    flags, centre, spread, limit = generalised_esd(
        roots[told] - fitted[told], settings.residual_alpha, settings.max_outliers
    )
    kept = own.filter(pl.Series(told))
    of_root = pl.Series(fitted[told])
    reach = limit * spread if spread else 0.0
    return _scores(
        kept.with_columns(
            metric=pl.lit(metric),
            grain=pl.lit("hour"),
            method=pl.lit("stl_esd"),
            value=pl.col(metric),
            baseline=_square(of_root),
            score=pl.Series((roots[told] - fitted[told] - centre) / spread) if spread else None,
            p_value=None,
            q_value=None,
            lower_band=_square(of_root + centre - reach),
            upper_band=_square(of_root + centre + reach),
            is_anomaly=pl.Series(flags),
            n_ref=pl.lit(int(told.sum()) - 1),
        ).filter(_is_kept(settings))
    )


def _square(roots: pl.Series) -> pl.Series:
    return roots * roots.abs()


def decompose(values: Floats, period: int) -> Floats:
    """Return trend and season of a series, whose bumps bend neither.

    The trend is the running median of two periods; the season, for each place in the period, the
    running median of `values` less trend over seven periods. So is STL (Cleveland et al. 1990), but
    with medians where it fits lines again and again: an hour of five times the sales then leaves no
    trace in the weeks beside it.

    Args:
        values: Equally spaced, at least four periods.
        period: Length of the season.

    Raises:
        AnomalyError: There are less than four periods.
    """
    if len(values) < _LEAST_PERIODS * period:
        raise AnomalyError(
            f"values: {len(values)}, expected at least {_LEAST_PERIODS} periods of {period}"
        )
    # Each place of the period stands in the window twice; where the window is not whole, the trend
    # is as in the nearest that is.
    whole = scipy.ndimage.median_filter(values, size=2 * period)[period : len(values) - period + 1]
    trend = np.pad(whole, (period, period - 1), mode="edge")
    seasons = -(-len(values) // period)
    padded = np.pad(values - trend, (0, seasons * period - len(values)), constant_values=np.nan)
    by_place = padded.reshape(seasons, period)
    # The last period may lack its end: it is as the one before.
    by_place[-1] = np.where(np.isnan(by_place[-1]), by_place[-2], by_place[-1])
    # Beyond the ends the periods come back mirrored: none, and so no bump, stands there twice.
    season = scipy.ndimage.median_filter(by_place, size=(_SEASONS_BESIDE, 1), mode="mirror")
    fitted: Floats = trend + season.ravel()[: len(values)]
    return fitted


def generalised_esd(
    values: Floats, alpha: float, max_share: float
) -> tuple[npt.NDArray[np.bool_], float, float, float]:
    """Find outliers of a normal sample, whose number is not known beforehand.

    The value farthest from the mean is taken out again and again; the outliers are those up to the
    last whose distance in standard deviations was beyond its critical value. So no outlier hides
    behind another. Source: Rosner, Technometrics 25 (1983).

    Args:
        values: The sample.
        alpha: Chance of any outlier where there is none.
        max_share: Most outliers that are looked for, as a share of the sample; at least one.

    Returns:
        Which are outliers; mean and standard deviation of the others; and how many of these a
        value must be away to be one.
    """
    size = len(values)
    flags = np.zeros(size, dtype=np.bool_)
    most = min(max(1, int(np.ceil(max_share * size))), size - 2)
    if most < 1:
        return flags, float(np.mean(values)) if size else 0.0, 0.0, np.inf
    order = np.argsort(values, kind="stable")
    low, high = 0, size - 1
    taken, distances, centres, spreads = [], [], [], []
    # The farthest value is always the first or the last of those that are left.
    for _ in range(most + 1):
        left = values[order[low : high + 1]]
        centre, spread = float(left.mean()), float(left.std(ddof=1))
        centres.append(centre)
        spreads.append(spread)
        is_last = values[order[high]] - centre >= centre - values[order[low]]
        place = order[high] if is_last else order[low]
        taken.append(place)
        distances.append(abs(values[place] - centre) / spread if spread else 0.0)
        low, high = (low, high - 1) if is_last else (low + 1, high)
    index = np.arange(1, most + 1)
    degrees = size - index - 1
    quantile = scipy.stats.t.isf(alpha / (2 * (size - index + 1)), degrees)
    critical = (size - index) * quantile / np.sqrt((degrees + quantile**2) * (size - index + 1))
    beyond = np.flatnonzero(np.array(distances[:most]) > critical)
    found = int(beyond[-1]) + 1 if len(beyond) else 0
    flags[taken[:found]] = True
    return flags, centres[found], spreads[found], float(critical[min(found, most - 1)])


def summarise(scores: pl.DataFrame) -> pl.DataFrame:
    """Count the anomalies of the last complete days, all of them.

    Args:
        scores: Rows of any methods, with the columns that `SCORES` has in common with `SUMMARY`,
            and days_ago, is_anomaly, direction, score, bucket_start.

    Returns:
        Columns `SUMMARY`: one row per period, series, metric, grain and method with scores.
    """
    key = [*SERIES, "metric", "grain", "method"]
    found = pl.col("is_anomaly")
    score = pl.col("score").filter(found)
    parts = [
        scores.filter(pl.col("days_ago").is_between(1, days))
        .group_by(key)
        .agg(
            scored_count=pl.len(),
            anomaly_count=found.sum(),
            high_count=(pl.col("direction") == "high").sum(),
            low_count=(pl.col("direction") == "low").sum(),
            avg_score=score.abs().mean(),
            max_score=score.max(),
            min_score=score.min(),
            last_anomaly=pl.col("bucket_start").filter(found).max(),
            rate_pct=100 * found.mean(),
        )
        .with_columns(period=pl.lit(period))
        for period, days in PERIODS.items()
    ]
    return pl.concat(parts).select(pl.col(name).cast(dtype) for name, dtype in SUMMARY.items())


def _is_kept(settings: AnomalySettings) -> pl.Expr:
    return pl.col("is_anomaly") | (pl.col("days_ago") <= settings.score_days)


def _scores(rows: pl.DataFrame) -> pl.DataFrame:
    """Say how bad it is, and bring the columns into order."""
    found, score = pl.col("is_anomaly"), pl.col("score")
    severity = (
        pl.when(score.abs() > _HIGH).then(pl.lit("HIGH"))
        .when(score.abs() > _MEDIUM).then(pl.lit("MEDIUM"))
        .otherwise(pl.lit("LOW"))
    )  # fmt: skip
    told = rows.with_columns(
        direction=pl.when(found & (score > 0)).then(pl.lit("high")).when(found).then(pl.lit("low")),
        severity=pl.when(found).then(severity),
    )
    return told.select(pl.col(name).cast(dtype) for name, dtype in SCORES.items())


def _check_columns(frame: str, given: pl.DataFrame, expected: Iterable[str]) -> None:
    missing = [name for name in expected if name not in given.columns]
    if missing:
        raise AnomalyError(
            f"{frame}: columns {', '.join(missing)} are missing, expected {', '.join(expected)}"
        )
