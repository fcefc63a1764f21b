"""Ways from one page to another.

Belongs here: links by the path of a page, which carry the chosen store along. Which pages there
are is told by `dashboard/app.py`, so that pages need not know each other.
"""

from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import Page

_PAGES = "pages_by_path"


def know(pages: Mapping[str, Page]) -> None:
    """Remember the pages of the navigation by their paths."""
    st.session_state[_PAGES] = dict(pages)


def to(path: str, label: str, *, icon: str | None = None, **choices: str) -> None:
    """Draw a link to a page.

    Args:
        path: The path of the page, such as `alerts`.
        label: What the link says; Markdown.
        icon: Material symbol; default: that of the page.
        choices: What to choose there, by its name in the URL.
    """
    store = st.query_params.get("store")
    kept = {"store": store} if store else {}
    st.page_link(
        st.session_state[_PAGES][path], label=label, icon=icon, query_params=kept | choices
    )
