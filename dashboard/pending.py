"""Actions that were sent and have not come back through the pipeline yet.

Belongs here: remembering them for the reader's session, and knowing when to forget them. The
truth about an alert is what is published; this only says that something is on its way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import streamlit as st

from smartshelf_dagster.streaming.operator import AlertAction

_KEY = "pending_actions"

# Statuses that an alert leaves by the action.
_BEFORE: dict[AlertAction, tuple[str, ...]] = {
    "acknowledged": ("open",),
    "dismissed": ("open", "ack"),
}


@dataclass(frozen=True)
class PendingAction:
    """An action on its way.

    Attributes:
        action: What was asked for.
        sent_over: Publication that was shown when it was sent.
        followed_by: The next one; its micro-batch may have begun before the action was sent.
    """

    action: AlertAction
    sent_over: datetime
    followed_by: datetime | None = None

    def seen(self, published_at: datetime, status: str | None) -> "PendingAction | None":
        """Return the action as it stands after a publication, `None` when it is done.

        It is done when the alert has left the status it had, or when a second publication shows
        that the pipeline has decided otherwise.

        Args:
            published_at: The publication in place.
            status: Status of the alert in it, `None` when it is gone.
        """
        if status not in _BEFORE[self.action]:
            return None
        if published_at in {self.sent_over, self.followed_by}:
            return self
        return None if self.followed_by else replace(self, followed_by=published_at)


def _actions() -> dict[str, PendingAction]:
    actions: dict[str, PendingAction] = st.session_state.setdefault(_KEY, {})
    return actions


def add(alert_ids: Iterable[str], action: AlertAction, published_at: datetime) -> None:
    """Remember that an action was sent for some alerts."""
    _actions().update({alert_id: PendingAction(action, published_at) for alert_id in alert_ids})


def actions() -> dict[str, AlertAction]:
    """Return the actions on their way, by alert."""
    return {alert_id: pending.action for alert_id, pending in _actions().items()}


def settle(published_at: datetime, statuses: Mapping[str, tuple[str, Any]]) -> None:
    """Forget what has arrived.

    Args:
        published_at: The publication in place.
        statuses: Status and last change of alerts in it.
    """
    seen = {
        alert_id: action.seen(published_at, statuses.get(alert_id, (None,))[0])
        for alert_id, action in _actions().items()
    }
    st.session_state[_KEY] = {alert_id: action for alert_id, action in seen.items() if action}
