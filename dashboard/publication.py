"""The serving file, open for reading: whole, or only the rows of some stores.

Belongs here: the DuckDB side of the pages. Does not belong here: which file that is and what an
error means to the reader (`serving.py`), what is asked (`data/`).

DuckDB shares one database among the connections of a process to the same path, and would go on
reading a file that has been replaced. So each publication is attached to a database in memory of
its own, which many threads read by cursors of their own.

Somebody who may see some stores only reads views of the same names, which lie in another database
beside it: rows of other stores are left out, and a table of which no row is theirs says so when it
is read. No page has to think of it, so no page can forget it.
"""

from pathlib import Path
from threading import Lock

import duckdb

from smartshelf_dagster.domain.access import Limit, StoreScope

CLOSED = "not open to readers of some stores"
# What the publication says of itself is the same for all.
_OF_ALL = "meta"


class OpenPublication:
    """One publication, open for reading by any number of threads.

    It is closed with the last reference to it and its cursors: whoever still reads it reads on.
    """

    def __init__(self, path: Path, *, threads: int, memory: str) -> None:
        """Open the file that lies at a path now.

        Args:
            path: The serving file.
            threads: Threads of DuckDB.
            memory: Memory of DuckDB, at most.
        """
        self._lock = Lock()
        self._scopes: dict[tuple[str, ...], str] = {}
        self._connection = duckdb.connect(config={"threads": threads, "memory_limit": memory})
        self._connection.execute("set global TimeZone = 'UTC'")
        # A published Parquet file never changes.
        self._connection.execute("set global parquet_metadata_cache = true")
        self._connection.execute(f"attach {_literal(str(path))} as served (read_only)")

    def cursor(self, scope: StoreScope) -> duckdb.DuckDBPyConnection:
        """Return a connection that sees the open rows of each table, under the table's own name."""
        database = "served" if scope.stores is None else self._limited(scope)
        cursor = self._connection.cursor()
        cursor.execute(f"use {database}")
        return cursor

    def _limited(self, scope: StoreScope) -> str:
        stores = scope.stores or ()
        with self._lock:
            if stores not in self._scopes:
                database = f"scope_{len(self._scopes)}"
                self._make_views(database, scope)
                self._scopes[stores] = database
            return self._scopes[stores]

    def _make_views(self, database: str, scope: StoreScope) -> None:
        cursor = self._connection.cursor()
        columns: dict[tuple[str, str], list[str]] = {}
        for schema, table, column in cursor.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where database_name = 'served' and not internal"
        ).fetchall():
            columns.setdefault((schema, table), []).append(column)
        shared = {tuple(name.split("/")) for name in self._shared(cursor, columns)}
        cursor.execute(f"attach ':memory:' as {database}")
        cursor.begin()
        for schema in sorted({schema for schema, _ in columns}):
            cursor.execute(f"create schema if not exists {database}.{_quoted(schema)}")
        for (schema, table), names in columns.items():
            is_shared = schema == _OF_ALL or (schema, table) in shared
            name = f"{_quoted(schema)}.{_quoted(table)}"
            cursor.execute(
                f"create view {database}.{name} as select * from served.{name}"
                f"{_where(scope.limits(names, is_shared=is_shared))}"
            )
        cursor.commit()
        cursor.close()

    @staticmethod
    def _shared(
        cursor: duckdb.DuckDBPyConnection, columns: dict[tuple[str, str], list[str]]
    ) -> list[str]:
        """Return the tables that say they hold nothing of a single store, `<layer>/<name>`."""
        if (_OF_ALL, "catalog") not in columns:
            return []
        rows = cursor.execute('select "table" from served.meta.catalog where is_shared').fetchall()
        return [name for (name,) in rows]


def _where(limits: tuple[Limit, ...] | None) -> str:
    if limits is None:
        return f" where cast(error({_literal(CLOSED)}) as boolean)"
    conditions = [
        f"{_quoted(limit.column)} in ({', '.join(map(_literal, limit.values))})"
        if limit.values
        else "false"
        for limit in limits
    ]
    return f" where {' and '.join(conditions)}" if conditions else ""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
