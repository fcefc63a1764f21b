"""Few causes that make most of a loss: what weighs most, and its share added up."""

from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import LEGEND, chart
from dashboard.theme import Palette


@dataclass(frozen=True)
class Ranked:
    """Causes, what weighs most first.

    Attributes:
        names: What to call them; each once.
        weights: What each of them weighs.
        shares: Their share in all there is, added up, 0 to 1.
    """

    names: list[str]
    weights: list[float]
    shares: list[float]


def pareto(causes: Ranked, title: str, unit: str, palette: Palette) -> go.Figure:
    """Draw weights as bars and their share, added up, as a line with an axis of its own.

    Args:
        causes: As many as there is room for.
        title: What the bars are.
        unit: Of the weights.
        palette: Colours.
    """
    bars = go.Bar(
        name=title,
        orientation="h",
        x=causes.weights,
        y=causes.names,
        marker={"color": palette.shelf},
        hovertemplate="%{x:,.0f} " + unit,
    )
    line = go.Scatter(
        name="Share of all, added up",
        x=[100 * share for share in causes.shares],
        y=causes.names,
        xaxis="x2",
        mode="lines+markers",
        line={"color": palette.caution, "width": 2},
        marker={"size": 7, "symbol": "diamond"},
        hovertemplate="%{x:.0f} %",
    )
    return chart(
        [bars, line],
        palette,
        height=110 + 24 * max(len(causes.names), 4),
        showlegend=True,
        legend=LEGEND | {"y": 1.1},
        bargap=0.3,
        hovermode="y unified",
        xaxis={"title": unit, "nticks": 6},
        xaxis2={
            "overlaying": "x",
            "side": "top",
            "range": [0, 104],
            "tickvals": [0, 25, 50, 75, 100],
            "ticktext": ["0 %", "25 %", "50 %", "75 %", "100 %"],
            "showgrid": False,
        },
        yaxis={"autorange": "reversed", "showgrid": False},
    )
