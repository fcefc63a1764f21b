"""What a report says of rows, and in which words."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from smartshelf_dagster.reports.content import (
    FIGURES,
    STOCK_FIGURES,
    Facts,
    Report,
    Scope,
    build_report,
)
from smartshelf_dagster.reports.page import render
from smartshelf_dagster.reports.periods import ReportType, period_with
from smartshelf_dagster.reports.words import narrative

DAY = date(2026, 1, 8)
AS_OF = datetime(2026, 1, 9, 5, tzinfo=UTC)
HELSINKI = Scope("S1", "Töölö", "EUR", "Europe/Helsinki")
TOTAL = Scope("ALL", "All stores", "EUR", "UTC")
PERIOD = period_with(ReportType.DAILY, DAY)
MONEY = pl.Decimal(18, 2)
WHEN = pl.Datetime("us", "UTC")

SCHEMAS: dict[str, dict[str, Any]] = {
    "kpis": {
        "period_start": pl.Date, "store_id": pl.String, "currency": pl.String,
        **{
            name: MONEY if name.endswith(("sales", "revenue", "value", "profit")) else
            pl.Float64 if name in {"atv", "upt"} or name.endswith("_pct") else pl.Int64
            for name in FIGURES
        },
    },
    "days": {"store_id": pl.String, "currency": pl.String, "date_key": pl.Date, "net_sales": MONEY},
    "hours": {
        "store_id": pl.String, "currency": pl.String, "hour_start": WHEN, "net_sales": MONEY,
        "transactions": pl.Int64,
    },
    "products": {
        "store_id": pl.String, "item_id": pl.String, "category": pl.String, "currency": pl.String,
        "net_sales": MONEY, "units_sold": pl.Int64,
    },
    "names": {"item_id": pl.String, "product_name": pl.String},
    "stores": {"store_id": pl.String, "store_name": pl.String, "currency": pl.String},
    "anomalies": {
        "scope_type": pl.String, "scope_id": pl.String, "currency": pl.String,
        "metric": pl.String, "bucket_start": WHEN, "method": pl.String, "direction": pl.String,
        "severity": pl.String, "value": MONEY, "baseline": pl.Float64, "score": pl.Float64,
    },
    "stock": {
        "store_id": pl.String, "currency": pl.String,
        **{
            name: MONEY if name.endswith("value") else
            pl.Float64 if name.endswith("_pct") else pl.Int64
            for name in STOCK_FIGURES
        },
    },
    "missing": {
        "store_id": pl.String, "item_id": pl.String, "wh_on_hand": pl.Int64,
        "on_order": pl.Int64, "avg_daily_units": pl.Float64,
    },
    "alerts": {
        "store_id": pl.String, "shelf_id": pl.String, "alert_type": pl.String,
        "location": pl.String, "status": pl.String, "opened_ts": WHEN, "current_stock": pl.Int64,
        "suggested_qty": pl.Int64,
    },
    "lots": {
        "store_id": pl.String, "shelf_id": pl.String, "batch_code": pl.String,
        "expiry_date": pl.Date, "days_to_expiry": pl.Int32, "quantity": pl.Int64,
        "location": pl.String,
    },
    "orders": {
        "store_id": pl.String, "order_id": pl.String, "delivery_ts": WHEN, "status": pl.String,
        "open_qty": pl.Int64,
    },
    "cutoffs": {"store_id": pl.String, "cutoff_ts": WHEN, "delivery_ts": WHEN},
}  # fmt: skip


def frame(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMAS[name])


def kpis(day: date, store: str, net: str, **more: Any) -> dict[str, Any]:
    numbers: dict[str, Any] = dict.fromkeys(FIGURES, 0)
    money = [name for name, kind in SCHEMAS["kpis"].items() if kind == MONEY]
    numbers |= dict.fromkeys(money, Decimal(0)) | {"net_sales": Decimal(net)}
    ratios = {"atv": 20.0, "upt": 2.0, "margin_pct": 30.0, "return_rate_value_pct": 0.0}
    return {
        "period_start": day, "store_id": store, "currency": "EUR", **numbers, **ratios,
        "transactions": 5, **more,
    }  # fmt: skip


@pytest.fixture
def facts() -> Facts:
    """Two stores, of which one sold 110 after 100 a week before."""
    empty = {name: frame(name, []) for name in SCHEMAS}
    sold = [
        kpis(DAY, "S1", "110.00"), kpis(DAY - timedelta(days=7), "S1", "100.00"),
        kpis(DAY, "S2", "90.00"), kpis(DAY, "ALL", "200.00"),
    ]  # fmt: skip
    stores = [
        {"store_id": "S1", "store_name": "Töölö", "currency": "EUR"},
        {"store_id": "S2", "store_name": "Kallio", "currency": "EUR"},
    ]
    return Facts(
        **empty | {"kpis": frame("kpis", sold), "stores": frame("stores", stores)},
        products_before=frame("products", []),
        quality=None,
    )


def built(facts: Facts, scope: Scope = HELSINKI, *, is_newest: bool = True) -> Report:
    report = build_report(facts, scope, PERIOD, AS_OF, is_newest=is_newest)
    assert report is not None
    return report


def test_a_change_is_told_in_words(facts: Facts) -> None:
    words = narrative(built(facts))
    assert words.startswith(
        "Thursday 8 January 2026: net sales 110 EUR, 10.0 % more than the same weekday a week before."
    )
    assert "there is nothing to compare with" in narrative(built(facts, TOTAL))


def test_the_same_rows_in_any_order_give_the_same_page(facts: Facts) -> None:
    alerts = [
        {
            "store_id": "S1", "shelf_id": f"I{n}", "alert_type": "refill_request",
            "location": "shelf", "status": "open", "opened_ts": AS_OF, "current_stock": n % 3,
            "suggested_qty": n % 2,
        }
        for n in range(20)
    ]  # fmt: skip
    pages = {
        render(built(replace(facts, alerts=frame("alerts", rows))))
        for rows in (alerts, alerts[::-1])
    }
    assert len(pages) == 1


def test_hours_are_those_of_the_store(facts: Facts) -> None:
    """In Helsinki the day begins at ten in the evening, UTC."""
    hours = [
        {
            "store_id": "S1", "currency": "EUR", "net_sales": Decimal("1.00"), "transactions": 1,
            "hour_start": datetime(2026, 1, 7, 21, tzinfo=UTC) + timedelta(hours=n),
        }
        for n in range(27)
    ]  # fmt: skip
    report = built(replace(facts, hours=frame("hours", hours)))
    assert [hour["hour"] for hour in report.kpis["hours"]] == list(range(24))
    assert {hour["transactions"] for hour in report.kpis["hours"]} == {1}


def test_what_expires_is_told_oldest_first_and_only_of_the_store(facts: Facts) -> None:
    lots = [
        {
            "store_id": store, "shelf_id": "I1", "batch_code": f"B{days}", "quantity": 10 + days,
            "expiry_date": AS_OF.date() + timedelta(days=days), "days_to_expiry": days,
            "location": "shelf",
        }
        for days in (1, -2, 0)
        for store in ("S1", "S2")
    ]  # fmt: skip
    told = built(replace(facts, lots=frame("lots", lots))).today["expiring"]
    pieces = {name: told[f"pieces_{name}"] for name in ("expired", "today", "tomorrow")}
    assert pieces == {"expired": 8, "today": 10, "tomorrow": 11}
    assert [lot["batch_code"] for lot in told["first"]] == ["B-2", "B0", "B1"]
    total = built(replace(facts, lots=frame("lots", lots)), TOTAL).today["expiring"]
    assert (total["lots"], total["pieces_today"]) == (6, 20)


def test_deliveries_are_those_of_today_and_the_overdue(facts: Facts) -> None:
    def order(name: str, moment: datetime, status: str) -> dict[str, Any]:
        return {
            "store_id": "S1", "order_id": name, "delivery_ts": moment, "status": status,
            "open_qty": 10,
        }  # fmt: skip

    # Half past ten in the evening is tomorrow in Helsinki.
    orders = [
        order("today", AS_OF + timedelta(hours=3), "issued"),
        order("also today", AS_OF + timedelta(hours=3), "issued"),
        order("tomorrow", datetime(2026, 1, 9, 22, 30, tzinfo=UTC), "issued"),
        order("overdue", AS_OF - timedelta(days=3), "overdue"),
    ]
    told = built(replace(facts, orders=frame("orders", orders))).today["deliveries"]
    assert (told["orders"], told["pieces"], told["overdue"]) == (3, 30, 1)
    assert [(due["status"], due["orders"]) for due in told["due"]] == [
        ("overdue", 1),
        ("issued", 2),
    ]
    assert told["due"][1]["delivery_ts"] == "2026-01-09T10:00:00+02:00"


def test_alerts_for_which_something_can_be_brought_come_first(facts: Facts) -> None:
    def alert(shelf: str, stock: int, suggested: int | None) -> dict[str, Any]:
        return {
            "store_id": "S1", "shelf_id": shelf, "alert_type": "refill_request",
            "location": "shelf", "status": "open", "opened_ts": AS_OF, "current_stock": stock,
            "suggested_qty": suggested,
        }  # fmt: skip

    alerts = [
        alert("nothing", 0, 0),
        alert("some", 2, 5),
        alert("none", 0, None),
        alert("no", 1, 5),
    ]
    told = built(replace(facts, alerts=frame("alerts", alerts))).today["alerts"]
    assert [row["shelf_id"] for row in told["first"]] == ["no", "some", "none", "nothing"]
    assert (told["open"], told["by_type"]) == (4, {"refill_request": 4})


def test_an_unusual_hour_counts_once_whatever_finds_it(facts: Facts) -> None:
    found = [
        {
            "scope_type": "store", "scope_id": "S1", "currency": "EUR", "metric": metric,
            "bucket_start": AS_OF - timedelta(hours=12), "method": method, "direction": "high",
            "severity": "LOW", "value": Decimal("9.00"), "baseline": 2.0, "score": score,
        }
        for metric, method, score in (
            ("net_sales", "trailing_z", 3.0), ("net_sales", "seasonal_mad", 9.0),
            ("transactions", "trailing_z", 4.0),
        )
    ]  # fmt: skip
    told = built(replace(facts, anomalies=frame("anomalies", found))).anomalies
    assert (told["hours"], told["high"], told["low"]) == (1, 1, 0)
    (shown,) = told["most_unusual"]
    assert (shown["method"], shown["hour_start"]) == ("seasonal_mad", "2026-01-08T19:00:00+02:00")


def test_results_of_data_quality_stand_in_the_report_of_all(facts: Facts) -> None:
    rows = [
        {"check_name": name, "asset": "a", "status": status, "run_ts": AS_OF}
        for name, status in (("one", "pass"), ("two", "fail"), ("three", "warn"), ("four", "pass"))
    ]
    checked = replace(facts, quality=pl.DataFrame(rows))
    told = built(checked, TOTAL).quality
    assert (told["checks"], told["by_status"]) == (4, {"fail": 1, "pass": 2, "warn": 1})
    assert [row["check_name"] for row in told["findings"]] == ["two", "three"]
    assert "two on a: fail" in render(built(checked, TOTAL))
    assert built(checked).quality is None


def test_a_scope_that_sold_nothing_has_no_report(facts: Facts) -> None:
    other = replace(HELSINKI, store_id="S9")
    assert build_report(facts, other, PERIOD, AS_OF, is_newest=True) is None


def test_money_of_another_currency_stands_in_a_report_of_its_own(facts: Facts) -> None:
    abroad = [kpis(DAY, store, "999.00", currency="SEK") for store in ("S3", "ALL")]
    stores = {"store_id": "S3", "store_name": "Umeå", "currency": "SEK"}
    sold = {"item_id": "I1", "category": "A", "net_sales": Decimal("7.00"), "units_sold": 1}
    products = [
        {**sold, "store_id": "S1", "currency": "EUR"}, {**sold, "store_id": "S3", "currency": "SEK"},
    ]  # fmt: skip
    both = replace(
        facts,
        kpis=pl.concat([facts.kpis, frame("kpis", abroad)]),
        stores=pl.concat([facts.stores, frame("stores", [stores])]),
        products=frame("products", products),
    )
    told = built(both, TOTAL)
    assert [store["store_id"] for store in told.top_stores] == ["S1", "S2"]
    assert [product["units_sold"] for product in told.top_products] == [1]
    other = built(both, replace(TOTAL, currency="SEK"))
    assert [store["store_name"] for store in other.top_stores] == ["Umeå"]


def test_stores_stand_in_the_report_of_all_only(facts: Facts) -> None:
    assert built(facts).top_stores == []
    told = built(facts, TOTAL).top_stores
    assert [(s["rank"], s["store_name"], s["net_sales_before"]) for s in told] == [
        (1, "Töölö", "100.00"), (2, "Kallio", None),
    ]  # fmt: skip
