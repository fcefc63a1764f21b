"""Forecasts and models over time: accuracy by week, drift, what a model looks at."""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from dashboard.charts.base import LEGEND, base_layout
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


def accuracy_by_week(weeks: pl.DataFrame, names: dict[str, str], palette: Palette) -> go.Figure:
    """Draw each measure by week, with a line for each span.

    Args:
        weeks: Rows of `data.forecasts.accuracy` by week.
        names: Spans in their order, with their words.
        palette: Colours.
    """
    # Two measures beside each other; the last has the row to itself.
    grid: list[list[dict[str, int] | None]] = [[{}, {}], [{}, {}], [{"colspan": 2}, None]]
    figure = make_subplots(rows=3, cols=2, specs=grid, vertical_spacing=0.1)
    for place, measure in enumerate(MEASURES):
        row, column = place // 2 + 1, place % 2 + 1
        for number, (span, name) in enumerate(names.items()):
            here = weeks.filter(pl.col("span") == span)
            figure.add_trace(
                go.Scatter(
                    name=name,
                    legendgroup=span,
                    showlegend=place == 0 and not here.is_empty(),
                    x=here.get_column("week").to_list(),
                    y=here.get_column(measure.column).to_list(),
                    mode="lines+markers",
                    line={"color": palette.series[number], "width": 2, "dash": _DASHES[number]},
                    marker={"symbol": _SIGNS[number], "size": 7},
                    hovertemplate="%{y:.1%}" if measure.is_share else "%{y:.3f}",
                ),
                row=row,
                col=column,
            )
        if measure.aim is not None:
            figure.add_hline(
                y=measure.aim,
                line={"color": palette.muted, "width": 1, "dash": "dash"},
                row=row,
                col=column,
            )
        figure.update_yaxes(
            title={"text": measure.title, "font": {"color": palette.muted}},
            tickformat=".0%" if measure.is_share else "",
            row=row,
            col=column,
        )
    figure.update_layout(
        base_layout(palette, height=3 * ROW_HEIGHT) | {"showlegend": True, "legend": LEGEND}
    )
    figure.update_xaxes(
        type="date", tickformat="%-d %b", hoverformat="week of %-d %b %Y", nticks=10
    )
    return figure


def drift_of_features(features: pl.DataFrame, names: list[str], palette: Palette) -> go.Figure:
    """Draw the stability index of features as bars, each against its threshold.

    Args:
        features: Rows of `data.forecasts.drift_of_features`.
        names: Words of the features, in the order of the rows.
        palette: Colours.
    """
    alarms = features.get_column("is_alarm").fill_null(value=False).to_list()
    labels = [f"▲ {name}" if alarm else name for name, alarm in zip(names, alarms, strict=True)]
    figure = go.Figure(
        [
            go.Bar(
                name="PSI",
                y=labels,
                x=features.get_column("value").to_list(),
                orientation="h",
                marker={
                    "color": [palette.critical if alarm else palette.shelf for alarm in alarms],
                    "line": {"width": 0},
                },
                hovertemplate="%{x:.3f}",
            ),
            go.Scatter(
                name="Alarm above",
                y=labels,
                x=features.get_column("threshold").to_list(),
                mode="markers",
                marker={
                    "symbol": "line-ns",
                    "size": 14,
                    "line": {"color": palette.text, "width": 2},
                },
                hovertemplate="%{x:.2f}",
            ),
        ]
    )
    _lying(figure, len(names), palette)
    figure.update_layout(showlegend=True, legend=LEGEND)
    return figure


def drift_over_time(measures: pl.DataFrame, timezone: str, palette: Palette) -> go.Figure:
    """Draw error ratio and coverage over time, with their thresholds and alarms.

    Args:
        measures: Rows of `data.forecasts.drift_over_time`.
        timezone: Whose clock the axis shows.
        palette: Colours.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    local = measures.with_columns(
        pl.col("as_of_ts").dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    )
    panels = (
        ("error_ratio", "Error ratio", "%{y:.2f}", palette.shelf),
        ("coverage_80", "In the 80 % band", "%{y:.1%}", palette.warehouse),
    )
    for row, (metric, title, template, colour) in enumerate(panels, start=1):
        here = local.filter(pl.col("metric") == metric)
        alarms = here.filter(pl.col("is_alarm"))
        figure.add_traces(
            [
                _over_time(here, title, template, {"color": colour}),
                go.Scatter(
                    name="Threshold",
                    legendgroup="threshold",
                    showlegend=row == 1,
                    x=here.get_column("as_of_ts").to_list(),
                    y=here.get_column("threshold").to_list(),
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
                    mode="markers",
                    marker={
                        "symbol": "triangle-up-open",
                        "size": 13,
                        "color": palette.critical,
                        "line": {"width": 2},
                    },
                    hoverinfo="skip",
                ),
            ],
            rows=row,
            cols=1,
        )
        figure.update_yaxes(
            title={"text": title, "font": {"color": palette.muted}},
            tickformat=".0%" if metric == "coverage_80" else "",
            row=row,
            col=1,
        )
    figure.update_layout(
        base_layout(palette, height=2 * ROW_HEIGHT) | {"showlegend": True, "legend": LEGEND}
    )
    figure.update_xaxes(tickformat="%-d %b", hoverformat="%a %-d %b %Y, %H:%M")
    return figure


def _over_time(here: pl.DataFrame, title: str, template: str, style: dict[str, Any]) -> go.Scatter:
    return go.Scatter(
        name=title,
        x=here.get_column("as_of_ts").to_list(),
        y=here.get_column("value").to_list(),
        mode="lines+markers",
        line={"width": 2} | style,
        marker={"size": 5},
        hovertemplate=template,
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
    figure = go.Figure(
        [
            go.Bar(
                name=name,
                y=names,
                x=features.get_column(column).to_list(),
                orientation="h",
                marker={
                    "color": colour,
                    "line": {"width": 0},
                    "pattern": {
                        "shape": pattern,
                        "fillmode": "overlay",
                        "fgcolor": palette.page,
                        "solidity": 0.3,
                    },
                },
                hovertemplate="%{x:.1%}",
            )
            for name, column, colour, pattern in parts
        ]
    )
    _lying(figure, 1.5 * len(names), palette)
    figure.update_layout(showlegend=True, legend=LEGEND, barmode="group")
    figure.update_xaxes(tickformat=".0%")
    return figure


def _lying(figure: go.Figure, bars: float, palette: Palette) -> None:
    """Style a figure of bars that lie, the first on top."""
    figure.update_layout(
        base_layout(palette, height=70 + round(BAR_HEIGHT * max(bars, 3)))
        | {"bargap": 0.3, "hovermode": "y unified"}
    )
    figure.update_yaxes(
        autorange="reversed", showgrid=False, ticks="outside", tickcolor="rgba(0,0,0,0)"
    )
    figure.update_xaxes(showgrid=True, gridcolor=palette.tile, rangemode="tozero")
