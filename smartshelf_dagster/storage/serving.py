"""Reading the serving file: rows that were asked for by name, never by SQL.

Belongs here: the DuckDB side of serving: which version is in place, its tables, columns and
descriptions, and the one SELECT that reads them. Does not belong here: who may read what, how a
request or a file is written (`api/`).

DuckDB shares one database among the connections of a process to the same path, and would go on
reading a file that has been replaced. So each version is attached to a database in memory of its
own. It is closed with the last reference to it: an answer that is still being sent keeps it.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import duckdb
import pyarrow as pa

from smartshelf_dagster.domain.version import version_name
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.storage.warehouse import identifier, quoted

# Pages of one reading come from one version; a minute each, at the default interval.
_KEPT_VERSIONS = 5
_BATCH_ROWS = 20_000

Operator = Literal["eq", "ne", "lt", "le", "gt", "ge", "in", "null"]
_COMPARISONS: dict[Operator, str] = {
    "eq": "=",
    "ne": "<>",
    "lt": "<",
    "le": "<=",
    "gt": ">",
    "ge": ">=",
}


class NothingPublishedError(SmartShelfError, LookupError):
    """There is no serving file yet."""


class ServingUnreadableError(SmartShelfError, RuntimeError):
    """What was published cannot be read; the message says what helps."""


class VersionReplacedError(SmartShelfError, LookupError):
    """A version was asked for that is no longer kept."""


class UnknownTableError(SmartShelfError, LookupError):
    """A table was asked for that was not published; the message names those that were."""


@dataclass(frozen=True)
class Condition:
    """One condition on the rows; all conditions must hold. A null satisfies `null` only.

    Attributes:
        column: Name of a column.
        operator: How it is compared.
        value: A value of the column's type; a tuple of them for `in`; for `null` whether it is.
    """

    column: str
    operator: Operator
    value: object


@dataclass(frozen=True)
class Selection:
    """Which rows and columns of a table are read.

    Attributes:
        table: `<layer>/<name>`.
        columns: Names, in the order wanted.
        conditions: All of them must hold.
        order: Names of columns, each with whether it descends. Ties are broken by the other
            columns, so that pages do not overlap. Without it, rows come as they were published.
        limit: Rows at most.
        offset: Rows passed over.
    """

    table: str
    columns: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()
    order: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    offset: int = 0


@dataclass(frozen=True)
class Key:
    """What rows are put together by.

    Attributes:
        name: What it is called in the answer.
        column: A column of the table.
        span: Of a date, the week or month it is in, told as its first day.
    """

    name: str
    column: str
    span: Literal["week", "month"] | None = None


@dataclass(frozen=True)
class Ratio:
    """A sum divided by another; null over zero.

    Attributes:
        name: What it is called in the answer.
        numerator: Column whose sum is divided.
        denominator: Column by whose sum.
        factor: What the quotient is multiplied by, such as 100 for percent.
    """

    name: str
    numerator: str
    denominator: str
    factor: int = 1


@dataclass(frozen=True)
class Summary:
    """Rows of a table put together.

    Attributes:
        table: `<layer>/<name>`.
        keys: By what; rows come in their order.
        sums: Columns that are added up; their types stay.
        ratios: What is divided.
        conditions: Rows that count; all of them must hold.
        limit: Rows of the summary at most.
    """

    table: str
    keys: tuple[Key, ...]
    sums: tuple[str, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    conditions: tuple[Condition, ...] = ()
    limit: int | None = None


@dataclass(frozen=True)
class PublishedColumn:
    """A column.

    Attributes:
        name: Its name; units are part of it where it has one.
        type: Its type in DuckDB, such as `DECIMAL(18,2)`.
        description: What it means; empty when the file does not say.
    """

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class PublishedTable:
    """A table of the serving file.

    Attributes:
        name: `<layer>/<name>`.
        description: One row per what; empty when the file does not say.
        is_shared: Whether it says that it holds nothing of a single store.
        columns: By name, in order.
    """

    name: str
    description: str
    is_shared: bool
    columns: dict[str, PublishedColumn]


class ServingVersion:
    """One publication, open for reading by any number of threads.

    Attributes:
        version: Its name: when it was published, to the microsecond.
        as_of: The time that its content was computed for; UTC.
        published_at: Wall time; UTC.
        tables: By name.
    """

    def __init__(self, path: Path, options: dict[str, str | int]) -> None:
        """Open the file that lies at a path now.

        Args:
            path: The serving file.
            options: Settings of DuckDB.

        Raises:
            NothingPublishedError: There is none.
            ServingUnreadableError: It cannot be read, or does not say when it was published.
        """
        self._counts: dict[tuple[str, tuple[Condition, ...]], int] = {}
        with _explained():
            self._connection = duckdb.connect(config=dict(options))
            self._connection.execute("set global TimeZone = 'UTC'")
            # A published Parquet file never changes.
            self._connection.execute("set global parquet_metadata_cache = true")
            place = str(path).replace("'", "''")
            try:
                self._connection.execute(f"attach '{place}' as served (read_only)")
            except duckdb.IOException as error:
                if path.exists():
                    raise
                raise NothingPublishedError(_NOTHING) from error
            found = self._rows("select as_of_ts, published_at from served.meta.publication")
            if not found:
                raise ServingUnreadableError(f"meta.publication is empty; {_REBUILD}")
            self.as_of: datetime = found[0][0]
            self.published_at: datetime = found[0][1]
            self.tables = self._read_tables()
        self.version = version_name(self.published_at)

    def close(self) -> None:
        """Close it, whoever reads; without this it is closed with the last reference."""
        self._connection.close()

    def _rows(self, sql: str) -> list[Any]:
        return self._connection.cursor().execute(sql).fetchall()

    def _read_tables(self) -> dict[str, PublishedTable]:
        columns: dict[str, dict[str, PublishedColumn]] = {}
        listed = self._rows(
            "select schema_name || '/' || table_name, column_name, data_type "
            "from duckdb_columns() where database_name = 'served' and not internal "
            "order by schema_name, table_name, column_index"
        )
        names = {table for table, _, _ in listed}
        said: dict[tuple[str, str], str] = {}
        about: dict[str, tuple[str, bool]] = {}
        # A file of an older version of Smart Shelf does not describe itself.
        if {"meta/catalog", "meta/columns"} <= names:
            said = {
                (table, column): text
                for table, column, text in self._rows(
                    'select "table", column_name, description from served.meta.columns'
                )
            }
            about = {
                table: (text, is_shared)
                for table, text, is_shared in self._rows(
                    'select "table", description, is_shared from served.meta.catalog'
                )
            }
        for table, name, kind in listed:
            text = said.get((table, name), "")
            columns.setdefault(table, {})[name] = PublishedColumn(name, kind, text)
        return {
            table: PublishedTable(table, *about.get(table, ("", False)), columns[table])
            for table in columns
        }

    def table(self, name: str) -> PublishedTable:
        """Return a table by its name, `<layer>/<name>`.

        Raises:
            UnknownTableError: There is none of this name.
        """
        if name not in self.tables:
            raise UnknownTableError(f"table {name!r}: expected one of {', '.join(self.tables)}")
        return self.tables[name]

    def read(self, selection: Selection) -> Iterator[pa.RecordBatch]:
        """Read rows, a batch at a time.

        Args:
            selection: Its names must be those of the table.

        Yields:
            Batches of rows; the first one also when there is no row, for its schema.

        Raises:
            ServingUnreadableError: The file, or one that it looks through to, cannot be read.
        """
        sql, values = _statement(selection, self.tables[selection.table])
        with _explained():
            cursor = self._connection.cursor()
            reader = cursor.sql(sql, params=values or None).to_arrow_reader(_BATCH_ROWS)
            is_first = True
            for batch in reader:
                yield batch
                is_first = False
            if is_first:
                yield pa.RecordBatch.from_pylist([], schema=reader.schema)

    def summarise(self, summary: Summary) -> pa.Table:
        """Put rows together.

        Args:
            summary: Its names must be those of the table.

        Raises:
            ServingUnreadableError: The file, or one that it looks through to, cannot be read.
        """
        sql, values = _summary_statement(summary, self.tables[summary.table])
        with _explained():
            cursor = self._connection.cursor()
            return cursor.sql(sql, params=values or None).to_arrow_table()

    def count(self, table: str, conditions: tuple[Condition, ...] = ()) -> int:
        """Count rows of a table; remembered, for they do not change."""
        key = (table, conditions)
        if key not in self._counts:
            where, values = _where(conditions)
            sql = f"select count(*) from served.{identifier(table)}{where}"  # noqa: S608 - quoted
            with _explained():
                rows = self._connection.cursor().execute(sql, values).fetchall()
            self._counts[key] = int(rows[0][0])
        return self._counts[key]


class ServingFiles:
    """The serving file of a lake, whichever version is in place; for many threads."""

    def __init__(self, path: Path, *, threads: int = 2, memory: str = "2GB") -> None:
        """Describe where it lies; nothing is opened yet.

        Args:
            path: The serving file.
            threads: Threads of DuckDB.
            memory: Memory of DuckDB for one version, at most.
        """
        self._path = path
        self._options: dict[str, str | int] = {"threads": threads, "memory_limit": memory}
        self._lock = Lock()
        self._identity: tuple[int, int] | None = None
        self._versions: OrderedDict[str, ServingVersion] = OrderedDict()

    def open(self, wanted: str | None = None) -> ServingVersion:
        """Return a version to read from.

        Args:
            wanted: Its name; the one in place by default.

        Raises:
            NothingPublishedError: There is none yet.
            VersionReplacedError: The one wanted is no longer kept.
            ServingUnreadableError: The one in place cannot be read.
        """
        with self._lock:
            newest = self._newest()
            if wanted is None:
                return newest
            if wanted not in self._versions:
                raise VersionReplacedError(
                    f"version {wanted!r} has been replaced and is no longer kept, expected "
                    f"{newest.version} or none; begin the reading again"
                )
            return self._versions[wanted]

    def close(self) -> None:
        """Close all versions; nobody may be reading."""
        with self._lock:
            for version in self._versions.values():
                version.close()
            self._versions.clear()
            self._identity = None

    def _newest(self) -> ServingVersion:
        try:
            status = self._path.stat()
        except FileNotFoundError as error:
            raise NothingPublishedError(_NOTHING) from error
        identity = (status.st_ino, status.st_mtime_ns)
        if identity != self._identity:
            opened = ServingVersion(self._path, self._options)
            self._versions[opened.version] = opened
            self._versions.move_to_end(opened.version)
            self._identity = identity
            while len(self._versions) > _KEPT_VERSIONS:
                self._versions.popitem(last=False)
        return self._versions[next(reversed(self._versions))]


_NOTHING = (
    "nothing has been published in this lake yet; start `smartshelf up`, or compute a day with "
    "`smartshelf run --days 1`"
)
_REBUILD = "build everything again with `smartshelf rebuild`"


@contextmanager
def _explained() -> Iterator[None]:
    """Turn DuckDB's errors into one that says what helps."""
    try:
        yield
    except duckdb.Error as error:
        line = str(error).splitlines()[0]
        raise ServingUnreadableError(
            f"the published data cannot be read: {line}; {_REBUILD}"
        ) from error


