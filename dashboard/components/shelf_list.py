"""Shelves as a list of fill bars."""

from html import escape
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text

_TASK_TONES = {
    "pending": "ss-caution",
    "issued": "ss-caution",
    "in_transit": "ss-caution",
    "short": "ss-critical",
    "failed": "ss-critical",
    "expired": "ss-critical",
    "overdue": "ss-critical",
}


def shelf_list(shelves: pl.DataFrame, timezone: str) -> None:
    """Draw shelves.

    Args:
        shelves: Rows of `data.store_map.shelves`, with item_address.
        timezone: Of the store.
    """
    rows = "".join(_row(shelf, timezone) for shelf in shelves.iter_rows(named=True))
    st.html(
        '<div class="ss-scroll" tabindex="0"><table class="ss-table"><thead><tr>'
        "<th>Shelf</th><th>Fill, with the low mark</th>"
        '<th class="ss-number">Pieces</th><th>State</th><th>Restock task</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(shelf: dict[str, Any], timezone: str) -> str:
    stock, capacity = shelf["current_stock"], shelf["shelf_capacity"]
    return (
        f'<tr><td><a class="ss-code" href="{escape(shelf["item_address"])}" target="_blank">'
        f"{escape(shelf['shelf_id'])}</a><br>"
        f'<span class="ss-muted">{escape(shelf["subcategory"])}</span></td>'
        f"<td>{_bar(shelf)}</td>"
        f'<td class="ss-number">{text.number(stock)} / {text.number(capacity)}</td>'
        f'<td class="ss-state">{_state(shelf)}</td>'
        f"<td>{_task(shelf, timezone)}</td></tr>"
    )


def _bar(shelf: dict[str, Any]) -> str:
    capacity = max(shelf["shelf_capacity"], 1)
    filled = min(max(shelf["fill_rate"], 0), 1)
    mark = min(shelf["low_below_qty"] / capacity, 1)
    low = " ss-low" if shelf["is_low"] else ""
    return (
        f'<div class="ss-bar{low}" title="{filled:.0%} full, low below {mark:.0%}">'
        f'<i style="width:{filled:.1%}"></i><b style="left:{mark:.1%}"></b></div>'
    )


def _state(shelf: dict[str, Any]) -> str:
    if shelf["current_stock"] <= 0:
        return '<span class="ss-critical">▲ Empty</span>'
    if shelf["is_low"]:
        return '<span class="ss-critical">▲ Low</span>'
    return '<span class="ss-muted">✓</span>'


def _task(shelf: dict[str, Any], timezone: str) -> str:
    status = shelf["task_status"]
    if not status:
        return ""
    tone = _TASK_TONES.get(status, "ss-muted")
    return (
        f'<span class="{tone}">{text.label(status)}, {text.number(shelf["task_qty"])} pcs</span>'
        f'<br><span class="ss-muted">{text.short_time(shelf["task_ts"], timezone)}</span>'
    )
