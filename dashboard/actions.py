"""Acting on alerts: the only thing the app writes.

Belongs here: sending operator events, and saying in plain words why that did not work.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.streaming.client import (
    BrokerUnavailableError,
    Clock,
    ClockMissingError,
    broker_errors,
    connect,
)
from smartshelf_dagster.streaming.operator import AlertAction, AlertKey, send_alert_action


@dataclass(frozen=True)
class Outcome:
    """What became of an action on some alerts.

    Attributes:
        sent: Alerts it was sent for.
        problem: Why it was not sent for the others.
    """

    sent: tuple[str, ...]
    problem: str | None = None


def alert_key(alert: dict[str, Any]) -> AlertKey:
    """Name an alert by a row of ops.alerts."""
    return AlertKey(
        alert_id=alert["alert_id"],
        alert_type=alert["alert_type"],
        store_id=alert["store_id"],
        location=alert["location"],
        shelf_id=alert["shelf_id"],
    )


def act(alerts: Iterable[AlertKey], action: AlertAction, *, actor: str, note: str = "") -> Outcome:
    """Acknowledge or dismiss alerts. Never raises for what a person can cause or repair.

    Args:
        alerts: Which ones.
        action: What to do with them.
        actor: Who does it.
        note: Why.
    """
    settings = load_settings()
    if not settings.redis_url:
        return Outcome(
            (),
            "This report was started without a connection to the stores' event streams. "
            "`make up` starts both; or set SMARTSHELF_REDIS_URL and start the report again.",
        )
    sent: list[str] = []
    try:
        client = connect(settings.redis_url, settings.redis_timeout_s)
        try:
            clock = Clock(client, settings.clock)
            with broker_errors(settings.redis_url):
                for alert in alerts:
                    send_alert_action(
                        client, clock, alert, action, actor=actor.strip(), note=note.strip() or None
                    )
                    sent.append(alert.alert_id)
        finally:
            client.close()
    except BrokerUnavailableError as error:
        return Outcome(tuple(sent), f"The event streams cannot be reached: {error}.")
    except (ClockMissingError, ValueError) as error:
        return Outcome(tuple(sent), f"The action was not accepted: {error}.")
    return Outcome(tuple(sent))