def _statement(selection: Selection, table: PublishedTable) -> tuple[str, list[object]]:
    """Return SQL with a place for each value, and the values."""
    where, values = _where(selection.conditions)
    columns = ", ".join(quoted(name) for name in selection.columns)
    sql = f"select {columns} from served.{identifier(selection.table)}{where}"  # noqa: S608 - quoted
    if selection.order:
        sql += " order by " + ", ".join(_order(selection.order, list(table.columns)))
    if selection.limit is not None:
        sql += f" limit {selection.limit:d}"
    if selection.offset:
        sql += f" offset {selection.offset:d}"
    return sql, values


def _summary_statement(summary: Summary, table: PublishedTable) -> tuple[str, list[object]]:
    """Return SQL with a place for each value, and the values."""
    where, values = _where(summary.conditions)
    keys = [f"{_key(key)} as {quoted(key.name)}" for key in summary.keys]
    sums = [
        f"cast(sum({quoted(name)}) as {table.columns[name].type}) as {quoted(name)}"
        for name in summary.sums
    ]
    ratios = [
        f"{ratio.factor:d} * (cast(sum({quoted(ratio.numerator)}) as double) / "
        f"nullif(cast(sum({quoted(ratio.denominator)}) as double), 0)) as {quoted(ratio.name)}"
        for ratio in summary.ratios
    ]
    columns = ", ".join([*keys, *sums, *ratios])
    sql = f"select {columns} from served.{identifier(summary.table)}{where}"  # noqa: S608 - quoted
    if keys:
        places = ", ".join(str(place) for place in range(1, len(keys) + 1))
        sql += f" group by {places} order by {places}"
    if summary.limit is not None:
        sql += f" limit {summary.limit:d}"
    return sql, values


def _key(key: Key) -> str:
    name = quoted(key.column)
    return f"cast(date_trunc('{key.span}', {name}) as date)" if key.span else name


def _order(order: Sequence[tuple[str, bool]], columns: Sequence[str]) -> list[str]:
    named = [name for name, _ in order]
    ties = [(name, False) for name in columns if name not in named]
    return [
        f"{quoted(name)} {'desc' if descends else 'asc'} nulls last"
        for name, descends in [*order, *ties]
    ]


def _where(conditions: Sequence[Condition]) -> tuple[str, list[object]]:
    parts: list[str] = []
    values: list[object] = []
    for condition in conditions:
        name = quoted(condition.column)
        if condition.operator == "null":
            parts.append(f"{name} is {'' if condition.value else 'not '}null")
        elif condition.operator == "in":
            chosen = list(condition.value) if isinstance(condition.value, tuple) else []
            places = ", ".join("?" * len(chosen))
            # Of no values at all, none is right.
            parts.append(f"{name} in ({places})" if chosen else "false")
            values += chosen
        else:
            parts.append(f"{name} {_COMPARISONS[condition.operator]} ?")
            values.append(condition.value)
    return (" where " + " and ".join(parts) if parts else ""), values
