"""Forecasts of a cutoff: who speaks, and what he says of every window.

Belongs here: the fallbacks, the rows of `tables.PREDICTIONS`, what was shown to the model. Does not
belong here: who is champion (`promotion.py`), storing (`pipeline/forecast.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from smartshelf_dagster.forecasting.backtest import BLEND, MODEL, blend, stack
from smartshelf_dagster.forecasting.baselines import METHODS, Baselines, Forecast
from smartshelf_dagster.forecasting.calendar import TradingDay
from smartshelf_dagster.forecasting.features import (
    CLASSES,
    FEATURES,
    Examples,
    Origin,
    build_examples,
)
from smartshelf_dagster.forecasting.model import Model
from smartshelf_dagster.forecasting.panel import Ints, Panel
from smartshelf_dagster.forecasting.promotion import Champion, mix
from smartshelf_dagster.forecasting.smoothing import smooth
from smartshelf_dagster.forecasting.tables import (
    COVER,
    NEXT_7,
    NEXT_30,
    ORDERS,
    QUANTILE_COLUMNS,
    WINDOWS,
)
from smartshelf_dagster.forecasting.windows import Cutoff, Target, targets

# A model that knows nothing of the last three weeks is not asked: training is weekly, and two were
# missed by then.
STALE_DAYS = 21
# Days of history from which on a baseline speaks where there is no model; with fewer, nobody does.
MIN_HISTORY_DAYS = 28
# Speaks before any model was trained: level and weekdays are all that a short history tells.
FIRST_METHOD = "ets"
_OF_THE_MODEL = (MODEL, BLEND)
_TIMESTAMP = pl.Datetime("us", "UTC")
# Windows that contain each other, the smallest first.
_NESTED = (WINDOWS[ORDERS], (NEXT_7, NEXT_30))


@dataclass(frozen=True)
class Speaker:
    """Who forecasts a cutoff.

    Attributes:
        methods: Method of each of `features.CLASSES`.
        version: Of the model; `None` without.
        model: The model; `None` when baselines speak for all classes.
    """

    methods: tuple[str, ...]
    version: str | None = None
    model: Model | None = None


def speaker_of(champion: Champion | None, origin: date, history_days: int) -> Speaker | None:
    """Return who forecasts a cutoff.

    Args:
        champion: Of the family, if anything was ever decided.
        origin: Day of the cutoff.
        history_days: Days of demand before it.

    Returns:
        The champion; the best baseline of its promotion when it is stale; exponential smoothing
        when nothing has been decided; `None` when there is too little history for that.
    """
    if history_days < MIN_HISTORY_DAYS:
        return None
    if champion is None:
        return Speaker((FIRST_METHOD,) * len(CLASSES))
    if champion.model is None or champion.last_day is None:
        return Speaker(champion.methods)
    if (origin - champion.last_day).days > STALE_DAYS:
        return Speaker((champion.best_baseline,) * len(CLASSES))
    return Speaker(champion.methods, champion.version, champion.model)


@dataclass(frozen=True)
class Spoken:
    """What was said of a cutoff.

    Attributes:
        predictions: Rows of `tables.PREDICTIONS`.
        features: What the models were shown of the time an order has to last: origin_ts, store_id,
            item_id, demand_class, days, level, `features.FEATURES`; of the family of orders only.
    """

    predictions: pl.DataFrame
    features: pl.DataFrame | None


def forecast_cutoff(
    panel: Panel,
    cutoff: Cutoff,
    speakers: Mapping[str, Speaker],
    trading: TradingDay | None = None,
) -> Spoken:
    """Forecast all windows of a cutoff for every item on sale.

    Args:
        panel: Demand before the cutoff, of its day what was sold before it, and what is planned.
            `unique_id` is `<store>/<item>`.
        cutoff: The cutoff, on a day of the panel.
        speakers: Who speaks, by family.
        trading: Opening hours; 8 to 21 without.

    Returns:
        One row per item and window; nothing for items that have not sold for long. Quantiles
        never decrease, nor do those of windows that contain one another.
    """
    column = panel.column(cutoff.cutoff_ts.date())
    smoothed = smooth(panel, [column])
    simple = Baselines(panel, [column], smoothed)
    parts, features = [], None
    for family, speaker in speakers.items():
        wanted = targets(family, cutoff, trading)
        known = None if speaker.model is None else speaker.model.vocabulary
        origins = [Origin(column, target.window) for target in wanted]
        seen = _Seen(panel, cutoff, wanted, build_examples(panel, origins, known, smoothed))
        parts.append(seen.rows(speaker, seen.say(speaker, simple)))
        if family == ORDERS:
            features = seen.features()
    return Spoken(pl.concat(parts) if parts else pl.DataFrame(), features)


def split_key(unique_id: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return stores and items of `<store>/<item>`."""
    parts = unique_id.str.split_exact("/", 1)
    return parts.struct.field("field_0"), parts.struct.field("field_1")


