"""The door: whoever is not let in is told why, and whom to ask."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import access
from dashboard.access import LoginError, Visitor
from smartshelf_dagster.domain.access import (
    ExposedError,
    PeopleFileError,
    Principal,
    StoreScope,
)
from smartshelf_dagster.settings import SettingsError


def is_open() -> bool:
    """Return whether the reader is let in."""
    try:
        return isinstance(access.visitor(), Principal)
    except SettingsError:
        # The pages explain it, and show nothing.
        return True
    except (LoginError, PeopleFileError, ExposedError):
        return False


def explain() -> None:
    """Draw why the reader is not let in, and what helps."""
    st.title("Smart Shelf", anchor=False)
    try:
        visitor = access.visitor()
    except (LoginError, PeopleFileError, ExposedError) as error:
        with st.container(border=True):
            st.subheader(":material/lock: This report cannot be shown yet", anchor=False)
            st.write("The way it was started does not say who may see it.")
            st.code(str(error), language=None, wrap_lines=True)
        return
    if isinstance(visitor, Visitor):
        _turn_away(visitor)


def _turn_away(visitor: Visitor) -> None:
    with st.container(border=True):
        if visitor.email is None:
            st.subheader(":material/login: Please log in", anchor=False)
            st.write("What you see depends on your stores and your role.")
            st.button("Log in", icon=":material/login:", type="primary", on_click=st.login)
            st.caption(f"No account? Ask {visitor.contact}.")
        else:
            st.subheader(":material/lock: You have no access yet", anchor=False)
            st.write(
                f"You are logged in as **{visitor.email}**. Nobody has given you a role for any "
                f"store so far, so there is nothing to show. Ask **{visitor.contact}**."
            )
            st.button("Log out", icon=":material/logout:", on_click=st.logout)


def account(place: DeltaGenerator) -> None:
    """Draw who is logged in, with the way out; nothing where nobody has to log in."""
    who = access.principal()
    if who.name is None:
        return
    with place.popover("Account", icon=":material/account_circle:"):
        st.write(f"**{who.name}**")
        for grant in who.grants:
            st.write(f"{grant.role.capitalize()} of {_words(grant.scope)}")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)


def _words(scope: StoreScope) -> str:
    return "all stores" if scope.stores is None else ", ".join(scope.stores) or "no store"
