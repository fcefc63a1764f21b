"""The dbt-duckdb plugin through which models read Delta tables.

A source `raw.shelf_events` is the table `raw/shelf_events` of the lake the run is for, so the same
parsed project serves any lake. Files are pruned by their statistics before they are opened; so
builds of what is new open nothing of the archive.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pyarrow.dataset as pds
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig

from smartshelf_dagster.storage.warehouse import read_query_log, set_variables, start_query_log
from smartshelf_dagster.transform.sources import open_source, session_variables

_recording = threading.Event()


@contextmanager
def recording() -> Iterator[None]:
    """Let the database write down what runs execute."""
    _recording.set()
    try:
        yield
    finally:
        _recording.clear()


def executed_statements() -> list[str]:
    """Return what the run that has just ended executed; its connection must still be open."""
    return read_query_log(DuckDBConnectionManager.env().conn)


class Plugin(BasePlugin):  # type: ignore[misc]
    """Resolves dbt sources to Delta tables."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the lake's location, and versions to hold to, from the profile."""
        self._root = plugin_config["root"]
        self._pinned: dict[str, int] = orjson.loads(plugin_config["versions"])

    def configure_connection(self, conn: Any) -> None:
        """Let the database write down what it executes, when that is asked for."""
        if _recording.is_set():
            start_query_log(conn)

    def configure_cursor(self, cursor: Any) -> None:
        """Tell each session what it has to know: cursors do not inherit it."""
        set_variables(cursor, session_variables[self._root])

    def load(self, source_config: SourceConfig) -> pds.Dataset:
        """Open a source's table."""
        table = f"{source_config.schema}/{source_config.identifier}"
        return open_source(self._root, table, self._pinned)

    def default_materialization(self) -> str:
        """Read through, do not copy into the warehouse."""
        return "view"
