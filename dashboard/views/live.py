"""Live: what the tills take at this minute, who is in the stores, what happens."""

from functools import partial
from typing import Any

import polars as pl
import streamlit as st

from dashboard import links, text
from dashboard.charts.live import takings
from dashboard.charts.sales import sales_by_category
from dashboard.components import (
    analysis,
    arrivals,
    downloads,
    explain,
    figure,
    item_links,
    kpi_cards,
    tables,
)
from dashboard.components.kpi_cards import Card
from dashboard.components.region_sales import region_sales_now
from dashboard.data import live
from dashboard.data.analysis import ALL, Scope
from dashboard.page import Page, PageContext
from dashboard.serving import RUN_A_DAY, START
from dashboard.theme import Palette

# How far back, in minutes, with the minutes of a bar.
_RANGES = {"1h": (60, 5), "6h": (360, 15), "24h": (1_440, 60)}
_RANGE_NAMES = {"1h": "1 hour", "6h": "6 hours", "24h": "24 hours"}
_STEPS = {5: "five minutes", 15: "quarter of an hour", 60: "hour"}
_BEST = 10
_UNUSUAL = 5
_PER_ROW = 6
_EVENTS = {
    "SALE": "Sale",
    "RETURN": "Return",
    "ENTRY": "Came in",
    "EXIT": "Left",
    "PICKUP": "Taken off the shelf",
    "PUTBACK": "Put back",
    "SHELF_IN": "Put on the shelf",
    "WH_IN": "Into the warehouse",
    "WH_OUT": "Out of the warehouse",
    "WASTE": "Thrown away",
    "COUNT": "Counted",
    "OPENING": "First count",
}
_UNUSUAL_NAMES = {
    "HIGH_VALUE_SALE": "▲ High value",
    "PRICE_ANOMALY": "◆ Unusual price",
    "DISCOUNT_ANOMALY": "◆ Discount not planned",
}


def render(context: PageContext) -> None:
    """Draw the page."""
    scope = analysis.scope(context)
    found = live.kpis(scope)
    if found.is_empty():
        explain.nothing(
            "No store has reported yet",
            "There are no live figures in what was published.",
            START,
            RUN_A_DAY,
        )
        return
    [row] = found.iter_rows(named=True)
    if row["transactions_today"] or row["transactions_1h"]:
        _cards(row, scope, context.palette)
        _last_hour(row, context)
    else:
        _quiet(row, context)
    _last_hours(scope, context)


def _cards(row: dict[str, Any], scope: Scope, palette: Palette) -> None:
    """Draw the figures of today; people only where doors count them."""
    money = scope.currency
    cards = [
        Card(f"Sales today ({money})", float(row["revenue_today"]), "Sales of goods of today."),
        Card("Receipts today", row["transactions_today"], "Receipts with at least one sale."),
        Card(
            f"Per receipt ({money})",
            row["atv_today"] or 0.0,
            "Sales over receipts, today.",
            decimals=2,
        ),
        Card("Sold today (pcs)", row["units_today"], "Pieces sold today."),
    ]
    if row["visits_today"]:
        cards.append(Card("People in store", row["people_in_store"], "Entries less exits."))
    if row["conversion_today_pct"] is not None:
        cards.append(
            Card(
                "Conversion (%)",
                row["conversion_today_pct"],
                "Receipts of today over people who came in.",
                decimals=1,
            )
        )
    with st.container(border=True, key="figures"):
        kpi_cards.row(cards, _PER_ROW, palette)


def _quiet(row: dict[str, Any], context: PageContext) -> None:
    """Say that nothing was sold today, and where the past is."""
    newest = row["latest_event_ts"]
    told = (
        f"The newest receipt is of {text.local_time(newest, context.timezone)}. " if newest else ""
    )
    explain.nothing(
        "Nothing has been sold today",
        f"{told}This page is about what happens now; what was is on the page History.",
    )
    links.link("history", "History")


