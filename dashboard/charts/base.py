"""What all charts have in common."""

from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from plotly.io import templates

from dashboard.charts import margins
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
                        "pattern": {
                            "fillmode": "overlay",
                            "fgcolor": palette.page,
                            "size": 10,
                            "solidity": 0.3,
                        },
                    }
                )
            ]
        },
    )


# By name: each property that is set on a figure is looked at by Plotly, which takes longer than
# all else of a chart; those of a template are looked at once. It styles the titles of axes too.
for _palette in (LIGHT, DARK):
    templates[_palette.name] = _template(_palette)


def chart(
    traces: Iterable[BaseTraceType], palette: Palette, *, height: int, **layout: Any
) -> go.Figure:
    """Return a figure in the look of a theme.

    All of it is said at once: Plotly looks at a property each time a figure is changed, and a
    figure that grows step by step takes four times as long.

    Args:
        traces: What is drawn.
        palette: Colours of the theme.
        height: In pixels.
        **layout: What differs from the look.
    """
    drawn = list(traces)
    margin = {"margin": margins.beside(drawn, height, layout)}
    return go.Figure(
        data=drawn, layout={"template": palette.name, "height": height} | margin | layout
    )


def stacked(
    shares: Sequence[float], gap: float, x: dict[str, Any], ys: Sequence[dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return the axes of panels one above the other, whose x axes move together.

    Traces of the second panel name the axes `x2` and `y2`, and so on. The last panel, at the
    bottom, has the words of the x axis.

    Args:
        shares: Heights of the panels from the top, as shares of what the gaps leave.
        gap: Height between two panels, as a share of all.
        x: What the x axes have in common.
        ys: What is special about each y axis.
    """
    last = len(shares)
    room = 1 - gap * (last - 1)
    axes: dict[str, dict[str, Any]] = {}
    top = 1.0
    for number, (share, y) in enumerate(zip(shares, ys, strict=True), start=1):
        own = "" if number == 1 else str(number)
        # The last one may end a rounding error below.
        bottom = max(top - room * share / sum(shares), 0.0)
        axes[f"xaxis{own}"] = x | {"anchor": f"y{own}"}
        if number < last:
            axes[f"xaxis{own}"] |= {"matches": f"x{last}", "showticklabels": False}
        axes[f"yaxis{own}"] = y | {"anchor": f"x{own}", "domain": [bottom, top]}
        top = bottom - gap
    return axes


def across(x: object, line: dict[str, Any], panels: int = 1) -> list[dict[str, Any]]:
    """Return a line at a place of the x axis, from the bottom to the top of each panel.

    Args:
        x: The place.
        line: Colour, width, dash.
        panels: How many panels there are.
    """
    return [
        {
            "type": "line",
            "x0": x,
            "x1": x,
            "xref": f"x{name}",
            "y0": 0,
            "y1": 1,
            "yref": f"y{name} domain",
            "line": line,
        }
        for name in ("", *range(2, panels + 1))
    ]
