"""Tables of the forecasts in a lake: registry of models, predictions, how they turned out.

Belongs here: reading and writing `ml/*` and `curated/features_store`. Does not belong here: their
columns (`forecasting/tables.py`), and when they are written (`pipeline/forecast.py`).

The registry is a table like the others: a model is there with all that belongs to it or not at
all, on any object store. What is kept of it are XGBoost's own bytes and JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.forecasting.features import CLASSES, FEATURES
from smartshelf_dagster.forecasting.model import ModelBytes, ModelError, model_from_bytes
from smartshelf_dagster.forecasting.promotion import BASELINE, KEPT, Champion, Promotion, Trained
from smartshelf_dagster.forecasting.tables import TABLES
from smartshelf_dagster.forecasting.watch import Reference, references
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta

FEATURES_STORE = "curated/features_store"
# What a model was shown of every item at every cutoff; NaN is unknown.
_FEATURES_STORE = pa.schema(
    [
        ("origin_ts", UTC_MICROSECONDS),
        ("store_id", pa.string()),
        ("item_id", pa.string()),
        ("demand_class", pa.string()),
        ("days", pa.float64()),
        ("level", pa.float64()),
        *((name, pa.float64()) for name in FEATURES),
    ]
)
SCHEMAS: dict[str, pa.Schema] = TABLES | {FEATURES_STORE: _FEATURES_STORE}
# Columns that people can read, by table: all but the boosters.
READABLE = {
    table: [field.name for field in schema if not pa.types.is_binary(field.type)]
    for table, schema in TABLES.items()
}


def read_rows(
    settings: Settings,
    table: str,
    where: pc.Expression | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Read a table; empty when it was never written.

    Args:
        settings: Which lake.
        table: One of `SCHEMAS`.
        where: Only these rows; files that cannot hold any are not opened.
        columns: Only these; all without.
    """
    names = list(columns or SCHEMAS[table].names)
    uri = settings.table_uri(table)
    if not delta.table_exists(uri):
        return pl.DataFrame(pl.from_arrow(SCHEMAS[table].empty_table().select(names)))
    found = delta.as_dataset(uri).to_table(columns=names, filter=where)
    return pl.DataFrame(pl.from_arrow(found))


def append_rows(
    settings: Settings, table: str, rows: pl.DataFrame, offsets: Mapping[str, int] | None = None
) -> None:
    """Append rows in one commit, creating the table when it is not there.

    Args:
        settings: Which lake.
        table: One of `SCHEMAS`.
        rows: Its columns, in any order.
        offsets: As for `delta.append`.
    """
    schema = SCHEMAS[table]
    opened = delta.ensure_columns(settings.table_uri(table), schema, name=table)
    delta.append(opened, rows.select(schema.names).to_arrow().cast(schema), offsets or {})


def committed(settings: Settings, table: str, app_id: str) -> int:
    """Return an offset of a table, 0 before the first commit with it."""
    uri = settings.table_uri(table)
    if not delta.table_exists(uri):
        return 0
    return delta.read_offsets(delta.open_table(uri), [app_id])[app_id] or 0


def store_model(settings: Settings, trained: Trained, version: str, trained_ts: datetime) -> None:
    """Put a model into the registry, unless it is there."""
    if read_rows(settings, "ml/models", pc.field("model_version") == version, ["family"]).height:
        return
    saved = trained.model.to_bytes()
    about = orjson.loads(saved.about)
    about["reference"] = {name: asdict(each) for name, each in references(trained).items()}
    row = {
        "model_version": version,
        "family": trained.family,
        "trained_ts": trained_ts,
        "first_day": trained.first_day,
        "last_day": trained.last_day,
        "rows": trained.model.rows,
        "items": len(set(trained.examples.item.tolist())),
        "fingerprint": trained.model.fingerprint,
        "about": orjson.dumps(about).decode(),
        "quantiles": saved.quantiles,
        "mean": saved.mean,
    }
    append_rows(settings, "ml/models", pl.DataFrame([row]))


def promotion_row(
    promotion: Promotion, trained: Trained, version: str, before: str | None, at: datetime
) -> pl.DataFrame:
    """Return a decision as a row of `tables.PROMOTIONS`.

    Args:
        promotion: The decision.
        trained: The model it is on.
        version: Of that model.
        before: Version of the champion before, if it was a model.
        at: When it was decided.
    """
    told = asdict(promotion)
    told["methods"] = orjson.dumps(dict(zip(CLASSES, promotion.methods, strict=True))).decode()
    own = {
        "decided_ts": at,
        "family": trained.family,
        "model_version": version,
        "champion_version": before,
    }
    return pl.DataFrame([own | told])


def last_promotion(settings: Settings, family: str, as_of: datetime) -> dict[str, Any] | None:
    """Return the newest decision on a family up to a time, `None` before the first."""
    found = read_rows(
        settings,
        "ml/promotions",
        (pc.field("family") == family) & (pc.field("decided_ts") <= pa.scalar(as_of)),
    ).sort("decided_ts")
    return found.row(-1, named=True) if found.height else None


def read_champion(settings: Settings, family: str, as_of: datetime) -> Champion | None:
    """Return who forecasts a family at a time, `None` before the first decision.

    A model of another version of the features cannot be asked: the best baseline speaks.
    """
    decided = last_promotion(settings, family, as_of)
    if decided is None:
        return None
    best = str(decided["best_baseline"])
    told = orjson.loads(str(decided["methods"]))
    methods = tuple(told[name] for name in CLASSES)
    if decided["decision"] == BASELINE:
        return Champion(None, None, None, methods, best)
    version = decided["champion_version" if decided["decision"] == KEPT else "model_version"]
    row = _model_row(settings, str(version))
    saved = ModelBytes(row["quantiles"], row["mean"], row["about"].encode())
    try:
        model = model_from_bytes(saved, str(version))
    except ModelError:
        return Champion(None, None, None, (best,) * len(CLASSES), best)
    return Champion(str(version), model, row["last_day"], methods, best)


def read_references(settings: Settings, version: str) -> dict[str, Reference]:
    """Return how features were distributed when a model was trained."""
    about = orjson.loads(_model_row(settings, version, ["about"])["about"])
    return {
        name: Reference(tuple(each["edges"]), tuple(each["shares"]))
        for name, each in about["reference"].items()
    }


def _model_row(
    settings: Settings, version: str, columns: Sequence[str] | None = None
) -> dict[str, Any]:
    found = read_rows(settings, "ml/models", pc.field("model_version") == version, columns)
    if found.is_empty():
        raise ModelError(f"ml/models: model_version {version!r} is missing, expected the champion")
    return found.row(0, named=True)
