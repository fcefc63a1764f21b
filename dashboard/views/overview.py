"""Overview: how the stores are doing, and what needs hands now. What people open in the morning."""

from datetime import date, timedelta
from typing import Any

import polars as pl
import streamlit as st

from dashboard import links, text
from dashboard.charts.sales import sales_by_category, sales_by_day
from dashboard.components import (
    analysis,
    downloads,
    explain,
    figure,
    item_links,
    kpi_cards,
    report_list,
    system_parts,
    tables,
    to_do,
)
from dashboard.components.kpi_cards import KPIS, Card
from dashboard.components.store_table import store_table
from dashboard.components.to_do import Task
from dashboard.data import anomalies, live, lots, overview, sales, system
from dashboard.data.analysis import ALL, Scope, built_for
from dashboard.data.anomalies import Method
from dashboard.data.lots import LotFilter
from dashboard.page import Filters, Page, PageContext
from dashboard.period import LENGTHS, NAMES
from dashboard.serving import has_table

_DAYS = {name: days for name in ("7d", "30d", "90d") if (days := LENGTHS[name])}
_TREND_DAYS = 90
_PER_ROW = 6
_BEST = 10
_KPIS = (
    *("net_sales", "transactions", "atv", "customers", "margin_pct", "units_sold"),
    *("stock_value", "turns_annualised", "oos_time_rate_pct", "return_rate_value_pct"),
)


def render(context: PageContext) -> None:
    """Draw the page."""
    scope = analysis.scope(context)
    if not analysis.is_built("kpi_comparison", "KPIs", context):
        _to_do(scope, context)
    elif overview.days(scope, 1).is_empty():
        explain.nothing(
            "No business day is complete yet",
            "Figures are of whole days, which end at midnight of the store.",
        )
        _to_do(scope, context)
    else:
        period = context.period.name
        _cards(scope, period, context)
        left, right = st.columns([60, 40], gap="large")
        with left, explain.what_is_missing():
            _trend(scope, context)
        with right:
            _to_do(scope, context)
            report_list.draw(scope)
        _stores_and_goods(scope, period, context)
    if context.sees_all_stores:
        _system(context)


def _cards(scope: Scope, period: str, context: PageContext) -> None:
    """Draw all KPIs that are known, and say why the others are not."""
    course = overview.days(scope, _DAYS[period])
    found = {row["kpi"]: row for row in overview.kpis(scope, period).iter_rows(named=True)}
    cards = [
        Card(
            name.format(currency=scope.currency),
            found[kpi]["value"],
            meaning,
            decimals,
            found[kpi]["change"],
            kpi_cards.POINTS if found[kpi]["unit"] == "percent" else "%",
            found[kpi]["is_more_better"],
            _course(course, kpi),
        )
        for kpi, (name, meaning, decimals) in ((kpi, KPIS[kpi]) for kpi in _KPIS)
        if kpi in found
    ]
    missing = _why_not(set(_KPIS) - set(found), context)
    worth = _customer_value(scope.currency) if context.sees_all_stores else None
    error = _forecast_error(_DAYS[period], context)
    if worth is None:
        why = (
            "it is reckoned by the night, of known customers"
            if context.sees_all_stores
            else "it is told over all stores"
        )
        missing.append(f"what customers are worth: {why}")
    if error is None:
        missing.append("the error of forecasts: none has come true yet")
    cards += [card for card in (worth, error) if card]
    with st.container(border=True, key="figures"):
        for first in range(0, len(cards), _PER_ROW):
            kpi_cards.row(cards[first : first + _PER_ROW], _PER_ROW, context.palette)
    sentence = f"{NAMES[period]} up to {_day(course.get_column('date_key')[-1])}"
    told = (
        " against as many days before." if any(card.change is not None for card in cards) else "."
    )
    more = f" Left out: {'; '.join(missing)}." if missing else ""
    st.caption(sentence + told + more)


def _course(days: pl.DataFrame, kpi: str) -> tuple[float, ...]:
    """Return the values of a KPI day by day, without days that have none, such as closed ones."""
    if kpi not in days.columns:
        return ()
    return tuple(days.get_column(kpi).cast(pl.Float64).drop_nulls())


def _why_not(missing: set[str], context: PageContext) -> list[str]:
    """Return which KPIs are not known, each with the reason."""
    reasons = []
    if "stock_value" in missing:
        has_sensors = any(store.tracks_stock for store in context.chosen)
        why = "no whole day of them is in the books yet" if has_sensors else "there are no sensors"
        reasons.append(f"stock and empty shelves: {why}")
    if "customers" in missing:
        reasons.append("customers: the tills do not say who bought")
    return reasons


def _customer_value(currency: str) -> Card | None:
    if built_for("customer_clv") is None:
        return None
    customers, value = overview.customer_value(currency)
    if not customers or value is None:
        return None
    return Card(
        f"Customer worth ({currency})",
        value,
        f"Profit expected of a known customer within a year, on average over "
        f"{text.number(customers)}; of all stores with this currency.",
    )


