"""What small serving files say of the past and of this minute: for tests of overview and history.

Columns are those that pages read; rows are made up so that every figure can be reckoned by hand.
"""

from datetime import date, datetime, timedelta
from typing import Any

from serving_files import AS_OF, LATER, Rows, ago

TABLES: dict[str, str] = {
    **{
        name: LATER[name]
        for name in (
            *("analytics.daily_product_sales", "analytics.dim_product"),
            *("analytics.sales_anomalies", "analytics.versions"),
        )
    },
    "analytics.customer_clv": """
        scope VARCHAR, currency VARCHAR, customer_id VARCHAR, clv_12m DECIMAL(18,2)""",
    "analytics.daily_sales_summary": """
        date_key DATE, store_id VARCHAR, category VARCHAR, currency VARCHAR,
        net_sales DECIMAL(18,2), gross_profit DECIMAL(18,2), units_sold BIGINT""",
    "analytics.kpi_comparison": """
        period VARCHAR, store_id VARCHAR, currency VARCHAR, kpi VARCHAR, kpi_no INTEGER,
        unit VARCHAR, is_more_better BOOLEAN, value DOUBLE, prev_value DOUBLE, change DOUBLE""",
    "analytics.kpi_daily": """
        date_key DATE, store_id VARCHAR, currency VARCHAR, net_sales DECIMAL(18,2),
        gross_profit DECIMAL(18,2), transactions BIGINT, units_sold BIGINT, atv DOUBLE,
        customers BIGINT, margin_pct DOUBLE, net_sales_7d DECIMAL(18,2)""",
    "analytics.period_growth": """
        scope_type VARCHAR, scope_id VARCHAR, currency VARCHAR, period_type VARCHAR,
        period_start DATE, transactions BIGINT, units_sold BIGINT, net_sales DECIMAL(18,2),
        mom_growth_pct DOUBLE, yoy_growth_pct DOUBLE, is_complete BOOLEAN""",
    "analytics.return_rate_analysis": """
        period VARCHAR, currency VARCHAR, scope_type VARCHAR, scope_id VARCHAR,
        units_sold BIGINT, units_returned BIGINT, returns_value DECIMAL(18,2),
        return_rate_units_pct DOUBLE, wilson_low_pct DOUBLE, wilson_high_pct DOUBLE,
        category_rate_pct DOUBLE, chance_low_pct DOUBLE, chance_high_pct DOUBLE,
        median_days_to_return DOUBLE, is_judged BOOLEAN, is_flagged BOOLEAN""",
    "analytics.seasonal_indices": """
        scope_type VARCHAR, scope_id VARCHAR, currency VARCHAR, metric VARCHAR,
        dimension VARCHAR, "value" BIGINT, "index" DOUBLE, n_periods BIGINT""",
    "analytics.store_comparison": """
        period VARCHAR, store_id VARCHAR, currency VARCHAR, region VARCHAR,
        net_sales DECIMAL(18,2), transactions BIGINT, atv DOUBLE, margin_pct DOUBLE,
        return_rate_value_pct DOUBLE, conversion_rate DOUBLE, revenue_rank BIGINT,
        growth_prev_period_pct DOUBLE""",
    "analytics.top_sellers": """
        period VARCHAR, currency VARCHAR, member_type VARCHAR, scope_type VARCHAR,
        scope_value VARCHAR, metric VARCHAR, rank BIGINT, member_id VARCHAR,
        value DECIMAL(18,2), share_pct DOUBLE, prev_rank BIGINT, rank_change BIGINT""",
    "ops.business_reports": """
        report_date DATE, report_type VARCHAR, store_id VARCHAR, currency VARCHAR,
        narrative VARCHAR, html_path VARCHAR""",
}

LAST_DAY = date(2026, 1, 2)
DAYS = 40
# kpi: unit, whether more is better, value, value before, change
KPIS: dict[str, tuple[str, bool | None, float, float | None, float | None]] = {
    "net_sales": ("money", True, 30_465.0, 29_000.0, 5.05),
    "margin_pct": ("percent", True, 28.5, 29.0, -0.5),
    "transactions": ("count", True, 600.0, None, None),
    "atv": ("money", True, 50.78, 50.78, 0.0),
    "units_sold": ("count", True, 9_000.0, 8_000.0, 12.5),
    "customers": ("count", True, 120.0, 100.0, 20.0),
    "return_rate_value_pct": ("percent", False, 0.25, 0.31, -0.06),
    "stock_value": ("money", None, 150_000.0, 120_000.0, 25.0),
    "turns_annualised": ("ratio", True, 52.4, 50.0, 4.8),
    "oos_time_rate_pct": ("percent", False, 0.75, 0.5, 0.25),
}
OF_STOCK = ("stock_value", "turns_annualised", "oos_time_rate_pct")


def versions(*leave_out: str) -> Rows:
    """Return for what time the tables of the analytics were built: an hour ago."""
    return {
        "analytics.versions": [
            {"table": table.replace(".", "/"), "version": 1, "as_of_ts": ago(60)}
            for table in TABLES
            if table.startswith("analytics.") and table.split(".")[1] not in leave_out
        ]
    }


