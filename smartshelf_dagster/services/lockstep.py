"""The whole loop without waiting for a clock: simulate a tick, drain, decide, act.

Belongs here: `smartshelf run`. The steps are the ones that Dagster orchestrates.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from smartshelf_dagster.pipeline.audit import AuditReport, audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession, MicroBatchReport
from smartshelf_dagster.services.simulator import LockstepSimulator, world_start


@dataclass(frozen=True)
class LockstepReport:
    """What a lockstep run did.

    Attributes:
        events: Events drained.
        quarantined: Events refused.
        sim_days: Simulated days.
        wall_s: Duration, seconds.
        ledger: Ground truth of the simulator.
        alerts_opened: Alerts in the lake.
        restock_tasks: Restock commands in the lake.
        supplier_orders: Supplier orders in the lake.
        audit: What the audit found.
    """

    events: int
    quarantined: int
    sim_days: float
    wall_s: float
    ledger: dict[str, Any]
    alerts_opened: int
    restock_tasks: int
    supplier_orders: int
    audit: AuditReport

    def to_json(self) -> dict[str, Any]:
        """Return the figures of the public contract."""
        return {
            "events": self.events,
            "quarantined": self.quarantined,
            "events_per_s": round(self.events / self.wall_s, 1) if self.wall_s else 0.0,
            "sim_days": self.sim_days,
            "wall_s": round(self.wall_s, 2),
            "alerts_opened": self.alerts_opened,
            "restock_tasks": self.restock_tasks,
            "supplier_orders": self.supplier_orders,
            "fill_rate": self.ledger["fill_rate"],
            "lost_units": self.ledger["lost_units"],
            "wasted_units": self.ledger["wasted_units"],
            "conservation_errors": self.audit.conservation_errors,
        }


def run_lockstep(
    session: LakeSession,
    simulator: LockstepSimulator,
    *,
    days: float,
    tick: timedelta,
    publish_daily: bool = True,
    on_tick: Callable[[datetime, MicroBatchReport], None] | None = None,
) -> LockstepReport:
    """Run the loop for some simulated days, from where the world stands.

    Publication happens at the end of each simulated day, and at the end: nobody reads in between.
    Models are trained when they are due, where orders follow from forecasts.

    Args:
        session: The system.
        simulator: The world.
        days: Simulated days to run.
        tick: Simulated time between two turns of the system.
        publish_daily: Whether to publish each day, or at the end only; decisions are the same.
        on_tick: Called after each turn.
    """
    started = time.perf_counter()
    begin = session.clock.simulated_now() or world_start(session.settings)
    end = begin + timedelta(days=days)
    now, events_before, refused_before = begin, session.events, session.refused
    with session.transformer.held():
        while now < end:
            before, now = now, min(now + tick, end)
            simulator.advance(now)
            is_day_over = publish_daily and now.date() != before.date()
            session.train_if_due()
            report = session.turn(publish_now=is_day_over or now >= end)
            if on_tick:
                on_tick(now, report)
    wall_s = time.perf_counter() - started
    with session.transformer.reading() as reader:
        alerts = reader.count("ops/alerts")
        tasks = reader.count("ops/commands", "command_type = 'restock'")
        orders = reader.count("ops/commands", "command_type = 'supplier_order'")
    return LockstepReport(
        events=session.events - events_before,
        quarantined=session.refused - refused_before,
        sim_days=days,
        wall_s=wall_s,
        ledger=simulator.ask("ledger"),
        alerts_opened=alerts,
        restock_tasks=tasks,
        supplier_orders=orders,
        audit=audit(session.settings),
    )
