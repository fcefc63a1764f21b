"""Forecasting the past as if it were the future, with every method by the same rules.

Belongs here: the protocol, the champion, the tables. Does not belong here: showing them
(`report.py`).

The rules: origins are supplier cutoffs, newest last. A model is trained on windows that had ended
before the origins it forecasts. Baselines see the same days. Which method is champion for a demand
class is decided on origins whose windows had ended; those of the first weeks only serve for that,
and are not judged. The best baseline, on the other hand, is named with hindsight: that is what the
champion has to beat.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting import metrics
from smartshelf_dagster.forecasting.baselines import LEVELS, METHODS, Baselines, Forecast
from smartshelf_dagster.forecasting.calendar import (
    TradingDay,
    day,
    protection_intervals,
    window_between,
)
from smartshelf_dagster.forecasting.calibration import conformal_quantile
from smartshelf_dagster.forecasting.features import (
    CLASSES,
    MIN_IN_STOCK,
    Examples,
    Origin,
    build_examples,
    concat,
    vocabulary,
)
from smartshelf_dagster.forecasting.model import Model, ModelSettings, train
from smartshelf_dagster.forecasting.panel import Floats, Ints, Panel

Rows = npt.NDArray[np.bool_]

MODEL, BLEND, CHAMPION = "xgboost", "xgboost+ets", "champion"
ITEM_DAY, ITEM_INTERVAL, CATEGORY, STORE = "item-day", "item-interval", "category", "store"
# All that can be champion.
CANDIDATES = (MODEL, BLEND, *METHODS)
# Quantiles that are judged: both ends of the 80 % band, the median, and a level to order up to.
JUDGED_LEVELS = (0.1, 0.5, 0.9, 0.98)
_JUDGED = np.searchsorted(LEVELS, JUDGED_LEVELS)
# An 80 % band that holds less or more than this share is not to be relied on.
MIN_COVERAGE, MAX_COVERAGE = 0.70, 0.90
# Days of history before the first origin that a model may learn from.
FIRST_COLUMN = 14
# Sums of few and of many items differ in how far they stray: parts of equal number, by size.
_SIZE_PARTS = 4
_TINY = 1e-9


class BacktestError(SmartShelfError, ValueError):
    """A backtest is not possible; the message says what is missing."""


@dataclass(frozen=True)
class Protocol:
    """The rules of a backtest.

    Attributes:
        origins: Cutoffs that are judged.
        warm_up: Cutoffs before those, on which the first champion is chosen.
        refit_every: Cutoffs between trainings; three are a week.
        horizon: Days ahead that single days are forecast for.
        model: How to train.
        seed: Of the bootstrap.
        trading: Opening hours, UTC: what of a delivery's day comes before the delivery.
    """

    origins: int = 12
    warm_up: int = 6
    refit_every: int = 6
    horizon: int = 7
    model: ModelSettings = field(default_factory=ModelSettings)
    seed: int = 1
    trading: TradingDay = field(default_factory=TradingDay)


@dataclass(frozen=True)
class Judged:
    """What a level was like, and what each method had said.

    Attributes:
        level: item-day, item-interval, category or store.
        actual: Demand that came, shape (n,).
        unit: Item, category or store, shape (n,).
        origin: Number of the origin, shape (n,).
        demand_class: Shape (n,); empty for sums.
        days: Length of each window in trading days, shape (n,).
        scales: What `metrics.naive_scales` returns for the units.
        forecasts: Of shape (n,), by method.
    """

    level: str
    actual: Floats
    unit: Ints
    origin: Ints
    demand_class: Ints
    days: Floats
    scales: tuple[Floats, Floats]
    forecasts: dict[str, Forecast]


@dataclass(frozen=True)
class Report:
    """The outcome of a backtest.

    Attributes:
        table: One row per level and method: n and the measures.
        classes: The same by demand class, for items.
        gains: Per level, how much less champion and model lose than the best baseline: gain, low,
            high (95 % interval), relative to the baseline's pinball loss.
        champions: Share of forecasts per level, demand class and method that was champion.
        reliability: Share of actuals at or below each quantile, per level and method.
        by_origin: Pinball loss per level, origin and method, relative to demand.
        importance: Share of gain per feature of the newest model for protection intervals.
        origins: Dates of the judged origins.
    """

    table: pl.DataFrame
    classes: pl.DataFrame
    gains: pl.DataFrame
    champions: pl.DataFrame
    reliability: pl.DataFrame
    by_origin: pl.DataFrame
    importance: dict[str, float]
    origins: tuple[str, ...]

    def failures(self) -> list[str]:
        """Say where the champion of single items is not fit to order by, if anywhere."""
        of_items = (pl.col("method") == CHAMPION) & pl.col("level").is_in([ITEM_DAY, ITEM_INTERVAL])
        worse = self.gains.filter(of_items & (pl.col("gain") <= 0))
        astray = self.table.filter(
            of_items & ~pl.col("coverage_80").is_between(MIN_COVERAGE, MAX_COVERAGE)
        )
        return [
            f"{row['level']}: the champion's pinball loss is {-row['gain']:.1%} above that of"
            f" {row['best_baseline']}"
            for row in worse.iter_rows(named=True)
        ] + [
            f"{row['level']}: the 80 % band holds {row['coverage_80']:.1%}, expected"
            f" {MIN_COVERAGE:.0%} to {MAX_COVERAGE:.0%}"
            for row in astray.iter_rows(named=True)
        ]


def backtest(
    panel: Panel,
    protocol: Protocol | None = None,
    cutoffs: pl.DataFrame | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Forecast the newest cutoffs of a panel with every method, and judge.

    Args:
        panel: Demand and plans.
        protocol: The rules.
        cutoffs: As from `calendar.protection_intervals`; without, its calendar is laid over the
            dates of the panel.
        on_progress: Called with steps done, steps in all and what is done next.

    Returns:
        Tables.

    Raises:
        BacktestError: The panel is too short for so many origins.
    """
    protocol = protocol or Protocol()
    origins = _origins(panel, cutoffs, protocol)
    tested = origins[-(protocol.origins + protocol.warm_up) :]
    blocks = [
        tested[at : at + protocol.refit_every] for at in range(0, len(tested), protocol.refit_every)
    ]
    families = {
        ITEM_INTERVAL: _Family(panel, [[origin] for origin in origins]),
        ITEM_DAY: _Family(
            panel,
            [
                [Origin(origin.column, day(ahead)) for ahead in range(1, protocol.horizon + 1)]
                for origin in origins
            ],
        ),
    }
    baselines = Baselines(panel, (origin.column for origin in tested))
    rounds: dict[str, list[_Round]] = {name: [] for name in families}
    model: Model | None = None
    steps = len(blocks) * len(families)
    for number, block in enumerate(blocks):
        for place, (name, family) in enumerate(families.items()):
            if on_progress:
                on_progress(number * len(families) + place, steps, f"{name} {number + 1}")
            fitted = family.train(block[0].column, protocol.model)
            rounds[name].extend(family.forecast(origin, fitted, baselines) for origin in block)
            if name == ITEM_INTERVAL:
                model = fitted
    judged, chosen = _judge(panel, origins, tested, rounds, protocol)
    if model is None:
        raise BacktestError("origins: 0, expected at least one to judge")
    return _report(
        panel,
        tested[protocol.warm_up :],
        judged,
        chosen=chosen,
        model=model,
        protocol=protocol,
    )