def kpis(store_id: str = "S001", *, leave_out: tuple[str, ...] = ()) -> Rows:
    """Return KPIs of all periods, and days whose net sales are 1,000 and one more each day."""
    return {
        "analytics.kpi_comparison": [
            {
                "period": period,
                "store_id": store_id,
                "currency": "EUR",
                "kpi": kpi,
                "kpi_no": number,
                "unit": unit,
                "is_more_better": is_more_better,
                "value": value,
                "prev_value": before,
                "change": change,
            }
            for period in ("7d", "30d", "90d")
            for number, (kpi, (unit, is_more_better, value, before, change)) in enumerate(
                KPIS.items()
            )
            if kpi not in leave_out
        ],
        "analytics.kpi_daily": [
            {
                "date_key": LAST_DAY - timedelta(days=DAYS - 1 - number),
                "store_id": store_id,
                "currency": "EUR",
                "net_sales": 1_000 + number,
                "gross_profit": 300,
                "transactions": 20,
                "units_sold": 300,
                # A day on which the store was closed.
                "atv": None if number == DAYS - 20 else 50.0,
                "customers": 10,
                "margin_pct": 30.0,
                "net_sales_7d": 7_000 + 7 * number,
            }
            for number in range(DAYS)
        ],
        "analytics.period_growth": [
            {
                "scope_type": "all" if store_id == "ALL" else "store",
                "scope_id": store_id,
                "currency": "EUR",
                "period_type": kind,
                "period_start": start,
                "net_sales": net_sales,
                "mom_growth_pct": growth,
                "is_complete": is_complete,
            }
            for kind, start, net_sales, growth, is_complete in (
                ("month", date(2025, 11, 1), 8_000, None, False),
                ("month", date(2025, 12, 1), 31_500, -2.5, True),
                ("month", date(2026, 1, 1), 2_077, None, False),
                ("week", date(2025, 12, 22), 7_200, 0.68, True),
            )
        ],
    }


def goods(store_id: str = "S001") -> Rows:
    """Return what was sold by category and item, and what came back."""
    scope_type = "all" if store_id == "ALL" else "store"
    return {
        "analytics.daily_sales_summary": [
            {
                "date_key": LAST_DAY - timedelta(days=days),
                "store_id": "S001" if store_id == "ALL" else store_id,
                "category": category,
                "currency": "EUR",
                "net_sales": net_sales,
                "gross_profit": net_sales // 3,
                "units_sold": net_sales // 5,
            }
            for days in (0, 10, 33)
            for category, net_sales in (("WINES", 600), ("MEAT", 400))
        ],
        "analytics.dim_product": [
            {"item_id": item, "product_name": name, "category": category, "is_current": True}
            for item, name, category in (
                ("WINRED0004", "Red wines", "WINES"),
                ("MEABEE0001", "Beef", "MEAT"),
            )
        ],
        "analytics.top_sellers": [
            {
                "period": period,
                "currency": "EUR",
                "member_type": "item",
                "scope_type": scope_type,
                "scope_value": store_id,
                "metric": "sales_revenue",
                "rank": rank,
                "member_id": item,
                "value": 900 / rank,
                "share_pct": 60.0 / rank,
            }
            for period in ("7d", "30d")
            for rank, item in ((1, "WINRED0004"), (2, "MEABEE0001"))
        ],
        # Wine at 5.00 on average; what was asked for it before is no price of today.
        "analytics.daily_product_sales": [
            {
                "date_key": LAST_DAY - timedelta(days=days),
                "store_id": "S001" if store_id == "ALL" else store_id,
                "item_id": "WINRED0004",
                "category": "WINES",
                "currency": "EUR",
                "units_sold": units,
                "sales_revenue": revenue,
            }
            for days, units, revenue in ((0, 30, 180), (29, 30, 120), (30, 100, 900))
        ],
        "analytics.return_rate_analysis": [
            {
                "period": period,
                "currency": "EUR",
                "scope_type": scope,
                "scope_id": member,
                "units_sold": sold,
                "units_returned": returned,
                "returns_value": returned * 5,
                "return_rate_units_pct": 100 * returned / sold,
                "wilson_low_pct": low,
                "wilson_high_pct": 100 * returned / sold + 5,
                "category_rate_pct": 1.0,
                "chance_low_pct": 0.0,
                "chance_high_pct": 1 + 10 / sold**0.5,
                "is_judged": is_judged,
                "is_flagged": is_flagged,
            }
            for period in ("7d", "30d", "90d", "all")
            for scope, member, sold, returned, low, is_judged, is_flagged in (
                ("all", "ALL", 1_000, 12, 0.7, True, False),
                ("store", "S001", 400, 10, 1.4, True, False),
                ("item", "MEABEE0001", 100, 3, 1.0, True, False),
                ("item", "WINRED0004", 200, 8, 2.0, True, True),
                ("item", "DAIMIL0002", 50, 0, 0.0, True, False),
                # Sold too seldom to tell.
                ("item", "BEELAG0003", 1, 1, 20.7, False, False),
            )
        ],
    }


