"""Item: everything about one item of one store."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import links, text
from dashboard.charts.item_sales import units_and_price
from dashboard.components import (
    alert_list,
    analysis,
    downloads,
    event_list,
    explain,
    figure,
    forecast_item,
    item_links,
    item_story,
    lot_list,
    offer_list,
    pickers,
    supplier_orders,
    tables,
)
from dashboard.components.order_story import order_story
from dashboard.components.trail import trail
from dashboard.data import alerts, baskets, forecasts, items, lots, states, supply
from dashboard.data.analysis import built_for
from dashboard.data.states import StateFilter
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext

_REMEMBERED = "item_shown"
_ALERTS = "item_alerts"
_RISKS = {"green": "✓ low", "amber": "◆ raised", "red": "▲ high"}


def render(context: PageContext) -> None:
    """Draw the page."""
    item_id = _asked_for()
    if item_id is None:
        _choose(context)
        return
    known = items.item(item_id)
    if known.is_empty():
        explain.nothing(
            f"No item {item_id}",
            "Neither the master data nor the sales name an item of this id. Search for another "
            "one above, by name or id.",
        )
        return
    item = known.row(0, named=True)
    stocked = states.item(context.store.store_id, item_id)
    alert = None
    _heading(item, context, is_stocked=not stocked.is_empty())
    _links(item, context)
    if stocked.is_empty():
        _not_in_stock(context)
    else:
        _stock(stocked.row(0, named=True), context)
        left, right = st.columns(2, gap="large")
        with left, explain.what_is_missing():
            alert = _alerts(item_id, context)
        with right, explain.what_is_missing():
            _lots(item_id, context)
    with explain.what_is_missing():
        _sales(item_id, context)
    if not stocked.is_empty():
        with explain.what_is_missing():
            _orders(item_id, context)
    with explain.what_is_missing():
        _offers(item_id, context)
    with explain.what_is_missing():
        _events(item_id, alert, context)


def _asked_for() -> str | None:
    """Return the item of the address; the one shown last, where the address names none."""
    item_id = st.query_params.get(links.ITEM) or st.session_state.get(_REMEMBERED)
    if item_id:
        st.query_params[links.ITEM] = item_id
        st.session_state[_REMEMBERED] = item_id
    return item_id


def _choose(context: PageContext) -> None:
    """Say how to find an item, and list those that need attention."""
    low = states.states("shelf", StateFilter((context.store.store_id,), only_low=True))
    explain.nothing(
        "Which item?",
        "Search above by name or id, or follow a link from any table of the other pages.",
    )
    if low.is_empty():
        return
    downloads.summary(
        f"**{text.plural(len(low), 'shelf', 'shelves')}** low, the emptiest first:",
        low,
        "low_shelves",
    )
    config = st.column_config
    tables.show(
        item_links.with_addresses(low, context).with_columns(
            text.category_labels(),
            (pl.col("fill_rate") * 100).round().cast(pl.Int64).alias("fill_percent"),
        ),
        key="low_items",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(low), most=458),
        column_order=["item_address", "subcategory", "category", "fill_percent", "current_stock"],
        column_config=item_links.column()
        | {
            "subcategory": config.TextColumn("Item"),
            "category": config.TextColumn("Category"),
            "fill_percent": config.ProgressColumn(
                "Fill (%)", format="%d", min_value=0, max_value=100
            ),
            "current_stock": config.NumberColumn("Stock (pcs)", format="localized"),
        },
    )


def _heading(item: dict[str, Any], context: PageContext, *, is_stocked: bool) -> None:
    st.subheader(f"{item['name']}, {item['item_id']}", anchor=False)
    if is_stocked:
        # What it is stands beside its stock.
        return
    parts = [text.category_label(item["category"] or "Uncategorised")]
    if item["aisle"] is not None:
        parts.append(f"aisle {item['aisle']}")
    if item["is_perishable"] is not None:
        parts.append("perishable" if item["is_perishable"] else "long-life")
    if item["list_price"] is not None:
        price = text.formatted(item["list_price"], ",.2f")
        parts.append(f"list price {price} {context.store.currency}")
    if item["batch_size"]:
        parts.append(f"batches of {text.number(item['batch_size'])} pcs")
    st.caption(f"{', '.join(parts)}.")


def _links(item: dict[str, Any], context: PageContext) -> None:
    """Draw the ways to other pages, with this item chosen there."""
    item_id, store = item["item_id"], context.store.label
    ways: dict[str, tuple[str, str, links.Choices]] = {
        "Alerts": ("alerts", ":material/notifications:", {"alert_search": item_id}),
        "States": (
            "states",
            ":material/inventory_2:",
            {links.ITEM: f"{context.store.store_id}/{item_id}"},
        ),
        "Lots and counts": ("lots", ":material/event_upcoming:", {"lots_search": item_id}),
        "Next order": ("supply", ":material/local_shipping:", {"plan_search": item_id}),
        "Forecast": (
            "forecast",
            ":material/trending_up:",
            {"forecast_item": pickers.item_label(item_id, item["subcategory"])},
        ),
        "Audit": ("audit", ":material/history_edu:", {"audit_search": item_id}),
    }
    with st.container(horizontal=True, key="item_links"):
        for label, (path, icon, choices) in ways.items():
            links.link(path, label, icon, {"store": store, **choices})
        item_links.to_map(context.store, item["category"])


def _not_in_stock(context: PageContext) -> None:
    reason = (
        "No shelf of this store has it."
        if context.store.tracks_stock
        else "This store has no shelf sensors: only its sales are known."
    )
    st.info(f"Nothing is known about its stock. {reason}", icon=":material/info:")


def _stock(item: dict[str, Any], context: PageContext) -> None:
    store_id, item_id = context.store.store_id, item["item_id"]
    left, right = st.columns([28, 72], gap="medium")
    with left:
        item_story.facts(item, context.store.currency)
        with explain.what_is_missing():
            _outlook(store_id, item_id)
    with right:
        item_story.trajectory(store_id, item_id, context, items.marks(store_id, item_id))


def _outlook(store_id: str, item_id: str) -> None:
    if not analysis.has("stock_risk", "item_classification"):
        return
    found = items.outlook(store_id, item_id)
    if found.is_empty():
        return
    row = found.row(0, named=True)
    cover, risk = st.columns(2)
    with cover:
        days = row["days_of_cover"]
        st.metric("Days of cover", "no demand" if days is None else text.quantity(days))
    with risk:
        st.metric("Risk to run out", text.percent(row["stock_out_risk_score"]))
        st.caption(_RISKS.get(row["risk_band"], ""))
    classes = "".join(filter(None, (row["abc_class"], row["xyz_class"])))
    parts = [f"class {classes}"] if classes else []
    if row["movement_class"]:
        parts.append(f"{text.label(row['movement_class']).lower()}")
    if row["units_30d"] is not None:
        parts.append(f"{text.number(row['units_30d'])} pcs sold in 30 days")
    if parts:
        st.caption(f"By the analytics: {', '.join(parts)}.")


def _alerts(item_id: str, context: PageContext) -> dict[str, Any] | None:
    """Draw the alerts; returns the one that is chosen, if it is one."""
    found = alerts.of_item(context.store.store_id, item_id)
    active = int(found.get_column("is_active").sum())
    st.subheader("Alerts", anchor=False)
    downloads.summary(
        f"**{text.number(active)}** active of {text.plural(len(found), 'alert')} so far.",
        found,
        f"alerts_{item_id}",
    )
    if found.is_empty():
        return None
    chosen_ids = tables.table(
        alert_list.readable(found),
        key=_ALERTS,
        id_column="alert_id",
        columns=alert_list.columns(context.timezone, "state", "type_label", "action", "opened_ts"),
        rows="multi-row",
        height=213,
    )
    chosen = found.filter(pl.col("alert_id").is_in(chosen_ids))
    if active:
        alert_list.action_form(chosen, context, table_key=_ALERTS, is_wide=False)
    is_one = len(chosen) == 1
    alert = (chosen if is_one else found).row(0, named=True)
    st.markdown(f"**{text.label(alert['alert_type'])}**, {text.label(alert['status']).lower()}")
    trail(alerts.transitions(alert["alert_id"]), context.timezone)
    return alert if is_one else None


def _lots(item_id: str, context: PageContext) -> None:
    st.subheader("Lots", anchor=False)
    found = lots.of_item(context.store.store_id, item_id)
    lot_list.of_item(found, item_id, context)


def _sales(item_id: str, context: PageContext) -> None:
    st.subheader("Sales", anchor=False)
    if not analysis.is_built("daily_product_sales", "Sales by item and day", context):
        return
    since, until = context.period.span(_told_until(context).date())
    found = items.sales(context.store.store_id, item_id, since, until)
    units = int(found.get_column("units_sold").sum())
    promoted = int(found.filter(pl.col("is_promoted")).get_column("units_sold").sum())
    downloads.summary(
        f"{context.period.label[0].upper()}{context.period.label[1:]}: "
        f"**{text.number(units)}** pcs sold on {text.plural(len(found), 'day')}, "
        f"**{text.number(promoted)}** of them in promotions.",
        found,
        f"sales_{item_id}",
    )
    if found.is_empty():
        return
    figure.draw(
        lambda: units_and_price(found, context.store.currency, context.palette),
        "item_sales",
        f"Pieces of {item_id} sold a day, with promotions, and the mean price paid",
    )


def _told_until(context: PageContext) -> datetime:
    """Return the time up to which sales are told: of a past that was replayed, its end."""
    built = built_for("daily_product_sales") or context.publication.as_of
    return min(built, context.publication.as_of).astimezone(ZoneInfo(context.timezone))


def _orders(item_id: str, context: PageContext) -> None:
    """Draw forecast and decision; without a forecast, the decision alone."""
    store_id = context.store.store_id
    st.subheader("Forecast and orders", anchor=False)
    made_at = forecasts.origins_of_item(store_id, item_id)
    if made_at:
        newest = made_at[0]
        st.caption(f"Forecast made at {text.local_time(newest, context.timezone)}.")
        forecast_item.draw(item_id, newest, context, is_newest=True)
    else:
        line = supply.line_of_item(store_id, item_id)
        st.markdown("**At the next cutoff, as things stand**")
        if line:
            order_story(line, context.timezone)
        else:
            st.caption("No line: nothing has to be ordered as things stand.")
    st.markdown("**Its orders**")
    supplier_orders.of_item(store_id, item_id, context)


def _offers(item_id: str, context: PageContext) -> None:
    if not analysis.has("product_recommendations"):
        return
    found = baskets.offers("90d", context.store.store_id, item_id)
    st.subheader("Bought with it", anchor=False)
    if found.is_empty():
        st.caption("Nothing is bought with it more often than chance has it, in 90 days.")
        return
    offer_list.draw(found, item_id, context)


def _events(item_id: str, alert: dict[str, Any] | None, context: PageContext) -> None:
    if alert:
        event_list.behind_alert(alert, context)
    else:
        event_list.newest(item_id, _told_until(context), context)


PAGE = Page(
    "Item",
    ":material/deployed_code:",
    links.ITEM,
    render,
    filters=Filters(EVERY_PERIOD, takes_days=True, needs="daily_product_sales"),
)
