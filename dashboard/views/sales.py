"""Sales: what was taken, on which days and at which hours, with which goods."""

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.sales import WEEKDAYS, hours_of_week, sales_by_category, sales_by_day
from dashboard.components import (
    analysis,
    downloads,
    explain,
    figure,
    filters,
    item_links,
    kpi_cards,
    tables,
)
from dashboard.components.kpi_cards import KPIS, Card
from dashboard.data import overview, sales
from dashboard.data.analysis import Scope, built_for
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext

# First and last day; no first day where all are meant.
Span = tuple[date | None, date]

_BEST = 50
_KPIS = ("net_sales", "gross_profit", "transactions", "units_sold", "atv", "upt", "margin_pct")


def render(context: PageContext) -> None:
    """Draw the page."""
    if not analysis.is_built("kpi_daily", "Sales", context):
        return
    scope = analysis.scope(context)
    last = sales.last_day(scope)
    if last is None:
        explain.nothing(
            "No business day is complete yet",
            "Figures are of whole days, which end at midnight of the store.",
        )
        return
    span = context.period.span(last)
    _figures(scope, span, context)
    _by_day(scope, span, context)
    if context.categories:
        _by_category(scope, span, context)
    else:
        left, right = st.columns(2, gap="large")
        with left:
            _by_hour(scope, context)
        with right:
            _by_category(scope, span, context)
    _best_sellers(scope, span, context)
    if not filters.left_out(context, "Hours of the week and months"):
        _by_month(scope)


def _figures(scope: Scope, span: Span, context: PageContext) -> None:
    """Show the figures of the days below, and how they changed where there are days before."""
    totals = sales.totals(scope, *span, context.categories)
    is_compared = not context.period.days and not context.categories
    changes = _changes(scope, context.period.name) if is_compared else {}
    cards = []
    for kpi in _KPIS:
        name, meaning, decimals = KPIS[kpi]
        value, change = totals.get(kpi), changes.get(kpi)
        if value is not None:
            cards.append(
                Card(
                    name.format(currency=scope.currency),
                    value,
                    meaning,
                    decimals,
                    change["change"] if change else None,
                    kpi_cards.POINTS if change and change["unit"] == "percent" else "%",
                )
            )
    with st.container(border=True, key="figures"):
        kpi_cards.row(cards, len(_KPIS), context.palette)
    told = context.period.label
    if not context.period.days:
        last = span[1]
        told = f"{told[0].upper()}{told[1:]} up to {last:%a} {last.day} {last:%b}"
    compared = " against as many days before" if any(card.change for card in cards) else ""
    of_receipts = " Receipts are of all goods, so they are left out." if context.categories else ""
    st.caption(f"{told}{compared}.{of_receipts}")


def _changes(scope: Scope, period: str) -> dict[str, dict[str, Any]]:
    """Return how KPIs of a period changed; nothing of all days, which have none before them."""
    if built_for("kpi_comparison") is None:
        return {}
    return {row["kpi"]: row for row in overview.kpis(scope, period).iter_rows(named=True)}


def _by_day(scope: Scope, span: Span, context: PageContext) -> None:
    daily = (
        sales.daily_of_categories(scope, *span, context.categories)
        if context.categories
        else sales.daily(scope, *span)
    )
    downloads.summary("By business day:", daily, "sales_by_day.csv")
    figure.draw(
        lambda: sales_by_day(daily, scope.currency, context.palette),
        "sales_by_day",
        "Net sales by business day, with their mean over seven days",
    )


