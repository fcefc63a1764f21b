"""Showing the outcome of a backtest: Markdown, a page of charts, figures for programs.

Belongs here: words and charts. Does not belong here: the measures.
"""

from collections.abc import Sequence
from itertools import cycle
from typing import Any

import polars as pl
from plotly.subplots import make_subplots

from smartshelf_dagster.forecasting.backtest import BLEND, CHAMPION, MODEL, Report

_MEASURES = {
    "wape": "WAPE",
    "bias": "bias",
    "score": "score",
    "mase": "MASE",
    "rmsse": "RMSSE",
    "pinball_10": "pin .1",
    "pinball_50": "pin .5",
    "pinball_90": "pin .9",
    "pinball_98": "pin .98",
    "pinball": "pinball",
    "coverage_80": "cover 80",
    "coverage_95": "cover 95",
    "width_80": "width 80",
}
_SHORT = ("n", "wape", "bias", "pinball", "coverage_80", "coverage_95")
_COLOURS = {CHAMPION: "#0f766e", MODEL: "#2563eb", BLEND: "#7c3aed"}
_OTHERS = "#94a3b8"
_DASHES = ("dash", "dot", "dashdot", "longdash")


def to_markdown(report: Report, title: str) -> str:
    """Write the tables.

    Args:
        report: Of a backtest.
        title: Heading.

    Returns:
        Markdown, one table per level.
    """
    lines = [
        f"# {title}",
        "",
        (
            f"{len(report.origins)} rolling origins, {report.origins[0]} to {report.origins[-1]}."
            " Pinball losses are relative to demand; `pinball` is their mean. WAPE and MASE are of"
            " the median, bias, score (absolute error plus absolute bias) and RMSSE of the mean."
        ),
    ]
    for (level,), rows in report.table.group_by("level", maintain_order=True):
        lines += ["", f"## {level}, {rows['n'][0]} forecasts", ""]
        lines += _table(rows, ["method"], tuple(_MEASURES))
    lines += ["", "## Gain over the best baseline", ""]
    lines += [
        (
            "Relative to its pinball loss, with a 95 % interval from a paired block bootstrap over"
            " origins. Which baseline was best is known with hindsight only."
        ),
        "",
        "| level | method | best baseline | gain | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['level']} | {row['method']} | {row['best_baseline']} | {row['gain']:+.1%} |"
        f" {row['low']:+.1%} to {row['high']:+.1%} |"
        for row in report.gains.iter_rows(named=True)
    ]
    lines += ["", "## By demand class", ""]
    chosen = report.classes.filter(pl.col("method").is_in([CHAMPION, MODEL, BLEND, *_best(report)]))
    lines += _table(chosen, ["level", "demand_class", "method"], _SHORT)
    lines += ["", "## Who was champion", "", "| level | class | method | origins |"]
    lines += ["|---|---|---|---|"]
    lines += [
        f"| {row['level']} | {row['demand_class']} | {row['method']} | {row['share']:.0%} |"
        for row in report.champions.iter_rows(named=True)
    ]
    lines += ["", "## What the model looks at", "", "| feature | share of gain |", "|---|---|"]
    top = list(report.importance.items())[:15]
    lines += [f"| {name} | {share:.1%} |" for name, share in top]
    return "\n".join(lines) + "\n"


def _best(report: Report) -> list[str]:
    return sorted(report.gains["best_baseline"].unique())


def _table(rows: pl.DataFrame, keys: list[str], measures: Sequence[str]) -> list[str]:
    heads = keys + [_MEASURES.get(name, name) for name in measures]
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for row in rows.iter_rows(named=True):
        cells = [str(row[key]) for key in keys]
        cells += [_cell(name, row[name]) for name in measures]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _cell(name: str, value: float) -> str:
    if name == "n":
        return str(value)
    if name == "bias":
        return f"{value:+.1%}"
    return f"{value:.1%}" if name.startswith("coverage") else f"{value:.4f}"


def to_html(report: Report, title: str) -> str:
    """Draw the charts as one page that needs nothing else.

    Args:
        report: Of a backtest.
        title: Heading.

    Returns:
        HTML with the plot library inside.
    """
    levels = report.table["level"].unique(maintain_order=True).to_list()
    figure = make_subplots(
        rows=len(levels),
        cols=3,
        subplot_titles=[
            f"{level}: {what}"
            for level in levels
            for what in ("pinball loss over demand", "loss by origin", "share below each quantile")
        ],
    )
    best = set(_best(report))
    for place, level in enumerate(levels, start=1):
        of_level = pl.col("level") == level
        rows = report.table.filter(of_level).sort("pinball", descending=True)
        figure.add_bar(
            y=rows["method"].to_list(),
            x=rows["pinball"].to_list(),
            orientation="h",
            marker_color=[_colour(method) for method in rows["method"]],
            showlegend=False,
            row=place,
            col=1,
        )
        # Baselines share a colour; their lines tell them apart.
        dashes = dict(zip(sorted(best), cycle(_DASHES), strict=False))
        for method in (CHAMPION, MODEL, BLEND, *sorted(best)):
            of_method = of_level & (pl.col("method") == method)
            style = {
                "name": method,
                "legendgroup": method,
                "line_color": _colour(method),
                "line_dash": dashes.get(method, "solid"),
                "row": place,
            }
            points = report.by_origin.filter(of_method)
            figure.add_scatter(
                x=points["origin"].to_list(),
                y=points["pinball"].to_list(),
                showlegend=place == 1,
                col=2,
                **style,
            )
            points = report.reliability.filter(of_method)
            figure.add_scatter(
                x=points["quantile"].to_list(),
                y=points["share"].to_list(),
                showlegend=False,
                col=3,
                **style,
            )
        figure.add_scatter(
            x=[0, 1], y=[0, 1], line={"dash": "dot", "color": "black"}, mode="lines",
            showlegend=False, row=place, col=3,
        )  # fmt: skip
    figure.update_layout(title=title, height=360 * len(levels), template="plotly_white")
    page: str = figure.to_html(include_plotlyjs=True, full_html=True, div_id="backtest")
    return page


def _colour(method: str) -> str:
    return _COLOURS.get(method, _OTHERS)


def to_json(report: Report) -> dict[str, Any]:
    """Return the figures of the public contract."""
    return {
        "origins": list(report.origins),
        "table": report.table.to_dicts(),
        "classes": report.classes.to_dicts(),
        "gains": report.gains.to_dicts(),
        "champions": report.champions.to_dicts(),
        "importance": report.importance,
    }
