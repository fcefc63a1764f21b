"""Choosing what a page shows."""

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
