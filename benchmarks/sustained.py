"""Events that keep coming: how many a second are told, and how late.

A process of its own sends at a fixed rate, as gateways do; a system at work takes turn after turn,
and each of them publishes. An event is told when the turn that drained it is over.
"""

import json
import subprocess
import sys
import time
from itertools import pairwise

import numpy as np

from benchmarks.common import Figure, scratch_lake
from benchmarks.drain import pickup
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY

# Events a second, seconds that they are sent for, events to an entry. Two a second are a day of
# 172,800.
LOADS = ((2, 120, 1), (20_000, 600, 500))
STORES = 10
TOPIC = "shelf_events"

# So many events were there at this time.
Mark = tuple[int, float]


def send(
    url: str, shelves: list[str], rate: int, seconds: int, events_per_entry: int
) -> list[Mark]:
    """Send pickups of all stores at a rate; late ones are made up for."""
    client = connect(url, 60)
    marks: list[Mark] = []
    started = time.time()
    for second in range(seconds):
        numbers = range(second * rate, (second + 1) * rate)
        for store in range(STORES):
            name = f"S{store + 1:03}"
            payloads = [
                pickup(number, shelves[number % len(shelves)]).replace(b"S001", name.encode())
                for number in numbers[store::STORES]
            ]
            send_batches(client, f"{TOPIC}:{name}", payloads, events_per_entry)
        marks.append(((second + 1) * rate, time.time()))
        time.sleep(max(0.0, started + second + 1 - time.time()))
    return marks


def _turns(settings: Settings, url: str, command: list[str]) -> tuple[list[Mark], list[Mark]]:
    """Take turns while another process sends; returns what was sent and what was told, and when."""
    session = LakeSession(settings, connect(url, 60))
    # The first turns make tables and write down what dbt executes.
    for _ in range(3):
        session.turn()
    told: list[Mark] = [(0, time.time())]
    with (
        session.transformer.held(),
        subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True) as sender,
    ):
        is_over = False
        while not is_over:
            has_ended = sender.poll() is not None
            events = session.turn().drained.topics[TOPIC].events
            told.append((told[-1][0] + events, time.time()))
            is_over = has_ended and not events
        assert sender.stdout is not None  # noqa: S101 - a pipe, as asked for above
        sent = [(int(count), float(moment)) for count, moment in json.load(sender.stdout)]
    return sent, told


def run() -> list[Figure]:
    """Measure each load once."""
    figures = []
    for rate, seconds, events_per_entry in LOADS:
        with scratch_lake(stores=STORES) as (settings, url):
            connect(url, 60).set(SIM_NOW_KEY, "2026-01-01T09:00:00Z")
            shelves = read_reference(settings, "items")["item_id"].to_list()
            arguments = [url, json.dumps(shelves), str(rate), str(seconds), str(events_per_entry)]
            command = [sys.executable, "-m", "benchmarks.sustained", *arguments]
            sent, told = _turns(settings, url, command)
        counts = np.array([count for count, _ in told])
        ends = np.array([moment for _, moment in told])
        moments = np.array([moment for _, moment in sent])
        first_with = np.searchsorted(counts, [count for count, _ in sent])
        lags = ends[first_with] - moments
        last = int(first_with[-1])
        turns = [later - earlier for earlier, later in pairwise(ends[: last + 1])]
        name = f"sustained at {rate:,} events/s"
        method = (
            f"pickups of {STORES} stores, sent for {seconds} s by another process, "
            f"{events_per_entry} to an entry; {last} turns of {np.median(turns):.2f} s, each with "
            "state, decisions and publication"
        )
        rate_told = counts[last] / (ends[last] - (moments[0] - 1))
        lag = "from the stream to the file that pages read"
        figures += [
            Figure(name, (float(rate_told),), "events/s", method),
            Figure(f"{name}: lag, p50", (float(np.percentile(lags, 50)),), "s", lag),
            Figure(f"{name}: lag, p95", (float(np.percentile(lags, 95)),), "s", lag),
        ]
    return figures


if __name__ == "__main__":
    redis_url, told_shelves, *numbers = sys.argv[1:]
    print(json.dumps(send(redis_url, json.loads(told_shelves), *map(int, numbers))))
