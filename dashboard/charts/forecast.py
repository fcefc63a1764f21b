"""Demand: of one item with what was ordered for it, and of several beside each other."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, across, chart, stacked
from dashboard.theme import Palette, translucent

HEIGHT = 470
# Share of the day's trade with an empty shelf from which the day is marked.
EMPTY_SHARE = 0.05

# Most of a day; dates are measured in milliseconds.
_BAR_MS = 0.8 * 86_400_000
_HALF_A_DAY = timedelta(hours=12)


@dataclass(frozen=True)
class Demand:
    """What is drawn.

    Attributes:
        sold: Rows of `data.forecasts.sold`.
        days: Rows of `data.forecasts.of_item` of the window day.
        past: Rows of `data.forecasts.day_ahead`; empty to leave them out.
        orders: Rows of `data.supply.of_item`.
        origin_ts: When the forecast was made.
        timezone: Of the store.
    """

    sold: pl.DataFrame
    days: pl.DataFrame
    past: pl.DataFrame
    orders: pl.DataFrame
    origin_ts: datetime
    timezone: str


def demand_fan(demand: Demand, span: tuple[date, date], palette: Palette) -> go.Figure:
    """Draw sales and forecast of days above the orders and deliveries of the same days.

    Args:
        demand: What to draw.
        span: First and last day.
        palette: Colours.
    """
    upper = [*_sold(demand.sold, palette), *_fan(demand.days, palette)]
    if not demand.past.is_empty():
        upper.append(_past(demand.past, palette))
    return chart(
        [*upper, *_supply(demand, span, palette)],
        palette,
        height=HEIGHT,
        showlegend=True,
        legend=LEGEND,
        barmode="overlay",
        bargap=0.25,
        **_origin(demand, palette),
        **stacked(
            (0.74, 0.26),
            0.06,
            {
                "type": "date",
                "range": [_noon(span[0]) - timedelta(days=1), _noon(span[1])],
                "tickformat": "%-d %b",
                "hoverformat": "%a %-d %b %Y",
                "nticks": 14,
            },
            (
                {"title": "Pieces a day", "rangemode": "tozero"},
                {"title": "Pieces", "rangemode": "tozero"},
            ),
        ),
    )


def _noon(day: date) -> datetime:
    """Return the right edge of the bar of a day; its middle is the day's midnight."""
    return datetime.combine(day, time()) + _HALF_A_DAY


def trends_of_items(
    trends: pl.DataFrame, names: dict[str, str], origin: date, palette: Palette
) -> go.Figure:
    """Draw what is sold of each item a day, as means over a week, and what is forecast, dashed.

    Args:
        trends: Rows of `data.forecasts.trends`.
        names: What to call each item, in the order of the colours; no more than these.
        origin: Day of the cutoff that the forecasts are of.
        palette: Colours.
    """
    traces = []
    for (item_id, name), colour in zip(names.items(), palette.series, strict=False):
        here = trends.filter(item_id=item_id)
        sold, ahead = (here.filter(is_forecast=kind) for kind in (False, True))
        # The dashed line begins where the other one ends.
        parts = ((sold, "solid"), (pl.concat([sold.tail(1), ahead]), "dash"))
        for part, dash in parts:
            is_past = dash == "solid"
            traces.append(
                go.Scatter(
                    name=name if is_past else f"{name}, forecast",
                    legendgroup=item_id,
                    showlegend=is_past,
                    x=part.get_column("business_date").to_list(),
                    y=part.get_column("mean_7d").to_list(),
                    customdata=part.get_column("units").to_list(),
                    mode="lines",
                    line={"color": colour, "width": 2.2, "dash": dash},
                    hovertemplate="%{y:.1f} pcs a day; %{customdata:.0f} on the day"
                    if is_past
                    else "%{y:.1f} pcs a day",
                )
            )
    return chart(
        traces,
        palette,
        height=400,
        showlegend=True,
        legend=LEGEND,
        shapes=across(origin.isoformat(), {"color": palette.muted, "width": 1, "dash": "dash"}),
        xaxis={
            "type": "date",
            "tickformat": "%-d %b",
            "hoverformat": "%a %-d %b %Y",
            "nticks": 14,
        },
        yaxis={"title": "Pieces a day, mean of 7", "rangemode": "tozero"},
    )


def _sold(sold: pl.DataFrame, palette: Palette) -> list[Any]:
    empty = sold.filter(pl.col("empty_share") >= EMPTY_SHARE)
    return [
        go.Bar(
            name="Sold",
            x=sold.get_column("business_date").to_list(),
            y=sold.get_column("units").to_list(),
            marker={"color": palette.calm_edge},
            hovertemplate="%{y} pcs",
        ),
        go.Scatter(
            name="Shelf was empty",
            x=empty.get_column("business_date").to_list(),
            y=empty.get_column("units").to_list(),
            customdata=(empty.get_column("empty_share") * 100).round().to_list(),
            mode="markers",
            marker={
                "symbol": "x-thin",
                "size": 8,
                "line": {"color": palette.critical, "width": 2},
            },
            hovertemplate="%{customdata:.0f} % of the day's trade",
        ),
    ]