def _origins(panel: Panel, cutoffs: pl.DataFrame | None, protocol: Protocol) -> list[Origin]:
    """Return the cutoffs whose windows have all been observed."""
    if cutoffs is None:
        cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    found = [
        Origin(panel.column(cutoff.date()), window_between(cutoff, until, protocol.trading))
        for cutoff, until in cutoffs.select("cutoff_ts", "covers_until_ts").iter_rows()
    ]
    usable = [
        origin
        for origin in found
        if origin.column >= FIRST_COLUMN
        and origin.column + max(origin.window.end, protocol.horizon) < panel.observed
    ]
    # The first training needs origins to learn from and others to calibrate on; windows of
    # neither may reach into what is forecast next.
    overlapping = -(-protocol.horizon * 3 // 7)
    lead = 4 + 2 * overlapping
    needed = protocol.origins + protocol.warm_up + lead
    if len(usable) < needed:
        raise BacktestError(
            f"{panel.observed} days have {len(usable)} cutoffs with known demand, expected at"
            f" least {needed} for {protocol.origins} origins and what comes before them"
        )
    return usable


@dataclass(frozen=True)
class _Round:
    """All forecasts of one origin."""

    examples: Examples
    windows: tuple[Origin, ...]
    forecasts: dict[str, Forecast]


class _Family:
    """Windows that one model forecasts: protection intervals, or single days."""

    def __init__(self, panel: Panel, origins: Sequence[Sequence[Origin]]) -> None:
        self._windows = {group[0].column: tuple(group) for group in origins}
        self._vocabulary = vocabulary(panel)
        self._examples = build_examples(panel, (o for group in origins for o in group))

    def train(self, before: int, settings: ModelSettings) -> Model:
        ended = self._examples.take(self._examples.ends < before)
        return train(ended, self._vocabulary, settings)

    def forecast(self, origin: Origin, model: Model, baselines: Baselines) -> _Round:
        windows = self._windows[origin.column]
        examples = self._examples.take(self._examples.column == origin.column)
        rows = np.split(examples.item, len(windows))
        forecasts: dict[str, Forecast] = {}
        for method in METHODS:
            forecasts[method] = stack(
                [
                    baselines.forecast(method, origin.column, each.window, items)
                    for each, items in zip(windows, rows, strict=True)
                ]
            )
        ours = model.predict(examples)
        # Two that err for different reasons: trees cannot follow a trend, smoothing sees no plans.
        forecasts[MODEL], forecasts[BLEND] = ours, blend(ours, forecasts["ets"])
        return _Round(examples, windows, forecasts)


def blend(first: Forecast, second: Forecast) -> Forecast:
    """Return the middle of two forecasts, quantile by quantile.

    Source: Lichtendahl, Grushka-Cockayne and Winkler, Management Science 59 (2013).
    """
    return Forecast((first.mean + second.mean) / 2, (first.quantiles + second.quantiles) / 2)


def stack(parts: Sequence[Forecast]) -> Forecast:
    """Put forecasts one after another."""
    return Forecast(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.quantiles for part in parts]),
    )


