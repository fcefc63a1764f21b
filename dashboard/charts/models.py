"""Forecasts and models over time: accuracy by week, drift, what a model looks at."""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.theme import Palette

ROW_HEIGHT = 200
BAR_HEIGHT = 22

# Lines differ by dash and sign as well as by colour.
_DASHES = ("solid", "dash", "dot", "dashdot")
_SIGNS = ("circle", "square", "diamond", "triangle-up")


@dataclass(frozen=True)
class Measure:
    """A measure of accuracy.

    Attributes:
        column: Where it stands.
        title: What its axis says.
        aim: What it should be, `None` for as low as possible.
        is_share: Whether it is told in per cent.
    """

    column: str
    title: str
    aim: float | None = None
    is_share: bool = True


MEASURES = (
    Measure("wape", "WAPE"),
    Measure("bias", "Bias", 0),
    Measure("coverage_80", "In the 80 % band", 0.80),
    Measure("coverage_95", "In the 95 % band", 0.95),
    Measure("pinball", "Pinball loss over demand", is_share=False),
)
# Where each of them stands: two beside each other; the last has the row to itself.
_DOMAINS = (
    ([0, 0.45], [22 / 30, 1]),
    ([0.55, 1], [22 / 30, 1]),
    ([0, 0.45], [11 / 30, 19 / 30]),
    ([0.55, 1], [11 / 30, 19 / 30]),
    ([0, 1], [0, 8 / 30]),
)


def accuracy_by_week(weeks: pl.DataFrame, names: dict[str, str], palette: Palette) -> go.Figure:
    """Draw each measure by week, with a line for each span.

    Args:
        weeks: Rows of `data.forecasts.accuracy` by week.
        names: Spans in their order, with their words.
        palette: Colours.
    """
    traces = []
    shapes: list[dict[str, Any]] = []
    axes: dict[str, dict[str, Any]] = {}
    for place, (measure, (width, height)) in enumerate(zip(MEASURES, _DOMAINS, strict=True)):
        own = str(place + 1) if place else ""
        for number, (span, name) in enumerate(names.items()):
            here = weeks.filter(pl.col("span") == span)
            traces.append(
                go.Scatter(
                    name=name,
                    legendgroup=span,
                    showlegend=place == 0 and not here.is_empty(),
                    x=here.get_column("week").to_list(),
                    y=here.get_column(measure.column).to_list(),
                    xaxis=f"x{own}",
                    yaxis=f"y{own}",
                    mode="lines+markers",
                    line={"color": palette.series[number], "width": 2, "dash": _DASHES[number]},
                    marker={"symbol": _SIGNS[number], "size": 7},
                    hovertemplate="%{y:.1%}" if measure.is_share else "%{y:.3f}",
                )
            )
        if measure.aim is not None:
            shapes.append(
                {
                    "type": "line",
                    "x0": 0,
                    "x1": 1,
                    "xref": f"x{own} domain",
                    "y0": measure.aim,
                    "y1": measure.aim,
                    "yref": f"y{own}",
                    "line": {"color": palette.muted, "width": 1, "dash": "dash"},
                }
            )
        axes[f"xaxis{own}"] = {
            "anchor": f"y{own}",
            "domain": width,
            "type": "date",
            "tickformat": "%-d %b",
            "hoverformat": "week of %-d %b %Y",
            "nticks": 10,
        }
        axes[f"yaxis{own}"] = {
            "anchor": f"x{own}",
            "domain": height,
            "title": measure.title,
            "tickformat": ".0%" if measure.is_share else "",
        }
    return chart(
        traces,
        palette,
        height=3 * ROW_HEIGHT,
        showlegend=True,
        legend=LEGEND,
        shapes=shapes,
        **axes,
    )


def drift_of_features(features: pl.DataFrame, names: list[str], palette: Palette) -> go.Figure:
    """Draw the stability index of features as bars, each against its threshold.

    Args:
        features: Rows of `data.forecasts.drift_of_features`.
        names: Words of the features, in the order of the rows.
        palette: Colours.
    """
    alarms = features.get_column("is_alarm").fill_null(value=False).to_list()
    labels = [f"▲ {name}" if alarm else name for name, alarm in zip(names, alarms, strict=True)]
    bars = go.Bar(
        name="PSI",
        y=labels,
        x=features.get_column("value").to_list(),
        orientation="h",
        marker={
            "color": [palette.critical if alarm else palette.shelf for alarm in alarms],
        },
        hovertemplate="%{x:.3f}",
    )
    bounds = go.Scatter(
        name="Alarm above",
        y=labels,
        x=features.get_column("threshold").to_list(),
        mode="markers",
        marker={"symbol": "line-ns", "size": 14, "line": {"color": palette.text, "width": 2}},
        hovertemplate="%{x:.2f}",
    )
    return chart([bars, bounds], palette, **_lying(len(names), palette))


