"""The stock of one item over time, on the shelf and in the warehouse."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.theme import Palette

HEIGHT = 430


@dataclass(frozen=True)
class Panel:
    """One of the two panels.

    Attributes:
        location: shelf or warehouse.
        title: What its axis says.
        arrival: Movement type that fills it up.
        arrival_name: What that is called.
        threshold_name: What the quantity is called below which it is low.
        has_target: Whether it is filled up to a target.
    """

    location: str
    title: str
    arrival: str
    arrival_name: str
    threshold_name: str
    has_target: bool


PANELS = (
    Panel("shelf", "Shelf (pcs)", "SHELF_IN", "Restock", "Low below", has_target=True),
    Panel("warehouse", "Warehouse (pcs)", "WH_IN", "Delivery", "Reorder point", has_target=False),
)


@dataclass(frozen=True)
class Mark:
    """Something that happened, marked on the line of the stock.

    Attributes:
        kind: count or markdown, of `data.items.marks`.
        name: What it is called.
        symbol: Its sign.
        hover: What is said about its detail.
    """

    kind: str
    name: str
    symbol: str
    hover: str


_MARKS = (
    Mark("count", "Count", "square-open", "%{customdata:+.0f} pcs corrected"),
    Mark("markdown", "Markdown", "star", "%{customdata:.0f} % off from here on"),
)


@dataclass(frozen=True)
class Window:
    """The time that is shown.

    Attributes:
        start: From then on; `None` begins with the first movement.
        end: Until then: the time of the publication.
        timezone: Whose clock the axis shows.
    """

    start: datetime | None
    end: datetime
    timezone: str


def stock_over_time(
    movements: pl.DataFrame,
    thresholds: pl.DataFrame,
    window: Window,
    palette: Palette,
    marks: pl.DataFrame | None = None,
) -> go.Figure:
    """Draw shelf and warehouse, one above the other.

    Args:
        movements: Rows of `data.states.trajectory`.
        thresholds: Rows of `data.states.thresholds`.
        window: What time to show.
        palette: Colours.
        marks: Rows of `data.items.marks`, if they are to be drawn.
    """
    first = min(movements.get_column("event_ts"), default=window.end)
    start = max(window.start, first) if window.start else first
    local = _Clock(window.timezone)
    traces: list[go.Scatter] = []
    for panel, axis in zip(PANELS, ("", "2"), strict=True):
        here = movements.filter(pl.col("location") == panel.location)
        colour = palette.shelf if panel.location == "shelf" else palette.warehouse
        drawn = [
            _line(here, panel, window.end, colour, local),
            _arrivals(here, panel, start, colour, local),
            *_losses(here, panel, start, palette, local),
            *(
                _marked(here, panel, marks, start, palette=palette, local=local)
                if marks is not None
                else ()
            ),
            *_limits(thresholds, panel, (start, window.end), palette, local),
        ]
        traces += [trace.update(xaxis=f"x{axis}", yaxis=f"y{axis}") for trace in drawn]
    return chart(
        traces,
        palette,
        height=HEIGHT,
        showlegend=True,
        legend=LEGEND,
        **stacked(
            (0.5, 0.5),
            0.07,
            {"range": [local(start), local(window.end)], "tickformat": "%a %-d %b\n%H:%M"},
            [{"title": panel.title, "rangemode": "tozero"} for panel in PANELS],
        ),
    )


class _Clock:
    """Turns instants into what a clock on the wall says; Plotly's axes know no time zones."""

    def __init__(self, timezone: str) -> None:
        self._timezone = timezone

    def __call__(self, moment: datetime) -> datetime:
        return self.all(pl.Series([moment], dtype=pl.Datetime("us", "UTC")))[0]

    def all(self, moments: pl.Series) -> list[datetime]:
        return moments.dt.convert_time_zone(self._timezone).dt.replace_time_zone(None).to_list()


def _line(
    here: pl.DataFrame, panel: Panel, end: datetime, colour: str, local: _Clock
) -> go.Scatter:
    """Stock after each instant with movements, level until the next and until the end."""
    here = here.unique("event_ts", keep="last", maintain_order=True)
    x = local.all(here.get_column("event_ts"))
    y = here.get_column("stock").to_list()
    return go.Scatter(
        name=f"{panel.title.removesuffix(' (pcs)')} stock",
        x=[*x, local(end)] if x else [],
        y=[*y, y[-1]] if y else [],
        mode="lines",
        line={"color": colour, "width": 2, "shape": "hv"},
        hovertemplate="%{y} pcs",
    )


