"""How forecasts turned out, and whether the world is still the one that a model has learnt.

Belongs here: the rows of `tables.ACCURACY`, `tables.DRIFT` and `tables.FEATURE_IMPORTANCE`. Does
not belong here: storing them, and what follows from an alarm (`pipeline/forecast.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from smartshelf_dagster.forecasting.backtest import MAX_COVERAGE, MIN_COVERAGE, losses
from smartshelf_dagster.forecasting.baselines import Forecast
from smartshelf_dagster.forecasting.calendar import TradingDay
from smartshelf_dagster.forecasting.features import FEATURES, MIN_IN_STOCK
from smartshelf_dagster.forecasting.panel import Floats, Panel
from smartshelf_dagster.forecasting.promotion import Trained
from smartshelf_dagster.forecasting.tables import QUANTILE_COLUMNS
from smartshelf_dagster.forecasting.windows import JUDGED, window_of

# Rules of thumb of credit scoring: below 0.1 nothing has changed, above 0.25 a lot has.
PSI_ALARM = 0.25
# Loss of the newest forecasts over that on which the model was promoted.
ERROR_RATIO_ALARM, ERROR_RATIO_WARNING = 1.5, 1.25
PSI, ERROR_RATIO, COVERAGE_80 = "psi", "error_ratio", "coverage_80"
# What the calendar decides differs between any two weeks, and age grows by itself.
UNWATCHED = frozenset(
    {"age", "origin_weekday", "first_weekday", "first_ahead", "trading_days", "month_day",
     "store", "category"}
)  # fmt: skip
WATCHED = tuple(name for name in FEATURES if name not in UNWATCHED)
# Newest cutoffs of training that later ones are compared with: eight weeks.
REFERENCE_ORIGINS = 24
_BINS = 10
# Fewer known values than this say nothing of a distribution.
_MIN_VALUES = 100
# A bin that is empty on one side counts as this share of it.
_LEAST_SHARE = 1e-4
_EXPLAINED_ROWS = 2000


@dataclass(frozen=True)
class Reference:
    """How a feature was distributed when a model was trained.

    Attributes:
        edges: Inner bounds of the bins, ascending.
        shares: Share of the values in each bin, one more than bounds.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]


def references(trained: Trained) -> dict[str, Reference]:
    """Return the distribution of what a model was shown in its newest cutoffs, by deciles."""
    judged = trained.examples.take(trained.is_judged)
    newest = np.unique(judged.column)[-REFERENCE_ORIGINS:]
    shown = judged.features[judged.column >= newest[0]] if len(newest) else judged.features
    found = {}
    for name in WATCHED:
        values = _known(shown[:, FEATURES.index(name)])
        if len(values) >= _MIN_VALUES:
            edges = np.unique(np.quantile(values, np.arange(1, _BINS) / _BINS))
            found[name] = Reference(tuple(edges.tolist()), tuple(_shares(values, edges).tolist()))
    return found


def stability_index(reference: Reference, values: Floats) -> float:
    """Return the population stability index of new values; 0 is the same distribution.

    Args:
        reference: What it was.
        values: What it is, shape (n,).

    Source: Siddiqi, Credit Risk Scorecards, 2006.
    """
    was = np.maximum(np.array(reference.shares), _LEAST_SHARE)
    now = np.maximum(_shares(values, np.array(reference.edges)), _LEAST_SHARE)
    return float(((now - was) * np.log(now / was)).sum())


def _known(values: Floats) -> Floats:
    return values[np.isfinite(values)]


def _shares(values: Floats, edges: Floats) -> Floats:
    # A value on a bound lies below it: many features have a few values only.
    counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
    shares: Floats = counts / max(len(values), 1)
    return shares


def feature_drift(shown: pl.DataFrame, known: Mapping[str, Reference]) -> pl.DataFrame:
    """Compare what the newest cutoffs showed with what a model was trained on.

    Args:
        shown: The columns of `features.FEATURES`, one row per item and cutoff.
        known: What `references` returned.

    Returns:
        metric, feature, value, threshold, is_alarm; features with few known values are left out.
    """
    rows = []
    for name, reference in known.items():
        values = _known(shown[name].cast(pl.Float64).fill_null(np.nan).to_numpy())
        if len(values) >= _MIN_VALUES:
            value = stability_index(reference, values)
            rows.append(_alarm(PSI, name, value, PSI_ALARM, is_alarm=value > PSI_ALARM))
    return pl.DataFrame(rows, schema=_DRIFT)


