"""The analytics of a lake: built by the hour and by the day, published as Delta tables.

Belongs here: bringing the models of `analytics` up to a time, and which versions of their tables
belong together. Does not belong here: any formula (dbt; `smartshelf_dagster/analytics`).
"""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.pipeline.forecast import newest_predictions
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import ServedTable, WarehouseReader
from smartshelf_dagster.transform.changes import digest
from smartshelf_dagster.transform.runner import (
    ANALYTICS,
    CUSTOMERS,
    FORECAST,
    NodeResult,
    Transformer,
)

# What is published together: the models built by the hour, those built by the day, and what follows
# from these: of customers and baskets, and of unusual sales.
INSIGHTS = "customer_insights"
ANOMALIES = "nightly_anomalies"
PARTS = frozenset({ANALYTICS, CUSTOMERS, INSIGHTS, ANOMALIES})
# The models built by the day, with what they and the tables that follow from them are made from.
DAILY = f"+{CUSTOMERS},{ANALYTICS} +sales_anomalies,{ANALYTICS} {CUSTOMERS}"
ALL_MODELS = f"{ANALYTICS} {CUSTOMERS}"

# Which versions of the tables were published together, and for what time.
VERSIONS = "analytics/versions"
_VERSIONS_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("version", pa.int64()),
        ("as_of_ts", UTC_MICROSECONDS),
        ("published_at", UTC_MICROSECONDS),
        ("content", pa.string()),
    ]
)


@dataclass(frozen=True)
class _Version:
    """Which version of a table readers get, and what tells whether it is as it should be."""

    version: int
    content: str | None


@dataclass(frozen=True)
class _Derived:
    """Tables that Python makes from models.

    Attributes:
        part: What they are published with, of `PARTS`.
        tables: Their names.
        reads: The models.
        besides: What else they depend on.
        make: Returns them.
    """

    part: str
    tables: Collection[str]
    reads: Collection[str]
    besides: object
    make: Callable[[], dict[str, pa.Table]]


@dataclass(frozen=True)
class AnalyticsModel:
    """How one model is published.

    Attributes:
        table: `<layer>/<name>`.
        mode: `replace` the whole table, `append` the rows of new loads, or `revise` it from the
            first date on that a new load has touched.
        by: What the rows of a table that is revised are dated by.
        hidden: Bookkeeping columns that are left out.
        part: What it is published with, of `PARTS`.
    """

    table: str
    mode: str
    by: str
    hidden: tuple[str, ...]
    part: str


def analytics_models(transformer: Transformer) -> list[AnalyticsModel]:
    """Read from the dbt project how the models of analytics are published, by name."""
    daily = transformer.models(CUSTOMERS)
    return [
        AnalyticsModel(
            table=table,
            mode=told["mode"],
            by=told.get("by", ""),
            hidden=tuple(told.get("hide", ())),
            part=CUSTOMERS if table in daily else ANALYTICS,
        )
        for table, node in sorted(transformer.models().items())
        if (told := node["config"]["meta"].get("analytics"))
    ]


def build_analytics(
    transformer: Transformer, as_of: datetime, select: str = ALL_MODELS
) -> list[NodeResult]:
    """Bring models of analytics up to a time, with the demand history that those of the hour read.

    What would say the same is left as it is.

    Args:
        transformer: dbt of the lake, whose models of a tick are built for `as_of`.
        as_of: The time; UTC.
        select: Which of them.

    Raises:
        TransformError: A model failed, with the database's message.
    """
    if ANALYTICS in select.split():
        transformer.build_changed(FORECAST, as_of)
    return transformer.build_changed(select, as_of)


def publish_analytics(
    settings: Settings, transformer: Transformer, as_of: datetime, parts: Collection[str] = PARTS
) -> dict[str, int]:
    """Publish what was built and what follows from it, and then which versions belong together.

    A table that holds what was published of it is not written again.

    Args:
        settings: Which lake.
        transformer: Its dbt project and warehouse.
        as_of: The time it was built for.
        parts: What to publish, of `PARTS`; readers keep the versions of the rest.

    Returns:
        Version by table, of those parts.
    """
    told = _told_versions(settings)
    with transformer.reading() as reader:
        now = {
            model.table: _publish_model(settings, reader, model, told.get(model.table))
            for model in analytics_models(transformer)
            if model.part in parts
        }
        for derived in _derived(settings, reader, as_of, parts):
            now |= _publish_derived(settings, reader, derived, told)
    _record_versions(settings, now, as_of, keep_others=not PARTS.issubset(parts))
    return {table: published.version for table, published in now.items()}


