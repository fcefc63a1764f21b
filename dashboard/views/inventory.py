"""Inventory: where stock hurts and what that costs; levels, movements, turnover, items, age."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import text
from dashboard.charts import inventory as charts
from dashboard.charts.inventory import STATES
from dashboard.components import (
    analysis,
    downloads,
    explain,
    figure,
    filters,
    item_links,
    pickers,
    tables,
)
from dashboard.data import inventory
from dashboard.data.analysis import ALL, Scope
from dashboard.page import Filters, Page, PageContext, Sections

_SECTIONS = Sections(
    "inventory",
    {
        "outs": "Stock-outs",
        "levels": "Levels",
        "flow": "Movements",
        "turnover": "Turnover",
        "items": "Items",
        "age": "Age",
    },
    "outs",
)
_MOVERS = {"high": "The fastest 20", "slow": "The slowest 20"}
_TURNOVER_CLASSES = {
    "fast": "● Fast",
    "normal": "● Normal",
    "slow": "▽ Slow",
    "dead": "▲ Not sold",
    "none": "○ No stock",
}


def render(context: PageContext) -> None:
    """Draw the page."""
    if not any(store.tracks_stock for store in context.chosen):
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so nothing can be said about its stock.",
        )
        return
    if not analysis.is_built("inventory_kpis", "Stock figures", context):
        return
    scope = analysis.scope(context)
    now = inventory.kpis(scope, context.categories)
    if now.is_empty() and context.categories:
        st.info("No stock of these categories is kept here.", icon=":material/filter_alt_off:")
        return
    if now.is_empty():
        explain.nothing(
            "No stock was counted yet",
            "Figures begin with the first business day on which shelves report.",
        )
        return
    period = context.period.name
    _figures(now, period, scope, context.categories)
    section = pickers.section(_SECTIONS)
    if section == "levels":
        _levels(scope, context)
    elif section == "flow":
        _flow(scope, context)
    elif section == "turnover":
        _turnover(scope, period, context)
    elif section == "items":
        _classes(scope, context)
    elif section == "age":
        _age(scope, context)
    else:
        _outs(scope, period, context)


def _figures(now: pl.DataFrame, period: str, scope: Scope, categories: tuple[str, ...]) -> None:
    """Show what is wrong now, what it cost in the period, and the money that is in the stock."""
    row = now.row(0, named=True)
    of = text.plural(row["items_total"], "item")
    outs = inventory.stockouts(scope, period, categories)
    turned = inventory.turnover(scope, period, categories)
    with st.container(border=True, key="figures"):
        places = iter(st.columns([2, 2, 2, 3, 3, 3, 2, 2]))
        for name, value, meaning in (
            ("Out of stock", row["out_of_stock_items"], f"Items with an empty shelf, of {of}."),
            (
                "Low",
                row["critical_items"] + row["low_stock_items"],
                f"Items whose shelf is to be filled, of {of}; empty ones are not among them.",
            ),
            ("Above room", row["overstock_items"], f"More than the shelf holds, of {of}."),
        ):
            next(places).metric(name, value, help=meaning, format="localized")
        _figure_of(
            next(places),
            outs,
            "availability_pct",
            "On the shelf (%)",
            "Time within opening hours in which shelves were not empty, over all items.",
            shape=",.2f",
        )
        _figure_of(
            next(places),
            outs,
            "est_lost_revenue",
            f"Lost sales ({scope.currency})",
            "Estimate: what items sell while they are there, for the time that they were not.",
        )
        next(places).metric(
            f"Stock ({scope.currency})",
            round(float(row["whole_value"] or 0)),
            help="Pieces on shelves and in warehouses, at cost.",
            format="localized",
        )
        _figure_of(
            next(places),
            turned,
            "days_inventory_outstanding",
            "Stays (days)",
            "Days that a piece stays: 365 over the times that stock is turned over in a year.",
            shape=",.1f",
        )
        _figure_of(
            next(places),
            turned,
            "gmroi",
            "GMROI",
            "Gross profit of the period over the mean value of the stock at cost.",
            shape=",.2f",
        )
    if len(categories) > 1:
        st.caption("Shares and days are known of one category, or of all: choose one to see them.")


def _figure_of(
    place: DeltaGenerator,
    rows: pl.DataFrame,
    column: str,
    name: str,
    meaning: str,
    *,
    shape: str | None = None,
) -> None:
    """Show a figure of a period, a dash where there is none."""
    value = None if rows.is_empty() else rows.get_column(column)[0]
    if value is None:
        place.metric(name, "-", help=meaning)
    elif shape is None:
        place.metric(name, round(float(value)), help=meaning, format="localized")
    else:
        place.metric(name, text.formatted(float(value), shape), help=meaning)


def _outs(scope: Scope, period: str, context: PageContext) -> None:
    found = inventory.stockout_items(scope, period, categories=context.categories)
    if found.is_empty():
        st.success("No shelf was empty in this period.", icon=":material/check_circle:")
        return
    categories = inventory.categories(scope, context.categories)
    left, right = st.columns([56, 44], gap="large")
    with left:
        lost = found.filter(pl.col("est_lost_revenue") > 0)
        half = int((lost.get_column("lost_share") < 0.5).sum()) + 1  # noqa: PLR2004 - a half
        downloads.summary(
            f"**{text.plural(half, 'item')}** of {text.number(len(found))} that ran out made half "
            "of the lost sales:"
            if len(lost)
            else "What ran out would not have sold meanwhile:",
            found,
            "lost_sales.csv",
        )
        figure.draw(
            lambda: charts.lost_sales_pareto(found, scope.currency, context.palette),
            "lost_sales",
            "Lost sales of the items that lost most, with their share added up",
        )
    with right:
        troubled = int(categories.get_column("troubled_items").sum())
        downloads.summary(
            f"**{text.plural(troubled, 'item')}** not as they should be right now:",
            categories,
            "stock_by_category.csv",
        )
        if troubled:
            figure.draw(
                lambda: charts.troubled_categories(categories, context.palette),
                "troubled",
                "Items by category that are out of stock, nearly out, low or above their room",
            )
        else:
            st.success("All shelves are as they should be.", icon=":material/check_circle:")
    _outs_table(scope, period, context)


def _outs_table(scope: Scope, period: str, context: PageContext) -> None:
    only_frequent = st.toggle(
        "Only frequent ones",
        key="frequent",
        bind="query-params",
        width="content",
        help="Items that ran out three times in 30 days or more.",
    )
    found = inventory.stockout_items(
        scope, period, categories=context.categories, only_frequent=only_frequent
    )
    downloads.summary(
        f"**{text.plural(len(found), 'item')}** ran out, what cost most first.",
        found,
        "stock_outs.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No item fits the filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context, "item_id").with_columns(
            text.category_labels(),
            pl.col("est_lost_revenue").cast(pl.Float64).round(0),
            often=pl.when("frequent_oos_flag").then(pl.lit("▲ Often")).otherwise(pl.lit("")),
            empty_h=pl.col("oos_minutes") / 60,
            restock_h=pl.col("mean_time_to_restock_min") / 60,
            longest_h=pl.col("longest_oos_minutes") / 60,
        ),
        key="stock_outs",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_config={
            **item_links.column("Item", 110),
            "product_name": config.TextColumn("Name"),
            "category": config.TextColumn("Category"),
            "est_lost_revenue": config.NumberColumn(
                f"Lost sales ({scope.currency})", format="localized"
            ),
            "est_lost_units": config.NumberColumn("Lost (pcs)", format="%.0f"),
            "oos_events": config.NumberColumn("Ran out", format="localized", help="Times."),
            "often": config.TextColumn("", width=80),
            "empty_h": config.NumberColumn(
                "Empty (h)", format="%.1f", help="Within opening hours."
            ),
            "restock_h": config.NumberColumn(
                "Until filled (h)", format="%.1f", help="Mean, by day and night."
            ),
            "longest_h": config.NumberColumn("Longest (h)", format="%.1f"),
            "availability_pct": config.NumberColumn("On the shelf (%)", format="%.1f"),
        },
    )


def _levels(scope: Scope, context: PageContext) -> None:
    if scope.store_id == ALL and not filters.left_out(context, "Stores side by side"):
        _stores(scope)
    categories = inventory.categories(scope, context.categories)
    _categories(categories, scope)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        statuses = st.pills(
            "State",
            list(STATES),
            selection_mode="multi",
            format_func=lambda code: f"{STATES[code].sign} {STATES[code].words}",
            key="stock_state",
            bind="query-params",
        )
        search = pickers.search("Item or name", "stock_search")
    found = inventory.items(scope, statuses=statuses, categories=context.categories, text=search)
    downloads.summary(
        f"**{text.plural(len(found), 'shelf', 'shelves')}**, the emptiest first.",
        found,
        "stock.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No item fits the filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context, "item_id").with_columns(
            text.category_labels(),
            pl.col("whole_value").cast(pl.Float64).round(0),
            state=pl.col("stock_status").replace(
                {code: f"{state.sign} {state.words}" for code, state in STATES.items()}
            ),
        ),
        key="stock",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_order=[
            *(["store_id"] if len(context.chosen) > 1 else []),
            *("item_address", "product_name", "category", "state", "quantity_on_hand", "stock_pct"),
            *("wh_on_hand", "on_order", "reorder_point", "days_of_cover", "nearest_expiry"),
            "whole_value",
        ],
        column_config={
            "store_id": config.TextColumn("Store", width=70),
            **item_links.column("Item", 110),
            "product_name": config.TextColumn("Name"),
            "category": config.TextColumn("Category"),
            "state": config.TextColumn("State", width=130),
            "quantity_on_hand": config.NumberColumn("Shelf", format="localized"),
            "stock_pct": config.ProgressColumn(
                "Filled", min_value=0, max_value=100, format="%.0f %%", width=90
            ),
            "wh_on_hand": config.NumberColumn("Warehouse", format="localized"),
            "on_order": config.NumberColumn("On order", format="localized"),
            "reorder_point": config.NumberColumn(
                "Fill at", format="localized", help="Pieces at which the shelf is to be filled."
            ),
            "days_of_cover": config.NumberColumn(
                "Lasts (days)", format="%.1f", help="What is on the shelf, at the usual rate."
            ),
            "nearest_expiry": config.DateColumn("First expiry", format="ddd D MMM"),
            "whole_value": config.NumberColumn(f"At cost ({scope.currency})", format="localized"),
        },
    )


def _level_columns(scope: Scope) -> dict[str, Any]:
    """Return the columns of a table of stock levels, whatever its rows are."""
    config = st.column_config
    return {
        "items_total": config.NumberColumn("Items", format="localized"),
        "in_stock_rate_pct": config.NumberColumn("In stock (%)", format="%.1f"),
        "out_of_stock_items": config.NumberColumn("Out", format="localized"),
        "critical_items": config.NumberColumn("Nearly out", format="localized"),
        "low_stock_items": config.NumberColumn("To be filled", format="localized"),
        "overstock_items": config.NumberColumn("Above room", format="localized"),
        "total_stock": config.NumberColumn("Shelves (pcs)", format="localized"),
        "total_wh_stock": config.NumberColumn("Warehouse (pcs)", format="localized"),
        "whole_value": config.NumberColumn(f"At cost ({scope.currency})", format="localized"),
    }


def _stores(scope: Scope) -> None:
    found = inventory.stores(scope.currency)
    downloads.summary("Stores side by side:", found, "stock_by_store.csv")
    config = st.column_config
    tables.show(
        found.with_columns(pl.col("whole_value").cast(pl.Float64).round(0)),
        key="stock_stores",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_order=["store_name", *_level_columns(scope)],
        column_config={"store_name": config.TextColumn("Store"), **_level_columns(scope)},
    )


def _categories(categories: pl.DataFrame, scope: Scope) -> None:
    downloads.summary(
        f"**{text.plural(len(categories), 'category', 'categories')}**, most trouble first.",
        categories,
        "stock_by_category.csv",
    )
    config = st.column_config
    tables.show(
        categories.with_columns(
            text.category_labels(),
            whole_value=(pl.col("stock_value") + pl.col("wh_stock_value"))
            .cast(pl.Float64)
            .round(0),
        ),
        key="stock_categories",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(categories), most=318),
        column_order=["category", *_level_columns(scope)],
        column_config={"category": config.TextColumn("Category"), **_level_columns(scope)},
    )


def _flow(scope: Scope, context: PageContext) -> None:
    today = context.publication.as_of.astimezone(ZoneInfo(context.timezone)).date()
    # A period of this page has a length, and ends with the last whole day.
    since = context.period.span(today - timedelta(days=1))[0] or today
    moved = inventory.flows(scope, since, today, context.categories)
    if moved.is_empty():
        st.info("Nothing moved on a whole day of this period.", icon=":material/info:")
        return
    downloads.summary(
        "Where goods came from and where they went, in pieces; what went to and fro is taken off:",
        moved,
        "movements.csv",
    )
    figure.draw(
        lambda: charts.goods_flow(moved, context.palette),
        "goods_flow",
        "Flow of goods from suppliers over warehouse and shelves to customers and to waste",
    )
    _net_movement(scope, since, today, context)
    _category_movement(scope, context.categories)


def _net_movement(scope: Scope, since: date, today: date, context: PageContext) -> None:
    days = inventory.net_movement(scope, since, today, context.categories)
    shelf, warehouse = (int(days.get_column(name).sum()) for name in ("shelf", "warehouse"))
    downloads.summary(
        f"Shelves have **{_signed(shelf)}** pcs, warehouses **{_signed(warehouse)}** pcs against "
        "the beginning of the period:",
        days,
        "net_movement.csv",
    )
    figure.draw(
        lambda: charts.net_movement(days, context.palette),
        "net_movement",
        "Pieces by which shelves and warehouses changed, by day",
    )


def _signed(pieces: int) -> str:
    sign = "▲ +" if pieces > 0 else "▼ -" if pieces < 0 else "= "
    return sign + text.number(abs(pieces))


def _category_movement(scope: Scope, categories: tuple[str, ...]) -> None:
    found = inventory.category_movement(scope, categories)
    downloads.summary("By category, last 30 days:", found, "movements_by_category.csv")
    config = st.column_config
    pieces = {
        "total_sold": "Sold",
        "total_returned": "Returned",
        "total_restocked": "Put on shelves",
        "total_wasted": "Wasted",
        "net_shelf_change": "Shelves, net",
        "net_warehouse_change": "Warehouses, net",
    }
    tables.show(
        found.with_columns(text.category_labels()),
        key="category_movement",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_order=["category", *pieces],
        column_config={
            "category": config.TextColumn("Category"),
            **{
                column: config.NumberColumn(f"{name} (pcs)", format="localized")
                for column, name in pieces.items()
            },
        },
    )


def _turnover(scope: Scope, period: str, context: PageContext) -> None:
    found = inventory.turnover_categories(scope, period, context.categories)
    if found.is_empty():
        st.info("No business day of this period is over yet.", icon=":material/info:")
        return
    downloads.summary(
        f"**{text.plural(len(found), 'category', 'categories')}**, what stays longest first:",
        found,
        "turnover.csv",
    )
    figure.draw(
        lambda: charts.turnover_by_category(found, context.palette),
        "turnover_chart",
        "Days that goods of each category stay, and gross profit over their cost",
    )
    _turnover_table(found, scope)
    items = inventory.items(scope, statuses=[], categories=context.categories)
    downloads.summary(
        "How long each shelf lasts against how fast it sells: too little stands low on the right, "
        "too much high on the left.",
        items,
        "cover.csv",
    )
    figure.draw(
        lambda: charts.cover_by_sales(items, context.palette),
        "cover",
        "Days of cover of each item by pieces sold a day, by state of its stock",
    )


def _turnover_table(found: pl.DataFrame, scope: Scope) -> None:
    config = st.column_config
    tables.show(
        found.with_columns(
            text.category_labels(),
            pl.col("turnover_class").replace(_TURNOVER_CLASSES),
            pl.col("cogs", "avg_inventory_cost").cast(pl.Float64).round(0),
        ),
        key="turnover",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=318),
        column_config={
            "category": config.TextColumn("Category"),
            "turnover_class": config.TextColumn("Class", width=100),
            "days_inventory_outstanding": config.NumberColumn("Stays (days)", format="%.1f"),
            "turns_annualised": config.NumberColumn("Turns a year", format="%.1f"),
            "gmroi": config.NumberColumn("GMROI", format="%.2f"),
            "sell_through_pct": config.NumberColumn("Sold of what was offered (%)", format="%.1f"),
            "avg_inventory_cost": config.NumberColumn(
                f"Mean stock ({scope.currency})", format="localized"
            ),
            "cogs": config.NumberColumn(f"Cost of sales ({scope.currency})", format="localized"),
        },
    )


def _classes(scope: Scope, context: PageContext) -> None:
    found = inventory.classes(scope, context.categories)
    downloads.summary(
        "Items by what they earn and how evenly they sell:", found, "item_classes.csv"
    )
    figure.draw(
        lambda: charts.class_matrix(found, scope.currency, context.palette),
        "class_matrix",
        "Number of items by class of revenue and class of variation",
    )
    for place, (which, title) in zip(st.columns(2, gap="large"), _MOVERS.items(), strict=True):
        with place:
            _movers(scope, which, title, context)


def _movers(scope: Scope, which: str, title: str, context: PageContext) -> None:
    found = inventory.movers(scope, which, context.categories)
    of_these = ", those of the chosen categories" if context.categories else ""
    downloads.summary(f"**{title}** of the last 30 days{of_these}:", found, f"movers_{which}.csv")
    config = st.column_config
    tables.show(
        item_links.with_addresses(found, context, "item_id"),
        key=f"movers_{which}",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=738),
        column_config={
            "place": config.NumberColumn("", width=40),
            "product_name": config.TextColumn("Name", width=150),
            **item_links.column("Item", 100),
            "avg_daily_units": config.NumberColumn("A day (pcs)", format="%.1f"),
            "on_hand": config.NumberColumn("In stock (pcs)", format="localized"),
            "days_of_cover": config.NumberColumn("Lasts (days)", format="%.1f"),
        },
    )


def _age(scope: Scope, context: PageContext) -> None:
    ages = inventory.ages(scope, context.categories)
    if not ages.is_empty():
        downloads.summary("How long ago the stock was received, at cost:", ages, "ages.csv")
        figure.draw(
            lambda: charts.ages_by_category(ages, scope.currency, context.palette),
            "ages",
            "Stock at cost by category and days since it was received",
        )
    found = inventory.near_expiry(scope, context.categories)
    if found.is_empty():
        st.success("Nothing expires within 7 days.", icon=":material/check_circle:")
        return
    pieces = int(found.get_column("qty_expiring_7d").sum())
    downloads.summary(
        f"**{text.number(pieces)}** pcs of {text.plural(len(found), 'item')} expire within 7 days, "
        "what is likely to be lost first. Lots have a page of their own.",
        found,
        "near_expiry.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context, "item_id").with_columns(
            text.category_labels(),
            pl.col("expiry_risk_score").round(2),
            pl.col("expiring_value").round(0),
        ),
        key="near_expiry",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_order=[
            *(["store_id"] if len(context.chosen) > 1 else []),
            *("item_address", "product_name", "category", "nearest_expiry", "qty_expiring_7d"),
            *("avg_daily_units", "expiry_risk_score", "expiring_value", "markdown_suggestion_pct"),
        ],
        column_config={
            "store_id": config.TextColumn("Store", width=70),
            **item_links.column("Item", 110),
            "product_name": config.TextColumn("Name"),
            "category": config.TextColumn("Category"),
            "nearest_expiry": config.DateColumn("First expiry", format="ddd D MMM"),
            "qty_expiring_7d": config.NumberColumn("Expire (pcs)", format="localized"),
            "avg_daily_units": config.NumberColumn("Sold a day (pcs)", format="%.1f"),
            "expiry_risk_score": config.ProgressColumn(
                "Not sold by then",
                min_value=0,
                max_value=1,
                format="percent",
                help="Share of these pieces that will not be sold at the usual rate.",
            ),
            "expiring_value": config.NumberColumn(
                f"At cost ({scope.currency})", format="localized"
            ),
            "markdown_suggestion_pct": config.NumberColumn("Suggested markdown (%)", format="%.0f"),
        },
    )


PAGE = Page(
    "Inventory",
    ":material/inventory_2:",
    "inventory",
    render,
    allows_all_stores=True,
    shows_totals=True,
    filters=Filters(("30d", "90d", "365d"), by_category=True, needs="inventory_kpis"),
    sections=_SECTIONS,
)
