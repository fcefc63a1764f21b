"""Business reports of a lake: read from what was published, kept as a table and as pages.

Belongs here: which published rows reports are made from, for which stores and periods, and where
they are kept. Does not belong here: what they say (`smartshelf_dagster/reports`), any figure (dbt).
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fastjsonschema
import orjson
import polars as pl
import pyarrow as pa

from smartshelf_dagster.contracts.model import CONTRACTS_DIR
from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.reports.content import (
    EVERYWHERE,
    FIGURES,
    STOCK_FIGURES,
    Facts,
    Report,
    Scope,
    build_report,
)
from smartshelf_dagster.reports.page import render
from smartshelf_dagster.reports.periods import Period, ReportType, newest_period, period_with
from smartshelf_dagster.reports.words import narrative
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.serving import (
    Condition,
    Key,
    Selection,
    ServingFiles,
    ServingVersion,
    Summary,
)
from smartshelf_dagster.storage.warehouse import ServedTable

BUSINESS_REPORTS = "ops/business_reports"
_KPIS, _CALENDAR = "analytics/kpi_daily", "analytics/kpi_calendar"
MADE_FROM = (
    _KPIS, _CALENDAR, "analytics/daily_product_sales", "analytics/hourly_sales_trend",
    "analytics/sales_anomalies", "analytics/inventory_kpis", "analytics/current_inventory",
    "analytics/dim_product", "cleansed/shelf_batch_state", "cleansed/warehouse_batch_state",
    "ops/alerts", "ops/supplier_orders", "ops/supplier_cutoffs", "ref/stores",
)  # fmt: skip
_QUALITY = "dq/results"
_QUALITY_COLUMNS = ("check_name", "asset", "status", "run_ts")
_SCHEMA_FILE = CONTRACTS_DIR / "reports" / "business_report.v1.json"
# Lots that have to leave the shelf by tomorrow.
_EXPIRES_IN_DAYS = 1
_JSON_COLUMNS = (
    "kpis_json", "top_products_json", "falling_products_json", "top_stores_json",
    "inventory_health_json", "anomalies_json", "dq_json", "today_json",
)  # fmt: skip
SCHEMA = pa.schema(
    [
        ("report_date", pa.date32()),
        ("report_type", pa.string()),
        ("store_id", pa.string()),
        ("currency", pa.string()),
        ("period_start", pa.date32()),
        ("as_of_ts", UTC_MICROSECONDS),
        ("records", pa.int64()),
        *((name, pa.string()) for name in _JSON_COLUMNS),
        ("narrative", pa.string()),
        ("html_path", pa.string()),
        ("created_at", UTC_MICROSECONDS),
    ]
)


class NothingToReportError(SmartShelfError, RuntimeError):
    """What reports are made from was not published."""


class ReportRequestError(SmartShelfError, ValueError):
    """A report was asked for that there cannot be; the message says what was expected."""


@dataclass(frozen=True)
class Written:
    """A report that was written.

    Attributes:
        report: What it says.
        path: Its page.
    """

    report: Report
    path: Path

    def to_json(self) -> dict[str, Any]:
        """Return what the command line says of it."""
        return {
            "report_type": self.report.period.report_type.value,
            "report_date": self.report.period.last.isoformat(),
            "store_id": self.report.scope.store_id,
            "currency": self.report.scope.currency,
            "path": str(self.path),
        }


def write_reports(
    settings: Settings,
    report_type: ReportType = ReportType.DAILY,
    *,
    day: date | None = None,
    store_id: str | None = None,
    out: Path | None = None,
) -> list[Written]:
    """Make reports of what is published, and keep them; the same again replaces them.

    Args:
        settings: Which lake.
        report_type: Of what.
        day: A day in the period; the newest period that is over by default, store by store.
        store_id: Of one store, or `ALL`; of all stores and their totals by default.
        out: Write the pages there, and keep nothing.

    Returns:
        The reports, by store.

    Raises:
        NothingPublishedError: There is no serving file yet.
        NothingToReportError: No analytics were published.
        ReportRequestError: There is no such store, or the period is not over.
    """
    with _publication(settings) as opened:
        scopes = _scopes(opened, store_id)
        reports = list(_reports(opened, scopes, report_type, day))
    if not reports:
        raise ReportRequestError(
            f"{report_type}: nothing was sold in {store_id or 'any store'} up to "
            f"{day or 'yet'}; expected a day on or after the first sale"
        )
    return _keep(settings, reports, out)


def write_due_reports(settings: Settings) -> list[Written]:
    """Make the daily reports, and those of the week and month that are over and not made yet.

    A week or month that was over while nothing ran is made good; one whose store is behind the
    others in time, when it is over there.

    Args:
        settings: Which lake.

    Raises:
        NothingPublishedError: There is no serving file yet.
        NothingToReportError: No analytics were published.
    """
    made = _made(settings)
    with _publication(settings) as opened:
        scopes = _scopes(opened, None)
        reports = [
            report
            for report_type in ReportType
            for report in _reports(opened, scopes, report_type, None)
            if report_type is ReportType.DAILY or _key(report) not in made
        ]
    return _keep(settings, reports, None) if reports else []


@contextmanager
def _publication(settings: Settings) -> Iterator[ServingVersion]:
    files = ServingFiles(
        settings.serving_path, threads=settings.duckdb_threads, memory=settings.duckdb_memory
    )
    with closing(files):
        opened = files.open()
        if not {_KPIS, _CALENDAR} <= opened.tables.keys():
            raise NothingToReportError(
                f"{settings.lake}: no analytics were published, expected {_KPIS} and {_CALENDAR}; "
                "run `smartshelf analyse`"
            )
        yield opened


def _read(
    opened: ServingVersion, table: str, columns: Collection[str], *conditions: Condition
) -> pl.DataFrame:
    batches = list(opened.read(Selection(table, tuple(columns), conditions)))
    return pl.DataFrame(pl.from_arrow(pa.Table.from_batches(batches)))


def _scopes(opened: ServingVersion, store_id: str | None) -> dict[Scope, date]:
    """Return whom reports are for, each with its last business date that is over."""
    stores = _read(opened, "ref/stores", ["store_id", "store_name", "currency", "timezone"])
    known = [*stores["store_id"], EVERYWHERE]
    if store_id is not None and store_id not in known:
        raise ReportRequestError(f"store={store_id!r}: expected one of {', '.join(known)}")
    # Every day is there, up to the last one that is over.
    since = opened.as_of.date() - timedelta(days=3)
    recent = _read(
        opened, _KPIS, ["store_id", "currency", "date_key"], Condition("date_key", "ge", since)
    )
    ends = recent.group_by("store_id", "currency").agg(pl.max("date_key"))
    found: dict[Scope, date] = {}
    currencies = stores["currency"].n_unique()
    for store, currency, last in ends.sort("store_id", "currency").iter_rows():
        if store_id in {None, store}:
            found[_scope(stores, store, currency, several=currencies > 1)] = last
    return found


def _scope(stores: pl.DataFrame, store_id: str, currency: str, *, several: bool) -> Scope:
    members = stores.filter(pl.col("currency") == currency)
    if store_id != EVERYWHERE:
        own = members.filter(pl.col("store_id") == store_id).row(0, named=True)
        return Scope(store_id, own["store_name"], currency, own["timezone"])
    zones = members["timezone"].unique().to_list()
    name = f"All stores, {currency}" if several else "All stores"
    return Scope(EVERYWHERE, name, currency, zones[0] if len(zones) == 1 else "UTC")


def _reports(
    opened: ServingVersion,
    scopes: Mapping[Scope, date],
    report_type: ReportType,
    day: date | None,
) -> Iterator[Report]:
    by_period: dict[Period, list[Scope]] = {}
    for scope, last in scopes.items():
        newest = newest_period(report_type, last)
        period = period_with(report_type, day) if day else newest
        if period.last > last:
            raise ReportRequestError(
                f"date={day}: the {report_type.span} up to {period.last} is not over in "
                f"{scope.name}, expected {newest.last} or before"
            )
        by_period.setdefault(period, []).append(scope)
    for period, members in by_period.items():
        facts = _facts(opened, period)
        for scope in members:
            is_newest = period == newest_period(report_type, scopes[scope])
            report = build_report(facts, scope, period, opened.as_of, is_newest=is_newest)
            if report:
                yield report


def _facts(opened: ServingVersion, period: Period) -> Facts:
    """Read what reports of a period are made from."""
    before = period.before
    starts = (period.first, before.first)
    figures = ["store_id", "currency", *FIGURES]
    if period.report_type is ReportType.DAILY:
        told = _read(opened, _KPIS, ["date_key", *figures], Condition("date_key", "in", starts))
        kpis = told.rename({"date_key": "period_start"})
    else:
        kpis = _read(
            opened, _CALENDAR, ["period_start", *figures],
            Condition("period_type", "eq", period.report_type.span),
            Condition("period_start", "in", starts),
        )  # fmt: skip
    # A period that began before the first sale is not compared.
    whole = _read(
        opened, _KPIS, ["store_id", "currency"], Condition("date_key", "eq", before.first)
    )
    kpis = pl.concat(
        [
            kpis.filter(pl.col("period_start") == period.first),
            kpis.filter(pl.col("period_start") == before.first).join(
                whole, on=["store_id", "currency"], how="semi"
            ),
        ]
    )
    # A month, or a fortnight.
    days = Condition("date_key", "ge", min(period.first, period.last - timedelta(days=14)))
    store_columns = ["store_id", "store_name", "currency"]
    return Facts(
        kpis=kpis,
        days=_read(opened, _KPIS, ["store_id", "currency", "date_key", "net_sales"], days),
        hours=_hours(opened, period.last),
        products=_products(opened, period),
        products_before=_products(opened, before),
        names=_read(
            opened, "analytics/dim_product", ["item_id", "product_name"],
            Condition("is_current", "eq", value=True),
        ),
        stores=_read(opened, "ref/stores", store_columns),
        anomalies=_anomalies(opened, period),
        stock=_read(
            opened, "analytics/inventory_kpis", ["store_id", "currency", *STOCK_FIGURES],
            Condition("category", "eq", EVERYWHERE),
        ),
        missing=_read(
            opened, "analytics/current_inventory",
            ["store_id", "item_id", "wh_on_hand", "on_order", "avg_daily_units"],
            Condition("stock_status", "eq", "OUT"),
        ),
        alerts=_read(
            opened, "ops/alerts",
            ["store_id", "shelf_id", "alert_type", "location", "status", "opened_ts",
             "current_stock", "suggested_qty"],
            Condition("is_active", "eq", value=True),
        ),
        lots=pl.concat([_lots(opened, "shelf", "store"), _lots(opened, "warehouse", "warehouse")]),
        orders=_read(
            opened, "ops/supplier_orders",
            ["store_id", "order_id", "delivery_ts", "status", "open_qty"],
            Condition("status", "in", ("issued", "overdue")),
        ),
        cutoffs=_read(
            opened, "ops/supplier_cutoffs", ["store_id", "cutoff_ts", "delivery_ts"],
            Condition("status", "eq", "next"),
        ),
        quality=_quality(opened),
    )  # fmt: skip


def _hours(opened: ServingVersion, day: date) -> pl.DataFrame:
    """Return the hours of a day in any time zone."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return _read(
        opened, "analytics/hourly_sales_trend",
        ["store_id", "currency", "hour_start", "net_sales", "transactions"],
        Condition("hour_start", "ge", noon - timedelta(hours=36)),
        Condition("hour_start", "lt", noon + timedelta(hours=36)),
    )  # fmt: skip