def outcome_drift(accuracy: pl.DataFrame, family: str, promised_loss: float) -> pl.DataFrame:
    """Compare how the newest forecasts turned out with what was found at the promotion.

    Args:
        accuracy: Rows of `tables.ACCURACY` of the last weeks.
        family: The windows it is judged by count.
        promised_loss: Pinball loss over demand on which the model was promoted.

    Returns:
        As `feature_drift`; nothing while no window has ended.
    """
    judged = accuracy.filter(judged_windows(family) & ~pl.col("is_censored"))
    demand = float(judged["actual"].sum())
    if judged.is_empty() or demand <= 0:
        return pl.DataFrame(schema=_DRIFT)
    ratio = float(judged["pinball"].sum()) / demand / max(promised_loss, 1e-9)
    held = float(judged["in_80"].cast(pl.Float64).sum()) / judged.height
    nearest = MIN_COVERAGE if held < (MIN_COVERAGE + MAX_COVERAGE) / 2 else MAX_COVERAGE
    strays = not MIN_COVERAGE <= held <= MAX_COVERAGE
    return pl.DataFrame(
        [
            _alarm(
                *(ERROR_RATIO, None, ratio, ERROR_RATIO_ALARM), is_alarm=ratio > ERROR_RATIO_ALARM
            ),
            _alarm(COVERAGE_80, None, held, nearest, is_alarm=strays),
        ],
        schema=_DRIFT,
    )


def judged_windows(family: str) -> pl.Expr:
    """Return which rows of predictions or accuracy a family is judged by."""
    name, furthest = JUDGED[family]
    return (pl.col("window") == name) & (pl.col("horizon") <= furthest)


_DRIFT = {
    "metric": pl.String,
    "feature": pl.String,
    "value": pl.Float64,
    "threshold": pl.Float64,
    "is_alarm": pl.Boolean,
}


def _alarm(
    metric: str, feature: str | None, value: float, threshold: float, *, is_alarm: bool
) -> dict[str, object]:
    return {
        "metric": metric,
        "feature": feature,
        "value": value,
        "threshold": threshold,
        "is_alarm": is_alarm,
    }


def importance(trained: Trained) -> pl.DataFrame:
    """Return how much each feature matters: rows of `tables.FEATURE_IMPORTANCE` of a model.

    Gain says what splits were good for in training, SHAP what moves the means of recent windows.

    Returns:
        feature, gain_share, shap_share; each share adds up to 1.
    """
    gain = trained.model.importance()
    judged = np.flatnonzero(trained.is_judged)[-_EXPLAINED_ROWS:]
    moved = trained.model.contributions(trained.examples.take(judged))
    return pl.DataFrame(
        [
            {"feature": name, "gain_share": gain.get(name, 0.0), "shap_share": moved[name]}
            for name in FEATURES
        ]
    ).sort("gain_share", descending=True)


def accuracy_rows(
    panel: Panel, predictions: pl.DataFrame, trading: TradingDay | None = None
) -> pl.DataFrame:
    """Set forecasts whose windows have ended beside what came.

    Args:
        panel: Demand of whole days.
        predictions: Rows of `tables.PREDICTIONS`.
        trading: Opening hours; 8 to 21 without.

    Returns:
        Rows of `tables.ACCURACY`; none for windows that have not ended or items that are not in
        the panel.
    """
    rows = panel.items.select("unique_id", _item=pl.int_range(pl.len()))
    keyed = predictions.with_columns(
        unique_id=pl.concat_str("store_id", "item_id", separator="/")
    ).join(rows, on="unique_id")
    parts = []
    for (origin, begins, ends), group in keyed.group_by(
        "origin_ts", "from_ts", "until_ts", maintain_order=True
    ):
        if not (
            isinstance(origin, datetime)
            and isinstance(begins, datetime)
            and isinstance(ends, datetime)
        ):
            raise TypeError(f"origin_ts, from_ts, until_ts: {origin}, expected timestamps")
        column, window = panel.column(origin.date()), window_of(origin, begins, ends, trading)
        if column < 0 or column + window.end >= panel.observed:
            continue
        at = group["_item"].to_numpy()
        forecast = Forecast(
            group["mean"].to_numpy(), group.select(QUANTILE_COLUMNS).to_numpy().astype(np.float64)
        )
        actual = panel.window_sums(column, window)[at].astype(np.float64)
        narrow, wide = forecast.band(0.8), forecast.band(0.95)
        parts.append(
            group.with_columns(
                actual=actual,
                sold=panel.sold_in(column, window)[at].astype(np.float64),
                median=forecast.at(0.5),
                pinball=losses(actual, forecast),
                in_80=(actual >= narrow[0]) & (actual <= narrow[1]),
                in_95=(actual >= wide[0]) & (actual <= wide[1]),
                is_censored=panel.in_stock_share(column, window)[at] < MIN_IN_STOCK,
            )
        )
    if not parts:
        return pl.DataFrame()
    return pl.concat(parts).drop("unique_id", "_item", "from_ts", *QUANTILE_COLUMNS)
