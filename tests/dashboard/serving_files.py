"""Small serving files for the tests of the report app and of the API.

The one place of the tests that knows the columns of what is published. Rows are given as
dictionaries; columns that a row leaves out are null.
"""

import csv
import hashlib
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb
import pyarrow as pa

from smartshelf_dagster.domain.anomaly_scope import store_of
from smartshelf_dagster.forecasting.tables import QUANTILE_COLUMNS
from smartshelf_dagster.forecasting.tables import TABLES as FORECAST_TABLES
from smartshelf_dagster.pipeline.quality_tables import SCHEMAS as QUALITY_TABLES

ROOT = Path(__file__).resolve().parents[2]

TABLES: dict[str, str] = {
    "cleansed.foot_traffic": """
        event_id VARCHAR, direction VARCHAR, store_id VARCHAR, gate_id VARCHAR,
        event_ts TIMESTAMPTZ, event_date DATE""",
    "cleansed.pos_adjustments": """
        event_id VARCHAR, event_ts TIMESTAMPTZ, store_id VARCHAR, transaction_id VARCHAR,
        line_no INTEGER, item_id VARCHAR, item_description VARCHAR, customer_id VARCHAR,
        country VARCHAR, qty INTEGER, unit_price DECIMAL(18,4), amount DECIMAL(18,2),
        adjustment_event_id VARCHAR""",
    "cleansed.sales_lines": """
        event_id VARCHAR, event_type VARCHAR, event_ts TIMESTAMPTZ, ingest_ts TIMESTAMPTZ,
        hour INTEGER, day_of_week INTEGER, store_id VARCHAR, transaction_id VARCHAR,
        line_no INTEGER, item_id VARCHAR, item_description VARCHAR,
        original_transaction_id VARCHAR, customer_id VARCHAR, qty INTEGER,
        unit_price DECIMAL(18,4), discount DECIMAL(9,6), gross DECIMAL(18,2),
        net DECIMAL(18,2), discount_value DECIMAL(18,2), currency VARCHAR, batch_code VARCHAR,
        expiry_date DATE, till_id VARCHAR, payment_method VARCHAR, country VARCHAR,
        source VARCHAR, is_merchandise BOOLEAN, receipt_event_id VARCHAR, business_date DATE""",
    "cleansed.shelf_batch_state": """
        store_id VARCHAR, shelf_id VARCHAR, category VARCHAR, subcategory VARCHAR,
        aisle INTEGER, batch_code VARCHAR, received_date DATE, expiry_date DATE,
        batch_quantity_store BIGINT, days_to_expiry INTEGER, markdown DECIMAL(9,6),
        last_event_ts TIMESTAMPTZ""",
    "cleansed.shelf_state": """
        store_id VARCHAR, shelf_id VARCHAR, category VARCHAR, subcategory VARCHAR,
        aisle INTEGER, current_stock BIGINT, in_transit BIGINT, in_carts BIGINT,
        shelf_capacity INTEGER, fill_rate DOUBLE, low_below_qty INTEGER, target_qty INTEGER,
        is_low BOOLEAN, last_event_ts TIMESTAMPTZ""",
    "cleansed.stock_balances": """
        store_id VARCHAR, item_id VARCHAR, location VARCHAR, qty BIGINT,
        last_event_ts TIMESTAMPTZ""",
    "cleansed.stock_movements": """
        source_table VARCHAR, event_id VARCHAR, leg INTEGER, movement_type VARCHAR,
        location VARCHAR, store_id VARCHAR, item_id VARCHAR, batch_code VARCHAR,
        qty_signed INTEGER, ref_id VARCHAR, received_date DATE, expiry_date DATE,
        event_ts TIMESTAMPTZ, event_date DATE""",
    "cleansed.stock_thresholds": """
        store_id VARCHAR, item_id VARCHAR, location VARCHAR, capacity INTEGER,
        low_below_qty INTEGER, clear_at_qty INTEGER, target_qty INTEGER,
        cooldown_minutes INTEGER, policy_id VARCHAR, valid_from_ts TIMESTAMPTZ,
        valid_to_ts TIMESTAMPTZ""",
    "cleansed.warehouse_batch_state": """
        store_id VARCHAR, shelf_id VARCHAR, category VARCHAR, subcategory VARCHAR,
        batch_code VARCHAR, received_date DATE, expiry_date DATE,
        batch_quantity_warehouse BIGINT, days_to_expiry INTEGER, last_event_ts TIMESTAMPTZ""",
    "cleansed.warehouse_state": """
        store_id VARCHAR, shelf_id VARCHAR, category VARCHAR, subcategory VARCHAR,
        batch_size INTEGER, current_stock BIGINT, warehouse_capacity INTEGER,
        fill_rate DOUBLE, reorder_point INTEGER, is_low BOOLEAN,
        last_event_ts TIMESTAMPTZ""",
    "ops.benchmarks": """
        run_id VARCHAR, name VARCHAR, unit VARCHAR, figure DOUBLE, least DOUBLE, most DOUBLE,
        repetitions BIGINT, target DOUBLE, is_at_least BOOLEAN, is_met BOOLEAN, method VARCHAR,
        machine VARCHAR, "commit" VARCHAR, measured_at TIMESTAMPTZ""",
    "dq.quarantine_latest": """
        topic VARCHAR, stream VARCHAR, stream_id VARCHAR, entry_index INTEGER,
        reason_code VARCHAR, reason VARCHAR, event_id VARCHAR, payload VARCHAR,
        payload_encoding VARCHAR, ingest_ts TIMESTAMPTZ, ingest_batch BIGINT,
        ingest_date DATE""",
    "dq.quarantine_summary": """
        topic VARCHAR, reason_code VARCHAR, events BIGINT, last_ts TIMESTAMPTZ""",
    "live.latest_events": """
        scope_id VARCHAR, number INTEGER, event_ts TIMESTAMPTZ, event_type VARCHAR,
        event_id VARCHAR, store_id VARCHAR, item_id VARCHAR, qty INTEGER,
        amount DECIMAL(18,2)""",
    "live.category_status": """
        store_id VARCHAR, category VARCHAR, shelves BIGINT, low_shelves BIGINT,
        empty_shelves BIGINT, open_shelf_alerts BIGINT, acknowledged_shelf_alerts BIGINT,
        shelf_alerts BIGINT, warehouse_alerts BIGINT, open_tasks BIGINT,
        last_shelf_event_ts TIMESTAMPTZ""",
    "live.live_country": """
        country VARCHAR, currency VARCHAR, revenue DECIMAL(18,2), transactions BIGINT,
        share_pct DOUBLE""",
    "live.live_kpis": """
        store_id VARCHAR, currency VARCHAR, as_of_ts TIMESTAMPTZ, revenue_1h DECIMAL(18,2),
        revenue_today DECIMAL(18,2), transactions_1h BIGINT, transactions_today BIGINT,
        units_today BIGINT, atv_today DOUBLE, returns_today DECIMAL(18,2),
        people_in_store BIGINT, visits_today BIGINT, conversion_today_rate DOUBLE,
        open_alerts_critical BIGINT, open_alerts_high BIGINT, open_alerts_medium BIGINT,
        events_per_s_1m DOUBLE, lag_p50_ms DOUBLE, lag_p95_ms DOUBLE,
        latest_event_ts TIMESTAMPTZ, total_events BIGINT""",
    "live.sale_alerts": """
        alert_type VARCHAR, event_id VARCHAR, severity VARCHAR, event_ts TIMESTAMPTZ,
        store_id VARCHAR, item_id VARCHAR, transaction_id VARCHAR, qty INTEGER,
        net DECIMAL(18,2), currency VARCHAR, current_value DOUBLE, threshold_value DOUBLE""",
    "live.sales_pane_1m": """
        pane_start TIMESTAMPTZ, store_id VARCHAR, item_id VARCHAR, units BIGINT,
        revenue DECIMAL(18,2)""",
    "live.sales_pane_5m": """
        pane_start TIMESTAMPTZ, store_id VARCHAR, currency VARCHAR, transactions BIGINT,
        lines BIGINT, units BIGINT, revenue DECIMAL(18,2)""",
    "live.store_status": """
        store_id VARCHAR, store_name VARCHAR, timezone VARCHAR, currency VARCHAR,
        business_date DATE, people_in_store BIGINT, receipts_today BIGINT, units_today BIGINT,
        sales_today DECIMAL(18,2), shelf_alerts BIGINT, warehouse_alerts BIGINT,
        empty_shelves BIGINT, low_shelves BIGINT, open_tasks BIGINT,
        last_shelf_event_ts TIMESTAMPTZ, last_traffic_ts TIMESTAMPTZ, as_of_ts TIMESTAMPTZ""",
    "live.store_traffic": """
        store_id VARCHAR, pane_start_ts TIMESTAMPTZ, entries BIGINT, exits BIGINT,
        people_in_store BIGINT""",
    "live.stream_status": """
        topic VARCHAR, "rows" BIGINT, files BIGINT, size_bytes BIGINT, version BIGINT,
        last_event_ts TIMESTAMPTZ""",
    "live.system_status": """
        component VARCHAR, status VARCHAR, latency_s DOUBLE, last_ok_ts TIMESTAMPTZ,
        message VARCHAR""",
    "live.waste_daily": """
        store_id VARCHAR, business_date DATE, category VARCHAR, wasted_units BIGINT,
        wasted_value DECIMAL(18,2), marked_down_units BIGINT, marked_down_net DECIMAL(18,2),
        markdown_cost DECIMAL(18,2)""",
    "meta.catalog": '"table" VARCHAR, description VARCHAR, is_shared BOOLEAN',
    "meta.columns": """
        "table" VARCHAR, column_name VARCHAR, position INTEGER, data_type VARCHAR,
        description VARCHAR""",
    "meta.publication": "as_of_ts TIMESTAMPTZ, published_at TIMESTAMPTZ",
    "meta.tables": '"table" VARCHAR, version BIGINT, role VARCHAR',
    "ops.alert_transitions": """
        alert_id VARCHAR, alert_type VARCHAR, store_id VARCHAR, shelf_id VARCHAR,
        location VARCHAR, transition_no INTEGER, transition_ts TIMESTAMPTZ,
        from_status VARCHAR, to_status VARCHAR, actor VARCHAR, note VARCHAR""",
    "ops.alerts": """
        alert_id VARCHAR, alert_type VARCHAR, store_id VARCHAR, shelf_id VARCHAR,
        location VARCHAR, category VARCHAR, status VARCHAR, is_active BOOLEAN, severity VARCHAR,
        opened_ts TIMESTAMPTZ, updated_ts TIMESTAMPTZ, episodes INTEGER,
        last_actor VARCHAR, last_note VARCHAR, current_stock BIGINT, max_stock INTEGER,
        low_below_qty INTEGER, suggested_qty BIGINT""",
    "ops.commands": """
        command_id VARCHAR, command_type VARCHAR, store_id VARCHAR, shelf_id VARCHAR,
        qty INTEGER, alert_id VARCHAR, priority DECIMAL(9,6), issued_ts TIMESTAMPTZ,
        expires_ts TIMESTAMPTZ, picked_qty BIGINT, placed_qty BIGINT, returned_qty BIGINT,
        status VARCHAR, reported_ts TIMESTAMPTZ, updated_ts TIMESTAMPTZ""",
    "ops.markdowns": """
        plan_id VARCHAR, store_id VARCHAR, shelf_id VARCHAR, category VARCHAR,
        subcategory VARCHAR, batch_code VARCHAR, expiry_date DATE, discount DECIMAL(9,6),
        valid_from_ts TIMESTAMPTZ, valid_to_ts TIMESTAMPTZ, status VARCHAR, sold_qty BIGINT,
        sold_net DECIMAL(18,2), created_ts TIMESTAMPTZ""",
    "ops.operator_actions": """
        event_id VARCHAR, store_id VARCHAR, event_ts TIMESTAMPTZ, actor VARCHAR,
        action VARCHAR, shelf_id VARCHAR, location VARCHAR, alert_id VARCHAR,
        cutoff_ts TIMESTAMPTZ, batch_code VARCHAR, scope_type VARCHAR, scope_id VARCHAR,
        currency VARCHAR, grain VARCHAR, bucket_start TIMESTAMPTZ, direction VARCHAR,
        quantity BIGINT, note VARCHAR""",
    "ops.anomaly_acknowledgements": """
        scope_type VARCHAR, scope_id VARCHAR, currency VARCHAR, grain VARCHAR,
        bucket_start TIMESTAMPTZ, direction VARCHAR, store_id VARCHAR, event_id VARCHAR,
        actor VARCHAR, note VARCHAR, acknowledged_ts TIMESTAMPTZ""",
    "ops.removals": """
        plan_id VARCHAR, store_id VARCHAR, shelf_id VARCHAR, category VARCHAR,
        subcategory VARCHAR, location VARCHAR, batch_code VARCHAR, expiry_date DATE,
        status VARCHAR, expected_qty BIGINT, removed_qty BIGINT, wasted_value DECIMAL(18,2),
        created_ts TIMESTAMPTZ, completed_ts TIMESTAMPTZ""",
    "ops.shelf_restock_plan": """
        plan_id VARCHAR, store_id VARCHAR, shelf_id VARCHAR, suggested_qty INTEGER,
        status VARCHAR, priority DECIMAL(9,6), alert_id VARCHAR, created_ts TIMESTAMPTZ,
        expires_ts TIMESTAMPTZ, updated_ts TIMESTAMPTZ""",
    "ops.stock_corrections": """
        event_id VARCHAR, store_id VARCHAR, shelf_id VARCHAR, location VARCHAR,
        batch_code VARCHAR, counted_qty BIGINT, book_qty BIGINT, correction_qty BIGINT,
        actor VARCHAR, note VARCHAR, event_ts TIMESTAMPTZ""",
    "ops.supplier_cutoffs": """
        store_id VARCHAR, cutoff_ts TIMESTAMPTZ, delivery_ts TIMESTAMPTZ, status VARCHAR,
        policy VARCHAR, order_lines BIGINT, order_pieces BIGINT, closed_ts TIMESTAMPTZ""",
    "ops.supplier_orders": """
        order_id VARCHAR, store_id VARCHAR, shelf_id VARCHAR, category VARCHAR,
        subcategory VARCHAR, batch_size INTEGER, cutoff_ts TIMESTAMPTZ,
        delivery_ts TIMESTAMPTZ, ordered_qty BIGINT, received_qty BIGINT, damaged_qty BIGINT,
        missing_qty BIGINT, ordered_value DECIMAL(18,2), status VARCHAR, is_late BOOLEAN,
        issued_ts TIMESTAMPTZ, delivered_ts TIMESTAMPTZ""",
    "ops.supplier_plan": """
        store_id VARCHAR, shelf_id VARCHAR, category VARCHAR, subcategory VARCHAR,
        cutoff_ts TIMESTAMPTZ, delivery_ts TIMESTAMPTZ, policy VARCHAR, stock_qty BIGINT,
        on_order_qty BIGINT, target_qty BIGINT, needed_qty BIGINT, planned_qty BIGINT,
        order_qty BIGINT, batch_size INTEGER, bound VARCHAR, decision VARCHAR,
        actor VARCHAR, note VARCHAR, status VARCHAR, updated_ts TIMESTAMPTZ,
        source VARCHAR, demand_mean DOUBLE, critical_ratio DOUBLE, level_quantile DOUBLE,
        expected_outdated DOUBLE, expected_order_outdated DOUBLE, expected_lost DOUBLE,
        model_version VARCHAR, forecast_method VARCHAR""",
    "ops.supplier_receipts": """
        receipt_id VARCHAR, order_id VARCHAR, store_id VARCHAR, shelf_id VARCHAR,
        delivery_date DATE, received_qty BIGINT, damaged_qty BIGINT, lots BIGINT,
        delay_minutes BIGINT, checked_ts TIMESTAMPTZ""",
    "ref.items": """
        item_id VARCHAR, category VARCHAR, subcategory VARCHAR, aisle INTEGER,
        unit_weight_g INTEGER, list_price DECIMAL(18,4), batch_size INTEGER,
        is_perishable BOOLEAN""",
    "ref.stock_policies": """
        policy_id VARCHAR, location VARCHAR, store_id VARCHAR, category VARCHAR,
        item_id VARCHAR, low_frac DECIMAL(9,6), low_qty INTEGER, clear_frac DECIMAL(9,6),
        target_frac DECIMAL(9,6), cooldown_minutes INTEGER, valid_from_ts TIMESTAMPTZ""",
    "ref.store_items": """
        store_id VARCHAR, item_id VARCHAR, shelf_capacity INTEGER, warehouse_capacity INTEGER,
        visibility DOUBLE""",
    "ref.stores": """
        store_id VARCHAR, store_name VARCHAR, city VARCHAR, country VARCHAR, timezone VARCHAR,
        currency VARCHAR, stock_tracking VARCHAR, opened_ts TIMESTAMPTZ, region VARCHAR""",
    "ref.zones": """
        zone_id VARCHAR, category VARCHAR, label VARCHAR, x0 DOUBLE, y0 DOUBLE, x1 DOUBLE,
        y1 DOUBLE""",
}

