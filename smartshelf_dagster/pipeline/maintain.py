"""Keeping the lake small: which tables, how often compacted."""

from dataclasses import dataclass
from datetime import timedelta

from smartshelf_dagster.contracts.tables import all_tables
from smartshelf_dagster.domain.retention import POLICY
from smartshelf_dagster.pipeline.analytics import VERSIONS, move_along, tables_in_place
from smartshelf_dagster.pipeline.benchmark_log import BENCHMARKS
from smartshelf_dagster.pipeline.business_reports import BUSINESS_REPORTS
from smartshelf_dagster.pipeline.demand import DEMAND_HISTORY
from smartshelf_dagster.pipeline.publish import published_models
from smartshelf_dagster.pipeline.quality_tables import SCHEMAS as QUALITY_TABLES
from smartshelf_dagster.pipeline.quality_tables import forget_quality
from smartshelf_dagster.pipeline.registry import SCHEMAS
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.archive import LOG
from smartshelf_dagster.transform.runner import Transformer

# A table with fewer data files is quick to open as it is.
_COMPACT_ABOVE_FILES = 50


@dataclass
class LakeMaintenance:
    """What maintaining a lake did, over all tables.

    Attributes:
        tables: Tables maintained.
        files_before: Data files before.
        files_after: Data files after.
        files_deleted: Files removed from storage.
    """

    tables: int = 0
    files_before: int = 0
    files_after: int = 0
    files_deleted: int = 0


def maintain_lake(settings: Settings) -> LakeMaintenance:
    """Compact and vacuum every table of a lake; the caller holds the writer lock.

    Results of checks that are too old are deleted first.
    """
    names = [contract.table for contract in all_tables()]
    names += [model.table for model in published_models(Transformer(settings))]
    names += [DEMAND_HISTORY, *SCHEMAS, VERSIONS, BUSINESS_REPORTS, BENCHMARKS, *QUALITY_TABLES]
    names += [POLICY, LOG]
    analysed = tables_in_place(settings)
    names += analysed
    forget_quality(settings)
    total = LakeMaintenance()
    for name in names:
        uri = settings.table_uri(name)
        if not delta.table_exists(uri):
            continue
        report = delta.maintain(
            uri,
            vacuum_after=timedelta(hours=settings.vacuum_retention_hours),
            compact_above_files=_COMPACT_ABOVE_FILES,
        )
        total.tables += 1
        total.files_before += report.files_before
        total.files_after += report.files_after
        total.files_deleted += report.files_deleted
    move_along(settings, analysed)
    return total