def _last_hour(row: dict[str, Any], context: PageContext) -> None:
    """Say what the last hour brought, and how long events take to get here."""
    sentence = (
        f"In the last hour: {text.number(float(row['revenue_1h']))} of sales on "
        f"{text.plural(row['transactions_1h'], 'receipt')}."
    )
    if row["lag_p95_ms"] is not None:
        sentence += (
            f" From the till to the lake half of its receipts took "
            f"{text.duration(row['lag_p50_ms'] / 1000)} or less, 95 % of them "
            f"{text.duration(row['lag_p95_ms'] / 1000)} or less."
        )
    if row["latest_event_ts"]:
        sentence += f" Newest receipt: {text.short_time(row['latest_event_ts'], context.timezone)}."
    st.caption(sentence)


@st.fragment
def _last_hours(scope: Scope, context: PageContext) -> None:
    """Draw what the last hours brought; another range draws only this again."""
    chosen: str | None = st.segmented_control(
        "Range",
        list(_RANGES),
        default="24h",
        required=True,
        format_func=_RANGE_NAMES.__getitem__,
        key="range",
        bind="query-params",
        label_visibility="collapsed",
    )
    minutes, step = _RANGES[chosen or "24h"]
    with figure.sent_last():
        with explain.what_is_missing():
            panes = live.takings(context.store_ids, scope.currency, minutes=minutes, step=step)
            if not panes.get_column("transactions").sum():
                st.info(
                    f"Nothing was sold in the last {_RANGE_NAMES[chosen or '24h']} of the stores.",
                    icon=":material/info:",
                )
            else:
                _takings(panes, minutes, step, scope, context)
                _goods(minutes, scope, context)
        _happenings(scope, context)
        with explain.what_is_missing():
            arrivals.of_receipts(minutes, step, _RANGE_NAMES[chosen or "24h"], context)


def _takings(
    panes: pl.DataFrame, minutes: int, step: int, scope: Scope, context: PageContext
) -> None:
    hour, five = _RANGES["1h"]
    shown = [(panes, step, "takings")]
    if minutes != hour:
        newest = live.takings(context.store_ids, scope.currency, minutes=hour, step=five)
        shown.append((newest, five, "last_hour"))
    for place, (drawn, width, key) in zip(
        st.columns([60, 40], gap="large") if len(shown) > 1 else [st.container()],
        shown,
        strict=True,
    ):
        with place:
            what = "The last hour, by" if width == five else "By"
            downloads.summary(f"**{what} {_STEPS[width]}:**", drawn, f"{key}.csv")
            figure.draw(
                partial(takings, drawn, scope.currency, context.timezone, context.palette),
                key,
                f"Sales and receipts by {_STEPS[width]}",
            )


def _goods(minutes: int, scope: Scope, context: PageContext) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        found = live.categories(context.store_ids, scope.currency, minutes)
        downloads.summary("**Categories** that sold most:", found, "live_categories.csv")
        figure.draw(
            lambda: sales_by_category(found, scope.currency, context.palette),
            "live_categories",
            "Sales by category, with their share",
        )
        if scope.store_id == ALL:
            _stores(minutes, scope, context)
            region_sales_now(context.store_ids, scope.currency, minutes)
    with right:
        _items(minutes, scope, context)
        _countries(scope)


def _items(minutes: int, scope: Scope, context: PageContext) -> None:
    found = live.items(context.store_ids, scope.currency, minutes, _BEST)
    downloads.summary("**Best sellers:**", found, "live_items.csv")
    config = st.column_config
    tables.show(
        item_links.with_addresses(found, context, "item_id").with_columns(
            pl.col("revenue").cast(pl.Float64).round(0)
        ),
        key="live_items",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config={
            **item_links.column("Item", 120),
            "subcategory": config.TextColumn("Name"),
            "units": config.NumberColumn("Sold (pcs)", format="localized", width=90),
            "revenue": config.NumberColumn(f"Sales ({scope.currency})", format="localized"),
        },
    )


def _stores(minutes: int, scope: Scope, context: PageContext) -> None:
    found = live.stores(context.store_ids, scope.currency, minutes).head(_BEST)
    downloads.summary("**Stores** that took most:", found, "live_stores.csv")
    most = float(found.get_column("revenue").cast(pl.Float64).max() or 1.0)  # type: ignore[arg-type]
    config = st.column_config
    tables.show(
        found.with_columns(pl.col("revenue").cast(pl.Float64).round(0)),
        key="live_stores",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config={
            "store_name": config.TextColumn("Store"),
            "revenue": config.ProgressColumn(
                f"Sales ({scope.currency})", format="localized", min_value=0, max_value=most
            ),
            "transactions": config.NumberColumn("Receipts", format="localized", width=80),
            "people_in_store": config.NumberColumn("People now", format="localized", width=90),
        },
    )