# What is built by the hour or the night: only in files whose rows name it. The columns are those
# that pages about items and alerts read.
LATER: dict[str, str] = {
    "analytics.versions": """
        "table" VARCHAR, version BIGINT, as_of_ts TIMESTAMPTZ, published_at TIMESTAMPTZ""",
    "analytics.dim_product": """
        item_id VARCHAR, product_name VARCHAR, category VARCHAR, sub_category VARCHAR,
        list_price DECIMAL(18,4), pack_size INTEGER, is_perishable BOOLEAN,
        is_current BOOLEAN""",
    "analytics.daily_product_sales": """
        date_key DATE, store_id VARCHAR, item_id VARCHAR, currency VARCHAR, units_sold BIGINT,
        units_returned BIGINT, sales_revenue DECIMAL(18,2), net_sales DECIMAL(18,2), asp DOUBLE,
        discount_value DECIMAL(18,2), discount_rate_pct DOUBLE, is_promoted BOOLEAN,
        category VARCHAR""",
    "analytics.stock_risk": """
        store_id VARCHAR, item_id VARCHAR, stock_out_risk_score DOUBLE, days_of_cover DOUBLE,
        risk_band VARCHAR, recommendation VARCHAR""",
    "analytics.item_classification": """
        store_id VARCHAR, item_id VARCHAR, abc_class VARCHAR, xyz_class VARCHAR,
        movement_class VARCHAR, units_30d BIGINT""",
    "analytics.product_recommendations": """
        period VARCHAR, scope VARCHAR, item_id VARCHAR, rank INTEGER,
        recommended_item_id VARCHAR, score DOUBLE, reason VARCHAR, lift DOUBLE,
        confidence DOUBLE, in_stock BOOLEAN""",
    "ops.retention_log": """
        "table" VARCHAR, "partition" VARCHAR, number BIGINT, "rows" BIGINT, bytes BIGINT,
        hot_bytes BIGINT, archived_at TIMESTAMPTZ, restored_at TIMESTAMPTZ""",
    "analytics.alert_handling": """
        date_key DATE, store_id VARCHAR, alert_type VARCHAR, location VARCHAR, opened BIGINT,
        acknowledged BIGINT, resolved BIGINT, dismissed BIGINT, backlog BIGINT,
        minutes_to_acknowledge DOUBLE, minutes_to_resolve DOUBLE""",
    **dict.fromkeys(
        ("analytics.sales_anomalies", "analytics.nightly_anomalies"),
        """
        scope_type VARCHAR, scope_id VARCHAR, currency VARCHAR, metric VARCHAR, grain VARCHAR,
        bucket_start TIMESTAMPTZ, method VARCHAR, "value" DOUBLE, baseline DOUBLE,
        score DOUBLE, lower_band DOUBLE, upper_band DOUBLE, is_anomaly BOOLEAN,
        direction VARCHAR, severity VARCHAR, is_open BOOLEAN, is_holiday BOOLEAN""",
    ),
}

_SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    pa.timestamp("us", tz="UTC"): "TIMESTAMPTZ",
    pa.decimal128(18, 2): "DECIMAL(18,2)",
}
# The tables of forecasts and of quality, as they are published: without what only models need.
TABLES |= {
    name.replace("/", "."): ", ".join(
        f'"{field.name}" {_SQL_TYPES[field.type]}' for field in schema if field.type != pa.binary()
    )
    for name, schema in {**FORECAST_TABLES, **QUALITY_TABLES}.items()
}

AS_OF = datetime(2026, 1, 3, 11, 48, tzinfo=UTC)
FOREVER = datetime(9999, 12, 31, tzinfo=UTC)

Rows = dict[str, list[dict[str, Any]]]
# Files of this process, by what is in them; gone when it ends.
_made = tempfile.TemporaryDirectory(prefix="smartshelf-serving-")


def ago(minutes: float) -> datetime:
    """Return an instant before the time of the data."""
    return AS_OF - timedelta(minutes=minutes)


def write(
    path: Path,
    *parts: Mapping[str, Sequence[Mapping[str, Any]]],
    published_at: datetime | None = None,
    leave_out: Sequence[str] = (),
    is_described: bool = True,
    more_tables: Mapping[str, str] = MappingProxyType({}),
) -> Path:
    """Publish a serving file, by rename as the real one.

    Args:
        path: Where.
        parts: Rows by table; several are put together.
        published_at: Default: now.
        leave_out: Tables that the file does not have.
        is_described: Whether it says when it was made.
        more_tables: Tables beside those that every file has, with their columns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    named = {table for part in parts for table in part}
    wanted = {
        **TABLES,
        **{table: columns for table, columns in LATER.items() if table in named},
        **more_tables,
    }
    for table in leave_out:
        wanted.pop(table, None)
    shutil.copy(_without_time(wanted, parts), fresh)
    if is_described:
        moment = {"as_of_ts": AS_OF, "published_at": published_at or datetime.now(UTC)}
        _fill(fresh, {}, [{"meta.publication": [moment]}])
    return fresh.replace(path)


def _without_time(
    tables: Mapping[str, str], parts: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]]
) -> Path:
    """Return a file that does not say when it was made; one of the same content is made once."""
    content = hashlib.sha256(repr((tables, parts)).encode()).hexdigest()
    file = Path(_made.name) / f"{content}.duckdb"
    if not file.exists():
        _fill(file, tables, parts)
    return file


def _fill(
    file: Path,
    tables: Mapping[str, str],
    parts: Sequence[Mapping[str, Sequence[Mapping[str, Any]]]],
) -> None:
    """Create tables in a file, and insert rows."""
    connection = duckdb.connect(str(file))
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.begin()
        for schema in sorted({table.split(".")[0] for table in tables}):
            connection.execute(f"create schema {schema}")
        for table, columns in tables.items():
            connection.execute(f"create table {table} ({columns})")
        for part in parts:
            for table, rows in part.items():
                for row in rows:
                    names = ", ".join(f'"{name}"' for name in row)
                    places = ", ".join("?" * len(row))
                    connection.execute(
                        f"insert into {table} ({names}) values ({places})", list(row.values())
                    )
        connection.commit()
    finally:
        connection.close()


def zones() -> Rows:
    """Return the zones of the real floor plan."""
    with (ROOT / "data" / "layout" / "zones.csv").open(encoding="utf-8") as file:
        return {"ref.zones": list(csv.DictReader(file))}


ITEMS = (
    # item, category, subcategory, aisle
    ("MEABEE0001", "MEAT", "Beef", 28),
    ("MEACHI0002", "MEAT", "Chicken", 28),
    ("BEELAG0003", "BEERS", "Lager", 3),
    ("WINRED0004", "WINES", "Red wines", 4),
)


def catalogue() -> Rows:
    """Return the items, and the streams and tables of a publication."""
    return zones() | {
        "ref.items": [
            {
                "item_id": item,
                "category": category,
                "subcategory": subcategory,
                "aisle": aisle,
                "unit_weight_g": 500,
                "list_price": "3.4900",
                "batch_size": 12,
                "is_perishable": category == "MEAT",
            }
            for item, category, subcategory, aisle in ITEMS
        ],
        "live.stream_status": [
            {
                "topic": "shelf_events",
                "rows": 1234,
                "files": 3,
                "size_bytes": 2048,
                "version": 7,
                "last_event_ts": ago(2),
            },
            {
                "topic": "operator_events",
                "rows": 0,
                "files": 0,
                "size_bytes": 0,
                "version": 0,
                "last_event_ts": None,
            },
        ],
        "meta.tables": [
            {"table": "ops/alerts", "version": 4, "role": "published"},
            {"table": "raw/shelf_events", "version": 7, "role": "source"},
        ],
    }


def store(
    store_id: str = "S001",
    *,
    name: str = "Smart Shelf Scandiano",
    timezone: str = "Europe/Rome",
    tracks_stock: bool = True,
    people: int = 30,
    region: str | None = None,
) -> Rows:
    """Return a store: one line of ref.stores and its figures."""
    return {
        "ref.stores": [
            {
                "store_id": store_id,
                "store_name": name,
                "city": name.rsplit(maxsplit=1)[-1],
                "country": "Italy",
                "timezone": timezone,
                "currency": "EUR",
                "stock_tracking": "sensors" if tracks_stock else "none",
                "opened_ts": ago(3_000),
                "region": region,
            }
        ],
        "live.store_status": [
            {
                "store_id": store_id,
                "store_name": name,
                "timezone": timezone,
                "currency": "EUR",
                "business_date": date(2026, 1, 3),
                "people_in_store": people,
                "receipts_today": 469,
                "units_today": 6650,
                "sales_today": "35236.43",
                "shelf_alerts": 2,
                "warehouse_alerts": 1,
                "empty_shelves": 1,
                "low_shelves": 2,
                "open_tasks": 1,
                "last_shelf_event_ts": ago(1),
                "last_traffic_ts": ago(1) if tracks_stock else None,
                "as_of_ts": AS_OF,
            }
        ],
    }


def category_status(store_id: str, category: str, **figures: int) -> dict[str, Any]:
    """Return a row of live.category_status; figures that are not told are 0."""
    return {
        "store_id": store_id,
        "category": category,
        "shelves": 0,
        "low_shelves": 0,
        "empty_shelves": 0,
        "open_shelf_alerts": 0,
        "acknowledged_shelf_alerts": 0,
        "shelf_alerts": 0,
        "warehouse_alerts": 0,
        "open_tasks": 0,
        "last_shelf_event_ts": ago(5),
    } | figures


# item: shelf stock, shelf capacity, low below, warehouse stock
_STOCK = {
    "MEABEE0001": (0, 20, 6, 40),
    "MEACHI0002": (5, 20, 6, 2),
    "BEELAG0003": (30, 40, 12, 90),
    "WINRED0004": (8, 30, 9, 60),
}


def stock(store_id: str = "S001") -> Rows:
    """Return shelves, warehouse, movements and what was done about alerts.

    MEAT has one open and no acknowledged shelf alert, WINES one acknowledged, BEERS none; the
    alert of MEACHI0002 concerns the warehouse; one alert of MEABEE0001 was resolved.
    """
    shelves, warehouses, thresholds = [], [], []
    for item, category, subcategory, aisle in ITEMS:
        current, capacity, low, behind = _STOCK[item]
        shelves.append(
            {
                "store_id": store_id,
                "shelf_id": item,
                "category": category,
                "subcategory": subcategory,
                "aisle": aisle,
                "current_stock": current,
                "in_transit": 0,
                "in_carts": 1,
                "shelf_capacity": capacity,
                "fill_rate": current / capacity,
                "low_below_qty": low,
                "target_qty": round(0.8 * capacity),
                "is_low": current < low,
                "last_event_ts": ago(5),
            }
        )
        warehouses.append(
            {
                "store_id": store_id,
                "shelf_id": item,
                "category": category,
                "subcategory": subcategory,
                "batch_size": 12,
                "current_stock": behind,
                "warehouse_capacity": 100,
                "fill_rate": behind / 100,
                "reorder_point": 5,
                "is_low": behind < 5,
                "last_event_ts": ago(15),
            }
        )
        thresholds += [
            {
                "store_id": store_id,
                "item_id": item,
                "location": location,
                "capacity": place,
                "low_below_qty": below,
                "clear_at_qty": below,
                "target_qty": round(0.8 * place),
                "cooldown_minutes": 60,
                "policy_id": f"{location}-default",
                "valid_from_ts": ago(3_000),
                "valid_to_ts": FOREVER,
            }
            for location, place, below in (("shelf", capacity, low), ("warehouse", 100, 5))
        ]
    return {
        "cleansed.shelf_state": shelves,
        "cleansed.warehouse_state": warehouses,
        "cleansed.stock_thresholds": thresholds,
        "cleansed.stock_movements": movements(store_id),
        "live.category_status": [
            category_status(
                store_id,
                "MEAT",
                shelves=2,
                low_shelves=2,
                empty_shelves=1,
                open_shelf_alerts=1,
                shelf_alerts=1,
                warehouse_alerts=1,
            ),
            category_status(store_id, "BEERS", shelves=1),
            category_status(
                store_id,
                "WINES",
                shelves=1,
                low_shelves=1,
                acknowledged_shelf_alerts=1,
                shelf_alerts=1,
                open_tasks=1,
            ),
        ],
        "live.store_traffic": [
            {
                "store_id": store_id,
                "pane_start_ts": ago(minutes),
                "entries": 3,
                "exits": 1,
                "people_in_store": inside,
            }
            # 22:48 UTC is yesterday in Rome, 23:30 UTC is today.
            for minutes, inside in ((13 * 60, 7), (12 * 60 + 18, 9), (60, 12), (5, 30))
        ],
        **alerts(store_id),
    }


def movements(store_id: str) -> list[dict[str, Any]]:
    """Return what was moved of MEABEE0001: opened, sold, restocked, sold out."""
    legs = [
        # minutes ago, type, location, pieces
        (2_880, "OPENING", "shelf", 18),
        (2_880, "OPENING", "warehouse", 50),
        (2_000, "PICKUP", "shelf", -13),
        (300, "WH_OUT", "warehouse", -10),
        (290, "SHELF_IN", "shelf", 10),
        (100, "PICKUP", "shelf", -15),
    ]
    return [
        {
            "source_table": "shelf_events",
            "event_id": f"{store_id}-{number}",
            "leg": 1,
            "movement_type": kind,
            "location": location,
            "store_id": store_id,
            "item_id": "MEABEE0001",
            "qty_signed": pieces,
            "event_ts": ago(minutes),
            "event_date": ago(minutes).date(),
        }
        for number, (minutes, kind, location, pieces) in enumerate(legs)
    ]


def alert(
    alert_id: str, shelf_id: str, category: str, status: str, store_id: str = "S001", **more: Any
) -> dict[str, Any]:
    """Return a row of ops.alerts."""
    return {
        "alert_id": alert_id,
        "alert_type": "refill_request",
        "store_id": store_id,
        "shelf_id": shelf_id,
        "location": "shelf",
        "category": category,
        "status": status,
        "is_active": status in {"open", "ack"},
        "severity": "CRITICAL" if status in {"open", "ack"} else None,
        "opened_ts": ago(100),
        "updated_ts": ago(90),
        "episodes": 1,
        "last_actor": "system",
        "last_note": "stock fell below its threshold",
        "current_stock": 0,
        "max_stock": 20,
        "low_below_qty": 6,
        "suggested_qty": 16,
    } | more


def alerts(store_id: str = "S001") -> Rows:
    """Return the alerts described in `stock`, with their trail and tasks."""
    prefix = "" if store_id == "S001" else f"{store_id}-"
    rows = [
        alert(f"{prefix}open-meat", "MEABEE0001", "MEAT", "open", store_id),
        alert(f"{prefix}ack-wine", "WINRED0004", "WINES", "ack", store_id, opened_ts=ago(95)),
        alert(
            f"{prefix}wh-chicken",
            "MEACHI0002",
            "MEAT",
            "open",
            store_id,
            alert_type="supplier_request",
            location="warehouse",
            suggested_qty=0,
            opened_ts=ago(60),
        ),
        alert(
            f"{prefix}resolved-meat",
            "MEABEE0001",
            "MEAT",
            "resolved",
            store_id,
            opened_ts=ago(1_500),
            updated_ts=ago(1_460),
        ),
    ]
    return {
        "ops.alerts": rows,
        "ops.alert_transitions": [
            {
                "alert_id": f"{prefix}ack-wine",
                "alert_type": "refill_request",
                "store_id": store_id,
                "shelf_id": "WINRED0004",
                "location": "shelf",
                "transition_no": number,
                "transition_ts": ago(95 - number),
                "from_status": before,
                "to_status": after,
                "actor": actor,
                "note": note,
            }
            for number, before, after, actor, note in (
                (1, None, "open", "system", "stock fell below its threshold"),
                (2, "open", "ack", "restock-planner", "restock task c-<2>"),
            )
        ],
        "ops.commands": [
            {
                "command_id": f"{prefix}c-{number}",
                "command_type": "restock",
                "store_id": store_id,
                "shelf_id": "WINRED0004",
                "qty": qty,
                "alert_id": f"{prefix}ack-wine",
                "priority": "0.7",
                "issued_ts": ago(minutes),
                "expires_ts": ago(minutes - 240),
                "picked_qty": qty,
                "placed_qty": 0,
                "returned_qty": 0,
                "status": status,
                "updated_ts": ago(minutes - 5),
            }
            for number, minutes, qty, status in (
                (1, 900, 11, "completed"),
                (2, 93, 16, "in_transit"),
            )
        ],
        "ops.shelf_restock_plan": [
            {
                "plan_id": f"{prefix}p-1",
                "store_id": store_id,
                "shelf_id": "MEABEE0001",
                "suggested_qty": 14,
                "status": "pending",
                "priority": "1",
                "alert_id": f"{prefix}open-meat",
                "created_ts": AS_OF,
                "expires_ts": AS_OF,
                "updated_ts": AS_OF,
            }
        ],
    }


def quality() -> Rows:
    """Return two runs of the checks: in the first one fails and one warns, then only one warns."""
    runs = [("q-1", ago(48)), ("q-2", ago(18))]
    checks = [
        ("Q1", "sales_are_fresh", "cleansed/sales_lines", "ALL", "error", (340.0, 20.0), 300.0,
         ("fail", "pass")),
        ("Q19", "prices_are_steady", "analytics/fact_sales", "ALL", "warn", (2.0, 3.0), 0.0,
         ("warn", "warn")),
        ("Q12", "nothing_stands_twice", "analytics/fact_sales", "sale_id", "critical", (0.0, 0.0),
         0.0, ("pass", "pass")),
        ("Q6", "volume_is_as_usual", "cleansed/sales_lines", "ALL", "error", (None, None), 2.0,
         ("skipped", "skipped")),
    ]  # fmt: skip
    samples = {"prices_are_steady": '[{"item_id": "MEABEE0001"}, {"item_id": "WINRED0004"}]'}
    return {
        "dq.reports": [
            {"run_id": run, "run_ts": at, "dq_score": score, "checks_passed": passed,
             "checks_total": 3, "data_freshness_seconds": fresh}
            for (run, at), score, passed, fresh in zip(
                runs, (60.0, 100.0), (1, 2), (340.0, 20.0), strict=True
            )
        ],
        "dq.results": [
            {"run_id": run, "run_ts": at, "check_no": no, "check_name": name, "asset": asset,
             "scope": scope, "severity": severity, "observed": observed[place],
             "threshold": bound, "status": states[place], "sample_json": samples.get(name)}
            for place, (run, at) in enumerate(runs)
            for no, name, asset, scope, severity, observed, bound, states in checks
        ],
        "dq.table_monitoring": [
            {"run_id": "q-2", "run_ts": ago(18), "table": table, "rows": rows,
             "size_bytes": 1_000 * rows, "files": 1, "partitions": 1, "delta_version": 3,
             "last_modified_ts": ago(20), "status": "HAS_DATA" if rows else "EMPTY"}
            for table, rows in (("raw/quarantine", 0), ("analytics/fact_sales", 500))
        ],
        "ops.job_runs": [
            {"run_id": "j-1", "job": "hourly_pipeline", "status": "SUCCESS",
             "started_ts": ago(60), "duration_s": 41.0, "updated_ts": ago(59)},
            {"run_id": "j-2", "job": "micro_batch", "status": "FAILURE", "started_ts": ago(2),
             "error": "the disk is full", "updated_ts": ago(1)},
        ],
    }  # fmt: skip


def benchmarks() -> Rows:
    """Return two runs of the benchmarks, one of them in part; a figure without a target."""

    def row(run: str, name: str, unit: str, figure: float, target: float | None, met: bool | None):
        return {
            "run_id": run, "name": name, "unit": unit, "figure": figure, "least": figure,
            "most": figure, "repetitions": 1, "target": target,
            "is_at_least": unit == "events/s", "is_met": met, "method": "once",
            "machine": "2 cores", "commit": None,
            "measured_at": ago(10 if run == "new" else 90),
        }  # fmt: skip

    return {
        "ops.benchmarks": [
            row("old", "drain", "events/s", 170_000, 150_000, True),
            row("old", "micro-batch, at work", "s", 0.5, 1, True),
            row("old", "replay", "s", 21, None, None),
            row("new", "micro-batch, at work", "s", 1.5, 1, False),
        ]
    }


def archived() -> Rows:
    """Return what was moved to the archive: two days of receipts, one of which came back."""
    return {
        "ops.retention_log": [
            {"table": "raw/pos_transactions", "partition": f"event_date=2025-10-0{day}",
             "number": day, "rows": 100 * day, "bytes": 1_000 * day, "hot_bytes": 3_000 * day,
             "archived_at": ago(1_000), "restored_at": ago(10) if day == 1 else None}
            for day in (1, 2)
        ]
    }  # fmt: skip


def quarantine() -> Rows:
    """Return some refused events."""
    return {
        "dq.quarantine_summary": [
            {
                "topic": "pos_transactions",
                "reason_code": "invalid_field",
                "events": 12,
                "last_ts": ago(30),
            }
        ],
        "dq.quarantine_latest": [
            {
                "topic": "pos_transactions",
                "stream": "pos_transactions:S001",
                "stream_id": f"17-{number}",
                "entry_index": 0,
                "reason_code": "invalid_field",
                "reason": "items[0].quantity=-4: expected at least 1",
                "event_id": f"till-{number}",
                "payload": '{"id": "till"}',
                "payload_encoding": "utf-8",
                "ingest_ts": ago(30 + number),
                "ingest_batch": 7,
                "ingest_date": AS_OF.date(),
            }
            for number in range(3)
        ],
    }


# Rome is an hour ahead of UTC in winter: cutoffs at noon, deliveries at eight.
NEXT_CUTOFF = datetime(2026, 1, 4, 11, tzinfo=UTC)
LAST_CUTOFF = datetime(2026, 1, 1, 11, tzinfo=UTC)
_SUBCATEGORY = {item: (category, subcategory) for item, category, subcategory, _ in ITEMS}


def _of(item: str, store_id: str) -> dict[str, Any]:
    """Return the columns that say which item a row is about."""
    category, subcategory = _SUBCATEGORY[item]
    return {
        "store_id": store_id,
        "shelf_id": item,
        "category": category,
        "subcategory": subcategory,
    }


def planned(item: str, store_id: str = "S001", **more: Any) -> dict[str, Any]:
    """Return a row of ops.supplier_plan for the next cutoff."""
    return (
        _of(item, store_id)
        | {
            "cutoff_ts": NEXT_CUTOFF,
            "delivery_ts": NEXT_CUTOFF + timedelta(hours=20),
            "policy": "base-stock",
            "stock_qty": 40,
            "on_order_qty": 0,
            "target_qty": 60,
            "needed_qty": 20,
            "planned_qty": 24,
            "order_qty": 24,
            "batch_size": 12,
            "bound": "batch",
            "status": "pending",
            "updated_ts": ago(1),
        }
        | more
    )


# What the policy `forecast` says of a line.
EXPLAINED = {
    "source": "forecast",
    "demand_mean": 31.26,
    "critical_ratio": 0.97,
    "level_quantile": 0.94,
    "expected_outdated": 1.2,
    "expected_order_outdated": 0.02,
    "expected_lost": 0.31,
    "model_version": "orders-1",
    "forecast_method": "xgboost",
}


def supply(store_id: str = "S001") -> Rows:
    """Return plan, orders and receipts.

    For the next cutoff 24 MEABEE0001 are planned, MEACHI0002 is held back, BEELAG0003 was changed
    to 12. Of the orders one came in full, one damaged and in part, one is overdue, one is to come.
    """
    prefix = "" if store_id == "S001" else f"{store_id}-"
    plan = [
        planned("MEABEE0001", store_id),
        planned(
            "MEACHI0002",
            store_id,
            stock_qty=7,
            on_order_qty=12,
            target_qty=80,
            needed_qty=61,
            planned_qty=48,
            order_qty=0,
            bound="capacity",
            decision="held",
            actor="Anna",
            note="supplier on strike",
        ),
        planned(
            "BEELAG0003",
            store_id,
            stock_qty=120,
            target_qty=130,
            needed_qty=10,
            planned_qty=0,
            order_qty=12,
            bound="shelf_life",
            decision="changed",
            actor="Bruno",
            note="fair in <town>",
        ),
        planned(
            "WINRED0004",
            store_id,
            cutoff_ts=LAST_CUTOFF,
            delivery_ts=LAST_CUTOFF + timedelta(hours=20),
            status="completed",
            decision="approved",
            actor="Anna",
            **EXPLAINED,
            # Not kept of what was ordered.
            **dict.fromkeys(("policy", "stock_qty", "on_order_qty", "target_qty", "needed_qty")),
            bound=None,
        ),
    ]
    cutoffs = [
        (NEXT_CUTOFF, "next", 2, 36),
        (LAST_CUTOFF, "closed", 3, 72),
        (LAST_CUTOFF - timedelta(days=2), "closed", 1, 12),
    ]
    orders = [
        # order, item, days after the last cutoff, ordered, received, damaged, missing, status
        ("o-1", "WINRED0004", 0, 24, 20, 3, 1, "delivered"),
        ("o-2", "MEABEE0001", -2, 12, 12, 0, 0, "delivered"),
        ("o-3", "MEACHI0002", 0, 12, 0, 0, None, "overdue"),
        ("o-4", "BEELAG0003", 3, 36, 0, 0, None, "issued"),
    ]
    return {
        "ops.supplier_plan": plan,
        "ops.supplier_cutoffs": [
            {
                "store_id": store_id,
                "cutoff_ts": moment,
                "delivery_ts": moment + timedelta(hours=20),
                "status": status,
                "policy": "base-stock",
                "order_lines": lines,
                "order_pieces": pieces,
                "closed_ts": None if status == "next" else moment + timedelta(minutes=1),
            }
            for moment, status, lines, pieces in cutoffs
        ],
        "ops.supplier_orders": [
            _of(item, store_id)
            | {
                "order_id": f"{prefix}{order_id}",
                "batch_size": 12,
                "cutoff_ts": LAST_CUTOFF + timedelta(days=min(days, 0)),
                "delivery_ts": LAST_CUTOFF + timedelta(days=days, hours=20),
                "ordered_qty": ordered,
                "received_qty": received,
                "damaged_qty": damaged,
                "missing_qty": missing,
                "ordered_value": f"{ordered * 3.49:.2f}",
                "status": status,
                "is_late": status == "overdue",
                "issued_ts": LAST_CUTOFF + timedelta(days=min(days, 0)),
                "delivered_ts": LAST_CUTOFF + timedelta(days=days, hours=21)
                if status == "delivered"
                else None,
            }
            for order_id, item, days, ordered, received, damaged, missing, status in orders
        ],
        "ops.supplier_receipts": [
            {
                "receipt_id": f"{prefix}r-{number}",
                "order_id": f"{prefix}{order_id}",
                "store_id": store_id,
                "shelf_id": item,
                "delivery_date": date(2026, 1, 2) - timedelta(days=days),
                "received_qty": received,
                "damaged_qty": damaged,
                "lots": 1,
                "delay_minutes": delay,
                "checked_ts": LAST_CUTOFF + timedelta(hours=21, days=-days),
            }
            for number, order_id, item, days, received, damaged, delay in (
                (1, "o-1", "WINRED0004", 0, 20, 3, 90),
                (2, "o-2", "MEABEE0001", 2, 12, 0, 0),
            )
        ],
    }


TODAY = date(2026, 1, 3)

# item, lot, pieces on the shelf, in the warehouse, days to expiry, markdown
LOTS = (
    ("MEABEE0001", "L-M1", 0, 40, 5, 0.0),
    ("MEACHI0002", "L-C1", 2, 0, -1, 0.0),
    ("MEACHI0002", "L-C2", 3, 2, 1, 0.3),
    ("BEELAG0003", "L-B1", 25, 90, 149, 0.0),
    ("BEELAG0003", None, 5, 0, None, 0.0),
    ("WINRED0004", "L-W1", 8, 0, 363, 0.0),
    ("WINRED0004", "L-W2", 0, 60, 363, 0.0),
)


def lots(store_id: str = "S001") -> Rows:
    """Return lots as in `LOTS`, and a correction of L-C1 on the shelf from 4 to 2 pieces."""
    aisles = {item: aisle for item, _, _, aisle in ITEMS}
    shelf, warehouse = [], []
    for item, lot, on_shelf, behind, days, markdown in LOTS:
        row = _of(item, store_id) | {
            "batch_code": lot,
            "received_date": None if lot is None else TODAY - timedelta(days=10),
            "expiry_date": None if days is None else TODAY + timedelta(days=days),
            "days_to_expiry": days,
            "last_event_ts": ago(20),
        }
        if on_shelf:
            more = {"batch_quantity_store": on_shelf, "markdown": markdown, "aisle": aisles[item]}
            shelf.append(row | more)
        if behind:
            warehouse.append(row | {"batch_quantity_warehouse": behind})
    return {
        "cleansed.shelf_batch_state": shelf,
        "cleansed.warehouse_batch_state": warehouse,
        "ops.stock_corrections": [
            {
                "event_id": f"{store_id}-operator-count",
                "store_id": store_id,
                "shelf_id": "MEACHI0002",
                "location": "shelf",
                "batch_code": "L-C1",
                "counted_qty": 2,
                "book_qty": 4,
                "correction_qty": -2,
                "actor": "Anna",
                "note": "two were torn",
                "event_ts": ago(200),
            }
        ],
    }


def waste(store_id: str = "S001") -> Rows:
    """Return waste, markdowns and removals: 6 pieces wasted in the last 7 days, 10 before."""
    prefix = "" if store_id == "S001" else f"{store_id}-"
    return {
        "live.waste_daily": [
            {
                "store_id": store_id,
                "business_date": TODAY - timedelta(days=days),
                "category": category,
                "wasted_units": wasted,
                "wasted_value": value,
                "marked_down_units": units,
                "marked_down_net": net,
                "markdown_cost": cost,
            }
            for days, category, wasted, value, units, net, cost in (
                (0, "MEAT", 1, "3.49", 2, "4.89", "2.09"),
                (0, "WINES", 1, "3.49", 0, "0", "0"),
                (1, "MEAT", 4, "13.96", 3, "7.33", "3.14"),
                (33, "MEAT", 10, "34.90", 0, "0", "0"),
            )
        ],
        "ops.markdowns": [
            _of(item, store_id)
            | {
                "plan_id": f"{prefix}m-{number}",
                "batch_code": lot,
                "expiry_date": TODAY + timedelta(days=days),
                "discount": discount,
                "valid_from_ts": ago(60 * hours),
                "valid_to_ts": ago(60 * (hours - 24)),
                "status": status,
                "sold_qty": sold,
                "sold_net": net,
                "created_ts": ago(60 * hours + 5),
            }
            for number, item, lot, days, discount, hours, status, sold, net in (
                (1, "MEACHI0002", "L-C2", 1, "0.3", 4, "active", 2, "4.89"),
                (2, "MEACHI0002", "L-C1", -1, "0.5", 40, "ended", 3, "7.33"),
                (3, "MEABEE0001", "L-M1", 5, "0.3", -80, "pending", 0, "0"),
            )
        ],
        "ops.removals": [
            _of(item, store_id)
            | {
                "plan_id": f"{prefix}x-{number}",
                "location": location,
                "batch_code": lot,
                "expiry_date": TODAY - timedelta(days=1),
                "status": status,
                "expected_qty": expected,
                "removed_qty": removed,
                "wasted_value": value,
                "created_ts": ago(300),
                "completed_ts": ago(200) if status == "completed" else None,
            }
            for number, item, location, lot, status, expected, removed, value in (
                (1, "MEACHI0002", "shelf", "L-C1", "issued", 2, None, None),
                (2, "MEACHI0002", "warehouse", "L-C0", "completed", 5, 4, "13.96"),
                (3, "MEABEE0001", "shelf", "L-M0", "pending", 1, None, None),
            )
        ],
    }


def operator_actions(store_id: str = "S001") -> Rows:
    """Return what Anna and Bruno did, newest first."""
    actions: tuple[dict[str, Any], ...] = (
        {"action": "stock_counted", "actor": "Anna", "location": "shelf", "batch_code": "L-C1"}
        | {"shelf_id": "MEACHI0002", "quantity": 2, "note": "two were torn"},
        {"action": "supplier_order_changed", "actor": "Bruno", "shelf_id": "BEELAG0003"}
        | {"cutoff_ts": NEXT_CUTOFF, "quantity": 12, "note": "fair in <town>"},
        {"action": "supplier_order_held", "actor": "Anna", "shelf_id": "MEACHI0002"}
        | {"cutoff_ts": NEXT_CUTOFF, "note": "supplier on strike"},
        {"action": "alert_acknowledged", "actor": "Bruno", "shelf_id": "WINRED0004"}
        | {"location": "shelf", "alert_id": "ack-wine"},
    )
    return {
        "ops.operator_actions": [
            {"store_id": store_id, "event_id": f"{store_id}-operator-{number}"}
            | {"event_ts": ago(200 + number)}
            | action
            for number, action in enumerate(actions)
        ]
    }


def loop(store_id: str = "S001") -> Rows:
    """Return all that goes beyond stock and alerts: supply, lots, waste and people's actions."""
    return supply(store_id) | lots(store_id) | waste(store_id) | operator_actions(store_id)


