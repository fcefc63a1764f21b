"""Supplier cutoffs: one partition each, so that none is skipped and any can be looked at.

Belongs here: the partitions and the asset that closes one. Does not belong here: how much to order.
"""

from datetime import UTC, datetime

import dagster as dg

from smartshelf_dagster.defs.common import ORDERS, OWNERS
from smartshelf_dagster.domain.ordering import FORECAST
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.transform.runner import warehouse_lock

# Sunday, Tuesday, Thursday 12:00 UTC, as seeds/supplier_calendar.csv has them for the models.
CUTOFFS = dg.TimeWindowPartitionsDefinition(
    start=datetime(2025, 1, 2, 12, tzinfo=UTC),
    cron_schedule="0 12 * * 0,2,4",
    fmt="%Y-%m-%d-%H:%M",
    timezone="UTC",
    # A window begins at its cutoff, and its orders are due then, not when the window ends.
    end_offset=1,
)


def upstream_of_orders(policy: str) -> list[list[str]]:
    """Return what orders follow from; where that is not forecasts, they go out without them."""
    forecasts = [["ml", "predictions"]] if policy == FORECAST else []
    return [["ops", "supplier_positions"], ["ops", "supplier_cutoffs"], *forecasts]


def build_for_cutoff(session: LakeSession, cutoff: datetime) -> datetime:
    """Drain and build everything; return the time it was built for, which is past the cutoff.

    Raises:
        Failure: The clock has not come to the cutoff.
    """
    session.drain()
    as_of = session.as_of()
    if as_of < cutoff:
        raise dg.Failure(f"cutoff {cutoff.isoformat()} is ahead of the clock, {as_of}")
    session.build(as_of)
    return as_of


@dg.asset(
    key=["decisions", "supplier_orders"],
    deps=upstream_of_orders(load_settings().order_policy),
    partitions_def=CUTOFFS,
    # A decision: sent to suppliers on the streams, from where it comes back as raw/commands.
    group_name=ORDERS,
    kinds={"redis"},
    owners=OWNERS,
    description="Orders of every store for a cutoff, sent once; a closed cutoff is left alone.",
)
def supplier_orders(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> dg.MaterializeResult[None]:
    """Drain, build, order, close: this cutoff, and any before it that is still open."""
    cutoff = context.partition_time_window.start
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = build_for_cutoff(session, cutoff)
        closed = session.close_cutoffs(as_of, has_positions=True, until=cutoff)
        session.build(as_of)
    return dg.MaterializeResult(
        metadata={
            "stores_closed": len(closed),
            "order_lines": sum(done.order_lines for done in closed),
            "order_pieces": sum(done.order_pieces for done in closed),
            "policy": lake.settings.order_policy,
            "as_of": as_of.isoformat(),
        }
    )
