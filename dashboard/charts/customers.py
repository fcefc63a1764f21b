"""Charts of customers: segments, cohorts, what they are worth."""

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import base_layout, style_axes
from dashboard.theme import Palette, text_on

# From those who bought last and most to those who are gone.
_KEEN = ("Champions", "Loyal", "Potential Loyalists", "New Customers", "Promising")
_WAVERING = ("Need Attention", "About To Sleep")


def segment_tiles(segments: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw the segments as tiles, as large as what they brought.

    Args:
        segments: segment, customers, revenue, revenue_share_pct, avg_recency_days.
        currency: ISO 4217.
        palette: Colours.
    """
    names = segments.get_column("segment").to_list()
    colours = [
        palette.shelf if name in _KEEN else palette.amber if name in _WAVERING else palette.reds[1]
        for name in names
    ]
    figure = go.Figure(
        go.Treemap(
            labels=names,
            parents=[""] * len(names),
            values=segments.get_column("revenue").cast(pl.Float64).to_list(),
            customdata=segments.select("customers", "revenue_share_pct", "avg_recency_days").rows(),
            texttemplate="<b>%{label}</b><br>%{customdata[0]:,} customers<br>"
            "%{customdata[1]:.1f} % of sales",
            hovertemplate="<b>%{label}</b><br>%{value:,.0f} "
            + currency
            + "<br>%{customdata[0]:,} customers<br>last bought %{customdata[2]:.0f} days ago"
            "<extra></extra>",
            marker={"colors": colours, "line": {"color": palette.page, "width": 3}},
            textfont={"color": [text_on(colour) for colour in colours]},
            tiling={"pad": 3},
        )
    )
    figure.update_layout(base_layout(palette, height=340) | {"hovermode": "closest"})
    return figure


def retention(cohorts: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw which share of each month's new customers bought again in the months after.

    Args:
        cohorts: cohort_month, month_offset, customers, retention_pct.
        palette: Colours.
    """
    # In the month in which they came all are there; it would drown the rest.
    later = cohorts.filter(pl.col("month_offset") > 0)
    months = cohorts.get_column("cohort_month").unique().sort().to_list()
    offsets = later.get_column("month_offset").unique().sort().to_list()
    told = {
        (month, offset): share
        for month, offset, share in later.select(
            "cohort_month", "month_offset", "retention_pct"
        ).iter_rows()
    }
    sizes = dict(cohorts.select("cohort_month", "customers").unique().iter_rows())
    cells = [[told.get((month, offset)) for offset in offsets] for month in months]
    figure = go.Figure(
        go.Heatmap(
            x=offsets,
            y=[f"{month} ({text.number(sizes[month])})" for month in months],
            z=cells,
            text=[["" if share is None else f"{share:.0f}" for share in row] for row in cells],
            texttemplate="%{text}",
            colorscale=[[0, palette.floor], [1, palette.shelf]],
            xgap=2,
            ygap=2,
            showscale=False,
            hovertemplate="%{y}, %{x} months later<br>%{z:.1f} % bought<extra></extra>",
        )
    )
    figure.update_layout(
        base_layout(palette, height=80 + 26 * max(len(months), 4)) | {"hovermode": "closest"}
    )
    style_axes(figure, palette)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    figure.update_xaxes(title={"text": "Months later", "font": {"color": palette.muted}}, dtick=1)
    return figure


def worth(deciles: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw what each tenth of the customers is expected to spend within a year.

    Args:
        deciles: clv_decile, customers, clv_12m.
        currency: ISO 4217.
        palette: Colours.
    """
    figure = go.Figure(
        go.Bar(
            x=deciles.get_column("clv_decile").to_list(),
            y=deciles.get_column("clv_12m").cast(pl.Float64).to_list(),
            customdata=deciles.get_column("customers").to_list(),
            marker={"color": palette.accent, "line": {"width": 0}},
            hovertemplate="Tenth %{x}<br>%{y:,.0f} "
            + currency
            + "<br>%{customdata:,} customers<extra></extra>",
        )
    )
    figure.update_layout(base_layout(palette, height=300) | {"hovermode": "closest"})
    style_axes(figure, palette)
    figure.update_xaxes(
        title={"text": "Tenths of the customers", "font": {"color": palette.muted}},
        dtick=1,
    )
    figure.update_yaxes(title={"text": currency, "font": {"color": palette.muted}})
    return figure
