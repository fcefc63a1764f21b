"""The pages, in the order of the navigation. A new page: a module in `views/`, a line here."""

from dashboard.page import Page
from dashboard.views import (
    alerts,
    audit,
    forecast,
    lots,
    states,
    store_map,
    supply,
    system,
    waste,
)

PAGES: tuple[Page, ...] = (
    store_map.PAGE,
    states.PAGE,
    alerts.PAGE,
    supply.PAGE,
    forecast.PAGE,
    lots.PAGE,
    waste.PAGE,
    audit.PAGE,
    system.PAGE,
)