# Quantiles of a forecast over its median: of goods that sell daily, and of those that seldom do.
_DAILY = (0.2, 0.5, 0.8, 1, 1.2, 1.4, 1.6, 1.9, 2, 2.1, 2.3)
_SELDOM = (0, 0, 0.5, 1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4)
CUTOFF_BEFORE = LAST_CUTOFF - timedelta(days=2)


def prediction(
    item: str, window: str, horizon: int, median: float, store_id: str = "S001", **more: Any
) -> dict[str, Any]:
    """Return a row of ml.predictions; wine sells daily, all else seldom."""
    spread = _DAILY if item == "WINRED0004" else _SELDOM
    origin = more.get("origin_ts", LAST_CUTOFF)
    return {
        "origin_ts": origin,
        "store_id": store_id,
        "item_id": item,
        "window": window,
        "horizon": horizon,
        "from_ts": origin,
        "until_ts": origin + timedelta(days=horizon),
        "model_version": "days-1",
        "method": "xgboost",
        "demand_class": "smooth",
        "mean": median * 1.1,
        **{name: median * part for name, part in zip(QUANTILE_COLUMNS, spread, strict=True)},
    } | more


# origin, item, actual, forecast, loss, in 80, in 95, class, censored
_OUTCOMES = (
    (LAST_CUTOFF, "WINRED0004", 10, 12, 0.5, True, True, "smooth", False),
    (LAST_CUTOFF, "BEELAG0003", 0, 1, 0.1, False, True, "smooth", False),
    (CUTOFF_BEFORE, "WINRED0004", 5, 5, 0.0, True, True, "smooth", False),
    (CUTOFF_BEFORE, "BEELAG0003", 20, 15, 2.0, False, False, "lumpy", False),
    (LAST_CUTOFF - timedelta(days=4), "WINRED0004", 15, 18, 1.4, True, True, "lumpy", False),
    (LAST_CUTOFF - timedelta(days=4), "BEELAG0003", 1, 99, 50.0, False, False, "lumpy", True),
)


