"""Charts that set stores beside each other: against the mean store, over time, by goods."""

from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, across, chart
from dashboard.theme import Palette

_SHOWN_CATEGORIES = 14
_NO_REGION = "No region"
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Measure:
    """A figure that stores are compared by.

    Attributes:
        column: Of `data.store_comparison.comparison`, or of `stock`.
        name: What it is called.
        shape: Format of its values, as Python has them.
        unit: After them.
    """

    column: str
    name: str
    shape: str
    unit: str = ""


def against_the_mean(
    compared: pl.DataFrame, measures: list[Measure], chosen: str | None, palette: Palette
) -> go.Figure:
    """Draw where each store stands by each measure, the mean of the stores being 100.

    With more stores than colours, only the chosen one stands out.

    Args:
        compared: A row per store with store_id, store_name and the measures.
        measures: In the order in which they are drawn.
        chosen: Id of the store that stands out, if one does.
        palette: Colours.
    """
    by_colour = len(compared) <= len(palette.series)
    means: dict[str, float | None] = compared.select(
        pl.col(measure.column).cast(pl.Float64).mean() for measure in measures
    ).row(0, named=True)
    whole = {column: mean for column, mean in means.items() if mean}
    drawn = [m for m in measures if m.column in whole]
    # Who stands out is drawn last, over the others.
    rows = sorted(enumerate(compared.to_dicts()), key=lambda row: row[1]["store_id"] == chosen)
    traces = []
    for place, row in rows:
        stands_out = row["store_id"] == chosen
        known = [m for m in drawn if row[m.column] is not None]
        traces.append(
            go.Scatter(
                name=row["store_name"],
                x=[100 * float(row[m.column]) / whole[m.column] for m in known],
                y=[m.name for m in known],
                customdata=[
                    f"{text.formatted(float(row[m.column]), m.shape)} {m.unit}".rstrip()
                    for m in known
                ],
                mode="markers",
                marker={
                    "symbol": _SYMBOLS[place % len(_SYMBOLS)] if by_colour else "circle",
                    "size": 15 if stands_out else 11,
                    "color": palette.series[place]
                    if by_colour
                    else palette.accent
                    if stands_out
                    else palette.calm_edge,
                    "line": {
                        "width": 2 if stands_out else 1,
                        "color": palette.text if stands_out else palette.page,
                    },
                },
                showlegend=by_colour or stands_out,
                hovertemplate=row["store_name"] + "<br>%{y}: %{customdata}<extra></extra>",
            )
        )
    return chart(
        traces,
        palette,
        height=100 + 34 * max(len(drawn), 4),
        showlegend=True,
        legend=LEGEND,
        hovermode="closest",
        shapes=across(100, {"color": palette.wall, "width": 1, "dash": "dot"}),
        xaxis={"title": "Mean of the stores = 100", "nticks": 7},
        yaxis={
            "categoryorder": "array",
            "categoryarray": [m.name for m in reversed(drawn)],
            "range": [-0.6, len(drawn) - 0.4],
        },
    )


def sales_over_time(
    daily: pl.DataFrame, names: dict[str, str], currency: str, palette: Palette
) -> go.Figure:
    """Draw net sales of each store, as means over seven days.

    Args:
        daily: Rows of `data.store_comparison.daily`.
        names: What to call each store, in the order of the colours.
        currency: ISO 4217.
        palette: Colours.
    """
    traces = []
    for place, (store_id, name) in enumerate(names.items()):
        here = daily.filter(pl.col("store_id") == store_id)
        traces.append(
            go.Scatter(
                name=name,
                x=here.get_column("date_key").to_list(),
                y=here.get_column("mean_7d").to_list(),
                mode="lines",
                line={
                    "color": palette.series[place % len(palette.series)],
                    "dash": _DASHES[place // len(palette.series) % len(_DASHES)]
                    if len(names) > len(palette.series)
                    else _DASHES[place],
                    "width": 2.2,
                },
                hovertemplate="%{y:,.0f} " + currency,
            )
        )
    return chart(
        traces,
        palette,
        height=330,
        showlegend=True,
        legend=LEGEND,
        xaxis={"type": "date", "tickformat": "%-d %b", "nticks": 8},
        yaxis={"title": f"{currency} a day, mean of 7"},
    )


def sales_by_region(regions: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw net sales of each region.

    Args:
        regions: Rows of `data.store_comparison.regions`.
        currency: ISO 4217.
        palette: Colours.
    """
    sold = regions.get_column("net_sales").cast(pl.Float64).to_list()
    bars = go.Bar(
        orientation="h",
        x=sold,
        y=regions.get_column("region").fill_null(_NO_REGION).to_list(),
        text=[
            "" if share is None else text.formatted(share, ".1%")
            for share in regions.get_column("share")
        ],
        textposition="outside",
        cliponaxis=False,
        customdata=regions.select("stores", "transactions", "net_sales_per_store").rows(),
        marker={
            "color": [
                palette.calm_edge if region is None else palette.accent
                for region in regions.get_column("region")
            ],
        },
        hovertemplate="<b>%{y}</b><br>%{x:,.0f} "
        + currency
        + "<br>stores: %{customdata[0]}, of each %{customdata[2]:,.0f} "
        + currency
        + "<br>%{customdata[1]:,} receipts<extra></extra>",
    )
    # Room for the words at the end of the longest bar.
    ends = [min(0.0, *sold), 1.12 * max(sold)]
    return chart(
        [bars],
        palette,
        height=60 + 26 * max(len(sold), 3),
        hovermode="closest",
        xaxis={"title": currency, "nticks": 5, "range": ends},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def mix_by_store(mix: pl.DataFrame, names: dict[str, str], palette: Palette) -> go.Figure:
    """Draw what share of its net sales each store makes with each category.

    Args:
        mix: Rows of `data.store_comparison.product_mix`, what sells most first.
        names: What to call each store, in their order.
        palette: Colours.
    """
    shown = mix.get_column("category").unique(maintain_order=True).to_list()[:_SHOWN_CATEGORIES]
    told = {
        (category, store): share
        for category, store, share in mix.select("category", "store_id", "share").iter_rows()
    }
    cells = [[told.get((category, store)) for store in names] for category in shown]
    squares = go.Heatmap(
        x=list(names.values()),
        y=[text.category_label(category) for category in shown],
        z=cells,
        text=[
            ["" if cell is None else text.formatted(cell, ".1%") for cell in row] for row in cells
        ],
        texttemplate="%{text}",
        colorscale=[[0, palette.floor], [1, palette.shelf]],
        showscale=False,
        xgap=2,
        ygap=2,
        hovertemplate="%{x}<br>%{y}: %{text} of net sales<extra></extra>",
    )
    return chart(
        [squares],
        palette,
        height=60 + 27 * max(len(shown), 4),
        hovermode="closest",
        xaxis={"side": "top", "showline": False, "ticks": ""},
        yaxis={"autorange": "reversed", "showgrid": False},
    )
