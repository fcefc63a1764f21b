"""Ways to the page about one item, from a row of a table or a panel; and from it to the map."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import links
from dashboard.data import store_map
from dashboard.data.stores import Store
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


def to_map(store: Store, category: str | None) -> None:
    """Draw the link to the zone of a category on the store map, where it has one.

    Args:
        store: Whose map; of one without shelf sensors there is none.
        category: Of the item.
    """
    zone = store_map.zone_label(category) if category and store.tracks_stock else None
    if zone:
        links.link("map", "On the map", ":material/map:", {"store": store.label, "zone": zone})
