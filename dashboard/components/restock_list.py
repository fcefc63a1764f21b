"""Goods that came into the warehouse: on which days, and which lots."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import downloads, item_links, tables
from dashboard.data import supply
from dashboard.page import PageContext

_SHOWN_LOTS = 2_000
_TABLE = "supply_restocks"
_REASONS = {"WH_IN": "Delivered", "RESTOCK_RETURN": "Did not fit on the shelf"}


def draw(context: PageContext) -> None:
    """Draw when the warehouses were filled last, the days, and the lots of one of them."""
    today = context.publication.as_of.astimezone(ZoneInfo(context.timezone)).date()
    since, until = context.period.span(today)
    if not context.period.days:
        # Days of stores that are ahead of the first one count as well.
        until += timedelta(days=1)
    days = supply.restocks(context.store_ids, since, until, context.categories).with_columns(
        pl.concat_str("store_id", pl.col("day").cast(pl.String), separator="/").alias("row_id")
    )
    if days.is_empty():
        st.info(f"Nothing came into the warehouse {context.period.when}.", icon=":material/info:")
        return
    newest = days.row(0, named=True)
    downloads.summary(
        f"Restocked last on **{text.local_time(newest['last_ts'], context.timezone)}**"
        f"{_where(newest, context)}, with **{text.number(newest['pieces'])}** pcs of "
        f"{text.plural(newest['lots'], 'lot')} for "
        f"{text.plural(newest['shelves'], 'shelf', 'shelves')} on that day. "
        f"Days on which goods came {context.period.when}:",
        days.drop("row_id"),
        "warehouse_restocks",
    )
    chosen = tables.table(
        days,
        key=_TABLE,
        id_column="row_id",
        columns=_day_columns(context),
        rows="single-row",
        height=248,
    )
    day = days.filter(pl.col("row_id") == chosen[0]).row(0, named=True) if chosen else newest
    _lots(day, context)


def _where(day: dict[str, Any], context: PageContext) -> str:
    return f" in {day['store_name']}" if len(context.chosen) > 1 else ""


def _day_columns(context: PageContext) -> dict[str, Any]:
    config = st.column_config
    store = {"store_name": config.TextColumn("Store")} if len(context.chosen) > 1 else {}
    return {
        "day": config.DateColumn("Day", format="ddd D MMM YYYY"),
        **store,
        "first_ts": config.DatetimeColumn("First lot", format="HH:mm", timezone=context.timezone),
        "last_ts": config.DatetimeColumn("Last lot", format="HH:mm", timezone=context.timezone),
        "shelves": config.NumberColumn(
            "Shelves", format="localized", help="Each shelf has one item."
        ),
        "lots": config.NumberColumn("Lots", format="localized"),
        "pieces": config.NumberColumn("Came in (pcs)", format="localized"),
        "returned_pieces": config.NumberColumn(
            "Of these not placed (pcs)",
            format="localized",
            help="Were to go onto shelves, and did not fit.",
        ),
    }


def _lots(day: dict[str, Any], context: PageContext) -> None:
    found = supply.restocked_lots(day["store_id"], day["day"], context.categories)
    date = day["day"]
    downloads.summary(
        f"**Lots** of {date:%a} {date.day} {date:%b}{_where(day, context)}, the last ones first:",
        found,
        "warehouse_lots",
        shown_rows=_SHOWN_LOTS,
    )
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(_SHOWN_LOTS), context).with_columns(
            pl.col("reason").replace(_REASONS)
        ),
        key="warehouse_lots",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_order=[
            *("event_ts", "item_address", "subcategory", "batch_code", "reason", "quantity"),
            *("left_now", "expiry_date", "came_for"),
        ],
        column_config={
            "event_ts": config.DatetimeColumn(
                "Scanned in", format="HH:mm:ss", timezone=context.timezone, width=85
            ),
            **item_links.column(),
            "subcategory": config.TextColumn("Item", width=140),
            "batch_code": config.TextColumn("Lot", width=175),
            "reason": config.TextColumn("Reason", width=150),
            "quantity": config.NumberColumn("Came in (pcs)", format="localized", width=100),
            "left_now": config.NumberColumn(
                "There now (pcs)",
                format="localized",
                width=110,
                help="Pieces of the lot that are in the warehouse now.",
            ),
            "expiry_date": config.DateColumn("Last day", format="D MMM YYYY", width=100),
            "came_for": config.TextColumn("Order or task"),
        },
    )