def pick(forecast: Forecast, rows: Ints | Rows) -> Forecast:
    """Return some rows of a forecast."""
    return Forecast(forecast.mean[rows], forecast.quantiles[rows])


def losses(actual: Floats, forecast: Forecast) -> Floats:
    """Return the mean pinball loss of the judged quantiles, shape (n,)."""
    each = metrics.pinball(actual, forecast.quantiles[:, _JUDGED], np.array(JUDGED_LEVELS))
    mean: Floats = each.mean(axis=1)
    return mean


def choose_champions(demand_class: Ints, loss: dict[str, Floats], prefer: str = MODEL) -> list[str]:
    """Return the method with the least loss for each demand class.

    Args:
        demand_class: Of each past forecast, shape (n,).
        loss: Pinball losses by method, each of shape (n,).
        prefer: Method for classes that have not been seen.

    Returns:
        One method for each of `CLASSES`.
    """
    totals = {
        method: metrics.sum_by(demand_class, values, len(CLASSES))
        for method, values in loss.items()
    }
    seen = np.bincount(demand_class, minlength=len(CLASSES)) > 0
    return [
        min(totals, key=lambda method: totals[method][index]) if seen[index] else prefer
        for index in range(len(CLASSES))
    ]


def _crown(rounds: Sequence[_Round], protocol: Protocol) -> tuple[list[Forecast], list[list[str]]]:
    """Return the champion's forecast for each judged origin, and who it was by class."""
    forecasts, chosen = [], []
    usable = [_usable(each.examples) for each in rounds]
    spent = [
        {
            method: losses(each.examples.target, forecast)[rows]
            for method, forecast in each.forecasts.items()
        }
        for each, rows in zip(rounds, usable, strict=True)
    ]
    for number in range(protocol.warm_up, len(rounds)):
        now = rounds[number].examples
        ended = [
            index
            for index in range(number)
            if rounds[index].examples.ends.max(initial=0) < rounds[number].windows[0].column
        ]
        classes = [rounds[index].examples.demand_class[usable[index]] for index in ended]
        champions = choose_champions(
            np.concatenate(classes) if ended else np.zeros(0, dtype=np.int8),
            {
                method: np.concatenate([spent[index][method] for index in ended] or [np.zeros(0)])
                for method in rounds[number].forecasts
            },
        )
        mean = np.zeros(len(now))
        quantiles = np.zeros((len(now), len(LEVELS)))
        for index, method in enumerate(champions):
            rows = now.demand_class == index
            mean[rows] = rounds[number].forecasts[method].mean[rows]
            quantiles[rows] = rounds[number].forecasts[method].quantiles[rows]
        forecasts.append(Forecast(mean, quantiles))
        chosen.append(champions)
    return forecasts, chosen