def forecasts(store_id: str = "S001") -> Rows:
    """Return forecasts of wine and lager at two cutoffs, how they turned out, and some sales.

    The five judged outcomes of the window cover have the errors 2, 1, 0, -5 and 3 on a demand of
    50; one more is censored.
    """
    sums = [("next_7", 7, 30.0), ("next_30", 30, 120.4), ("cover", 4, 16.2)]
    days = [("day", day, 4.0) for day in range(1, 31)]
    return {
        "ml.predictions": [
            prediction(item, window, horizon, median, store_id, origin_ts=origin)
            for item, origin, ahead in (
                ("WINRED0004", LAST_CUTOFF, 30),
                ("WINRED0004", CUTOFF_BEFORE, 2),
                ("BEELAG0003", LAST_CUTOFF, 2),
                ("BEELAG0003", CUTOFF_BEFORE, 2),
            )
            for window, horizon, median in (*days[:ahead], *sums)
        ],
        "ml.accuracy": [
            {
                "origin_ts": origin,
                "store_id": store_id,
                "item_id": item,
                "window": window,
                "horizon": horizon,
                "until_ts": origin + timedelta(days=horizon),
                "method": "xgboost",
                "demand_class": demand_class,
                "actual": actual,
                "sold": actual,
                "mean": forecast,
                "median": forecast,
                "pinball": loss,
                "in_80": in_80,
                "in_95": in_95,
                "is_censored": is_censored,
            }
            for origin, item, actual, forecast, loss, in_80, in_95, demand_class, is_censored in (
                _OUTCOMES
            )
            # Day 2 is not among the windows that are told.
            for window, horizon in (("cover", 4), ("day", 2))
        ],
        "cleansed.sales_lines": [
            {
                "event_type": "SALE",
                "event_ts": LAST_CUTOFF - timedelta(days=days),
                "store_id": store_id,
                "item_id": "WINRED0004",
                "qty": days,
                "business_date": date(2026, 1, 1) - timedelta(days=days),
            }
            for days in range(1, 5)
        ],
    }


