"""Sales of one item by day, and at what price."""

from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.charts.base import LEGEND, base_layout
from dashboard.theme import Palette

HEIGHT = 330


def units_and_price(days: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw pieces sold a day, those of promotions apart, above the mean price that was paid.

    Args:
        days: Rows of `data.items.sales`.
        currency: ISO 4217.
        palette: Colours.
    """
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.68, 0.32]
    )
    kinds: list[tuple[str, pl.Expr, dict[str, Any]]] = [
        ("Sold", ~pl.col("is_promoted"), {"color": palette.calm_edge}),
        (
            "Sold in a promotion",
            pl.col("is_promoted"),
            {
                "color": palette.accent,
                "pattern": {"shape": "/", "fillmode": "overlay", "fgcolor": palette.page},
            },
        ),
    ]
    for name, which, style in kinds:
        found = days.filter(which)
        if not found.is_empty():
            figure.add_trace(
                go.Bar(
                    name=name,
                    x=found.get_column("date_key").to_list(),
                    y=found.get_column("units_sold").to_list(),
                    customdata=found.get_column("discount_rate_pct").fill_null(0).to_list(),
                    marker=style | {"line": {"width": 0}},
                    hovertemplate="%{y:,} pcs, %{customdata:.0f} % off on average",
                ),
                row=1,
                col=1,
            )
    paid = days.drop_nulls("asp")
    figure.add_trace(
        go.Scatter(
            name="Mean price paid",
            x=paid.get_column("date_key").to_list(),
            y=paid.get_column("asp").to_list(),
            mode="lines+markers",
            line={"color": palette.warehouse, "width": 2, "shape": "hvh"},
            marker={"size": 4},
            hovertemplate=f"%{{y:,.2f}} {currency}",
        ),
        row=2,
        col=1,
    )
    figure.update_layout(
        base_layout(palette, height=HEIGHT)
        | {"barmode": "stack", "bargap": 0.25, "showlegend": True, "legend": LEGEND}
    )
    figure.update_xaxes(type="date", tickformat="%-d %b", hoverformat="%a %-d %b %Y", nticks=12)
    for row, title in ((1, "Pieces a day"), (2, currency)):
        figure.update_yaxes(
            title={"text": title, "font": {"color": palette.muted}},
            rangemode="tozero",
            row=row,
            col=1,
        )
    return figure
