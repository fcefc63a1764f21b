"""What suppliers brought, day by day, and how late they were."""

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.charts.base import LEGEND, base_layout
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
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.7, 0.3]
    )
    x = [f"{day:%a} {day.day} {day:%b}" for day in days.get_column("delivery_date")]
    parts = (
        ("Received", "received", palette.shelf, ""),
        ("Damaged", "damaged", palette.caution, "/"),
        ("Missing", "missing", palette.critical, "x"),
        ("Not there yet", "outstanding", palette.muted, "."),
    )
    for name, column, colour, pattern in parts:
        figure.add_trace(
            go.Bar(
                name=name,
                x=x,
                y=days.get_column(column).to_list(),
                marker={
                    "color": colour,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": pattern,
                        "fillmode": "overlay",
                        "fgcolor": palette.page,
                        "solidity": 0.35,
                    },
                },
                hovertemplate="%{y} pcs",
            ),
            row=1,
            col=1,
        )
    figure.add_trace(
        go.Scatter(
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
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        go.Bar(
            name="Delay",
            x=x,
            y=days.get_column("delay_minutes").to_list(),
            marker={"color": palette.warehouse},
            showlegend=False,
            hovertemplate="%{y} min",
        ),
        row=2,
        col=1,
    )
    figure.update_layout(
        base_layout(palette, height=HEIGHT)
        | {
            "barmode": "stack",
            "bargap": 0.35,
            "showlegend": True,
            "legend": LEGEND,
        }
    )
    figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    for row, title in ((1, "Pieces"), (2, "Delay (min)")):
        figure.update_yaxes(title={"text": title, "font": {"color": palette.muted}}, row=row, col=1)
    return figure
