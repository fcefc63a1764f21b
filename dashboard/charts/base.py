"""What all charts with axes have in common."""

from typing import Any

import plotly.graph_objects as go

from dashboard.theme import FONT, Palette

# A line of names above the chart, in the order in which the traces are drawn.
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"}


def base_layout(palette: Palette, *, height: int) -> dict[str, Any]:
    """Return the layout of a chart that lies on the page without a frame."""
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": palette.text},
        "showlegend": False,
        "hovermode": "x unified",
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": palette.page,
            "bordercolor": palette.wall,
            "font": {"family": FONT, "size": 12, "color": palette.text},
        },
    }


def style_axes(figure: go.Figure, palette: Palette) -> None:
    """Give all axes of a figure the same quiet lines."""
    figure.update_xaxes(
        showgrid=False,
        showline=True,
        linecolor=palette.calm_edge,
        ticks="outside",
        ticklen=4,
        tickcolor=palette.calm_edge,
        tickfont={"color": palette.muted},
        automargin=True,
    )
    figure.update_yaxes(
        gridcolor=palette.tile,
        zerolinecolor=palette.calm_edge,
        tickfont={"color": palette.muted},
        automargin=True,
    )
