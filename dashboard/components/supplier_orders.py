"""Supplier orders in a table: what was ordered, and what came."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import downloads, item_links, tables
from dashboard.data import supply
from dashboard.page import PageContext


def of_item(store_id: str, item_id: str, context: PageContext) -> None:
    """Draw the orders of one item, the newest first."""
    found = supply.of_item(store_id, item_id)
    if found.is_empty():
        st.caption("Nothing of it has been ordered so far.")
    else:
        downloads.summary(
            f"**{text.plural(len(found), 'order')}**, the newest first:", found, f"orders_{item_id}"
        )
        order_table(found, context, key="item_orders", height=180, with_item=False)


def order_table(
    found: pl.DataFrame, context: PageContext, *, key: str, height: int, with_item: bool
) -> None:
    """Draw rows of `data.supply.orders`.

    Args:
        found: The rows.
        context: Of the page.
        key: Of the table.
        height: At most, pixels.
        with_item: Whether the rows are about different items; else only what differs between
            orders of one item is shown.
    """
    columns = _columns(context, with_item=with_item)
    tables.show(
        item_links.with_addresses(_readable(found), context),
        hide_index=True,
        height=tables.height_of(len(found), most=height),
        placeholder="",
        column_config=columns,
        key=key,
    )


def _readable(found: pl.DataFrame) -> pl.DataFrame:
    differs = pl.col("received_qty").ne_missing(pl.col("ordered_qty"))
    return found.with_columns(
        pl.when(pl.col("status") == "overdue")
        .then(pl.lit("▲ Overdue"))
        .when(pl.col("status") == "issued")
        .then(pl.lit("● Issued"))
        .when(differs)
        .then(pl.lit("◆ Delivered, differs"))
        .otherwise(pl.lit("✓ Delivered"))
        .alias("state"),
        text.category_labels(),
    )


def _columns(context: PageContext, *, with_item: bool) -> dict[str, Any]:
    config = st.column_config

    def pieces(label: str, meaning: str | None = None) -> Any:
        return config.NumberColumn(f"{label} (pcs)", format="localized", help=meaning)

    def moment(label: str) -> Any:
        return config.DatetimeColumn(label, format="ddd D MMM, HH:mm", timezone=context.timezone)

    state = {"state": config.TextColumn("State", width=135)}
    quantities = {
        "ordered_qty": pieces("Ordered"),
        "received_qty": pieces("Received", "Good pieces, put into the warehouse."),
        "damaged_qty": pieces("Damaged", "Came broken and were not taken in."),
        "missing_qty": pieces("Missing", "Neither received nor damaged, once delivered."),
    }
    due = {"delivery_ts": moment("Delivery due")}
    if not with_item:
        return state | due | quantities
    store = {"store_name": config.TextColumn("Store")} if len(context.chosen) > 1 else {}
    item = {
        **item_links.column(),
        "subcategory": config.TextColumn("Item", width=140),
        "category": config.TextColumn("Category", width=150),
    }
    more = {
        "ordered_value": config.NumberColumn(
            "Value", format="%.2f", help="Of what was ordered, at list price."
        ),
        "currency": config.TextColumn("Currency", width=70),
        "cutoff_ts": moment("Cutoff"),
        **due,
        "delivered_ts": moment("Delivered"),
        "order_id": config.TextColumn("Order"),
    }
    return state | store | item | quantities | more
