"""The past of a world in one go: played at full speed, drained as it comes, built once.

Belongs here: `smartshelf history`. In that past the stores followed standing rules of their own
(`simulator/standing.py`); the system takes over at its end.
"""

import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.simulator import (
    SimulatorError,
    history_command,
    state_dir,
    world_start,
)
from smartshelf_dagster.settings import PROJECT_ROOT
from smartshelf_dagster.transform.runner import TICK

_LEDGER_SUMS = ("customers", "sold_units", "lost_units", "ordered_units", "wasted_units")
# While the simulator is ahead by less than this, waiting gives larger commits.
_PAUSE_S = 0.5


@dataclass
class HistoryReport:
    """What a history brought into the lake.

    Attributes:
        events: Events drained.
        quarantined: Events refused.
        sim_days: Simulated days from the start of the world.
        ledger: Ground truth of the simulator over the business days that have ended, by name.
        seconds: Duration of each step.
    """

    events: int = 0
    quarantined: int = 0
    sim_days: float = 0.0
    ledger: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as the command prints them."""
        wall_s = sum(self.seconds.values())
        asked = self.ledger["sold_units"] + self.ledger["lost_units"]
        return {
            "events": self.events,
            "quarantined": self.quarantined,
            "events_per_s": round(self.events / wall_s, 1) if wall_s else 0.0,
            "sim_days": self.sim_days,
            **self.ledger,
            "fill_rate": self.ledger["sold_units"] / asked if asked else 1.0,
            "wall_s": round(wall_s, 2),
            "seconds": {step: round(value, 2) for step, value in self.seconds.items()},
        }


def load_history(
    session: LakeSession,
    redis_url: str,
    to: datetime,
    on_progress: Callable[[datetime], None] | None = None,
) -> HistoryReport:
    """Play the world of a lake up to an instant, and bring all of it into the lake.

    Stopped half-way and called again, it goes on.

    Args:
        session: The system.
        redis_url: Broker that the simulator speaks through.
        to: Where the past ends.
        on_progress: Called with the simulated time after each drain.

    Raises:
        SimulatorError: The simulator failed; the message is its own.
    """
    report = HistoryReport()
    started = time.perf_counter()
    _play(session, redis_url, to, on_progress)
    report.events, report.quarantined = session.events, session.refused
    report.seconds["drain"] = time.perf_counter() - started
    as_of = session.as_of()
    session.build(as_of, TICK)
    report.seconds["build"] = time.perf_counter() - started - sum(report.seconds.values())
    session.publish()
    report.seconds["publish"] = time.perf_counter() - started - sum(report.seconds.values())
    days = pl.read_parquet(state_dir(session.settings) / "ledger_days" / "**" / "*.parquet")
    report.ledger = {name: int(days[name].sum()) for name in _LEDGER_SUMS}
    report.sim_days = (as_of - world_start(session.settings)).total_seconds() / 86_400
    return report


def _play(
    session: LakeSession,
    redis_url: str,
    to: datetime,
    on_progress: Callable[[datetime], None] | None,
) -> None:
    log_path = session.settings.log_dir / "history.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with (
        log_path.open("wb") as log,
        subprocess.Popen(
            history_command(session.settings, redis_url, to),
            cwd=PROJECT_ROOT,
            stdout=subprocess.DEVNULL,
            stderr=log,
        ) as process,
    ):
        try:
            while True:
                has_ended = process.poll() is not None
                drained = session.drain()
                now = session.clock.simulated_now()
                if on_progress and now:
                    on_progress(now)
                if has_ended and drained.exhausted:
                    break
                time.sleep(_PAUSE_S if drained.exhausted else 0)
        finally:
            process.terminate()
    if process.returncode:
        lines = log_path.read_text("utf-8", "replace").splitlines()
        raise SimulatorError(lines[-1] if lines else "the simulator ended without a word")
