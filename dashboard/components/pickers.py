"""Choosing what a page shows; the URL keeps every choice."""

import streamlit as st

from dashboard.page import Sections


def item_label(item_id: str, subcategory: str | None) -> str:
    """Return what an item is called in a choice, and so in the URL."""
    return ", ".join(filter(None, (item_id, subcategory)))


def section(sections: Sections) -> str:
    """Draw the choice of a part of the page, and return its name."""
    chosen: str | None = st.segmented_control(
        "Show",
        list(sections.names),
        default=sections.default,
        required=True,
        format_func=sections.names.__getitem__,
        key=sections.key,
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or sections.default


def shown(sections: Sections) -> str:
    """Return the name of the part that is shown, also before `section` is drawn."""
    if sections.key in st.session_state:
        return st.session_state[sections.key] or sections.default
    named = {label: name for name, label in sections.names.items()}
    return named.get(st.query_params.get(sections.key, ""), sections.default)


def search(placeholder: str, key: str) -> str:
    """Draw the search of a table, and return what was typed.

    Args:
        placeholder: What can be searched for.
        key: Name in the URL.
    """
    return str(
        st.text_input(
            "Search",
            placeholder=placeholder,
            key=key,
            bind="query-params",
            icon=":material/search:",
        )
    )
