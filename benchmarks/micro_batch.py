"""Cost of a micro-batch: drain, state, alerts, plan, commands, publication.

In a new process, as Dagster runs it, and in one that is at work already.
"""

import subprocess
import sys
from datetime import timedelta
from statistics import median

from benchmarks.common import Figure, scratch_lake, timed
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.simulator import LockstepSimulator, world_start
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.transform.runner import warehouse_lock

# Events wanted, stores that make them. Two events a second are 172,800 a day.
SIZES = ((1_000, 1), (50_000, 2), (172_800, 10), (500_000, 10))
REPETITIONS = 3
_STEP = timedelta(minutes=30)


def _fill(simulator: LockstepSimulator, session: LakeSession, wanted: int) -> int:
    """Let the stores run until enough events wait."""
    now = session.clock.simulated_now() or world_start(session.settings)
    events = 0
    while events < wanted:
        now += _STEP
        events += simulator.advance(now)
    return events


def _turn_in_new_process(settings: Settings, url: str) -> None:
    command = [sys.executable, "-m", "benchmarks.micro_batch", settings.lake, url]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True)


def _turns_at_work(
    simulator: LockstepSimulator, settings: Settings, url: str, wanted: int
) -> list[dict[str, float]]:
    """Return the seconds of each step of some turns of one process, the first left out."""
    session = LakeSession(settings, connect(url, 60))
    session.turn()
    found = []
    for _ in range(REPETITIONS):
        _fill(simulator, session, wanted)
        found.append(session.turn().seconds)
    return found


def run() -> list[Figure]:
    """Measure batches of some sizes on a lake that has been at work for a day."""
    figures = []
    at_work: list[dict[str, float]] = []
    for wanted, stores in SIZES:
        values, sizes = [], []
        with scratch_lake(stores=stores) as (settings, url):
            session = LakeSession(settings, connect(url, 60))
            with LockstepSimulator(settings, url) as simulator:
                simulator.advance(world_start(settings) + timedelta(days=1))
                session.turn()
                for _ in range(REPETITIONS):
                    sizes.append(_fill(simulator, session, wanted))
                    values.append(timed(lambda: _turn_in_new_process(settings, url)))
                if not at_work:
                    at_work = _turns_at_work(simulator, settings, url, wanted)
        method = (
            f"{min(sizes):,} to {max(sizes):,} events of {stores} simulated stores waiting; from "
            "starting the process to everything published"
        )
        figures.append(Figure(f"micro-batch of {wanted:,} events", tuple(values), "s", method))
    steps = ", ".join(f"{step} {median(t[step] for t in at_work):.2f} s" for step in at_work[0])
    totals = tuple(sum(turn.values()) for turn in at_work)
    method = f"{SIZES[0][0]:,} events, in a process that is at work already; {steps}"
    return [*figures, Figure("micro-batch, at work", totals, "s", method)]


if __name__ == "__main__":
    from smartshelf_dagster.settings import load_settings

    lake, redis_url = sys.argv[1:]
    here = load_settings(lake=lake)
    with warehouse_lock(here, wait=True):
        LakeSession(here, connect(redis_url, 60)).turn()
