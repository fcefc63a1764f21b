"""Choices that hold on every page.

Belongs here: taking a choice along to the next page, over pages that do not offer it as well.
Does not belong here: which choices there are.

Streamlit reads the URL when a session begins; from page to page it keeps some values and forgets
others, by where they came from. So what was wanted is remembered here, and given to the widget of
that name once on each page.
"""

from typing import Any

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


def heed(key: str, value: Any) -> None:
    """Remember, when a page is entered, what its address says; the page may not offer it.

    Args:
        key: Name of the choice.
        value: What the address says, `None` where it does not say any.
    """
    state = st.session_state
    visit = state.get(_VISIT, 0)
    if state.get(f"{key}_heeded") != visit:
        state[f"{key}_heeded"] = visit
        if value is not None:
            state[_wanted(key)] = value


def wanted(key: str) -> Any:
    """Return what the reader chose last, on whatever page; `None` before the first time.

    Args:
        key: Name of the choice.
    """
    return st.session_state.get(_wanted(key))


def restore(key: str, value: Any, *, is_named: bool | None = None) -> bool:
    """Give a widget, before it is drawn, what the reader chose on another page.

    Args:
        key: Name of the widget and of its parameter in the URL.
        value: What was chosen, or what stands in for it here; `None` for nothing.
        is_named: Whether the URL says something that can be chosen here; default: anything.

    Returns:
        Whether it was given; the widget must then have no value of its own.
    """
    state = st.session_state
    seen, visit = state.get(_seen(key)), state.get(_VISIT, 0)
    state[_seen(key)] = visit
    # What the URL says, Streamlit takes over by itself: when a session begins, or after a link.
    if key in st.query_params if is_named is None else is_named:
        return False
    # A widget that another part of the page does not have begins anew.
    if seen == visit and key in state:
        return False
    if value is None:
        if seen is not None:
            state.pop(key, None)
        return False
    state[key] = value
    return True


def keep(key: str, value: Any, *, unless: Any = None) -> None:
    """Remember what is chosen, unless it only stands in for what this page does not offer.

    Args:
        key: Name of the widget.
        value: What it says.
        unless: What stands in here; `None` where nothing has to.
    """
    if unless is None or value != unless:
        st.session_state[_wanted(key)] = value


def _seen(key: str) -> str:
    return f"{key}_seen"


def _wanted(key: str) -> str:
    return f"{key}_wanted"
