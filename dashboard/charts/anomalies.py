"""A series of hours, what was to be expected of it, and where it was not so."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart
from dashboard.theme import Palette, translucent


def hours_with_band(hours: pl.DataFrame, unit: str, timezone: str, palette: Palette) -> go.Figure:
    """Draw hours within the band of the usual, and mark those outside.

    Args:
        hours: bucket_start, value, baseline, lower_band, upper_band, is_anomaly, direction, score.
        unit: Unit of the values.
        timezone: Time zone of the axis.
        palette: Colours.
    """
    local = hours.with_columns(
        pl.col("bucket_start").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    )
    times = local.get_column("bucket_start").to_list()
    traces = [
        go.Scatter(
            x=times,
            y=local.get_column("upper_band").to_list(),
            mode="lines",
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
        ),
        go.Scatter(
            name="Usual",
            x=times,
            # Nothing is sold less than not at all.
            y=local.get_column("lower_band").clip(lower_bound=0).to_list(),
            mode="lines",
            line={"width": 0},
            fill="tonexty",
            fillcolor=translucent(palette.accent, 0.18),
            hoverinfo="skip",
        ),
        go.Scatter(
            name="Expected",
            x=times,
            y=local.get_column("baseline").to_list(),
            mode="lines",
            line={"color": palette.accent, "width": 1, "dash": "dot"},
            hovertemplate=f"%{{y:,.0f}} {unit}",
        ),
        go.Scatter(
            name="Measured",
            x=times,
            y=local.get_column("value").to_list(),
            mode="lines",
            line={"color": palette.wall, "width": 1.5},
            hovertemplate=f"%{{y:,.0f}} {unit}",
        ),
    ]
    traces += [
        go.Scatter(
            name=name,
            x=found.get_column("bucket_start").to_list(),
            y=found.get_column("value").to_list(),
            mode="markers",
            marker={"symbol": symbol, "size": 11, "color": colour},
            customdata=found.get_column("score").to_list(),
            hovertemplate=f"%{{y:,.0f}} {unit}, score %{{customdata:.1f}}",
        )
        for direction, name, symbol, colour in (
            ("high", "More than usual", "triangle-up", palette.good),
            ("low", "Less than usual", "triangle-down", palette.critical),
        )
        if not (
            found := local.filter(pl.col("is_anomaly") & (pl.col("direction") == direction))
        ).is_empty()
    ]
    return chart(
        traces,
        palette,
        height=330,
        showlegend=True,
        legend=LEGEND,
        xaxis={"type": "date", "tickformat": "%a %-d %b", "nticks": 10},
        yaxis={"title": unit, "rangemode": "tozero"},
    )