def _fan(days: pl.DataFrame, palette: Palette) -> list[Any]:
    x = days.get_column("business_date").to_list()
    lines = [
        ("Median", "median", {"color": palette.shelf, "width": 2.5}),
        ("Mean", "mean", {"color": palette.warehouse, "width": 1.5, "dash": "dot"}),
    ]
    return [
        *_band(days, "95", translucent(palette.shelf, 0.16)),
        *_band(days, "80", translucent(palette.shelf, 0.30)),
        *(
            go.Scatter(
                name=name,
                x=x,
                y=days.get_column(column).to_list(),
                mode="lines",
                line=line,
                hovertemplate="%{y:.1f} pcs",
            )
            for name, column, line in lines
        ),
    ]


def _band(days: pl.DataFrame, share: str, colour: str) -> list[Any]:
    """Return the lower bound, unseen, and the upper one, filled down to it."""
    x = days.get_column("business_date").to_list()
    low, high = (days.get_column(f"{end}_{share}").to_list() for end in ("low", "high"))
    return [
        go.Scatter(x=x, y=low, mode="lines", line={"width": 0}, showlegend=False, hoverinfo="skip"),
        go.Scatter(
            name=f"{share} % band",
            x=x,
            y=high,
            customdata=low,
            mode="lines",
            line={"width": 0},
            fill="tonexty",
            fillcolor=colour,
            hovertemplate="%{customdata:.1f} to %{y:.1f} pcs",
        ),
    ]


def _past(past: pl.DataFrame, palette: Palette) -> go.Scatter:
    median = past.get_column("median")
    return go.Scatter(
        name="Day-ahead forecasts",
        x=past.get_column("business_date").to_list(),
        y=median.to_list(),
        error_y={
            "type": "data",
            "symmetric": False,
            "array": (past.get_column("high_80") - median).to_list(),
            "arrayminus": (median - past.get_column("low_80")).to_list(),
            "color": palette.series[1],
            "thickness": 1.5,
            "width": 3,
        },
        mode="markers",
        marker={"symbol": "diamond", "size": 7, "color": palette.series[1]},
        hovertemplate="%{y:.1f} pcs",
    )


def _supply(demand: Demand, span: tuple[date, date], palette: Palette) -> list[Any]:
    orders = demand.orders.with_columns(
        pl.col(f"{name}_ts").dt.convert_time_zone(demand.timezone).dt.date().alias(name)
        for name in ("cutoff", "delivery")
    )
    parts = [
        # name, day, pieces, which orders
        ("Ordered at a cutoff", "cutoff", "ordered_qty", pl.lit(value=True)),
        ("Delivered", "delivery", "received_qty", pl.col("status") == "delivered"),
        ("To be delivered", "delivery", "ordered_qty", pl.col("status") != "delivered"),
    ]
    styles = [
        {"symbol": "triangle-up-open", "size": 10, "color": palette.muted, "line": {"width": 2}},
        {"color": palette.warehouse},
        {"color": palette.warehouse, "pattern": {"shape": "/"}},
    ]
    traces: list[Any] = []
    for (name, day, pieces, which), style in zip(parts, styles, strict=True):
        here = (
            orders.filter(which & pl.col(day).is_between(*span))
            .group_by(day)
            .agg(pl.col(pieces).sum())
            .sort(day)
        )
        common: dict[str, Any] = {
            "name": name,
            "x": here.get_column(day).to_list(),
            "y": here.get_column(pieces).to_list(),
            "xaxis": "x2",
            "yaxis": "y2",
            "marker": style,
            "hovertemplate": "%{y} pcs",
        }
        if day == "cutoff":
            traces.append(go.Scatter(mode="markers", **common))
        else:
            # As wide as the bars of the days above, however rare deliveries are.
            traces.append(go.Bar(width=_BAR_MS, **common))
    return traces


def _origin(demand: Demand, palette: Palette) -> dict[str, list[dict[str, Any]]]:
    """Return the line between what was known and what is forecast, and its word."""
    day = pl.Series([demand.origin_ts]).dt.convert_time_zone(demand.timezone).dt.date()[0]
    noon = _noon(day).isoformat()
    word = {
        "x": noon,
        "y": 1,
        "yref": "y domain",
        "text": "cutoff",
        "showarrow": False,
        "xanchor": "right",
        "xshift": -4,
        "yanchor": "top",
        "font": {"color": palette.muted, "size": 11},
    }
    line = {"color": palette.muted, "width": 1, "dash": "dash"}
    return {"shapes": across(noon, line, panels=2), "annotations": [word]}
