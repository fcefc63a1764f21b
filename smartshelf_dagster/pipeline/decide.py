"""Deciding: what the plans call for becomes commands on the streams.

Belongs here: turning planned rows into commands. Does not belong here: the plans (dbt), and
carrying commands out (staff, suppliers).

A command counts as issued when it stands on its stream. The next drain brings it into
`raw/commands`, and the plan then takes it into account; if this process dies half-way, the plan
calls for what is missing. Ids follow from store, shelf and running number, so a command that is
sent twice is the same command.
"""

from collections import defaultdict
from operator import itemgetter
from typing import Any

from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import Event, send_events
from smartshelf_dagster.streaming.topics import COMMANDS, store_stream
from smartshelf_dagster.transform.runner import Transformer

_COMMAND = "com.smartshelf.command."


def issue_commands(client: Client, transformer: Transformer) -> int:
    """Send what is due in a lake.

    Args:
        client: Connection to the broker.
        transformer: Where the plans were built.

    Returns:
        Number of commands sent.
    """
    with transformer.reading() as reader:
        restocks = reader.rows("ops/restocks_due").to_pylist()
        markdowns = reader.rows("ops/markdowns_due").to_pylist()
        removals = reader.rows("ops/removals_due").to_pylist()
    restocks.sort(key=lambda p: (-p["priority"], p["plan_id"]))
    markdowns.sort(key=itemgetter("plan_id"))
    removals.sort(key=itemgetter("plan_id"))
    by_store: dict[str, list[Event]] = defaultdict(list)
    for plans, describe in (
        (restocks, _restock),
        (markdowns, _markdown),
        (removals, _removal),
    ):
        for plan in plans:
            by_store[plan["store_id"]].append(describe(plan))
    for store_id, events in by_store.items():
        send_events(client, COMMANDS, store_stream(COMMANDS, store_id), events)
    return sum(len(events) for events in by_store.values())


def _event(kind: str, sender: str, plan: dict[str, Any], **data: Any) -> Event:
    place = {"store_id": plan["store_id"], "shelf_id": plan["shelf_id"]}
    return Event(
        event_id=plan["plan_id"],
        source=f"/stores/{plan['store_id']}/{sender}",
        ce_type=f"{_COMMAND}{kind}.v1",
        event_ts=plan["created_ts"],
        data=place | data,
    )


def _restock(plan: dict[str, Any]) -> Event:
    return _event(
        *("restock", "restock-planner", plan),
        quantity=plan["suggested_qty"],
        alert_id=plan["alert_id"],
        priority=float(plan["priority"]),
        expires_ts=plan["expires_ts"],
    )


def _markdown(plan: dict[str, Any]) -> Event:
    return _event(
        *("markdown", "expiry-planner", plan),
        batch_code=plan["batch_code"],
        discount=float(plan["discount"]),
        valid_from_ts=plan["valid_from_ts"],
        valid_to_ts=plan["valid_to_ts"],
    )


def _removal(plan: dict[str, Any]) -> Event:
    return _event(
        *("removal", "expiry-planner", plan),
        batch_code=plan["batch_code"],
        location=plan["location"],
        expiry_date=plan["expiry_date"],
    )