def _usable(examples: Examples) -> Rows:
    return examples.in_stock >= MIN_IN_STOCK


def _judge(
    panel: Panel,
    origins: Sequence[Origin],
    tested: Sequence[Origin],
    rounds: dict[str, list[_Round]],
    protocol: Protocol,
) -> tuple[list[Judged], dict[str, list[list[str]]]]:
    judged: list[Judged] = []
    chosen = {}
    before = tested[protocol.warm_up].column
    daily = panel.demand[:, :before].astype(np.float64)
    # The yardstick of windows: the change from one to the next, per day of trade.
    past = [origin for origin in origins if origin.column + origin.window.end < before]
    windows = np.stack(
        [
            panel.window_sums(origin.column, origin.window)
            / panel.trading_days(origin.column, origin.window)
            for origin in past
        ],
        axis=1,
    )
    histories = {ITEM_DAY: daily, ITEM_INTERVAL: windows}
    for level, history in histories.items():
        crowned, chosen[level] = _crown(rounds[level], protocol)
        now = rounds[level][protocol.warm_up :]
        for each, champion in zip(now, crowned, strict=True):
            each.forecasts[CHAMPION] = champion
        rows = [_usable(each.examples) for each in now]
        joined = concat([e.examples.take(r) for e, r in zip(now, rows, strict=True)])
        judged.append(
            Judged(
                level=level,
                actual=joined.target,
                unit=joined.item,
                origin=np.repeat(np.arange(len(now)), [int(r.sum()) for r in rows]),
                demand_class=joined.demand_class,
                days=joined.days,
                scales=metrics.naive_scales(history, _first_sales(history)),
                forecasts={
                    method: stack(
                        [pick(e.forecasts[method], r) for e, r in zip(now, rows, strict=True)]
                    )
                    for method in (CHAMPION, *CANDIDATES)
                },
            )
        )
    judged.extend(
        _sums(panel, level, rounds[ITEM_INTERVAL], windows, protocol)
        for level in (CATEGORY, STORE)
        if panel.items[level].null_count() < panel.items.height
    )
    return judged, chosen


def _first_sales(history: Floats) -> Ints:
    first: Ints = np.argmax(history > 0, axis=1)
    return first


