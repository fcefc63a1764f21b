"""Delta tables: creating, appending with offsets, replacing, maintaining.

Belongs here: every call into `deltalake`. Does not belong here: what the rows mean.

An append carries the offsets that its rows bring the reader to, as Delta application
transactions, so rows and offsets become visible in the same instant. Delta refuses a commit when
another one has moved the same offset since the table was opened.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake import Schema as DeltaSchema
from deltalake.exceptions import CommitFailedError

from smartshelf_dagster.contracts.model import TableContract
from smartshelf_dagster.contracts.tables import arrow_schema
from smartshelf_dagster.errors import SmartShelfError

# Columns whose values hardly repeat: a dictionary would cost time and save nothing.
DISTINCT_COLUMNS = ("event_id", "event_ts", "stream_id", "transaction_id", "payload")
_TABLE_CONFIGURATION: Mapping[str, str | None] = {
    "delta.checkpointInterval": "50",
    "delta.logRetentionDuration": "interval 7 days",
}


Table = DeltaTable


class ConcurrentWriteError(SmartShelfError, RuntimeError):
    """Another process moved the same offsets; what this one read is already in the table."""


@dataclass(frozen=True)
class CommitInfo:
    """What a commit did.

    Attributes:
        table: Location of the table.
        version: Version that the commit made.
        rows: Rows added.
    """

    table: str
    version: int
    rows: int


def open_table(uri: str, version: int | None = None) -> DeltaTable:
    """Open a version of a table, by default the newest.

    Raises:
        TableNotFoundError: There is no table there.
    """
    return DeltaTable(uri, version=version)


def table_exists(uri: str) -> bool:
    """Tell whether a Delta table lies at a location."""
    return DeltaTable.is_deltatable(uri)


def is_newest(uri: str, version: int) -> bool:
    """Tell whether a table is there, and nothing was written to it since a version."""
    return table_exists(uri) and DeltaTable(uri).version() == version


def ensure_table(uri: str, contract: TableContract) -> DeltaTable:
    """Open a table, creating it empty from its contract when it is not there.

    A column that the contract has and the table lacks is added: a new version of an event may
    bring one.
    """
    return ensure_columns(
        uri,
        arrow_schema(contract),
        name=contract.table,
        description=contract.description,
        partition_by=contract.partition_by,
    )


def ensure_columns(
    uri: str,
    schema: pa.Schema,
    *,
    name: str,
    description: str = "",
    partition_by: Sequence[str] = (),
) -> DeltaTable:
    """Open a table, creating it empty when it is not there, and adding columns that it lacks.

    Args:
        uri: Location of the table.
        schema: Its columns.
        name: Name of a table that is created.
        description: Of a table that is created.
        partition_by: Partition columns of a table that is created.
    """
    if not table_exists(uri):
        DeltaTable.create(
            uri,
            schema=schema,
            mode="ignore",
            partition_by=list(partition_by),
            name=name,
            description=description,
            configuration=_TABLE_CONFIGURATION,
        )
    table = DeltaTable(uri)
    known = {f.name for f in table.schema().fields}
    if any(f.name not in known for f in schema):
        write_deltalake(table, schema.empty_table(), mode="append", schema_mode="merge")
    return table


def read_offsets(table: DeltaTable, app_ids: Iterable[str]) -> dict[str, int | None]:
    """Return the committed offset of each application id, `None` before the first commit."""
    return {app_id: table.transaction_version(app_id) for app_id in app_ids}


def _writer_properties(schema: pa.Schema) -> WriterProperties:
    plain = ColumnProperties(dictionary_enabled=False)
    distinct = {name: plain for name in DISTINCT_COLUMNS if name in schema.names}
    return WriterProperties(compression="SNAPPY", column_properties=distinct)


def append(
    table: DeltaTable,
    rows: pa.Table,
    offsets: Mapping[str, int],
    metadata: Mapping[str, str] | None = None,
) -> CommitInfo:
    """Append rows and move offsets in one commit.

    Args:
        table: As opened when the offsets were read; is brought to the new version.
        rows: Rows in the table's schema; may be none, the offsets move all the same.
        offsets: New offset per application id.
        metadata: Kept in the table's history.

    Raises:
        ConcurrentWriteError: Another process moved one of the offsets. Nothing was written.
    """
    properties = CommitProperties(
        custom_metadata=dict(metadata or {}),
        app_transactions=[Transaction(app_id, version) for app_id, version in offsets.items()],
    )
    try:
        write_deltalake(
            table,
            rows,
            mode="append",
            writer_properties=_writer_properties(rows.schema),
            commit_properties=properties,
        )
    except CommitFailedError as error:
        raise ConcurrentWriteError(
            f"{table.table_uri}: {error}; another drain or publication runs on this lake. "
            "Nothing was written; run again."
        ) from error
    return CommitInfo(table.table_uri, table.version(), rows.num_rows)


def replace(
    uri: str,
    rows: pa.Table,
    *,
    name: str,
    partition_by: Sequence[str] = (),
    offsets: Mapping[str, int] | None = None,
) -> CommitInfo:
    """Replace the whole content of a table, creating it when it is not there.

    Readers keep the version they opened until they open the table again.

    Args:
        uri: Location of the table.
        rows: New content; its schema becomes the table's.
        name: Name of a table that is created.
        partition_by: Partition columns.
        offsets: Offsets that the content brings the table to.
    """
    transactions = [Transaction(app_id, version) for app_id, version in (offsets or {}).items()]
    write_deltalake(
        uri,
        rows,
        mode="overwrite",
        schema_mode="overwrite",
        name=name,
        partition_by=list(partition_by) or None,
        configuration=_TABLE_CONFIGURATION,
        commit_properties=CommitProperties(app_transactions=transactions),
    )
    return CommitInfo(uri, DeltaTable(uri).version(), rows.num_rows)


def replace_since(
    uri: str, rows: pa.Table, column: str, first: date | datetime, offsets: Mapping[str, int]
) -> CommitInfo:
    """Replace the rows of a table from a date or time on, and move offsets, in one commit.

    Args:
        uri: Location of a table that is there.
        rows: What stands there from now on; every row at `first` or later.
        column: What the rows are dated by.
        first: The first date or time that is replaced.
        offsets: Offsets that the content brings the table to.
    """
    transactions = [Transaction(app_id, version) for app_id, version in offsets.items()]
    write_deltalake(
        uri,
        rows,
        mode="overwrite",
        # No type is named: a literal of type timestamp does not compare with microseconds.
        predicate=f"{column} >= '{first.isoformat()}'",
        commit_properties=CommitProperties(app_transactions=transactions),
    )
    return CommitInfo(uri, DeltaTable(uri).version(), rows.num_rows)


def replace_same(uri: str, rows: pa.Table, same: Mapping[str, Sequence[str]]) -> CommitInfo:
    """Replace the rows that have one of the given values in every given column, in one commit.

    Args:
        uri: Location of a table that is there.
        rows: What stands there instead; rows with such values only.
        same: Values by column; dates as text.
    """
    conditions = [
        f"{column} in ({', '.join(_sql_text(value) for value in values)})"
        for column, values in same.items()
    ]
    write_deltalake(uri, rows, mode="overwrite", predicate=" and ".join(conditions))
    return CommitInfo(uri, DeltaTable(uri).version(), rows.num_rows)


def _sql_text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def upsert(uri: str, rows: pa.Table, key: Sequence[str]) -> CommitInfo:
    """Replace the rows with the same key, and add the others, in one commit.

    Args:
        uri: Location of a table that is there.
        rows: New rows, one for each key.
        key: What names a row.
    """
    table = DeltaTable(uri)
    same = " and ".join(f"old.{name} = new.{name}" for name in key)
    merge = table.merge(rows, same, source_alias="new", target_alias="old")
    merge.when_matched_update_all().when_not_matched_insert_all().execute()
    return CommitInfo(uri, table.version(), rows.num_rows)


def data_files(uri: str, version: int) -> tuple[str, ...]:
    """Return the paths of the data files of a version of a local table."""
    return tuple(
        file.removeprefix("file://") for file in DeltaTable(uri, version=version).file_uris()
    )


def read_newest_files(uri: str, columns: Sequence[str], *, files: int) -> pa.Table:
    """Read columns of the files that were added last."""
    table = DeltaTable(uri)
    added = pa.table(table.get_add_actions(flatten=True))
    order = pc.sort_indices(added, sort_keys=[("modification_time", "descending")])
    newest = added.take(order.slice(0, files))["path"].to_pylist()
    dataset = table.to_pyarrow_dataset()
    kept = [f for f in dataset.get_fragments() if any(f.path.endswith(p) for p in newest)]
    tables = [f.to_table(schema=dataset.schema, columns=list(columns)) for f in kept]
    return pa.concat_tables(tables) if tables else dataset.schema.empty_table().select(columns)


def schema_problems(uri: str, expected: pa.Schema) -> list[str]:
    """Compare a table's columns with what they should be.

    Returns:
        One line for each column that is missing, unknown, or of another type.
    """
    wanted = {f.name: f.type for f in DeltaSchema.from_arrow(expected).fields}
    found = {f.name: f.type for f in DeltaTable(uri).schema().fields}
    problems = [f"{name} is missing" for name in wanted if name not in found]
    problems += [f"{name} is not in the contract" for name in found if name not in wanted]
    problems += [
        f"{name} is {found[name]}, expected {kind}"
        for name, kind in wanted.items()
        if name in found and found[name] != kind
    ]
    return problems


@dataclass(frozen=True)
class TableStats:
    """What the log says of a table's newest version.

    Attributes:
        rows: Rows.
        files: Data files.
        size_bytes: Their size.
        version: Version.
        latest: Largest value of the asked column, as the file statistics have it.
    """

    rows: int
    files: int
    size_bytes: int
    version: int
    latest: object | None


def read_stats(uri: str, latest_of: str) -> TableStats:
    """Read statistics from the log, without opening a data file.

    Args:
        uri: Location of the table.
        latest_of: Column whose largest value is asked.
    """
    table = DeltaTable(uri)
    actions = pa.table(table.get_add_actions(flatten=True))
    column = f"max.{latest_of}"
    known = column in actions.column_names and actions.num_rows
    return TableStats(
        rows=int(pc.sum(actions["num_records"]).as_py() or 0),
        files=actions.num_rows,
        size_bytes=int(pc.sum(actions["size_bytes"]).as_py() or 0),
        version=table.version(),
        latest=pc.max(actions[column]).as_py() if known else None,
    )


@dataclass(frozen=True)
class TableState:
    """What the log says of a table.

    Attributes:
        rows: Rows.
        files: Data files.
        size_bytes: Their size.
        partitions: Partitions that have files; 1 where it has none, 0 while it is empty.
        version: Newest version.
        last_modified: When that was committed, wall time.
    """

    rows: int
    files: int
    size_bytes: int
    partitions: int
    version: int
    last_modified: datetime


def inspect(uri: str) -> TableState:
    """Tell from the log how a table is, without opening a data file."""
    table = DeltaTable(uri)
    actions = pa.table(table.get_add_actions(flatten=True))
    parts = [name for name in actions.column_names if name.startswith("partition.")]
    last = table.history(1)[0]["timestamp"]
    return TableState(
        rows=int(pc.sum(actions["num_records"]).as_py() or 0),
        files=actions.num_rows,
        size_bytes=int(pc.sum(actions["size_bytes"]).as_py() or 0),
        partitions=actions.group_by(parts).aggregate([]).num_rows
        if parts
        else min(actions.num_rows, 1),
        version=table.version(),
        last_modified=datetime.fromtimestamp(last / 1000, UTC),
    )


def as_dataset(uri: str, version: int | None = None) -> pds.Dataset:
    """Return a version of a table, by default the newest, as a dataset.

    Files whose statistics rule them out are not opened.
    """
    return DeltaTable(uri, version=version).to_pyarrow_dataset()


def read(uri: str, columns: Sequence[str] | None = None, *, version: int | None = None) -> pa.Table:
    """Read a version of a table, by default the newest: whole, or some of its columns."""
    return as_dataset(uri, version).to_table(columns=list(columns) if columns else None)


def count_before(uri: str, column: str, moment: datetime) -> int:
    """Count the rows whose timestamp lies before an instant."""
    return int(as_dataset(uri).count_rows(filter=pc.field(column) < pa.scalar(moment)))


def delete_before(uri: str, column: str, moment: datetime) -> int:
    """Delete the rows whose timestamp lies before an instant.

    Files that hold nothing else are only struck off the log.

    Args:
        uri: Location of the table.
        column: A timestamp.
        moment: The instant, UTC.

    Returns:
        Number of rows deleted.
    """
    kind = 'Timestamp(Microsecond, Some("UTC"))'
    deleted = DeltaTable(uri).delete(f"{column} < arrow_cast('{moment.isoformat()}', '{kind}')")
    return int(deleted["num_deleted_rows"] or 0)


@dataclass(frozen=True)
class PartitionStats:
    """What the log says of a partition of a table.

    Attributes:
        value: The date it holds the rows of.
        rows: Rows.
        size_bytes: Size of its data files.
    """

    value: date
    rows: int
    size_bytes: int


def partition_stats(table: DeltaTable, column: str) -> list[PartitionStats]:
    """Read from the log of a table what each of its partitions holds, by date.

    Args:
        table: A table.
        column: Column by which it is partitioned, a date.
    """
    actions = pa.table(table.get_add_actions(flatten=True))
    if not actions.num_rows:
        return []
    value = f"partition.{column}"
    sums = actions.group_by(value).aggregate([("num_records", "sum"), ("size_bytes", "sum")])
    return [
        PartitionStats(row[value], row["num_records_sum"], row["size_bytes_sum"])
        for row in sums.sort_by(value).to_pylist()
    ]


def delete_partition(
    table: DeltaTable,
    column: str,
    value: date,
    offsets: Mapping[str, int],
    metadata: Mapping[str, str],
) -> int:
    """Strike a partition off the log and move offsets, in one commit.

    Args:
        table: As opened when the partition was read; is brought to the new version.
        column: Column by which the table is partitioned.
        value: The date whose rows go.
        offsets: New offset per application id.
        metadata: Kept in the table's history.

    Returns:
        Number of rows that went.

    Raises:
        ConcurrentWriteError: Somebody else wrote to the partition or moved one of the offsets.
            Nothing was deleted.
    """
    properties = CommitProperties(
        custom_metadata=dict(metadata),
        app_transactions=[Transaction(app_id, version) for app_id, version in offsets.items()],
    )
    try:
        done = table.delete(f"{column} = '{value.isoformat()}'", commit_properties=properties)
    except CommitFailedError as error:
        raise ConcurrentWriteError(
            f"{table.table_uri}: {error}; somebody else writes to this lake. "
            "Nothing was deleted; run again."
        ) from error
    return int(done["num_deleted_rows"] or 0)


@dataclass(frozen=True)
class MaintenanceReport:
    """What maintaining a table did.

    Attributes:
        files_before: Data files of the newest version, before.
        files_after: The same, after.
        files_deleted: Files no longer referenced that were removed from storage.
    """

    files_before: int
    files_after: int
    files_deleted: int


def maintain(
    uri: str, *, vacuum_after: timedelta, compact_above_files: int, partitions: Sequence[str] = ()
) -> MaintenanceReport:
    """Compact small files, remove old ones, and shorten the log.

    Args:
        uri: Location of the table.
        vacuum_after: Keep files that left the table less than this ago; readers may use them.
        compact_above_files: Compact when the table has more data files than this.
        partitions: Unused partitions keep their files; empty means all are compacted.
    """
    table = DeltaTable(uri)
    before = len(table.file_uris())
    if before > compact_above_files:
        filters = [("event_date", "in", list(partitions))] if partitions else None
        table.optimize.compact(partition_filters=filters)
    deleted = table.vacuum(
        retention_hours=int(vacuum_after.total_seconds() // 3600),
        dry_run=False,
        enforce_retention_duration=False,
    )
    table.create_checkpoint()
    table.cleanup_metadata()
    return MaintenanceReport(before, len(table.file_uris()), len(deleted))
