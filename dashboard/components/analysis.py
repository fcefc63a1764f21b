"""What pages about the analytics have in common: whose figures, of which time, over which days."""

import streamlit as st

from dashboard import text
from dashboard.components import explain, kept
from dashboard.data import analysis
from dashboard.data.analysis import ALL, Scope
from dashboard.page import PageContext

ANALYSE = ("smartshelf analyse", "computes them now")
PERIODS = {"7d": "7 days", "30d": "30 days", "90d": "90 days", "all": "All"}
# Name of the period in the URL, and what it is remembered by from page to page.
PERIOD = "period"


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


def period(periods: dict[str, str], default: str, key: str = PERIOD) -> str:
    """Draw the choice of a period; the URL keeps it, and the other pages that offer it.

    Args:
        periods: What to call each.
        default: Which is shown at first.
        key: Name in the URL; pages with the same one share the choice.

    Returns:
        One of `periods`.
    """
    is_given = kept.restore(key, periods)
    chosen: str | None = st.segmented_control(
        "Period",
        list(periods),
        default=None if is_given else default,
        required=True,
        format_func=periods.__getitem__,
        key=key,
        bind="query-params",
        label_visibility="collapsed",
    )
    kept.keep(key, chosen or default, default=default, known=periods)
    return chosen or default
