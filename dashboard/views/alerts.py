"""Alerts: what is wrong, who takes care of it, and what became of it."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import alert_list, explain, item_story, supplier_orders, tables
from dashboard.components.trail import trail
from dashboard.data import alerts
from dashboard.data.alerts import AlertFilter
from dashboard.page import Page, PageContext
from dashboard.serving import RUN_A_DAY, START

_TABLE = "alerts_table"
_ALERT_PARAMETER = "alert"
_SHOWN_ROWS = 2_000
_TYPES = ["refill_request", "supplier_request", "near_expiry"]
_STATUSES = ["open", "ack", "resolved", "dismissed"]
_LOCATIONS = ["shelf", "warehouse"]


def render(context: PageContext) -> None:
    """Draw the page."""
    total = alerts.count(context.store_ids)
    if not total:
        _none_at_all(context)
        return
    _figures(context)
    found = _filtered(context)
    tables.restore(_TABLE, _ALERT_PARAMETER)
    chosen = _table(found, total, context)
    alert_list.action_form(chosen, context, table_key=_TABLE, is_wide=True)
    tables.keep(_ALERT_PARAMETER, chosen.get_column("alert_id").to_list())
    if len(chosen) == 1:
        _detail(chosen.row(0, named=True), context)


def _none_at_all(context: PageContext) -> None:
    if any(store.tracks_stock for store in context.chosen):
        explain.nothing(
            "No alert so far",
            "No stock has fallen below its threshold since the beginning.",
            START,
            RUN_A_DAY,
        )
    else:
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so nothing can be said about its stock.",
        )


def _figures(context: PageContext) -> None:
    figures = alerts.figures(context.store_ids).row(0, named=True)
    shown: dict[str, tuple[Any, str]] = {
        "Open": (figures["open"], "Nobody takes care of them yet."),
        "Acknowledged": (figures["acknowledged"], "Somebody takes care of them."),
        "Opened today": (figures["opened_today"], "Business day of the store."),
        "Resolved today": (figures["resolved_today"], "Business day of the store."),
        "Median time to resolve (min)": (
            figures["median_minutes"],
            "From the first opening to the last resolution, over all resolved alerts.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            known = "none yet" if value is None else round(value)
            place.metric(name, known, help=meaning, format="localized")


def _filtered(context: PageContext) -> pl.DataFrame:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        statuses = st.pills(
            "Status",
            _STATUSES,
            selection_mode="multi",
            default=list(alerts.ACTIVE),
            format_func=text.label,
            key="status",
            bind="query-params",
        )
        types = st.multiselect(
            "Type",
            _TYPES,
            format_func=text.label,
            placeholder="All",
            key="type",
            bind="query-params",
        )
        locations = st.multiselect(
            "Where",
            _LOCATIONS,
            format_func=text.label,
            placeholder="Everywhere",
            key="where",
            bind="query-params",
        )
        categories = st.multiselect(
            "Category",
            alerts.categories(context.store_ids),
            format_func=text.category_label,
            placeholder="All",
            key="alert_category",
            bind="query-params",
        )
        search = st.text_input(
            "Search",
            placeholder="Shelf, item or alert",
            key="alert_search",
            bind="query-params",
            icon=":material/search:",
        )
    return alerts.alerts(
        context.store_ids,
        AlertFilter(
            types=tuple(types),
            statuses=tuple(statuses),
            locations=tuple(locations),
            categories=tuple(categories),
            text=search,
        ),
    )


def _table(found: pl.DataFrame, total: int, context: PageContext) -> pl.DataFrame:
    """Draw the table; returns the rows that are chosen."""
    shown = "" if len(found) <= _SHOWN_ROWS else f" The first {text.number(_SHOWN_ROWS)} are shown."
    st.markdown(f"**{text.number(len(found))}** of {text.plural(total, 'alert')}.{shown}")
    if found.is_empty():
        st.info("No alert fits the filters.", icon=":material/filter_alt_off:")
        return found
    store = ("store_name",) if len(context.chosen) > 1 else ()
    chosen = tables.table(
        alert_list.readable(found.head(_SHOWN_ROWS)),
        key=_TABLE,
        id_column="alert_id",
        columns=alert_list.columns(
            context.timezone,
            "state",
            "type_label",
            *store,
            "location_label",
            "shelf_id",
            "subcategory",
            "category_label",
            "current_stock",
            "low_below_qty",
            "suggested_qty",
            "opened_ts",
            "updated_ts",
            "episodes",
            "last_actor",
        ),
        rows="multi-row",
        height=330,
    )
    return found.filter(pl.col("alert_id").is_in(chosen))


def _detail(alert: dict[str, Any], context: PageContext) -> None:
    with st.container(border=True):
        st.subheader(
            f"{text.label(alert['alert_type'])}: {alert['shelf_id']}, {alert['subcategory']}",
            anchor=False,
        )
        left, right = st.columns([38, 62], gap="medium")
        with left:
            trail(alerts.transitions(alert["alert_id"]), context.timezone)
            _tasks(alert["alert_id"], context)
            if alert["alert_type"] == "supplier_request":
                st.subheader("Orders of the item", anchor=False)
                with explain.what_is_missing():
                    supplier_orders.of_item(alert["store_id"], alert["shelf_id"], context)
            st.caption(f"Alert {alert['alert_id']}")
        with right:
            item_story.trajectory(alert["store_id"], alert["shelf_id"], context)


def _tasks(alert_id: str, context: PageContext) -> None:
    tasks = alerts.tasks(alert_id)
    if tasks.is_empty():
        return
    st.subheader("Tasks it led to", anchor=False)
    config = st.column_config
    st.dataframe(
        tasks.with_columns(
            pl.col("status").map_elements(text.label, return_dtype=pl.String),
            pl.col("command_type").map_elements(text.label, return_dtype=pl.String),
        ),
        hide_index=True,
        height=tables.height_of(len(tasks), most=180),
        column_order=["command_type", "status", "qty", "placed_qty", "issued_ts"],
        column_config={
            "command_type": config.TextColumn("Task"),
            "status": config.TextColumn("Status"),
            "qty": config.NumberColumn("Asked (pcs)"),
            "placed_qty": config.NumberColumn("Placed (pcs)"),
            "issued_ts": config.DatetimeColumn(
                "Issued", format="ddd D MMM, HH:mm", timezone=context.timezone
            ),
        },
    )


PAGE = Page("Alerts", ":material/notifications:", "alerts", render, allows_all_stores=True)
