"""What people do in the report app, as events.

Belongs here: building and sending operator events. They take effect when they have come through
the pipeline, like everything else that happens in a store.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.producer import Event, send_events
from smartshelf_dagster.streaming.topics import OPERATOR_EVENTS, store_stream

AlertAction = Literal["acknowledged", "dismissed"]


@dataclass(frozen=True)
class AlertKey:
    """Which alert is meant.

    Attributes:
        alert_id: Its id.
        alert_type: refill_request, supplier_request or near_expiry.
        store_id: Store.
        location: shelf or warehouse.
        shelf_id: Item.
    """

    alert_id: str
    alert_type: str
    store_id: str
    location: str
    shelf_id: str


def send_alert_action(
    client: Client,
    clock: Clock,
    alert: AlertKey,
    action: AlertAction,
    *,
    actor: str,
    note: str | None = None,
) -> str:
    """Acknowledge or dismiss an alert.

    Args:
        client: Connection to the broker.
        clock: The clock in force; the action happens now.
        alert: Which alert.
        action: What to do with it.
        actor: Who does it.
        note: Why.

    Returns:
        Id of the event; the alert's status changes with the next micro-batch.

    Raises:
        InvalidEventError: A value is not acceptable; the message names it.
    """
    event = Event(
        event_id=f"{alert.store_id}-operator-{uuid4()}",
        source=f"/stores/{alert.store_id}/report-app",
        ce_type=f"com.smartshelf.operator.alert_{action}.v1",
        event_ts=clock.now(),
        data={
            "store_id": alert.store_id,
            "alert_id": alert.alert_id,
            "alert_type": alert.alert_type,
            "location": alert.location,
            "shelf_id": alert.shelf_id,
            "actor": actor,
            "note": note,
        },
    )
    stream = store_stream(OPERATOR_EVENTS, alert.store_id)
    send_events(client, OPERATOR_EVENTS, stream, [event])
    return event.event_id
