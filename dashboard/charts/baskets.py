"""What is bought together: the network of items, and how strong the rules are."""

import math

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import chart
from dashboard.theme import Palette, translucent

_SMALLEST, _LARGEST = 6, 18
# Lifts that the bar of colours names.
_LIFTS = (1, 2, 3, 5, 10, 20, 30, 50, 100, 200, 500)


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
    strongest = float(edges.get_column("lift").max() or 1)  # type: ignore[arg-type]
    lines = [
        go.Scatter(
            x=[places[a][0], places[b][0]],
            y=[places[a][1], places[b][1]],
            mode="lines",
            line={
                "width": 0.8 + 3 * lift / strongest,
                "color": translucent(palette.muted, 0.25 + 0.5 * lift / strongest),
            },
            hoverinfo="skip",
        )
        for a, b, lift in edges.select("a", "b", "lift").iter_rows()
    ]
    most = float(nodes.get_column("support").max() or 1)  # type: ignore[arg-type]
    sizes = [
        _SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(share / most)
        for share in nodes.get_column("support")
    ]
    dots = go.Scatter(
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
    return chart(
        [*lines, dots],
        palette,
        height=520,
        hovermode="closest",
        xaxis={"visible": False},
        yaxis={"visible": False},
    )


def strength(rules: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw rules as dots by how common and how sure they are, coloured by their lift.

    Args:
        rules: bought, also (names of items), support, confidence, lift, support_count; the
            strongest first.
        palette: Colours.
    """
    # The strongest are drawn last, over the others.
    drawn = rules.reverse()
    # Few rules are many times as strong as most: colours follow the logarithm.
    shades = drawn.get_column("lift").log10()
    ticks = [
        lift
        for lift in _LIFTS
        if len(drawn) and shades.min() <= math.log10(lift) <= shades.max()  # type: ignore[operator]
    ]
    dots = go.Scatter(
        x=drawn.get_column("support").to_list(),
        y=drawn.get_column("confidence").to_list(),
        customdata=drawn.select(
            pl.col("bought", "also").list.join(" + "), "support_count", "lift"
        ).rows(),
        mode="markers",
        marker={
            "size": 9,
            "color": shades.to_list(),
            "colorscale": [[0, palette.calm_edge], [0.5, palette.shelf], [1, palette.text]],
            "line": {"color": palette.page, "width": 1},
            "colorbar": {
                "title": {"text": "Times<br>chance", "font": {"color": palette.muted}},
                "tickvals": [math.log10(lift) for lift in ticks],
                "ticktext": [str(lift) for lift in ticks],
                "thickness": 10,
                "outlinewidth": 0,
                "tickfont": {"color": palette.muted},
            },
        },
        hovertemplate="<b>%{customdata[0]}</b><br>also buys %{customdata[1]}<br>"
        "in %{x:.1%} of baskets (%{customdata[2]:,})<br>bought as well in %{y:.0%}<br>"
        "%{customdata[3]:.1f} times chance<extra></extra>",
    )
    return chart(
        [dots],
        palette,
        height=380,
        hovermode="closest",
        xaxis={"title": "Share of baskets", "tickformat": ".1~%"},
        yaxis={"title": "Bought as well", "tickformat": ".0%"},
    )


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
