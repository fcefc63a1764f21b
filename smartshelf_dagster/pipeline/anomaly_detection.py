"""What SQL does not reckon of unusual sales: rare counts, odd hours, their summary, odd receipts.

Belongs here: what the functions of `smartshelf_dagster/analytics` see, and the names of their
tables. Does not belong here: any formula.
"""

import polars as pl
import pyarrow as pa

from smartshelf_dagster.analytics.anomalies import (
    SCORES,
    SUMMARY,
    AnomalySettings,
    odd_residuals,
    rare_counts,
    summarise,
)
from smartshelf_dagster.analytics.receipt_outliers import ISOLATION_SCORES, isolation_scores
from smartshelf_dagster.storage.warehouse import WarehouseReader

# What the functions see, built by dbt.
HOURS, ITEM_DAYS, HOURLY_SCORES, RECEIPTS = (
    f"analytics/{name}" for name in ("hourly_series", "item_days", "sales_anomalies", "receipts")
)
NIGHTLY, SUMMARIES = "analytics/nightly_anomalies", "analytics/anomaly_summary"
ISOLATION = "ml/isolation_scores"
TABLES = {NIGHTLY: SCORES, SUMMARIES: SUMMARY, ISOLATION: ISOLATION_SCORES}
_COUNTED = [name for name in SCORES if name in SUMMARY] + [
    "bucket_start", "days_ago", "is_anomaly", "direction", "score",
]  # fmt: skip


def nightly_anomalies(
    reader: WarehouseReader, settings: AnomalySettings | None = None
) -> dict[str, pa.Table]:
    """Return what was unusual, beyond what the hourly models find, and the summary of both.

    Args:
        reader: The warehouse, with the models of anomalies built for one time.
        settings: The defaults without.
    """
    hours, days, hourly, receipts = (
        pl.DataFrame(pl.from_arrow(reader.rows(table)))
        for table in (HOURS, ITEM_DAYS, HOURLY_SCORES, RECEIPTS)
    )
    found = pl.concat([odd_residuals(hours, settings), rare_counts(days, settings)])
    together = pl.concat([hourly.select(_COUNTED), found.select(_COUNTED)], how="vertical_relaxed")
    return {
        NIGHTLY: found.to_arrow(),
        SUMMARIES: summarise(together).to_arrow(),
        ISOLATION: isolation_scores(receipts).to_arrow(),
    }
