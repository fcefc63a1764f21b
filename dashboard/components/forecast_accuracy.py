"""How good forecasts have been, on the forecast page: by window, week, demand class and item."""

from typing import Any

import polars as pl
import polars.selectors as cs
import streamlit as st

from dashboard import text
from dashboard.charts.models import accuracy_by_week
from dashboard.components import (
    downloads,
    explain,
    figure,
    forecast_words,
    item_links,
    tables,
)
from dashboard.data import forecasts
from dashboard.page import PageContext

_SHOWN_ITEMS = 500
_R2 = (
    "Share of the variance of demand that the mean explains; 1 is perfect, 0 as good as always "
    "the same. Over many items most of it is that items differ: look at it by item as well."
)


def draw(context: PageContext) -> None:
    """Draw how the forecasts of the page's store have turned out."""
    store_id = context.store.store_id
    if not forecasts.has_accuracy(store_id):
        explain.nothing(
            "No forecast could be judged yet",
            "A forecast is judged when its window has ended, the first after a day. The job "
            "`forecast_watch` in Dagster does it every night.",
        )
        return
    spans = forecasts.accuracy(store_id, by="span")
    # Models are compared with them over all stores together.
    baselines = forecasts.best_baselines() if context.sees_all_stores else forecasts.NO_BASELINES
    _figures(spans)
    _by_week(store_id, context)
    _by_span(spans, baselines)
    span = _span()
    _by_class(store_id, span, baselines)
    _by_item(span, context)


def _figures(spans: pl.DataFrame) -> None:
    if spans.is_empty():
        return
    first = spans.row(0, named=True)
    shares = {
        "WAPE": ("wape", "Absolute errors of the median over demand; 0 is perfect."),
        "Bias": ("bias", "Errors of the mean over demand; above 0 is too much."),
        "In the 80 % band": ("coverage_80", "Should be 80 %."),
        "In the 95 % band": ("coverage_95", "Should be 95 %."),
    }  # fmt: skip
    numbers = {
        "MAE (pcs)": ("mae", "Mean absolute error of the median of a forecast."),
        "RMSE (pcs)": ("rmse", "Root of the mean squared error; large errors count for more."),
        "R²": ("r2", _R2),
    }
    with st.container(border=True, key="figures"):
        count, *places = st.columns(4)
        count.metric(
            "Judged forecasts",
            first["n"],
            help=f"{text.number(first['censored'])} more are left out: out of stock for more than "
            "half of their window, so nobody knows what would have been asked for.",
            format="localized",
        )
        for place, (name, (column, meaning)) in zip(places, numbers.items(), strict=True):
            known = first[column]
            place.metric(
                name,
                "-" if known is None else round(known, 2),
                help=meaning,
                format="localized",
            )
        for place, (name, (column, meaning)) in zip(st.columns(4), shares.items(), strict=True):
            place.metric(name, text.percent(first[column]), help=meaning)
    window = forecast_words.SPANS[first["span"]]
    st.caption(f"The window of these figures: {window[0].lower()}{window[1:]}.")


def _by_week(store_id: str, context: PageContext) -> None:
    weeks = forecasts.accuracy(store_id, by="week")
    downloads.summary("By week of the cutoff:", weeks, "accuracy_by_week.csv")
    figure.draw(
        lambda: accuracy_by_week(weeks, forecast_words.SPANS, context.palette),
        "accuracy_by_week",
        "WAPE, bias, share in the 80 and 95 % bands and pinball loss by week and window",
    )
    st.caption(
        "Each line is a window that is forecast. Dashed across: no bias, and the share that a band "
        "promises. Windows out of stock for more than half of their time are left out."
    )


def _by_span(spans: pl.DataFrame, baselines: pl.DataFrame) -> None:
    family = pl.col("span").replace_strict(forecasts.SPANS, return_dtype=pl.String)
    shown = spans.with_columns(family=family).join(
        _losses(baselines.filter(pl.col("demand_class") == "all")).drop("demand_class"),
        on="family",
        how="left",
        maintain_order="left",
    )
    downloads.summary("By window:", shown, "accuracy_by_window.csv")
    _table(forecast_words.say(shown, span=forecast_words.SPANS), "accuracy_by_window", {})
    if baselines.is_empty():
        return
    st.caption(
        "Best baseline: the simple method that did best on the cutoffs on which the model was "
        "chosen, with its pinball loss there; of days, that of days 1 to 7 together, and sums of "
        "days have none. A loss below it is what the model is for."
    )


