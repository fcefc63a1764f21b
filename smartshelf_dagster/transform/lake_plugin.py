"""The dbt-duckdb plugin through which models read Delta tables.

A source `raw.shelf_events` is the table `raw/shelf_events` of the lake the run is for, so the same
parsed project serves any lake. Files are pruned by their statistics before they are opened.
"""

from collections import defaultdict
from typing import Any

import orjson
import pyarrow.dataset as pds
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.adapters.duckdb.utils import SourceConfig

from smartshelf_dagster.storage.delta import as_dataset, open_table

# Versions that the runs of this process have opened last: lake, then `<layer>/<name>`.
opened_versions: dict[str, dict[str, int]] = defaultdict(dict)


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
        opened = open_table(uri).version() if version is None else version
        opened_versions[self._root][table] = opened
        return as_dataset(uri, opened)

    def default_materialization(self) -> str:
        """Read through, do not copy into the warehouse."""
        return "view"
