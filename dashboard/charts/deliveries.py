"""What suppliers brought, day by day, and how late they were."""

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.theme import Palette

HEIGHT = 400


def deliveries_by_day(days: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw pieces of each delivery day above the delay of its latest receipt.

    The parts of a day lie on each other up to what was ordered; they differ by pattern as well as
    by colour.

    Args:
        days: Rows of `data.supply.deliveries`.
        palette: Colours.
    """
    x = [f"{day:%a} {day.day} {day:%b}" for day in days.get_column("delivery_date")]
    parts = (
        ("Received", "received", palette.shelf, ""),
        ("Damaged", "damaged", palette.caution, "/"),
        ("Missing", "missing", palette.critical, "x"),
        ("Not there yet", "outstanding", palette.muted, "."),
    )
    bars = [
        go.Bar(
            name=name,
            x=x,
            y=days.get_column(column).to_list(),
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate="%{y} pcs",
        )
        for name, column, colour, pattern in parts
    ]
    ordered = go.Scatter(
        name="Ordered",
        x=x,
        y=days.get_column("ordered").to_list(),
        mode="markers",
        marker={
            "symbol": "line-ew",
            "size": 26,
            "line": {"color": palette.text, "width": 2},
        },
        hovertemplate="%{y} pcs",
    )
    delay = go.Bar(
        name="Delay",
        x=x,
        y=days.get_column("delay_minutes").to_list(),
        xaxis="x2",
        yaxis="y2",
        marker={"color": palette.warehouse},
        showlegend=False,
        hovertemplate="%{y} min",
    )
    return chart(
        [*bars, ordered, delay],
        palette,
        height=HEIGHT,
        barmode="stack",
        bargap=0.35,
        showlegend=True,
        legend=LEGEND,
        **stacked(
            (0.7, 0.3),
            0.08,
            {"type": "category"},
            (
                {"title": "Pieces", "rangemode": "tozero"},
                {"title": "Delay (min)", "rangemode": "tozero"},
            ),
        ),
    )