def _span() -> str:
    """Draw the choice of the window that the tables below are about."""
    span = st.segmented_control(
        "Window",
        list(forecasts.SPANS),
        default="cover",
        required=True,
        format_func=forecast_words.SPANS.__getitem__,
        key="accuracy_span",
        bind="query-params",
    )
    return span or "cover"


def _by_class(store_id: str, span: str, baselines: pl.DataFrame) -> None:
    classes = forecasts.accuracy(store_id, by="demand_class")
    shown = (
        classes.filter(pl.col("span") == span)
        .with_columns(family=pl.lit(forecasts.SPANS[span], pl.String))
        .join(_losses(baselines), on=["family", "demand_class"], how="left", maintain_order="left")
    )
    downloads.summary("By demand class:", shown, "accuracy_by_class.csv")
    _table(
        forecast_words.say(shown, demand_class=forecast_words.CLASSES),
        "accuracy_by_class",
        {"demand_class": st.column_config.TextColumn("Demand")},
    )


def _by_item(span: str, context: PageContext) -> None:
    store_id = context.store.store_id
    shown = (
        forecasts.accuracy(store_id, by="item")
        .filter(pl.col("span") == span)
        .join(forecasts.items(store_id), on="item_id", how="left", maintain_order="left")
    )
    downloads.summary(
        "By item, those of which most pieces were missed first:",
        shown,
        "accuracy_by_item.csv",
        shown_rows=_SHOWN_ITEMS,
    )
    columns = item_links.column("Item") | {
        "subcategory": st.column_config.TextColumn(""),
        **_counts(),
        **_errors(),
        **measures(),
    }
    tables.show(
        rounded(item_links.with_addresses(shown.head(_SHOWN_ITEMS), context, "item_id")),
        hide_index=True,
        height=tables.height_of(len(shown), most=388),
        placeholder="",
        column_config=columns,
        key="accuracy_by_item",
    )


def _losses(baselines: pl.DataFrame) -> pl.DataFrame:
    return baselines.select(
        "family",
        "demand_class",
        pl.col("method").alias("best_baseline"),
        pl.col("pinball").alias("loss_baseline"),
    )


def _table(frame: pl.DataFrame, key: str, first: dict[str, Any]) -> None:
    config = st.column_config
    columns = (first or {"span": config.TextColumn("Window")}) | {
        **_counts(),
        **_errors(),
        **measures(),
        "best_baseline": config.TextColumn("Best baseline"),
        "loss_baseline": config.NumberColumn("Its pinball loss", format="%.3f"),
    }
    tables.show(
        rounded(forecast_words.say(frame, best_baseline=forecast_words.METHODS)),
        hide_index=True,
        height=tables.height_of(len(frame), most=290),
        placeholder="",
        column_config=columns,
        key=key,
    )


def _counts() -> dict[str, Any]:
    config = st.column_config
    return {
        "n": config.NumberColumn("Judged", format="localized"),
        "censored": config.NumberColumn(
            "Out of stock", format="localized", help="Left out: more than half without stock."
        ),
    }


def _errors() -> dict[str, Any]:
    config = st.column_config
    return {
        "mae": config.NumberColumn(
            "MAE", format="%.2f", help="Mean absolute error of the median, pieces."
        ),
        "rmse": config.NumberColumn(
            "RMSE", format="%.2f", help="Root of the mean squared error of the mean, pieces."
        ),
        "r2": config.NumberColumn("R²", format="%.2f", help=_R2),
    }


def rounded(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame for reading: its fractions have three digits, shares a tenth of a per cent."""
    return frame.with_columns(cs.float().round(3))


def measures() -> dict[str, Any]:
    """Return the configuration of the columns that say how good forecasts are."""
    config = st.column_config
    return {
        "wape": config.NumberColumn(
            "WAPE", format="percent", help="Absolute errors of the median over demand."
        ),
        "bias": config.NumberColumn(
            "Bias", format="percent", help="Errors of the mean over demand; above 0 is too much."
        ),
        "pinball": config.NumberColumn(
            "Pinball loss", format="%.3f", help="Of the quantiles, over demand; less is better."
        ),
        "coverage_80": config.NumberColumn("In the 80 % band", format="percent"),
        "coverage_95": config.NumberColumn("In the 95 % band", format="percent"),
    }
