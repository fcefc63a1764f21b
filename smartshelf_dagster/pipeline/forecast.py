"""Forecasts of a lake: training, the forecast of a cutoff, accuracy, drift; in what order.

Belongs here: which demand is read, what is stored when, so that a step can be taken again. Does not
belong here: the figures (`forecasting/`), and the tables (`registry.py`).

The forecast of a cutoff is made once: whoever asks again gets what was said, so that a plan can be
made again and is the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.forecasting.calendar import ALWAYS_OPEN
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.model import ModelSettings
from smartshelf_dagster.forecasting.panel import Panel, build_panel
from smartshelf_dagster.forecasting.promotion import (
    MODEL_DAYS,
    backtest_rows,
    decide,
    train_family,
    version_of,
)
from smartshelf_dagster.forecasting.serving import Speaker, forecast_cutoff, speaker_of
from smartshelf_dagster.forecasting.tables import DAYS, ORDERS, TABLES, WINDOWS
from smartshelf_dagster.forecasting.watch import (
    accuracy_rows,
    feature_drift,
    importance,
    outcome_drift,
)
from smartshelf_dagster.forecasting.windows import MONTH_DAYS, Cutoff
from smartshelf_dagster.pipeline.demand import (
    DemandHistoryError,
    build_demand,
    lake_cutoffs,
    read_demand,
)
from smartshelf_dagster.pipeline.registry import (
    FEATURES_STORE,
    READABLE,
    append_rows,
    committed,
    last_promotion,
    promotion_row,
    read_champion,
    read_references,
    read_rows,
    store_model,
)
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.storage.warehouse import ServedTable, WarehouseReader
from smartshelf_dagster.transform.runner import Transformer

FAMILIES = (ORDERS, DAYS)
PREDICTIONS, PROMOTIONS, ACCURACY, DRIFT = (
    "ml/predictions",
    "ml/promotions",
    "ml/accuracy",
    "ml/drift",
)
TRAINING_INTERVAL = timedelta(days=7)
# Asked twice, by a schedule and an alarm, models are trained once.
TRAINING_PAUSE = timedelta(hours=12)
# An alarm calls for training at once, but not every day: what raises it may not be mended by it.
ALARM_INTERVAL = timedelta(days=3)
# What has come is looked at as far back as this: six cutoffs, and what ended since.
_WATCHED = timedelta(days=14)
# The longest window has ended by then.
_ENDED = timedelta(days=MONTH_DAYS + 15)
# A plan follows from what is left of forecasts that are not older than this: cutoffs are two or
# three days apart.
_USEFUL = timedelta(days=7)
# What readers see of what only grows.
SERVED_PREDICTIONS = timedelta(days=28)
SERVED_ACCURACY = timedelta(days=60)


@dataclass(frozen=True)
class Decision:
    """What training a family came to.

    Attributes:
        family: The family.
        model_version: The new model.
        decision: promoted, kept or baseline.
        reason: In words.
    """

    family: str
    model_version: str
    decision: str
    reason: str


def read_panel(reader: WarehouseReader, as_of: datetime) -> Panel | None:
    """Return the demand of a lake, with what is planned; `None` when nothing is sold yet.

    Args:
        reader: The warehouse, with the demand history built for `as_of`.
        as_of: The time; UTC. Its day is under way.
    """
    try:
        demand = read_demand(reader, as_of)
    except DemandHistoryError:
        return None
    return build_panel(recover(densify(demand)))


def _until_yesterday(panel: Panel, as_of: datetime) -> Panel:
    """Return what was known when the day of a time began."""
    column = panel.column(as_of.date())
    return panel.truncated(column) if column < panel.observed else panel


def is_training_due(settings: Settings, as_of: datetime) -> bool:
    """Tell whether models are to be trained: weekly, and when they no longer fit.

    Args:
        settings: Which lake.
        as_of: The time; UTC.
    """
    stores = read_reference(settings, "stores")
    opened: list[datetime] = stores.filter(pl.col("stock_tracking") == "sensors")[
        "opened_ts"
    ].to_list()
    if not opened or (as_of - min(opened)).days < MODEL_DAYS:
        return False
    decided = read_rows(
        settings, PROMOTIONS, pc.field("decided_ts") <= pa.scalar(as_of), ["decided_ts"]
    )["decided_ts"]
    last: list[datetime] = decided.sort().tail(1).to_list()
    if not last or as_of - last[0] >= TRAINING_INTERVAL:
        return True
    alarms = read_rows(settings, DRIFT, pc.field("is_alarm") & _since(last[0], "as_of_ts"))
    return alarms.height > 0 and as_of - last[0] >= ALARM_INTERVAL


def train_models(
    settings: Settings,
    transformer: Transformer,
    as_of: datetime,
    model: ModelSettings | None = None,
    families: Sequence[str] = FAMILIES,
) -> list[Decision]:
    """Train a model of each family on the demand up to yesterday, and decide who forecasts.

    Taken again for the same time, it completes what was left undone, and stores nothing twice. A
    family that was decided on less than `TRAINING_PAUSE` ago is left as it is.

    Args:
        settings: Which lake.
        transformer: Its dbt project, with the models of a tick built for `as_of`.
        as_of: The time; UTC.
        model: How to train.
        families: Which models.

    Returns:
        What was decided; nothing while the history is shorter than `promotion.MODEL_DAYS`.
    """
    build_demand(transformer, as_of)
    with transformer.reading() as reader:
        panel = read_panel(reader, as_of)
        if panel is None:
            return []
        panel = _until_yesterday(panel, as_of)
        if panel.observed < MODEL_DAYS:
            return []
        cutoffs = lake_cutoffs(reader, panel.first_day, panel.day(panel.observed - 1))
    return [
        _train(settings, panel, cutoffs, family=family, as_of=as_of, model=model)
        for family in families
    ]


def _train(
    settings: Settings,
    panel: Panel,
    cutoffs: pl.DataFrame,
    *,
    family: str,
    as_of: datetime,
    model: ModelSettings | None,
) -> Decision:
    done = last_promotion(settings, family, as_of)
    if done is None or as_of - done["decided_ts"] >= TRAINING_PAUSE:
        champion = read_champion(settings, family, as_of)
        trained = train_family(panel, cutoffs, family, model, ALWAYS_OPEN)
        version = version_of(family, as_of, trained.model.fingerprint)
        store_model(settings, trained, version, as_of)
        of_model = pl.lit(version).alias("model_version"), pl.lit(family).alias("family")
        for table, rows in (
            ("ml/backtests", backtest_rows(trained)),
            ("ml/feature_importance", importance(trained)),
        ):
            if not read_rows(settings, table, pc.field("model_version") == version).height:
                append_rows(settings, table, rows.with_columns(of_model))
        # Last: with it the model takes over.
        promotion = decide(panel, trained, champion)
        before = champion.version if champion else None
        append_rows(settings, PROMOTIONS, promotion_row(promotion, trained, version, before, as_of))
        done = last_promotion(settings, family, as_of) or {}
    return Decision(family, *(str(done[name]) for name in ("model_version", "decision", "reason")))


def forecast_cutoffs(
    settings: Settings,
    transformer: Transformer,
    as_of: datetime,
    cutoffs: Iterable[Cutoff],
    families: Sequence[str] = FAMILIES,
) -> pl.DataFrame:
    """Return the forecasts of cutoffs, making those that have not been made.

    Args:
        settings: Which lake.
        transformer: Its dbt project, with the models of a tick built for `as_of`.
        as_of: The time; UTC, not before the cutoffs.
        cutoffs: What to forecast.
        families: By which models.

    Returns:
        Rows of `tables.PREDICTIONS`; none of stores with too little history.
    """
    cutoffs = list(cutoffs)
    found = [_stored(settings, cutoff) for cutoff in cutoffs]
    lacking = [
        (cutoff, stored)
        for cutoff, stored in zip(cutoffs, found, strict=True)
        if not _stores(settings, cutoff) <= set(stored["store_id"].unique())
    ]
    if not lacking:
        return pl.concat(found) if found else read_rows(settings, PREDICTIONS).clear()
    build_demand(transformer, as_of)
    with transformer.reading() as reader:
        panel = read_panel(reader, as_of)
    if panel is not None:
        for cutoff, stored in lacking:
            _forecast(settings, panel, cutoff, stored, families)
    return pl.concat([_stored(settings, cutoff) for cutoff in cutoffs])


def _stored(settings: Settings, cutoff: Cutoff) -> pl.DataFrame:
    return read_rows(settings, PREDICTIONS, pc.field("origin_ts") == pa.scalar(cutoff.cutoff_ts))


def _stores(settings: Settings, cutoff: Cutoff) -> set[str]:
    """Return the stores that order at a cutoff."""
    stores = read_reference(settings, "stores").filter(
        (pl.col("stock_tracking") == "sensors") & (pl.col("opened_ts") < cutoff.cutoff_ts)
    )
    return set(stores["store_id"])


def _forecast(
    settings: Settings,
    panel: Panel,
    cutoff: Cutoff,
    stored: pl.DataFrame,
    families: Sequence[str],
) -> None:
    """Forecast what is lacking of a cutoff, and store it."""
    column = panel.column(cutoff.cutoff_ts.date())
    day = panel.day(column)
    speakers: dict[str, Speaker] = {}
    for family in families:
        champion = read_champion(settings, family, cutoff.cutoff_ts)
        if speaker := speaker_of(champion, day, column):
            speakers[family] = speaker
    if not speakers:
        return
    spoken = forecast_cutoff(panel, cutoff, speakers, ALWAYS_OPEN)
    known = stored.select(pl.col("store_id").unique())
    app_id = f"forecast:{cutoff.cutoff_ts:%Y%m%dT%H%M%SZ}"
    step = committed(settings, PREDICTIONS, app_id) + 1
    for table, rows in ((FEATURES_STORE, spoken.features), (PREDICTIONS, spoken.predictions)):
        new = rows.join(known, on="store_id", how="anti") if rows is not None else None
        if new is not None and new.height and committed(settings, table, app_id) < step:
            append_rows(settings, table, new, {app_id: step})


def newest_predictions(settings: Settings, as_of: datetime) -> pl.DataFrame:
    """Return the newest forecasts for orders of each store, while they are of any use.

    Args:
        settings: Which lake.
        as_of: The time; UTC.
    """
    recent = read_rows(
        settings,
        PREDICTIONS,
        _since(as_of - _USEFUL, "origin_ts")
        & (pc.field("origin_ts") <= pa.scalar(as_of))
        & pc.field("window").isin(WINDOWS[ORDERS]),
    )
    return recent.filter(pl.col("origin_ts") == pl.col("origin_ts").max().over("store_id"))


def track_accuracy(settings: Settings, transformer: Transformer, as_of: datetime) -> pl.DataFrame:
    """Set forecasts whose windows have ended beside what came, each once.

    Args:
        settings: Which lake.
        transformer: Its dbt project, with the models of a tick built for `as_of`.
        as_of: The time; UTC.

    Returns:
        The rows of `tables.ACCURACY` that are new.
    """
    since = _since(as_of - _ENDED, "origin_ts")
    key = ["origin_ts", "store_id", "window", "horizon"]
    done = read_rows(settings, ACCURACY, since, key).unique()
    midnight = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    ended = since & (pc.field("until_ts") <= pa.scalar(midnight + timedelta(days=1)))
    waiting = read_rows(settings, PREDICTIONS, ended).join(done, on=key, how="anti")
    if waiting.is_empty():
        return read_rows(settings, ACCURACY).clear()
    build_demand(transformer, as_of)
    with transformer.reading() as reader:
        panel = read_panel(reader, as_of)
    rows = (
        accuracy_rows(_until_yesterday(panel, as_of), waiting, ALWAYS_OPEN)
        if panel
        else waiting.clear()
    )
    if rows.height:
        append_rows(settings, ACCURACY, rows, {"accuracy": int(as_of.timestamp())})
    return rows


def watch_drift(settings: Settings, as_of: datetime) -> pl.DataFrame:
    """Compare what the newest cutoffs showed, and how their forecasts turned out, with training.

    Args:
        settings: Which lake.
        as_of: The time; UTC. What was found for it before is left as it is.

    Returns:
        Rows of `tables.DRIFT`; none of a family without a model.
    """
    stored = read_rows(settings, DRIFT, pc.field("as_of_ts") == pa.scalar(as_of))
    if stored.height:
        return stored
    found = [_drift(settings, family, as_of) for family in FAMILIES]
    rows = pl.concat([stored, *(each.select(stored.columns) for each in found if each.height)])
    if rows.height:
        append_rows(settings, DRIFT, rows, {"drift": int(as_of.timestamp())})
    return rows


def _drift(settings: Settings, family: str, as_of: datetime) -> pl.DataFrame:
    champion = read_champion(settings, family, as_of)
    if champion is None or champion.version is None:
        return pl.DataFrame()
    promoted = read_rows(
        settings,
        PROMOTIONS,
        (pc.field("model_version") == champion.version) & (pc.field("decision") == "promoted"),
    ).row(0, named=True)
    # Forecasts of the model before it say nothing of this one.
    since = max(as_of - _WATCHED, promoted["decided_ts"])
    outcomes = read_rows(
        settings, ACCURACY, _since(since, "origin_ts") & (pc.field("until_ts") <= pa.scalar(as_of))
    )
    found = [outcome_drift(outcomes, family, promoted["loss_challenger"])]
    if family == ORDERS:
        shown = read_rows(settings, FEATURES_STORE, _since(as_of - _WATCHED, "origin_ts"))
        found.append(feature_drift(shown, read_references(settings, champion.version)))
    return pl.concat(found).with_columns(
        pl.lit(as_of).cast(pl.Datetime("us", "UTC")).alias("as_of_ts"),
        family=pl.lit(family),
        model_version=pl.lit(champion.version),
    )


def newest_alarms(settings: Settings) -> pl.DataFrame:
    """Return the alarms of the newest look at drift; rows of `tables.DRIFT`."""
    times = read_rows(settings, DRIFT, columns=["as_of_ts"])["as_of_ts"]
    last: list[datetime] = times.sort().tail(1).to_list()
    found = read_rows(settings, DRIFT, _since(last[0], "as_of_ts") if last else None)
    return found.filter(pl.col("is_alarm"))


def served_forecasts(
    settings: Settings, as_of: datetime
) -> tuple[list[ServedTable], dict[str, pa.Table]]:
    """Return the tables of the forecasts as readers get them; empty while there are none.

    Of predictions the cutoffs of the last `SERVED_PREDICTIONS`, of accuracy the windows that ended
    in the last `SERVED_ACCURACY`, of models no boosters; the others whole.

    Args:
        settings: Which lake.
        as_of: The time of the publication; UTC.

    Returns:
        Tables that are looked through to their files, and tables that are copied, by `ml/<name>`.
    """
    views: list[ServedTable] = []
    copies: dict[str, pa.Table] = {}
    spans = {
        PREDICTIONS: ("origin_ts", as_of - SERVED_PREDICTIONS),
        ACCURACY: ("until_ts", as_of - SERVED_ACCURACY),
    }
    for table, schema in TABLES.items():
        uri = settings.table_uri(table)
        column, since = spans.get(table, (None, None))
        if column and since and settings.lake_is_local and delta.table_exists(uri):
            version = delta.open_table(uri).version()
            condition = f"{column} >= timestamptz '{since.isoformat()}'"
            files = delta.data_files(uri, version)
            views.append(ServedTable(table, version, files, condition=condition))
            continue
        where = _since(since, column) if column and since else None
        names = READABLE[table]
        wanted = pa.schema([schema.field(name) for name in names])
        copies[table] = read_rows(settings, table, where, names).to_arrow().cast(wanted)
    return views, copies


def _since(moment: datetime, column: str) -> pc.Expression:
    return pc.field(column) >= pa.scalar(moment)
