"""Choices that hold on every page.

Belongs here: taking a choice along to the next page, over pages that do not offer it as well.
Does not belong here: which choices there are.

Streamlit reads the URL when a session begins; from page to page it keeps some values and forgets
others, by where they came from. So what was wanted is remembered here, and given to the widget of
that name once on each page.
"""

from collections.abc import Collection

import streamlit as st

_PAGE = "page_shown"
_VISIT = "page_visit"


def enter(path: str) -> None:
    """Note which page is drawn.

    Args:
        path: Its path.
    """
    state = st.session_state
    if state.get(_PAGE) != path:
        state[_PAGE] = path
        state[_VISIT] = state.get(_VISIT, 0) + 1


def restore(key: str, known: Collection[str]) -> bool:
    """Give a widget, before it is drawn, what the reader chose on another page.

    Args:
        key: Name of the widget and of its parameter in the URL.
        known: What can be chosen here.

    Returns:
        Whether it was given; the widget must then have no value of its own.
    """
    state = st.session_state
    seen, visit = state.get(_seen(key)), state.get(_VISIT, 0)
    state[_seen(key)] = visit
    # What the URL says, Streamlit takes over by itself: when a session begins, or after a link.
    if seen in {None, visit} or key in st.query_params:
        return False
    wanted = state.get(_wanted(key))
    if wanted not in known:
        state.pop(key, None)
        return False
    state[key] = wanted
    return True


def keep(key: str, value: str, *, default: str, known: Collection[str]) -> None:
    """Remember what is chosen, unless it only stands in for what this page does not offer.

    Args:
        key: Name of the widget.
        value: What it says.
        default: What it says when nobody has chosen.
        known: What can be chosen here.
    """
    wanted = st.session_state.get(_wanted(key))
    if wanted is None or wanted in known or value != default:
        st.session_state[_wanted(key)] = value


def _seen(key: str) -> str:
    return f"{key}_seen"


def _wanted(key: str) -> str:
    return f"{key}_wanted"
