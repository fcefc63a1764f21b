"""Stores side by side, and their regions."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import downloads, tables
from dashboard.components.region_sales import region_sales
from dashboard.data import overview
from dashboard.period import Period


def store_table(store_ids: list[str], currency: str, period: str) -> None:
    """Draw stores by what they sold in a period, and regions where there are several.

    Args:
        store_ids: Which.
        currency: Only those that sell in it.
        period: 7d, 30d, 90d or all.
    """
    span = Period(period).label
    found = overview.stores(store_ids, currency, period)
    downloads.summary(
        f"**{text.plural(len(found), 'store')}** over {span}, the one that sold most first:",
        found,
        "stores.csv",
    )
    most = float(found.get_column("net_sales").cast(pl.Float64).max() or 1.0)  # type: ignore[arg-type]
    regions = ("region",) if found.get_column("region").null_count() < len(found) else ()
    config = st.column_config
    tables.show(
        found.with_columns(pl.col("net_sales").cast(pl.Float64).round(0)),
        key="stores",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_order=[
            *("revenue_rank", "store_name", *regions, "net_sales", "growth_prev_period_pct"),
            *("transactions", "atv", "margin_pct", "return_rate_value_pct", "conversion_pct"),
        ],
        column_config={
            "revenue_rank": config.NumberColumn("Rank", width=50),
            "store_name": config.TextColumn("Store"),
            "region": config.TextColumn("Region"),
            "net_sales": config.ProgressColumn(
                f"Net sales ({currency})", format="localized", min_value=0, max_value=most
            ),
            "growth_prev_period_pct": config.NumberColumn(
                "Change (%)", format="%+.1f", help="Against as many days before."
            ),
            "transactions": config.NumberColumn("Receipts", format="localized"),
            "atv": config.NumberColumn(f"Per receipt ({currency})", format="%.2f"),
            "margin_pct": config.NumberColumn("Margin (%)", format="%.1f"),
            "return_rate_value_pct": config.NumberColumn("Returned (%)", format="%.2f"),
            "conversion_pct": config.NumberColumn(
                "Conversion (%)", format="%.0f", help="Receipts over people who came in."
            ),
        },
    )
    region_sales(store_ids, currency, period)