def _sums(
    panel: Panel, level: str, rounds: Sequence[_Round], windows: Floats, protocol: Protocol
) -> Judged:
    """Add items up. Means add; quantiles do not, and follow from how sums strayed before."""
    names = panel.items[level].fill_null("")
    units = names.rank("dense").cast(pl.Int64).to_numpy() - 1
    count = int(units.max()) + 1
    parts = [_sum_up(each, units) for each in rounds]
    spread = [
        _spread_sums(part, [other for other in parts if other.ends < part.column]) for part in parts
    ]
    for number in range(protocol.warm_up, len(parts)):
        ended = [n for n in range(number) if parts[n].ends < parts[number].column and spread[n]]
        champion = _least_loss([(parts[n].actual, spread[n]) for n in ended])
        spread[number][CHAMPION] = spread[number][champion]
    now, said = parts[protocol.warm_up :], spread[protocol.warm_up :]
    history = np.stack([metrics.sum_by(units, v, count) for v in windows.T], axis=1)
    return Judged(
        level=level,
        actual=np.concatenate([part.actual for part in now]),
        unit=np.concatenate([part.unit for part in now]),
        origin=np.repeat(np.arange(len(now)), [len(part.unit) for part in now]),
        demand_class=np.zeros(0, dtype=np.int8),
        days=np.concatenate([np.full(len(part.unit), part.days) for part in now]),
        scales=metrics.naive_scales(history, _first_sales(history)),
        forecasts={
            method: stack([found[method] for found in said]) for method in (CHAMPION, *CANDIDATES)
        },
    )


@dataclass(frozen=True)
class _Sums:
    """One origin, items added up."""

    column: int
    ends: int
    days: float
    unit: Ints
    actual: Floats
    means: dict[str, Floats]


def _sum_up(each: _Round, units: Ints) -> _Sums:
    of_item = units[each.examples.item]
    present = np.unique(of_item)

    def total(values: Floats) -> Floats:
        return metrics.sum_by(of_item, values, 0)[present]

    return _Sums(
        column=int(each.examples.column[0]),
        ends=int(each.examples.ends[0]),
        days=float(each.examples.days[0]),
        unit=present,
        actual=total(each.examples.target),
        means={method: total(each.forecasts[method].mean) for method in CANDIDATES},
    )


def _least_loss(past: Sequence[tuple[Floats, dict[str, Forecast]]]) -> str:
    total = dict.fromkeys(CANDIDATES, 0.0)
    for actual, forecasts in past:
        for method in total:
            total[method] += float(losses(actual, forecasts[method]).sum())
    return min(total, key=lambda method: total[method])


def _spread_sums(part: _Sums, past: Sequence[_Sums]) -> dict[str, Forecast]:
    """Give sums the relative errors that sums of their size had at earlier origins.

    Returns:
        The forecasts by method; nothing when there is no earlier origin.
    """
    if not past:
        return {}
    actual = np.concatenate([other.actual for other in past])
    found = {}
    for method, mean in part.means.items():
        said = np.concatenate([other.means[method] for other in past])
        edges = np.quantile(said, np.arange(1, _SIZE_PARTS) / _SIZE_PARTS)
        ratio = np.where(said > _TINY, actual / np.maximum(said, _TINY), 1.0)
        quantiles = np.zeros((len(mean), len(LEVELS)))
        sizes, own = np.searchsorted(edges, said), np.searchsorted(edges, mean)
        for size in np.unique(own):
            # A single sum, such as one store's, has no sizes to tell apart.
            alike = ratio[sizes == size] if len(part.unit) > _SIZE_PARTS else ratio
            quantiles[own == size] = mean[own == size, None] * np.array(
                [conformal_quantile(alike if len(alike) else ratio, level) for level in LEVELS]
            )
        found[method] = Forecast(mean, quantiles)
    return found


