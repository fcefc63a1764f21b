"""Drain throughput: Redis to raw Delta, decoded, validated and quarantined."""

import orjson

from benchmarks.common import Figure, scratch_lake, timed
from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Client, Clock, connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY

EVENTS = 1_000_000
REPETITIONS = 3
BROKEN_EVERY = 10_000
STREAM = "shelf_events:S001"


def pickup(number: int, shelf: str) -> bytes:
    """Return a pickup in store S001; one in `BROKEN_EVERY` is refused."""
    minute, micro = number // 50_000 % 60, number % 50_000
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": f"S001-shelf-{number}",
            "source": "/stores/S001/shelf-sensors",
            "type": "com.smartshelf.shelf.pickup.v1",
            "time": f"2026-01-01T08:{minute:02}:12.5{micro:05}Z",
            "data": {
                "store_id": "S001",
                "shelf_id": shelf,
                # One in ten thousand is refused.
                "quantity": 1 + number % 3 if number % BROKEN_EVERY else 0,
                "unit_weight_g": 500,
            },
        }
    )


def _measure(settings: Settings, client: Client, start: int, events_per_entry: int) -> float:
    shelves = read_reference(settings, "items")["item_id"].to_list()
    for first in range(start, start + EVENTS, 100_000):
        payloads = [pickup(n, shelves[n % len(shelves)]) for n in range(first, first + 100_000)]
        send_batches(client, STREAM, payloads, events_per_entry)
    seconds = timed(lambda: drain(settings, client, Clock(client), only=["shelf_events"]))
    return EVENTS / seconds


def run() -> list[Figure]:
    """Measure with one event to an entry, and with 500."""
    figures = []
    for events_per_entry, name in ((1, "one event per entry"), (500, "500 events per entry")):
        values = []
        with scratch_lake() as (settings, url):
            client = connect(url, 60)
            client.set(SIM_NOW_KEY, "2026-01-01T09:00:00Z")
            values += [
                _measure(settings, client, repetition * EVENTS, events_per_entry)
                for repetition in range(REPETITIONS)
            ]
        method = (
            f"{EVENTS:,} pickups waiting on one stream of a local server, 1 in {BROKEN_EVERY:,} "
            f"malformed; drain into Delta in commits of {settings.max_batch_events:,}"
        )
        figures.append(Figure(f"drain, {name}", tuple(values), "events/s", method))
    return figures
