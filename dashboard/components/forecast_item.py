"""One item on the forecast page: its fan chart, its totals, and the order that came of them."""

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.forecast import Demand, demand_fan
from dashboard.components import downloads, explain, figure, forecast_words, tables
from dashboard.components.order_story import order_story
from dashboard.data import forecasts, supply
from dashboard.page import PageContext

_HISTORY_DAYS = 56
_SHARES = ("80", "95")
_TOTALS = {"next_7": "Next 7 days (pcs)", "next_30": "Next 30 days (pcs)"}
_COVER = "cover"


def draw(item_id: str, origin_ts: datetime, context: PageContext, *, is_newest: bool) -> None:
    """Draw an item.

    Args:
        item_id: Item of the page's store.
        origin_ts: Cutoff the forecast was made at.
        context: Of the page.
        is_newest: Whether no forecast is newer.
    """
    found = forecasts.of_item(context.store.store_id, item_id, origin_ts)
    if found.is_empty():
        st.info(
            "Nothing was forecast for this item at this cutoff: it was not carried yet, or had no "
            "history. Choose another cutoff.",
            icon=":material/info:",
        )
        return
    _totals(found)
    with explain.what_is_missing():
        _fan(item_id, found, origin_ts, context)
    with explain.what_is_missing():
        _decision(item_id, found, origin_ts, context, is_newest=is_newest)
    _table(item_id, found.filter(pl.col("window") == "day"))


def _totals(found: pl.DataFrame) -> None:
    """Draw the sums of 7 and 30 days and of the cover window, each with its intervals."""
    names = _TOTALS | {_COVER: "Until the delivery after next (pcs)"}
    with st.container(border=True, key="figures"):
        for place, (window, name) in zip(st.columns(len(names)), names.items(), strict=True):
            rows = found.filter(pl.col("window") == window).rows(named=True)
            if not rows:
                place.metric(name, "none")
                continue
            row = rows[0]
            place.metric(
                name,
                text.quantity(row["median"]),
                help=f"Median; the mean is {text.quantity(row['mean'])}. "
                f"{forecast_words.method(row['method'])} forecast it.",
            )
            place.caption(", ".join(f"{share} %: {interval(row, share)}" for share in _SHARES))


def interval(row: dict[str, Any], share: str) -> str:
    """Return the band of a forecast in words.

    Args:
        row: Of `data.forecasts.of_item`.
        share: 80 or 95.
    """
    return f"{text.quantity(row[f'low_{share}'])} to {text.quantity(row[f'high_{share}'])}"


def _fan(item_id: str, found: pl.DataFrame, origin_ts: datetime, context: PageContext) -> None:
    store_id = context.store.store_id
    days = found.filter(pl.col("window") == "day")
    if days.is_empty():
        st.info("Single days were not forecast at this cutoff.", icon=":material/info:")
        return
    with_past = st.toggle(
        "Day-ahead forecasts of earlier cutoffs",
        key="forecast_past",
        bind="query-params",
        help="What the cutoffs before said of the day after each, to compare with what was sold.",
    )
    ahead: list[date] = days.get_column("business_date").to_list()
    first, last = min(ahead) - timedelta(days=_HISTORY_DAYS), max(ahead)
    past = forecasts.day_ahead(store_id, item_id, origin_ts)
    demand = Demand(
        sold=forecasts.sold(store_id, item_id, first, last),
        days=days,
        past=past if with_past else past.clear(),
        orders=supply.of_item(store_id, item_id),
        origin_ts=origin_ts,
        timezone=context.timezone,
    )
    figure.draw(
        lambda: demand_fan(demand, (first, last), context.palette),
        "demand_fan",
        f"Pieces of {item_id} sold a day, the forecast of 30 days with its bands, orders and "
        "deliveries; the table below has the figures",
    )
    st.caption(
        "Bars are pieces sold; a cross marks days on which the shelf was empty, when more would "
        "have been asked for. On 8 of 10 days demand should fall into the narrow band, on 19 of 20 "
        "into the wide one. Below: what was ordered at cutoffs, and what was delivered."
    )


def _decision(
    item_id: str,
    found: pl.DataFrame,
    origin_ts: datetime,
    context: PageContext,
    *,
    is_newest: bool,
) -> None:
    store_id = context.store.store_id
    st.subheader("What was ordered, and why", anchor=False)
    cover = found.filter(pl.col("window") == _COVER).rows(named=True)
    if cover:
        row = cover[0]
        st.caption(
            f"From {text.local_time(row['from_ts'], context.timezone)} to "
            f"{text.local_time(row['until_ts'], context.timezone)}, when goods of the next order "
            f"are on the shelf, {text.quantity(row['median'])} pcs were expected to be asked for; "
            f"{interval(row, '80')} with 80 %. An order has to last that long."
        )
    stories = {"At this cutoff": supply.line_of_item(store_id, item_id, origin_ts)}
    if is_newest:
        stories["At the next cutoff, as things stand"] = supply.line_of_item(store_id, item_id)
    for place, (title, line) in zip(st.columns(2, gap="medium"), stories.items(), strict=False):
        with place:
            st.markdown(f"**{title}**")
            if line:
                order_story(line, context.timezone)
            else:
                st.caption(
                    "No line: nothing had to be ordered, or the plan is not kept any more "
                    "(28 days)."
                )


def _table(item_id: str, days: pl.DataFrame) -> None:
    if days.is_empty():
        return
    shown = days.select(
        *("business_date", "horizon", "median", "mean", "low_80", "high_80", "low_95", "high_95"),
        *("method", "demand_class", "model_version"),
    )
    downloads.summary(
        f"**{text.plural(len(shown), 'day')}** ahead:", shown, f"forecast_{item_id}.csv"
    )
    config = st.column_config

    def pieces(label: str) -> Any:
        return config.NumberColumn(label, format="%.1f")

    columns = {
        "business_date": config.DateColumn("Day", format="ddd D MMM YYYY"),
        "median": pieces("Median (pcs)"),
        "mean": pieces("Mean (pcs)"),
        "low_80": pieces("80 % from"),
        "high_80": pieces("80 % to"),
        "low_95": pieces("95 % from"),
        "high_95": pieces("95 % to"),
        "method": config.TextColumn("Method"),
        "demand_class": config.TextColumn("Demand"),
    }
    tables.show(
        forecast_words.say(
            shown, method=forecast_words.METHODS, demand_class=forecast_words.CLASSES
        ),
        hide_index=True,
        height=tables.height_of(len(shown), most=290),
        placeholder="",
        column_config=columns,
        key="forecast_days",
    )
