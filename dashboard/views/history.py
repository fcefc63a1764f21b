"""History: any span of the past, its months and seasons, stores side by side, what came back."""

from datetime import date, timedelta

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts import history as charts
from dashboard.charts.sales import WEEKDAYS, sales_by_day
from dashboard.components import analysis, downloads, explain, figure, item_links, kpi_cards, tables
from dashboard.components.kpi_cards import Card
from dashboard.components.store_table import store_table
from dashboard.data import history, sales
from dashboard.data.analysis import ALL, Scope, built_for
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext
from dashboard.theme import Palette

_PER_ROW = 6
_YEAR = 365
_SHOWN_RETURNS = 10


def render(context: PageContext) -> None:
    """Draw the page."""
    if not analysis.is_built("kpi_daily", "Sales", context):
        return
    scope = analysis.scope(context)
    known = history.bounds(scope)
    if known is None:
        explain.nothing(
            "No business day is complete yet",
            "Figures are of whole days, which end at midnight of the store.",
        )
        return
    period, days = context.period.name, context.period.days
    first, last = context.period.span(known[1])
    first = first or known[0]
    _totals(scope, first, last, context.palette)
    _days(scope, first, last, context)
    _months(scope, first, last, context)
    _seasons(scope, last, context)
    has_stores = scope.store_id == ALL and built_for("store_comparison") is not None
    has_returns = built_for("return_rate_analysis") is not None
    if days and (has_stores or has_returns):
        st.info(
            f"What follows is told of periods: of **{context.period.fixed_label}**, not of the "
            "days chosen above.",
            icon=":material/date_range:",
        )
    if has_stores:
        store_table(context.store_ids, scope.currency, period)
    if has_returns:
        with explain.what_is_missing():
            _returns(scope, period, context)


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"


def _totals(scope: Scope, first: date, last: date, palette: Palette) -> None:
    [row] = history.totals(scope, first, last).iter_rows(named=True)
    if not row["days"]:
        st.info("The stores have no complete business day among these.", icon=":material/info:")
        return
    money = scope.currency
    cards = [
        Card(f"Net sales ({money})", float(row["net_sales"]), "Sales less returns."),
        Card(f"A day ({money})", row["net_sales_per_day"], "Mean net sales of a business day."),
        Card(f"Gross profit ({money})", float(row["gross_profit"]), "Net sales less cost."),
        Card("Receipts", row["transactions"], "Receipts with at least one sale."),
        Card("Sold (pcs)", row["units_sold"], "Pieces sold."),
        Card(
            f"Best day ({money})",
            float(row["best_net_sales"]),
            f"Net sales of {_day(row['best_day'])}.",
        ),
    ]
    with st.container(border=True, key="figures"):
        kpi_cards.row(cards, _PER_ROW, palette)
    st.caption(
        f"{text.plural(row['days'], 'business day')} from {_day(first)} to {_day(last)}. "
        f"The best was {_day(row['best_day'])}."
    )


def _days(scope: Scope, first: date, last: date, context: PageContext) -> None:
    daily = sales.daily(scope, first, last)
    if daily.is_empty():
        return
    downloads.summary("By business day:", daily, "sales_by_day.csv")
    figure.draw(
        lambda: sales_by_day(daily, scope.currency, context.palette),
        "sales_by_day",
        "Net sales by business day, with their mean over seven days",
    )


def _months(scope: Scope, first: date, last: date, context: PageContext) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        months = sales.months(scope)
        downloads.summary("**Months**, and how they changed:", months, "sales_by_month.csv")
        figure.draw(
            lambda: charts.months(months, scope.currency, context.palette),
            "months",
            "Net sales by month, with the change on the month and on the year before",
        )
        if months.get_column("yoy_growth_pct").null_count() == len(months):
            st.caption(
                "No whole month has a whole one a year before, so none is compared with the year."
            )
    with right:
        found = history.category_months(scope, first, last)
        downloads.summary(
            "**Categories by month**, of the days above:", found, "categories_by_month.csv"
        )
        if found.is_empty():
            st.info("Nothing was sold on these days.", icon=":material/info:")
            return
        figure.draw(
            lambda: charts.category_months(found, scope.currency, context.palette),
            "category_months",
            "Net sales of categories by month",
        )


