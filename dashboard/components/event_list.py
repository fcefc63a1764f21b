"""Events about an item: the newest ones, or those that led to an alert."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import downloads, tables
from dashboard.data import items
from dashboard.data.stores import Store
from dashboard.page import PageContext

_SPAN = timedelta(days=30)
_EVENTS = 200
# Of an alert, what led to it counts; a few events tell how it went on.
_AFTER = 5
_TITLE = "Events behind it"


def newest(item_id: str, told_until: datetime, context: PageContext) -> None:
    """Draw the newest events about an item of the chosen store.

    Args:
        item_id: Item.
        told_until: The end of what is told of sales: of a past that was replayed, its end.
        context: The page.
    """
    found = items.events(
        context.store.store_id,
        item_id,
        context.publication.as_of,
        since=told_until - _SPAN,
        before=_EVENTS,
    )
    st.subheader(_TITLE, anchor=False)
    downloads.summary(
        f"The newest **{text.plural(len(found), 'event')}** of the last {_SPAN.days} days; the "
        "id is that of the raw event.",
        found,
        f"events_{item_id}",
    )
    _table(_in_words(found), context.store, context.timezone)


def behind_alert(alert: dict[str, Any], context: PageContext) -> None:
    """Draw the events that led to an alert, and those that came next.

    Args:
        alert: Row of ops.alerts, of a store that is chosen.
        context: The page.
    """
    store = next(s for s in context.chosen if s.store_id == alert["store_id"])
    opened = alert["opened_ts"]
    found = items.events(
        store.store_id,
        alert["shelf_id"],
        opened,
        since=opened - _SPAN,
        before=_EVENTS,
        until=opened + _SPAN,
        after=_AFTER,
    )
    since = found.filter(pl.col("event_ts") > opened)
    led_to_it = found.filter(pl.col("event_ts") <= opened)
    mark = pl.DataFrame(
        {
            "event_ts": [opened],
            "event_type": [f"▲ {text.label(alert['alert_type'])}"],
            "location": [text.label(alert["location"])],
            "raw_table": ["ops/alerts"],
            "event_id": [alert["alert_id"]],
        },
        schema_overrides={"event_ts": found.schema["event_ts"]},
    )
    told = pl.concat([_in_words(since), mark, _in_words(led_to_it)], how="diagonal")
    st.subheader(_TITLE, anchor=False)
    downloads.summary(
        f"The last **{text.plural(len(led_to_it), 'event')}** up to the alert ▲, of "
        f"{_SPAN.days} days at most, and the next **{text.number(len(since))}**; the id is "
        "that of the raw event.",
        told,
        f"events_{alert['alert_id']}",
    )
    _table(told, store, context.timezone)


def _in_words(events: pl.DataFrame) -> pl.DataFrame:
    return events.with_columns(
        pl.col("event_type").map_elements(text.label, return_dtype=pl.String),
        pl.col("location").map_elements(text.label, return_dtype=pl.String),
    )


def _table(events: pl.DataFrame, store: Store, timezone: str) -> None:
    if events.is_empty():
        return
    config = st.column_config
    tables.show(
        events,
        key="item_events",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(events), most=388),
        column_config={
            "event_ts": config.DatetimeColumn(
                "When", format="ddd D MMM, HH:mm:ss", timezone=timezone
            ),
            "event_type": config.TextColumn("What"),
            "location": config.TextColumn("Where", width=90),
            "qty": config.NumberColumn("Pieces", format="%+d", width=70),
            "amount": config.NumberColumn(f"Amount ({store.currency})", format="%.2f"),
            "lot": config.TextColumn("Lot"),
            "detail": config.TextColumn("Receipt, task or person"),
            "raw_table": config.TextColumn("Table", width=150),
            "event_id": config.TextColumn("Event"),
        },
    )
