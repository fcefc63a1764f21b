"""Forecasts of a cutoff: who speaks, and what he says of every window.

Belongs here: the fallbacks, the rows of `tables.PREDICTIONS`, what was shown to the model. Does not
belong here: who is champion (`promotion.py`), storing (`pipeline/forecast.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from smartshelf_dagster.forecasting.backtest import BLEND, MODEL, blend, pick
from smartshelf_dagster.forecasting.baselines import METHODS, Baselines, Forecast
from smartshelf_dagster.forecasting.features import (
    CLASSES,
    FEATURES,
    Examples,
    Origin,
    build_examples,
)
from smartshelf_dagster.forecasting.model import Model
from smartshelf_dagster.forecasting.panel import Panel
from smartshelf_dagster.forecasting.promotion import Champion, mix
from smartshelf_dagster.forecasting.smoothing import Smoothed, smooth
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
            item_id, and the columns of `Examples.frame`; only of the family of orders.
    """

    predictions: pl.DataFrame
    features: pl.DataFrame | None


def forecast_cutoff(panel: Panel, cutoff: Cutoff, speakers: Mapping[str, Speaker]) -> Spoken:
    """Forecast all windows of a cutoff for every item on sale.

    Args:
        panel: Demand before the cutoff, of its day what was sold before it, and what is planned.
            `unique_id` is `<store>/<item>`.
        cutoff: The cutoff, on a day of the panel.
        speakers: Who speaks, by family.

    Returns:
        One row per item and window; nothing for items that have not sold for long. Quantiles
        never decrease, nor do those of windows that contain one another.
    """
    column = panel.column(cutoff.cutoff_ts.date())
    smoothed = smooth(panel, [column])
    simple = Baselines(panel, [column], smoothed)
    parts, features = [], None
    for family, speaker in speakers.items():
        wanted = targets(family, cutoff)
        examples = _examples(panel, column, wanted, speaker, smoothed)
        said = _say(panel, examples, wanted, speaker, simple)
        parts.append(_rows(panel, cutoff, examples, wanted, speaker, said))
        if family == ORDERS:
            features = _features(panel, cutoff, examples, wanted)
    rows = pl.concat(parts) if parts else pl.DataFrame()
    return Spoken(rows, features)


def _examples(
    panel: Panel,
    column: int,
    wanted: tuple[Target, ...],
    speaker: Speaker,
    smoothed: Mapping[int, Smoothed],
) -> Examples:
    known = None if speaker.model is None else speaker.model.vocabulary
    origins = [Origin(column, target.window) for target in wanted]
    return build_examples(panel, origins, known, smoothed)


def _say(
    panel: Panel,
    examples: Examples,
    wanted: tuple[Target, ...],
    speaker: Speaker,
    simple: Baselines,
) -> Forecast:
    """Return what the speaker says, with quantiles and windows in order."""
    needed = set(speaker.methods) & set(METHODS)
    said: dict[str, Forecast] = {}
    if speaker.model is not None:
        said[MODEL] = speaker.model.predict(examples)
        needed |= {"ets"} if BLEND in speaker.methods else set()
    per_window = len(examples) // len(wanted)
    items, column = examples.item[:per_window], int(examples.column[0]) if len(examples) else 0
    for method in sorted(needed):
        parts = [simple.forecast(method, column, target.window, items) for target in wanted]
        said[method] = Forecast(
            np.concatenate([part.mean for part in parts]),
            np.concatenate([part.quantiles for part in parts]),
        )
    if BLEND in speaker.methods:
        said[BLEND] = blend(said[MODEL], said["ets"])
    mixed = mix(speaker.methods, examples.demand_class, said)
    mean = np.maximum(mixed.mean, 0).reshape(len(wanted), per_window)
    quantiles = np.maximum.accumulate(np.maximum(mixed.quantiles, 0), axis=1)
    quantiles = quantiles.reshape(len(wanted), per_window, -1)
    for names in _NESTED:
        place = [n for name in names for n, t in enumerate(wanted) if t.name == name]
        mean[place] = np.maximum.accumulate(mean[place], axis=0)
        quantiles[place] = np.maximum.accumulate(quantiles[place], axis=0)
    return Forecast(mean.ravel(), quantiles.reshape(len(examples), -1))


def split_key(unique_id: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Return stores and items of `<store>/<item>`."""
    parts = unique_id.str.split_exact("/", 1)
    return parts.struct.field("field_0"), parts.struct.field("field_1")


def _rows(
    panel: Panel,
    cutoff: Cutoff,
    examples: Examples,
    wanted: tuple[Target, ...],
    speaker: Speaker,
    said: Forecast,
) -> pl.DataFrame:
    per_window = len(examples) // len(wanted)
    stores, items = split_key(panel.items["unique_id"].gather(examples.item))
    windows = pl.DataFrame(
        {
            "window": [target.name for target in wanted],
            "horizon": [target.horizon for target in wanted],
            "from_ts": [target.from_ts for target in wanted],
            "until_ts": [target.until_ts for target in wanted],
        },
        schema_overrides={
            "horizon": pl.Int32,
            "from_ts": pl.Datetime("us", "UTC"),
            "until_ts": pl.Datetime("us", "UTC"),
        },
    )
    of_window = windows[np.repeat(np.arange(len(wanted)), per_window)]
    methods = pl.Series(
        [speaker.methods[group] for group in examples.demand_class], dtype=pl.String
    )
    is_simple = methods.is_in(list(METHODS))
    return pl.select(
        origin_ts=pl.repeat(cutoff.cutoff_ts, len(examples), dtype=pl.Datetime("us", "UTC")),
        store_id=stores,
        item_id=items,
    ).hstack(
        [
            *of_window,
            pl.Series("model_version", [speaker.version] * len(examples), pl.String).set(
                is_simple, None
            ),
            methods.alias("method"),
            pl.Series("demand_class", [CLASSES[g] for g in examples.demand_class], pl.String),
            pl.Series("mean", said.mean, pl.Float64),
            *(
                pl.Series(name, said.quantiles[:, place], pl.Float64)
                for place, name in enumerate(QUANTILE_COLUMNS)
            ),
        ]
    )


def _features(
    panel: Panel, cutoff: Cutoff, examples: Examples, wanted: tuple[Target, ...]
) -> pl.DataFrame:
    per_window = len(examples) // len(wanted)
    at = [target.name for target in wanted].index(COVER) * per_window
    shown = examples.take(np.arange(at, at + per_window))
    frame = shown.frame(panel)
    stores, items = split_key(frame["unique_id"])
    return frame.drop("unique_id", "origin").select(
        pl.lit(cutoff.cutoff_ts).cast(pl.Datetime("us", "UTC")).alias("origin_ts"),
        stores.alias("store_id"),
        items.alias("item_id"),
        pl.col("horizon").cast(pl.Int32),
        pl.col("days", "level").cast(pl.Float64),
        "demand_class",
        *(pl.col(name).cast(pl.Float64) for name in FEATURES),
    )
