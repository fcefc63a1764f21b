"""Publishing: what dbt has built becomes Delta tables and the serving file.

Belongs here: which models are published how (said by their `meta.publish` in dbt), and the record
of what belongs together. Does not belong here: computing anything.

The serving file names the version of every table it was built with. It is replaced by rename, so
a reader that starts from it sees one consistent state, and never waits for a writer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.tables import QUARANTINE, UTC_MICROSECONDS
from smartshelf_dagster.domain.cadence import clock_speed
from smartshelf_dagster.domain.ordering import FORECAST
from smartshelf_dagster.domain.retention import POLICY
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.analytics import VERSIONS, served_analytics
from smartshelf_dagster.pipeline.benchmark_log import BENCHMARKS
from smartshelf_dagster.pipeline.business_reports import served_reports
from smartshelf_dagster.pipeline.catalogue import METRICS, describe_tables, metric_definitions
from smartshelf_dagster.pipeline.forecast import newest_predictions, served_forecasts
from smartshelf_dagster.pipeline.order import Planner, supplier_plan
from smartshelf_dagster.pipeline.quality_tables import served_quality
from smartshelf_dagster.pipeline.status import SYSTEM_STATUS, stream_status, system_status
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta, warehouse
from smartshelf_dagster.storage.warehouse import ServedTable, WarehouseReader
from smartshelf_dagster.transform.runner import Transformer

_SERVED_REFERENCE = ("stores", "items", "store_items", "zones", "stock_policies")
_SHOWN_REJECTIONS = 200
_RECEIPTS = "pos_transactions"
_LINES = "cleansed/sales_lines"
# So many of the last publications are told of; how fast the clock runs follows from them.
_KEPT_PUBLICATIONS = 10
_PUBLICATIONS = "meta/publications"
# Larger tables are not copied into the serving file: every publication would pay for it, whatever
# has changed. Pages look through to their files.
_COPIED_ROWS = 100_000


class IncompleteBuildError(SmartShelfError, RuntimeError):
    """The models in the warehouse were not built together."""


@dataclass(frozen=True)
class PublishedModel:
    """How one model is published.

    Attributes:
        table: `<layer>/<name>`.
        grows: Whether rows are only added.
        hidden: Bookkeeping columns that are left out.
        partition_by: Partition column of the Delta table.
    """

    table: str
    grows: bool
    hidden: tuple[str, ...]
    partition_by: str | None


@dataclass(frozen=True)
class Publication:
    """What a serving file says of itself.

    Attributes:
        as_of: The time its content was computed for.
        published_at: Wall time.
        raw_versions: Versions of the source tables it was computed from.
        table_versions: Versions of the Delta tables that were published with it.
        stamps: Short texts that change when the rows of a table do, of tables that are replaced.
    """

    as_of: datetime
    published_at: datetime
    raw_versions: dict[str, int]
    table_versions: dict[str, int]
    stamps: dict[str, str]

    @property
    def moment(self) -> tuple[datetime, datetime]:
        """The time it was computed for, and when it was published."""
        return self.as_of, self.published_at


def published_models(transformer: Transformer) -> list[PublishedModel]:
    """Read from the dbt project which models are published, by name."""
    return [
        PublishedModel(
            table=table,
            grows=told["mode"] == "append",
            hidden=tuple(told.get("hide", ())),
            partition_by=told.get("partition_by"),
        )
        for table, node in sorted(transformer.models().items())
        if (told := node["config"]["meta"].get("publish"))
    ]


def publish(settings: Settings, transformer: Transformer) -> Publication:
    """Publish the warehouse of a lake.

    Args:
        settings: Which lake.
        transformer: Its dbt project and warehouse.

    Raises:
        IncompleteBuildError: Only some of the models were built last.
    """
    models = published_models(transformer)
    before = read_publication(settings)
    with transformer.reading() as reader:
        build = reader.last_build()
        if build is None or not build.complete:
            raise IncompleteBuildError(
                f"{transformer.warehouse}: only some models were built last, and they do not fit "
                "together; build all of them first (job micro_batch)"
            )
        served = [
            _append(settings, reader, model)
            if model.grows
            else _replace(settings, reader, model, before)
            for model in models
        ]
        lag_ms = reader.rows("live/live_kpis", where="store_id = 'ALL'")["lag_p50_ms"]
        only_loaded = reader.has(_LINES) and not reader.has(_LINES, "source = 'stream'")
        forecasts = settings.order_policy == FORECAST
        said = newest_predictions(settings, build.as_of) if forecasts else None
        planner = Planner(settings.order_policy, build.as_of, settings.order_parameters, said)
        plan = supplier_plan(reader, planner)
    delta.replace(settings.table_uri("ops/supplier_plan"), plan, name="ops/supplier_plan")
    looked_through, copied = served_forecasts(settings, build.as_of)
    analysed, copied_analytics = served_analytics(settings)
    reported, copied_reports = served_reports(settings)
    checked, copied_quality = served_quality(settings)
    publication = Publication(
        as_of=build.as_of,
        published_at=datetime.now(UTC),
        raw_versions=build.versions,
        table_versions={table.table: table.version for table in served},
        stamps={table.table: table.stamp for table in served if table.stamp},
    )
    reference = {name: settings.table_uri(f"ref/{name}") for name in _SERVED_REFERENCE}
    streams = stream_status(settings)
    moments = [*read_publications(settings), publication.moment]
    status = system_status(
        settings,
        streams,
        as_of=publication.as_of,
        published_at=publication.published_at,
        built_from=build.versions,
        tables=len(served),
        drain_lag_ms=pc.max(lag_ms).as_py(),
        only_loaded=only_loaded,
        analysed=_newest(copied_analytics.get(VERSIONS), "as_of_ts"),
        decided=_newest(copied.get("ml/promotions"), "decided_ts"),
        speed=clock_speed(moments),
    )
    extra = {
        **_describe(publication),
        _PUBLICATIONS: _publications(moments),
        "ops/supplier_plan": plan,
        "live/stream_status": streams,
        SYSTEM_STATUS: status,
        **copied,
        **copied_analytics,
        **copied_reports,
        METRICS: metric_definitions(),
        **copied_quality,
        **quarantine_reports(settings),
        **_kept_tables(settings),
        **{f"ref/{name}": delta.read(uri) for name, uri in reference.items()},
    }
    # The serving file is made by another connection, which opens the warehouse itself.
    transformer.release()
    warehouse.build_serving_file(
        settings.serving_path,
        transformer.warehouse,
        [*served, *looked_through, *analysed, *reported, *checked],
        extra,
        describe_tables(transformer),
    )
    return publication


def _replace(
    settings: Settings, reader: WarehouseReader, model: PublishedModel, before: Publication | None
) -> ServedTable:
    """Publish a table as a whole, if it holds other rows than were published before."""
    uri = settings.table_uri(model.table)
    stamp = reader.stamp(model.table, model.hidden)
    version = before.table_versions.get(model.table) if before else None
    is_same = before is not None and before.stamps.get(model.table) == stamp
    if not is_same or version is None or not delta.is_newest(uri, version):
        rows = reader.rows(model.table, model.hidden)
        version = delta.replace(uri, rows, name=model.table).version
    is_copied = not settings.lake_is_local or reader.count(model.table) <= _COPIED_ROWS
    files = None if is_copied else delta.data_files(uri, version)
    return ServedTable(model.table, version, files, model.hidden, stamp=stamp)


def _append(settings: Settings, reader: WarehouseReader, model: PublishedModel) -> ServedTable:
    """Publish the rows by which a table has grown."""
    uri = settings.table_uri(model.table)
    version = _append_new(uri, reader, model)
    files = delta.data_files(uri, version) if settings.lake_is_local else None
    return ServedTable(model.table, version, files, model.hidden, model.partition_by)


def _append_new(uri: str, reader: WarehouseReader, model: PublishedModel) -> int:
    """Append what was loaded since the last publication from this warehouse.

    Returns:
        Version of the table that holds everything.
    """
    app_id = f"publish:{reader.warehouse_id}"
    newest = reader.newest_load(model.table)
    done = None
    if delta.table_exists(uri):
        table = delta.open_table(uri)
        done = delta.read_offsets(table, [app_id])[app_id]
        if done is not None and done >= newest:
            return table.version()
    rows = reader.rows(model.table, model.hidden, after_load=done)
    if done is not None:
        return delta.append(table, rows, {app_id: newest}).version
    partitions = [model.partition_by] if model.partition_by else []
    info = delta.replace(
        uri, rows, name=model.table, partition_by=partitions, offsets={app_id: newest}
    )
    return info.version


def _describe(publication: Publication) -> dict[str, pa.Table]:
    versions = [
        {"table": table, "version": version, "role": role, "stamp": publication.stamps.get(table)}
        for role, tables in (
            ("source", publication.raw_versions),
            ("published", publication.table_versions),
        )
        for table, version in tables.items()
    ]
    return {
        "meta/publication": _publications([publication.moment]),
        "meta/tables": pa.Table.from_pylist(
            versions,
            schema=pa.schema(
                [
                    ("table", pa.string()),
                    ("version", pa.int64()),
                    ("role", pa.string()),
                    ("stamp", pa.string()),
                ]
            ),
        ),
    }


def _publications(moments: Sequence[tuple[datetime, datetime]]) -> pa.Table:
    """Return one row for each of the last publications."""
    schema = pa.schema([("as_of_ts", UTC_MICROSECONDS), ("published_at", UTC_MICROSECONDS)])
    columns = zip(*moments[-_KEPT_PUBLICATIONS:], strict=True)
    return pa.table(dict(zip(schema.names, columns, strict=True)), schema=schema)


def read_publications(settings: Settings) -> list[tuple[datetime, datetime]]:
    """Return what the last publications were computed for and when they were published, in order.

    They are those that the serving file tells of; none before the first.
    """
    told = warehouse.read_served(settings.serving_path, _PUBLICATIONS)
    return [tuple(row.values()) for row in told.to_pylist()] if told is not None else []


def read_publication(settings: Settings) -> Publication | None:
    """Read what the serving file says of itself, `None` when nothing was published yet."""
    if not settings.serving_path.exists():
        return None
    moments, tables = warehouse.read_serving(
        settings.serving_path, "from meta.publication", "from meta.tables"
    )
    moment = moments.to_pylist()[0]
    versions: dict[str, dict[str, int]] = {"source": {}, "published": {}}
    stamps: dict[str, str] = {}
    for row in tables.to_pylist():
        versions[row["role"]][row["table"]] = row["version"]
        # A file of an older version has none.
        if stamp := row.get("stamp"):
            stamps[row["table"]] = stamp
    return Publication(
        moment["as_of_ts"],
        moment["published_at"],
        versions["source"],
        versions["published"],
        stamps,
    )


def _newest(table: pa.Table | None, column: str) -> datetime | None:
    found: datetime | None = pc.max(table[column]).as_py() if table is not None else None
    return found


def _kept_tables(settings: Settings) -> dict[str, pa.Table]:
    """Return the rules of retention, what was archived and measured, once there is something."""
    uris = {table: settings.table_uri(table) for table in (POLICY, archive.LOG, BENCHMARKS)}
    return {table: delta.read(uri) for table, uri in uris.items() if delta.table_exists(uri)}


def quarantine_reports(settings: Settings) -> dict[str, pa.Table]:
    """Return refused events by topic and reason, and the newest of them in full."""
    asked = ["topic", "reason_code", "ingest_ts"]
    counted = archive.read_whole(settings.lake, QUARANTINE.table, asked)
    summary = counted.group_by(["topic", "reason_code"]).aggregate(
        [("ingest_ts", "count"), ("ingest_ts", "max")]
    )
    summary = summary.rename_columns(["topic", "reason_code", "events", "last_ts"])
    hot = delta.as_dataset(settings.table_uri(QUARANTINE.table))
    newest = hot.sort_by([("ingest_ts", "descending")]).head(_SHOWN_REJECTIONS)
    if settings.customer_id_salt:
        newest = _without_receipts(newest)
    return {"dq/quarantine_summary": summary, "dq/quarantine_latest": newest}


def _without_receipts(refused: pa.Table) -> pa.Table:
    """Leave out what receipts said, for it names customers as tills know them."""
    is_receipt = pc.equal(refused["topic"], _RECEIPTS)
    for name in ("payload", "reason"):
        kept = pc.if_else(is_receipt, "left out: SMARTSHELF_CUSTOMER_ID_SALT is set", refused[name])
        refused = refused.set_column(refused.column_names.index(name), name, kept)
    return refused
