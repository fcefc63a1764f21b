"""kill -9 at random instants, with real processes; afterwards everything is there once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
import redis

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client, Clock, connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import encode, opening, pickup

STREAMS = ("shelf_events", "shelf_events:S001", "shelf_events:S002")


class Producer(threading.Thread):
    """Sends bursts of events, one in twenty broken, until told to stop."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self._url = url
        self._random = random.Random(seed)
        self._stop_asked = threading.Event()
        self.good: list[str] = []
        self.broken: list[str] = []
        self.unsure: set[str] = set()
        self.failure: Exception | None = None

    def run(self) -> None:
        try:
            while not self._stop_asked.is_set():
                self._burst()
                time.sleep(self._random.uniform(0, 0.02))
        except Exception as error:  # noqa: BLE001 - the test raises it
            self.failure = error

    def stop(self) -> None:
        self._stop_asked.set()
        self.join(30)
        assert self.failure is None, self.failure

    def _burst(self) -> None:
        stream = self._random.choice(STREAMS)
        store = stream.partition(":")[2] or "S001"
        names, payloads = [], []
        for _ in range(self._random.randint(1, 80)):
            name = f"e{len(self.good) + len(self.broken) + len(names)}-{stream}"
            broken = self._random.random() < 0.05
            names.append((name, broken))
            event = pickup(name, store=store, **({"quantity": -1} if broken else {}))
            payloads.append(encode(event))
        try:
            send_batches(connect(self._url, 5), stream, payloads, self._random.choice([1, 1, 7]))
        except (redis.ConnectionError, redis.TimeoutError, ConnectionError):
            # The server died in between: what it confirmed is not known.
            self.unsure.update(name for name, _ in names)
            time.sleep(0.05)
        for name, broken in names:
            (self.broken if broken else self.good).append(name)


@contextmanager
def producing(url: str, seed: int) -> Iterator[Producer]:
    producer = Producer(url, seed)
    producer.start()
    yield producer
    producer.stop()


def start(module: str, *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline().strip() == "ready"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def drain_rest(settings: Settings, client: Client) -> None:
    while drain(settings, client, Clock(client)).events:
        continue


def misplaced(settings: Settings, producer: Producer) -> dict[str, list[str]]:
    """Return the events that are not exactly once where they belong, by what is wrong."""
    wrong: dict[str, list[str]] = {"repeated": [], "missing": [], "unknown": []}
    rows = pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri("raw/shelf_events"))))
    refused = pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri("raw/quarantine"))))
    for expected, found in ((producer.good, rows), (producer.broken, refused)):
        counted = Counter(found["event_id"].to_list())
        wrong["repeated"] += [name for name, times in counted.items() if times != 1]
        wrong["missing"] += sorted(set(expected) - set(counted) - producer.unsure)
        wrong["unknown"] += sorted(set(counted) - set(expected))
    return wrong


NONE_MISPLACED: dict[str, list[str]] = {"repeated": [], "missing": [], "unknown": []}


def kill_drain(settings: Settings, client: Client, url: str, kills: int, seed: int) -> Producer:
    chance = random.Random(seed)
    with producing(url, seed) as producer:
        for _ in range(kills):
            process = start("tests.helpers.drain_forever", settings.lake, url)
            time.sleep(chance.uniform(0, 0.4))
            kill(process)
    drain_rest(settings, client)
    assert len(producer.good) > 20 * kills
    return producer


@pytest.mark.timeout(600)
def test_d21_drain_killed_thirty_times_under_load_loses_and_doubles_nothing(
    settings: Settings, client: Client, broker: EmbeddedRedis, session: LakeSession
) -> None:
    producer = kill_drain(settings, client, broker.url, kills=30, seed=7)
    assert misplaced(settings, producer) == NONE_MISPLACED
    session.turn()
    assert audit(settings).clean


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_drain_killed_five_hundred_times_under_load(
    settings: Settings, client: Client, broker: EmbeddedRedis, session: LakeSession
) -> None:
    producer = kill_drain(settings, client, broker.url, kills=500, seed=int(time.time()))
    assert misplaced(settings, producer) == NONE_MISPLACED
    session.turn()
    assert audit(settings).clean


