"""What runs of models read: Delta tables with their archive, and what sessions are told.

Belongs here: what dbt's plugin and runs without dbt share. Does not belong here: dbt, which takes a
second to import.
"""

from collections import defaultdict
from collections.abc import Mapping

import pyarrow.dataset as pds

from smartshelf_dagster.storage.archive import open_whole

# Versions that the runs of this process have opened last: lake, then `<layer>/<name>`.
opened_versions: dict[str, dict[str, int]] = defaultdict(dict)
# What every session of a lake is told before it reads: names and values, by lake.
session_variables: dict[str, dict[str, str]] = defaultdict(dict)


def open_source(root: str, table: str, pinned: Mapping[str, int]) -> pds.Dataset:
    """Open a table of a lake with its archive: the pinned version, else the newest; note which."""
    dataset, opened_versions[root][table] = open_whole(root, table, pinned.get(table))
    return dataset
