"""Sales: what was taken, on which days and at which hours, with which goods."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.sales import WEEKDAYS, hours_of_week, sales_by_category, sales_by_day
from dashboard.components import analysis, downloads, explain, figure, item_links, kpi_cards, tables
from dashboard.components.kpi_cards import KPIS, Card
from dashboard.data import overview, sales
from dashboard.data.analysis import Scope, built_for
from dashboard.page import Page, PageContext
from dashboard.theme import Palette

_DAYS = {"7d": 7, "30d": 30, "90d": 90}
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
    period = analysis.period(analysis.PERIODS, "30d")
    since = last - timedelta(days=_DAYS[period] - 1) if period in _DAYS else None
    _figures(scope, period, since, last, context.palette)
    _by_day(scope, since, context)
    left, right = st.columns(2, gap="large")
    with left:
        _by_hour(scope, period, context)
    with right:
        _by_category(scope, since, context)
    _best_sellers(scope, period, context)
    _by_month(scope)


def _figures(scope: Scope, period: str, since: date | None, last: date, palette: Palette) -> None:
    """Show the figures of the days below, and how they changed where there are days before."""
    totals = sales.totals(scope, since)
    changes = _changes(scope, period)
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
        kpi_cards.row(cards, len(_KPIS), palette)
    days = analysis.PERIODS[period] if period in _DAYS else "All days"
    compared = " against as many days before" if any(card.change for card in cards) else ""
    st.caption(f"{days} up to {last:%a} {last.day} {last:%b}{compared}.")


def _changes(scope: Scope, period: str) -> dict[str, dict[str, Any]]:
    """Return how KPIs of a period changed; nothing of all days, which have none before them."""
    if built_for("kpi_comparison") is None:
        return {}
    return {row["kpi"]: row for row in overview.kpis(scope, period).iter_rows(named=True)}


def _by_day(scope: Scope, since: date | None, context: PageContext) -> None:
    daily = sales.daily(scope, since)
    downloads.summary("By business day:", daily, "sales_by_day.csv")
    figure.draw(
        lambda: sales_by_day(daily, scope.currency, context.palette),
        "sales_by_day",
        "Net sales by business day, with their mean over seven days",
    )


def _by_hour(scope: Scope, period: str, context: PageContext) -> None:
    hours = sales.hours(scope, period)
    peak = hours.filter(pl.col("peak_rank") == 1)
    sentence = "By hour of the week:"
    if not peak.is_empty():
        day, hour, share = peak.select("day_of_week", "hour", "share_of_week_pct").row(0)
        sentence = (
            f"Busiest on **{WEEKDAYS[day - 1]} at {hour:02d}:00**, with "
            f"{text.formatted(share, '.1f')} % of all "
            "receipts. Colours tell net sales:"
        )
    downloads.summary(sentence, hours, "sales_by_hour.csv")
    figure.draw(
        lambda: hours_of_week(hours, scope.currency, context.palette),
        "hours_of_week",
        "Average net sales by weekday and hour",
    )


def _by_category(scope: Scope, since: date | None, context: PageContext) -> None:
    categories = sales.categories(scope, since)
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


def _best_sellers(scope: Scope, period: str, context: PageContext) -> None:
    found = sales.best_sellers(scope, period)
    downloads.summary("**Best sellers** of the period:", found, "best_sellers.csv")
    config = st.column_config
    has_moved = "prev_rank" in found.columns
    tables.show(
        item_links.with_addresses(found, context, "item_id").with_columns(
            text.category_labels(), *([_move().alias("move")] if has_moved else [])
        ),
        key="best_sellers",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_order=[
            "rank",
            *(["move"] if has_moved else []),
            *("item_address", "product_name", "category", "sales_revenue", "share_pct"),
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


def _move() -> pl.Expr:
    """Say by how many ranks items have moved since the period before."""
    moved = pl.col("rank_change")
    return (
        pl.when(pl.col("prev_rank").is_null())
        .then(pl.lit("new"))
        .when(moved > 0)
        .then(pl.format("▲ {}", moved))
        .when(moved < 0)
        .then(pl.format("▼ {}", -moved))
        .otherwise(pl.lit("="))
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
        column_order=[
            *("period_start", "state", "net_sales", "transactions", "units_sold"),
            *("mom_growth_pct", "yoy_growth_pct"),
        ],
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
    "Sales", ":material/monitoring:", "sales", render, allows_all_stores=True, shows_totals=True
)