def _products(opened: ServingVersion, period: Period) -> pl.DataFrame:
    keys = ("store_id", "item_id", "category", "currency")
    summary = Summary(
        "analytics/daily_product_sales",
        keys=tuple(Key(name, name) for name in keys),
        sums=("net_sales", "units_sold"),
        conditions=(
            Condition("date_key", "ge", period.first),
            Condition("date_key", "le", period.last),
        ),
    )
    return pl.DataFrame(pl.from_arrow(opened.summarise(summary)))


def _anomalies(opened: ServingVersion, period: Period) -> pl.DataFrame:
    return _read(
        opened, "analytics/sales_anomalies",
        ["scope_type", "scope_id", "currency", "metric", "bucket_start", "method", "direction",
         "severity", "value", "baseline", "score"],
        Condition("is_anomaly", "eq", value=True),
        Condition("grain", "eq", "hour"),
        Condition("date_key", "ge", period.first),
        Condition("date_key", "le", period.last),
    )  # fmt: skip


def _lots(opened: ServingVersion, location: str, place: str) -> pl.DataFrame:
    quantity = f"batch_quantity_{place}"
    rows = _read(
        opened, f"cleansed/{location}_batch_state",
        ["store_id", "shelf_id", "batch_code", "expiry_date", "days_to_expiry", quantity],
        Condition("days_to_expiry", "le", _EXPIRES_IN_DAYS),
        Condition(quantity, "gt", 0),
    )  # fmt: skip
    named = rows.rename({quantity: "quantity"}).with_columns(location=pl.lit(location))
    return named.cast({"quantity": pl.Int64})


