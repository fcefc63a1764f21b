"""What the tills take right now."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart
from dashboard.theme import Palette


def takings(panes: pl.DataFrame, currency: str, timezone: str, palette: Palette) -> go.Figure:
    """Draw sales as bars and receipts as a line, each with an axis of its own.

    Args:
        panes: pane_start, revenue, transactions; without gaps. The last one still fills.
        currency: ISO 4217.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    local = panes.with_columns(
        pl.col("pane_start").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    )
    times = local.get_column("pane_start").to_list()
    # The pane that still fills is only outlined.
    filled = [palette.calm_edge] * max(len(times) - 1, 0) + [palette.floor]
    bars = go.Bar(
        name="Sales",
        x=times,
        y=local.get_column("revenue").cast(pl.Float64).to_list(),
        marker={"color": filled, "line": {"width": 1, "color": palette.calm_edge}},
        hovertemplate=f"%{{y:,.0f}} {currency}",
    )
    line = go.Scatter(
        name="Receipts",
        x=times,
        y=local.get_column("transactions").to_list(),
        yaxis="y2",
        mode="lines+markers",
        line={"color": palette.accent, "width": 2},
        marker={"size": 5},
        hovertemplate="%{y:,} receipts",
    )
    return chart(
        [bars, line],
        palette,
        height=280,
        showlegend=True,
        legend=LEGEND,
        bargap=0.2,
        xaxis={"type": "date", "tickformat": "%H:%M", "nticks": 10},
        yaxis={"title": currency, "rangemode": "tozero", "nticks": 5},
        yaxis2={
            "title": "Receipts",
            "rangemode": "tozero",
            "nticks": 5,
            "showgrid": False,
            "overlaying": "y",
            "side": "right",
            # Else its ticks stand where those of the other axis are, at odd numbers.
            "tickmode": "auto",
        },
    )
