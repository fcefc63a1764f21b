"""What regions sold, for stores of several."""

import polars as pl

from dashboard import text
from dashboard.charts.store_comparison import sales_by_region
from dashboard.components import downloads, figure
from dashboard.data import live, store_comparison
from dashboard.theme import current_palette


def region_sales(store_ids: list[str], currency: str, period: str) -> None:
    """Draw net sales by region, where stores lie in more than one.

    Args:
        store_ids: Stores.
        currency: Only those that sell in it.
        period: 7d, 30d, 90d or all.
    """
    _draw(store_comparison.regions(store_ids, currency, period), currency, "net sales")


def region_sales_now(store_ids: list[str], currency: str, minutes: int) -> None:
    """Draw what regions sold in the last minutes, where stores lie in more than one.

    Args:
        store_ids: Stores.
        currency: Only those that sell in it.
        minutes: How far back, no more than a day.
    """
    _draw(live.regions(store_ids, currency, minutes), currency, "sales")


def _draw(found: pl.DataFrame, currency: str, measure: str) -> None:
    known = found.get_column("region").drop_nulls()
    if len(known) <= 1:
        return
    downloads.summary(
        f"**{text.plural(len(known), 'region')}** by {measure}:", found, "regions.csv"
    )
    figure.draw(
        lambda: sales_by_region(found, currency, current_palette()),
        "regions",
        f"{measure.capitalize()} of each region",
    )
