"""Deciding: what the plans call for becomes commands on the streams.

Belongs here: turning planned rows into commands. Does not belong here: the plans (dbt), and
carrying commands out (staff, suppliers).

A command counts as issued when it stands on its stream. The next drain brings it into
`raw/commands`, and the plan then takes it into account; if this process dies half-way, the plan
calls for what is missing. Ids follow from store, shelf and running number, so a command that is
sent twice is the same command.
"""

from collections import defaultdict
from datetime import datetime

from smartshelf_dagster.storage.warehouse import open_warehouse
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import Event, send_events
from smartshelf_dagster.streaming.topics import COMMANDS, store_stream
from smartshelf_dagster.transform.runner import Transformer

_RESTOCK_TYPE = "com.smartshelf.command.restock.v1"


def issue_commands(client: Client, transformer: Transformer) -> int:
    """Send what the plans of a lake have pending.

    Args:
        client: Connection to the broker.
        transformer: Where the plans were built.

    Returns:
        Number of commands sent.
    """
    with open_warehouse(transformer.warehouse) as reader:
        plans = reader.rows("ops/shelf_restock_plan", where="status = 'pending'").to_pylist()
    by_store: dict[str, list[Event]] = defaultdict(list)
    for plan in sorted(plans, key=lambda p: (-p["priority"], p["plan_id"])):
        by_store[plan["store_id"]].append(_restock(plan))
    for store_id, events in by_store.items():
        send_events(client, COMMANDS, store_stream(COMMANDS, store_id), events)
    return len(plans)


def _restock(plan: dict[str, object]) -> Event:
    created = plan["created_ts"]
    if not isinstance(created, datetime):
        raise TypeError(f"created_ts is {created!r}, expected a timestamp")
    return Event(
        event_id=str(plan["plan_id"]),
        source=f"/stores/{plan['store_id']}/restock-planner",
        ce_type=_RESTOCK_TYPE,
        event_ts=created,
        data={
            "store_id": plan["store_id"],
            "shelf_id": plan["shelf_id"],
            "quantity": plan["suggested_qty"],
            "alert_id": plan["alert_id"],
            "priority": float(str(plan["priority"])),
            "expires_ts": plan["expires_ts"],
        },
    )