def _derived(
    settings: Settings, reader: WarehouseReader, as_of: datetime, parts: Collection[str]
) -> list[_Derived]:
    """Return what follows from the models of some parts."""
    # What they load takes a second, and whoever only publishes needs none of it.
    from smartshelf_dagster.pipeline import (  # noqa: PLC0415
        anomaly_detection,
        customer_insights,
        stock_planning,
    )

    found = []
    if ANALYTICS in parts:
        said = newest_predictions(settings, as_of)
        read = hashlib.sha256(said.write_ipc(None).getbuffer()).hexdigest()
        found.append(
            _Derived(
                ANALYTICS,
                stock_planning.TABLES,
                [stock_planning.STOCK_OUTLOOK],
                [as_of.isoformat(), read],
                lambda: stock_planning.plan_stock(reader, as_of, said),
            )
        )
    if INSIGHTS in parts:
        found.append(
            _Derived(
                INSIGHTS,
                customer_insights.TABLES,
                [customer_insights.LINES, customer_insights.PRODUCTS, customer_insights.DAYS],
                as_of.date().isoformat(),
                lambda: customer_insights.customer_insights(reader, as_of),
            )
        )
    if ANOMALIES in parts:
        found.append(
            _Derived(
                ANOMALIES,
                anomaly_detection.TABLES,
                [
                    anomaly_detection.HOURS,
                    anomaly_detection.ITEM_DAYS,
                    anomaly_detection.HOURLY_SCORES,
                    anomaly_detection.RECEIPTS,
                ],
                None,
                lambda: anomaly_detection.nightly_anomalies(reader),
            )
        )
    return found


def _publish_derived(
    settings: Settings, reader: WarehouseReader, derived: _Derived, told: Mapping[str, _Version]
) -> dict[str, _Version]:
    stamps = {table: reader.stamp(table) for table in derived.reads}
    content = digest(_code_digest(), stamps, derived.besides)
    before = {table: told[table] for table in derived.tables if table in told}
    if before.keys() == set(derived.tables) and all(
        _is_in_place(settings.table_uri(table), published, content)
        for table, published in before.items()
    ):
        return before
    return {
        table: _Version(delta.replace(settings.table_uri(table), rows, name=table).version, content)
        for table, rows in derived.make().items()
    }


@cache
def _code_digest() -> str:
    """Return a digest of the package: other code may make other tables of the same rows."""
    files = sorted((PROJECT_ROOT / "smartshelf_dagster").rglob("*.py"))
    found = hashlib.sha256()
    for path in files:
        found.update(path.read_bytes())
    return found.hexdigest()


def _told_versions(settings: Settings) -> dict[str, _Version]:
    """Return which versions readers get, by table."""
    uri = settings.table_uri(VERSIONS)
    if not delta.table_exists(uri):
        return {}
    return {
        # A lake from before contents were told has none.
        row["table"]: _Version(row["version"], row.get("content"))
        for row in delta.read(uri).to_pylist()
    }


def _record_versions(
    settings: Settings, versions: Mapping[str, _Version], as_of: datetime, *, keep_others: bool
) -> None:
    """Say, in one commit, which versions readers get from now on; nothing if they are the same."""
    uri = settings.table_uri(VERSIONS)
    rows = pa.table(
        {
            "table": list(versions),
            "version": [published.version for published in versions.values()],
            "as_of_ts": [as_of] * len(versions),
            "published_at": [datetime.now(UTC)] * len(versions),
            "content": [published.content for published in versions.values()],
        },
        schema=_VERSIONS_SCHEMA,
    )
    told = delta.read(uri) if delta.table_exists(uri) else _VERSIONS_SCHEMA.empty_table()
    if "content" not in told.column_names:
        told = told.append_column("content", pa.nulls(told.num_rows, pa.string()))
    told = told.select(rows.column_names).cast(rows.schema)
    if keep_others:
        others = told.filter(pc.invert(pc.is_in(told["table"], pa.array(versions, pa.string()))))
        rows = pa.concat_tables([others, rows])
    rows = rows.sort_by("table")
    if not rows.drop_columns("published_at").equals(told.drop_columns("published_at")):
        delta.replace(uri, rows, name=VERSIONS)


