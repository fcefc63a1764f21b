"""What regions sold, for stores of several."""

from dashboard import text
from dashboard.charts.store_comparison import sales_by_region
from dashboard.components import downloads, figure
from dashboard.data import store_comparison
from dashboard.theme import current_palette


def region_sales(store_ids: list[str], currency: str, period: str) -> None:
    """Draw net sales by region, where stores lie in more than one.

    Args:
        store_ids: Stores.
        currency: Only those that sell in it.
        period: 7d, 30d, 90d or all.
    """
    found = store_comparison.regions(store_ids, currency, period)
    known = found.get_column("region").drop_nulls()
    if len(known) <= 1:
        return
    downloads.summary(
        f"**{text.plural(len(known), 'region')}** by net sales:", found, "regions.csv"
    )
    figure.draw(
        lambda: sales_by_region(found, currency, current_palette()),
        "regions",
        "Net sales of each region",
    )