def drift_over_time(measures: pl.DataFrame, timezone: str, palette: Palette) -> go.Figure:
    """Draw error ratio and coverage over time, with their thresholds and alarms.

    Args:
        measures: Rows of `data.forecasts.drift_over_time`.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    local = measures.with_columns(
        pl.col("as_of_ts").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    )
    panels = (
        ("error_ratio", "Error ratio", "%{y:.2f}", palette.shelf),
        ("coverage_80", "In the 80 % band", "%{y:.1%}", palette.warehouse),
    )
    traces = []
    for row, (metric, title, template, colour) in enumerate(panels, start=1):
        here = local.filter(pl.col("metric") == metric)
        alarms = here.filter(pl.col("is_alarm"))
        traces += [
            go.Scatter(
                name=title,
                x=here.get_column("as_of_ts").to_list(),
                y=here.get_column("value").to_list(),
                xaxis=f"x{row}",
                yaxis=f"y{row}",
                mode="lines+markers",
                line={"width": 2, "color": colour},
                marker={"size": 5},
                hovertemplate=template,
            ),
            go.Scatter(
                name="Threshold",
                legendgroup="threshold",
                showlegend=row == 1,
                x=here.get_column("as_of_ts").to_list(),
                y=here.get_column("threshold").to_list(),
                xaxis=f"x{row}",
                yaxis=f"y{row}",
                mode="lines",
                line={"color": palette.muted, "width": 1.5, "dash": "dash"},
                hovertemplate=template,
            ),
            go.Scatter(
                name="Alarm",
                legendgroup="alarm",
                showlegend=row == 1,
                x=alarms.get_column("as_of_ts").to_list(),
                y=alarms.get_column("value").to_list(),
                xaxis=f"x{row}",
                yaxis=f"y{row}",
                mode="markers",
                marker={
                    "symbol": "triangle-up-open",
                    "size": 13,
                    "color": palette.critical,
                    "line": {"width": 2},
                },
                hoverinfo="skip",
            ),
        ]
    return chart(
        traces,
        palette,
        height=2 * ROW_HEIGHT,
        showlegend=True,
        legend=LEGEND,
        **stacked(
            (0.5, 0.5),
            0.08,
            {"tickformat": "%-d %b", "hoverformat": "%a %-d %b %Y, %H:%M"},
            [
                {"title": title, "tickformat": ".0%" if metric == "coverage_80" else ""}
                for metric, title, _, _ in panels
            ],
        ),
    )


def feature_importance(features: pl.DataFrame, names: list[str], palette: Palette) -> go.Figure:
    """Draw the shares of features in the model's gain and in its forecasts.

    Args:
        features: Rows of `data.forecasts.importance`.
        names: Words of the features, in the order of the rows.
        palette: Colours.
    """
    parts = (
        ("Share in forecasts (SHAP)", "shap_share", palette.series[0], ""),
        ("Share in gain", "gain_share", palette.series[1], "/"),
    )
    bars = [
        go.Bar(
            name=name,
            y=names,
            x=features.get_column(column).to_list(),
            orientation="h",
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate="%{x:.1%}",
        )
        for name, column, colour, pattern in parts
    ]
    return chart(
        bars, palette, barmode="group", **_lying(1.5 * len(names), palette, tickformat=".0%")
    )


def _lying(bars: float, palette: Palette, *, tickformat: str | None = None) -> dict[str, Any]:
    """Return the layout of bars that lie, the first on top."""
    return {
        "height": 70 + round(BAR_HEIGHT * max(bars, 3)),
        "showlegend": True,
        "legend": LEGEND,
        "bargap": 0.3,
        "hovermode": "y unified",
        "xaxis": {
            "showgrid": True,
            "gridcolor": palette.tile,
            "rangemode": "tozero",
            "tickformat": tickformat,
        },
        "yaxis": {
            "autorange": "reversed",
            "showgrid": False,
            "ticks": "outside",
            "tickcolor": "rgba(0,0,0,0)",
        },
    }
