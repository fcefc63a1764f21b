"""Choosing what a page shows; the URL keeps every choice."""

from collections.abc import Iterable, Mapping

import polars as pl
import streamlit as st

from dashboard import text


def item_label(item_id: str, subcategory: str | None) -> str:
    """Return what an item is called in a choice, and so in the URL."""
    return ", ".join(filter(None, (item_id, subcategory)))


def within_category(known: pl.DataFrame, key: str) -> tuple[str | None, pl.DataFrame]:
    """Draw the choice of a category; the URL keeps it.

    Args:
        known: Rows to choose from, with a `category`, in the order of the choice.
        key: Name in the URL.

    Returns:
        The category, if one was chosen, and the rows of it, else all rows.
    """
    category: str | None = st.selectbox(
        "Category",
        known.get_column("category").unique(maintain_order=True).to_list(),
        index=None,
        format_func=text.category_label,
        placeholder="All",
        key=key,
        bind="query-params",
    )
    return category, known.filter(pl.col("category") == category) if category else known


def section(sections: Mapping[str, str], default: str, key: str) -> str:
    """Draw the choice of a part of the page.

    Args:
        sections: What to call each.
        default: Which is shown at first.
        key: Name in the URL.

    Returns:
        One of `sections`.
    """
    chosen: str | None = st.segmented_control(
        "Show",
        list(sections),
        default=default,
        required=True,
        format_func=sections.__getitem__,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    return chosen or default


def categories(known: Iterable[str], key: str) -> list[str]:
    """Draw the choice of categories.

    Args:
        known: Those to choose from, in their order.
        key: Name in the URL.

    Returns:
        Those chosen; nothing where all are meant.
    """
    chosen: list[str] = st.multiselect(
        "Category",
        list(known),
        format_func=text.category_label,
        placeholder="All",
        key=key,
        bind="query-params",
    )
    return chosen


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