@dataclass(frozen=True)
class _Seen:
    """The items of a cutoff in every window of a family, one window after the other."""

    panel: Panel
    cutoff: Cutoff
    windows: tuple[Target, ...]
    examples: Examples

    @property
    def per_window(self) -> int:
        return len(self.examples) // len(self.windows)

    def say(self, speaker: Speaker, simple: Baselines) -> Forecast:
        """Return what the speaker says, with quantiles and windows in order."""
        needed = set(speaker.methods) & set(METHODS)
        said: dict[str, Forecast] = {}
        if speaker.model is not None:
            said[MODEL] = speaker.model.predict(self.examples)
            needed |= {"ets"} if BLEND in speaker.methods else set()
        items = self.examples.item[: self.per_window]
        column = self.panel.column(self.cutoff.cutoff_ts.date())
        for method in sorted(needed):
            said[method] = stack(
                [simple.forecast(method, column, each.window, items) for each in self.windows]
            )
        if BLEND in speaker.methods:
            said[BLEND] = blend(said[MODEL], said["ets"])
        return self._in_order(mix(speaker.methods, self.examples.demand_class, said))

    def _in_order(self, said: Forecast) -> Forecast:
        mean = np.maximum(said.mean, 0).reshape(len(self.windows), self.per_window)
        quantiles = np.maximum.accumulate(np.maximum(said.quantiles, 0), axis=1)
        quantiles = quantiles.reshape(*mean.shape, quantiles.shape[1])
        for names in _NESTED:
            place = [n for name in names for n, t in enumerate(self.windows) if t.name == name]
            mean[place] = np.maximum.accumulate(mean[place], axis=0)
            quantiles[place] = np.maximum.accumulate(quantiles[place], axis=0)
        return Forecast(mean.ravel(), quantiles.reshape(mean.size, quantiles.shape[2]))

    def rows(self, speaker: Speaker, said: Forecast) -> pl.DataFrame:
        """Return the forecast as rows of `tables.PREDICTIONS`."""
        examples = self.examples
        windows = pl.DataFrame(
            [(each.name, each.horizon, each.from_ts, each.until_ts) for each in self.windows],
            schema={
                "window": pl.String,
                "horizon": pl.Int32,
                "from_ts": _TIMESTAMP,
                "until_ts": _TIMESTAMP,
            },
            orient="row",
        )
        by_class = [
            (speaker.version if method in _OF_THE_MODEL else None, method, name)
            for method, name in zip(speaker.methods, CLASSES, strict=True)
        ]
        of_class = pl.DataFrame(
            by_class,
            schema=dict.fromkeys(("model_version", "method", "demand_class"), pl.String),
            orient="row",
        )
        return pl.concat(
            [
                self._keys(examples.item),
                windows[np.repeat(np.arange(len(self.windows)), self.per_window)],
                of_class[examples.demand_class],
                pl.DataFrame({"mean": said.mean.astype(np.float64)}),
                pl.DataFrame(said.quantiles, schema=list(QUANTILE_COLUMNS), orient="row"),
            ],
            how="horizontal",
        )

    def features(self) -> pl.DataFrame:
        """Return what the model was shown of the time an order has to last."""
        at = [target.name for target in self.windows].index(COVER) * self.per_window
        shown = self.examples.take(np.arange(at, at + self.per_window))
        return pl.concat(
            [
                self._keys(shown.item),
                shown.frame(self.panel).select(
                    "demand_class", pl.col("days", "level", *FEATURES).cast(pl.Float64)
                ),
            ],
            how="horizontal",
        )

    def _keys(self, items: Ints) -> pl.DataFrame:
        stores, names = split_key(self.panel.items["unique_id"].gather(items))
        return pl.select(
            origin_ts=pl.repeat(self.cutoff.cutoff_ts, len(items), dtype=_TIMESTAMP),
            store_id=stores,
            item_id=names,
        )
