"""Forecast: what will be asked for, what is ordered for it, and how far that can be relied on."""

from datetime import datetime

import streamlit as st

from dashboard import text
from dashboard.components import (
    explain,
    forecast_accuracy,
    forecast_item,
    forecast_model,
    forecast_trends,
    pickers,
)
from dashboard.data import forecasts
from dashboard.page import Filters, Page, PageContext, Sections

_TRAIN = (
    "model_training",
    "trains models, a job in Dagster; it needs 56 days of sales, as `smartshelf history` makes",
)
_ORDER = (
    "smartshelf run --days 7 --policy forecast",
    "forecasts at each cutoff, from 28 days of sales on; live: `SMARTSHELF_ORDER_POLICY=forecast`",
)
_TABS = ("Item", "Trends", "Accuracy", "Model")
_SECTIONS = Sections(
    "forecast",
    {tab: tab for tab in _TABS},
    "Item",
    {"Accuracy": Filters(), "Model": Filters()},
)


def render(context: PageContext) -> None:
    """Draw the page."""
    made_at = forecasts.origins(context.store.store_id)
    item, trends, accuracy, model = st.tabs(_TABS, key="forecast", bind="query-params")
    if item.open:
        with item, explain.what_is_missing():
            _item(made_at, context)
    if trends.open:
        with trends, explain.what_is_missing():
            if made_at:
                forecast_trends.draw(made_at[0], context)
            else:
                _nothing_forecast()
    if accuracy.open:
        with accuracy, explain.what_is_missing():
            forecast_accuracy.draw(context)
    if model.open:
        with model, explain.what_is_missing():
            forecast_model.draw(context)


def _nothing_forecast() -> None:
    explain.nothing(
        "No forecast so far",
        "Dagster forecasts demand at each supplier cutoff once there are 28 days of sales; "
        "`smartshelf run` does with the ordering policy `forecast`.",
        _TRAIN,
        _ORDER,
    )


def _item(made_at: list[datetime], context: PageContext) -> None:
    if not made_at:
        _nothing_forecast()
        return
    known = forecasts.items(context.store.store_id, context.categories)
    if known.is_empty():
        st.info("Nothing of these categories is forecast.", icon=":material/filter_alt_off:")
        return
    names = {
        item_id: pickers.item_label(item_id, subcategory)
        for item_id, subcategory in known.select("item_id", "subcategory").iter_rows()
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        item_id = st.selectbox(
            "Item; type to search",
            list(names),
            format_func=names.__getitem__,
            key="forecast_item",
            bind="query-params",
        )
        origin_ts = st.selectbox(
            "Forecast made at",
            made_at,
            format_func=lambda moment: text.local_time(moment, context.timezone),
            key="forecast_origin",
            bind="query-params",
        )
    if item_id and origin_ts:
        forecast_item.draw(item_id, origin_ts, context, is_newest=origin_ts == made_at[0])


PAGE = Page(
    "Forecast",
    ":material/trending_up:",
    "forecast",
    render,
    filters=Filters(by_category=True),
    sections=_SECTIONS,
)
