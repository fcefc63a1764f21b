"""What to offer beside an item, in a table."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import downloads, item_links, tables
from dashboard.page import PageContext

_REASONS = {"rule": "A rule", "cosine": "Similar baskets", "category": "Same category"}


def draw(found: pl.DataFrame, item_id: str, context: PageContext) -> None:
    """Draw rows of `data.baskets.offers`.

    Args:
        found: The rows, of one item.
        item_id: That item.
        context: Of the page.
    """
    downloads.summary(
        f"**{text.plural(len(found), 'item')}** to offer beside it, the best first:",
        found,
        f"offers_{item_id}",
    )
    readable = item_links.with_addresses(
        found.with_columns(
            pl.col("reason").replace(_REASONS),
            state=pl.col("in_stock").replace_strict(
                {True: "✓ In stock", False: "▲ Sold out"},
                default="Not known",
                return_dtype=pl.String,
            ),
        ),
        context,
        "recommended_item_id",
    )
    config = st.column_config
    columns = {
        "rank": config.NumberColumn("Rank", width=60),
        "product_name": config.TextColumn("Offer"),
        **item_links.column("Item"),
        "reason": config.TextColumn("Because of"),
        "confidence": config.NumberColumn("Bought as well", format="percent"),
        "lift": config.NumberColumn("Times chance", format="%.1f"),
        "state": config.TextColumn("Stock"),
    }
    tables.show(
        readable,
        key="offers",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config=columns,
    )
