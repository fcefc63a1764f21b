"""The choices of days and goods that hold on every page: the frame draws those a page goes by.

Belongs here: the widgets, the address, and what stands in where a page does not have what was
chosen elsewhere. Does not belong here: which page goes by what (`page.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import text
from dashboard.components import analysis, kept, pickers
from dashboard.data import items, stores
from dashboard.page import Filters, Page, PageContext
from dashboard.period import NAMES, USUAL, Period, nearest

PERIOD, DAYS, CATEGORY = "period", "days", "category"
_DRAWN = "period_drawn"
_NAMED = {label: name for name, label in NAMES.items()}
_A_YEAR = timedelta(days=365)


def apply(page: Page, context: PageContext) -> PageContext:
    """Draw the filters of a page, and return its context with what is chosen.

    Args:
        page: The page.
        context: What it is given, without filters.
    """
    known = items.categories()
    labels = {text.category_label(category): category for category in known}
    named = [labels[one] for one in st.query_params.get_all(CATEGORY) if one in labels]
    kept.heed(PERIOD, _NAMED.get(st.query_params.get(PERIOD, "")))
    kept.heed(DAYS, _days(st.query_params.get_all(DAYS)))
    kept.heed(CATEGORY, named or None)
    shown = of(page)
    if shown.needs and not analysis.has(shown.needs):
        return context
    has_choice = shown.by_category and len(known) > 1
    if not shown.periods and not has_choice:
        return context
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        period, told = _period(shown, context) if shown.periods else (context.period, "")
        categories = _categories(known) if has_choice else ()
    if told:
        st.caption(told)
    return replace(context, period=period, categories=categories)


def of(page: Page) -> Filters:
    """Return the filters of the part of a page that is shown."""
    if page.sections is None:
        return page.filters
    return page.sections.filters.get(pickers.shown(page.sections), page.filters)


def left_out(context: PageContext, what: str) -> bool:
    """Say that a part of a page is not told by category, where some are chosen.

    Args:
        context: Of the page.
        what: The part, to begin a sentence with.

    Returns:
        Whether it has to be left out.
    """
    if context.categories:
        st.caption(f"{what}: told of all categories together, so left out here.")
    return bool(context.categories)


def _period(shown: Filters, context: PageContext) -> tuple[Period, str]:
    """Draw the choice of days; returns it, and what to say where it is not what was chosen."""
    offered = shown.periods
    wanted = kept.wanted(PERIOD)
    stand_in = None if wanted in offered else nearest(wanted or USUAL, offered)
    is_given = kept.restore(
        PERIOD,
        (stand_in or wanted) if wanted else None,
        is_named=_NAMED.get(st.query_params.get(PERIOD, "")) in offered,
    )
    chosen: str | None = st.segmented_control(
        "Period",
        list(offered),
        default=None if is_given else nearest(USUAL, offered),
        required=True,
        format_func=NAMES.__getitem__,
        key=PERIOD,
        bind="query-params",
        label_visibility="collapsed",
        on_change=_forget_days,
    )
    name = chosen or nearest(USUAL, offered)
    st.session_state[_DRAWN] = name
    kept.keep(PERIOD, name, unless=stand_in)
    if shown.takes_days:
        period = Period(name, _choose_days(context))
        told = f"Told of {period.label}; choosing a period drops these days."
        return period, told if period.days else ""
    if kept.wanted(DAYS):
        return Period(name), (
            f"Days of your own are not told here, only periods: these are {Period(name).label}."
        )
    if wanted and name == stand_in:
        return Period(name), (
            f"{NAMES[wanted]}: not told here. The nearest is shown, {Period(name).label}."
        )
    return Period(name), ""


def _forget_days() -> None:
    """Drop chosen days: whoever chooses a period after them wants that."""
    if st.session_state[PERIOD] == st.session_state.get(_DRAWN):
        # What stands in on a page is no choice.
        return
    kept.keep(DAYS, None)
    if DAYS in st.session_state:
        st.session_state[DAYS] = ()


def _choose_days(context: PageContext) -> tuple[date, date] | None:
    """Draw the choice of a first and a last day; one alone is both. `None` where there is none."""
    today = context.publication.as_of.astimezone(ZoneInfo(context.timezone)).date()
    first = min(stores.first_day() or today, today - _A_YEAR)
    wanted = kept.wanted(DAYS)
    fits = wanted is not None and first <= wanted[0] and wanted[1] <= today
    # The widget knows days as a tuple only.
    kept.restore(DAYS, wanted if fits else None)
    st.markdown("or", width="content")
    chosen = st.date_input(
        "Days",
        value=[],
        min_value=first,
        max_value=today,
        key=DAYS,
        bind="query-params",
        format="YYYY-MM-DD",
        label_visibility="collapsed",
        width=250,
        help="First and last day; choose a period to go back to the newest days.",
    )
    match chosen:
        case (since, *until):
            # An address has a day that is both ends once.
            days = (since, until[0] if until else since)
            kept.keep(DAYS, days)
            return days
        case _:
            if fits or wanted is None:
                kept.keep(DAYS, None)
            return None


def _categories(known: Sequence[str]) -> tuple[str, ...]:
    """Draw the choice of categories; returns none where all are meant."""
    wanted = [category for category in kept.wanted(CATEGORY) or () if category in known]
    kept.restore(CATEGORY, wanted or None)
    chosen: list[str] = st.multiselect(
        "Category",
        known,
        format_func=text.category_label,
        placeholder="All categories",
        key=CATEGORY,
        bind="query-params",
        label_visibility="collapsed",
        width=380,
    )
    kept.keep(CATEGORY, chosen)
    return tuple(chosen)


def _days(told: list[str]) -> tuple[date, date] | None:
    """Return the days of an address, `None` where it has none."""
    try:
        days = [date.fromisoformat(day) for day in told]
    except ValueError:
        return None
    return (days[0], days[-1]) if days else None
