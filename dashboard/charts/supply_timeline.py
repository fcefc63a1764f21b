"""Orders from their cutoff over the day they are due to the day they came."""

from datetime import datetime

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, across, chart
from dashboard.theme import Palette

_TIMES = ("cutoff_ts", "delivery_ts", "received_ts")


def timeline(deliveries: pl.DataFrame, now: datetime, timezone: str, palette: Palette) -> go.Figure:
    """Draw a line per cutoff: to when its orders are due, and on to when the last of them came.

    What is late is red from when it was due, up to now if it is still to come, and has a triangle
    and words at its end.

    Args:
        deliveries: Rows of `data.supply.timeline`.
        now: Time of the data.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    local = deliveries.with_columns(
        pl.col(_TIMES).dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    )
    rows = list(enumerate(local.iter_rows(named=True)))
    today = pl.Series([now]).dt.convert_time_zone(timezone).dt.replace_time_zone(None)[0]
    late = [(place, row) for place, row in rows if row["late"]]
    traces = [
        _lines(
            "On the way",
            [(place, row["cutoff_ts"], row["delivery_ts"]) for place, row in rows],
            {"color": palette.wall, "width": 3},
        ),
        _lines(
            "Late",
            [(p, row["delivery_ts"], row["received_ts"] or today) for p, row in late],
            {"color": palette.critical, "width": 5},
        ),
        _marks(
            "Cutoff",
            [(place, row["cutoff_ts"], "") for place, row in rows],
            {"symbol": "line-ns", "size": 12, "line": {"color": palette.text, "width": 2}},
            palette,
        ),
        _marks(
            "Due",
            [(place, row["delivery_ts"], _words(row)) for place, row in rows if _is_open(row)],
            {"symbol": "diamond-open", "size": 9, "color": palette.text},
            palette,
        ),
        _marks(
            "All received",
            [(p, row["received_ts"], _words(row)) for p, row in rows if _came(row)],
            {"symbol": "circle", "size": 9, "color": palette.good},
            palette,
        ),
        _marks(
            "Late",
            [(place, row["received_ts"] or today, _words(row)) for place, row in late],
            {"symbol": "triangle-up", "size": 12, "color": palette.critical},
            palette,
        ),
    ]
    return chart(
        traces,
        palette,
        height=90 + 28 * max(len(rows), 3),
        showlegend=True,
        legend=LEGEND | {"y": 1.08},
        hovermode="closest",
        shapes=across(today, {"color": palette.accent, "width": 2, "dash": "dot"}),
        annotations=[
            {
                "x": today,
                "y": 1,
                "yref": "paper",
                "yanchor": "bottom",
                "text": "now",
                "showarrow": False,
                "font": {"color": palette.accent},
            }
        ],
        xaxis={
            "type": "date",
            "tickformat": "%a %-d %b",
            "nticks": 12,
            "showgrid": True,
            "gridcolor": palette.tile,
            "range": _span(local, today),
        },
        yaxis={
            "tickvals": [place for place, _ in rows],
            "ticktext": [
                _name(row, with_store=local["store_name"].n_unique() > 1) for _, row in rows
            ],
            "range": [len(rows) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
        },
    )


def _is_open(row: dict[str, object]) -> bool:
    """Return whether orders are due, and neither late nor there."""
    return not row["late"] and row["received_ts"] is None


def _came(row: dict[str, object]) -> bool:
    return not row["late"] and row["received_ts"] is not None


def _lines(
    name: str, spans: list[tuple[int, datetime, datetime]], line: dict[str, object]
) -> go.Scatter:
    """Return lines of their own, with gaps between them."""
    return go.Scatter(
        name=name,
        x=[moment for _, start, end in spans for moment in (start, end, None)],
        y=[at for place, _, _ in spans for at in (place, place, None)],
        mode="lines",
        line=line,
        hoverinfo="skip",
        showlegend=False,
    )


def _marks(
    name: str,
    places: list[tuple[int, datetime, str]],
    marker: dict[str, object],
    palette: Palette,
) -> go.Scatter:
    return go.Scatter(
        name=name,
        x=[moment for _, moment, _ in places],
        y=[place for place, _, _ in places],
        text=[f"  {words}" if words else "" for _, _, words in places],
        mode="markers+text",
        textposition="middle right",
        textfont={"color": palette.text},
        cliponaxis=False,
        marker=marker,
        hovertemplate=f"{name} %{{x|%a %-d %b, %H:%M}}<extra></extra>",
    )


def _words(row: dict[str, object]) -> str:
    """Say how many orders a line stands for, and how many of them are late."""
    orders, late = int(str(row["orders"])), int(str(row["late"]))
    if late:
        stores = int(str(row["late_stores"]))
        where = f" in {text.plural(stores, 'store')}" if int(str(row["stores"])) > 1 else ""
        return f"▲ {text.number(late)} of {text.plural(orders, 'order')} late{where}"
    return "to come" if row["is_planned"] else text.plural(orders, "order")


def _name(row: dict[str, object], *, with_store: bool) -> str:
    day = row["cutoff_date"]
    told = f"{day:%a} {day.day} {day:%b}"  # type: ignore[attr-defined]
    stores = int(str(row["stores"]))
    if stores > 1:
        return f"{told}, {stores} stores"
    return f"{told}, {row['store_name']}" if with_store else told


def _span(local: pl.DataFrame, today: datetime) -> list[datetime]:
    """Return the ends of the axis: room for words after the last mark."""
    moments = [m for name in _TIMES for m in local.get_column(name).drop_nulls()] + [today]
    first, last = min(moments), max(moments)
    return [first - (last - first) * 0.02, last + (last - first) * 0.22]