def _forecast_error(days: int, context: PageContext) -> Card | None:
    if not has_table("ml", "accuracy"):
        return None
    found = overview.forecast_error(context.store_ids, days, context.publication.as_of)
    errors = dict(found.select("is_current", "wape").iter_rows())
    if errors.get(True) is None:
        return None
    before = errors.get(False)
    return Card(
        "Forecast error (%)",
        100 * errors[True],
        "What forecasts for orders missed, over what was asked for: pieces, item by item.",
        1,
        None if before is None else 100 * (errors[True] - before),
        kpi_cards.POINTS,
        is_more_better=False,
    )


def _trend(scope: Scope, context: PageContext) -> None:
    last = _last_day(scope)
    daily = sales.daily(scope, last - timedelta(days=_TREND_DAYS - 1))
    to_come = _expected(scope, last, context)
    told = ", and what forecasts expect" if len(to_come) else ""
    downloads.summary(f"**Net sales** by business day{told}:", daily, "sales_by_day.csv")
    figure.draw(
        lambda: sales_by_day(daily, scope.currency, context.palette, to_come, height=370),
        "trend",
        "Net sales of the last 90 business days, with their mean over seven days",
    )
    grown = [
        _growth_words(row) for row in overview.growth(scope).iter_rows(named=True) if any(
            row[name] is not None for name in ("mom_growth_pct", "yoy_growth_pct")
        )
    ]  # fmt: skip
    if grown:
        st.markdown("  \n".join(grown))


def _expected(scope: Scope, last: date, context: PageContext) -> pl.DataFrame:
    """Return what forecasts expect of the days after the last complete one; often nothing."""
    known = has_table("ml", "predictions") and has_table("analytics", "daily_product_sales")
    if not known:
        return pl.DataFrame()
    found = overview.forecast(context.store_ids, scope.currency, last)
    return found.filter(pl.col("date_key") > last)


def _growth_words(row: dict[str, Any]) -> str:
    """Return how the newest whole week or month compares with those before."""
    start, kind = row["period_start"], row["period_type"]
    name = f"{start:%B %Y}" if kind == "month" else f"Week of {_day(start)}"
    parts = [
        f"{_trend_sign(growth)} {text.signed(growth)} % on the {what}"
        for growth, what in (
            (row["mom_growth_pct"], f"{kind} before"),
            (row["yoy_growth_pct"], f"same {kind} a year before"),
        )
        if growth is not None
    ]
    return f"**{name}**: {text.number(row['net_sales'])}, {', '.join(parts)}."


def _trend_sign(growth: float) -> str:
    # As it is told: what is rounded away has not changed.
    told = round(growth, 1)
    return "▲" if told > 0 else "▼" if told < 0 else "="


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def _to_do(scope: Scope, context: PageContext) -> None:
    st.subheader("What needs hands now", anchor=False)
    with explain.what_is_missing():
        tasks = [
            *(_stock_tasks(context) if any(s.tracks_stock for s in context.chosen) else ()),
            *_sales_tasks(scope, context),
        ]
        if not tasks:
            st.caption(
                "These stores have no shelf sensors, so nothing is known of their shelves, lots "
                "and deliveries; unusual sales and returns are told once there are KPIs."
            )
        to_do.show(tasks)


def _stock_tasks(context: PageContext) -> list[Task]:
    found = live.alerts(context.store_ids)
    count = sum(found.values())
    urgency = "critical" if found["critical"] else "caution" if count else "calm"
    words = (
        f"**{text.plural(count, 'alert')}** of shelves and the warehouse: "
        f"{text.number(found['critical'])} run out, "
        f"{text.number(found['high'])} low, {text.number(found['medium'])} near expiry"
        if count
        else "No alert is active"
    )
    shelves = overview.shelves(context.store_ids)
    few = shelves["low"] or shelves["empty"]
    empty = text.number(shelves["empty"]) if shelves["empty"] else "none"
    low = (
        f"**{text.plural(shelves['low'], 'low shelf', 'low shelves')}**, {empty} of them empty"
        if few
        else "All shelves have enough"
    )
    return [
        Task(urgency, words, "alerts", (("status", "Open"),)),
        Task(
            "critical" if shelves["empty"] else "caution" if few else "calm",
            low,
            "states",
            (("low", "true"),),
        ),
        _lot_task(context),
        *_supply_tasks(context),
    ]


def _lot_task(context: PageContext) -> Task:
    [pieces] = lots.figures(LotFilter(tuple(context.store_ids))).iter_rows(named=True)
    expired, soon = pieces["expired"], pieces["within_1"]
    words = (
        f"**{text.number(soon)} pcs** expire by tomorrow, {text.number(expired)} have expired"
        if expired or soon
        else "Nothing expires by tomorrow"
    )
    return Task("critical" if expired else "caution" if soon else "calm", words, "lots")


