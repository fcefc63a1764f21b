"""Small serving files about stock and stores as the analytics tell of them.

Columns are those of the dbt models; what no model makes is reckoned by the functions that are
published. Figures are few and round, so that pages can be checked by hand.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import serving_files as files
import yaml

from smartshelf_dagster.analytics.demand_outlook import demand_outlook
from smartshelf_dagster.analytics.inventory_policy import inventory_policy
from smartshelf_dagster.analytics.restock import restock_recommendations
from smartshelf_dagster.analytics.stock_optimization import stock_optimization
from smartshelf_dagster.analytics.stock_risk import stock_risk

_MODELS = files.ROOT / "dbt_project" / "models" / "analytics"
_BUILT = (
    *("category_stock_status", "current_inventory", "daily_sales_summary", "dim_product"),
    *("inventory_ageing", "inventory_kpis", "inventory_turnover", "item_classification"),
    *("item_movers", "stock_movement_summary", "stockout_analysis", "store_comparison"),
    "store_performance_daily",
)
YESTERDAY = date(2026, 1, 2)
STATES = {"MEABEE0001": "OUT", "MEACHI0002": "LOW", "BEELAG0003": "NORMAL", "WINRED0004": "OVERSTOCK"}  # fmt: skip
_CATEGORY = {item: category for item, category, _, _ in files.ITEMS}
# Pieces of the day before, by type of movement and place.
MOVED = (
    ("WH_IN", "warehouse", 100),
    ("WH_OUT", "warehouse", -60),
    ("WH_OUT", "transit", 60),
    ("SHELF_IN", "transit", -55),
    ("SHELF_IN", "shelf", 55),
    ("RESTOCK_RETURN", "transit", -4),
    ("RESTOCK_RETURN", "warehouse", 4),
    ("RETURN", "transit", 2),
    ("PICKUP", "shelf", -50),
    ("PICKUP", "cart", 50),
    ("PUTBACK", "cart", -8),
    ("PUTBACK", "shelf", 8),
    ("SALE", "cart", -40),
    ("REMOVAL", "shelf", -3),
    ("REMOVAL", "warehouse", -1),
    ("COUNT", "shelf", -1),
)


@cache
def _models() -> dict[str, dict[str, Any]]:
    """Return what dbt says of the models of the analytics, by name."""
    texts = [path.read_text("utf-8") for path in _MODELS.glob("_*__models.yml")]
    told = [yaml.load(text, Loader=yaml.CSafeLoader)["models"] for text in texts]
    return {model["name"]: model for models in told for model in models}


def _columns(name: str) -> str:
    """Return the columns of a model that are published, as SQL declares them."""
    model = _models()[name]
    hidden = model["config"]["meta"]["analytics"].get("hide", [])
    return ", ".join(
        f'"{column["name"]}" {column["data_type"]}'
        for column in model["columns"]
        if column["name"] not in hidden
    )


def add(
    path: Path,
    *parts: Mapping[str, Sequence[Mapping[str, Any]]],
    frames: Mapping[str, pl.DataFrame] | None = None,
) -> Path:
    """Add the tables of the analytics to a serving file.

    Args:
        path: Where it is.
        parts: Rows by model; several are put together.
        frames: Tables that no model makes; as they are without a single item by default.
    """
    planned = planning() if frames is None else frames
    connection = duckdb.connect(str(path))
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("create schema analytics")
        connection.execute(
            'create table analytics.versions ("table" varchar, version bigint, '
            "as_of_ts timestamptz, published_at timestamptz)"
        )
        for name in (*_BUILT, *planned):
            connection.execute(
                "insert into analytics.versions values (?, 1, ?, ?)",
                [f"analytics/{name}", files.AS_OF, files.AS_OF],
            )
        for model in _BUILT:
            connection.execute(f"create table analytics.{model} ({_columns(model)})")
        for name, frame in planned.items():
            connection.register("frame", frame.to_arrow())
            connection.execute(f"create table analytics.{name} as select * from frame")
        for part in parts:
            for model, rows in part.items():
                for row in rows:
                    names = ", ".join(f'"{name}"' for name in row)
                    places = ", ".join("?" * len(row))
                    connection.execute(
                        f"insert into analytics.{model} ({names}) values ({places})",
                        list(row.values()),
                    )
    finally:
        connection.close()
    return path


def products() -> dict[str, list[dict[str, Any]]]:
    """Return the current version of each item."""
    return {
        "dim_product": [
            {"item_id": item, "product_name": name, "category": category, "is_current": True}
            for item, category, name, _ in files.ITEMS
        ]
    }


def _scopes(store_id: str) -> tuple[str, str]:
    return store_id, "ALL"


def levels(
    store_id: str = "S001", currency: str = "EUR", *, whole: bool = True
) -> dict[str, list[dict[str, Any]]]:
    """Return what is in a store: of four items one is out, one low, one right, one too much.

    Args:
        store_id: Store.
        currency: ISO 4217.
        whole: Whether it is all of its currency, so that `ALL` says the same.
    """
    stock = [
        {
            "store_id": store_id, "item_id": item, "category": _CATEGORY[item],
            "currency": currency, "quantity_on_hand": shelf, "wh_on_hand": 10, "on_order": 0,
            "inventory_position": shelf + 10, "reorder_point": 6, "safety_stock": 3,
            "max_stock": room, "stock_status": STATES[item], "stock_pct": 100 * shelf / room,
            "unit_cost": 2, "stock_value": 2 * shelf, "wh_stock_value": 20,
            "avg_daily_units": 4.0, "days_of_cover": shelf / 4,
            "nearest_expiry": date(2026, 1, 5),
        }
        for item, shelf, room in (
            ("MEABEE0001", 0, 20), ("MEACHI0002", 5, 20), ("BEELAG0003", 30, 40),
            ("WINRED0004", 35, 30),
        )
    ]  # fmt: skip
    kpis = [
        _counted([row for row in stock if category in {"ALL", row["category"]}], category)
        | {"store_id": scope, "currency": currency}
        for scope in (_scopes(store_id) if whole else (store_id,))
        for category in ("ALL", "MEAT", "BEERS", "WINES")
    ]
    return {"current_inventory": stock, "inventory_kpis": kpis}


def _counted(stock: list[dict[str, Any]], category: str) -> dict[str, Any]:
    states = [row["stock_status"] for row in stock]
    return {
        "category": category,
        "items_total": len(stock),
        "out_of_stock_items": states.count("OUT"),
        "critical_items": states.count("CRITICAL"),
        "low_stock_items": states.count("LOW"),
        "normal_items": states.count("NORMAL"),
        "overstock_items": states.count("OVERSTOCK"),
        "in_stock_rate_pct": 100 * (1 - states.count("OUT") / len(states)),
        "total_stock": sum(row["quantity_on_hand"] for row in stock),
        "total_wh_stock": 10 * len(stock),
        "stock_value": sum(row["stock_value"] for row in stock),
        "wh_stock_value": 20 * len(stock),
    }


def history(store_id: str = "S001", currency: str = "EUR") -> dict[str, list[dict[str, Any]]]:
    """Return what happened to stock: two items ran out, goods moved, some grew old."""
    usual = {"currency": currency, "period": "30d", "days": 30}
    outs = [
        usual
        | {
            "store_id": scope, "category": category, "item_id": item, "oos_events": events,
            "oos_minutes": minutes, "open_minutes": 10_000,
            "availability_pct": 100 - minutes / 100, "est_lost_units": lost / 3,
            "est_lost_revenue": lost, "frequent_oos_flag": item != "ALL" and events > 2,
            "mean_time_to_restock_min": 90.0, "longest_oos_minutes": 240.0,
        }
        for scope in _scopes(store_id)
        for category, item, events, minutes, lost in (
            ("ALL", "ALL", 6, 600, 100), ("MEAT", "ALL", 6, 600, 100),
            ("MEAT", "MEACHI0002", 1, 60, 10), ("MEAT", "MEABEE0001", 5, 540, 90),
            ("BEERS", "BEELAG0003", 0, 0, 0),
        )
    ]  # fmt: skip
    turned = [
        usual
        | {
            "store_id": scope, "category": category, "item_id": "ALL",
            "days_inventory_outstanding": stays, "turns_annualised": 365 / stays,
            "gmroi": gmroi, "turnover_class": pace, "cogs": 300, "avg_inventory_cost": 100.0,
            "sell_through_pct": 80.0,
        }
        for scope in _scopes(store_id)
        for category, stays, gmroi, pace in (
            ("ALL", 12.0, 1.5, "fast"), ("MEAT", 3.0, 4.0, "fast"), ("WINES", 73.0, 0.5, "slow"),
        )
    ]  # fmt: skip
    moved = [
        {
            "date_key": day, "store_id": store_id, "category": "MEAT", "movement_type": kind,
            "location": place, "currency": currency, "events": 1, "units": units,
            "value_at_cost": 2 * units, "value_at_price": 3 * units,
        }
        for day, movements in ((YESTERDAY, MOVED), (files.TODAY, [("WH_IN", "warehouse", 999)]))
        for kind, place, units in movements
    ]  # fmt: skip
    classes = [
        {
            "store_id": scope, "currency": currency, "item_id": item,
            "category": _CATEGORY[item], "abc_class": abc, "xyz_class": xyz, "revenue": revenue,
            "avg_daily_units": 4.0, "qty_expiring_7d": expiring, "expiry_risk_score": risk,
            "markdown_suggestion_pct": 50 * risk,
        }
        for scope in _scopes(store_id)
        for item, abc, xyz, revenue, expiring, risk in (
            ("MEABEE0001", "A", "X", 600, 0, 0.0), ("MEACHI0002", "A", "X", 200, 5, 0.4),
            ("BEELAG0003", "B", "Y", 150, 9, 0.0), ("WINRED0004", "C", "Z", 50, 0, 0.0),
        )
    ]  # fmt: skip
    movers = [
        {
            "store_id": scope, "currency": currency, "list": which, "place": 1, "item_id": item,
            "category": _CATEGORY[item], "avg_daily_units": rate, "on_hand": 40,
            "days_of_cover": 40 / rate,
        }
        for scope in _scopes(store_id)
        for which, item, rate in (("high", "MEABEE0001", 8.0), ("slow", "WINRED0004", 0.5))
    ]  # fmt: skip
    return {
        "stockout_analysis": outs,
        "inventory_turnover": turned,
        "stock_movement_summary": moved,
        "category_stock_status": [
            {
                "store_id": store_id, "category": "MEAT", "currency": currency, "total_sold": 40,
                "total_returned": 2, "total_restocked": 55, "total_wasted": 4,
                "net_shelf_change": 9, "net_warehouse_change": 43,
            }
        ],
        "item_classification": classes,
        "item_movers": movers,
        "inventory_ageing": [
            {
                "store_id": store_id, "item_id": item, "category": _CATEGORY[item],
                "currency": currency, "age_bucket": bucket, "units": 10, "value": value,
            }
            for item, bucket, value in (("MEACHI0002", "0-7", 90), ("WINRED0004", ">90", 240))
        ],
    }  # fmt: skip


def planning(*store_ids: str, currency: str = "EUR") -> dict[str, pl.DataFrame]:
    """Return the tables of stock planning, of all items of stores.

    One item has a forecast that says twice what it sold; one sells seldom; one expires soon.
    """
    given = {
        "MEABEE0001": {"on_hand": 0},
        "MEACHI0002": {"on_hand": 5, "life_days": 2.0},
        "BEELAG0003": {"on_hand": 300},
        "WINRED0004": {"on_hand": 2, "demand_class": "lumpy", "mean_daily": 0.4, "abc_class": "C"},
    }
    rows = [
        {
            "store_id": store_id, "item_id": item, "category": _CATEGORY[item],
            "currency": currency, "on_order": 12, "velocity_1h": 0.0, "velocity_24h": 0.0,
            "velocity_7d": 0.0, "history_days": 28, "units_28d": 112, "mean_daily": 4.0,
            "var_daily": 6.0, "list_price": 10.0, "unit_cost": 6.0, "pack_size": 6,
            "life_days": 200.0, "capacity_qty": 500, "abc_class": "A", "demand_class": "smooth",
            "delivery_ts": files.AS_OF + timedelta(days=1),
            "covers_until_ts": files.AS_OF + timedelta(days=3),
        }
        | more
        | {"inventory_position": more["on_hand"] + 12}
        for store_id in store_ids
        for item, more in given.items()
    ]  # fmt: skip
    names = {
        "store_id": pl.String, "item_id": pl.String, "category": pl.String, "currency": pl.String,
        "on_order": pl.Int64, "velocity_1h": pl.Float64, "velocity_24h": pl.Float64,
        "velocity_7d": pl.Float64, "history_days": pl.Int32, "units_28d": pl.Int64,
        "mean_daily": pl.Float64, "var_daily": pl.Float64, "list_price": pl.Float64,
        "unit_cost": pl.Float64, "pack_size": pl.Int32, "life_days": pl.Float64,
        "capacity_qty": pl.Int64, "abc_class": pl.String, "demand_class": pl.String,
        "delivery_ts": pl.Datetime("us", "UTC"), "covers_until_ts": pl.Datetime("us", "UTC"),
        "on_hand": pl.Int64, "inventory_position": pl.Int64,
    }  # fmt: skip
    stock = pl.DataFrame(rows, schema=names)
    said = pl.DataFrame(
        [
            {
                "store_id": store_id, "shelf_id": "MEABEE0001", "quantile": level,
                "until_ts": files.AS_OF + timedelta(days=days), "demand": 8.0 * days * share,
            }
            for store_id in store_ids
            for days in (1, 3, 7)
            for level, share in ((0.1, 0.7), (0.5, 1.0), (0.9, 1.3))
        ],
        schema={
            "store_id": pl.String, "shelf_id": pl.String, "quantile": pl.Float64,
            "until_ts": pl.Datetime("us", "UTC"), "demand": pl.Float64,
        },
    )  # fmt: skip
    outlook = demand_outlook(stock, said, files.AS_OF)
    risk = stock_risk(stock, outlook, files.AS_OF)
    policy = inventory_policy(stock, outlook, risk, files.AS_OF)
    return {
        "stock_risk": risk,
        "inventory_policy": policy,
        "restock_recommendations": restock_recommendations(stock, outlook, risk, policy),
        "stock_optimization": stock_optimization(stock, outlook, policy, files.AS_OF),
    }


def sales(
    store_id: str,
    daily: int,
    rank: int,
    *,
    currency: str = "EUR",
    square_feet: float | None = None,
    region: str | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Return what a store sold: the same on each of ten days, three fifths of it meat.

    Args:
        store_id: Store.
        daily: Money it takes a day; 10 for each receipt.
        rank: Among the stores of its currency.
        currency: ISO 4217.
        square_feet: Its sales area, if known.
        region: Where it lies, if known.
    """
    receipts = daily // 10
    compared = {
        "period": "30d", "store_id": store_id, "currency": currency, "net_sales": 10 * daily,
        "transactions": 10 * receipts, "anon_transactions": 2 * receipts, "customers": 20,
        "visitors": 20 * receipts, "conversion_rate": 0.5, "atv": 10.0, "upt": 4.0,
        "margin_pct": 25.0, "return_rate_units_pct": 1.0, "revenue_rank": rank,
        "square_footage": square_feet,
        "revenue_per_sqft": 10 * daily / square_feet if square_feet else None,
        "efficiency_rank": rank if square_feet else None, "overall_score": 100.0 / rank,
        "revenue_per_customer": daily / 2, "transactions_per_customer": receipts / 2,
        "growth_prev_period_pct": 5.0, "region": region,
    }  # fmt: skip
    days = [YESTERDAY - timedelta(days=back) for back in range(10)]
    return {
        "store_comparison": [compared],
        "store_performance_daily": [
            {
                "date_key": day, "store_id": store_id, "currency": currency, "net_sales": daily,
                "transactions": receipts, "atv": 10.0, "is_complete": day <= YESTERDAY,
            }
            for day in (files.TODAY, *days)
        ],
        "daily_sales_summary": [
            {
                "date_key": day, "store_id": store_id, "category": category,
                "currency": currency, "net_sales": share * daily / 5,
            }
            for day in days
            for category, share in (("MEAT", 3), ("WINES", 2))
        ],
    }  # fmt: skip
