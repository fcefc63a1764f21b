"""Serving: what readers open."""

import dagster as dg

from smartshelf_dagster.defs.common import OWNERS, SERVING
from smartshelf_dagster.defs.dbt import PREPARED, dbt_models
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.transform.runner import warehouse_lock


@dg.asset(
    key=["serving", "smartshelf"],
    # Not on what is prepared: a run that need not make it must publish all the same.
    deps=[key for key in dbt_models.keys if "/".join(key.path) not in PREPARED],
    group_name=SERVING,
    kinds={"deltalake", "duckdb"},
    owners=OWNERS,
    description="Delta tables of every published model, and the DuckDB file that the report app "
    "opens, replaced by rename.",
)
def serving_file(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Publish what was built last."""
    with warehouse_lock(lake.settings, wait=True):
        publication = lake.session().publish()
    return dg.MaterializeResult(
        metadata={
            "as_of": publication.as_of.isoformat(),
            "path": dg.MetadataValue.path(str(lake.settings.serving_path)),
            "table_versions": publication.table_versions,
        }
    )
