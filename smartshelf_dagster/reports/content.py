"""What a report says, chosen from tables that were published.

Belongs here: which rows of a scope stand in its report, in which order, how many. Does not belong
here: figures (dbt), reading them (`pipeline/business_reports.py`), sentences (`words.py`), looks
(`page.py`).

Sections are plain values as JSON has them; money is text with two decimals, as in the API.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from smartshelf_dagster.reports.periods import Period, ReportType

EVERYWHERE = "ALL"
TOP_PRODUCTS, TOP_STORES = 10, 5
# Days of the curve of a daily or weekly report, those of the period included.
_CURVE_DAYS = 14
_LISTED = 8
_UNUSUAL = 5
_FALLING = 5

FIGURES = (
    "net_sales", "sales_revenue", "returns_value", "discount_value", "gross_profit", "transactions",
    "customers", "units_sold", "units_returned", "sale_lines", "return_lines",
    "atv", "upt", "margin_pct", "return_rate_value_pct", "discount_rate_pct",
)  # fmt: skip
STOCK_FIGURES = (
    "items_total", "out_of_stock_items", "critical_items", "low_stock_items", "normal_items",
    "overstock_items", "out_of_stock_rate_pct", "low_stock_rate_pct", "in_stock_rate_pct",
    "total_stock", "total_wh_stock", "stock_value", "wh_stock_value",
)  # fmt: skip


@dataclass(frozen=True)
class Scope:
    """Whom a report is for.

    Attributes:
        store_id: A store, or `ALL` for those of a currency together.
        name: What people call it.
        currency: ISO 4217.
        timezone: In which times are told.
    """

    store_id: str
    name: str
    currency: str
    timezone: str

    @property
    def is_total(self) -> bool:
        """Whether it is more than one store."""
        return self.store_id == EVERYWHERE


@dataclass(frozen=True)
class Facts:
    """Published rows that reports of a period are made from, those of all stores.

    Attributes:
        kpis: The period, and the one before of those who sold from its beginning on, by store or
            `ALL`, and currency: `period_start` and `FIGURES`.
        days: Days up to the end of the period, by store or `ALL`, and currency: date_key,
            net_sales.
        hours: Hours of the last day in any time zone: store_id, currency, hour_start, net_sales,
            transactions.
        products: store_id, item_id, category, currency, net_sales, units_sold of the period.
        products_before: The same of the period before.
        names: item_id, product_name.
        stores: store_id, store_name, currency.
        anomalies: Unusual hours of the period, one row per metric and method.
        stock: Of now: `STOCK_FIGURES` by store or `ALL`, and currency.
        missing: Items that are out of stock now: store_id, item_id, wh_on_hand, on_order,
            avg_daily_units.
        alerts: Those that are active: store_id, shelf_id, alert_type, location, status, opened_ts,
            current_stock, suggested_qty.
        lots: What expires: store_id, shelf_id, location, batch_code, expiry_date, days_to_expiry,
            quantity.
        orders: What is still to come: store_id, order_id, delivery_ts, status, open_qty.
        cutoffs: The next cutoff of each store: store_id, cutoff_ts, delivery_ts.
        quality: Newest results of data quality; `None` while there is no such table.
    """

    kpis: pl.DataFrame
    days: pl.DataFrame
    hours: pl.DataFrame
    products: pl.DataFrame
    products_before: pl.DataFrame
    names: pl.DataFrame
    stores: pl.DataFrame
    anomalies: pl.DataFrame
    stock: pl.DataFrame
    missing: pl.DataFrame
    alerts: pl.DataFrame
    lots: pl.DataFrame
    orders: pl.DataFrame
    cutoffs: pl.DataFrame
    quality: pl.DataFrame | None


@dataclass(frozen=True)
class Report:
    """What one report says.

    Attributes:
        period: About what.
        scope: For whom.
        as_of: The time of the publication it was made from; UTC.
        kpis: Figures, those before, the curve of days, the hours of a day.
        top_products: By net sales.
        falling_products: Those that lost most net sales against the period before.
        top_stores: By net sales; none in the report of a store.
        stock: Figures of stock now; `None` where stock is not kept, or the report is of long ago.
        anomalies: How many hours were unusual, and the most unusual.
        quality: Counts of the newest checks of the data; `None` where there are none.
        today: What is to be done; `None` in a report that is not of the last day.
    """

    period: Period
    scope: Scope
    as_of: datetime
    kpis: dict[str, Any]
    top_products: list[dict[str, Any]]
    falling_products: list[dict[str, Any]]
    top_stores: list[dict[str, Any]]
    stock: dict[str, Any] | None
    anomalies: dict[str, Any]
    quality: dict[str, Any] | None
    today: dict[str, Any] | None

    @property
    def figures(self) -> dict[str, Any]:
        """Figures of the period."""
        figures: dict[str, Any] = self.kpis["figures"]
        return figures

    @property
    def before(self) -> dict[str, Any]:
        """Figures of the period before; none before the first sale."""
        return self.kpis["before"] or {}

    def change_pct(self, name: str) -> float | None:
        """Return by how much a figure has changed since the period before, in percent."""
        return change_pct(self.figures[name], self.before.get(name))


def change_pct(now: Any, before: Any) -> float | None:
    """Return a change in percent; `None` where there was nothing before.

    >>> change_pct("110.00", "100.00")
    10.0
    """
    if now is None or before is None or float(before) == 0:
        return None
    return 100 * (float(now) - float(before)) / float(before)


def build_report(
    facts: Facts, scope: Scope, period: Period, as_of: datetime, *, is_newest: bool
) -> Report | None:
    """Choose what a report says.

    Args:
        facts: Rows of all stores.
        scope: For whom.
        period: About what.
        as_of: The time of the publication; UTC.
        is_newest: Whether nothing newer of its type is over, so that stock as it is now, and what
            is to be done, belong to it.

    Returns:
        The report; `None` when the scope sold nothing up to the end of the period.
    """
    kpis = facts.kpis.filter(_of(scope))
    figures = _figures(kpis, period.first)
    if figures is None:
        return None
    is_daily = period.report_type is ReportType.DAILY
    before = _figures(kpis, period.before.first)
    products = _products(facts, scope, is_comparable=before is not None)
    return Report(
        period=period,
        scope=scope,
        as_of=as_of,
        kpis={
            "currency": scope.currency,
            "first_date": period.first.isoformat(),
            "last_date": period.last.isoformat(),
            "figures": figures,
            "before": before,
            "days": _curve(facts.days.filter(_of(scope)), period),
            "hours": _hours(facts.hours.filter(_of(scope)), scope, period) if is_daily else [],
        },
        top_products=_ranked(
            products.filter(pl.col("net_sales") > 0), ["net_sales"], TOP_PRODUCTS, descending=True
        ),
        falling_products=_ranked(products.filter(pl.col("change") < 0), ["change"], _FALLING),
        top_stores=_stores(facts, scope, period) if scope.is_total else [],
        stock=_stock(facts.stock.filter(_of(scope))) if is_newest else None,
        anomalies=_anomalies(facts.anomalies, scope),
        quality=_quality(facts.quality, scope),
        today=_today(facts, scope, as_of) if is_newest and is_daily else None,
    )


def _of(scope: Scope) -> pl.Expr:
    return (pl.col("store_id") == scope.store_id) & (pl.col("currency") == scope.currency)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Decimal):
        return format(value, ".2f")
    return value.isoformat() if isinstance(value, date) else value


def _rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{k: _plain(v) for k, v in row.items()} for row in frame.iter_rows(named=True)]


def _figures(kpis: pl.DataFrame, first: date) -> dict[str, Any] | None:
    found = _rows(kpis.filter(pl.col("period_start") == first).select(FIGURES))
    return found[0] if found else None


def _curve(days: pl.DataFrame, period: Period) -> list[dict[str, Any]]:
    first = min(period.first, period.last - timedelta(days=_CURVE_DAYS - 1))
    shown = days.filter(pl.col("date_key").is_between(first, period.last)).sort("date_key")
    return _rows(shown.select("date_key", "net_sales"))


def _hours(hours: pl.DataFrame, scope: Scope, period: Period) -> list[dict[str, Any]]:
    local = pl.col("hour_start").dt.convert_time_zone(scope.timezone)
    of_day = hours.filter(local.dt.date() == period.last)
    # Where a clock is put back, an hour of the day comes twice.
    told = (
        of_day.group_by(hour=local.dt.hour().cast(pl.Int32))
        .agg(pl.sum("net_sales", "transactions"))
        .sort("hour")
    )
    return _rows(told)


def _products(facts: Facts, scope: Scope, *, is_comparable: bool) -> pl.DataFrame:
    """Return what each item sold, and what it did before, in a scope."""

    def summed(rows: pl.DataFrame) -> pl.DataFrame:
        own = rows.filter(pl.col("currency") == scope.currency)
        if not scope.is_total:
            own = own.filter(pl.col("store_id") == scope.store_id)
        return own.group_by("item_id", "category").agg(pl.sum("net_sales", "units_sold"))

    told = facts.products_before if is_comparable else facts.products_before.clear()
    before = summed(told).select("item_id", "category", net_sales_before="net_sales")
    # What is no longer on sale has lost all it sold.
    both = summed(facts.products).join(
        before, on=["item_id", "category"], how="full", coalesce=True
    )
    return (
        both.with_columns(pl.col("net_sales", "units_sold").fill_null(0))
        .join(facts.names, on="item_id", how="left")
        .with_columns(
            pl.col("product_name").fill_null(pl.col("item_id")),
            change=pl.col("net_sales") - pl.col("net_sales_before"),
        )
    )


def _ranked(
    rows: pl.DataFrame, by: Sequence[str], count: int, *, descending: bool = False
) -> list[dict[str, Any]]:
    first = rows.sort([*by, "item_id"], descending=[descending] * len(by) + [False]).head(count)
    shown = first.select(
        "item_id", "product_name", "category", "units_sold", "net_sales", "net_sales_before"
    )
    return [{"rank": rank, **row} for rank, row in enumerate(_rows(shown), start=1)]


def _stores(facts: Facts, scope: Scope, period: Period) -> list[dict[str, Any]]:
    of_stores = facts.kpis.filter(
        pl.col("store_id") != EVERYWHERE, pl.col("currency") == scope.currency
    )
    before = of_stores.filter(pl.col("period_start") == period.before.first)
    shown = (
        of_stores.filter(pl.col("period_start") == period.first)
        .join(facts.stores, on="store_id", how="left")
        .join(before.select("store_id", net_sales_before="net_sales"), on="store_id", how="left")
        .sort("net_sales", "store_id", descending=[True, False])
        .head(TOP_STORES)
        .select("store_id", "store_name", "net_sales", "net_sales_before", "transactions", "atv")
    )
    return [{"rank": rank, **row} for rank, row in enumerate(_rows(shown), start=1)]


def _stock(stock: pl.DataFrame) -> dict[str, Any] | None:
    found = _rows(stock.select(STOCK_FIGURES))
    return found[0] if found else None


def _anomalies(anomalies: pl.DataFrame, scope: Scope) -> dict[str, Any]:
    own = anomalies.filter(
        pl.col("scope_type") == ("all" if scope.is_total else "store"),
        pl.col("scope_id") == scope.store_id,
        pl.col("currency") == scope.currency,
    )
    shown = (
        own.with_columns(
            hour_start=pl.col("bucket_start").dt.convert_time_zone(scope.timezone),
            size=pl.col("score").abs(),
        )
        .sort("size", "bucket_start", "metric", "method", descending=[True, False, False, False])
        .unique(["bucket_start", "direction"], keep="first", maintain_order=True)
        .head(_UNUSUAL)
        .select(
            "hour_start", "metric", "method", "direction", "severity", "value", "baseline", "score"
        )
    )
    return {
        "hours": own["bucket_start"].n_unique(),
        "high": own.filter(pl.col("direction") == "high")["bucket_start"].n_unique(),
        "low": own.filter(pl.col("direction") == "low")["bucket_start"].n_unique(),
        "most_unusual": _rows(shown),
    }


def _quality(quality: pl.DataFrame | None, scope: Scope) -> dict[str, Any] | None:
    # Checks say of all stores, not of one.
    if quality is None or quality.is_empty() or not scope.is_total:
        return None
    counted: Mapping[str, int] = dict(quality["status"].value_counts().iter_rows())
    found = quality.filter(pl.col("status").is_in(["warn", "fail"])).sort(
        "status", "check_name", "asset"
    )
    return {
        "checks": quality.height,
        "by_status": {name: counted[name] for name in sorted(counted)},
        "findings": _rows(
            found.select("check_name", "asset", "status").unique(maintain_order=True)
        ),
    }


def _today(facts: Facts, scope: Scope, as_of: datetime) -> dict[str, Any]:
    """Return what is to be done on the day that runs."""
    named = facts.names.rename({"item_id": "shelf_id"})

    def own(rows: pl.DataFrame) -> pl.DataFrame:
        members = facts.stores.filter(pl.col("currency") == scope.currency)
        found = rows.join(members.select("store_id", "store_name"), on="store_id", how="inner")
        return found if scope.is_total else found.filter(pl.col("store_id") == scope.store_id)

    def told(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.join(named, on="shelf_id", how="left").with_columns(
            pl.col("product_name").fill_null(pl.col("shelf_id"))
        )

    today = as_of.astimezone(ZoneInfo(scope.timezone)).date()
    # First those for which something can be brought.
    alerts = own(facts.alerts).sort(
        pl.col("suggested_qty").fill_null(0) <= 0,
        "current_stock",
        "opened_ts",
        "store_id",
        "shelf_id",
        "alert_type",
    )
    missing = own(facts.missing).sort(
        "avg_daily_units", "store_id", "item_id", descending=[True, False, False], nulls_last=True
    )
    lots = own(facts.lots).sort(
        "days_to_expiry", "quantity", "store_id", "shelf_id", "batch_code",
        descending=[False, True, False, False, False],
    )  # fmt: skip
    local = pl.col("delivery_ts").dt.convert_time_zone(scope.timezone)
    due = own(facts.orders).filter((local.dt.date() <= today) | (pl.col("status") == "overdue"))
    deliveries = (
        due.group_by("store_id", "store_name", "delivery_ts", "status")
        .agg(orders=pl.len().cast(pl.Int64), pieces=pl.sum("open_qty"))
        .sort("delivery_ts", "store_id", "status")
        .with_columns(local)
    )
    cutoffs = own(facts.cutoffs).sort("cutoff_ts", "store_id").head(1)
    return {
        "date": today.isoformat(),
        "alerts": {
            "open": alerts.height,
            "by_type": _counts(alerts, "alert_type"),
            "first": _rows(
                told(alerts.head(_LISTED)).select(
                    "store_id", "store_name", "shelf_id", "product_name", "alert_type", "location",
                    "current_stock", "suggested_qty",
                )
            ),
        },
        "out_of_stock": {
            "items": missing.height,
            "in_warehouse": missing.filter(pl.col("wh_on_hand") > 0).height,
            "first": _rows(
                told(missing.head(_LISTED).rename({"item_id": "shelf_id"})).select(
                    "store_id", "store_name", "shelf_id", "product_name", "wh_on_hand", "on_order",
                    "avg_daily_units",
                )
            ),
        },
        "expiring": {
            "lots": lots.height,
            "pieces_expired": _pieces(lots, pl.col("days_to_expiry") < 0),
            "pieces_today": _pieces(lots, pl.col("days_to_expiry") == 0),
            "pieces_tomorrow": _pieces(lots, pl.col("days_to_expiry") == 1),
            "first": _rows(
                told(lots.head(_LISTED)).select(
                    "store_id", "store_name", "shelf_id", "product_name", "location", "batch_code",
                    "expiry_date", "days_to_expiry", "quantity",
                )
            ),
        },
        "deliveries": {
            "orders": int(deliveries["orders"].sum()),
            "pieces": int(deliveries["pieces"].sum()),
            "overdue": int(deliveries.filter(pl.col("status") == "overdue")["orders"].sum()),
            "due": _rows(deliveries),
        },
        "next_cutoff": next(
            iter(_rows(cutoffs.select(pl.col("cutoff_ts").dt.convert_time_zone(scope.timezone)))),
            {"cutoff_ts": None},
        )["cutoff_ts"],
    }  # fmt: skip


def _counts(rows: pl.DataFrame, column: str) -> dict[str, int]:
    return dict(sorted(rows[column].value_counts().iter_rows()))


def _pieces(lots: pl.DataFrame, condition: pl.Expr) -> int:
    return int(lots.filter(condition)["quantity"].sum())
