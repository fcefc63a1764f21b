"""Business reports: what people read in the morning.

Belongs here: the asset of the table of reports. Does not belong here: what they say
(`smartshelf_dagster/reports`), from what they are made (`pipeline/business_reports.py`).
"""

from collections import Counter

import dagster as dg

from smartshelf_dagster.contracts.described import MADE_IN_PYTHON
from smartshelf_dagster.defs.common import OWNERS, REPORTS
from smartshelf_dagster.pipeline.business_reports import (
    BUSINESS_REPORTS,
    MADE_FROM,
    NothingToReportError,
    write_due_reports,
)
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.storage.serving import NothingPublishedError
from smartshelf_dagster.transform.runner import warehouse_lock


@dg.asset(
    key=BUSINESS_REPORTS.split("/"),
    deps=[table.split("/") for table in MADE_FROM],
    group_name=REPORTS,
    kinds={"deltalake", "html"},
    owners=OWNERS,
    description=MADE_IN_PYTHON[BUSINESS_REPORTS].text,
)
def business_reports(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> dg.MaterializeResult[None]:
    """The reports that are due, of what was published last."""
    with warehouse_lock(lake.settings, wait=True):
        try:
            written = write_due_reports(lake.settings)
        except (NothingPublishedError, NothingToReportError) as nothing_yet:
            context.log.info("%s", nothing_yet)
            written = []
    types = Counter(item.report.period.report_type.value for item in written)
    return dg.MaterializeResult(
        metadata={"reports": len(written), **types, "pages": [str(w.path) for w in written]}
    )