def _arrivals(
    here: pl.DataFrame, panel: Panel, start: datetime, colour: str, local: _Clock
) -> go.Scatter:
    arrived = here.filter(
        (pl.col("movement_type") == panel.arrival) & (pl.col("event_ts") >= start)
    )
    return go.Scatter(
        name=panel.arrival_name,
        x=local.all(arrived.get_column("event_ts")),
        y=arrived.get_column("stock").to_list(),
        customdata=arrived.get_column("qty_signed").to_list(),
        mode="markers",
        marker={
            "symbol": "triangle-up" if panel.location == "shelf" else "diamond",
            "size": 10,
            "color": colour,
        },
        hovertemplate="+%{customdata} pcs",
    )


def _losses(
    here: pl.DataFrame, panel: Panel, start: datetime, palette: Palette, local: _Clock
) -> list[go.Scatter]:
    """Mark where nothing was left, and where pieces were thrown away."""
    shown = (
        here.with_columns(
            ran_out=(pl.col("stock") <= 0) & (pl.col("stock").shift(1, fill_value=1) > 0)
        )
        .filter(pl.col("event_ts") >= start)
        .sort("event_ts")
    )
    place = panel.title.removesuffix(" (pcs)")
    kinds = [
        (f"{place} empty", pl.col("ran_out"), "x-thin", "nothing was left"),
        (
            f"Removed, {place.lower()}",
            pl.col("movement_type") == "REMOVAL",
            "triangle-down-open",
            "%{customdata} pcs",
        ),
    ]
    return [
        go.Scatter(
            name=name,
            x=local.all(found.get_column("event_ts")),
            y=found.get_column("stock").to_list(),
            customdata=found.get_column("qty_signed").to_list(),
            mode="markers",
            # Nothing is left on the axis itself.
            cliponaxis=False,
            marker={
                "symbol": symbol,
                "size": 9,
                "color": palette.critical,
                "line": {"color": palette.critical, "width": 2},
            },
            hovertemplate=words,
        )
        for name, which, symbol, words in kinds
        if not (found := shown.filter(which)).is_empty()
    ]


def _marked(
    here: pl.DataFrame,
    panel: Panel,
    marks: pl.DataFrame,
    start: datetime,
    *,
    palette: Palette,
    local: _Clock,
) -> list[go.Scatter]:
    """Mark counts and markdowns at the stock they found."""
    found = (
        marks.filter((pl.col("location") == panel.location) & (pl.col("event_ts") >= start))
        .sort("event_ts")
        .join_asof(here.select("event_ts", "stock").sort("event_ts"), on="event_ts")
    )
    place = panel.title.removesuffix(" (pcs)").lower()
    return [
        go.Scatter(
            name=f"{mark.name}, {place}",
            x=local.all(of_kind.get_column("event_ts")),
            y=of_kind.get_column("stock").to_list(),
            customdata=of_kind.get_column("detail").to_list(),
            mode="markers",
            marker={
                "symbol": mark.symbol,
                "size": 10,
                "color": palette.caution,
                "line": {"color": palette.caution, "width": 1.5},
            },
            hovertemplate=mark.hover,
        )
        for mark in _MARKS
        if not (of_kind := found.filter(pl.col("kind") == mark.kind)).is_empty()
    ]


def _limits(
    thresholds: pl.DataFrame,
    panel: Panel,
    shown: tuple[datetime, datetime],
    palette: Palette,
    local: _Clock,
) -> list[go.Scatter]:
    """Threshold, dashed, and target, dotted, as they were in force."""
    here = thresholds.filter(
        (pl.col("location") == panel.location)
        & (pl.col("valid_to_ts") > shown[0])
        & (pl.col("valid_from_ts") <= shown[1])
    )
    lines = [(panel.threshold_name, "low_below_qty", "dash", palette.critical)]
    if panel.has_target:
        lines.append(("Target", "target_qty", "dot", palette.muted))
    return [
        go.Scatter(
            name=name,
            x=_edges(here, shown, local),
            y=[value for value in here.get_column(column).to_list() for _ in range(2)],
            mode="lines",
            line={"color": colour, "width": 1.5, "dash": dash},
            hovertemplate="%{y} pcs",
        )
        for name, column, dash, colour in lines
    ]


def _edges(here: pl.DataFrame, shown: tuple[datetime, datetime], local: _Clock) -> list[Any]:
    """Return begin and end of each span of validity, cut to what is shown."""
    spans = here.select("valid_from_ts", "valid_to_ts").iter_rows()
    return [
        local(edge) for begin, end in spans for edge in (max(begin, shown[0]), min(end, shown[1]))
    ]
