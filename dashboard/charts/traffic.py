"""People in the store over its day."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import chart
from dashboard.theme import Palette, translucent


def people_over_the_day(frame: pl.DataFrame, timezone: str, palette: Palette) -> go.Figure:
    """Draw how many people were inside.

    Args:
        frame: pane_start_ts and people_in_store, by time.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    local = frame.with_columns(
        pl.col("pane_start_ts").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    )
    line = go.Scatter(
        x=local.get_column("pane_start_ts").to_list(),
        y=local.get_column("people_in_store").to_list(),
        mode="lines",
        line={"color": palette.accent, "width": 2, "shape": "hv"},
        fill="tozeroy",
        fillcolor=translucent(palette.accent, 0.18),
        hovertemplate="%{x|%H:%M}<br><b>%{y} people</b><extra></extra>",
    )
    return chart(
        [line],
        palette,
        height=170,
        xaxis={"tickformat": "%H:%M", "nticks": 8},
        yaxis={"rangemode": "tozero", "nticks": 4},
    )
