"""The network of items that are bought together."""

import math

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import base_layout
from dashboard.theme import Palette, translucent

_SMALLEST, _LARGEST = 6, 18


def network(
    nodes: pl.DataFrame, edges: pl.DataFrame, chosen: str | None, palette: Palette
) -> go.Figure:
    """Draw items as dots, as large as they are common, and pairs as lines, as strong as their lift.

    Args:
        nodes: item, product_name, support, degree, community, x, y; the most common first.
        edges: a, b, lift, support; the weakest first.
        chosen: Item that is marked.
        palette: Colours.
    """
    places = {item: (x, y) for item, x, y in nodes.select("item", "x", "y").iter_rows()}
    figure = go.Figure()
    strongest = float(edges.get_column("lift").max() or 1)  # type: ignore[arg-type]
    for a, b, lift in edges.select("a", "b", "lift").iter_rows():
        (x0, y0), (x1, y1) = places[a], places[b]
        figure.add_trace(
            go.Scatter(
                x=[x0, x1],
                y=[y0, y1],
                mode="lines",
                line={
                    "width": 0.8 + 3 * lift / strongest,
                    "color": translucent(palette.muted, 0.25 + 0.5 * lift / strongest),
                },
                hoverinfo="skip",
            )
        )
    most = float(nodes.get_column("support").max() or 1)  # type: ignore[arg-type]
    sizes = [
        _SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(share / most)
        for share in nodes.get_column("support")
    ]
    figure.add_trace(
        go.Scatter(
            x=nodes.get_column("x").to_list(),
            y=nodes.get_column("y").to_list(),
            mode="markers+text",
            text=_labels(nodes),
            textposition="top center",
            textfont={"size": 10, "color": palette.muted},
            customdata=nodes.select("product_name", "item", "support", "degree").rows(),
            marker={
                "size": sizes,
                "color": _colours(nodes, palette),
                "line": {
                    "color": [
                        palette.critical if item == chosen else palette.page
                        for item in nodes.get_column("item")
                    ],
                    "width": [3 if item == chosen else 1 for item in nodes.get_column("item")],
                },
            },
            hovertemplate="<b>%{customdata[0]}</b> (%{customdata[1]})<br>"
            "in %{customdata[2]:.1%} of baskets, %{customdata[3]} partners<extra></extra>",
        )
    )
    figure.update_layout(base_layout(palette, height=520) | {"hovermode": "closest"})
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _colours(nodes: pl.DataFrame, palette: Palette) -> list[str]:
    """Return a colour for each item: one of its own for each of the largest communities."""
    colours = dict(zip(range(nodes.height), palette.series, strict=False))
    return [colours.get(name, palette.wall) for name in nodes.get_column("community")]


def _labels(nodes: pl.DataFrame) -> list[str]:
    """Return the name of the most common item of each community, and nothing for the others."""
    is_first = nodes.select(pl.col("community").is_first_distinct()).to_series()
    return [
        name.capitalize() if first else ""
        for name, first in zip(nodes.get_column("product_name"), is_first, strict=True)
    ]
