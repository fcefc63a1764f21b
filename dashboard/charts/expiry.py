"""When what is in stock expires: all of it by days, and the lots of one item."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart
from dashboard.expiry import BANDS, Band, band_of, colour_of
from dashboard.theme import Palette

HEIGHT = 300
_ROW = 34
_MARKS = 8

# Where all that has expired stands on the axis of days.
_EXPIRED_AT = -1


def pieces_by_expiry(days: pl.DataFrame, horizon: int, palette: Palette) -> go.Figure:
    """Draw pieces by days to expiry, shelf below warehouse.

    Colours tell the urgency, hatching the warehouse; the place on the axis tells both days and
    urgency again.

    Args:
        days: Rows of `data.lots.by_days`.
        horizon: Days that are shown; what has expired is shown in any case.
        palette: Colours.
    """
    known = (
        days.filter(pl.col("days_to_expiry") <= horizon)
        .with_columns(pl.col("days_to_expiry").clip(lower_bound=_EXPIRED_AT))
        .group_by("location", "days_to_expiry")
        .agg(pl.col("quantity").sum())
        .sort("days_to_expiry")
    )
    step = max(1, round(horizon / _MARKS))
    shown = [_EXPIRED_AT, *range(0, horizon + 1, step)]
    names = {_EXPIRED_AT: "expired", 0: "today"}
    return chart(
        [*_bars(known, palette), _legend_of_hatching(palette)],
        palette,
        height=HEIGHT,
        barmode="stack",
        bargap=0.25,
        showlegend=True,
        legend=LEGEND,
        xaxis={
            "range": [_EXPIRED_AT - 0.6, horizon + 0.6],
            "tickvals": shown,
            "ticktext": [names.get(day, f"{day} d") for day in shown],
        },
        yaxis={"title": "Pieces", "rangemode": "tozero"},
    )


def _bars(known: pl.DataFrame, palette: Palette) -> Iterator[go.Bar]:
    banded = known.with_columns(
        pl.col("days_to_expiry")
        .map_elements(lambda days: band_of(days).name, return_dtype=pl.String)
        .alias("band")
    )
    for band in BANDS:
        for location in ("shelf", "warehouse"):
            here = banded.filter(band=band.name, location=location)
            yield _bar(here, band, location, palette)


def _bar(here: pl.DataFrame, band: Band, location: str, palette: Palette) -> go.Bar:
    is_shelf = location == "shelf"
    return go.Bar(
        name=band.name,
        legendgroup=band.name,
        showlegend=is_shelf,
        x=here.get_column("days_to_expiry").to_list(),
        y=here.get_column("quantity").to_list(),
        marker={
            "color": colour_of(band, palette),
            "pattern": {"shape": "" if is_shelf else "/"},
        },
        hovertemplate=f"{text.label(location)}: %{{y}} pcs<extra></extra>",
    )


def _legend_of_hatching(palette: Palette) -> go.Bar:
    """Return a trace without bars that says in the legend what hatching means."""
    return go.Bar(
        name="Hatched: in the warehouse",
        x=[None],
        y=[None],
        marker={"color": palette.muted, "pattern": {"shape": "/"}},
    )


def lots_over_time(lots: pl.DataFrame, now: datetime, timezone: str, palette: Palette) -> go.Figure:
    """Draw the lots of an item from the day they were received to the end of their last day.

    Args:
        lots: Rows of `data.lots.of_item` with both dates.
        now: The time of the publication.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    local = now.astimezone(ZoneInfo(timezone)).replace(tzinfo=None)
    traces = []
    for location, colour, dash in (
        ("shelf", palette.shelf, "solid"),
        ("warehouse", palette.warehouse, "dot"),
    ):
        x: list[object] = []
        y: list[object] = []
        dates: list[object] = []
        for lot in lots.filter(pl.col("location") == location).iter_rows(named=True):
            x += [lot["received_date"], lot["expiry_date"] + timedelta(days=1), None]
            y += [_lot_name(lot), _lot_name(lot), None]
            dates += [f"received {_day(lot['received_date'])}"]
            dates += [f"last day {_day(lot['expiry_date'])}", None]
        if x:
            traces.append(
                go.Scatter(
                    name=text.label(location),
                    x=x,
                    y=y,
                    customdata=dates,
                    mode="lines+markers",
                    line={"color": colour, "width": 5, "dash": dash},
                    marker={"symbol": "line-ns", "size": 16, "line": {"color": colour, "width": 3}},
                    hovertemplate="%{y}<br>%{customdata}<extra></extra>",
                )
            )
    line = {
        "type": "line",
        "x0": local,
        "x1": local,
        "y0": 0,
        "y1": 1,
        "yref": "paper",
        "line": {"color": palette.critical, "width": 2, "dash": "dash"},
    }
    words = {
        "x": local,
        "y": 1,
        "yref": "paper",
        "yanchor": "bottom",
        "text": "now",
        "showarrow": False,
        "font": {"color": palette.critical},
    }
    rows = len({_lot_name(lot) for lot in lots.iter_rows(named=True)})
    return chart(
        traces,
        palette,
        height=90 + _ROW * max(rows, 2),
        hovermode="closest",
        margin={"l": 8, "r": 8, "t": 24, "b": 8},
        showlegend=True,
        legend={"orientation": "h", "y": -0.25, "yanchor": "top", "x": 0},
        shapes=[line],
        annotations=[words],
        xaxis={"type": "date", "tickformat": "%-d %b", "nticks": 8},
        yaxis={"type": "category", "autorange": "reversed", "showgrid": True},
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _lot_name(lot: dict[str, object]) -> str:
    return f"{lot['batch_code']}, {lot['location']}: {lot['quantity']} pcs"