def models() -> Rows:
    """Return what is known of models: for orders the second was kept out, days have baselines."""
    return {
        "ml.promotions": [
            {
                "decided_ts": ago(60 * hours),
                "family": family,
                "model_version": version,
                "champion_version": before,
                "decision": decision,
                "reason": f"because of {version}",
                "methods": methods,
                "origins": 8,
                "loss_challenger": 0.11,
                "loss_champion": 0.1 if decision == "kept" else None,
                "best_baseline": "ets",
                "loss_baseline": 0.12,
                "gain": 0.08,
                "gain_low": 0.02,
                "gain_high": 0.13,
                "coverage_80": 0.79,
                "coverage_95": 0.94,
            }
            for hours, family, version, before, decision, methods in (
                (240, "orders", "orders-1", "orders-0", "promoted", '{"smooth": "xgboost"}'),
                (72, "orders", "orders-2", "orders-1", "kept", '{"smooth": "xgboost+ets"}'),
                (72, "days", "days-2", "days-1", "baseline", '{"smooth": "ets", "new": "tsb"}'),
            )
        ],
        "ml.models": [
            {
                "model_version": "orders-1",
                "family": "orders",
                "trained_ts": ago(14_400),
                "first_day": date(2025, 1, 1),
                "last_day": date(2025, 12, 23),
                "rows": 12_345,
                "items": 390,
            }
        ],
        "ml.backtests": [
            {
                "model_version": version,
                "family": family,
                "method": method,
                "demand_class": demand_class,
                "n": 100,
                "wape": 3 * loss,
                "bias": 0.01,
                "pinball": loss,
                "coverage_80": 0.79,
                "coverage_95": 0.94,
            }
            for version, family, method, demand_class, loss in (
                ("orders-1", "orders", "xgboost", "all", 0.09),
                ("orders-1", "orders", "ets", "all", 0.12),
                ("orders-1", "orders", "tsb", "all", 0.13),
                ("orders-1", "orders", "tsb", "lumpy", 0.21),
                ("orders-1", "orders", "ets", "lumpy", 0.22),
                ("orders-2", "orders", "croston", "all", 0.01),
                ("days-2", "days", "xgboost", "all", 0.3),
                ("days-2", "days", "moving_average", "all", 0.25),
            )
        ],
        "ml.drift": [
            {
                "as_of_ts": ago(1_440 * days),
                "family": "orders",
                "model_version": "orders-1",
                "metric": metric,
                "feature": feature,
                "value": value,
                "threshold": threshold,
                "is_alarm": is_alarm,
            }
            for days, metric, feature, value, threshold, is_alarm in (
                (1, "psi", "mean_7", 0.9, 0.25, True),
                (0, "psi", "mean_7", 0.04, 0.25, False),
                (0, "psi", "promo", 0.31, 0.25, True),
                (1, "error_ratio", None, 1.1, 1.5, False),
                (0, "error_ratio", None, 1.7, 1.5, True),
                (0, "coverage_80", None, 0.78, 0.7, False),
            )
        ],
        "ml.feature_importance": [
            {
                "model_version": version,
                "family": "orders",
                "feature": feature,
                "gain_share": gain,
                "shap_share": shap,
            }
            for version, feature, gain, shap in (
                ("orders-1", "mean_28", 0.7, 0.4),
                ("orders-1", "promo", 0.3, 0.6),
                ("orders-2", "age", 1.0, 1.0),
            )
        ],
    }


