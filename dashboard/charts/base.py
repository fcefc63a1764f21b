"""What all charts have in common."""

from typing import Any

import plotly.graph_objects as go
from plotly.io import templates

from dashboard.theme import DARK, FONT, LIGHT, Palette

# A line of names above the chart, in the order in which the traces are drawn.
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"}


def _template(palette: Palette) -> go.layout.Template:
    """Return the look of a chart that lies on the page without a frame, its axes quiet lines."""
    font = {"family": FONT, "size": 12, "color": palette.text}
    axis = {
        "automargin": True,
        "tickfont": {"color": palette.muted},
        "title": {"standoff": 15, "font": {"color": palette.muted}},
    }
    return go.layout.Template(
        layout={
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": font,
            "showlegend": False,
            "hovermode": "x unified",
            "dragmode": False,
            "hoverlabel": {
                "align": "left",
                "bgcolor": palette.page,
                "bordercolor": palette.wall,
                "font": font,
            },
            # Ids that look like numbers are names.
            "autotypenumbers": "strict",
            "xaxis": axis
            | {
                "showgrid": False,
                "zeroline": False,
                "showline": True,
                "linecolor": palette.calm_edge,
                "ticks": "outside",
                "ticklen": 4,
                "tickcolor": palette.calm_edge,
            },
            "yaxis": axis
            | {
                "ticks": "",
                "gridcolor": palette.tile,
                "zerolinecolor": palette.calm_edge,
                "zerolinewidth": 2,
            },
        },
        data={
            "bar": [
                go.Bar(
                    marker={
                        "line": {"width": 0},
                        "pattern": {"fillmode": "overlay", "size": 10, "solidity": 0.2},
                    }
                )
            ]
        },
    )


# By name: each property that is set on a figure is looked at by Plotly, which takes longer than
# all else of a chart; those of a template are looked at once.
for _palette in (LIGHT, DARK):
    templates[_palette.name] = _template(_palette)


def base_layout(palette: Palette, *, height: int) -> dict[str, Any]:
    """Return the layout of a chart in the look of a theme.

    Args:
        palette: Colours of the theme.
        height: In pixels.
    """
    return {"template": palette.name, "height": height}
