"""Months of one store with everything that goes wrong: do the books still balance?

`python -m benchmarks.endurance --days 90` runs the whole loop with faulty deliveries, sensors that
lose, repeat and delay events, and people who intervene every day; then it audits the lake, rebuilds
it and counts the differences. Exit code 1 when anything is found.
"""

import argparse
import json
import random
import sys
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from benchmarks.common import describe_machine
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession, MicroBatchReport
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.lockstep import run_lockstep
from smartshelf_dagster.services.simulator import LockstepSimulator, bootstrap_world
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.warehouse import WarehouseReader
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.operator import (
    AlertKey,
    PlannedOrderKey,
    StockCount,
    send_alert_action,
    send_order_change,
    send_order_decision,
    send_stock_count,
)

FAULTS = "short=0.1,late=0.1,damaged=0.1"
NOISE = (
    "shelf_events:loss=0.002,duplication=0.02,delay=0.05,delay_mean_seconds=900",
    "warehouse_events:duplication=0.02,delay=0.05,delay_mean_seconds=900",
    "pos_transactions:loss=0.001,duplication=0.02,delay=0.02,delay_mean_seconds=600",
    "foot_traffic:loss=0.005,duplication=0.02",
)
# People come round once a day, at the first turn from this hour on, UTC.
_ROUND_HOUR = 9
_PER_ROUND = 5


@dataclass(frozen=True)
class Endurance:
    """What a run came to.

    Attributes:
        events: Events drained.
        quarantined: Events refused.
        duplicates: Repeated events found by the audit.
        interventions: Operator events sent.
        clean: Whether the audit found nothing.
        details: What it found.
        rows: Rows rebuilt.
        differences: Rows that the rebuild made otherwise.
        wall_s: Duration of the run itself, seconds.
    """

    events: int
    quarantined: int
    duplicates: int
    interventions: int
    clean: bool
    details: tuple[str, ...]
    rows: int
    differences: int
    wall_s: float


class People:
    """Staff with opinions: every day they acknowledge, dismiss, hold, change, approve and count."""

    def __init__(self, session: LakeSession, simulator: LockstepSimulator, folder: Path) -> None:
        self._session = session
        self._simulator = simulator
        self._truth = folder / "truth.parquet"
        self._random = random.Random(1)  # noqa: S311 - a seeded choice, not a secret
        self._last_round: datetime | None = None
        self.interventions = 0

    def look(self, now: datetime, report: MicroBatchReport) -> None:
        """Do the round of the day, if it is time; called after every turn."""
        if report.publication is not None or now.hour < _ROUND_HOUR:
            return
        if self._last_round is not None and self._last_round.date() == now.date():
            return
        self._last_round = now
        with self._session.transformer.reading() as reader:
            alerts = self._some(reader, "ops/open_alerts", "alert_id")
            cutoffs = pl.DataFrame(reader.rows("ops/supplier_cutoffs", where="status = 'next'"))
            shelves = self._some(reader, "cleansed/shelf_state", "shelf_id")
        for action, alert in zip(("acknowledged", "dismissed"), alerts, strict=False):
            key = AlertKey(**{name: alert[name] for name in AlertKey.__dataclass_fields__})
            self._send(send_alert_action, key, action)
        self._decide(cutoffs, shelves)
        self._count(shelves)

    def _some(self, reader: WarehouseReader, table: str, key: str) -> list[dict[str, Any]]:
        rows = pl.DataFrame(reader.rows(table)).sort(key).to_dicts()
        return self._random.sample(rows, min(_PER_ROUND, len(rows)))

    def _decide(self, cutoffs: pl.DataFrame, shelves: list[dict[str, Any]]) -> None:
        for cutoff, shelf in zip(cutoffs.to_dicts() * 3, shelves, strict=False):
            order = PlannedOrderKey(cutoff["store_id"], shelf["shelf_id"], cutoff["cutoff_ts"])
            decision = self._random.choice(("held", "approved", "changed"))
            if decision == "changed":
                self._send(send_order_change, order, self._random.randint(0, 60))
            else:
                self._send(send_order_decision, order, decision)

    def _count(self, shelves: list[dict[str, Any]]) -> None:
        self._simulator.ask("stock", path=str(self._truth))
        there = pl.read_parquet(self._truth).filter(pl.col("location") == "shelf")
        counted = dict(there.group_by("item_id").agg(pl.sum("quantity")).iter_rows())
        for shelf in shelves:
            item, booked = shelf["shelf_id"], shelf["current_stock"]
            count = StockCount(shelf["store_id"], "shelf", item, counted.get(item, 0), booked)
            self._send(send_stock_count, count)

    def _send(self, send: Any, *what: Any) -> None:
        send(self._session.client, self._session.clock, *what, actor="Anna", note="by plan")
        self.interventions += 1


def endure(settings: Settings, folder: Path, *, days: float, tick: timedelta) -> Endurance:
    """Run a new store for some days, then audit and rebuild its lake.

    Args:
        settings: Lake to make.
        folder: Scratch folder.
        days: Simulated days.
        tick: Simulated time between two turns.
    """
    bootstrap_world(settings, stores=1, seed=1)
    options = [part for item in NOISE for part in ("--noise", item)]
    with EmbeddedRedis(folder / "redis") as server:
        session = LakeSession(settings, connect(server.url, 60))
        with LockstepSimulator(
            settings, server.url, "--supplier-faults", FAULTS, *options
        ) as simulator:
            people = People(session, simulator, folder)
            started = time.perf_counter()
            report = run_lockstep(session, simulator, days=days, tick=tick, on_tick=people.look)
            wall_s = time.perf_counter() - started
    found = audit(settings)
    rebuilt = rebuild(settings)
    return Endurance(
        events=report.events,
        quarantined=report.quarantined,
        duplicates=found.duplicates,
        interventions=people.interventions,
        clean=found.clean,
        details=tuple(found.details),
        rows=rebuilt.rows,
        differences=rebuilt.differences,
        wall_s=round(wall_s, 1),
    )


def main(arguments: list[str]) -> int:
    """Run it on a scratch lake."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--days", type=float, default=90)
    parser.add_argument("--tick-minutes", type=int, default=60)
    options = parser.parse_args(arguments)
    print(describe_machine())
    with TemporaryDirectory(prefix="smartshelf-endurance-") as name:
        folder = Path(name)
        result = endure(
            load_settings(lake=str(folder / "lake")),
            folder,
            days=options.days,
            tick=timedelta(minutes=options.tick_minutes),
        )
    print(json.dumps(asdict(result)))
    return 0 if result.clean and not result.differences else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