def all_of_one_store() -> tuple[Rows, ...]:
    """Return all of the above about the first store: its stock, plans, alerts and forecasts."""
    return catalogue(), store(), stock(), loop(), forecasts(), models()


def built(*tables: str) -> Rows:
    """Return that tables of the analytics were built; they are there, if empty."""
    return {f"analytics.{table}": [] for table in tables} | {
        "analytics.versions": [
            {"table": f"analytics/{table}", "version": 1, "as_of_ts": AS_OF, "published_at": AS_OF}
            for table in tables
        ]
    }


def analytics_of_an_item(store_id: str = "S001") -> Rows:
    """Return what the analytics say of beef: three days of sales, one in a promotion; its risk.

    Lager is offered beside it.
    """
    tables = ("dim_product", "daily_product_sales", "stock_risk", "item_classification")
    return built(*tables, "product_recommendations") | {
        "analytics.dim_product": [
            {
                "item_id": item,
                "product_name": f"{subcategory}, best",
                "category": category,
                "sub_category": subcategory,
                "is_perishable": category == "MEAT",
                "is_current": True,
            }
            for item, category, subcategory, _ in ITEMS
        ],
        "analytics.daily_product_sales": [
            {
                "date_key": TODAY - timedelta(days=days),
                "store_id": store_id,
                "item_id": "MEABEE0001",
                "currency": "EUR",
                "units_sold": units,
                "units_returned": 0,
                "net_sales": f"{units * price:.2f}",
                "asp": price,
                "discount_value": f"{units * (3.49 - price):.2f}",
                "discount_rate_pct": 100 * (1 - price / 3.49),
                "is_promoted": price < 3,
            }
            for days, units, price in ((45, 9, 3.49), (2, 12, 2.99), (1, 4, 3.49))
        ],
        "analytics.stock_risk": [
            {
                "store_id": store_id,
                "item_id": "MEABEE0001",
                "stock_out_risk_score": 0.873,
                "days_of_cover": 0.4,
                "risk_band": "red",
                "recommendation": "order",
            }
        ],
        "analytics.item_classification": [
            {
                "store_id": store_id,
                "item_id": "MEABEE0001",
                "abc_class": "A",
                "xyz_class": "Y",
                "movement_class": "fast",
                "units_30d": 16,
            }
        ],
        "analytics.product_recommendations": [
            {
                "period": "90d",
                "scope": store_id,
                "item_id": "MEABEE0001",
                "rank": 1,
                "recommended_item_id": "BEELAG0003",
                "score": 1.0,
                "reason": "rule",
                "lift": 2.5,
                "confidence": 0.4,
                "in_stock": True,
            }
        ],
    }


