"""Alerts: what is wrong, who takes care of it, and what became of it."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.alerts import handling_by_day
from dashboard.components import (
    alert_list,
    analysis,
    downloads,
    event_list,
    explain,
    figure,
    item_links,
    item_story,
    pickers,
    signal_list,
    supplier_orders,
    tables,
)
from dashboard.components.trail import trail
from dashboard.data import alerts, signals, stores
from dashboard.data.alerts import AlertFilter
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext, Sections
from dashboard.serving import RUN_A_DAY, START

_TABLE = "alerts_table"
_ALERT_PARAMETER = "alert"
_TYPES = ["refill_request", "supplier_request", "near_expiry"]
_STATUSES = ["open", "ack", "resolved", "dismissed"]
_LOCATIONS = ["shelf", "warehouse"]
_FILTERS = Filters(EVERY_PERIOD, takes_days=True, by_category=True)
_SECTIONS = Sections(
    "show",
    {"stock": "Stock", "unusual": "Unusual", "handling": "How they are handled"},
    "stock",
    {"handling": replace(_FILTERS, by_category=False)},
)


def render(context: PageContext) -> None:
    """Draw the page."""
    total = alerts.count(context.store_ids)
    if total:
        _figures(context)
    section = pickers.section(_SECTIONS)
    if section == "unusual":
        _unusual(context)
    elif not total:
        _none_at_all(context)
    elif section == "handling":
        _handling(context)
    else:
        _stock(total, context)


def _stock(total: int, context: PageContext) -> None:
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
    figures = alerts.figures(context.store_ids, context.categories).row(0, named=True)
    shown: dict[str, tuple[int, str]] = {
        "Critical": (figures["critical"], "Active, and nothing is left there."),
        "High": (figures["high"], "Active, and less than the threshold is left."),
        "Medium": (figures["medium"], "Active: a lot is about to expire."),
        "Open": (figures["open"], "Nobody takes care of them yet."),
        "Acknowledged": (figures["acknowledged"], "Somebody takes care of them."),
        "Opened today": (figures["opened_today"], "Business day of the store."),
        "Resolved today": (figures["resolved_today"], "Business day of the store."),
    }
    by_type = alerts.active_by_type(context.store_ids, context.categories)
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            place.metric(name, value, help=meaning, format="localized")
        told = [
            f"{text.label(kind)} {text.number(counted)}" for kind, counted in by_type.iter_rows()
        ]
        if told:
            st.caption(f"Active: {', '.join(told)}.")


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
        severities = st.pills(
            "Severity",
            list(alert_list.SEVERITIES),
            selection_mode="multi",
            format_func=alert_list.SEVERITIES.__getitem__,
            key="severity",
            bind="query-params",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
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
        search = pickers.search("Shelf, item or alert", "alert_search")
    since, until = context.period.span(_today(context))
    return alerts.alerts(
        context.store_ids,
        AlertFilter(
            severities=tuple(severities),
            types=tuple(types),
            statuses=tuple(statuses),
            locations=tuple(locations),
            categories=context.categories,
            since=since,
            until=until if context.period.days else None,
            text=search,
        ),
    )


def _today(context: PageContext) -> date:
    return stores.business_date(context.store.store_id, context.publication.as_of)


def _table(found: pl.DataFrame, total: int, context: PageContext) -> pl.DataFrame:
    """Draw the table; returns the rows that are chosen."""
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'alert')}, the most severe first: "
        f"{'' if context.period.days else 'active, or '}opened {context.period.when}.",
        found,
        "alerts",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No alert fits the filters.", icon=":material/filter_alt_off:")
        return found
    store = ("store_name",) if len(context.chosen) > 1 else ()
    chosen = tables.table(
        item_links.with_addresses(alert_list.readable(found.head(tables.SHOWN_ROWS)), context),
        key=_TABLE,
        id_column="alert_id",
        columns=alert_list.columns(
            context.timezone,
            "severity_label",
            "state",
            "type_label",
            "action",
            *store,
            "item_address",
            "subcategory",
            "opened_ts",
            "current_stock",
            "low_below_qty",
            "location_label",
            "category_label",
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
        store = next(s for s in context.chosen if s.store_id == alert["store_id"])
        with st.container(horizontal=True):
            item_links.button(store.store_id, alert["shelf_id"], context)
            item_links.to_map(store, alert["category"])
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
        with explain.what_is_missing():
            event_list.behind_alert(alert, context)


def _tasks(alert_id: str, context: PageContext) -> None:
    tasks = alerts.tasks(alert_id)
    if tasks.is_empty():
        return
    st.subheader("Tasks it led to", anchor=False)
    downloads.menu(tasks, f"tasks_{alert_id}")
    config = st.column_config
    tables.show(
        tasks.with_columns(
            pl.col("status").map_elements(text.label, return_dtype=pl.String),
            pl.col("command_type").map_elements(text.label, return_dtype=pl.String),
        ),
        hide_index=True,
        height=tables.height_of(len(tasks), most=180),
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


def _unusual(context: PageContext) -> None:
    """Draw what nobody opens or closes: unusual sales, late orders, bad data."""
    first, last = context.period.span(_today(context))
    zone = ZoneInfo(context.timezone)
    found = signals.signals(
        context.store_ids,
        datetime.combine(first, time(), zone) if first else None,
        datetime.combine(last + timedelta(days=1), time(), zone) if context.period.days else None,
        categories=context.categories,
        sees_all_stores=context.sees_all_stores,
    )
    signal_list.draw(found, context)
    if context.categories:
        st.caption(
            "Only what is about items of these categories: not hours of a store, data or forecasts."
        )
    if not context.sees_all_stores:
        st.caption(
            "What is found over all stores (sales of items by the day, data quality, drift of "
            "forecasts) is told to who may see all of them."
        )


def _handling(context: PageContext) -> None:
    """Draw how fast alerts are dealt with, and whether they pile up."""
    if not analysis.is_built("alert_handling", "How alerts are handled", context):
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        types = st.multiselect(
            "Type",
            _TYPES,
            format_func=text.label,
            placeholder="All types",
            key="handled_type",
            bind="query-params",
            label_visibility="collapsed",
            width=420,
        )
    since, until = context.period.span(_today(context))
    days = alerts.handling(context.store_ids, types, since, until)
    if days.is_empty():
        st.info("No alert fits the filters.", icon=":material/filter_alt_off:")
        return
    opened, resolved, dismissed = (
        text.number(int(days.get_column(name).sum()))
        for name in ("opened", "resolved", "dismissed")
    )
    downloads.summary(
        f"**{opened}** opened, **{resolved}** resolved, **{dismissed}** dismissed; "
        f"**{text.number(days.get_column('backlog')[-1])}** "
        f"{'stood at the end' if context.period.days else 'stand now'}.",
        days,
        "alert_handling",
    )
    figure.draw(
        lambda: handling_by_day(days, context.palette),
        "handling",
        "Alerts opened and closed by business day, and how many were active at its end",
    )
    _times(alerts.handling_by_type(context.store_ids, types, since, until))


def _times(by_type: pl.DataFrame) -> None:
    downloads.summary("**Time to acknowledge and to resolve**, on average:", by_type, "alert_times")
    config = st.column_config
    columns: dict[str, Any] = {
        "type_label": config.TextColumn("Type"),
        "place": config.TextColumn("Where"),
        "opened": config.NumberColumn("Opened", format="localized"),
        "acknowledged": config.NumberColumn("Acknowledged", format="localized"),
        "resolved": config.NumberColumn("Resolved", format="localized"),
        "dismissed": config.NumberColumn("Dismissed", format="localized"),
        "to_acknowledge": config.TextColumn(
            "To acknowledge (MTTA)",
            help="From the opening to the first acknowledgement, by people or by a restock task.",
        ),
        "to_resolve": config.TextColumn(
            "To resolve (MTTR)", help="From the first opening to the last resolution."
        ),
    }

    def words(column: str) -> pl.Expr:
        return (pl.col(column) * 60).map_elements(text.duration, return_dtype=pl.String)

    tables.show(
        by_type.with_columns(
            pl.col("alert_type")
            .map_elements(text.label, return_dtype=pl.String)
            .alias("type_label"),
            pl.col("location").map_elements(text.label, return_dtype=pl.String).alias("place"),
            words("mtta_minutes").alias("to_acknowledge"),
            words("mttr_minutes").alias("to_resolve"),
        ),
        key="alert_times",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(by_type), most=300),
        column_config=columns,
    )


PAGE = Page(
    "Alerts",
    ":material/notifications:",
    "alerts",
    render,
    allows_all_stores=True,
    filters=_FILTERS,
    sections=_SECTIONS,
)
