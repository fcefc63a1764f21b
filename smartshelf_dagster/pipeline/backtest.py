"""Backtests of sales from files and lakes: reading them, and writing what came out.

Belongs here: files and lakes. Does not belong here: the protocol (`forecasting/backtest.py`), and
what the columns of a data set mean (`forecasting/datasets.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import orjson
import polars as pl

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.backtest import Protocol, Report, backtest
from smartshelf_dagster.forecasting.calendar import ALWAYS_OPEN
from smartshelf_dagster.forecasting.datasets import ADAPTERS
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.panel import build_panel
from smartshelf_dagster.forecasting.report import to_html, to_json, to_markdown
from smartshelf_dagster.pipeline.demand import build_demand, lake_cutoffs, read_demand, whole_days
from smartshelf_dagster.pipeline.replay import read_online_retail
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.transform.runner import TICK, Transformer, warehouse_lock

# The data set that is the lake's own demand.
SIMULATED = "simulated"
_READERS: dict[str, Callable[[Path], pl.DataFrame]] = {
    ".parquet": pl.read_parquet,
    ".csv": lambda path: pl.read_csv(path, infer_schema_length=None, try_parse_dates=True),
}


DATASETS = (*ADAPTERS, SIMULATED)


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
    if dataset == SIMULATED:
        raise BacktestInputError(f"{path}: a file for {dataset!r}, expected a lake alone (--lake)")
    if dataset not in ADAPTERS:
        raise BacktestInputError(f"data set {dataset!r}, expected {' or '.join(DATASETS)}")
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


def read_lake(settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Read the demand of a lake, up to the time it was built for last.

    Args:
        settings: Which lake; its demand history is brought up to date.

    Returns:
        The tidy frame of all days that are over, and the cutoffs of its supplier calendar, as from
        `calendar.protection_intervals`.

    Raises:
        BacktestInputError: Nothing has been built in the lake, or no day is over.
        DemandHistoryError: No store is trading.
        WarehouseBusyError: Another process is writing to the lake.
    """
    filled = "expected a lake that `smartshelf history` or `smartshelf run` has filled"
    if not settings.warehouse_path.exists():
        raise BacktestInputError(f"{settings.lake}: holds no sales, {filled}")
    with warehouse_lock(settings):
        transformer = Transformer(settings)
        with transformer.reading() as reader:
            build = reader.last_build()
        if build is None:
            raise BacktestInputError(f"{settings.lake}: nothing is built, {filled}")
        transformer.prepare(build.as_of)
        if not build.complete:
            transformer.build_once(TICK, build.as_of)
        build_demand(transformer, build.as_of)
        with transformer.reading() as reader:
            sales = whole_days(read_demand(reader, build.as_of, ahead_days=0))
            if sales.is_empty():
                raise BacktestInputError(
                    f"{settings.lake}: no day is over, {filled} with months of sales"
                )
            # min and max of a frame with rows are dates.
            cutoffs = lake_cutoffs(reader, sales["ds"].min(), sales["ds"].max())  # type: ignore[arg-type]
    return sales, cutoffs


def backtest_lake(
    settings: Settings,
    protocol: Protocol | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> Report:
    """Backtest the demand of a lake at its own cutoffs; its stores never close.

    Args:
        settings: Which lake.
        protocol: The rules; opening hours are the lake's.
        on_progress: As of `backtest_sales`.

    Returns:
        Tables.

    Raises:
        BacktestInputError: As of `read_lake`.
        BacktestError: The lake's history is too short.
    """
    sales, cutoffs = read_lake(settings)
    rules = replace(protocol or Protocol(), trading=ALWAYS_OPEN)
    return backtest_sales(sales, rules, cutoffs, on_progress)


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
