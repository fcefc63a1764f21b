"""The live system: how fresh the report app is, and how much memory everything takes."""

import contextlib
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import duckdb
import orjson
import psutil

from benchmarks.common import Figure
from smartshelf_dagster.services.embedded_redis import socket_url
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.streaming.client import Clock, connect
from smartshelf_dagster.streaming.producer import send_batches

PORT_BASE = 4700
EVENTS = 5
_TIMEOUT_S = 300


@contextlib.contextmanager
def _running() -> Iterator[tuple[Settings, subprocess.Popen[bytes], float]]:
    """Run `smartshelf up` on a new lake; gives the seconds until its servers answered."""
    with tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as folder:
        settings = load_settings(lake=str(Path(folder) / "lake"))
        started = time.perf_counter()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "smartshelf_dagster.cli", "up"),
                *("--lake", settings.lake, "--port-base", str(PORT_BASE)),
            ],
            cwd=PROJECT_ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            for port, path in ((PORT_BASE, "/server_info"), (PORT_BASE + 1, "/_stcore/health")):
                _wait_for(f"http://127.0.0.1:{port}{path}")
            yield settings, process, time.perf_counter() - started
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310
            return
        time.sleep(0.1)
    raise TimeoutError(url)


def _is_served(settings: Settings, event_id: str) -> bool:
    if not settings.serving_path.exists():
        return False
    with contextlib.closing(duckdb.connect(str(settings.serving_path), read_only=True)) as serving:
        sql = "select count(*) from cleansed.stock_movements where event_id = ?"
        return bool(serving.execute(sql, [event_id]).fetchall()[0][0])


def _time_to_serving(settings: Settings) -> float:
    """Send an event and wait until the file that the report app reads has it."""
    client = connect(socket_url(settings.state_path / "redis"), 10)
    now = Clock(client).now().isoformat().replace("+00:00", "Z")
    event_id = f"bench-{uuid4()}"
    event = {
        "specversion": "1.0", "id": event_id, "source": "/bench",
        "type": "com.smartshelf.shelf.pickup.v1", "time": now,
        "data": {"store_id": "S001", "shelf_id": "BEVWAT0001", "quantity": 1},
    }  # fmt: skip
    send_batches(client, "shelf_events", [orjson.dumps(event)], 1)
    started = time.perf_counter()
    while not _is_served(settings, event_id):
        if time.perf_counter() - started > _TIMEOUT_S:
            raise TimeoutError(f"{event_id} was not served")
        time.sleep(0.2)
    return time.perf_counter() - started


def _memory_gb(process: subprocess.Popen[bytes], kind: str) -> float:
    root = psutil.Process(process.pid)
    total = 0
    for member in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += getattr(member.memory_full_info(), kind)
    return total / 1e9


def run() -> list[Figure]:
    """Measure one live system at its defaults."""
    with _running() as (settings, process, ready_s):
        first_s = ready_s + _wait_for_publication(settings)
        freshness, resident, proportional = [], [], []
        for _ in range(EVENTS):
            freshness.append(_time_to_serving(settings))
            resident.append(_memory_gb(process, "rss"))
            proportional.append(_memory_gb(process, "pss"))
    common = "`smartshelf up` at its defaults, one simulated store"
    methods = {
        "freshness": "event on the stream to the file the pages read; pages look every 5 s",
        "memory, resident": "sum over all processes, a run under way or just over",
        "memory, proportional": "the same, shared pages counted once",
    }
    return [
        Figure("up: servers answer", (ready_s,), "s", f"{common}, new lake"),
        Figure("up: first publication", (first_s,), "s", f"{common}, new lake"),
        *(
            Figure(name, tuple(values), unit, f"{common}; {methods[name]}")
            for name, values, unit in (
                ("freshness", freshness, "s"),
                ("memory, resident", resident, "GB"),
                ("memory, proportional", proportional, "GB"),
            )
        ),
    ]


def _wait_for_publication(settings: Settings) -> float:
    """Wait until something is published, seconds."""
    started = time.perf_counter()
    while not settings.serving_path.exists():
        time.sleep(0.2)
    return time.perf_counter() - started
