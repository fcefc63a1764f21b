"""Actions that were sent and have not come back through the pipeline yet.

Belongs here: remembering them for the reader's session, and knowing when to forget them. The
truth is what is published; this only says that something is on its way.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import streamlit as st

Kind = Literal["alert", "order", "count", "anomaly"]

# Statuses that an alert leaves by the action.
_BEFORE: dict[str, tuple[str, ...]] = {
    "acknowledged": ("open",),
    "dismissed": ("open", "ack"),
}


@dataclass(frozen=True)
class PendingAction:
    """An action on its way.

    Attributes:
        action: What was asked for.
        event_id: The event that asks for it.
        sent_over: Publication that was shown when it was sent.
        followed_by: The next one; its micro-batch may have begun before the action was sent.
    """

    action: str
    event_id: str
    sent_over: datetime
    followed_by: datetime | None = None

    def seen(self, published_at: datetime, *, has_arrived: bool) -> "PendingAction | None":
        """Return the action as it stands after a publication, `None` when it is done.

        It is done when it has arrived, or when a second publication shows that the pipeline has
        decided otherwise.

        Args:
            published_at: The publication in place.
            has_arrived: Whether its effect is in it.
        """
        if has_arrived:
            return None
        if published_at in {self.sent_over, self.followed_by}:
            return self
        return None if self.followed_by else replace(self, followed_by=published_at)


def _key(kind: Kind) -> str:
    return f"pending_{kind}"


def _actions(kind: Kind) -> dict[str, PendingAction]:
    actions: dict[str, PendingAction] = st.session_state.setdefault(_key(kind), {})
    return actions


def add(kind: Kind, events: Mapping[str, str], action: str, published_at: datetime) -> None:
    """Remember that an action was sent.

    Args:
        kind: What it is about.
        events: Ids of the events, by the id of the thing each is about.
        action: What was asked for, in the words of the code that shows it.
        published_at: The publication in place.
    """
    _actions(kind).update(
        {thing: PendingAction(action, event, published_at) for thing, event in events.items()}
    )


def actions(kind: Kind) -> dict[str, str]:
    """Return the actions on their way, by thing."""
    return {thing: pending.action for thing, pending in _actions(kind).items()}


def events(kind: Kind) -> list[str]:
    """Return the ids of the events on their way."""
    return [pending.event_id for pending in _actions(kind).values()]


def settle_alerts(published_at: datetime, statuses: Mapping[str, str]) -> None:
    """Forget the actions on alerts that have left the status they had.

    Args:
        published_at: The publication in place.
        statuses: Status of alerts in it; those that are gone are left out.
    """
    _settle(
        "alert",
        published_at,
        {
            alert_id
            for alert_id, action in actions("alert").items()
            if has_left(action, statuses.get(alert_id))
        },
    )


def settle_events(kind: Kind, published_at: datetime, arrived: Collection[str]) -> None:
    """Forget the actions whose events have come back.

    Args:
        kind: What they are about.
        published_at: The publication in place.
        arrived: Ids of events that are in it.
    """
    known = _actions(kind).items()
    _settle(kind, published_at, {thing for thing, one in known if one.event_id in arrived})


def has_left(action: str, status: str | None) -> bool:
    """Return whether an alert is beyond what an action asks for."""
    return status not in _BEFORE.get(action, ())


def _settle(kind: Kind, published_at: datetime, arrived: set[str]) -> None:
    seen = {
        thing: action.seen(published_at, has_arrived=thing in arrived)
        for thing, action in _actions(kind).items()
    }
    st.session_state[_key(kind)] = {thing: action for thing, action in seen.items() if action}
