"""Champion and challenger: who forecasts from now on, and why.

Belongs here: training a family on past cutoffs, judging it on those held out, the decision. Does
not belong here: storing any of it (`pipeline/forecast.py`), and forecasting (`serving.py`).

A family is judged by the windows that decisions follow from: orders by the time an order has to
last, days by the next seven days, one by one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import polars as pl

from smartshelf_dagster.forecasting import metrics
from smartshelf_dagster.forecasting.backtest import (
    BLEND,
    CANDIDATES,
    FIRST_COLUMN,
    MAX_COVERAGE,
    MIN_COVERAGE,
    MODEL,
    blend,
    choose_champions,
    losses,
    pick,
    stack,
)
from smartshelf_dagster.forecasting.baselines import LEVELS, METHODS, Baselines, Forecast
from smartshelf_dagster.forecasting.calendar import TradingDay
from smartshelf_dagster.forecasting.features import (
    CLASSES,
    Examples,
    Origin,
    build_examples,
    vocabulary,
)
from smartshelf_dagster.forecasting.model import (
    HoldOut,
    Model,
    ModelSettings,
    train_and_hold_out,
)
from smartshelf_dagster.forecasting.panel import Floats, Ints, Panel
from smartshelf_dagster.forecasting.windows import JUDGED, Cutoff, Target, trained_targets

Rows = npt.NDArray[np.bool_]

PROMOTED, KEPT, BASELINE = "promoted", "kept", "baseline"
# Days of history that a model needs.
MODEL_DAYS = 56
# Cutoffs that are learnt from lie at most this far back.
TRAINING_DAYS = 365
# Fewer cutoffs than this in common, and no interval can be told.
MIN_COMMON_ORIGINS = 3
# Neighbouring cutoffs see almost the same week or month ahead: of windows longer than those of
# orders every fourth teaches as much. Not a multiple of three, so that no weekday is left out.
_LONG_EVERY = 4
_LONG_DAYS = 7
# All windows of the newest cutoffs are kept, since some of them are held out.
_NEWEST_ORIGINS = 18
# Rows above which older cutoffs are thinned out: training samples far fewer.
_MOST_ROWS = 400_000
_SEED = 1


@dataclass(frozen=True)
class Champion:
    """Who forecasts a family.

    Attributes:
        version: Of the model; `None` when baselines speak for all classes.
        model: The model.
        last_day: Newest day it was trained on.
        methods: Method of each of `features.CLASSES`.
        best_baseline: The baseline that did best when this was decided.
    """

    version: str | None
    model: Model | None
    last_day: date | None
    methods: tuple[str, ...]
    best_baseline: str


@dataclass(frozen=True)
class Trained:
    """A new model of a family, and how it and everybody else did on what was held out.

    Attributes:
        family: `tables.ORDERS` or `tables.DAYS`.
        model: The model.
        examples: What it learnt from, and what was held out.
        is_judged: Rows of `examples` of the windows that the family is judged by.
        first_day: First day of the history.
        last_day: Newest day it knows of.
        held_out: The judged windows that were held out.
        windows: The window of each of those rows.
        said: What each method said of them.
    """

    family: str
    model: Model
    examples: Examples
    is_judged: Rows
    first_day: date
    last_day: date
    held_out: Examples
    windows: tuple[Origin, ...]
    said: dict[str, Forecast]


@dataclass(frozen=True)
class Promotion:
    """A decision on a trained model; the columns of `tables.PROMOTIONS` that follow from it.

    Attributes:
        decision: `PROMOTED`, `KEPT` or `BASELINE`.
        reason: The same in words, with figures.
        methods: Who forecasts each class from now on.
        origins: Cutoffs it was decided on.
        loss_challenger: Pinball loss over demand of the new model, with its methods.
        loss_champion: The same of the champion before, if there was a model.
        best_baseline: Of the simple methods that with the least loss.
        loss_baseline: Its loss.
        gain: How much less the challenger loses than the champion, else than the best baseline.
        gain_low: Lower bound of its 95 % interval; `None` with too few cutoffs.
        gain_high: Upper bound.
        coverage_80: Share of what came in the challenger's 80 % band.
        coverage_95: The same of its 95 % band.
    """

    decision: str
    reason: str
    methods: tuple[str, ...]
    origins: int
    loss_challenger: float
    loss_champion: float | None
    best_baseline: str
    loss_baseline: float
    gain: float
    gain_low: float | None
    gain_high: float | None
    coverage_80: float
    coverage_95: float


@dataclass
class _Plan:
    """Windows to learn from, in order, and which of them the family is judged by."""

    origins: list[Origin] = field(default_factory=list)
    judged: list[bool] = field(default_factory=list)


def is_judged(family: str, target: Target) -> bool:
    """Tell whether a family is judged by a window."""
    name, furthest = JUDGED[family]
    return target.name == name and target.horizon <= furthest


def train_family(
    panel: Panel,
    cutoffs: pl.DataFrame,
    family: str,
    settings: ModelSettings | None = None,
    trading: TradingDay | None = None,
) -> Trained:
    """Train a model on past cutoffs.

    Args:
        panel: Demand of whole days: `Panel.truncated` where the last one is not over.
        cutoffs: As from `calendar.protection_intervals`.
        family: `tables.ORDERS` or `tables.DAYS`.
        settings: How to train.
        trading: Opening hours; 8 to 21 without.

    Raises:
        ModelError: The history is too short.
    """
    settings = settings or ModelSettings()
    plan = _plan(panel, cutoffs, family, trading)
    known = vocabulary(panel)
    examples = build_examples(panel, plan.origins, known)
    place = _places(examples, plan.origins)
    judged = np.array(plan.judged, dtype=bool)[place]
    model, held_out = train_and_hold_out(examples, known, settings)
    chosen = judged[held_out.rows]
    rows = held_out.rows[chosen]
    windows = tuple(plan.origins[at] for at in place[rows])
    return Trained(
        family=family,
        model=model,
        examples=examples,
        is_judged=judged,
        first_day=panel.first_day,
        last_day=panel.day(panel.observed - 1),
        held_out=held_out.examples.take(chosen),
        windows=windows,
        said=_everybody(panel, held_out, chosen, windows),
    )


def _plan(panel: Panel, cutoffs: pl.DataFrame, family: str, trading: TradingDay | None) -> _Plan:
    found = []
    for row in cutoffs.sort("cutoff_ts").iter_rows(named=True):
        cutoff = Cutoff(row["cutoff_ts"], row["delivery_ts"], row["covers_until_ts"])
        column = panel.column(cutoff.cutoff_ts.date())
        if max(FIRST_COLUMN, panel.observed - TRAINING_DAYS) <= column < panel.observed:
            found.append((column, trained_targets(family, cutoff, trading)))
    older = max(len(found) - _NEWEST_ORIGINS, 0)
    per_origin = panel.items.height * sum(
        1 / _LONG_EVERY if target.window.end >= _LONG_DAYS else 1
        for target in (found[0][1] if found else ())
    )
    every = max(int(-(-older * per_origin // _MOST_ROWS)), 1)
    every += every % 3 == 0
    plan = _Plan()
    for number, (column, targets) in enumerate(found):
        age = len(found) - 1 - number
        if age >= _NEWEST_ORIGINS and age % every:
            continue
        for target in targets:
            is_long = target.window.end >= _LONG_DAYS and not is_judged(family, target)
            if is_long and age >= _NEWEST_ORIGINS and age // every % _LONG_EVERY:
                continue
            plan.origins.append(Origin(column, target.window))
            plan.judged.append(is_judged(family, target))
    return plan


def _places(examples: Examples, origins: Sequence[Origin]) -> Ints:
    """Return the index of each row's origin in the list that the examples were built from."""
    columns = np.array([origin.column for origin in origins])
    windows = np.bincount(columns, minlength=1)
    rows = np.bincount(examples.column, minlength=len(windows))
    return np.repeat(np.arange(len(origins)), rows[columns] // windows[columns])


def _everybody(
    panel: Panel, held_out: HoldOut, chosen: Rows, windows: Sequence[Origin]
) -> dict[str, Forecast]:
    """Return what each candidate says of the judged rows, in their order."""
    ours = pick(held_out.forecast, chosen)
    simple = _baselines(panel, held_out.examples.take(chosen), windows)
    return {MODEL: ours, BLEND: blend(ours, simple["ets"]), **simple}


def _baselines(panel: Panel, examples: Examples, windows: Sequence[Origin]) -> dict[str, Forecast]:
    simple = Baselines(panel, {origin.column for origin in windows})
    # Rows of one window stand together.
    begins = [n for n in range(len(windows)) if n == 0 or windows[n] is not windows[n - 1]]
    spans = list(zip(begins, [*begins[1:], len(windows)], strict=True))
    return {
        method: stack(
            [
                simple.forecast(
                    method, windows[begin].column, windows[begin].window, examples.item[begin:end]
                )
                for begin, end in spans
            ]
        )
        for method in METHODS
    }


def decide(panel: Panel, trained: Trained, champion: Champion | None) -> Promotion:
    """Decide whether a new model takes over.

    Compared are those that would speak: for each class of goods the method that did best on what
    was held out. Champion and challenger meet on cutoffs after the last day that either knew.

    Args:
        panel: What the model was trained on.
        trained: The challenger.
        champion: Who forecasts now, if anybody does.
    """
    actual = trained.held_out.target
    lost = {method: losses(actual, trained.said[method]) for method in CANDIDATES}
    own = choose_champions(trained.held_out.demand_class, lost)
    simple = {method: lost[method] for method in METHODS}
    best = min(simple, key=lambda method: float(simple[method].sum()))
    challenger = _mixed(own, trained)
    low, high = challenger.band(0.8)
    coverage = metrics.coverage(actual, low, high)
    beats = any(lost[method].sum() < simple[best].sum() for method in (MODEL, BLEND))
    compared = np.ones(len(actual), dtype=bool)
    rival: Floats | None = None
    if champion is not None and champion.model is not None and champion.last_day is not None:
        compared = trained.held_out.column > panel.column(champion.last_day)
        rival = losses(actual, _champion_says(panel, trained, champion))
    against = simple[best] if rival is None else rival
    columns = trained.held_out.column
    ours = _per_origin(columns, losses(actual, challenger), compared)
    theirs = _per_origin(columns, against, compared)
    gain, gain_low, gain_high = _gain(ours, theirs)
    demand = max(float(actual[compared].sum()), 1e-9)
    baseline = float(simple[best][compared].sum()) / demand
    loss_champion = None if rival is None else float(theirs.sum()) / demand
    found = _Evidence(
        origins=len(ours),
        gain=gain,
        gain_low=gain_low,
        gain_high=gain_high,
        coverage=coverage,
        beats_baseline=beats,
        best_baseline=best,
        champion_beats_baseline=loss_champion is not None
        and len(ours) >= MIN_COMMON_ORIGINS
        and loss_champion < baseline,
        has_champion=rival is not None,
    )
    decision, reason = _judge(found)
    methods = {
        PROMOTED: tuple(own),
        KEPT: champion.methods if champion else tuple(own),
        BASELINE: tuple(choose_champions(trained.held_out.demand_class, simple, best)),
    }[decision]
    return Promotion(
        decision=decision,
        reason=reason,
        methods=methods,
        origins=len(ours),
        loss_challenger=float(ours.sum()) / demand,
        loss_champion=loss_champion,
        best_baseline=best,
        loss_baseline=baseline,
        gain=gain,
        gain_low=gain_low,
        gain_high=gain_high,
        coverage_80=coverage,
        coverage_95=metrics.coverage(actual, *challenger.band(0.95)),
    )


def mix(methods: Sequence[str], demand_class: Ints, said: dict[str, Forecast]) -> Forecast:
    """Return for each row what the method of its class says.

    Args:
        methods: One for each of `features.CLASSES`.
        demand_class: Shape (n,).
        said: Forecasts of shape (n,), of these methods at least.
    """
    mean = np.zeros(len(demand_class))
    quantiles = np.zeros((len(demand_class), len(LEVELS)))
    for index, method in enumerate(methods):
        rows = demand_class == index
        mean[rows] = said[method].mean[rows]
        quantiles[rows] = said[method].quantiles[rows]
    return Forecast(mean, quantiles)


def _mixed(methods: Sequence[str], trained: Trained) -> Forecast:
    return mix(methods, trained.held_out.demand_class, trained.said)


def _champion_says(panel: Panel, trained: Trained, champion: Champion) -> Forecast:
    """Return what the champion says of what was held out, with its own methods."""
    model = champion.model
    if model is None:
        return _mixed(champion.methods, trained)
    unique = list(dict.fromkeys(trained.windows))
    rebuilt = build_examples(panel, unique, model.vocabulary)
    place = _places(rebuilt, unique)
    # Rows with little stock are not judged: find the others again.
    wanted = {origin: number for number, origin in enumerate(unique)}
    size = len(panel.starts)
    keys = place * size + rebuilt.item
    asked = np.array([wanted[o] for o in trained.windows]) * size + trained.held_out.item
    rows = np.searchsorted(keys, asked)
    ours = model.predict(rebuilt.take(rows))
    said = trained.said | {MODEL: ours, BLEND: blend(ours, trained.said["ets"])}
    return mix(champion.methods, trained.held_out.demand_class, said)


def _per_origin(columns: Ints, loss: Floats, compared: Rows) -> Floats:
    _, numbers = np.unique(columns[compared], return_inverse=True)
    return metrics.sum_by(numbers, loss[compared], 0)


def _gain(ours: Floats, theirs: Floats) -> tuple[float, float | None, float | None]:
    if len(ours) < MIN_COMMON_ORIGINS:
        return float(1 - ours.sum() / max(theirs.sum(), 1e-9)) if len(ours) else 0.0, None, None
    return metrics.bootstrap_difference(ours, theirs, _SEED)


@dataclass(frozen=True)
class _Evidence:
    origins: int
    gain: float
    gain_low: float | None
    gain_high: float | None
    coverage: float
    beats_baseline: bool
    best_baseline: str
    champion_beats_baseline: bool
    has_champion: bool


def _judge(found: _Evidence) -> tuple[str, str]:
    """Return the decision and its reason in words."""
    band = f"its 80 % band holds {found.coverage:.1%}"
    holds = MIN_COVERAGE <= found.coverage <= MAX_COVERAGE
    if not holds:
        band += f", expected {MIN_COVERAGE:.0%} to {MAX_COVERAGE:.0%}"
    best = found.best_baseline
    if not found.beats_baseline and found.champion_beats_baseline:
        return KEPT, f"the new model does not beat {best}, the champion does"
    if not found.beats_baseline:
        return BASELINE, f"no model beats {best}; {band}"
    if not found.has_champion:
        told = f"{_compared(found)} than {best} on {found.origins} cutoffs, and no model before it"
        return (PROMOTED if holds else BASELINE), f"{told}; {band}"
    if not holds or found.origins == 0:
        return KEPT, "no cutoff was judged since the champion was trained" if holds else band
    told = f"{_compared(found)} than the champion on {found.origins} cutoffs"
    if found.gain_high is None:
        told += f", fewer than {MIN_COMMON_ORIGINS}: by the point estimate"
    is_worse = (found.gain if found.gain_high is None else found.gain_high) < 0
    return (KEPT if is_worse else PROMOTED), f"{told}; {band}"


def _compared(found: _Evidence) -> str:
    text = f"loses {abs(found.gain):.1%} {'less' if found.gain >= 0 else 'more'}"
    if found.gain_low is not None and found.gain_high is not None:
        text += f" (95 % interval of the gain {found.gain_low:.1%} to {found.gain_high:.1%})"
    return text


def backtest_rows(trained: Trained) -> pl.DataFrame:
    """Return how every method did on what was held out: rows of `tables.BACKTESTS` of a model."""
    groups = {"all": np.ones(len(trained.held_out), dtype=bool)} | {
        name: trained.held_out.demand_class == index for index, name in enumerate(CLASSES)
    }
    return pl.DataFrame(
        [
            {"method": method, "demand_class": name}
            | _measures(trained.held_out.target[rows], pick(trained.said[method], rows))
            for name, rows in groups.items()
            if rows.any()
            for method in CANDIDATES
        ]
    )


def _measures(actual: Floats, forecast: Forecast) -> dict[str, float | int | None]:
    demand = float(actual.sum())
    sums = demand > 0
    return {
        "n": len(actual),
        "wape": metrics.wape(actual, forecast.at(0.5)) if sums else None,
        "bias": metrics.bias(actual, forecast.mean) if sums else None,
        "pinball": float(losses(actual, forecast).sum()) / demand if sums else None,
        "coverage_80": metrics.coverage(actual, *forecast.band(0.8)),
        "coverage_95": metrics.coverage(actual, *forecast.band(0.95)),
    }


def version_of(family: str, trained_ts: datetime, fingerprint: str) -> str:
    """Return the name of a model: family, when it was trained, and what it was trained on.

    >>> version_of("orders", datetime(2026, 1, 4, 2), "1f3c55aa90")
    'orders-20260104T020000Z-1f3c55aa'
    """
    return f"{family}-{trained_ts:%Y%m%dT%H%M%SZ}-{fingerprint[:8]}"
