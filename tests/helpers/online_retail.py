"""Sold merchandise of UCI Online Retail, under the rules of the lake but without one."""

from pathlib import Path

import polars as pl

from smartshelf_dagster.domain.online_retail import STORE_ID, classify, normalise
from smartshelf_dagster.settings import PROJECT_ROOT


def merchandise_sales(shared_data: Path) -> pl.DataFrame:
    """One row per line: store_id, transaction_id, item_id, customer_id, business_date, revenue."""
    file = shared_data / "online_retail" / "online_retail.parquet"
    seed = pl.read_csv(PROJECT_ROOT / "dbt_project" / "seeds" / "non_merchandise.csv")
    patterns = "|".join(pattern.replace("%", ".*") for pattern in seed["item_pattern"])
    return (
        normalise(pl.read_parquet(file))
        .filter(classify() == "sale")
        .select(
            store_id=pl.lit(STORE_ID),
            transaction_id="InvoiceNo",
            item_id=pl.col("StockCode").str.to_uppercase(),
            customer_id="CustomerID",
            business_date=pl.col("InvoiceDate").dt.date(),
            sold_at="InvoiceDate",
            revenue=(pl.col("Quantity") * pl.col("UnitPrice")).round(2),
        )
        .filter(~pl.col("item_id").str.contains(f"^({patterns})$"))
    )
