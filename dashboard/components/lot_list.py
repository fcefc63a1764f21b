"""Lots in a table."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import expiry, pending, text
from dashboard.components import downloads, item_links, tables
from dashboard.page import PageContext

NO_LOT = "no known lot"


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Add words to rows of `data.lots.lots`: state, lot, place, category_label, markdown_percent.

    A lot with a count on its way, its own or that of the whole item, says so in its state.
    """
    sent = list(pending.actions("count"))
    whole_item = pl.concat_str("store_id", "location", "shelf_id", pl.lit(""), separator="/")
    counted = pl.col("row_id").is_in(sent) | whole_item.is_in(sent)
    when = pl.Series(
        [expiry.words(days) for days in frame.get_column("days_to_expiry")], dtype=pl.String
    )
    return frame.with_columns(
        pl.when(counted).then(pl.lit("⏳ counted")).otherwise(when).alias("state"),
        pl.col("batch_code").fill_null(NO_LOT).alias("lot"),
        pl.col("location").map_elements(text.label, return_dtype=pl.String).alias("place"),
        text.category_labels().alias("category_label"),
        pl.when(pl.col("markdown") > 0)
        .then((pl.col("markdown").cast(pl.Float64) * 100).round(1))
        .alias("markdown_percent"),
    )


def of_item(found: pl.DataFrame, item_id: str, context: PageContext) -> None:
    """Draw the lots of one item.

    Args:
        found: Rows of `data.lots.of_item`.
        item_id: The item.
        context: Of the page.
    """
    if found.is_empty():
        st.caption("None in stock.")
        return
    pieces = int(found.get_column("quantity").sum())
    downloads.summary(
        f"**{text.number(pieces)}** pcs in {text.plural(len(found), 'lot')} by place.",
        found.drop("row_id"),
        f"lots_{item_id}",
    )
    shown = columns(
        context.timezone,
        "state",
        "place",
        "lot",
        "quantity",
        "expiry_date",
        "received_date",
        "markdown_percent",
    )
    tables.show(
        readable(found),
        hide_index=True,
        height=tables.height_of(len(found), most=220),
        placeholder="",
        column_order=list(shown),
        column_config=shown,
        key="item_lots",
    )


def columns(timezone: str, *names: str) -> dict[str, Any]:
    """Return the configuration of columns of a table of lots, by name."""
    config = st.column_config
    known = {
        "state": config.TextColumn("Expires", width=130),
        "store_name": config.TextColumn("Store"),
        **item_links.column(),
        "subcategory": config.TextColumn("Item", width=140),
        "category_label": config.TextColumn("Category", width=150),
        "place": config.TextColumn("Where", width=90),
        "lot": config.TextColumn("Lot", width=140),
        "quantity": config.NumberColumn("Pieces", format="localized"),
        "expiry_date": config.DateColumn("Last day", format="ddd D MMM YYYY"),
        "received_date": config.DateColumn("Received", format="ddd D MMM YYYY"),
        "markdown_percent": config.NumberColumn(
            "Markdown (%)", format="localized", help="In force now."
        ),
        "last_event_ts": config.DatetimeColumn(
            "Last movement", format="ddd D MMM, HH:mm", timezone=timezone
        ),
    }
    return {name: known[name] for name in names}
