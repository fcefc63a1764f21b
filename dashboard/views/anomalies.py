"""Anomalies: hours and days in which sales were not as usual."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.anomalies import hours_with_band
from dashboard.components import (
    analysis,
    anomaly_list,
    downloads,
    explain,
    figure,
    item_links,
    sending,
    tables,
)
from dashboard.data import anomalies, items
from dashboard.data.anomalies import Method, Series
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext

# First hour and end of the last one; `None` where the period has no such end.
Span = tuple[datetime | None, datetime | None]

_METRICS = {
    "net_sales": "Net sales",
    "sales_revenue": "Sales",
    "units_sold": "Pieces",
    "transactions": "Receipts",
}
_OF_MONEY = ("net_sales", "sales_revenue")
# What may be asked for, by method and grain; the first is shown at first.
_METHODS = {
    ("seasonal_mad", "hour"): "Same hour of the weeks before",
    ("trailing_z", "hour"): "24 hours before",
    ("stl_esd", "hour"): "Trend and hour of the week, by the night",
    ("seasonal_mad", "day"): "Same weekday of the weeks before",
    ("poisson_tail", "day"): "Rare counts of items, by the night",
}
_METHOD_WORDS = {
    ("seasonal_mad", "hour"): (
        "Each hour is compared with the same hour of the same weekday in the eight weeks before: "
        "their median, and how far they usually stray from it. Beyond 3.5 times that it is marked."
    ),
    ("trailing_z", "hour"): (
        "Each hour is compared with the 24 hours before it. It knows neither night nor weekend, so "
        "it sees rises and hardly any drop; kept for comparison."
    ),
    ("stl_esd", "hour"): (
        "Trend and hour of the week are taken off each hour; what is left and lies furthest out is "
        "tested as an outlier. Few hours are marked, and only those of complete days."
    ),
    ("seasonal_mad", "day"): (
        "Each day is compared with the same weekday of the eight weeks before, as hours are."
    ),
    ("poisson_tail", "day"): (
        "For items that sell a few pieces a day: how likely so many, or so few, pieces are after "
        "the 56 days before. Of many items some stray by chance; that is allowed for."
    ),
}
# Least, most, step and default of the score, where the score alone decides.
_GRADED = {"trailing_z": (1.0, 3.0, 0.5, 2.0)}
_SCORES = (0.0, 8.0, 0.5, 0.0)
_TABLE = "anomalies"
_STATES = {"open": "Not yet", "ack": "Yes"}


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
        metric = _pick("Figure", _METRICS, "metric")
        method = _method(metric)
    span = _span(newest, context)
    found = anomalies.flagged(
        context.store_ids,
        currencies,
        metric,
        method,
        span[0],
        until=span[1],
        categories=context.categories,
    )
    names = dict(items.catalogue().iter_rows()) if method.name == "poisson_tail" else {}
    _counts(found, method)
    words = _METHOD_WORDS.get((method.name, method.grain))
    if words:
        st.caption(words)
    _series(
        _watched(context, currencies, metric, method, found),
        metric,
        method,
        span,
        context,
        currencies=currencies,
        names=names,
    )
    shown = _in_state(found)
    _table(found, shown, metric, method, context, names=names)
    _by_series(shown, names, context)


def _span(newest: datetime, context: PageContext) -> Span:
    """Return the first hour of the period, and the end of the last one of chosen days."""
    zone = ZoneInfo(context.timezone)
    first, last = context.period.span(newest.astimezone(zone).date())
    return (
        datetime.combine(first, time(), zone) if first else None,
        datetime.combine(last + timedelta(days=1), time(), zone) if context.period.days else None,
    )


def _method(metric: str) -> Method:
    """Draw the choice of the method and of the least score, and return both."""
    known = anomalies.methods(metric)
    names = {f"{name}:{grain}": _METHODS.get((name, grain), name) for name, grain in known}
    # The one to read comes first, in each edition of the tables.
    order = [":".join(key) for key in _METHODS]
    ordered = sorted(names, key=lambda one: order.index(one) if one in order else len(order))
    name, _, grain = _pick(
        "Compared with", {one: names[one] for one in ordered}, "method"
    ).partition(":")
    least, most, step, usual = _GRADED.get(name, _SCORES)
    score = st.slider(
        "Score from",
        least,
        most,
        usual,
        step,
        format="localized",
        key=f"score_{name}",
        bind="query-params",
        help="How far from the usual; 0 shows all that the method marks.",
    )
    return Method(name, grain, score, is_graded=name in _GRADED)


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


def _counts(found: pl.DataFrame, method: Method) -> None:
    directions = found.get_column("direction")
    shown = {
        "Marked": (len(found), f"{_plural(method)} of all series below that were not as usual."),
        "Not acknowledged": (
            int((~found.get_column("is_acknowledged")).sum()),
            "Of these, those that nobody says to have looked at.",
        ),
        "More than usual": (int((directions == "high").sum()), "Of these, rises."),
        "Less than usual": (int((directions == "low").sum()), "Of these, drops."),
        "Series": (
            found.select("scope_type", "scope_id", "currency").n_unique() if len(found) else 0,
            "Stores, categories, items and all together in which any is marked.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            place.metric(name, value, help=meaning, format="localized")


def _plural(method: Method) -> str:
    return {"hour": "Hours", "day": "Days"}.get(method.grain, method.grain)


def _watched(
    context: PageContext, currencies: list[str], metric: str, method: Method, found: pl.DataFrame
) -> list[Series]:
    """Return the series to choose from; of many items those that are marked come first."""
    known = anomalies.series(context.store_ids, currencies, metric, method, context.categories)
    if method.name != "poisson_tail":
        return known
    marked = set(found.get_column("scope_id"))
    return sorted(known, key=lambda one: one.scope_id not in marked)


def _series(
    watched: list[Series],
    metric: str,
    method: Method,
    span: Span,
    context: PageContext,
    *,
    currencies: list[str],
    names: dict[str, str],
) -> None:
    known = {f"{one.scope_type}:{one.scope_id}:{one.currency}": one for one in watched}
    called = {key: anomaly_list.series_name(one, names, currencies) for key, one in known.items()}
    chosen: str | None = st.selectbox(
        "Series",
        list(called),
        format_func=called.__getitem__,
        key="series",
        bind="query-params",
    )
    if chosen is None:
        return
    hours = anomalies.hours(known[chosen], metric, method, *span)
    if hours.is_empty():
        st.info(
            f"No {method.grain} of this series can be judged in this period.",
            icon=":material/info:",
        )
        return
    downloads.summary(f"**{called[chosen]}** by {method.grain}:", hours, "hours.csv")
    money = known[chosen].currency
    unit = money if metric in _OF_MONEY else "pcs" if metric == "units_sold" else "receipts"
    figure.draw(
        lambda: hours_with_band(hours, unit, context.timezone, context.palette),
        "hours",
        "Hours of the series with what was to be expected; marked where it was not so",
    )


def _named(found: pl.DataFrame, names: dict[str, str], context: PageContext) -> pl.DataFrame:
    """Add what a series is called, and the address of its item if it is one."""
    return item_links.with_addresses(
        found.with_columns(
            pl.struct("scope_type", "scope_id", "currency")
            .map_elements(
                lambda row: anomaly_list.series_name(Series(**row), names),
                return_dtype=pl.String,
            )
            .alias("series"),
            pl.when(pl.col("scope_type") == "item").then("scope_id").alias("item_id"),
            store_id=pl.lit(context.store.store_id),
        ),
        context,
        "item_id",
    )


def _in_state(found: pl.DataFrame) -> pl.DataFrame:
    """Draw the choice of what is acknowledged or not, and return these rows."""
    states = st.pills(
        "Acknowledged",
        list(_STATES),
        selection_mode="multi",
        format_func=_STATES.__getitem__,
        key="acknowledged",
        bind="query-params",
    )
    if len(states) != 1:
        return found
    return found.filter(pl.col("is_acknowledged") == (states[0] == "ack"))


def _table(
    found: pl.DataFrame,
    shown: pl.DataFrame,
    metric: str,
    method: Method,
    context: PageContext,
    *,
    names: dict[str, str],
) -> None:
    counted = text.plural(len(found), method.grain)
    if len(shown) < len(found):
        counted = f"{text.number(len(shown))} of {counted}"
    downloads.summary(
        f"**{counted}** marked, the newest first.",
        shown,
        "anomalies.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if shown.is_empty():
        # What has just been sent may have been the last of its state.
        sending.show_result()
        if found.is_empty():
            st.success(f"All {_plural(method).lower()} were as usual.", icon=":material/check:")
        else:
            st.info(f"No {method.grain} fits the filter.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    item = item_links.column("Item") if method.name == "poisson_tail" else {}
    columns = {
        "bucket_start": config.DatetimeColumn(
            method.grain.capitalize(),
            format="ddd D MMM YYYY, HH:mm" if method.grain == "hour" else "ddd D MMM YYYY",
            timezone=context.timezone,
        ),
        "series": config.TextColumn("Series"),
        **item,
        "direction": config.TextColumn("Direction", width=90),
        "state": config.TextColumn(
            "Acknowledged", width=128, help="Whether somebody says to have looked at it."
        ),
        "severity": config.TextColumn("Severity", width=90),
        "value": config.NumberColumn(_METRICS[metric], format="localized"),
        "baseline": config.NumberColumn("Expected", format="localized"),
        "score": config.NumberColumn("Score", format="%.1f"),
        "currency": config.TextColumn("Currency", width=70),
        "why": config.TextColumn("Occasion", width=90),
        "acknowledged_by": config.TextColumn(
            "By", width=110, help="Who was the first to acknowledge it."
        ),
        "note": config.TextColumn("Note", width="medium"),
    }
    rows = anomaly_list.readable(shown.head(tables.SHOWN_ROWS))
    chosen = tables.table(
        _named(rows, names, context).with_columns(
            pl.col("direction").replace(anomaly_list.DIRECTIONS),
            pl.col("baseline").round(1),
            why=pl.when("is_holiday")
            .then(pl.lit("Holiday"))
            .when(~pl.col("is_open"))
            .then(pl.lit("Closed"))
            .otherwise(pl.lit("")),
        ),
        key=_TABLE,
        id_column="row_id",
        columns=columns,
        rows="multi-row",
        height=458,
    )
    anomaly_list.action_form(
        rows.filter(pl.col("row_id").is_in(chosen)),
        context,
        grain=method.grain,
        table_key=_TABLE,
    )


def _by_series(found: pl.DataFrame, names: dict[str, str], context: PageContext) -> None:
    if found.is_empty():
        return
    counted = anomalies.by_series(found)
    downloads.summary("**By series**, the most often marked first:", counted, "anomaly_series")
    config = st.column_config
    columns = {
        "series": config.TextColumn("Series"),
        "marked": config.NumberColumn("Marked", format="localized"),
        "high": config.NumberColumn("▲ More", format="localized"),
        "low": config.NumberColumn("▼ Less", format="localized"),
        "mean_score": config.NumberColumn(
            "Mean score", format="%.1f", help="How far out on average, either way."
        ),
        "last": config.DatetimeColumn(
            "Last", format="ddd D MMM YYYY, HH:mm", timezone=context.timezone
        ),
    }
    tables.show(
        _named(counted, names, context),
        key="anomaly_series",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(counted), most=388),
        column_config=columns,
    )


PAGE = Page(
    "Anomalies",
    ":material/troubleshoot:",
    "anomalies",
    render,
    allows_all_stores=True,
    shows_totals=True,
    filters=Filters(EVERY_PERIOD, takes_days=True, by_category=True, needs="sales_anomalies"),
)
