"""Supply: what will be ordered from the supplier, what was ordered, and what came of it."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.deliveries import deliveries_by_day
from dashboard.charts.supply_timeline import timeline
from dashboard.components import (
    downloads,
    explain,
    figure,
    item_links,
    item_story,
    order_list,
    pickers,
    restock_list,
    supplier_orders,
    tables,
)
from dashboard.components.order_story import order_story
from dashboard.data import supply
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext, Sections
from dashboard.serving import RUN_A_DAY, START

_PLAN = "supply_plan"
_CUTOFFS = "supply_cutoffs"
_LINE_PARAMETER = "line"
_SHOWN_DELIVERIES = 30
# More stores than that share the lines of the timeline.
_STORES_WITH_LINES = 3
_SHOWN_CUTOFFS = 9
_STATUSES = ["issued", "overdue", "delivered"]
_FILTERS = Filters(EVERY_PERIOD, takes_days=True, by_category=True)
_SECTIONS = Sections(
    "supply",
    {
        "plan": "Next cutoff",
        "orders": "Orders",
        "deliveries": "Deliveries",
        "warehouse": "Warehouse",
        "cutoffs": "Past cutoffs",
    },
    "plan",
    {"plan": Filters(by_category=True), "cutoffs": replace(_FILTERS, by_category=False)},
)


def render(context: PageContext) -> None:
    """Draw the page."""
    if not any(store.tracks_stock for store in context.chosen):
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so nothing is ordered for it.",
        )
        return
    cutoffs = supply.cutoffs(context.store_ids)
    orders = supply.count_orders(context.store_ids)
    if cutoffs.is_empty() and not orders:
        explain.nothing(
            "No supplier order so far",
            "Neither a cutoff nor an order of a supplier is known.",
            START,
            RUN_A_DAY,
        )
        return
    _figures(cutoffs, context)
    section = pickers.section(_SECTIONS)
    if section == "orders":
        _orders(orders, context)
    elif section == "deliveries":
        _deliveries(context)
    elif section == "warehouse":
        with explain.what_is_missing():
            restock_list.draw(context)
    elif section == "cutoffs":
        _cutoffs(cutoffs, context)
    else:
        _plan(context)


def _figures(cutoffs: pl.DataFrame, context: PageContext) -> None:
    figures = supply.figures(context.store_ids, context.categories).row(0, named=True)
    coming = cutoffs.filter(pl.col("status") == "next").sort("cutoff_ts")
    with st.container(border=True, key="figures"):
        places = st.columns([3, 3, 2, 2, 2, 2, 2])
        for place, name, column in (
            (places[0], "Next cutoff", "cutoff_ts"),
            (places[1], "Next delivery", "delivery_ts"),
        ):
            moments = coming.get_column(column).drop_nulls().sort()
            _moment(place, name, moments[0] if len(moments) else None, context)
        counts: dict[str, tuple[int, str]] = {
            "Planned lines": (
                figures["planned_lines"],
                "Lines that will be ordered at the next cutoff as things stand.",
            ),
            "Planned (pcs)": (figures["planned_pieces"], "Pieces of these lines."),
            "Held back": (figures["held_lines"], "Lines that somebody held back."),
            "On order (pcs)": (
                figures["ordered_pieces"],
                "Ordered and not there yet, overdue ones included.",
            ),
            "Overdue orders": (
                figures["overdue_lines"],
                f"Delivery was due: {text.plural(figures['overdue_pieces'], 'piece')}.",
            ),
        }
        for place, (name, (value, meaning)) in zip(places[2:], counts.items(), strict=True):
            place.metric(name, value, help=meaning, format="localized")


def _moment(place: Any, name: str, moment: datetime | None, context: PageContext) -> None:
    if moment is None:
        place.metric(name, "none")
        return
    place.metric(
        name,
        text.short_time(moment, context.timezone),
        delta=text.countdown(moment, context.publication.as_of),
        delta_color="off",
        delta_arrow="off",
        help=f"{text.local_time(moment, context.timezone)}, by the clock of the stores.",
    )


def _plan(context: PageContext) -> None:
    total = len(supply.plan(context.store_ids))
    if not total:
        st.success(
            "Nothing needs to be ordered for the next cutoff so far.",
            icon=":material/check_circle:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        decisions = st.multiselect(
            "Decision",
            list(order_list.DECISIONS),
            format_func=order_list.DECISIONS.__getitem__,
            placeholder="All",
            key="decision",
            bind="query-params",
        )
        bounds = st.multiselect(
            "Bound by",
            list(order_list.BOUNDS),
            format_func=order_list.BOUNDS.__getitem__,
            placeholder="Anything",
            key="bound",
            bind="query-params",
        )
        search = pickers.search("Shelf or item", "plan_search")
    found = order_list.readable(
        supply.plan(
            context.store_ids,
            decisions=decisions,
            bounds=bounds,
            categories=context.categories,
            text=search,
        )
    )
    pieces = int(found.get_column("order_qty").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'line')}, "
        f"**{text.number(pieces)}** pcs to order.",
        found.drop("row_id", "state", "bound_label", "category_label"),
        "supplier_plan.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    tables.restore(_PLAN, _LINE_PARAMETER)
    if found.is_empty():
        st.info("No line fits the filters.", icon=":material/filter_alt_off:")
        return
    chosen_ids = tables.table(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context),
        key=_PLAN,
        id_column="row_id",
        columns=order_list.columns(with_store=len(context.chosen) > 1),
        rows="multi-row",
        height=360,
    )
    chosen = found.filter(pl.col("row_id").is_in(chosen_ids))
    order_list.decision_form(chosen, context, table_key=_PLAN)
    tables.keep(_LINE_PARAMETER, chosen_ids)
    if len(chosen) == 1:
        _line(chosen.row(0, named=True), context)


def _line(line: dict[str, Any], context: PageContext) -> None:
    with st.container(border=True):
        st.subheader(f"{line['shelf_id']}, {line['subcategory']}", anchor=False)
        item_links.button(line["store_id"], line["shelf_id"], context)
        left, right = st.columns([38, 62], gap="medium")
        with left:
            order_story(line, context.timezone)
            st.subheader("Its orders", anchor=False)
            supplier_orders.of_item(line["store_id"], line["shelf_id"], context)
        with right:
            item_story.trajectory(line["store_id"], line["shelf_id"], context)


def _orders(total: int, context: PageContext) -> None:
    if not total:
        st.info("Nothing has been ordered so far: no cutoff has passed.", icon=":material/info:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        statuses = st.pills(
            "Status",
            _STATUSES,
            selection_mode="multi",
            format_func=text.label,
            key="order_status",
            bind="query-params",
        )
        search = pickers.search("Shelf, item or order", "order_search")
        only_differences = st.toggle(
            "Only with differences",
            key="differences",
            bind="query-params",
            width="content",
            help="Delivered orders that did not bring exactly what was ordered.",
        )
    since, until = _due(context)
    found = supply.orders(
        context.store_ids,
        since=since,
        until=until,
        statuses=statuses,
        categories=context.categories,
        text=search,
        only_differences=only_differences,
    )
    pieces = int(found.get_column("ordered_qty").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'order')}, "
        f"**{text.number(pieces)}** pcs, due {context.period.when}"
        f"{'' if context.period.days else ' or still to come'}.",
        found,
        "supplier_orders.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No order fits the filters.", icon=":material/filter_alt_off:")
        return
    supplier_orders.order_table(
        found.head(tables.SHOWN_ROWS), context, key="supply_orders", height=520, with_item=True
    )


def _deliveries(context: PageContext) -> None:
    days = supply.deliveries(context.store_ids, *_due(context), context.categories)
    if days.is_empty():
        st.info(
            "Nothing was due on these days."
            if supply.count_orders(context.store_ids)
            else "Nothing has been ordered so far, so nothing came.",
            icon=":material/info:",
        )
        return
    _timeline(context)
    shown = days.tail(_SHOWN_DELIVERIES)
    downloads.summary(
        f"**{text.plural(len(days), 'delivery day')}**"
        + (f", the last {_SHOWN_DELIVERIES} are drawn." if len(shown) < len(days) else "."),
        days,
        "deliveries.csv",
    )
    figure.draw(
        lambda: deliveries_by_day(shown, context.palette),
        "deliveries",
        "Pieces received, damaged, missing and not there yet by delivery day, and the delay; "
        "the table below has the same figures",
    )
    config = st.column_config
    columns = {
        "delivery_date": config.DateColumn("Delivery due", format="ddd D MMM YYYY"),
        "lines": config.NumberColumn("Orders", format="localized"),
        "ordered": config.NumberColumn("Ordered (pcs)", format="localized"),
        "received": config.NumberColumn("Received (pcs)", format="localized"),
        "damaged": config.NumberColumn("Damaged (pcs)", format="localized"),
        "missing": config.NumberColumn("Missing (pcs)", format="localized"),
        "outstanding": config.NumberColumn("Not there yet (pcs)", format="localized"),
        "delay_minutes": config.NumberColumn(
            "Delay (min)", format="localized", help="Of the latest receipt of the day."
        ),
    }
    tables.show(
        days.reverse(),
        hide_index=True,
        height=tables.height_of(len(days), most=320),
        placeholder="",
        column_config=columns,
        key="deliveries_table",
    )


def _due(context: PageContext) -> tuple[date | None, date | None]:
    """Return the first and the last day of the period; what is to come has no last day."""
    today = context.publication.as_of.astimezone(ZoneInfo(context.timezone)).date()
    first, last = context.period.span(today)
    return first, last if context.period.days else None


def _timeline(context: PageContext) -> None:
    """Draw the orders of the last cutoffs, and of the coming one, on their way."""
    by_store = len(context.chosen) <= _STORES_WITH_LINES
    with explain.what_is_missing():
        found = supply.timeline(
            context.store_ids,
            by_store=by_store,
            cutoffs=_SHOWN_CUTOFFS // len(context.chosen) if by_store else _SHOWN_CUTOFFS,
            categories=context.categories,
        )
        late = int(found.get_column("late").sum())
        downloads.summary(
            f"**From cutoff to receipt**: ▲ **{text.plural(late, 'order')}** of the last cutoffs "
            "late."
            if late
            else "**From cutoff to receipt**: ✓ no order of the last cutoffs is late.",
            found,
            "supplier_timeline.csv",
        )
        figure.draw(
            lambda: timeline(found, context.publication.as_of, context.timezone, context.palette),
            "supply_timeline",
            "Orders of the last cutoffs and of the next: from the cutoff over when they are due to "
            "when they came, late ones marked",
        )


def _cutoffs(cutoffs: pl.DataFrame, context: PageContext) -> None:
    closed = cutoffs.filter(pl.col("status") == "closed").with_columns(
        pl.concat_str("store_id", pl.col("cutoff_ts").dt.to_string("iso"), separator="/").alias(
            "row_id"
        )
    )
    if closed.is_empty():
        st.info("No cutoff has passed so far.", icon=":material/info:")
        return
    first, last = _due(context)
    day = pl.col("cutoff_ts").dt.convert_time_zone(context.timezone).dt.date()
    closed = closed.filter(day >= first if first else True, day <= last if last else True)
    if closed.is_empty():
        st.info("No cutoff was on these days.", icon=":material/info:")
        return
    downloads.summary(
        f"**{text.plural(len(closed), 'cutoff')}** passed.",
        closed.drop("row_id"),
        "supplier_cutoffs.csv",
    )
    config = st.column_config

    def moment(label: str) -> Any:
        return config.DatetimeColumn(label, format="ddd D MMM, HH:mm", timezone=context.timezone)

    store = {"store_name": config.TextColumn("Store")} if len(context.chosen) > 1 else {}
    chosen = tables.table(
        closed,
        key=_CUTOFFS,
        id_column="row_id",
        columns={
            "cutoff_ts": moment("Cutoff"),
            **store,
            "delivery_ts": moment("Delivery"),
            "policy": config.TextColumn("Policy"),
            "order_lines": config.NumberColumn("Orders", format="localized"),
            "order_pieces": config.NumberColumn("Ordered (pcs)", format="localized"),
            "closed_ts": moment("Closed"),
        },
        rows="single-row",
        height=320,
    )
    if not chosen:
        st.caption("Choose a cutoff to see its lines, and who decided what about them.")
        return
    _closed_lines(closed.filter(pl.col("row_id") == chosen[0]).row(0, named=True), context)


def _closed_lines(cutoff: dict[str, Any], context: PageContext) -> None:
    planned = supply.plan([cutoff["store_id"]], cutoff_ts=cutoff["cutoff_ts"])
    downloads.heading(
        f"{cutoff['store_name']}, {text.local_time(cutoff['cutoff_ts'], context.timezone)}",
        planned,
        "cutoff_lines",
    )
    lines = order_list.readable(planned)
    if lines.is_empty():
        st.caption("Its lines are not kept any more: plans are published for 28 days.")
        return
    chosen = tables.table(
        item_links.with_addresses(lines.head(tables.SHOWN_ROWS), context),
        key=f"{_CUTOFFS}:lines",
        id_column="row_id",
        columns=order_list.columns(with_store=False),
        rows="single-row",
        height=360,
    )
    if chosen:
        order_story(
            lines.filter(pl.col("row_id") == chosen[0]).row(0, named=True), context.timezone
        )


PAGE = Page(
    "Supply",
    ":material/local_shipping:",
    "supply",
    render,
    allows_all_stores=True,
    filters=_FILTERS,
    sections=_SECTIONS,
)
