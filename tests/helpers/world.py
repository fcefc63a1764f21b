"""Short runs of a whole world, for tests that need a lake with life in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from smartshelf_dagster.pipeline.demand import build_demand
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.lockstep import run_lockstep
from smartshelf_dagster.services.simulator import LockstepSimulator, bootstrap_world
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY

Entry = tuple[str, str, list[bytes]]

# Sensors that repeat themselves, and speak late and in disorder.
NOISE = (
    "shelf_events:duplication=0.05,delay=0.1,delay_mean_seconds=900,reorder_seconds=120",
    "warehouse_events:duplication=0.05,delay=0.1,delay_mean_seconds=900",
    "pos_transactions:duplication=0.05",
    "foot_traffic:duplication=0.05",
)


@dataclass(frozen=True)
class Recording:
    """A run, and everything that was on the streams.

    Attributes:
        settings: Its lake.
        entries: Stream entries in order: id, stream, fields.
        now: Simulated time at the end.
    """

    settings: Settings
    entries: list[Entry]
    now: datetime


def record_world(folder: Path, *, hours: float, seed: int, noise: tuple[str, ...]) -> Recording:
    """Run a store and the system for some hours; entries stay on their streams meanwhile."""
    settings = load_settings(lake=str(folder / "lake"))
    bootstrap_world(settings, stores=1, seed=seed)
    with EmbeddedRedis(folder / "redis") as server:
        client = connect(server.url, 10)
        session = LakeSession(settings, client)
        options = [part for item in noise for part in ("--noise", item)]
        with LockstepSimulator(settings, server.url, *options) as simulator:
            run_lockstep(session, simulator, days=hours / 24, tick=timedelta(minutes=30))
        # The commands of the last turn are on the streams as well.
        session.drain()
        session.build(session.as_of())
        build_demand(session.transformer, session.as_of())
        session.publish()
        now = datetime.fromisoformat(client.get(SIM_NOW_KEY).decode())
        entries = [
            (entry_id.decode(), stream.decode(), fields)
            for stream in client.scan_iter(match="*:S001", _type="stream")
            for entry_id, fields in client.xrange(stream)
        ]
    return Recording(settings, sorted(entries, key=lambda entry: _order(entry[0])), now)


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)
