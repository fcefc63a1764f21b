"""Stores: how they compare by sales, margin, customers and goods, and how each is going."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts import store_comparison as charts
from dashboard.charts.store_comparison import Measure
from dashboard.components import analysis, downloads, explain, figure, tables
from dashboard.components.region_sales import region_sales
from dashboard.data import store_comparison, stores
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext

_STOCK_PERIODS = ("30d", "90d")


def render(context: PageContext) -> None:
    """Draw the page."""
    if not analysis.is_built("store_comparison", "Figures of stores", context):
        return
    known = stores.stores()
    chosen = context.store if len(context.chosen) == 1 else None
    currency = chosen.currency if chosen else analysis.currency(sorted({s.currency for s in known}))
    store_ids = [store.store_id for store in known if store.currency == currency]
    period = context.period.name
    compared = store_comparison.comparison(store_ids, currency, period)
    if compared.is_empty():
        explain.nothing(
            "No business day is complete yet",
            "Stores are compared by whole days, which end at midnight of the store.",
        )
        return
    compared = _with_stock(compared, store_ids, currency, period)
    _say_who_is_compared(compared, len(known), currency)
    _table(compared, currency)
    region_sales(store_ids, currency, period)
    names = dict(compared.select("store_id", "store_name").iter_rows())
    last = store_comparison.last_day(store_ids)
    since = context.period.span(last)[0] if last else None
    daily = store_comparison.daily(store_ids, currency, since)
    if len(compared) == 1:
        _trend(daily, names, currency, context)
    else:
        left, right = st.columns(2, gap="large")
        with left:
            _against_the_mean(compared, currency, chosen.store_id if chosen else None, context)
        with right:
            _trend(daily, names, currency, context)
    _mix(store_comparison.product_mix(store_ids, currency, since), names, context)
    _customers(compared, currency)


def _with_stock(
    compared: pl.DataFrame, store_ids: list[str], currency: str, period: str
) -> pl.DataFrame:
    """Add how well stores had their goods, where that is told for the period."""
    if period not in _STOCK_PERIODS:
        return compared.with_columns(
            availability_pct=pl.lit(None, pl.Float64), turns_annualised=pl.lit(None, pl.Float64)
        )
    return compared.join(
        store_comparison.stock(store_ids, currency, period),
        on="store_id",
        how="left",
        maintain_order="left",
    )


def _say_who_is_compared(compared: pl.DataFrame, known: int, currency: str) -> None:
    others = known - len(compared)
    if len(compared) == 1:
        why = "it is the only one" if known == 1 else f"it is the only one with sales in {currency}"
        st.info(
            f"There is nothing to compare this store with: {why}. Below is how it is going.",
            icon=":material/storefront:",
        )
    elif others:
        st.caption(
            f"{text.plural(len(compared), 'store')} with sales in {currency}. "
            f"{text.plural(others, 'other')} with another currency, or without sales, "
            "cannot be compared with them."
        )
    if compared.get_column("square_footage").null_count() == len(compared):
        st.caption("No sales area is known (`square_footage` of `ref/stores`): nothing per area.")


def _table(compared: pl.DataFrame, currency: str) -> None:
    downloads.summary(
        f"**{text.plural(len(compared), 'store')}** by net sales."
        if len(compared) > 1
        else "The store in figures:",
        compared.drop("recent"),
        "stores.csv",
    )
    config = st.column_config
    columns = {
        "revenue_rank": config.NumberColumn("Rank", width=50, help="By net sales."),
        "store_name": config.TextColumn("Store"),
        "recent": config.LineChartColumn(
            "Last 28 days", width=110, help="Net sales of each whole day."
        ),
        "net_sales": config.NumberColumn(f"Net sales ({currency})", format="localized"),
        "growth_prev_period_pct": config.NumberColumn(
            "Change (%)", format="%+.1f", help="Against as many days before; empty without them."
        ),
        "atv": config.NumberColumn(f"Receipt ({currency})", format="%.2f"),
        "margin_pct": config.NumberColumn("Margin (%)", format="%.1f"),
        "conversion_pct": config.NumberColumn(
            "Conversion (%)", format="%.1f", help="Receipts per person that came in."
        ),
        "revenue_per_sqft": config.NumberColumn(
            f"Per ft² ({currency})", format="%.2f", help="Sales over the sales area."
        ),
        "efficiency_rank": config.NumberColumn(
            "Rank/ft²", width=70, help="By sales over the sales area."
        ),
        "availability_pct": config.NumberColumn(
            "On the shelf (%)", format="%.2f", help="Time in which shelves were not empty."
        ),
        "turns_annualised": config.NumberColumn(
            "Turns", format="%.1f", help="Times that stock is turned over in a year."
        ),
        "overall_score": config.ProgressColumn(
            "Score",
            width=80,
            min_value=0,
            max_value=100,
            format="%.0f",
            help="Weighted mean of the ranks by net sales and by sales per area, 100 is best.",
        ),
    }
    if len(compared) == 1:
        del columns["overall_score"], columns["revenue_rank"]
    shown = [name for name in columns if compared.get_column(name).null_count() < len(compared)]
    tables.show(
        compared.with_columns(pl.col("net_sales").cast(pl.Float64).round(0)),
        key="stores_table",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(compared), most=458),
        column_order=shown,
        column_config=columns,
    )


def _against_the_mean(
    compared: pl.DataFrame, currency: str, chosen: str | None, context: PageContext
) -> None:
    measures = [
        Measure("net_sales", "Net sales", ",.0f", currency),
        Measure("transactions", "Receipts", ",.0f"),
        Measure("atv", "Per receipt", ",.2f", currency),
        Measure("upt", "Pieces per receipt", ".1f"),
        Measure("margin_pct", "Margin", ".1f", "%"),
        Measure("conversion_pct", "Conversion", ".1f", "%"),
        Measure("revenue_per_sqft", "Per ft²", ",.2f", currency),
        Measure("revenue_per_customer", "Per customer", ",.2f", currency),
        Measure("availability_pct", "On the shelf", ".2f", "%"),
        Measure("turns_annualised", "Turns a year", ".1f"),
    ]
    downloads.summary(
        "Each store against the mean of all:",
        compared.select("store_id", *(measure.column for measure in measures)),
        "stores_against_the_mean.csv",
    )
    figure.draw(
        lambda: charts.against_the_mean(compared, measures, chosen, context.palette),
        "against_the_mean",
        "Position of each store by each measure, the mean of the stores being 100",
    )


def _trend(daily: pl.DataFrame, names: dict[str, str], currency: str, context: PageContext) -> None:
    downloads.summary("Net sales over time:", daily, "stores_by_day.csv")
    figure.draw(
        lambda: charts.sales_over_time(daily, names, currency, context.palette),
        "stores_trend",
        "Net sales of each store by day, as means over seven days",
    )


def _mix(mix: pl.DataFrame, names: dict[str, str], context: PageContext) -> None:
    if mix.get_column("category").n_unique() < 2:  # noqa: PLR2004 - one category is no mix
        return
    downloads.summary("Product mix: what net sales are made with.", mix, "product_mix.csv")
    figure.draw(
        lambda: charts.mix_by_store(mix, names, context.palette),
        "product_mix",
        "Share of each category in the net sales of each store",
    )


def _customers(compared: pl.DataFrame, currency: str) -> None:
    shown = compared.select(
        *("store_name", "customers", "transactions_per_customer", "revenue_per_customer"),
        *("anon_share_pct", "visitors", "conversion_pct", "return_rate_units_pct"),
    )
    downloads.summary("Customers by store:", shown, "customers_by_store.csv")
    config = st.column_config
    columns = {
        "store_name": config.TextColumn("Store"),
        "customers": config.NumberColumn(
            "Customers", format="localized", help="Those that tills know; somebody may shop in two."
        ),
        "transactions_per_customer": config.NumberColumn("Receipts of each", format="%.1f"),
        "revenue_per_customer": config.NumberColumn(f"Spend of each ({currency})", format="%.2f"),
        "anon_share_pct": config.NumberColumn("Receipts without a name (%)", format="%.1f"),
        "visitors": config.NumberColumn("Came in", format="localized"),
        "conversion_pct": config.NumberColumn("Conversion (%)", format="%.1f"),
        "return_rate_units_pct": config.NumberColumn("Pieces returned (%)", format="%.2f"),
    }
    tables.show(
        shown,
        key="stores_customers",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(shown), most=458),
        column_order=[name for name in columns if shown.get_column(name).null_count() < len(shown)],
        column_config=columns,
    )


PAGE = Page(
    "Stores",
    ":material/store:",
    "stores",
    render,
    allows_all_stores=True,
    filters=Filters(EVERY_PERIOD, needs="store_comparison"),
)
