"""Baskets: what is bought together, and what to offer beside what."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.baskets import network, strength
from dashboard.components import analysis, downloads, explain, figure, offer_list, tables
from dashboard.data import baskets
from dashboard.page import Filters, Page, PageContext

# Of the columns with names, so that all figures find room beside them.
_ITEMS_WIDTH = 270


def render(context: PageContext) -> None:
    """Draw the page."""
    if not analysis.is_built("basket_rules", "Baskets", context):
        return
    scope = baskets.scope_of(context.store_ids)
    period = context.period.name
    nodes = baskets.nodes(period, scope)
    if nodes.is_empty():
        explain.nothing(
            "No two items are bought together often enough",
            "Pairs count that are in one basket of a hundred at least, and more often than chance "
            "has it.",
        )
        return
    item = _offers(period, scope, context)
    _network(nodes, period, scope, item, context)
    _rules(period, scope, context)


def _network(
    nodes: pl.DataFrame, period: str, scope: str, item: str | None, context: PageContext
) -> None:
    edges = baskets.edges(period, scope)
    groups = nodes.get_column("community").n_unique()
    downloads.summary(
        f"**{text.plural(len(nodes), 'item')}** in {text.plural(groups, 'group')}, joined by the "
        f"{text.number(len(edges))} strongest pairs. Dots are as large as items are common; "
        "colours tell the largest groups apart.",
        edges,
        "basket_pairs.csv",
    )
    figure.draw(
        lambda: network(nodes, edges, item, context.palette),
        "network",
        "Network of items that are bought together",
    )


def _offers(period: str, scope: str, context: PageContext) -> str | None:
    """Draw the choice of an item and what to offer beside it; returns the item."""
    known = baskets.offered_items(period, scope)
    names = dict(known.iter_rows())
    item: str | None = st.selectbox(
        "What to offer beside",
        list(names),
        index=None,
        format_func=lambda item: f"{names[item]} ({item})",
        placeholder="Type to search an item",
        key="beside",
        bind="query-params",
    )
    if item is None:
        return None
    offer_list.draw(baskets.offers(period, scope, item), item, context)
    return item


def _rules(period: str, scope: str, context: PageContext) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        support = st.slider(
            "In at least (% of baskets)",
            *(1.0, 10.0, 1.0, 0.5),
            format="localized",
            key="support",
            bind="query-params",
        )
        confidence = st.slider(
            "Bought as well in at least (%)", 10, 90, 30, 5, key="confidence", bind="query-params"
        )
        lift = st.slider(
            "At least times chance",
            *(1.0, 20.0, 2.0, 0.5),
            format="localized",
            key="lift",
            bind="query-params",
        )
    found = baskets.rules(
        period, scope, support=support / 100, confidence=confidence / 100, lift=lift
    )
    downloads.summary(
        f"**{text.plural(len(found), 'rule')}**, the strongest first.",
        found.with_columns(pl.col("antecedent", "consequent", "bought", "also").list.join(" + ")),
        "basket_rules.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No rule is that strong.", icon=":material/filter_alt_off:")
        return
    shown = found.head(tables.SHOWN_ROWS)
    figure.draw(
        lambda: strength(shown, context.palette),
        "strength",
        "Rules by share of baskets and by how often the rest is bought as well",
    )
    config = st.column_config
    columns = {
        "bought": config.TextColumn("Who buys", width=_ITEMS_WIDTH),
        "also": config.TextColumn("also buys", width=_ITEMS_WIDTH),
        "support": config.NumberColumn("Share of baskets", format="percent"),
        "support_count": config.NumberColumn("Baskets", format="localized"),
        "confidence": config.NumberColumn("Bought as well", format="percent"),
        "lift": config.NumberColumn("Times chance", format="%.1f", help="Lift."),
        "conviction": config.NumberColumn(
            "Conviction",
            format="%.2f",
            help="How many times as often the rule would fail if the two had nothing to do with "
            "each other; empty where it never fails.",
        ),
        "q_value": config.NumberColumn(
            "q",
            format="scientific",
            help="Share of chance findings among rules that are at least as sure.",
        ),
    }
    tables.show(
        shown.with_columns(pl.col("bought", "also").list.join(" + ")),
        key="rules",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_config=columns,
    )


PAGE = Page(
    "Baskets",
    ":material/shopping_basket:",
    "baskets",
    render,
    allows_all_stores=True,
    shows_totals=True,
    filters=Filters(("90d", "365d"), needs="basket_rules"),
)
