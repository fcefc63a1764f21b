"""Waste and markdowns, day by day and by category."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.charts.pareto import Ranked, pareto
from dashboard.theme import Palette

HEIGHT = 430
_SHOWN_ITEMS = 12
OTHERS = "All others"
_PATTERNS = ("", "/", "", ".", "", "\\")


@dataclass(frozen=True)
class Measure:
    """What one of the two panels counts.

    Attributes:
        column: Of `data.waste.daily`.
        title: What its axis says.
        unit: Of its numbers.
    """

    column: str
    title: str
    unit: str


def waste_by_day(
    daily: pl.DataFrame,
    measures: tuple[Measure, Measure],
    span: tuple[date, date],
    palette: Palette,
) -> go.Figure:
    """Draw two measures, one above the other, each day a bar of categories.

    Args:
        daily: Rows of `data.waste.daily`.
        measures: Above and below.
        span: First and last day that are shown.
        palette: Colours.
    """
    named = _heaviest(daily, measures, len(palette.series))
    traces = []
    for row, measure in enumerate(measures, start=1):
        for place, (name, here) in enumerate(named):
            is_others = name == OTHERS
            traces.append(
                go.Bar(
                    name=name,
                    legendgroup=name,
                    showlegend=row == 1,
                    x=here.get_column("business_date").to_list(),
                    y=here.get_column(measure.column).to_list(),
                    xaxis=f"x{row}",
                    yaxis=f"y{row}",
                    marker={
                        "color": palette.muted if is_others else palette.series[place],
                        "pattern": {"shape": "x" if is_others else _PATTERNS[place]},
                    },
                    hovertemplate=f"%{{y:.2~f}} {measure.unit}",
                )
            )
    # A bar stands in the middle of its date's midnight: half a day of room on both sides.
    half = timedelta(hours=12)
    edges = [datetime.combine(day, time.min) for day in span]
    return chart(
        traces,
        palette,
        height=HEIGHT,
        showlegend=True,
        legend=LEGEND,
        barmode="stack",
        bargap=0.3,
        **stacked(
            (0.5, 0.5),
            0.08,
            {
                "type": "date",
                "range": [edges[0] - half, edges[1] + half],
                "tickformat": "%a %-d %b",
                "nticks": 12,
            },
            [{"title": measure.title, "rangemode": "tozero"} for measure in measures],
        ),
    )


def waste_by_item(items: pl.DataFrame, measure: Measure, palette: Palette) -> go.Figure:
    """Draw the items of which most was thrown away, and their share in all of it.

    Args:
        items: Rows of `data.waste.items`, what weighs most first.
        measure: What weighs.
        palette: Colours.
    """
    shown = items.head(_SHOWN_ITEMS)
    return pareto(
        Ranked(
            [f"{name} ({item})" for item, name in shown.select("item_id", "subcategory").rows()],
            shown.get_column(measure.column).cast(pl.Float64).to_list(),
            shown.get_column("share").to_list(),
        ),
        "Waste",
        measure.unit,
        palette,
    )


def _heaviest(
    daily: pl.DataFrame, measures: tuple[Measure, Measure], most: int
) -> list[tuple[str, pl.DataFrame]]:
    """Return the rows of each of the heaviest categories by name, then those of all others."""
    columns = [measure.column for measure in measures]
    weights = (
        daily.group_by("category")
        .agg(pl.sum_horizontal(columns).sum().alias("weight"))
        .filter(pl.col("weight") > 0)
        .sort(["weight", "category"], descending=[True, False])
        .get_column("category")
        .to_list()
    )
    named = [
        (text.category_label(name), daily.filter(pl.col("category") == name))
        for name in weights[:most]
    ]
    if len(weights) > most:
        rest = daily.filter(pl.col("category").is_in(weights[most:]))
        summed = rest.group_by("business_date").agg(pl.col(columns).sum()).sort("business_date")
        named.append((OTHERS, summed))
    return named
