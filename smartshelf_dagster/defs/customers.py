"""What is made by the day and is not SQL: of customers and baskets, and of unusual sales.

Belongs here: the assets of those tables. Does not belong here: what is reckoned
(`pipeline/customer_insights.py`, `pipeline/anomaly_detection.py`), and the models themselves
(`defs/dbt.py`).
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from smartshelf_dagster.contracts.described import MADE_IN_PYTHON
from smartshelf_dagster.defs.common import OWNERS
from smartshelf_dagster.pipeline import anomaly_detection as anomalies
from smartshelf_dagster.pipeline.analytics import (
    ANOMALIES,
    INSIGHTS,
    publish_analytics,
    published_for,
)
from smartshelf_dagster.pipeline.customer_insights import DAYS, LINES, PRODUCTS, TABLES
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.storage import delta
from smartshelf_dagster.transform.runner import warehouse_lock

_BUILT_BEFORE = "analytics/customer_rfm"
_MADE_FROM = {
    table: [DAYS] if table == "analytics/customer_clv" else [LINES, PRODUCTS] for table in TABLES
}


def _specs(made_from: Mapping[str, Sequence[str]]) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            table.split("/"),
            deps=[parent.split("/") for parent in (*parents, _BUILT_BEFORE)],
            group_name="analytics",
            owners=OWNERS,
            kinds={"deltalake", "polars"},
            description=MADE_IN_PYTHON[table].text,
        )
        for table, parents in made_from.items()
    ]


def _publish(lake: LakeResource, part: str) -> Iterator[dg.MaterializeResult[None]]:
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        # The clock may have moved on since the models were built.
        as_of = published_for(lake.settings, _BUILT_BEFORE)
        versions = publish_analytics(lake.settings, session.transformer, as_of, [part])
    for table, version in versions.items():
        rows = delta.as_dataset(lake.settings.table_uri(table), version).count_rows()
        yield dg.MaterializeResult(
            asset_key=table.split("/"),
            metadata={
                "dagster/row_count": rows, "delta_version": version, "as_of": as_of.isoformat(),
            },
        )  # fmt: skip


@dg.multi_asset(name="customer_tables", specs=_specs(_MADE_FROM))
def customer_tables(lake: LakeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Rules, recommendations and values, of what the models of customers were built for."""
    yield from _publish(lake, INSIGHTS)


@dg.multi_asset(
    name="anomaly_tables",
    specs=_specs(
        {
            anomalies.NIGHTLY: [anomalies.HOURS, anomalies.ITEM_DAYS],
            anomalies.SUMMARIES: [
                anomalies.HOURS,
                anomalies.ITEM_DAYS,
                anomalies.HOURLY_SCORES,
            ],
            anomalies.ISOLATION: [anomalies.RECEIPTS],
        }
    ),
)
def anomaly_tables(lake: LakeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Unusual hours, items and receipts, of what the models of customers were built for."""
    yield from _publish(lake, ANOMALIES)