def _quality(opened: ServingVersion) -> pl.DataFrame | None:
    """Return the newest results of data quality, where such a table is published."""
    table = opened.tables.get(_QUALITY)
    if table is None or not table.columns.keys() >= set(_QUALITY_COLUMNS):
        return None
    since = Condition("run_ts", "ge", opened.as_of - timedelta(days=1))
    rows = _read(opened, _QUALITY, _QUALITY_COLUMNS, since)
    return rows.filter(pl.col("run_ts") == pl.col("run_ts").max())


def _keep(settings: Settings, reports: Sequence[Report], out: Path | None) -> list[Written]:
    rows = [_row(report) for report in reports]
    pages = out or settings.local_root
    written = []
    for report, row in zip(reports, rows, strict=True):
        path = pages / (Path(row["html_path"]).name if out else row["html_path"])
        _write_page(path, render(report))
        written.append(Written(report, path))
    if out is None:
        _record(settings, rows)
    return written


def _write_page(path: Path, page: str) -> None:
    """Write a page; whoever reads the one before keeps it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(page, "utf-8")
    fresh.replace(path)


def page_path(report: Report) -> str:
    """Return where the page of a report lies, below the root of the lake."""
    store = quote(report.scope.store_id, safe="")
    whose = f"{store}-{report.scope.currency}" if report.scope.is_total else store
    kind = report.period.report_type.value.lower()
    day = report.period.last.isoformat()
    return f"reports/{kind}/{day}/{kind}_{day}_{whose}.html"


def _row(report: Report) -> dict[str, Any]:
    sections = {
        "kpis_json": report.kpis,
        "top_products_json": report.top_products,
        "falling_products_json": report.falling_products,
        "top_stores_json": report.top_stores,
        "inventory_health_json": report.stock,
        "anomalies_json": report.anomalies,
        "dq_json": report.quality,
        "today_json": report.today,
    }
    _check()(sections)
    return {
        "report_date": report.period.last,
        "report_type": report.period.report_type.value,
        "store_id": report.scope.store_id,
        "currency": report.scope.currency,
        "period_start": report.period.first,
        "as_of_ts": report.as_of,
        "records": report.figures["sale_lines"] + report.figures["return_lines"],
        **{
            name: None if section is None else orjson.dumps(section).decode()
            for name, section in sections.items()
        },
        "narrative": narrative(report),
        "html_path": page_path(report),
        "created_at": datetime.now(UTC),
    }


@cache
def _check() -> Any:
    """Return what raises when sections are not as their contract has them."""
    return fastjsonschema.compile(orjson.loads(_SCHEMA_FILE.read_bytes()))


def _record(settings: Settings, rows: Iterable[Mapping[str, Any]]) -> None:
    """Keep rows in place of those of the same reports."""
    uri = settings.table_uri(BUSINESS_REPORTS)
    delta.ensure_columns(uri, SCHEMA, name=BUSINESS_REPORTS)
    table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    periods = table.group_by(["report_type", "report_date"]).aggregate([]).to_pylist()
    for period in periods:
        own = pl.DataFrame(pl.from_arrow(table)).filter(
            pl.col("report_type") == period["report_type"],
            pl.col("report_date") == period["report_date"],
        )
        same = {
            "report_type": [period["report_type"]],
            "report_date": [period["report_date"].isoformat()],
            "store_id": sorted(set(own["store_id"])),
        }
        delta.replace_same(uri, own.to_arrow().cast(SCHEMA), same)


def _key(report: Report) -> tuple[date, str, str, str]:
    scope = report.scope
    return (report.period.last, report.period.report_type.value, scope.store_id, scope.currency)


def _made(settings: Settings) -> set[tuple[date, str, str, str]]:
    """Return which reports there are."""
    uri = settings.table_uri(BUSINESS_REPORTS)
    if not delta.table_exists(uri):
        return set()
    names = ("report_date", "report_type", "store_id", "currency")
    told = delta.read(uri, names)
    return {(r[names[0]], r[names[1]], r[names[2]], r[names[3]]) for r in told.to_pylist()}


def served_reports(settings: Settings) -> tuple[list[ServedTable], dict[str, pa.Table]]:
    """Return the table of reports as readers get it; nothing before the first report.

    Returns:
        Tables that are looked through to their files, and tables that are copied.
    """
    uri = settings.table_uri(BUSINESS_REPORTS)
    if not delta.table_exists(uri):
        return [], {}
    version = delta.open_table(uri).version()
    files = delta.data_files(uri, version) if settings.lake_is_local else None
    if files:
        return [ServedTable(BUSINESS_REPORTS, version, files)], {}
    return [], {BUSINESS_REPORTS: delta.read(uri, version=version)}