def kill_redis(settings: Settings, folder: Path, kills: int, seed: int) -> dict[str, list[str]]:
    """Kill the broker under load; returns what is misplaced when all is drained."""
    chance = random.Random(seed)
    server = EmbeddedRedis(folder).start()
    connect(server.url, 5).set(SIM_NOW_KEY, "2026-01-01T07:30:00Z")
    try:
        with producing(server.url, seed) as producer:
            for _ in range(kills):
                deadline = time.monotonic() + chance.uniform(0.1, 0.6)
                with connect(server.url, 5) as client:
                    while time.monotonic() < deadline:
                        drain(settings, client, Clock(client))
                server.kill()
                server.start()
        client = connect(server.url, 5)
        drain_rest(settings, client)
        wrong = misplaced(settings, producer)
        LakeSession(settings, client).turn()
    finally:
        server.stop()
    return wrong


@pytest.mark.timeout(600)
def test_d21_redis_killed_under_load_gives_back_what_it_confirmed(
    settings: Settings, tmp_path: Path
) -> None:
    wrong = kill_redis(settings, tmp_path / "redis", kills=8, seed=11)
    assert wrong == NONE_MISPLACED
    assert audit(settings).clean


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_redis_killed_a_hundred_times_under_load(settings: Settings, tmp_path: Path) -> None:
    wrong = kill_redis(settings, tmp_path / "redis", kills=100, seed=int(time.time()))
    assert wrong == NONE_MISPLACED
    assert audit(settings).clean


def kill_turns(settings: Settings, client: Client, url: str, kills: int, seed: int) -> int:
    """Kill whole turns: while draining, inside dbt's models, while publishing.

    Returns:
        Number of events sent.
    """
    chance = random.Random(seed)
    client.set(SIM_NOW_KEY, "2026-01-01T07:30:00Z")
    lots = [opening(f"o{i}", 30, shelf_id=f"BEVWAT{i:04d}") for i in range(1, 9)]
    send_batches(client, "warehouse_events:S001", [encode(e) for e in lots], 1)
    number = 0
    process = start("tests.helpers.turn_forever", settings.lake, url)
    for _ in range(kills):
        until = time.monotonic() + chance.uniform(0.05, 1.5)
        while time.monotonic() < until:
            events = [pickup(f"p{number + i}") for i in range(20)]
            send_batches(client, "shelf_events:S001", [encode(e) for e in events], 1)
            number += 20
            time.sleep(0.05)
        kill(process)
        process = start("tests.helpers.turn_forever", settings.lake, url)
    kill(process)
    session = LakeSession(settings, client)
    session.turn()
    session.turn()
    return number + len(lots)


def open_tasks_by_shelf(settings: Settings) -> list[int]:
    commands = pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri("ops/commands"))))
    return commands.filter(pl.col("status") == "issued").group_by("shelf_id").len()["len"].to_list()


@pytest.mark.timeout(600)
def test_d21_turn_killed_mid_build_and_mid_publication_is_made_good(
    settings: Settings, client: Client, broker: EmbeddedRedis
) -> None:
    sent = kill_turns(settings, client, broker.url, kills=8, seed=3)
    report = audit(settings)
    assert report.clean, report.details
    assert report.events == sent + client.xlen("commands:S001")
    assert set(open_tasks_by_shelf(settings)) <= {1}


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_turn_killed_a_hundred_times(
    settings: Settings, client: Client, broker: EmbeddedRedis
) -> None:
    sent = kill_turns(settings, client, broker.url, kills=100, seed=int(time.time()))
    report = audit(settings)
    assert report.clean, report.details
    assert report.events == sent + client.xlen("commands:S001")
    assert set(open_tasks_by_shelf(settings)) <= {1}
