"""What people do in the app: the only thing it writes.

Belongs here: sending operator events, for whoever may do so, and saying in plain words why that
did not work. None of these functions raises for what a person can cause or repair.

Who has logged in signs what they do; where nobody has to, people sign with the name they give.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, Protocol, TypeVar

from dashboard import access
from dashboard.data.analysis import ALL
from smartshelf_dagster.domain.access import Deed
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.streaming.client import (
    BrokerUnavailableError,
    Client,
    Clock,
    ClockMissingError,
    broker_errors,
    connect,
)
from smartshelf_dagster.streaming.operator import (
    AlertAction,
    AlertKey,
    AnomalyKey,
    OrderDecision,
    PlannedOrderKey,
    StockCount,
    send_alert_action,
    send_anomaly_acknowledgement,
    send_order_change,
    send_order_decision,
    send_stock_count,
)


class OfStore(Protocol):
    """Something in a store."""

    @property
    def store_id(self) -> str:
        """The store."""


Thing = TypeVar("Thing", bound=OfStore)


@dataclass(frozen=True)
class Outcome:
    """What became of an action on some things.

    Attributes:
        events: Ids of the events that were sent, by the id of the thing each is about.
        problem: Why it was not sent for the others.
    """

    events: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None

    @property
    def sent(self) -> tuple[str, ...]:
        """Things it was sent for."""
        return tuple(self.events)


def alert_key(alert: dict[str, Any]) -> AlertKey:
    """Name an alert by a row of ops.alerts."""
    return AlertKey(
        alert_id=alert["alert_id"],
        alert_type=alert["alert_type"],
        store_id=alert["store_id"],
        location=alert["location"],
        shelf_id=alert["shelf_id"],
    )


def order_key(line: dict[str, Any]) -> PlannedOrderKey:
    """Name a planned order by a row of ops.supplier_plan."""
    return PlannedOrderKey(line["store_id"], line["shelf_id"], line["cutoff_ts"])


def order_id(order: PlannedOrderKey) -> str:
    """Return under which id a planned order is remembered: one per item and cutoff."""
    return f"{order.store_id}/{order.shelf_id}/{order.cutoff_ts:%Y%m%dT%H%MZ}"


def anomaly_key(anomaly: Mapping[str, Any]) -> AnomalyKey:
    """Name an unusual hour or day by a row of `data.anomalies.flagged`."""
    return AnomalyKey(
        scope_type=anomaly["scope_type"],
        scope_id=anomaly["scope_id"],
        currency=anomaly["currency"],
        grain=anomaly["grain"],
        bucket_start=anomaly["bucket_start"],
        direction=anomaly["direction"],
    )


def anomaly_id(anomaly: AnomalyKey) -> str:
    """Return under which id an unusual hour or day is remembered."""
    start = anomaly.bucket_start.astimezone(UTC)
    series = (anomaly.scope_type, anomaly.scope_id, anomaly.currency)
    return "/".join((*series, anomaly.grain, f"{start:%Y%m%dT%H%MZ}", anomaly.direction))


def count_id(counted: StockCount) -> str:
    """Return under which id what was counted is remembered."""
    place = (counted.store_id, counted.location, counted.shelf_id, counted.batch_code or "")
    return "/".join(place)


def act(alerts: Iterable[AlertKey], action: AlertAction, *, actor: str, note: str = "") -> Outcome:
    """Acknowledge or dismiss alerts.

    Args:
        alerts: Which ones.
        action: What to do with them.
        actor: Who does it.
        note: Why.
    """
    why = note.strip()

    def send(client: Client, clock: Clock, alert: AlertKey, who: str) -> str:
        return send_alert_action(client, clock, alert, action, actor=who, note=why)

    return _send_all({alert.alert_id: alert for alert in alerts}, send, Deed.CARE, actor)


def acknowledge(anomalies: Iterable[AnomalyKey], *, actor: str, note: str = "") -> Outcome:
    """Say that somebody has looked at unusual hours or days of sales.

    Args:
        anomalies: Which ones.
        actor: Who has.
        note: What was the reason.
    """
    why = note.strip()

    def send(client: Client, clock: Clock, anomaly: AnomalyKey, who: str) -> str:
        return send_anomaly_acknowledgement(client, clock, anomaly, actor=who, note=why)

    return _send_all({anomaly_id(one): one for one in anomalies}, send, Deed.CARE, actor)


def decide(
    orders: Iterable[PlannedOrderKey], decision: OrderDecision, *, actor: str, note: str = ""
) -> Outcome:
    """Approve planned orders, or hold them back.

    Args:
        orders: Which ones.
        decision: What to do with them.
        actor: Who decides.
        note: Why.
    """
    why = note.strip()

    def send(client: Client, clock: Clock, order: PlannedOrderKey, who: str) -> str:
        return send_order_decision(client, clock, order, decision, actor=who, note=why)

    return _send_all({order_id(order): order for order in orders}, send, Deed.ORDER, actor)


def change(orders: Iterable[PlannedOrderKey], quantity: int, *, actor: str, note: str) -> Outcome:
    """Set the quantity of planned orders.

    Args:
        orders: Which ones.
        quantity: Pieces to order of each.
        actor: Who decides.
        note: Why; the contract demands it.
    """
    why = note.strip()

    def send(client: Client, clock: Clock, order: PlannedOrderKey, who: str) -> str:
        return send_order_change(client, clock, order, quantity, actor=who, note=why)

    return _send_all({order_id(order): order for order in orders}, send, Deed.ORDER, actor)


def count(counted: StockCount, *, actor: str, note: str = "") -> Outcome:
    """Report a stock count.

    Args:
        counted: What was counted, and how many there are.
        actor: Who counted.
        note: What is worth knowing about it.
    """
    why = note.strip()

    def send(client: Client, clock: Clock, found: StockCount, who: str) -> str:
        return send_stock_count(client, clock, found, actor=who, note=why)

    return _send_all({count_id(counted): counted}, send, Deed.CARE, actor)


def refused(deed: Deed, store_ids: Iterable[str]) -> str:
    """Return in words in which of some stores the reader may not do something; nothing if none.

    Args:
        deed: What to do.
        store_ids: Stores; `ALL` for what is about all of them together.
    """
    who = access.principal()
    found = sorted({store for store in store_ids if not who.may(deed, store)})
    return ", ".join("all stores together" if store == ALL else store for store in found)


def _send_all(
    things: Mapping[str, Thing],
    send: Callable[[Client, Clock, Thing, str], str],
    deed: Deed,
    actor: str,
) -> Outcome:
    """Send one event for each thing, given by id; stop at the first that cannot be sent.

    Nothing is sent if the reader may not do it to one of them.
    """
    if places := refused(deed, (one.store_id for one in things.values())):
        return Outcome(problem=f"Your role does not let you do this in {places}.")
    reader = access.principal()
    who = actor.strip() if reader.name is None else reader.name
    settings = load_settings()
    if not settings.redis_url:
        return Outcome(
            problem="This report was started without a connection to the stores' event streams. "
            "`make up` starts both; or set SMARTSHELF_REDIS_URL and start the report again.",
        )
    events: dict[str, str] = {}
    try:
        client = connect(settings.redis_url, settings.redis_timeout_s)
        try:
            clock = Clock(client, settings.clock)
            with broker_errors(settings.redis_url):
                for name, thing in things.items():
                    events[name] = send(client, clock, thing, who)
        finally:
            client.close()
    except BrokerUnavailableError as error:
        return Outcome(events, f"The event streams cannot be reached: {error}.")
    except (ClockMissingError, ValueError) as error:
        return Outcome(events, f"The action was not accepted: {error}.")
    return Outcome(events)
