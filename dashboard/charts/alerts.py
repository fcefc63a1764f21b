"""What became of alerts, day by day."""

from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.charts.base import LEGEND, base_layout
from dashboard.theme import Palette

HEIGHT = 360


def handling_by_day(days: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw alerts opened and closed a day, above those that stood at its end.

    Args:
        days: Rows of `data.alerts.handling`.
        palette: Colours.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.6, 0.4]
    )
    x = days.get_column("date_key").to_list()
    closed = days.get_column("resolved") + days.get_column("dismissed")
    bars: list[tuple[str, pl.Series, dict[str, Any]]] = [
        ("Opened", days.get_column("opened"), {"color": palette.series[1]}),
        (
            "Resolved or dismissed",
            closed,
            {
                "color": palette.accent,
                "pattern": {"shape": "/", "fillmode": "overlay", "fgcolor": palette.page},
            },
        ),
    ]
    figure.add_traces(
        [
            go.Bar(
                name=name,
                x=x,
                y=counted.to_list(),
                marker={**style, "line": {"width": 0}},
                hovertemplate="%{y:,}",
            )
            for name, counted, style in bars
        ],
        rows=1,
        cols=1,
    )
    figure.add_trace(
        go.Scatter(
            name="Active at the end of the day",
            x=x,
            y=days.get_column("backlog").to_list(),
            mode="lines+markers",
            line={"color": palette.warehouse, "width": 2},
            marker={"size": 4},
            hovertemplate="%{y:,}",
        ),
        row=2,
        col=1,
    )
    figure.update_layout(
        base_layout(palette, height=HEIGHT)
        | {"barmode": "group", "bargap": 0.25, "showlegend": True, "legend": LEGEND}
    )
    figure.update_xaxes(type="date", tickformat="%-d %b", hoverformat="%a %-d %b %Y", nticks=12)
    for row, title in ((1, "Alerts a day"), (2, "Active")):
        figure.update_yaxes(
            title={"text": title, "font": {"color": palette.muted}},
            rangemode="tozero",
            row=row,
            col=1,
        )
    return figure