def compared(*store_ids: str) -> Rows:
    """Return stores side by side; each sold less than the one before."""
    return {
        "analytics.store_comparison": [
            {
                "period": period,
                "store_id": store_id,
                "currency": "EUR",
                "net_sales": 20_000 / rank,
                "transactions": 400,
                "atv": 50.0,
                "margin_pct": 28.0,
                "return_rate_value_pct": 0.2,
                "conversion_rate": 0.9,
                "revenue_rank": rank,
                "growth_prev_period_pct": 3.0,
            }
            for period in ("7d", "30d", "90d", "all")
            for rank, store_id in enumerate(store_ids, start=1)
        ]
    }


def seasons(store_id: str = "S001", *, months: int = 12) -> Rows:
    """Return indices of all weekdays, and of some months; Saturdays bring half more."""
    values = [
        *(("day_of_week", day, 1.5 if day == 6 else 1.0) for day in range(1, 8)),
        *(("month", month, 1.0) for month in range(1, months + 1)),
    ]
    return {
        "analytics.seasonal_indices": [
            {
                "scope_type": "all" if store_id == "ALL" else "store",
                "scope_id": store_id,
                "currency": "EUR",
                "metric": "sales_revenue",
                "dimension": dimension,
                "value": value,
                "index": index,
                "n_periods": 5,
            }
            for dimension, value, index in values
        ]
    }


def anomaly(start: datetime, direction: str = "high") -> dict[str, Any]:
    """Return an hour of all stores that was not as usual."""
    return {
        "scope_type": "all",
        "scope_id": "ALL",
        "currency": "EUR",
        "metric": "net_sales",
        "method": "seasonal_mad",
        "grain": "hour",
        "bucket_start": start,
        "value": 900,
        "baseline": 300.0,
        "score": 6.0,
        "direction": direction,
        "severity": "MEDIUM",
        "is_anomaly": True,
    }


def live(store_id: str = "S001", **more: Any) -> Rows:
    """Return this minute of a store: 12 receipts of the last hour, 2 each in six panes."""
    kpi = {
        "store_id": store_id,
        "currency": "EUR",
        "as_of_ts": AS_OF,
        "revenue_1h": 600,
        "revenue_today": 4_000,
        "transactions_1h": 12,
        "transactions_today": 80,
        "units_today": 950,
        "atv_today": 50.0,
        "returns_today": 12,
        "people_in_store": 30,
        "visits_today": 100,
        "conversion_today_rate": 0.8,
        "open_alerts_critical": 2,
        "open_alerts_high": 1,
        "open_alerts_medium": 4,
        "events_per_s_1m": 0.5,
        "lag_p50_ms": 20_000.0,
        "lag_p95_ms": 65_000.0,
        "latest_event_ts": ago(1),
        "total_events": 9_000,
    } | more
    member = "S001" if store_id == "ALL" else store_id
    panes = [ago(48 + 60 * hours) + timedelta(minutes=5 * pane) for hours, pane in _PANES]
    return {
        "live.live_kpis": [kpi],
        "live.sales_pane_5m": [
            {
                "pane_start": start,
                "store_id": member,
                "currency": "EUR",
                "transactions": 2,
                "lines": 8,
                "units": 20,
                "revenue": 100,
            }
            for start in panes
        ],
        "live.sales_pane_1m": [
            {
                "pane_start": start,
                "store_id": member,
                "item_id": item,
                "units": 10,
                "revenue": revenue,
            }
            for start in panes
            for item, revenue in (("WINRED0004", 70), ("MEABEE0001", 30))
        ],
        "live.latest_events": [
            {
                "scope_id": store_id,
                "number": number,
                "event_ts": ago(number),
                "event_type": kind,
                "event_id": f"{store_id}-newest-{number}",
                "store_id": member,
                "item_id": item,
                "qty": qty,
                "amount": amount,
            }
            for number, (kind, item, qty, amount) in enumerate(
                (("SALE", "WINRED0004", 2, 9.8), ("ENTRY", None, None, None)), start=1
            )
        ],
        "live.sale_alerts": [
            {
                "alert_type": "PRICE_ANOMALY",
                "event_id": f"{store_id}-odd",
                "severity": "MEDIUM",
                "event_ts": ago(30),
                "store_id": member,
                "item_id": "WINRED0004",
                "qty": 1,
                "net": 1,
                "currency": "EUR",
            }
        ],
    }


# AS_OF is 11:48: six panes from 11:00 on, and one of the hour of 5 o'clock.
_PANES = (*((0, pane) for pane in range(6)), (6, 0))


def parts(**statuses: str) -> Rows:
    """Return the parts of the system; all are well but those that are named."""
    return {
        "live.system_status": [
            {
                "component": part,
                "status": statuses.get(part, "ok"),
                "last_ok_ts": ago(1),
                "message": f"about {part}",
            }
            for part in dict.fromkeys(("raw", "analytics", "disk", *statuses))
        ]
    }
