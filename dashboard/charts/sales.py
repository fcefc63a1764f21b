"""Charts of sales: by day, by hour of the week, by category, by month."""

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart
from dashboard.theme import Palette

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_SHOWN_CATEGORIES = 12


def sales_by_day(
    daily: pl.DataFrame,
    currency: str,
    palette: Palette,
    expected: pl.DataFrame | None = None,
    *,
    height: int = 300,
) -> go.Figure:
    """Draw net sales of each day and their mean over a week.

    Args:
        daily: date_key, net_sales, mean_7d; ordered.
        currency: ISO 4217.
        palette: Colours.
        expected: date_key, expected_sales of days to come; none means that nobody forecasts.
        height: In pixels.
    """
    days = daily.get_column("date_key").to_list()
    traces = [
        go.Bar(
            name="Net sales",
            x=days,
            y=daily.get_column("net_sales").cast(pl.Float64).to_list(),
            marker={"color": palette.calm_edge},
            hovertemplate=f"%{{y:,.0f}} {currency}",
        ),
        go.Scatter(
            name="Mean of 7 days",
            x=days,
            y=daily.get_column("mean_7d").to_list(),
            mode="lines",
            line={"color": palette.accent, "width": 2.5},
            hovertemplate=f"%{{y:,.0f}} {currency}",
        ),
    ]
    if expected is not None and len(expected):
        traces.append(
            go.Bar(
                name="Forecast",
                x=expected.get_column("date_key").to_list(),
                y=expected.get_column("expected_sales").to_list(),
                marker={
                    "color": palette.floor,
                    "line": {"width": 1.5, "color": palette.accent},
                    "pattern": {"shape": "/", "fgcolor": palette.accent, "size": 6},
                },
                hovertemplate=f"%{{y:,.0f}} {currency}",
            )
        )
    return chart(
        traces,
        palette,
        height=height,
        showlegend=True,
        legend=LEGEND,
        bargap=0.25,
        xaxis={"type": "date", "tickformat": "%-d %b", "nticks": 12},
        yaxis={"title": currency},
    )


def hours_of_week(hours: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw what an hour of each weekday brings, on average.

    Args:
        hours: day_of_week, hour, avg_net_sales_per_occurrence, avg_transactions_per_occurrence.
        currency: ISO 4217.
        palette: Colours.
    """
    sold = hours.filter(pl.col("avg_net_sales_per_occurrence") != 0).get_column("hour")
    first, last = (int(sold.min()), int(sold.max())) if len(sold) else (0, 23)  # type: ignore[arg-type]
    shown = list(range(first, last + 1))
    told = {
        (day, hour): (float(money), receipts)
        for day, hour, money, receipts in hours.select(
            "day_of_week",
            "hour",
            "avg_net_sales_per_occurrence",
            "avg_transactions_per_occurrence",
        ).iter_rows()
        if money is not None
    }
    cells = [[told.get((day, hour), (None, None)) for hour in shown] for day in range(1, 8)]
    squares = go.Heatmap(
        x=[f"{hour:02d}" for hour in shown],
        y=list(WEEKDAYS),
        z=[[money for money, _ in row] for row in cells],
        customdata=[[receipts for _, receipts in row] for row in cells],
        colorscale=[[0, palette.floor], [0.5, palette.shelf], [1, palette.text]],
        xgap=2,
        ygap=2,
        hovertemplate=(
            "%{y} %{x}:00<br>%{z:,.0f} "
            + currency
            + " on average<br>%{customdata:.1f} receipts<extra></extra>"
        ),
        colorbar={
            "title": {"text": currency, "font": {"color": palette.muted}},
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"color": palette.muted},
        },
    )
    return chart(
        [squares],
        palette,
        height=290,
        hovermode="closest",
        xaxis={"title": "Hour", "type": "category"},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def sales_by_category(categories: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw net sales of the categories that sell most.

    Args:
        categories: category, net_sales, units_sold; the most first.
        currency: ISO 4217.
        palette: Colours.
    """
    shown = categories.head(_SHOWN_CATEGORIES)
    total = float(categories.get_column("net_sales").cast(pl.Float64).sum()) or 1.0
    sold = shown.get_column("net_sales").cast(pl.Float64).to_list()
    bars = go.Bar(
        orientation="h",
        x=sold,
        y=[text.category_label(name) for name in shown.get_column("category")],
        text=[text.formatted(value / total, ".1%") for value in sold],
        textposition="outside",
        cliponaxis=False,
        customdata=shown.get_column("units_sold").to_list(),
        marker={"color": palette.accent},
        hovertemplate="%{y}<br>%{x:,.0f} " + currency + "<br>%{customdata:,} pcs<extra></extra>",
    )
    # Room for the words at the end of the longest bar.
    ends = [min(0.0, *sold), 1.12 * max(sold)] if sold else None
    return chart(
        [bars],
        palette,
        height=60 + 26 * max(len(sold), 3),
        hovermode="closest",
        xaxis={"title": currency, "nticks": 5, "range": ends},
        yaxis={"autorange": "reversed", "showgrid": False},
    )
