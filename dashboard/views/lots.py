"""Lots: what is where in stock, when it expires, and counting it."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.expiry import lots_over_time, pieces_by_expiry
from dashboard.components import downloads, explain, figure, item_links, lot_list, pickers, tables
from dashboard.components.count_form import count_form
from dashboard.data import lots, states
from dashboard.data.lots import LotFilter
from dashboard.page import Filters, Page, PageContext
from dashboard.serving import RUN_A_DAY, START

_TABLE = "lots_table"
_LOT_PARAMETER = "lot"
_LOCATIONS = ["shelf", "warehouse"]
_HORIZONS = {"7 days": 7, "14 days": 14, "30 days": 30, "90 days": 90}
_WITHIN = {
    "Expired": -1,
    "Today": 0,
    "2 days": 1,
    "5 days": 5,
    "10 days": 10,
    "30 days": 30,
}


def render(context: PageContext) -> None:
    """Draw the page."""
    tracking = tuple(store.store_id for store in context.chosen if store.tracks_stock)
    if not tracking:
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so there are no lots to show.",
        )
        return
    total = lots.count(tracking)
    if not total:
        explain.nothing(
            "No lot is known so far",
            "No pieces were put on shelves or into the warehouse yet.",
            START,
            RUN_A_DAY,
        )
        return
    _figures(LotFilter(tracking, categories=context.categories))
    wanted = _filters(tracking, context.categories)
    _horizon(wanted, context)
    chosen = _table(wanted, total, context)
    if chosen:
        _item(chosen, context)
    else:
        st.caption("Choose a row to see the lots of its item over time, and to report a count.")


def _figures(wanted: LotFilter) -> None:
    figures = lots.figures(wanted).row(0, named=True)
    shown = {
        "Expired (pcs)": ("expired", "Still in stock after their last day."),
        "Until tomorrow (pcs)": ("within_1", "Their last day is today or tomorrow."),
        "Within 5 days (pcs)": ("within_5", "Those until tomorrow included."),
        "Marked down (pcs)": ("marked_down", "On shelves, with a markdown in force."),
        "Of no known lot (pcs)": (
            "unknown_lot",
            "The books know these pieces, but not the lot they belong to.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (column, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            place.metric(name, figures[column], help=meaning, format="localized")


def _filters(store_ids: tuple[str, ...], categories: tuple[str, ...]) -> LotFilter:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        locations = st.pills(
            "Where",
            _LOCATIONS,
            selection_mode="multi",
            format_func=text.label,
            key="lots_where",
            bind="query-params",
        )
        within = st.selectbox(
            "Expires within",
            list(_WITHIN),
            index=None,
            placeholder="Any time",
            key="within",
            bind="query-params",
        )
        search = pickers.search("Shelf, item or lot", "lots_search")
    return LotFilter(
        store_ids,
        tuple(locations),
        categories,
        within=_WITHIN[within] if within else None,
        text=search,
    )


def _horizon(wanted: LotFilter, context: PageContext) -> None:
    chosen = st.segmented_control(
        "Horizon of the figure",
        list(_HORIZONS),
        default="14 days",
        required=True,
        key="horizon",
        bind="query-params",
    )
    horizon = _HORIZONS[chosen or "14 days"]
    days = lots.by_days(wanted)
    figure.draw(
        lambda: pieces_by_expiry(days, horizon, context.palette),
        "expiry",
        "Pieces by days to expiry on shelves and in the warehouse; the table below lists them",
    )
    later = int(days.filter(pl.col("days_to_expiry") > horizon).get_column("quantity").sum())
    undated = int(days.filter(pl.col("days_to_expiry").is_null()).get_column("quantity").sum())
    if later or undated:
        st.caption(
            f"Not drawn: {text.plural(later, 'piece')} that expire later, and "
            f"{text.plural(undated, 'piece')} whose last day is not known."
        )


def _table(wanted: LotFilter, total: int, context: PageContext) -> str | None:
    """Draw the table; returns the row that is chosen."""
    found = lots.lots(wanted)
    pieces = int(found.get_column("quantity").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'lot')} by place, "
        f"**{text.number(pieces)}** pcs.",
        found.drop("row_id"),
        "lots.csv",
        shown_rows=tables.SHOWN_PLACES,
    )
    tables.restore(_TABLE, _LOT_PARAMETER)
    if found.is_empty():
        st.info("No lot fits the filters.", icon=":material/filter_alt_off:")
    else:
        store = ("store_name",) if len(context.chosen) > 1 else ()
        tables.table(
            item_links.with_addresses(lot_list.readable(found.head(tables.SHOWN_PLACES)), context),
            key=_TABLE,
            id_column="row_id",
            columns=lot_list.columns(
                context.timezone,
                "state",
                *store,
                "item_address",
                "subcategory",
                "category_label",
                "place",
                "lot",
                "quantity",
                "expiry_date",
                "received_date",
                "markdown_percent",
                "last_event_ts",
            ),
            rows="single-row",
            height=360,
        )
    chosen = tables.chosen_ids(_TABLE)
    tables.keep(_LOT_PARAMETER, chosen)
    return chosen[0] if chosen else None


def _item(row_id: str, context: PageContext) -> None:
    """Draw the item of a row: its lots over time, its corrections, and the count form."""
    store_id, _, rest = row_id.partition("/")
    location, item_id, lot = (*rest.split("/", 2), "", "")[:3]
    item = states.item(store_id, item_id)
    if item.is_empty():
        st.info(f"The lot {row_id} of the address is not in stock any more.")
        return
    facts = item.row(0, named=True)
    found = lots.of_item(store_id, item_id)
    with st.container(border=True):
        st.subheader(f"{item_id}, {facts['subcategory']}", anchor=False)
        item_links.button(store_id, item_id, context)
        left, right = st.columns([62, 38], gap="medium")
        with left:
            _over_time(found, context)
            _corrections(store_id, item_id, context)
        with right:
            count_form(facts, found, (location, lot or None), row_id, context)


def _over_time(found: pl.DataFrame, context: PageContext) -> None:
    dated = found.drop_nulls(["batch_code", "received_date", "expiry_date"])
    if dated.is_empty():
        st.caption("None of its pieces belongs to a lot whose dates are known.")
    else:
        figure.draw(
            lambda: lots_over_time(
                dated, context.publication.as_of, context.timezone, context.palette
            ),
            "lots_over_time",
            "Lots of the item from the day they were received to their last day",
        )
    undated = int(found.get_column("quantity").sum()) - int(dated.get_column("quantity").sum())
    if undated and not dated.is_empty():
        st.caption(f"{text.plural(undated, 'more piece')} of no known lot, or without dates.")


def _corrections(store_id: str, item_id: str, context: PageContext) -> None:
    corrections = lots.corrections(store_id, item_id)
    if corrections.is_empty():
        st.subheader("Corrections by counts", anchor=False)
        st.caption("None: no count of this item differed from the books.")
        return
    downloads.heading("Corrections by counts", corrections, f"corrections_{item_id}")
    config = st.column_config
    columns: dict[str, Any] = {
        "event_ts": config.DatetimeColumn(
            "When", format="ddd D MMM, HH:mm", timezone=context.timezone
        ),
        "place": config.TextColumn("Where"),
        "batch_code": config.TextColumn("Lot"),
        "counted_qty": config.NumberColumn("Counted (pcs)", format="localized"),
        "book_qty": config.NumberColumn("Books (pcs)", format="localized"),
        "correction_qty": config.NumberColumn("Correction (pcs)", format="%+d"),
        "actor": config.TextColumn("By"),
        "note": config.TextColumn("Note", width="medium"),
    }
    tables.show(
        corrections.with_columns(
            pl.col("location").map_elements(text.label, return_dtype=pl.String).alias("place")
        ),
        hide_index=True,
        height=tables.height_of(len(corrections), most=220),
        placeholder="",
        column_config=columns,
        key="corrections",
    )


PAGE = Page(
    "Lots",
    ":material/event_upcoming:",
    "lots",
    render,
    allows_all_stores=True,
    filters=Filters(by_category=True),
)
