"""The analytics of a lake that nobody is at work on, brought up to a time and published.

Belongs here: the order of the steps. Does not belong here: building and publishing them
(`pipeline/analytics.py`).
"""

import time
from dataclasses import dataclass
from datetime import datetime

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.analytics import build_analytics, publish_analytics
from smartshelf_dagster.pipeline.publish import publish
from smartshelf_dagster.pipeline.standing_lake import standing_lake
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta


class NothingToAnalyseError(SmartShelfError, RuntimeError):
    """The lake has not been built yet."""


@dataclass(frozen=True)
class AnalysisReport:
    """What was built.

    Attributes:
        as_of: The time it was built for.
        tables: Number of tables.
        built: Models that were built; the others would have said the same.
        rows: Rows in the tables.
        wall_s: Duration, seconds.
    """

    as_of: datetime
    tables: int
    built: int
    rows: int
    wall_s: float

    def to_json(self) -> dict[str, object]:
        """Return the figures of the public contract."""
        return {
            "as_of": self.as_of.isoformat(),
            "tables": self.tables,
            "built": self.built,
            "rows": self.rows,
            "wall_s": round(self.wall_s, 2),
        }


def analyse(settings: Settings, as_of: datetime | None = None) -> AnalysisReport:
    """Bring the analytics of a lake up to a time, and publish them.

    Args:
        settings: Which lake.
        as_of: The time; that of the last publication by default.

    Raises:
        NothingToAnalyseError: Nothing was published yet, or the warehouse is gone.
        WarehouseBusyError: Another process is writing to the lake.
    """
    started = time.perf_counter()
    with standing_lake(settings, as_of, NothingToAnalyseError) as (transformer, moment):
        results = build_analytics(transformer, moment)
        versions = publish_analytics(settings, transformer, moment)
        publish(settings, transformer)
        rows = sum(delta.as_dataset(settings.table_uri(table)).count_rows() for table in versions)
    built = sum(result.status != "no-op" for result in results)
    return AnalysisReport(moment, len(versions), built, rows, time.perf_counter() - started)
