"""How the quality of the data went: the score, and what a check measured."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import chart
from dashboard.theme import Palette


def score(reports: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw the score of each run.

    Args:
        reports: run_ts, dq_score, checks_passed, checks_total.
        palette: Colours.
    """
    ordered = reports.sort("run_ts")
    line = go.Scatter(
        x=ordered.get_column("run_ts").to_list(),
        y=ordered.get_column("dq_score").to_list(),
        customdata=ordered.select("checks_passed", "checks_total").rows(),
        mode="lines+markers",
        line={"color": palette.accent, "width": 2, "shape": "hv"},
        marker={"size": 5},
        hovertemplate="%{y:.1f}<br>%{customdata[0]} of %{customdata[1]} passed<extra></extra>",
    )
    return chart(
        [line],
        palette,
        height=200,
        xaxis={"type": "date", "nticks": 8},
        yaxis={"title": "Score", "range": [-2, 104], "nticks": 5},
    )


def measured(history: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw what a check measured, and the bound it came nearest to.

    Args:
        history: run_ts, observed, threshold, status; ordered.
        palette: Colours.
    """
    colours = {"fail": palette.critical, "warn": palette.caution, "pass": palette.good}
    bound = go.Scatter(
        name="Bound",
        x=history.get_column("run_ts").to_list(),
        y=history.get_column("threshold").to_list(),
        mode="lines",
        line={"color": palette.muted, "width": 1, "dash": "dash", "shape": "hv"},
    )
    found = go.Scatter(
        name="Measured",
        x=history.get_column("run_ts").to_list(),
        y=history.get_column("observed").to_list(),
        mode="lines+markers",
        line={"color": palette.wall, "width": 1.5},
        marker={
            "size": 8,
            "color": [
                colours.get(status, palette.muted) for status in history.get_column("status")
            ],
        },
    )
    return chart(
        [bound, found],
        palette,
        height=220,
        xaxis={"type": "date", "nticks": 6},
        yaxis={"rangemode": "tozero"},
    )