def _measure(judged: Judged, method: str, rows: Rows) -> dict[str, float | int]:
    actual = judged.actual[rows]
    forecast = pick(judged.forecasts[method], rows)
    median = forecast.at(0.5)
    demand = max(float(actual.sum()), _TINY)
    loss = metrics.pinball(actual, forecast.quantiles[:, _JUDGED], np.array(JUDGED_LEVELS))
    days = judged.days[rows]
    mase, rmsse = metrics.scaled_errors(
        actual / days, forecast.mean / days, median / days, judged.unit[rows], judged.scales
    )
    narrow, wide = forecast.band(0.8), forecast.band(0.95)
    return {
        "n": len(actual),
        "wape": metrics.wape(actual, median),
        "bias": metrics.bias(actual, forecast.mean),
        "score": metrics.score(actual, forecast.mean),
        "mase": mase,
        "rmsse": rmsse,
        **{
            f"pinball_{level * 100:g}": float(loss[:, index].sum() / demand)
            for index, level in enumerate(JUDGED_LEVELS)
        },
        "pinball": float(loss.sum() / demand / len(JUDGED_LEVELS)),
        "coverage_80": metrics.coverage(actual, *narrow),
        "coverage_95": metrics.coverage(actual, *wide),
        "width_80": float((narrow[1] - narrow[0]).sum() / demand),
    }


def _all_rows(judged: Judged) -> Rows:
    return np.ones(len(judged.actual), dtype=bool)


def _tables(judged: Sequence[Judged]) -> tuple[pl.DataFrame, pl.DataFrame]:
    table = [
        {"level": level.level, "method": method} | _measure(level, method, _all_rows(level))
        for level in judged
        for method in level.forecasts
    ]
    classes = [
        {"level": level.level, "demand_class": name, "method": method}
        | _measure(level, method, level.demand_class == index)
        for level in judged
        for index, name in enumerate(CLASSES)
        if (level.demand_class == index).any()
        for method in level.forecasts
    ]
    return pl.DataFrame(table), pl.DataFrame(classes)


def _per_origin(judged: Judged) -> dict[str, Floats]:
    count = int(judged.origin.max()) + 1
    return {
        method: metrics.sum_by(judged.origin, losses(judged.actual, forecast), count)
        for method, forecast in judged.forecasts.items()
    }


def _gains(judged: Sequence[Judged], seed: int) -> Iterator[dict[str, object]]:
    for level in judged:
        sums = _per_origin(level)
        best = min(METHODS, key=lambda method: sums[method].sum())
        for method in (CHAMPION, MODEL, BLEND):
            gain, low, high = metrics.bootstrap_difference(sums[method], sums[best], seed)
            yield {
                "level": level.level,
                "method": method,
                "best_baseline": best,
                "gain": gain,
                "low": low,
                "high": high,
                "origins": len(sums[best]),
            }


def _report(
    panel: Panel,
    origins: Sequence[Origin],
    judged: Sequence[Judged],
    *,
    chosen: dict[str, list[list[str]]],
    model: Model,
    protocol: Protocol,
) -> Report:
    table, classes = _tables(judged)
    champions = (
        pl.DataFrame(
            [
                {"level": level, "demand_class": name, "method": methods[index]}
                for level, per_origin in chosen.items()
                for methods in per_origin
                for index, name in enumerate(CLASSES)
            ]
        )
        .group_by("level", "demand_class", "method", maintain_order=True)
        .agg(share=pl.len() / len(origins))
    )
    reliability = [
        {"level": each.level, "method": method, "quantile": float(level), "share": float(share)}
        for each in judged
        for method, forecast in each.forecasts.items()
        for level, share in zip(
            LEVELS, (each.actual[:, None] <= forecast.quantiles).mean(axis=0), strict=True
        )
    ]
    dates = tuple(panel.day(origin.column).isoformat() for origin in origins)
    by_origin = [
        {
            "level": each.level,
            "origin": date,
            "method": method,
            "pinball": float(loss / max(demand, _TINY)),
        }
        for each in judged
        for method, sums in _per_origin(each).items()
        for date, loss, demand in zip(
            dates, sums, metrics.sum_by(each.origin, each.actual, len(dates)), strict=True
        )
    ]
    return Report(
        table=table,
        classes=classes,
        gains=pl.DataFrame(list(_gains(judged, protocol.seed))),
        champions=champions,
        reliability=pl.DataFrame(reliability),
        by_origin=pl.DataFrame(by_origin),
        importance=model.importance(),
        origins=dates,
    )
