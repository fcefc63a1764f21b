"""The pages, by what readers come for. A new page: a module in `views/`, a line here."""

from dashboard.page import Page
from dashboard.views import (
    alerts,
    anomalies,
    audit,
    baskets,
    customers,
    forecast,
    history,
    inventory,
    item,
    live,
    lots,
    optimisation,
    overview,
    quality,
    sales,
    states,
    store_comparison,
    store_map,
    supply,
    system,
    waste,
)

SECTIONS: dict[str, tuple[Page, ...]] = {
    "Today": (overview.PAGE, live.PAGE),
    "Store": (store_map.PAGE, states.PAGE, item.PAGE, alerts.PAGE),
    "Supply": (
        supply.PAGE,
        inventory.PAGE,
        optimisation.PAGE,
        forecast.PAGE,
        lots.PAGE,
        waste.PAGE,
    ),
    "Sales": (
        sales.PAGE,
        history.PAGE,
        store_comparison.PAGE,
        customers.PAGE,
        baskets.PAGE,
        anomalies.PAGE,
    ),
    "System": (audit.PAGE, quality.PAGE, system.PAGE),
}
PAGES: tuple[Page, ...] = tuple(page for pages in SECTIONS.values() for page in pages)
