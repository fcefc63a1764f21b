"""DuckDB files: reading the warehouse between runs, and building the file that readers open.

Belongs here: every DuckDB connection of ours. Does not belong here: what tables mean; dbt, which
has its own connection while it runs.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pyarrow.dataset as pds

from smartshelf_dagster.contracts.described import Description
from smartshelf_dagster.errors import SmartShelfError


class StatementError(SmartShelfError, RuntimeError):
    """The database refused a statement; the message says what it was for, and why."""


# What builds have noted for those that follow.
_NOTES = "build_notes"


@dataclass(frozen=True)
class ServedTable:
    """One table of the serving file.

    Attributes:
        table: `<layer>/<name>`.
        version: Delta version that was published with it.
        files: Parquet files to look through to, for a table that grows; else it is copied.
        hidden: Columns of the warehouse that are not published.
        partition_by: Partition column, which stands in the files' folders.
        condition: Of the rows of the files, only those that satisfy it in SQL.
        stamp: Short text that changes when its rows do, for a table that is replaced.
    """

    table: str
    version: int
    files: tuple[str, ...] | None
    hidden: tuple[str, ...] = ()
    partition_by: str | None = None
    condition: str = "true"
    stamp: str = ""


@contextmanager
def connect(path: Path, *, read_only: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB file with UTC as its time zone."""
    connection = duckdb.connect(str(path), read_only=read_only)
    try:
        connection.execute("set TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def identifier(table: str) -> str:
    """Return the SQL name of `<layer>/<name>`.

    >>> identifier("ops/alerts")
    '"ops"."alerts"'
    """
    return ".".join(quoted(part) for part in table.split("/"))


def quoted(name: str) -> str:
    """Return the SQL name of a column or schema.

    >>> quoted("table")
    '"table"'
    """
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Build:
    """What the warehouse says of its last build.

    Attributes:
        as_of: The time it was built for.
        versions: Versions of the source tables it was built from.
        complete: Whether all models were built together.
    """

    as_of: datetime
    versions: dict[str, int]
    complete: bool


def record_build(path: Path, build: Build) -> None:
    """Write into the warehouse what it was built from; publication needs to know."""
    with connect(path, read_only=False) as connection:
        _record_build(connection, build)


def _record_build(connection: duckdb.DuckDBPyConnection, build: Build) -> None:
    connection.execute(
        "create or replace table main.last_build as select "
        "?::timestamptz as as_of_ts, ?::varchar as versions, ?::boolean as is_complete",
        [build.as_of, orjson.dumps(build.versions).decode(), build.complete],
    )


def record_preparation(path: Path, fingerprint: str) -> None:
    """Write into the warehouse what its seeds and staging models were made from."""
    with connect(path, read_only=False) as connection:
        connection.execute(
            "create or replace table main.last_preparation as select ?::varchar as fingerprint",
            [fingerprint],
        )


def read_preparation(path: Path) -> str | None:
    """Return what `record_preparation` wrote, `None` for a new warehouse."""
    if not path.exists():
        return None
    with connect(path) as connection:
        known = "select count(*) from duckdb_tables() where table_name = 'last_preparation'"
        if not connection.execute(known).fetchall()[0][0]:
            return None
        return str(connection.execute("from main.last_preparation").fetchall()[0][0])


def list_tables(path: Path) -> set[str]:
    """Return the tables of a warehouse, `<layer>/<name>`; none before it is made."""
    if not path.exists():
        return set()
    with connect(path) as connection:
        found = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    return {f"{schema}/{name}" for schema, name in found}


def set_variables(connection: duckdb.DuckDBPyConnection, variables: Mapping[str, str]) -> None:
    """Let the statements of a connection know values that stand in no statement."""
    for name, value in variables.items():
        connection.execute(f"set variable {name} = ?", [value])


def record_salt_check(path: Path, check: str) -> None:
    """Write into the warehouse by which salt its customers are told."""
    with connect(path, read_only=False) as connection:
        connection.execute(
            "create or replace table main.customer_salt as select ?::varchar as salt_check", [check]
        )


def read_salt_check(path: Path) -> str | None:
    """Return what `record_salt_check` wrote, `None` where nothing is written."""
    if "main/customer_salt" not in list_tables(path):
        return None
    with connect(path) as connection:
        return str(connection.execute("from main.customer_salt").fetchall()[0][0])


def start_query_log(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the database write down what it executes from now on."""
    connection.execute("call enable_logging('QueryLog', storage = 'memory')")


def read_query_log(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Return what was executed since `start_query_log`, in order."""
    log = connection.execute(
        "select message from duckdb_logs where type = 'QueryLog' order by timestamp, query_id"
    )
    return [message for (message,) in log.fetchall()]


class WarehouseWriter:
    """The warehouse, open to build in it; `close` it when done."""

    def __init__(
        self,
        path: Path,
        options: Mapping[str, str | int | bool],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Open the warehouse.

        Args:
            path: The DuckDB file.
            options: Settings of DuckDB.
            variables: What statements have to know.
        """
        self._path = path
        self._connection = duckdb.connect(str(path), config=dict(options))
        self._connection.execute("set TimeZone = 'UTC'")
        # Commands print what they found on stdout, and nothing else belongs there.
        self._connection.execute("set enable_progress_bar = false")
        set_variables(self._connection, variables or {})

    @contextmanager
    def sources(self, sources: Mapping[str, pds.Dataset | pa.Table]) -> Iterator[None]:
        """Let views in the warehouse look at source tables, by registered name."""
        for name, dataset in sources.items():
            self._connection.register(name, dataset)
        try:
            yield
        finally:
            for name in sources:
                self._connection.unregister(name)

    def execute(self, purpose: str, statement: str) -> int:
        """Execute a statement.

        Args:
            purpose: What it is for.
            statement: SQL.

        Returns:
            Number of rows written; 0 for a statement that writes none.

        Raises:
            StatementError: It failed; the message names what it was for.
        """
        try:
            rows = self._connection.execute(statement).fetchall()
        except duckdb.Error as error:
            raise StatementError(f"{purpose}: {error}") from error
        return int(rows[0][0]) if rows and isinstance(rows[0][0], int) else 0

    def record_build(self, build: Build) -> None:
        """Write into the warehouse what it was built from."""
        _record_build(self._connection, build)

    def remember(self, name: str, content: str) -> None:
        """Write a note into the warehouse, in place of the one of that name."""
        self._connection.execute(
            f"create table if not exists main.{_NOTES} (name varchar primary key, content varchar)"
        )
        self._connection.execute(
            f"insert or replace into main.{_NOTES} values (?, ?)",  # noqa: S608
            [name, content],
        )

    def reader(self) -> "WarehouseReader":
        """Return a reader that shares the connection."""
        return WarehouseReader(self._path, self._connection)

    def close(self) -> None:
        """Let others open the file."""
        self._connection.close()


class WarehouseReader:
    """Reads what dbt has built, between its runs.

    Attributes:
        path: The DuckDB file.
        warehouse_id: Name of its own; another one after a rebuild.
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Wrap an open connection; use `open_warehouse`."""
        self.path = path
        self._connection = connection
        self.warehouse_id = str(self._value("select warehouse_id from main.warehouse_identity"))

    def _value(self, sql: str) -> object:
        rows: list[tuple[object, ...]] = self._connection.execute(sql).fetchall()
        return rows[0][0]

    def last_build(self) -> Build | None:
        """Return what the last build recorded, `None` before the first."""
        known = "select count(*) from duckdb_tables() where table_name = 'last_build'"
        if not self._value(known):
            return None
        rows = self._connection.execute("from main.last_build").fetchall()
        as_of, versions, complete = rows[0]
        return Build(as_of, orjson.loads(versions), complete)

    def newest_load(self, table: str) -> int:
        """Return the number of the last load of a table that grows, 0 before the first."""
        newest = self._value(f"select coalesce(max(load_seq), 0) from {identifier(table)}")  # noqa: S608
        return int(str(newest))

    def stamp(self, table: str, hidden: Sequence[str] = (), *, grows: bool = False) -> str:
        """Return a short text that changes when the columns of a table do, or its rows as a set.

        Args:
            table: `<layer>/<name>`; a view will do.
            hidden: Columns that do not count.
            grows: Rows are only added, with a new `load_seq`; then nothing else is looked at.
        """
        looked_at = f"(select {_selection(hidden)} from {identifier(table)})"  # noqa: S608
        relation = self._connection.sql(f"from {looked_at} limit 0")
        columns = ",".join(
            f"{name} {kind}" for name, kind in zip(relation.columns, relation.types, strict=True)
        )
        told = "max(load_seq)" if grows else "sum(hash(*columns(*)))"
        row = self._connection.execute(
            f"select md5(?), count(*), {told} from {looked_at}",  # noqa: S608
            [columns],
        ).fetchall()[0]
        return f"{row[0][:8]}:{row[1]}:{row[2]}"

    def count(self, table: str, where: str = "true") -> int:
        """Count rows of a table that satisfy a condition in SQL."""
        counted = self._value(f"select count(*) from {identifier(table)} where {where}")  # noqa: S608
        return int(str(counted))

    def has(self, table: str, where: str = "true") -> bool:
        """Return whether a row of a table satisfies a condition in SQL; looks no further."""
        found = f"select exists (from {identifier(table)} where {where})"
        return bool(self._value(found))

    def rows(
        self,
        table: str,
        hidden: Sequence[str] = (),
        *,
        after_load: int | None = None,
        where: str | None = None,
    ) -> pa.Table:
        """Return rows of a table.

        Args:
            table: `<layer>/<name>`.
            hidden: Columns to leave out.
            after_load: Only rows of later loads.
            where: A condition in SQL.
        """
        later = f"load_seq > {after_load}" if after_load is not None else "true"
        sql = (
            f"select {_selection(hidden)} from {identifier(table)} "  # noqa: S608
            f"where {later} and ({where or 'true'})"
        )
        return self._connection.sql(sql).to_arrow_table()

    def tables(self) -> set[str]:
        """Return the tables that are there, `<layer>/<name>`."""
        found = self._connection.execute("select schema_name, table_name from duckdb_tables()")
        return {f"{schema}/{name}" for schema, name in found.fetchall()}

    def relations(self) -> set[str]:
        """Return the tables and views that are there, `<layer>/<name>`."""
        found = self._connection.execute(
            "select table_schema, table_name from information_schema.tables"
        )
        return {f"{schema}/{name}" for schema, name in found.fetchall()}

    def columns(self) -> dict[str, set[str]]:
        """Return the columns of every table that is there, by `<layer>/<name>`."""
        found = self._connection.execute(
            "select schema_name, table_name, list(column_name) from duckdb_columns() group by all"
        )
        return {f"{schema}/{name}": set(columns) for schema, name, columns in found.fetchall()}

    def note(self, name: str) -> str | None:
        """Return what `WarehouseWriter.remember` wrote under a name, `None` where nothing is."""
        if f"main/{_NOTES}" not in self.tables():
            return None
        found = self._connection.execute(
            f"select content from main.{_NOTES} where name = ?",  # noqa: S608
            [name],
        ).fetchall()
        return str(found[0][0]) if found else None

    def schema_problems(self, table: str, declared: Mapping[str, str]) -> list[str]:
        """Compare a table's columns with what they should be.

        Args:
            table: `<layer>/<name>`.
            declared: Type by name of the column, as SQL.

        Returns:
            One line for each column that is missing, unknown, or of another type.
        """
        relation = self._connection.sql(f"from {identifier(table)} limit 0")
        found = dict(zip(relation.columns, relation.types, strict=True))
        wanted = {name: duckdb.sqltype(kind) for name, kind in declared.items()}
        problems = [f"{name} is missing" for name in wanted if name not in found]
        problems += [f"{name} is not in the contract" for name in found if name not in wanted]
        return problems + [
            f"{name} is {found[name]}, expected {kind}"
            for name, kind in wanted.items()
            if name in found and found[name] != kind
        ]

    def differences(self, table: str, hidden: Sequence[str], other: pa.Table) -> int:
        """Count rows that stand only here or only in another table of the same columns."""
        own = f"(select {_selection(hidden)} from {identifier(table)})"  # noqa: S608
        self._connection.register("other_rows", other)
        only_here = self._value(f"select count(*) from ({own} except all from other_rows)")  # noqa: S608
        only_there = self._value(f"select count(*) from (from other_rows except all {own})")  # noqa: S608
        self._connection.unregister("other_rows")
        return int(str(only_here)) + int(str(only_there))


@contextmanager
def open_warehouse(path: Path) -> Iterator[WarehouseReader]:
    """Open the warehouse for reading; no dbt run may be under way."""
    with connect(path) as connection:
        yield WarehouseReader(path, connection)


def read_serving(path: Path, *queries: str) -> list[pa.Table]:
    """Run queries on the serving file; all of them see the same publication."""
    with connect(path) as connection:
        return [connection.sql(query).to_arrow_table() for query in queries]


def read_served(path: Path, table: str) -> pa.Table | None:
    """Read a table of the serving file, `None` when the file or the table is not there."""
    if not path.exists():
        return None
    with connect(path) as connection:
        known = connection.execute(
            "select 1 from duckdb_tables() where schema_name || '/' || table_name = ?", [table]
        ).fetchall()
        return connection.sql(f"from {identifier(table)}").to_arrow_table() if known else None


def _selection(hidden: Sequence[str]) -> str:
    names = ", ".join(f'"{name}"' for name in hidden)
    return f"* exclude ({names})" if names else "*"


def build_serving_file(
    path: Path,
    warehouse: Path,
    tables: Sequence[ServedTable],
    extra: Mapping[str, pa.Table],
    descriptions: Mapping[str, Description] | None = None,
) -> None:
    """Build the serving file beside the old one and put it in its place.

    Readers that have the old one open keep it; who opens the path afterwards gets the new one.

    Args:
        path: The serving file.
        warehouse: Where dbt has built.
        tables: What to publish from it.
        extra: More tables, by `<layer>/<name>`.
        descriptions: What the tables mean, by `<layer>/<name>`; written into `meta.catalog` and
            `meta.columns`, where a table or column that lacks one has an empty text.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with connect(fresh, read_only=False) as connection:
        connection.execute(f"attach '{_literal(warehouse)}' as warehouse (read_only)")
        # Each commit waits for the disk; nobody reads the file before it is whole.
        connection.begin()
        layers = {name.split("/")[0] for name in [*extra, *(t.table for t in tables)]}
        for layer in sorted(layers):
            connection.execute(f'create schema if not exists "{layer}"')
        for served in tables:
            name = identifier(served.table)
            if served.files is None:
                source = f"select {_selection(served.hidden)} from warehouse.{name}"  # noqa: S608
                connection.execute(f"create table {name} as {source}")
            else:
                connection.execute(_view(served))
        for table, rows in extra.items():
            connection.register("extra_rows", rows)
            connection.execute(f"create table {identifier(table)} as from extra_rows")
            connection.unregister("extra_rows")
        _write_catalogue(connection, descriptions or {})
        connection.commit()
        connection.execute("detach warehouse")
    fresh.replace(path)


def _write_catalogue(
    connection: duckdb.DuckDBPyConnection, descriptions: Mapping[str, Description]
) -> None:
    """Let the file say what its tables and columns mean."""
    connection.execute("create schema if not exists meta")
    connection.execute(
        'create table meta.catalog ("table" varchar, description varchar, is_shared boolean)'
    )
    connection.execute(
        'create table meta.columns ("table" varchar, column_name varchar, position integer, '
        "data_type varchar, description varchar)"
    )
    tables = pa.Table.from_pylist(
        [
            {"table": table, "text": about.text, "is_shared": about.is_shared}
            for table, about in descriptions.items()
        ],
        schema=pa.schema(
            [("table", pa.string()), ("text", pa.string()), ("is_shared", pa.bool_())]
        ),
    )
    columns = pa.Table.from_pylist(
        [
            {"table": table, "name": name, "text": text}
            for table, about in descriptions.items()
            for name, text in about.columns.items()
        ],
        schema=pa.schema([("table", pa.string()), ("name", pa.string()), ("text", pa.string())]),
    )
    connection.register("described_tables", tables)
    connection.register("described_columns", columns)
    connection.execute(
        """insert into meta.columns
        select c."table", c.column_name, c.column_index, c.data_type, coalesce(d.text, '')
        from (
            select schema_name || '/' || table_name as "table", column_name, column_index, data_type
            from duckdb_columns() where not internal and database_name = current_database()
        ) as c
        left join described_columns as d on d."table" = c."table" and d.name = c.column_name
        where split_part(c."table", '/', 1) <> 'main'
        order by c."table", c.column_index"""
    )
    connection.execute(
        """insert into meta.catalog
        select c."table", coalesce(d.text, ''), coalesce(d.is_shared, false)
        from (select distinct "table" from meta.columns) as c
        left join described_tables as d on d."table" = c."table"
        order by c."table" """
    )
    connection.unregister("described_tables")
    connection.unregister("described_columns")


def _view(served: ServedTable) -> str:
    """Return a view over the files of one Delta version; empty tables keep their columns."""
    name = identifier(served.table)
    if not served.files:
        columns = f"select {_selection(served.hidden)} from warehouse.{name} limit 0"  # noqa: S608
        return f"create table {name} as {columns}"
    files = ", ".join(f"'{_literal(file)}'" for file in served.files)
    partition = ""
    if served.partition_by:
        partition = f", hive_types = {{'{served.partition_by}': date}}"
    options = f"hive_partitioning = {str(bool(served.partition_by)).lower()}{partition}"
    source = f"read_parquet([{files}], {options})"
    return f"create view {name} as from {source} where {served.condition}"


def _literal(text: object) -> str:
    return str(text).replace("'", "''")
