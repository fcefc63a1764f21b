"""What became of alerts, day by day."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.theme import Palette

HEIGHT = 360


def handling_by_day(days: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw alerts opened and closed a day, above those that stood at its end.

    Args:
        days: Rows of `data.alerts.handling`.
        palette: Colours.
    """
    x = days.get_column("date_key").to_list()
    closed = days.get_column("resolved") + days.get_column("dismissed")
    parts: list[tuple[str, pl.Series, dict[str, Any]]] = [
        ("Opened", days.get_column("opened"), {"color": palette.series[1]}),
        (
            "Resolved or dismissed",
            closed,
            {"color": palette.accent, "pattern": {"shape": "/"}},
        ),
    ]
    bars = [
        go.Bar(
            name=name,
            x=x,
            y=counted.to_list(),
            marker=style,
            hovertemplate="%{y:,}",
        )
        for name, counted, style in parts
    ]
    active = go.Scatter(
        name="Active at the end of the day",
        x=x,
        y=days.get_column("backlog").to_list(),
        xaxis="x2",
        yaxis="y2",
        mode="lines+markers",
        line={"color": palette.warehouse, "width": 2},
        marker={"size": 4},
        hovertemplate="%{y:,}",
    )
    return chart(
        [*bars, active],
        palette,
        height=HEIGHT,
        barmode="group",
        bargap=0.25,
        showlegend=True,
        legend=LEGEND,
        **stacked(
            (0.6, 0.4),
            0.08,
            {
                "type": "date",
                "tickformat": "%-d %b",
                "hoverformat": "%a %-d %b %Y",
                "nticks": 12,
            },
            (
                {"title": "Alerts a day", "rangemode": "tozero"},
                {"title": "Active", "rangemode": "tozero"},
            ),
        ),
    )
