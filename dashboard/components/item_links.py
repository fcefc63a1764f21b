"""Ways to the page about one item: from a row of a table, and from a panel about the item."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import links
from dashboard.page import PageContext


def with_addresses(
    frame: pl.DataFrame, context: PageContext, item: str = "shelf_id"
) -> pl.DataFrame:
    """Add the addresses that `column` shows; rows without a store lead to the first."""
    return links.with_item_addresses(frame, context.chosen, item)


def column(label: str = "Shelf", width: int = 112) -> dict[str, Any]:
    """Return the configuration of the column with the item of a row, which leads to its page."""
    return {
        "item_address": st.column_config.LinkColumn(
            label,
            width=width,
            display_text=r"item=(.*)$",
            help="Opens the page of the item.",
        )
    }


def button(store_id: str, item_id: str, context: PageContext) -> None:
    """Draw the link from a panel about an item to its page."""
    store = next((store for store in context.chosen if store.store_id == store_id), context.store)
    links.link(
        links.ITEM,
        "Everything about this item",
        ":material/deployed_code:",
        links.to_item(store, item_id),
    )