def handled_alerts(store_id: str = "S001") -> Rows:
    """Return two days of handling: 10 opened, 4 acknowledged in 20 minutes, 6 resolved in an hour."""
    days = [
        # days ago, type, opened, acknowledged, resolved, dismissed, backlog, minutes to each
        (1, "refill_request", 6, 3, 4, 0, 5, 45.0, 300.0),
        (0, "refill_request", 4, 1, 2, 1, 6, 35.0, 60.0),
        (0, "supplier_request", 2, 0, 0, 0, 2, 0.0, 0.0),
    ]
    return built("alert_handling") | {
        "analytics.alert_handling": [
            {
                "date_key": TODAY - timedelta(days=ago_days),
                "store_id": store_id,
                "alert_type": kind,
                "location": "shelf" if kind == "refill_request" else "warehouse",
                "opened": opened,
                "acknowledged": acknowledged,
                "resolved": resolved,
                "dismissed": dismissed,
                "backlog": backlog,
                "minutes_to_acknowledge": to_acknowledge,
                "minutes_to_resolve": to_resolve,
            }
            for (
                ago_days, kind, opened, acknowledged, resolved, dismissed, backlog,
                to_acknowledge, to_resolve,
            ) in days
        ]
    }  # fmt: skip


def scored(scope: tuple[str, str], minutes: float, score: float, **more: Any) -> dict[str, Any]:
    """Return a row of sales_anomalies: net sales of an hour, marked beyond 3.5."""
    is_anomaly = abs(score) > 3.5
    return {
        "scope_type": scope[0],
        "scope_id": scope[1],
        "currency": "EUR",
        "metric": "net_sales",
        "grain": "hour",
        "method": "seasonal_mad",
        "bucket_start": ago(minutes),
        "value": 100 + 10 * score,
        "baseline": 100.0,
        "score": score,
        "lower_band": 65.0,
        "upper_band": 135.0,
        "is_anomaly": is_anomaly,
        "direction": ("high" if score > 0 else "low") if is_anomaly else None,
        "severity": "LOW" if is_anomaly else None,
        "is_open": True,
        "is_holiday": False,
    } | more


def acknowledged(*anomalies: dict[str, Any], event_id: str = "looked-at") -> Rows:
    """Return that Anna has looked at some rows of `scored` or `analytics_files.anomaly`."""
    names = ("scope_type", "scope_id", "currency", "grain", "bucket_start", "direction")
    keys = [{name: one[name] for name in names} for one in anomalies]
    done = {"event_id": event_id, "actor": "Anna", "note": "fair in town"}
    rows = [key | done | {"store_id": store_of(key["scope_type"], key["scope_id"])} for key in keys]
    return {
        "ops.anomaly_acknowledgements": [row | {"acknowledged_ts": ago(5)} for row in rows],
        "ops.operator_actions": [
            row | {"action": "anomaly_acknowledged", "event_ts": ago(5)} for row in rows
        ],
    }


def unusual(store_id: str = "S001") -> Rows:
    """Return unusual sales: of the store's hours one rise and one drop; a day of beef; a sale."""
    store, whole = ("store", store_id), ("all", "ALL")
    trailing = {"method": "trailing_z"}
    item = {"metric": "units_sold", "grain": "day", "method": "poisson_tail"}
    return built("sales_anomalies", "nightly_anomalies") | {
        "analytics.sales_anomalies": [
            scored(store, 60, 4.2),
            scored(store, 120, -6.0),
            scored(store, 180, 1.0),
            scored(whole, 60, 0.5),
            scored(store, 60, 1.4, **trailing, is_anomaly=False, direction=None),
            scored(store, 120, 2.4, **trailing, is_anomaly=True, direction="high"),
            scored(store, 60 * 24 * 20, 5.0),
        ],
        "analytics.nightly_anomalies": [
            scored(("item", "MEABEE0001"), 60 * 36, 4.4, **item),
            scored(("item", "BEELAG0003"), 60 * 36, 0.3, **item),
        ],
        "live.sale_alerts": [
            {
                "alert_type": "HIGH_VALUE_SALE",
                "event_id": "till-1#2",
                "severity": "HIGH",
                "event_ts": ago(30),
                "store_id": store_id,
                "item_id": "WINRED0004",
                "transaction_id": "R-77",
                "current_value": 1200.0,
                "threshold_value": 1000.0,
            }
        ],
    }
