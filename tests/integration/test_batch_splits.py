"""What is derived depends on the events, not on how they came in batches, nor on restarts."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline import drain as drains
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.publish import published_models
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.lockstep import run_lockstep
from smartshelf_dagster.services.simulator import LockstepSimulator, bootstrap_world
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client, connect
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY

# Sensors that repeat themselves, and speak late and in disorder.
NOISE = (
    "shelf_events:duplication=0.05,delay=0.1,delay_mean_seconds=900,reorder_seconds=120",
    "warehouse_events:duplication=0.05,delay=0.1,delay_mean_seconds=900",
    "pos_transactions:duplication=0.05",
    "foot_traffic:duplication=0.05",
)
Entry = tuple[str, str, list[bytes]]


@contextmanager
def keep_entries() -> Iterator[None]:
    """Leave drained entries on their streams, so that they can be played again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drains._TopicDrain, "_trim", lambda _: None)
        yield


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, list[Entry], datetime]:
    """A noisy morning of a store with the system at work, and everything that was on the streams."""
    folder = tmp_path_factory.mktemp("recorded")
    settings = load_settings(lake=str(folder / "lake"))
    bootstrap_world(settings, stores=1, seed=5)
    with EmbeddedRedis(folder / "redis") as server, keep_entries():
        client = connect(server.url, 10)
        options = [part for item in NOISE for part in ("--noise", item)]
        session = LakeSession(settings, client)
        with LockstepSimulator(settings, server.url, *options) as simulator:
            run_lockstep(session, simulator, days=0.25, tick=timedelta(minutes=30))
        # The commands of the last turn are on the streams as well.
        session.drain()
        session.build(session.as_of())
        session.publish()
        now = datetime.fromisoformat(client.get(SIM_NOW_KEY).decode())
        entries = [
            (entry_id.decode(), stream.decode(), fields)
            for stream in client.scan_iter(match="*:S001", _type="stream")
            for entry_id, fields in client.xrange(stream)
        ]
    return settings, sorted(entries, key=lambda e: _order(e[0])), now


def _order(entry_id: str) -> tuple[int, int]:
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)


def published(settings: Settings, session: LakeSession) -> dict[str, pl.DataFrame]:
    return {
        model.table: pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(model.table))))
        for model in published_models(session.transformer)
    }


def replay(
    settings: Settings, client: Client, entries: list[Entry], now: datetime, chance: random.Random
) -> LakeSession:
    """Feed the entries in random portions, with a turn after each and restarts now and then."""
    session = LakeSession(settings, client)
    client.set(SIM_NOW_KEY, now.isoformat().replace("+00:00", "Z"))
    cuts = sorted(chance.sample(range(1, len(entries)), 7))
    for start, stop in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        for entry_id, stream, fields in entries[start:stop]:
            client.execute_command("XADD", stream, entry_id, *fields)
        if chance.random() < 0.3:
            session = LakeSession(settings, client)
        session.drain()
        session.build(session.as_of())
    session.publish()
    return session


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_batches_and_restarts_give_the_same_tables(
    recorded: tuple[Settings, list[Entry], datetime], client: Client, tmp_path: Path, seed: int
) -> None:
    original, entries, now = recorded
    lake = tmp_path / "lake"
    shutil.copytree(Path(original.lake) / "ref", lake / "ref")
    settings = load_settings(lake=str(lake))
    drains.ensure_raw_tables(settings)
    session = replay(settings, client, entries, now, random.Random(seed))
    assert audit(settings).clean
    expected = published(original, session)
    assert expected["cleansed/stock_movements"].height > 1000
    assert expected["ops/alerts"].height > 5
    for table, frame in published(settings, session).items():
        # When an event was drained is the one thing that does depend on the batch.
        left, right = (f.drop("ingest_ts", strict=False) for f in (frame, expected[table]))
        assert_frame_equal(left, right, check_row_order=False)


@pytest.mark.timeout(120)
def test_rebuild_after_noise_finds_no_difference_and_reads_the_same(
    recorded: tuple[Settings, list[Entry], datetime], client: Client
) -> None:
    settings, _, now = recorded
    before = published(settings, LakeSession(settings, client))
    report = rebuild(settings)
    assert report.by_table == {}
    assert report.tables == len(before)
    assert audit(settings, as_of=now.astimezone(UTC) - timedelta(hours=2)).clean
    for table, frame in published(settings, LakeSession(settings, client)).items():
        assert_frame_equal(frame, before[table], check_row_order=False)
