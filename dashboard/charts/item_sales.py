"""Sales of one item by day, and at what price."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.theme import Palette

HEIGHT = 330


def units_and_price(days: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw pieces sold a day, those of promotions apart, above the mean price that was paid.

    Args:
        days: Rows of `data.items.sales`.
        currency: ISO 4217.
        palette: Colours.
    """
    kinds: list[tuple[str, pl.Expr, dict[str, Any]]] = [
        ("Sold", ~pl.col("is_promoted"), {"color": palette.calm_edge}),
        (
            "Sold in a promotion",
            pl.col("is_promoted"),
            {"color": palette.accent, "pattern": {"shape": "/"}},
        ),
    ]
    bars = [
        go.Bar(
            name=name,
            x=found.get_column("date_key").to_list(),
            y=found.get_column("units_sold").to_list(),
            customdata=found.get_column("discount_rate_pct").fill_null(0).to_list(),
            marker=style,
            hovertemplate="%{y:,} pcs, %{customdata:.0f} % off on average",
        )
        for name, which, style in kinds
        if not (found := days.filter(which)).is_empty()
    ]
    paid = days.drop_nulls("asp")
    price = go.Scatter(
        name="Mean price paid",
        x=paid.get_column("date_key").to_list(),
        y=paid.get_column("asp").to_list(),
        xaxis="x2",
        yaxis="y2",
        mode="lines+markers",
        line={"color": palette.warehouse, "width": 2, "shape": "hvh"},
        marker={"size": 4},
        hovertemplate=f"%{{y:,.2f}} {currency}",
    )
    return chart(
        [*bars, price],
        palette,
        height=HEIGHT,
        showlegend=True,
        legend=LEGEND,
        barmode="stack",
        bargap=0.25,
        **stacked(
            (0.68, 0.32),
            0.08,
            {
                "type": "date",
                "tickformat": "%-d %b",
                "hoverformat": "%a %-d %b %Y",
                "nticks": 12,
            },
            (
                {"title": "Pieces a day", "rangemode": "tozero"},
                {"title": currency, "rangemode": "tozero"},
            ),
        ),
    )
