"""Charts of customers: segments, scores, cohorts, habits, what they are worth."""

from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import chart
from dashboard.charts.sales import WEEKDAYS
from dashboard.theme import Palette, between, text_on

# From those who bought last and most to those who are gone.
_KEEN = ("Champions", "Loyal", "Potential Loyalists", "New Customers", "Promising")
_WAVERING = ("Need Attention", "About To Sleep")
_SCORES = range(1, 6)


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
    tiles = go.Treemap(
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
    return chart([tiles], palette, height=340, hovermode="closest")


def score_grid(scores: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw how many customers have which scores, those who come last and most at the top right.

    Args:
        scores: Rows of `data.customers.scores`.
        currency: ISO 4217.
        palette: Colours.
    """
    told = {(row["r_score"], row["f_score"]): row for row in scores.to_dicts()}
    most = max((row["customers"] for row in told.values()), default=1)
    cells = [[told.get((recency, often)) for recency in _SCORES] for often in _SCORES]
    squares = go.Heatmap(
        x=list(_SCORES),
        y=list(_SCORES),
        z=[[cell["customers"] if cell else None for cell in row] for row in cells],
        zmin=0,
        zmax=most,
        text=[[_cell_text(cell, most, palette) if cell else "" for cell in row] for row in cells],
        texttemplate="%{text}",
        # Plotly would shrink the text by the length of its markup.
        textfont={"size": 11},
        customdata=[
            [
                (
                    cell["segment"],
                    cell["avg_recency_days"],
                    cell["avg_frequency"],
                    float(cell["revenue"]),
                )
                if cell
                else None
                for cell in row
            ]
            for row in cells
        ],
        colorscale=[[0, palette.floor], [1, palette.shelf]],
        xgap=2,
        ygap=2,
        showscale=False,
        hoverongaps=False,
        hovertemplate="<b>%{customdata[0]}</b><br>recency %{x}, frequency %{y}<br>"
        "%{z:,} customers<br>last bought %{customdata[1]:.0f} days ago<br>"
        "%{customdata[2]:.1f} receipts<br>%{customdata[3]:,.0f} " + currency + "<extra></extra>",
    )
    return chart(
        [squares],
        palette,
        height=360,
        hovermode="closest",
        xaxis={"title": "Recency: 5 bought last", "dtick": 1},
        yaxis={"title": "Frequency: 5 buy most often", "dtick": 1, "showgrid": False},
    )


def _cell_text(cell: dict[str, Any], most: int, palette: Palette) -> str:
    """Return how many are in a cell, and their segment in two lines at most."""
    first, _, rest = cell["segment"].partition(" ")
    lines = filter(None, (f"<b>{text.number(cell['customers'])}</b>", first, rest))
    return _readable("<br>".join(lines), cell["customers"] / most, palette)


def _readable(words: str, share: float, palette: Palette) -> str:
    """Return words in the colour that can be read on a cell; Plotly's own choice is too pale.

    Args:
        words: What the cell says.
        share: Where the cell lies between the ends of the colours, 0 to 1.
        palette: Colours.
    """
    colour = text_on(between(palette.floor, palette.shelf, share))
    return f'<span style="color:{colour}">{words}</span>'


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
    most = max((share for share in told.values() if share), default=1.0)
    squares = go.Heatmap(
        x=offsets,
        y=[f"{month} ({text.number(sizes[month])})" for month in months],
        z=cells,
        zmin=0,
        zmax=most,
        text=[
            [
                "" if share is None else _readable(f"{share:.0f}", share / most, palette)
                for share in row
            ]
            for row in cells
        ],
        texttemplate="%{text}",
        textfont={"size": 12},
        colorscale=[[0, palette.floor], [1, palette.shelf]],
        xgap=2,
        ygap=2,
        showscale=False,
        hovertemplate="%{y}, %{x} months later<br>%{z:.1f} % bought<extra></extra>",
    )
    return chart(
        [squares],
        palette,
        height=80 + 26 * max(len(months), 4),
        hovermode="closest",
        xaxis={"title": "Months later", "dtick": 1},
        yaxis={"autorange": "reversed", "showgrid": False, "type": "category"},
    )


def worth(deciles: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw the profit that each tenth of the customers is expected to bring within a year.

    Args:
        deciles: clv_decile, customers, clv_12m.
        currency: ISO 4217.
        palette: Colours.
    """
    bars = go.Bar(
        x=deciles.get_column("clv_decile").to_list(),
        y=deciles.get_column("clv_12m").cast(pl.Float64).to_list(),
        customdata=deciles.get_column("customers").to_list(),
        marker={"color": palette.accent},
        hovertemplate="Tenth %{x}<br>%{y:,.0f} "
        + currency
        + "<br>%{customdata:,} customers<extra></extra>",
    )
    return chart(
        [bars],
        palette,
        height=300,
        hovermode="closest",
        xaxis={"title": "Tenths of the customers", "dtick": 1},
        yaxis={"title": currency},
    )


def worth_classes(classes: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw how many customers are worth how much.

    Args:
        classes: Rows of `data.customers.value_classes`.
        currency: ISO 4217.
        palette: Colours.
    """
    worths = classes.get_column("clv_12m").cast(pl.Float64)
    told = [
        (
            f"under {text.number(until)}"
            if since is None
            else f"{text.number(since)} to {text.number(until)}",
            worth,
        )
        for since, until, worth in zip(
            classes.get_column("from_value"), classes.get_column("to_value"), worths, strict=True
        )
    ]
    bars = go.Bar(
        x=[
            "less" if since is None else text.number(since)
            for since in classes.get_column("from_value")
        ],
        y=classes.get_column("customers").to_list(),
        customdata=told,
        marker={"color": palette.accent},
        hovertemplate="%{customdata[0]} "
        + currency
        + "<br>%{y:,} customers<br>%{customdata[1]:,.0f} "
        + currency
        + " together<extra></extra>",
    )
    return chart(
        [bars],
        palette,
        height=300,
        hovermode="closest",
        bargap=0.1,
        xaxis={"title": f"Worth in a year, from ({currency})", "type": "category"},
        yaxis={"title": "Customers"},
    )


def favourite_times(times: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw how many customers come most on which weekday, and at which hour.

    Args:
        times: Rows of `data.customers.favourite_hours`.
        palette: Colours.
    """
    told = {(day, hour): customers for day, hour, customers in times.iter_rows()}
    known = times.get_column("favourite_hour")
    first, last = int(known.min()), int(known.max())  # type: ignore[arg-type]
    shown = list(range(first, last + 1))
    squares = go.Heatmap(
        x=[f"{hour:02d}" for hour in shown],
        y=list(WEEKDAYS),
        z=[[told.get((day, hour), 0) for hour in shown] for day in range(1, 8)],
        zmin=0,
        colorscale=[[0, palette.floor], [1, palette.shelf]],
        xgap=2,
        ygap=2,
        showscale=False,
        hovertemplate="%{y} %{x}:00<br>%{z:,} customers<extra></extra>",
    )
    return chart(
        [squares],
        palette,
        height=260,
        hovermode="closest",
        xaxis={"title": "Hour", "type": "category"},
        yaxis={"autorange": "reversed", "showgrid": False},
    )
