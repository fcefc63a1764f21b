"""What several tests of the simulator need."""

import os
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import redis

from simulator.clock import HOUR_MS, event_time
from simulator.commands import Restock
from simulator.events import TOPICS
from simulator.reference import StoreReference
from simulator.world import StoreWorld

SEED = 42
START = "2026-01-01T07:00:00Z"
DAY_MS = 24 * HOUR_MS
PLENTY = 1_000_000
REPO = Path(__file__).resolve().parents[3]
PYTHON_M_SIMULATOR = [sys.executable, "-m", "simulator"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO)}

Events = dict[str, list[dict[str, Any]]]


def play(world: StoreWorld, until_ms: int, tick_ms: int = HOUR_MS) -> Events:
    """Advances in ticks; returns the decoded events by topic."""
    events: Events = {topic: [] for topic in TOPICS}
    while world.clock_ms < until_ms:
        tick = world.advance(min(world.clock_ms + tick_ms, until_ms))
        for topic, payloads in tick.events.items():
            events[topic] += [orjson.loads(payload) for payload in payloads]
    return events


def of_type(events: Iterable[Mapping[str, Any]], ending: str) -> list[dict[str, Any]]:
    """Events whose type ends so, before the version."""
    return [dict(event) for event in events if event["type"].endswith(f"{ending}.v1")]


def reopened(world: StoreWorld, reference: StoreReference, noise: Any = None) -> StoreWorld:
    """The world as a new process finds it: state through JSON and back."""
    return StoreWorld(reference, noise or {}, orjson.loads(orjson.dumps(world.state())))


def with_stock(
    reference: StoreReference,
    *,
    shelf: Mapping[str, int] | int | None = None,
    warehouse: Mapping[str, int] | int | None = None,
    shelf_capacity: int | None = None,
) -> StoreReference:
    """A store whose lots hold other quantities: for all lots, or by batch code (others none)."""

    def quantity(on_shelf: bool, batch_code: str, opening: int) -> int:
        wanted = shelf if on_shelf else warehouse
        if wanted is None:
            return opening
        return wanted if isinstance(wanted, int) else wanted.get(batch_code, 0)

    return replace(
        reference,
        opening=[
            (on_shelf, quantity(on_shelf, code, opening))
            for (on_shelf, opening), code in zip(
                reference.opening, reference.lots.batch_code, strict=True
            )
        ],
        shelf_capacity=(
            reference.shelf_capacity
            if shelf_capacity is None
            else [shelf_capacity] * len(reference.item_id)
        ),
    )


def undated(reference: StoreReference) -> StoreReference:
    """A store whose goods expire eight years later."""
    expiry = [f"{int(day[:4]) + 8}{day[4:]}" for day in reference.lots.expiry_date]
    ranks = list(zip(expiry, reference.lots.batch_code, strict=True))
    return replace(reference, lots=replace(reference.lots, expiry_date=expiry, fefo_rank=ranks))


def without_customers(reference: StoreReference) -> StoreReference:
    """A store nobody visits (one customer a day is the least, and he comes too early)."""
    parameters = reference.parameters
    traffic = replace(
        parameters.traffic,
        base_customers_per_day=0.0,
        weekday_slot_weights=((1, 0, 0, 0, 0, 0),) * 7,
    )
    return replace(reference, parameters=replace(parameters, traffic=traffic))


def warehouse_lots(reference: StoreReference, minimum: int) -> tuple[int, list[int]]:
    """An item with at least so many warehouse lots, and their numbers, first expired first."""
    lots = reference.lots
    for item in range(len(reference.item_id)):
        numbers = [
            lot
            for lot, (on_shelf, quantity) in enumerate(reference.opening)
            if lots.item[lot] == item and not on_shelf and quantity
        ]
        if len(numbers) >= minimum:
            return item, sorted(numbers, key=lots.fefo_rank.__getitem__)
    raise LookupError(minimum)


def restock(
    reference: StoreReference,
    item: int,
    quantity: int,
    *,
    command_id: str = "c-1",
    priority: float = 0.5,
    expires_in_ms: int = DAY_MS,
) -> Restock:
    """A command of the start of the world."""
    return Restock(command_id, item, quantity, priority, reference.start_ms + expires_in_ms)


def restock_event(
    reference: StoreReference, item: int, quantity: int, command_id: str, /, **changes: Any
) -> bytes:
    """The same as the system sends it."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": command_id,
            "source": "/planner",
            "type": "com.smartshelf.command.restock.v1",
            "time": START,
            "data": {
                "store_id": reference.store_id,
                "shelf_id": reference.item_id[item],
                "quantity": quantity,
                "priority": 0.5,
                "expires_ts": event_time(reference.start_ms + DAY_MS),
                **changes,
            },
        }
    )


def command_event(
    reference: StoreReference, kind: str, item: int, command_id: str, /, **data: Any
) -> bytes:
    """A command of any kind about a shelf, as the system sends it."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": command_id,
            "source": "/planner",
            "type": f"com.smartshelf.command.{kind}.v1",
            "time": START,
            "data": {
                "store_id": reference.store_id,
                "shelf_id": reference.item_id[item],
                **data,
            },
        }
    )


def stream_events(client: redis.Redis, topic: str, store_id: str = "S001") -> list[bytes]:
    """All events on a stream in order, however they are packed."""
    payloads: list[bytes] = []
    for _, fields in client.xrange(f"{topic}:{store_id}"):
        payloads += fields[b"e"].split(b"\n") if b"e" in fields else fields[b"b"].split(b"\n")
    return payloads


def all_streams(client: redis.Redis, stores: Iterable[str] = ("S001",)) -> dict[str, list[bytes]]:
    """All events of all stores, by stream."""
    return {
        f"{topic}:{store_id}": stream_events(client, topic, store_id)
        for topic in TOPICS
        for store_id in stores
    }


def pieces(world: StoreWorld) -> dict[str, Counter[int]]:
    """True stock by place and lot."""
    stock: dict[str, Counter[int]] = {}
    for place, lot, quantity in world.stock():
        stock.setdefault(place, Counter())[lot] += quantity
    return stock
