"""What forms that send operator events have in common: name, note, and the message afterwards."""

from collections.abc import Iterable

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import access, pending
from dashboard.actions import Outcome, refused
from dashboard.page import PageContext
from smartshelf_dagster.domain.access import Deed

MAX_NOTE = 500
_MAX_ACTOR = 64
_RESULT = "sending_result"


def actor_field(place: DeltaGenerator) -> str:
    """Draw the field for the name of who acts; it is remembered for the session.

    Who has logged in signs with that, and is shown so.
    """
    who = access.principal().name
    if who is not None:
        return str(place.text_input("Your name", value=who, disabled=True))
    return str(
        place.text_input(
            "Your name", key="actor", max_chars=_MAX_ACTOR, persist_state="session"
        ).strip()
    )


def is_allowed(deed: Deed, store_ids: Iterable[str]) -> bool:
    """Return whether the reader may do something in some stores; says so if not."""
    places = refused(deed, store_ids)
    if places:
        st.caption(f":material/lock: Your role does not let you act on this in {places}.")
    return not places


def refuse(reason: str) -> None:
    """Keep a message about what is missing; it is shown when the page is drawn next."""
    st.session_state[_RESULT] = ("error", reason)


def is_named(actor: str) -> bool:
    """Return whether somebody signs; keeps a message if not."""
    if not actor:
        refuse("Your name is missing: the audit trail needs it.")
    return bool(actor)


def report(
    kind: pending.Kind,
    outcome: Outcome,
    action: str,
    *,
    context: PageContext,
    wanted: int,
    sent: str,
) -> bool:
    """Remember what is on its way, and keep a message about it.

    Args:
        kind: What the action is about.
        outcome: What became of it.
        action: What was asked for.
        context: Of the page.
        wanted: For how many things.
        sent: The things it was sent for, in words.

    Returns:
        Whether all of it was sent.
    """
    pending.add(kind, outcome.events, action, context.publication.published_at)
    if outcome.problem:
        done = f"Only {sent} of {wanted} {action}." if outcome.events else "Nothing was sent."
        st.session_state[_RESULT] = ("error", f"{done} {outcome.problem}")
    else:
        message = (
            f"Sent: {sent} {action}. It takes effect with the next micro-batch; until then the "
            "table says that it is on its way."
        )
        st.session_state[_RESULT] = ("success", message)
    return not outcome.problem


def show_result() -> None:
    """Show the message that was kept, once."""
    kind, message = st.session_state.pop(_RESULT, (None, ""))
    if kind == "error":
        st.error(message, icon=":material/error:")
    elif kind == "success":
        st.success(message, icon=":material/schedule_send:")
