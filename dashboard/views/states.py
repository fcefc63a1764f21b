"""States: stock on every shelf and in every warehouse, and the story of one item."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import (
    downloads,
    explain,
    item_links,
    item_story,
    lot_list,
    pickers,
    tables,
)
from dashboard.data import lots, states
from dashboard.data.states import StateFilter
from dashboard.page import Filters, Page, PageContext
from dashboard.serving import RUN_A_DAY, START

_TABLE = "states_item"
_ITEM_PARAMETER = "item"
_SHOWN_ROWS = 2_000
_NOUNS = {"shelf": ("shelf", "shelves"), "warehouse": ("warehouse place", "warehouse places")}


def render(context: PageContext) -> None:
    """Draw the page."""
    tracking = tuple(store.store_id for store in context.chosen if store.tracks_stock)
    if not tracking:
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so there is no stock to show.",
        )
        return
    location, wanted = _filters(tracking, context.categories)
    total = states.total(location, tracking)
    if not total:
        explain.nothing(
            "No stock was counted yet",
            "The stores are known, but nothing has been put on their shelves so far.",
            START,
            RUN_A_DAY,
        )
        return
    found = states.states(location, wanted).with_columns(
        pl.concat_str("store_id", "shelf_id", separator="/").alias("row_id"),
        text.category_labels(),
        (pl.col("fill_rate") * 100).round().cast(pl.Int64).alias("fill_percent"),
        pl.when("is_low").then(pl.lit("▲ low")).otherwise(pl.lit("✓")).alias("state"),
    )
    _summary(location, found, total)
    tables.restore(_TABLE, _ITEM_PARAMETER)
    chosen = _table(location, found, context)
    if chosen:
        _detail(chosen, context)
    else:
        st.caption("Choose a row to see how the stock of the item has developed.")


def _filters(store_ids: tuple[str, ...], categories: tuple[str, ...]) -> tuple[str, StateFilter]:
    known = states.subcategories(store_ids)
    if categories:
        known = known.filter(pl.col("category").is_in(categories))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        location = st.segmented_control(
            "Stock on",
            ["shelf", "warehouse"],
            default="shelf",
            required=True,
            format_func={"shelf": "Shelves", "warehouse": "Warehouse"}.__getitem__,
            key="stock",
            bind="query-params",
        )
        subcategory = st.selectbox(
            "Subcategory",
            known.get_column("subcategory").unique().sort().to_list(),
            index=None,
            placeholder="All",
            key="subcategory",
            bind="query-params",
        )
        search = pickers.search("Shelf or item", "search")
        only_low = st.toggle("Only low", key="low", bind="query-params", width="content")
    return location or "shelf", StateFilter(store_ids, categories, subcategory, search, only_low)


def _summary(location: str, found: pl.DataFrame, total: int) -> None:
    one, many = _NOUNS[location]
    low = int(found.get_column("is_low").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, one, many)}, "
        f"**{text.number(low)}** low.",
        found.drop("row_id", "fill_percent", "state"),
        f"{location}_state.csv",
        shown_rows=_SHOWN_ROWS,
    )


def _table(location: str, found: pl.DataFrame, context: PageContext) -> str | None:
    """Draw the table; returns the row that is chosen."""
    if found.is_empty():
        st.info("No row fits the filters.", icon=":material/filter_alt_off:")
    else:
        tables.table(
            item_links.with_addresses(found.head(_SHOWN_ROWS), context),
            key=_TABLE,
            id_column="row_id",
            columns=_columns(location, context),
            rows="single-row",
            height=440,
        )
    chosen = tables.chosen_ids(_TABLE)
    tables.keep(_ITEM_PARAMETER, chosen)
    return chosen[0] if chosen else None


def _columns(location: str, context: PageContext) -> dict[str, Any]:
    config = st.column_config

    def pieces(label: str, meaning: str | None = None) -> Any:
        return config.NumberColumn(f"{label} (pcs)", format="localized", help=meaning)

    store = {"store_name": config.TextColumn("Store")} if len(context.chosen) > 1 else {}
    common = store | {
        **item_links.column(),
        "subcategory": config.TextColumn("Item", width=150),
        "category": config.TextColumn("Category", width=165),
    }
    fill = {
        "state": config.TextColumn("State", width=60),
        "fill_percent": config.ProgressColumn(
            "Fill (%)", format="%d", min_value=0, max_value=100, width=130
        ),
        "current_stock": pieces("Stock"),
    }
    last = {
        "last_event_ts": config.DatetimeColumn(
            "Last movement", format="ddd D MMM, HH:mm", timezone=context.timezone
        )
    }
    if location == "shelf":
        return (
            common
            | {"aisle": config.NumberColumn("Aisle", width=55)}
            | fill
            | {
                "shelf_capacity": pieces("Capacity"),
                "low_below_qty": pieces("Low below"),
                "target_qty": pieces("Target", "Quantity to fill up to."),
                "in_transit": pieces("On the way", "Pieces staff carry to it."),
                "in_carts": pieces("In carts", "Picked up and not paid yet."),
            }
            | last
        )
    return (
        common
        | fill
        | {
            "warehouse_capacity": pieces("Capacity"),
            "reorder_point": pieces("Reorder point", "Stock below this is low."),
            "batch_size": pieces("Batch", "Pieces in a supplier batch."),
        }
        | last
    )


def _detail(row_id: str, context: PageContext) -> None:
    store_id, _, item_id = row_id.partition("/")
    found = states.item(store_id, item_id)
    if found.is_empty():
        st.info(f"The item {row_id} of the address is not carried any more.")
        return
    item = found.row(0, named=True)
    currency = next((s.currency for s in context.chosen if s.store_id == store_id), "")
    with st.container(border=True):
        st.subheader(f"{item_id}, {item['subcategory']}", anchor=False)
        item_links.button(store_id, item_id, context)
        left, right = st.columns([28, 72], gap="medium")
        with left:
            item_story.facts(item, currency)
        with right:
            item_story.trajectory(store_id, item_id, context)
        with explain.what_is_missing():
            _lots(store_id, item_id, context)


def _lots(store_id: str, item_id: str, context: PageContext) -> None:
    st.subheader("Lots", anchor=False)
    lot_list.of_item(lots.of_item(store_id, item_id), item_id, context)
    st.caption("Counts and corrections of lots: see Lots.")


PAGE = Page(
    "States",
    ":material/inventory_2:",
    "states",
    render,
    allows_all_stores=True,
    filters=Filters(by_category=True),
)