def _by_hour(scope: Scope, context: PageContext) -> None:
    hours = sales.hours(scope, context.period.name)
    peak = hours.filter(pl.col("peak_rank") == 1)
    sentence = "By hour of the week:"
    if not peak.is_empty():
        day, hour, share = peak.select("day_of_week", "hour", "share_of_week_pct").row(0)
        sentence = (
            f"Busiest on **{WEEKDAYS[day - 1]} at {hour:02d}:00**, with "
            f"{text.formatted(share, '.1f')} % of all "
            "receipts. Colours tell net sales:"
        )
    if context.period.days:
        sentence = f"{context.period.fixed_label.capitalize()}, not the days chosen. {sentence}"
    downloads.summary(sentence, hours, "sales_by_hour.csv")
    figure.draw(
        lambda: hours_of_week(hours, scope.currency, context.palette),
        "hours_of_week",
        "Average net sales by weekday and hour",
    )


def _by_category(scope: Scope, span: Span, context: PageContext) -> None:
    categories = sales.categories(scope, *span, context.categories)
    downloads.summary(
        f"**{text.plural(len(categories), 'category', 'categories')}** sold:",
        categories,
        "sales_by_category.csv",
    )
    figure.draw(
        lambda: sales_by_category(categories, scope.currency, context.palette),
        "sales_by_category",
        "Net sales by category, with their share",
    )


def _best_sellers(scope: Scope, span: Span, context: PageContext) -> None:
    period = context.period
    # Ranks are known of the newest days and all goods; else the days are summed here.
    is_ranked = period.name in sales.SPANS and not period.days and not context.categories
    if is_ranked:
        found = sales.best_sellers(scope, period.name)
    elif analysis.has("daily_product_sales"):
        found = sales.items(scope, *span, context.categories, _BEST)
    else:
        return
    downloads.summary("**Best sellers** of the period:", found, "best_sellers.csv")
    config = st.column_config
    shown = item_links.with_addresses(found, context, "item_id").with_columns(
        text.category_labels()
    )
    moved = pl.col("rank_change")
    tables.show(
        shown.with_columns(
            move=pl.when(pl.col("prev_rank").is_null())
            .then(pl.lit("new"))
            .when(moved > 0)
            .then(pl.format("▲ {}", moved))
            .when(moved < 0)
            .then(pl.format("▼ {}", -moved))
            .otherwise(pl.lit("=")),
        )
        if is_ranked
        else shown,
        key="best_sellers",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_order=[
            *("rank", *(("move",) if is_ranked else ()), "item_address", "product_name"),
            *("category", "sales_revenue", "share_pct"),
        ],
        column_config={
            "rank": config.NumberColumn("Rank", width=60),
            "move": config.TextColumn("Moved", width=80, help="Against the period before."),
            **item_links.column("Item"),
            "product_name": config.TextColumn("Name"),
            "category": config.TextColumn("Category"),
            "sales_revenue": config.NumberColumn(f"Sales ({scope.currency})", format="%.0f"),
            "share_pct": config.NumberColumn("Share (%)", format="%.2f"),
        },
    )


def _by_month(scope: Scope) -> None:
    months = sales.months(scope)
    downloads.summary("**Months** and how they grew:", months, "sales_by_month.csv")
    config = st.column_config
    newest_first = months.reverse()
    tables.show(
        newest_first.with_columns(
            state=pl.when("is_complete").then(pl.lit("✓ Whole")).otherwise(pl.lit("○ So far"))
        ),
        key="months",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(months), most=458),
        column_config={
            "period_start": config.DateColumn("Month", format="MMM YYYY"),
            "state": config.TextColumn("", width=90),
            "net_sales": config.NumberColumn(f"Net sales ({scope.currency})", format="%.0f"),
            "transactions": config.NumberColumn("Receipts", format="localized"),
            "units_sold": config.NumberColumn("Sold (pcs)", format="localized"),
            "mom_growth_pct": config.NumberColumn(
                "On the month before (%)", format="%+.1f", help="Empty where there was nothing."
            ),
            "yoy_growth_pct": config.NumberColumn("On the year before (%)", format="%+.1f"),
        },
    )


PAGE = Page(
    "Sales",
    ":material/monitoring:",
    "sales",
    render,
    allows_all_stores=True,
    shows_totals=True,
    filters=Filters(EVERY_PERIOD, takes_days=True, by_category=True, needs="kpi_daily"),
)