def _supply_tasks(context: PageContext) -> list[Task]:
    now = context.publication.as_of
    found = overview.deliveries(context.store_ids)
    tasks = []
    if found.overdue:
        tasks.append(
            Task("critical", f"**{text.plural(found.overdue, 'order')}** overdue", "supply")
        )
    if found.next_cutoff:
        when = text.short_time(found.next_cutoff, context.timezone)
        tasks.append(
            Task(
                "calm",
                f"Orders can be changed until **{when}**, {text.countdown(found.next_cutoff, now)}",
                "supply",
            )
        )
    if found.next_delivery:
        when = text.short_time(found.next_delivery, context.timezone)
        tasks.append(
            Task(
                "calm",
                f"Next delivery **{when}**, {text.countdown(found.next_delivery, now)}: "
                f"{text.plural(found.orders, 'order')}",
                "supply",
            )
        )
    return tasks


def _sales_tasks(scope: Scope, context: PageContext) -> list[Task]:
    tasks = []
    if built_for("sales_anomalies") is not None:
        newest = anomalies.newest([scope.currency]) or context.publication.as_of
        found = anomalies.flagged(
            context.store_ids,
            [scope.currency],
            "net_sales",
            Method("seasonal_mad", "hour"),
            newest - timedelta(days=1) + timedelta(hours=1),
        )
        every = found.get_column("bucket_start").n_unique()
        hours = found.filter(~pl.col("is_acknowledged")).get_column("bucket_start").n_unique()
        done = f", {text.number(every - hours)} more acknowledged" if every > hours else ""
        words = (
            f"**{text.plural(hours, 'unusual hour')}** of sales in the last day{done}"
            if hours
            else "All unusual hours of the last day are acknowledged"
            if every
            else "Sales of the last day were as usual"
        )
        to_look_at = (("acknowledged", "Not yet"),) if hours else ()
        tasks.append(Task("caution" if hours else "calm", words, "anomalies", to_look_at))
    # What came back is told over all stores: of some of them nothing can be said.
    if context.sees_all_stores and built_for("return_rate_analysis") is not None:
        items = overview.often_returned(scope.currency)
        words = (
            f"**{text.plural(items, 'item')}** came back unusually often in 30 days"
            if items
            else "No item comes back unusually often"
        )
        tasks.append(Task("caution" if items else "calm", words, "history"))
    return tasks


def _stores_and_goods(scope: Scope, period: str, context: PageContext) -> None:
    since = _last_day(scope) - timedelta(days=_DAYS[period] - 1)
    if scope.store_id == ALL:
        store_table(context.store_ids, scope.currency, period)
    left, right = st.columns(2, gap="large")
    with left:
        _best_sellers(scope, period, since, context)
    with right:
        _categories(scope, since, context)


def _last_day(scope: Scope) -> date:
    """Return the newest complete business day."""
    last: date = overview.days(scope, 1).get_column("date_key")[-1]
    return last


def _best_sellers(scope: Scope, period: str, since: date, context: PageContext) -> None:
    if period in sales.SPANS:
        found = sales.best_sellers(scope, period).head(_BEST)
    else:
        found = sales.items(scope, since, None, (), _BEST)
    downloads.summary(f"**Best sellers** of {NAMES[period]}:", found, "best_sellers.csv")
    config = st.column_config
    tables.show(
        item_links.with_addresses(found, context, "item_id").with_columns(
            pl.col("sales_revenue").cast(pl.Float64).round(0)
        ),
        key="best_sellers",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config={
            "rank": config.NumberColumn("Rank", width=50),
            **item_links.column("Item", 110),
            "product_name": config.TextColumn("Name"),
            "sales_revenue": config.NumberColumn(f"Sales ({scope.currency})", format="localized"),
            "share_pct": config.NumberColumn("Share (%)", format="%.2f", width=80),
        },
    )


def _categories(scope: Scope, since: date, context: PageContext) -> None:
    found = sales.categories(scope, since)
    downloads.summary("**Categories** that sold most:", found, "sales_by_category.csv")
    figure.draw(
        lambda: sales_by_category(found, scope.currency, context.palette),
        "sales_by_category",
        "Net sales by category, with their share",
    )


def _system(context: PageContext) -> None:
    """Draw whether the system is well, from how much it knows, and until when."""
    st.subheader("The system itself", anchor=False)
    with explain.what_is_missing():
        found = system.parts()
        count, newest = overview.events()
        state = system_parts.verdict(found)
        told = f"Newest event {text.local_time(newest, context.timezone)}." if newest else ""
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{state}** {text.number(count)} events are kept. {told}")
            links.link("system", "System")
            links.link("quality", "Quality")
            downloads.menu(found, "parts")
        config = st.column_config
        tables.show(
            system_parts.readable(found),
            key="parts",
            hide_index=True,
            placeholder="",
            height=tables.height_of(len(found), most=388),
            column_config={
                "status": config.TextColumn("State", width=110),
                "component": config.TextColumn("Part", width=150),
                "message": config.TextColumn("What is known"),
                "last_ok_ts": config.DatetimeColumn(
                    "Last well", format="ddd D MMM, HH:mm", timezone=context.timezone
                ),
            },
        )


PAGE = Page(
    "Overview",
    ":material/home:",
    "overview",
    render,
    allows_all_stores=True,
    shows_totals=True,
    filters=Filters(periods=tuple(_DAYS), needs="kpi_comparison"),
)
