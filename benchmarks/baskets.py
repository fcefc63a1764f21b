"""Mining what is bought together, from real sales and from ten times as many."""

import resource
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.common import Figure, timed
from benchmarks.replay import FILE
from smartshelf_dagster.analytics.baskets import MiningSettings, mine
from smartshelf_dagster.domain.online_retail import STORE_ID, classify, normalise
from smartshelf_dagster.settings import PROJECT_ROOT

REPETITIONS = 5
COPIES = 10


def run() -> list[Figure]:
    """Measure mining and rules in memory; the file is read before."""
    if not FILE.exists():
        return []
    sales = sold_merchandise(FILE)
    many = pl.concat(sales.with_columns(store_id=pl.lit(f"S{n}")) for n in range(COPIES))
    settings, figures = MiningSettings(), []
    for lines, repetitions in ((sales, REPETITIONS), (many, 1)):
        seconds = tuple(timed(partial(mine, lines, settings)) for _ in range(repetitions))
        found = mine(lines, settings)
        method = (
            f"UCI Online Retail, {lines['store_id'].n_unique()} x: {lines.height:,} lines, "
            f"{found.baskets:,} baskets; support {settings.min_support}, up to "
            f"{settings.max_len} items: {found.itemsets.height:,} itemsets, "
            f"{found.rules.height:,} rules and their network"
        )
        figures.append(Figure(f"baskets, {lines.height:,} lines", seconds, "s", method))
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return [*figures, Figure("baskets", (peak_gib,), "GiB", "most memory of the process")]


def sold_merchandise(file: Path) -> pl.DataFrame:
    """Return the lines of UCI Online Retail that are sales of goods, times local, money GBP."""
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
            sold_at="InvoiceDate",
            business_date=pl.col("InvoiceDate").dt.date(),
            sales_revenue=(pl.col("Quantity") * pl.col("UnitPrice")).round(2),
        )
        .filter(~pl.col("item_id").str.contains(f"^({patterns})$"))
    )
