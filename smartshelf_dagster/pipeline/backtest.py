"""Backtests of sales from files: reading them, and writing what came out.

Belongs here: files. Does not belong here: the protocol (`forecasting/backtest.py`), and what the
columns of a data set mean (`forecasting/datasets.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import polars as pl

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.backtest import Protocol, Report, backtest
from smartshelf_dagster.forecasting.datasets import ADAPTERS
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.panel import build_panel
from smartshelf_dagster.forecasting.report import to_html, to_json, to_markdown
from smartshelf_dagster.pipeline.replay import read_online_retail

_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, infer_schema_length=None, try_parse_dates=True),
}


class BacktestInputError(SmartShelfError, ValueError):
    """Sales cannot be read; the message names what was given and what was expected."""


@dataclass(frozen=True)
class Written:
    """Files of a backtest.

    Attributes:
        table: Markdown.
        charts: HTML, with the plot library inside.
        figures: JSON.
    """

    table: Path
    charts: Path
    figures: Path


def read_sales(dataset: str, path: Path | None) -> pl.DataFrame:
    """Read sales as a tidy frame.

    Args:
        dataset: One of `datasets.ADAPTERS`.
        path: Parquet or CSV.

    Returns:
        The columns of `datasets.COLUMNS` that are known.

    Raises:
        BacktestInputError: There is no such data set or file.
        DatasetError: A value is not what it should be.
    """
    if dataset not in ADAPTERS:
        raise BacktestInputError(f"data set {dataset!r}, expected {' or '.join(ADAPTERS)}")
    if path is None:
        raise BacktestInputError(f"data set {dataset!r} without FILE, expected its Parquet or CSV")
    if dataset == "online-retail":
        return ADAPTERS[dataset](read_online_retail(path))
    if path.suffix not in _READERS or not path.is_file():
        raise BacktestInputError(f"{path}: expected a Parquet or CSV file")
    try:
        rows = _READERS[path.suffix](path)
    except pl.exceptions.PolarsError as error:
        raise BacktestInputError(f"{path}: not readable as {path.suffix}: {error}") from error
    return ADAPTERS[dataset](rows)


def backtest_sales(
    sales: pl.DataFrame,
    protocol: Protocol | None = None,
    cutoffs: pl.DataFrame | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Backtest a tidy frame.

    Args:
        sales: The columns of `datasets.COLUMNS`.
        protocol: The rules.
        cutoffs: Supplier cutoffs; without, the usual calendar is laid over the dates.
        on_progress: Called with steps done, steps in all and what is done next.

    Returns:
        Tables.
    """
    panel = build_panel(recover(densify(sales)))
    return backtest(panel, protocol, cutoffs, on_progress)


def write_report(report: Report, title: str, folder: Path) -> Written:
    """Write table, charts and figures into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    written = Written(folder / "backtest.md", folder / "backtest.html", folder / "backtest.json")
    written.table.write_text(to_markdown(report, title), encoding="utf-8")
    written.charts.write_text(to_html(report, title), encoding="utf-8")
    written.figures.write_bytes(orjson.dumps(to_json(report), option=orjson.OPT_INDENT_2))
    return written
