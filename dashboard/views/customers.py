"""Customers: who they are, how they buy, whether they come back, what they are worth."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.customers import (
    favourite_times,
    retention,
    score_grid,
    segment_tiles,
    worth,
    worth_classes,
)
from dashboard.components import analysis, downloads, explain, figure, pickers, tables
from dashboard.data import customers
from dashboard.page import Page, PageContext, Sections

# What one customer brought, to the cent; many together are told in whole.
_MONEY = "%.2f"
# Of the model's states, those that the reader should know of.
_UNSURE = {
    "dropout_unidentified": (
        "These purchases do not tell customers who are gone from those who pause, so all count as "
        "still there: lifetime values are upper bounds."
    )
}
# States of `churn_risk`, and what they mean.
_STATES = {"active": "Active", "cooling": "Cooling", "lapsed": "Lapsed"}
_AWAY = Sections("staying_away", {"cooling": "Cooling", "lapsed": "Lapsed"}, "cooling")
_GAPS = {"cooling": "twice", "lapsed": "three times"}
_ONE_DAY = "Bought on one day only"


def render(context: PageContext) -> None:
    """Draw the page."""
    if not analysis.is_built("customer_rfm", "Customers of all stores", context):
        return
    known = customers.currencies()
    if not known:
        explain.nothing(
            "No customer is known by name",
            "The tills of these stores do not say who bought. Sales lines with a customer_id make "
            "this page.",
        )
        return
    currency = analysis.currency(known)
    segments = customers.segments(currency)
    _segments(segments, currency, context)
    left, right = st.columns(2, gap="large")
    with left:
        _scores(currency, context)
    with right:
        _cohorts(currency, context)
    _worth(currency, context)
    if analysis.has("customer_behavior"):
        _habits(currency, context)
        _staying_away(currency)
    _members(segments, currency)


def _segments(segments: pl.DataFrame, currency: str, context: PageContext) -> None:
    total = int(segments.get_column("customers").sum())
    best = segments.row(0, named=True)
    downloads.summary(
        f"**{text.number(total)}** customers by when they last bought, how often and for how much. "
        f"**{best['segment']}** bring the most, {best['revenue_share_pct']:.0f} % of sales.",
        segments,
        "customer_segments.csv",
    )
    figure.draw(
        lambda: segment_tiles(segments, currency, context.palette),
        "segments",
        "Segments of customers by what they brought",
    )


def _scores(currency: str, context: PageContext) -> None:
    scores = customers.scores(currency)
    downloads.summary(
        "**How recently and how often** they buy: customers by score.",
        scores,
        "customer_scores.csv",
    )
    figure.draw(
        lambda: score_grid(scores, currency, context.palette),
        "scores",
        "Number of customers by score of recency and of frequency",
    )


def _cohorts(currency: str, context: PageContext) -> None:
    cohorts = customers.cohorts(currency)
    downloads.summary(
        "**Who comes back**: of those who first bought in a month, the share that bought in the "
        "months after (%).",
        cohorts,
        "cohort_retention.csv",
    )
    if cohorts.filter(pl.col("month_offset") > 0).is_empty():
        st.info("No month after the first is over yet.", icon=":material/info:")
        return
    figure.draw(
        lambda: retention(cohorts, context.palette),
        "retention",
        "Share of each month's new customers who bought in later months",
    )


def _worth(currency: str, context: PageContext) -> None:
    deciles = customers.deciles(currency)
    expected = float(deciles.get_column("clv_12m").cast(pl.Float64).sum())
    left, right = st.columns(2, gap="large")
    with left:
        downloads.summary(
            f"**What they are worth**: {text.number(expected)} {currency} of profit within a year.",
            deciles,
            "customer_value.csv",
        )
        if deciles.is_empty():
            st.info("Too few customers bought more than once.", icon=":material/info:")
            return
        figure.draw(
            lambda: worth(deciles, currency, context.palette),
            "worth",
            "Profit expected within a year by tenth of the customers",
        )
    with right:
        classes = customers.value_classes(currency)
        downloads.summary(
            "**How many are worth how much** within a year:",
            classes,
            "customer_value_classes.csv",
        )
        figure.draw(
            lambda: worth_classes(classes, currency, context.palette),
            "worth_classes",
            "Number of customers by the profit expected of them within a year",
        )
    for status in deciles.get_column("model_status").unique().to_list():
        if status in _UNSURE:
            st.caption(_UNSURE[status])


def _habits(currency: str, context: PageContext) -> None:
    habits = customers.habits(currency)
    if habits.is_empty():
        return
    config = st.column_config
    downloads.summary(
        "**How they buy**, by whether they still come: means over customers, of all time.",
        habits,
        "customer_habits.csv",
    )
    columns = {
        "churn_risk": config.TextColumn(
            "Customers who are",
            help="Active: bought within twice their usual gap. Cooling: not for over twice, "
            "lapsed: not for over three times that.",
        ),
        "customers": config.NumberColumn("Customers", format="localized"),
        "customers_share_pct": config.NumberColumn("Share (%)", format="%.1f"),
        "total_spent": config.NumberColumn(f"Spent ({currency})", format="%.0f"),
        "avg_transactions": config.NumberColumn("Receipts each", format="%.1f"),
        "avg_transaction_value": config.NumberColumn(f"Per receipt ({currency})", format=_MONEY),
        "mean_gap_days": config.NumberColumn("Usual gap (days)", format="%.1f"),
        "avg_recency_days": config.NumberColumn("Last bought (days ago)", format="%.0f"),
        "unique_products": config.NumberColumn("Items each", format="%.0f"),
        "discount_share_pct": config.NumberColumn(
            "At a discount (%)", format="%.1f", help="Of the lines of their receipts."
        ),
        "return_rate_units_pct": config.NumberColumn(
            "Brought back (%)", format="%.2f", help="Of the pieces they bought."
        ),
    }
    tables.show(
        habits.with_columns(pl.col("churn_risk").replace_strict(_STATES, default=_ONE_DAY)),
        key="habits",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(habits), most=388),
        column_config=columns,
    )
    times = customers.favourite_hours(currency)
    downloads.summary(
        "**When they come**: customers by the weekday and the hour of most of their receipts.",
        times,
        "customer_hours.csv",
    )
    figure.draw(
        lambda: favourite_times(times, context.palette),
        "favourite_times",
        "Number of customers by their favourite weekday and hour",
    )


def _staying_away(currency: str) -> None:
    state = pickers.section(_AWAY)
    found = customers.staying_away(currency, state)
    downloads.summary(
        f"**{text.plural(len(found), 'customer')}** missed for over {_GAPS[state]} their usual "
        "gap, those who spent most first.",
        found,
        "customers_staying_away.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("Nobody stays away that long.", icon=":material/check_circle:")
        return
    config = st.column_config
    columns = {
        "customer_id": config.TextColumn("Customer"),
        "segment": config.TextColumn("Segment"),
        "last_purchase_date": config.DateColumn("Last bought"),
        "recency_days": config.NumberColumn("Days ago", format="localized"),
        "mean_gap_days": config.NumberColumn("Usual gap (days)", format="%.1f"),
        "gaps_missed": config.NumberColumn("Times the gap", format="%.1f"),
        "transactions": config.NumberColumn("Receipts", format="localized"),
        "total_spent": config.NumberColumn(f"Spent ({currency})", format=_MONEY),
        "clv_12m": config.NumberColumn(f"Worth in a year ({currency})", format=_MONEY),
        "favourite_category": config.TextColumn("Buys most"),
    }
    tables.show(
        found.head(tables.SHOWN_ROWS).with_columns(text.category_labels("favourite_category")),
        key="customers_staying_away",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config=columns,
    )


def _members(segments: pl.DataFrame, currency: str) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        segment = st.selectbox(
            "Segment",
            segments.get_column("segment").to_list(),
            index=None,
            placeholder="All",
            key="segment",
            bind="query-params",
        )
        search = pickers.search("Customer", "customer_search")
    found = customers.members(currency, segment, search)
    downloads.summary(
        f"**{text.plural(len(found), 'customer')}**, those who spent most first.",
        found,
        "customers.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No customer fits the filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    tables.show(
        found.head(tables.SHOWN_ROWS),
        key="customers",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config={
            "customer_id": config.TextColumn("Customer"),
            "segment": config.TextColumn("Segment"),
            "prev_segment": config.TextColumn("Before"),
            "rfm_code": config.TextColumn("Score", help="Recency, frequency, money: 1 to 5 each."),
            "recency_days": config.NumberColumn("Last bought (days ago)", format="localized"),
            "frequency": config.NumberColumn("Receipts", format="localized"),
            "monetary": config.NumberColumn(f"Spent ({currency})", format=_MONEY),
            "p_alive": config.NumberColumn("Still a customer", format="percent"),
            "expected_tx_52w": config.NumberColumn("Receipts expected in a year", format="%.1f"),
            "clv_12m": config.NumberColumn(f"Worth in a year ({currency})", format=_MONEY),
            "clv_decile": config.NumberColumn("Tenth", format="%d"),
        },
    )


PAGE = Page("Customers", ":material/groups:", "customers", render, is_of_all_stores=True)
