"""The dbt-duckdb plugin through which models read Delta tables.

A source `raw.shelf_events` is the table `raw/shelf_events` of the lake the run is for, so the same
parsed project serves any lake. Files are pruned by their statistics before they are opened.
"""

from typing import Any

import orjson
import pyarrow.dataset as pds
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig

from smartshelf_dagster.storage.delta import as_dataset, open_table

# Version of every table that the runs of this process have opened last, by `<layer>/<name>`.
opened_versions: dict[str, int] = {}


class Plugin(BasePlugin):  # type: ignore[misc]
    """Resolves dbt sources to Delta tables."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take the lake's location, and versions to hold to, from the profile."""
        self._root = plugin_config["root"]
        self._pinned: dict[str, int] = orjson.loads(plugin_config["versions"])

    def load(self, source_config: SourceConfig) -> pds.Dataset:
        """Open a source's table: the pinned version, else the newest."""
        table = f"{source_config.schema}/{source_config.identifier}"
        uri = f"{self._root}/{table}"
        version = self._pinned.get(table)
        opened_versions[table] = open_table(uri).version() if version is None else version
        return as_dataset(uri, opened_versions[table])

    def default_materialization(self) -> str:
        """Read through, do not copy into the warehouse."""
        return "view"