def forget_analytics(settings: Settings) -> None:
    """Let readers get no table of analytics until they are published anew."""
    uri = settings.table_uri(VERSIONS)
    if delta.table_exists(uri):
        delta.replace(uri, _VERSIONS_SCHEMA.empty_table(), name=VERSIONS)


def tables_in_place(settings: Settings) -> list[str]:
    """Return the published tables that nothing was written to since."""
    uri = settings.table_uri(VERSIONS)
    if not delta.table_exists(uri):
        return []
    return [
        row["table"]
        for row in delta.read(uri).to_pylist()
        if delta.open_table(settings.table_uri(row["table"])).version() == row["version"]
    ]


def move_along(settings: Settings, tables: Collection[str]) -> None:
    """Let readers get the newest versions of tables whose rows are the same, only in other files.

    The versions before are unreadable once their files or their log are gone.
    """
    if not tables:
        return
    uri = settings.table_uri(VERSIONS)
    rows = delta.read(uri)
    versions = [
        delta.open_table(settings.table_uri(table)).version() if table in tables else version
        for table, version in zip(
            rows["table"].to_pylist(), rows["version"].to_pylist(), strict=True
        )
    ]
    place = rows.column_names.index("version")
    moved = rows.set_column(place, "version", pa.array(versions, pa.int64()))
    delta.replace(uri, moved, name=VERSIONS)


def published_for(settings: Settings, table: str) -> datetime:
    """Return the time that a published table of analytics was built for, UTC."""
    told = delta.read(settings.table_uri(VERSIONS))
    moment: datetime = told.filter(pc.equal(told["table"], table))["as_of_ts"][0].as_py()
    return moment


def _publish_model(
    settings: Settings, reader: WarehouseReader, model: AnalyticsModel, told: _Version | None
) -> _Version:
    uri = settings.table_uri(model.table)
    if model.mode == "replace":
        content = reader.stamp(model.table)
        if told is not None and _is_in_place(uri, told, content):
            return told
        rows = reader.rows(model.table, model.hidden)
        return _Version(delta.replace(uri, rows, name=model.table).version, content)
    return _Version(_publish_loads(uri, reader, model), None)


def _is_in_place(uri: str, told: _Version, content: str) -> bool:
    """Whether what readers get of a table is its newest version, and what they should get."""
    return told.content == content and delta.open_table(uri).version() == told.version


def _publish_loads(uri: str, reader: WarehouseReader, model: AnalyticsModel) -> int:
    """Publish what new loads have brought, and return the version that holds everything."""
    app_id = f"publish:{reader.warehouse_id}"
    newest = reader.newest_load(model.table)
    done = _published_load(uri, app_id)
    if done is None:
        rows = reader.rows(model.table, model.hidden)
        return delta.replace(uri, rows, name=model.table, offsets={app_id: newest}).version
    if done >= newest:
        return delta.open_table(uri).version()
    offsets = {app_id: newest}
    if model.mode == "append":
        rows = reader.rows(model.table, model.hidden, after_load=done)
        return delta.append(delta.open_table(uri), rows, offsets).version
    first = _first_touched(reader, model, done)
    rows = reader.rows(model.table, model.hidden, where=f"{model.by} >= '{first.isoformat()}'")
    return delta.replace_since(uri, rows, model.by, first, offsets).version


def _published_load(uri: str, app_id: str) -> int | None:
    """Return the load up to which a table was published from this warehouse, if it was."""
    if not delta.table_exists(uri):
        return None
    return delta.read_offsets(delta.open_table(uri), [app_id])[app_id]


def _first_touched(reader: WarehouseReader, model: AnalyticsModel, done: int) -> date | datetime:
    touched = reader.rows(model.table, where=f"load_seq > {done}")[model.by]
    first: date | datetime = pc.min(touched).as_py()
    return first


def served_analytics(settings: Settings) -> tuple[list[ServedTable], dict[str, pa.Table]]:
    """Return the tables of analytics as readers get them: those that were published together.

    Args:
        settings: Which lake.

    Returns:
        Tables that are looked through to their files, and tables that are copied.
    """
    uri = settings.table_uri(VERSIONS)
    if not delta.table_exists(uri):
        return [], {}
    told = delta.read(uri)
    views: list[ServedTable] = []
    copies = {VERSIONS: told}
    for row in told.to_pylist():
        table, version = row["table"], row["version"]
        place = settings.table_uri(table)
        files = delta.data_files(place, version) if settings.lake_is_local else None
        if files:
            views.append(ServedTable(table, version, files))
        else:
            copies[table] = delta.read(place, version=version)
    return views, copies
