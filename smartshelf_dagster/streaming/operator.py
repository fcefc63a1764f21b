"""What people do in the report app, as events.

Belongs here: building and sending operator events. They take effect when they have come through
the pipeline, like everything else that happens in a store.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from smartshelf_dagster.domain.anomaly_scope import EVERYWHERE, store_of
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.producer import Event, send_events
from smartshelf_dagster.streaming.topics import OPERATOR_EVENTS, store_stream

AlertAction = Literal["acknowledged", "dismissed"]
OrderDecision = Literal["approved", "held"]


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


@dataclass(frozen=True)
class PlannedOrderKey:
    """Which planned supplier order is meant.

    Attributes:
        store_id: Store.
        shelf_id: Item.
        cutoff_ts: Cutoff at which it is to be sent.
    """

    store_id: str
    shelf_id: str
    cutoff_ts: datetime


@dataclass(frozen=True)
class AnomalyKey:
    """Which unusual hour or day of sales is meant, whatever figure and method have told it.

    Attributes:
        scope_type: all, store, category, store_category or item.
        scope_id: Which of them.
        currency: ISO 4217, of the series.
        grain: hour or day.
        bucket_start: Its first instant.
        direction: high or low.
    """

    scope_type: str
    scope_id: str
    currency: str
    grain: str
    bucket_start: datetime
    direction: str

    @property
    def store_id(self) -> str:
        """The store, `ALL` where the series is over all stores."""
        return store_of(self.scope_type, self.scope_id)


@dataclass(frozen=True)
class StockCount:
    """What was counted, and how many pieces there are.

    Attributes:
        store_id: Store.
        location: shelf or warehouse.
        shelf_id: Item.
        counted_quantity: Pieces that are there.
        book_quantity: Pieces that the books have there, as shown to who counts.
        batch_code: The lot that was counted; `None` means all pieces of the item at the location.
    """

    store_id: str
    location: str
    shelf_id: str
    counted_quantity: int
    book_quantity: int
    batch_code: str | None = None


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
    return _send(client, clock, f"alert_{action}", asdict(alert), actor=actor, note=note)


def send_order_decision(
    client: Client,
    clock: Clock,
    order: PlannedOrderKey,
    decision: OrderDecision,
    *,
    actor: str,
    note: str | None = None,
) -> str:
    """Approve a planned supplier order, or hold it back.

    Args:
        client: Connection to the broker.
        clock: The clock in force; the decision is taken now.
        order: Which planned order.
        decision: approved also releases one that was held back.
        actor: Who decides.
        note: Why.

    Returns:
        Id of the event; the plan changes with the next micro-batch.

    Raises:
        InvalidEventError: A value is not acceptable; the message names it.
    """
    return _send(client, clock, f"supplier_order_{decision}", asdict(order), actor=actor, note=note)


def send_order_change(
    client: Client,
    clock: Clock,
    order: PlannedOrderKey,
    order_quantity: int,
    *,
    actor: str,
    note: str,
) -> str:
    """Set the quantity of a planned supplier order; it counts as approved.

    Args:
        client: Connection to the broker.
        clock: The clock in force; the decision is taken now.
        order: Which planned order.
        order_quantity: Pieces to order; 0 orders nothing.
        actor: Who decides.
        note: Why; must say something.

    Returns:
        Id of the event; the plan changes with the next micro-batch.

    Raises:
        InvalidEventError: A value is not acceptable; the message names it.
    """
    data = asdict(order) | {"order_quantity": order_quantity}
    return _send(client, clock, "supplier_order_changed", data, actor=actor, note=note)


def send_stock_count(
    client: Client, clock: Clock, count: StockCount, *, actor: str, note: str | None = None
) -> str:
    """Report how many pieces of an item, or of one of its lots, were counted.

    Args:
        client: Connection to the broker.
        clock: The clock in force; the count holds now.
        count: What was counted.
        actor: Who counted.
        note: What is worth knowing about it.

    Returns:
        Id of the event; the difference to the books is posted with the next micro-batch.

    Raises:
        InvalidEventError: A value is not acceptable; the message names it.
    """
    return _send(client, clock, "stock_counted", asdict(count), actor=actor, note=note)


def send_anomaly_acknowledgement(
    client: Client, clock: Clock, anomaly: AnomalyKey, *, actor: str, note: str | None = None
) -> str:
    """Say that somebody has looked at an unusual hour or day of sales.

    Args:
        client: Connection to the broker.
        clock: The clock in force; it is acknowledged now.
        anomaly: Which hour or day, of which series.
        actor: Who has looked at it.
        note: What was the reason, if known.

    Returns:
        Id of the event; it counts as acknowledged with the next micro-batch.

    Raises:
        InvalidEventError: A value is not acceptable; the message names it.
    """
    data = {"store_id": anomaly.store_id, **asdict(anomaly)}
    return _send(client, clock, "anomaly_acknowledged", data, actor=actor, note=note)


def _send(
    client: Client,
    clock: Clock,
    event_type: str,
    data: Mapping[str, Any],
    *,
    actor: str,
    note: str | None,
) -> str:
    """Send an operator event of a type; a note that says nothing is left out."""
    store_id = data["store_id"]
    event = Event(
        event_id=f"{store_id}-operator-{uuid4()}",
        source=f"/stores/{store_id}/report-app",
        ce_type=f"com.smartshelf.operator.{event_type}.v1",
        event_ts=clock.now(),
        data={**data, "actor": actor, "note": note if note and note.strip() else None},
    )
    # What is of no store goes the way that is open to anybody.
    is_of_store = store_id != EVERYWHERE
    stream = store_stream(OPERATOR_EVENTS, store_id) if is_of_store else OPERATOR_EVENTS
    send_events(client, OPERATOR_EVENTS, stream, [event])
    return event.event_id
