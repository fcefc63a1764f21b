"""What pages about the analytics have in common: whose figures, and of which time."""

import streamlit as st

from dashboard import text
from dashboard.components import explain
from dashboard.data import analysis
from dashboard.data.analysis import ALL, Scope
from dashboard.page import PageContext

ANALYSE = ("smartshelf analyse", "computes them now")


def has(*tables: str) -> bool:
    """Return whether tables were built already, for parts that are left out where they are not.

    Args:
        tables: Their names within the schema `analytics`.
    """
    return all(analysis.built_for(table) is not None for table in tables)


def is_built(table: str, what: str, context: PageContext) -> bool:
    """Say for what time a table was built; explain it where it was not yet.

    Args:
        table: Its name within the schema `analytics`.
        what: What is in it, to begin a sentence with.
        context: The page.
    """
    moment = analysis.built_for(table)
    if moment is None:
        explain.nothing(
            f"{what} are not computed yet",
            "They follow the stores by the hour, those of customers and baskets by the night.",
            ANALYSE,
        )
        return False
    st.caption(f"{what} as of {text.local_time(moment, context.timezone)}.")
    return True


def scope(context: PageContext) -> Scope:
    """Return whose figures to show; stores of several currencies are not added up."""
    if len(context.chosen) == 1:
        return Scope(context.store.store_id, context.store.currency)
    return Scope(ALL, currency(sorted({store.currency for store in context.chosen})))


def currency(known: list[str]) -> str:
    """Draw the choice of a currency where there are several, and return it.

    Args:
        known: One at least.
    """
    if len(known) == 1:
        return known[0]
    chosen: str | None = st.segmented_control(
        "Currency",
        known,
        default=known[0],
        required=True,
        key="currency",
        bind="query-params",
    )
    return chosen or known[0]
