"""Demand of several items beside each other, on the forecast page."""

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from dashboard import text
from dashboard.charts.forecast import trends_of_items
from dashboard.components import downloads, figure, pickers
from dashboard.data import forecasts
from dashboard.page import PageContext

_HISTORY_DAYS = 56
_CHOSEN_AT_FIRST = 4


def draw(origin_ts: datetime, context: PageContext) -> None:
    """Draw the demand of chosen items before and after a cutoff.

    Args:
        origin_ts: Cutoff that the forecasts are of.
        context: Of the page.
    """
    store_id = context.store.store_id
    known = forecasts.items(store_id, context.categories)
    names = {
        item_id: pickers.item_label(item_id, subcategory)
        for item_id, subcategory in known.select("item_id", "subcategory").iter_rows()
    }
    chosen = st.multiselect(
        "Items; type to search",
        list(names),
        default=forecasts.most_wanted(store_id, origin_ts, _CHOSEN_AT_FIRST, list(names)),
        format_func=names.__getitem__,
        max_selections=len(context.palette.series),
        placeholder="Choose items",
        key="trend_items",
        bind="query-params",
    )
    if not chosen:
        st.info("Choose items to see how their demand develops.", icon=":material/info:")
        return
    trends = forecasts.trends(store_id, chosen, origin_ts, _HISTORY_DAYS)
    downloads.summary(
        f"**{text.plural(len(chosen), 'item')}**: pieces a day, as means over seven days. Dashed "
        f"is the forecast made at {text.local_time(origin_ts, context.timezone)}.",
        trends,
        "demand_trends.csv",
    )
    figure.draw(
        lambda: trends_of_items(
            trends,
            {item_id: names[item_id] for item_id in chosen},
            origin_ts.astimezone(ZoneInfo(context.timezone)).date(),
            context.palette,
        ),
        "demand_trends",
        "Pieces of each chosen item a day, means over seven days, sold and forecast",
    )
    st.caption("At first those of which most is expected in the 7 days after the newest cutoff.")
