"""How long events take from the till to the lake."""

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart
from dashboard.theme import Palette

HEIGHT = 260
# From how many seconds on the axis is in that unit.
_UNITS = ((7_200, 3_600, "Hours"), (180, 60, "Minutes"), (0, 1, "Seconds"))
# Below so many seconds minutes are too coarse to be told.
_IN_SECONDS = 600
# Points that have room for marks of full size.
_WIDE_POINTS = 60


def lag(times: pl.DataFrame, timezone: str, palette: Palette) -> go.Figure:
    """Draw what half and 95 % of the receipts took, and from where on that is too long.

    Args:
        times: at, p95_s, and where known p50_s, warn_s and fail_s; seconds, ordered.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    x = times.get_column("at").dt.convert_time_zone(timezone).dt.replace_time_zone(None).to_list()
    shown = [
        trace
        for trace in (
            ("p50_s", "Half of the receipts", {"color": palette.accent, "width": 2}, "circle"),
            (
                "p95_s",
                "95 % of them",
                {"color": palette.warehouse, "width": 2, "dash": "dot"},
                "diamond",
            ),
            ("warn_s", "Warns", {"color": palette.caution, "width": 1.5, "dash": "dash"}, None),
            ("fail_s", "Fails", {"color": palette.critical, "width": 1.5}, None),
        )
        if trace[0] in times.columns and times.get_column(trace[0]).count()
    ]
    most = max(
        (float(times.get_column(column).max() or 0) for column, *_ in shown),  # type: ignore[arg-type]
        default=0.0,
    )
    seconds, title = next((unit, name) for since, unit, name in _UNITS if most >= since)
    traces = []
    for column, name, line, symbol in shown:
        values = times.get_column(column)
        traces.append(
            go.Scatter(
                name=name if symbol else f"{name} from {_told(values.drop_nulls()[-1])}",
                x=x,
                y=(values / seconds).to_list(),
                customdata=[None if s is None else _told(s) for s in values],
                mode="lines+markers" if symbol else "lines",
                line=line if symbol else line | {"shape": "hv"},
                marker={"size": 5 if len(x) <= _WIDE_POINTS else 3, "symbol": symbol}
                if symbol
                else None,
                hovertemplate="%{customdata}",
            )
        )
    return chart(
        traces,
        palette,
        height=HEIGHT,
        showlegend=True,
        legend=LEGEND,
        xaxis={"type": "date", "nticks": 8},
        yaxis={"title": title, "rangemode": "tozero", "nticks": 6},
    )


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < _IN_SECONDS else text.duration(seconds)
