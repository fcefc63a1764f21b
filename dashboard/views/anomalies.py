"""Anomalies: hours in which sales were not as usual."""

from datetime import timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.anomalies import hours_with_band
from dashboard.components import analysis, downloads, explain, tables
from dashboard.data import anomalies
from dashboard.data.anomalies import Series
from dashboard.page import Page, PageContext

_DAYS = {"1d": 1, "7d": 7, "14d": 14, "30d": 30}
_PERIODS = {"1d": "A day", "7d": "7 days", "14d": "14 days", "30d": "30 days"}
_METRICS = {
    "net_sales": "Net sales",
    "sales_revenue": "Sales",
    "units_sold": "Pieces",
    "transactions": "Receipts",
}
_OF_MONEY = ("net_sales", "sales_revenue")
_METHODS = {
    "seasonal_mad": "Same hour of the weeks before",
    "trailing_z": "24 hours before",
}
_METHOD_WORDS = {
    "seasonal_mad": (
        "Each hour is compared with the same hour of the same weekday in the eight weeks before: "
        "their median, and how far they usually stray from it. Beyond 3.5 times that it is marked."
    ),
    "trailing_z": (
        "Each hour is compared with the 24 hours before it. It knows neither night nor weekend, so "
        "it sees rises and hardly any drop; kept for comparison."
    ),
}
_DIRECTIONS = {"high": "▲ More", "low": "▼ Less"}
_SHOWN_ROWS = 2_000


def render(context: PageContext) -> None:
    """Draw the page."""
    if not analysis.is_built("sales_anomalies", "Anomalies", context):
        return
    currencies = sorted({store.currency for store in context.chosen})
    newest = anomalies.newest(currencies)
    if newest is None:
        explain.nothing(
            "No hour can be judged yet",
            "What is usual is known after four weeks of sales.",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        period = analysis.period(_PERIODS, "7d")
        metric = _pick("Figure", _METRICS, "metric")
        known = anomalies.methods()
        method = _pick(
            "Compared with", {name: _METHODS.get(name, name) for name in known}, "method",
            "seasonal_mad",
        )  # fmt: skip
    since = newest - timedelta(days=_DAYS[period]) + timedelta(hours=1)
    found = anomalies.flagged(context.store_ids, currencies, metric, method, since)
    _counts(found)
    if method in _METHOD_WORDS:
        st.caption(_METHOD_WORDS[method])
    _series(context, currencies, metric, method, since)
    _table(found, metric, context)


def _pick(label: str, names: dict[str, str], key: str, default: str | None = None) -> str:
    options = list(names)
    chosen: str | None = st.selectbox(
        label,
        options,
        index=options.index(default) if default in options else 0,
        format_func=names.__getitem__,
        key=key,
        bind="query-params",
    )
    return chosen or options[0]


def _counts(found: pl.DataFrame) -> None:
    directions = found.get_column("direction")
    shown = {
        "Marked": (len(found), "Hours of all series below that were not as usual."),
        "More than usual": (int((directions == "high").sum()), "Of these, rises."),
        "Less than usual": (int((directions == "low").sum()), "Of these, drops."),
        "Series": (
            found.select("scope_type", "scope_id", "currency").n_unique() if len(found) else 0,
            "Stores, categories and all together in which any hour is marked.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            place.metric(name, value, help=meaning, format="localized")


def _series(
    context: PageContext, currencies: list[str], metric: str, method: str, since: Any
) -> None:
    known = {
        f"{one.scope_type}:{one.scope_id}:{one.currency}": one
        for one in anomalies.series(context.store_ids, currencies)
    }
    names = {key: _name(one, currencies) for key, one in known.items()}
    chosen: str | None = st.selectbox(
        "Series",
        list(names),
        format_func=names.__getitem__,
        key="series",
        bind="query-params",
    )
    if chosen is None:
        return
    hours = anomalies.hours(known[chosen], metric, method, since)
    if hours.is_empty():
        st.info("No hour of this series can be judged in this period.", icon=":material/info:")
        return
    downloads.summary(f"**{names[chosen]}** by hour:", hours, "hours.csv")
    money = known[chosen].currency
    unit = money if metric in _OF_MONEY else "pcs" if metric == "units_sold" else "receipts"
    st.plotly_chart(
        hours_with_band(hours, unit, context.timezone, context.palette),
        theme=None,
        key="hours",
        config={"displayModeBar": False},
        alt="Hours of the series with what was to be expected; marked where it was not so",
    )


def _name(of: Series, currencies: list[str]) -> str:
    words = {"all": "All stores", "store": of.scope_id}.get(of.scope_type)
    words = words or text.category_label(of.scope_id)
    return f"{words} ({of.currency})" if len(currencies) > 1 else words


def _table(found: pl.DataFrame, metric: str, context: PageContext) -> None:
    downloads.summary(
        f"**{text.plural(len(found), 'hour')}** marked, the newest first.",
        found,
        "anomalies.csv",
        shown_rows=_SHOWN_ROWS,
    )
    if found.is_empty():
        st.success("All hours were as usual.", icon=":material/check:")
        return
    config = st.column_config
    st.dataframe(
        found.head(_SHOWN_ROWS).with_columns(
            pl.col("direction").replace(_DIRECTIONS),
            pl.struct("scope_type", "scope_id", "currency")
            .map_elements(lambda row: _name(Series(**row), []), return_dtype=pl.String)
            .alias("series"),
            why=pl.when("is_holiday")
            .then(pl.lit("Holiday"))
            .when(~pl.col("is_open"))
            .then(pl.lit("Closed"))
            .otherwise(pl.lit("")),
        ),
        key="anomalies",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_order=[
            *("bucket_start", "series", "direction", "severity", "value", "baseline", "score"),
            *("currency", "why"),
        ],
        column_config={
            "bucket_start": config.DatetimeColumn(
                "Hour", format="ddd D MMM YYYY, HH:mm", timezone=context.timezone
            ),
            "series": config.TextColumn("Series"),
            "direction": config.TextColumn("Direction", width=90),
            "severity": config.TextColumn("Severity", width=90),
            "value": config.NumberColumn(_METRICS[metric], format="localized"),
            "baseline": config.NumberColumn("Expected", format="localized"),
            "score": config.NumberColumn("Score", format="%.1f"),
            "currency": config.TextColumn("Currency", width=70),
            "why": config.TextColumn("Note", width=90),
        },
    )


PAGE = Page(
    "Anomalies",
    ":material/troubleshoot:",
    "anomalies",
    render,
    allows_all_stores=True,
    shows_totals=True,
)
