"""States: stock on every shelf and in every warehouse, by item or lot; the story of one item."""

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
from dashboard.data.lots import LotFilter
from dashboard.data.states import StateFilter
from dashboard.page import Filters, Page, PageContext
from dashboard.serving import RUN_A_DAY, START

_TABLE, _LOT_TABLE = "states_item", "states_lot"
_ITEM_PARAMETER, _LOT_PARAMETER = "item", "lot"
_HEIGHT = 440
_PLACES = {
    "shelf": "Shelves",
    "warehouse": "Warehouse",
    "shelf_lots": "Lots on shelves",
    "warehouse_lots": "Lots in the warehouse",
}
_LOTS = {"shelf_lots": "shelf", "warehouse_lots": "warehouse"}
_NOUNS = {"shelf": ("shelf", "shelves"), "warehouse": ("warehouse place", "warehouse places")}
_LOT_NOUNS = {
    "shelf": ("lot on shelves", "lots on shelves"),
    "warehouse": ("lot in the warehouse", "lots in the warehouse"),
}


def render(context: PageContext) -> None:
    """Draw the page."""
    tracking = tuple(store.store_id for store in context.chosen if store.tracks_stock)
    if not tracking:
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so there is no stock to show.",
        )
        return
    place, wanted = _filters(tracking, context.categories)
    if not states.total("shelf", tracking):
        explain.nothing(
            "No stock was counted yet",
            "The stores are known, but nothing has been put on their shelves so far.",
            START,
            RUN_A_DAY,
        )
        return
    chosen = (
        _lots_in_stock(_LOTS[place], wanted, context)
        if place in _LOTS
        else _stock(place, wanted, context)
    )
    if chosen:
        _detail(*chosen, context)
    else:
        st.caption("Choose a row to see how the stock of the item has developed.")


def _filters(store_ids: tuple[str, ...], categories: tuple[str, ...]) -> tuple[str, StateFilter]:
    known = states.subcategories(store_ids)
    if categories:
        known = known.filter(pl.col("category").is_in(categories))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = (
            st.segmented_control(
                "Stock on",
                list(_PLACES),
                default="shelf",
                required=True,
                format_func=_PLACES.__getitem__,
                key="stock",
                bind="query-params",
            )
            or "shelf"
        )
        subcategory = st.selectbox(
            "Subcategory",
            known.get_column("subcategory").unique().sort().to_list(),
            index=None,
            placeholder="All",
            key="subcategory",
            bind="query-params",
        )
        sought = "Shelf, item or lot" if place in _LOTS else "Shelf or item"
        search = pickers.search(sought, "search")
        only_low = place not in _LOTS and st.toggle(
            "Only low", key="low", bind="query-params", width="content"
        )
    return place, StateFilter(store_ids, categories, subcategory, search, only_low)


def _stock(location: str, wanted: StateFilter, context: PageContext) -> tuple[str, str] | None:
    """Draw the stock of every item at a location; returns store and item of the row chosen."""
    found = states.states(location, wanted).with_columns(
        pl.concat_str("store_id", "shelf_id", separator="/").alias("row_id"),
        text.category_labels(),
        (pl.col("fill_rate") * 100).round().cast(pl.Int64).alias("fill_percent"),
        pl.when("is_low").then(pl.lit("▲ low")).otherwise(pl.lit("✓")).alias("state"),
    )
    low = int(found.get_column("is_low").sum())
    total = text.plural(states.total(location, wanted.store_ids), *_NOUNS[location])
    downloads.summary(
        f"**{text.number(len(found))}** of {total}, **{text.number(low)}** low.",
        found.drop("row_id", "fill_percent", "state"),
        f"{location}_state.csv",
        shown_rows=tables.SHOWN_PLACES,
    )
    tables.restore(_TABLE, _ITEM_PARAMETER)
    shown = found.drop("fill_rate", "is_low")
    _table(_TABLE, shown, _columns(location, context), context)
    chosen = tables.chosen_ids(_TABLE)
    tables.keep(_ITEM_PARAMETER, chosen)
    tables.keep(_LOT_PARAMETER, [])
    if not chosen:
        return None
    store_id, _, item_id = chosen[0].partition("/")
    return store_id, item_id


def _lots_in_stock(
    location: str, wanted: StateFilter, context: PageContext
) -> tuple[str, str] | None:
    """Draw the lots at a location; returns store and item of the row chosen."""
    found = lots.lots(
        LotFilter(
            wanted.store_ids,
            (location,),
            wanted.categories,
            wanted.subcategory,
            text=wanted.text,
        )
    )
    pieces = int(found.get_column("quantity").sum())
    total = text.plural(lots.count(wanted.store_ids, (location,)), *_LOT_NOUNS[location])
    downloads.summary(
        f"**{text.number(len(found))}** of {total}, **{text.number(pieces)}** pcs; what expires "
        "first is at the top.",
        found.drop("row_id"),
        f"{location}_lots.csv",
        shown_rows=tables.SHOWN_PLACES,
    )
    tables.restore(_LOT_TABLE, _LOT_PARAMETER)
    columns = lot_list.columns(
        context.timezone,
        "state",
        *(("store_name",) if len(context.chosen) > 1 else ()),
        "item_address",
        "subcategory",
        "category_label",
        "lot",
        "quantity",
        "expiry_date",
        "received_date",
        *(("markdown_percent",) if location == "shelf" else ()),
        "last_event_ts",
    )
    shown = lot_list.readable(found.head(tables.SHOWN_PLACES))
    _table(_LOT_TABLE, shown, columns, context)
    chosen = tables.chosen_ids(_LOT_TABLE)
    tables.keep(_LOT_PARAMETER, chosen)
    tables.keep(_ITEM_PARAMETER, [])
    if not chosen:
        return None
    store_id, _, rest = chosen[0].partition("/")
    return store_id, rest.split("/")[1] if "/" in rest else rest


def _table(key: str, found: pl.DataFrame, columns: dict[str, Any], context: PageContext) -> None:
    """Draw rows that lead to their item."""
    if found.is_empty():
        st.info("No row fits the filters.", icon=":material/filter_alt_off:")
        return
    tables.table(
        item_links.with_addresses(found.head(tables.SHOWN_PLACES), context),
        key=key,
        id_column="row_id",
        columns=columns,
        rows="single-row",
        height=_HEIGHT,
    )


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


def _detail(store_id: str, item_id: str, context: PageContext) -> None:
    found = states.item(store_id, item_id)
    if found.is_empty():
        st.info(f"The item {store_id}/{item_id} of the address is not carried any more.")
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
