"""One item of a store: what it is, where its stock stands, and how it came to that."""

from datetime import timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.stock import Window, stock_over_time
from dashboard.components import figure, kept
from dashboard.data import states
from dashboard.page import PageContext

# Name of the time span in the URL: not that of the periods of the analytics, which are others.
_SPAN = "stock_span"
_SPANS = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "all": "All"}
_LENGTHS: dict[str, timedelta | None] = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}


def _span() -> str:
    """Draw the choice of the time span; the URL keeps it, and the other pages that draw stock."""
    usual = "7d"
    wanted = kept.wanted(_SPAN)
    is_given = kept.restore(_SPAN, wanted)
    chosen: str | None = st.segmented_control(
        "Period",
        list(_SPANS),
        default=None if is_given else usual,
        required=True,
        format_func=_SPANS.__getitem__,
        key=_SPAN,
        bind="query-params",
        label_visibility="collapsed",
    )
    kept.keep(_SPAN, chosen or usual)
    return chosen or usual


def facts(found: dict[str, Any], currency: str) -> None:
    """Draw what a row of `data.states.item` says, in figures."""
    shelf, warehouse = st.columns(2)
    with shelf:
        st.metric("On the shelf (pcs)", found["shelf_stock"], format="localized")
        st.caption(
            f"of {text.number(found['shelf_capacity'])}; low below {found['low_below_qty']}, "
            f"target {found['target_qty']}"
        )
    with warehouse:
        st.metric("In the warehouse (pcs)", found["warehouse_stock"], format="localized")
        st.caption(
            f"of {text.number(found['warehouse_capacity'])}; low below {found['reorder_point']}"
        )
    kind = "perishable" if found["is_perishable"] else "long-life"
    st.caption(
        f"{text.category_label(found['category'])}, aisle {found['aisle']}, {kind}. "
        f"List price {text.formatted(found['list_price'], ',.2f')} {currency}; "
        f"batches of {text.number(found['batch_size'])} pcs; "
        f"{text.plural(found['in_transit'], 'piece')} on the way to the shelf."
    )


def trajectory(
    store_id: str, item_id: str, context: PageContext, marks: pl.DataFrame | None = None
) -> None:
    """Draw the stock over time, with a choice of the time span.

    Args:
        store_id: Store.
        item_id: Item.
        context: Of the page.
        marks: Rows of `data.items.marks`, where they are to be drawn.
    """
    length = _LENGTHS[_span()]
    as_of = context.publication.as_of
    window = Window(as_of - length if length else None, as_of, context.timezone)
    movements = states.trajectory(store_id, item_id, window.start)
    if movements.is_empty():
        st.caption("Nothing was moved yet.")
        return
    figure.draw(
        lambda: stock_over_time(
            movements, states.thresholds(store_id, item_id), window, context.palette, marks
        ),
        "trajectory",
        f"Stock of {item_id} on the shelf and in the warehouse over time",
    )