def _seasons(scope: Scope, last: date, context: PageContext) -> None:
    left, right = st.columns(2, gap="large")
    with left:
        daily = sales.daily(scope, last - timedelta(days=_YEAR), last)
        downloads.summary("**Calendar** of up to a year:", daily, "calendar.csv")
        figure.draw(
            lambda: charts.calendar(daily, scope.currency, context.palette),
            "calendar",
            "Net sales of days as a calendar, a column for each week",
        )
    if built_for("seasonal_indices") is None:
        return
    with right:
        _season(scope, "day_of_week", WEEKDAYS, "Weekdays", context)
    # Months tell a season once there is one of each.
    if len(history.seasons(scope, "month")) == len(charts.MONTHS):
        _season(scope, "month", charts.MONTHS, "Months", context)


def _season(
    scope: Scope, dimension: str, names: tuple[str, ...], title: str, context: PageContext
) -> None:
    found = history.seasons(scope, dimension)
    if found.is_empty():
        return
    downloads.summary(
        f"**{title}** against a mean day, all days so far:", found, f"{dimension}.csv"
    )
    figure.draw(
        lambda: charts.seasons(found, names, context.palette),
        f"seasons_{dimension}",
        f"Sales of {title.lower()} against a mean day",
    )


def _returns(scope: Scope, period: str, context: PageContext) -> None:
    st.subheader("What came back", anchor=False)
    name = context.period.fixed_label
    if not context.sees_all_stores:
        _returns_of_store(scope, period, name)
        return
    judged = history.returns(scope.currency, period)
    # What chance makes of a rate is for the funnel alone.
    found = judged.filter(pl.col("units_returned") > 0).drop("chance_low_pct", "chance_high_pct")
    rate = history.return_rate(Scope(ALL, scope.currency), period)
    if found.is_empty() or rate is None:
        st.success(f"Nothing came back: {name}, all stores.", icon=":material/check_circle:")
        return
    downloads.summary(
        f"**{text.formatted(rate, '.2f')} %** of the pieces sold, all stores, {name}. "
        f"**{text.plural(len(found), 'item')}** came back; ▲ more than twice as often as others "
        "of the category, and not by chance:",
        found,
        "returns.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    left, right = st.columns([50, 50], gap="large")
    with left:
        figure.draw(
            lambda: charts.returned(found.head(_SHOWN_RETURNS), context.palette),
            "returned",
            "Items that come back most often, with what chance allows",
        )
    with right:
        figure.draw(
            lambda: charts.return_funnel(judged, rate, context.palette),
            "return_funnel",
            "Return rates over pieces sold, with what chance makes of the rate of everything",
        )
    st.caption(
        "Left: the ten that surely come back most often. Right: all items; where as many were "
        "sold, 95 of 100 would lie in the shaded funnel, if only chance told them apart."
    )
    _return_table(found, scope, context)


def _returns_of_store(scope: Scope, period: str, name: str) -> None:
    """Say how much came back to a store; which items do is known over all stores only."""
    rate = history.return_rate(scope, period)
    told = (
        "Nothing was sold"
        if rate is None
        else f"**{text.formatted(rate, '.2f')} %** of the pieces sold came back"
    )
    st.markdown(f"{told}: this store, {name}.")
    st.caption(
        "Which items come back unusually often is told over all stores, to who may see all of them."
    )


def _return_table(found: pl.DataFrame, scope: Scope, context: PageContext) -> None:
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context, "item_id").with_columns(
            pl.col("returns_value").cast(pl.Float64),
            state=pl.when("is_flagged").then(pl.lit("▲")).otherwise(pl.lit("")),
        ),
        key="returns",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config={
            "state": config.TextColumn("", width=30),
            **item_links.column("Item", 95),
            "product_name": config.TextColumn("Name", width=110),
            "units_sold": config.NumberColumn("Sold", format="localized", width=65),
            "units_returned": config.NumberColumn("Back", format="localized", width=55),
            "return_rate_units_pct": config.NumberColumn("Rate (%)", format="%.1f", width=65),
            "category_rate_pct": config.NumberColumn("Category (%)", format="%.1f", width=88),
            "returns_value": config.NumberColumn(scope.currency, format="localized", width=70),
        },
    )


PAGE = Page(
    "History",
    ":material/calendar_month:",
    "history",
    render,
    allows_all_stores=True,
    shows_totals=True,
    filters=Filters(EVERY_PERIOD, takes_days=True, needs="kpi_daily"),
)