def _countries(scope: Scope) -> None:
    """Draw where goods were sold today, for stores of several countries."""
    if scope.store_id != ALL:
        return
    found = live.countries(scope.currency)
    if len(found) <= 1:
        return
    downloads.summary("**Countries** today:", found, "live_countries.csv")
    config = st.column_config
    tables.show(
        found.with_columns(pl.col("revenue").cast(pl.Float64).round(0)),
        key="live_countries",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=200),
        column_config={
            "country": config.TextColumn("Country"),
            "revenue": config.NumberColumn(f"Sales ({scope.currency})", format="localized"),
            "transactions": config.NumberColumn("Receipts", format="localized"),
            "share_pct": config.NumberColumn("Share (%)", format="%.1f"),
        },
    )


def _happenings(scope: Scope, context: PageContext) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        _latest_events(scope, context)
    with right:
        _unusual(context)


def _latest_events(scope: Scope, context: PageContext) -> None:
    st.subheader("Latest events", anchor=False)
    with explain.what_is_missing():
        found = live.latest_events(scope.store_id)
        if found.is_empty():
            st.caption("Nothing has happened in the last day of the stores.")
            return
        downloads.summary("As they came, the newest first:", found, "latest_events")
        config = st.column_config
        tables.show(
            found.with_columns(
                pl.col("event_type").replace(_EVENTS),
                what=pl.concat_str("item_id", "subcategory", separator=", ", ignore_nulls=True),
            ),
            key="latest_events",
            hide_index=True,
            placeholder="",
            column_config={
                "event_ts": config.DatetimeColumn(
                    "When", format="HH:mm:ss", timezone=context.timezone, width=80
                ),
                "store_id": config.TextColumn("Store", width=60),
                "event_type": config.TextColumn("Event", width=130),
                "what": config.TextColumn("Item", width=170),
                "qty": config.NumberColumn("Pieces", format="localized", width=65),
                "amount": config.NumberColumn("Amount", format="localized", width=75),
            },
        )


def _unusual(context: PageContext) -> None:
    st.subheader("To look at", anchor=False)
    with explain.what_is_missing():
        if any(store.tracks_stock for store in context.chosen):
            _alerts(context)
        found = live.unusual_sales(context.store_ids, _UNUSUAL)
        if found.is_empty():
            st.success("No sale of the last days was unusual.", icon=":material/check_circle:")
            return
        downloads.summary("**Unusual sales**, the newest:", found, "unusual_sales")
        config = st.column_config
        tables.show(
            item_links.with_addresses(found, context, "item_id").with_columns(
                pl.col("alert_type").replace(_UNUSUAL_NAMES), pl.col("net").cast(pl.Float64)
            ),
            key="unusual_sales",
            hide_index=True,
            placeholder="",
            column_order=["event_ts", "store_id", "alert_type", "item_address", "qty", "net"],
            column_config={
                "event_ts": config.DatetimeColumn(
                    "When", format="ddd HH:mm", timezone=context.timezone, width=90
                ),
                "store_id": config.TextColumn("Store", width=60),
                "alert_type": config.TextColumn("What"),
                **item_links.column("Item"),
                "qty": config.NumberColumn("Pieces", format="localized", width=65),
                "net": config.NumberColumn("Amount", format="localized", width=75),
            },
        )


def _alerts(context: PageContext) -> None:
    """Draw how many alerts are active, by severity, with the way to them."""
    counts = live.alerts(context.store_ids)
    parts = (
        (":red[**▲**]", "critical", "run out"),
        (":orange[**◆**]", "high", "running low"),
        (":orange[**◆**]", "medium", "near expiry"),
    )
    words = " ".join(
        f"{sign} **{text.number(counts[name])}** {meaning}" for sign, name, meaning in parts
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Alerts of shelves and the warehouse: {words}")
        links.link("alerts", "Alerts")


PAGE = Page("Live", ":material/bolt:", "live", render, allows_all_stores=True, shows_totals=True)
