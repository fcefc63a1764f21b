"""Customers: who they are, whether they come back, what they are worth."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.customers import retention, segment_tiles, worth
from dashboard.components import analysis, downloads, explain, figure, pickers, tables
from dashboard.data import customers
from dashboard.page import Page, PageContext

_SHOWN_ROWS = 2_000
# Of the model's states, those that the reader should know of.
_UNSURE = {
    "dropout_unidentified": (
        "These purchases do not tell customers who are gone from those who pause, so all count as "
        "still there: lifetime values are upper bounds."
    )
}


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
        _cohorts(currency, context)
    with right:
        _worth(currency, context)
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
        segment_tiles(segments, currency, context.palette),
        "segments",
        "Segments of customers by what they brought",
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
        retention(cohorts, context.palette),
        "retention",
        "Share of each month's new customers who bought in later months",
    )


def _worth(currency: str, context: PageContext) -> None:
    deciles = customers.deciles(currency)
    expected = float(deciles.get_column("clv_12m").cast(pl.Float64).sum())
    downloads.summary(
        f"**What they are worth**: {text.number(expected)} {currency} expected within a year.",
        deciles,
        "customer_value.csv",
    )
    if deciles.is_empty():
        st.info("Too few customers bought more than once.", icon=":material/info:")
        return
    figure.draw(
        worth(deciles, currency, context.palette),
        "worth",
        "Expected spending within a year by tenth of the customers",
    )
    for status in deciles.get_column("model_status").unique().to_list():
        if status in _UNSURE:
            st.caption(_UNSURE[status])


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
        shown_rows=_SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No customer fits the filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    tables.show(
        found.head(_SHOWN_ROWS),
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
            "monetary": config.NumberColumn(f"Spent ({currency})", format="localized"),
            "p_alive": config.NumberColumn("Still a customer", format="percent"),
            "expected_tx_52w": config.NumberColumn("Receipts expected in a year", format="%.1f"),
            "clv_12m": config.NumberColumn(f"Worth in a year ({currency})", format="localized"),
            "clv_decile": config.NumberColumn("Tenth", format="%d"),
        },
    )


PAGE = Page("Customers", ":material/groups:", "customers", render, is_of_all_stores=True)
