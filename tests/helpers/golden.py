"""Three days of two small stores, small enough to check every figure by hand.

What is known of them stands in tests/integration/test_analytics_golden.py.
"""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.reference import load_master_data
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY, store_stream
from tests.helpers.events import cloud_event, encode

OPENED = datetime(2025, 3, 3, tzinfo=UTC)
END = datetime(2025, 3, 6, tzinfo=UTC)
# List price and cost.
ITEMS = {"P1": (10.0, 6.0), "P2": (5.0, 3.0), "P3": (2.5, 1.0)}
CATEGORIES = {"P1": "A", "P2": "A", "P3": "B"}


def line(number: int, item: str, quantity: int, price: float, discount: float = 0) -> dict:
    return {
        "line_no": number, "item_id": item, "quantity": quantity, "unit_price": price,
        "discount": discount,
    }  # fmt: skip


def receipt(
    name: str, store: str, time: str, lines: list[dict], kind: str = "sale", **more: str
) -> tuple[str, bytes]:
    fields = {"transaction_id": name, "items": lines, **more}
    event = cloud_event(f"pos.{kind}", f"receipt-{name}", time, store=store, **fields)
    return store_stream("pos_transactions", store), encode(event)


def shelf(
    kind: str, name: str, time: str, quantity: int, actor: str = "customer"
) -> tuple[str, bytes]:
    fields = {"shelf_id": "P1", "quantity": quantity, "actor_role": actor, "unit_weight_g": 500}
    if kind == "pickup":
        fields = {"shelf_id": "P1", "quantity": quantity}
    event = cloud_event(f"shelf.{kind}", name, time, store="S1", **fields)
    return store_stream("shelf_events", "S1"), encode(event)


def opening() -> tuple[str, bytes]:
    fields = {
        "location": "shelf", "shelf_id": "P1", "batch_code": "B0000001", "quantity": 3,
        "received_date": "2025-03-01", "expiry_date": "2026-03-01",
    }  # fmt: skip
    event = cloud_event(
        "warehouse.opening", "opening", "2025-03-03T00:00:00Z", store="S1", **fields
    )
    return store_stream("warehouse_events", "S1"), encode(event)


T1 = receipt(
    "T1", "S1", "2025-03-03T10:05:00Z", [line(1, "P1", 2, 10), line(2, "P2", 1, 5, 0.2)],
    customer_id="C1",
)  # fmt: skip
EVENTS = [
    opening(),
    T1,
    T1,
    receipt("T2", "S1", "2025-03-03T10:40:00Z", [line(1, "P1", 1, 10)], customer_id="C2"),
    receipt("T3", "S2", "2025-03-03T18:15:00Z", [line(1, "P3", 4, 2.5)]),
    receipt(
        "T4", "S1", "2025-03-04T10:20:00Z", [line(1, "P2", 3, 5), line(2, "P3", 2, 2.5)],
        customer_id="C1",
    ),
    receipt(
        "T5", "S1", "2025-03-04T11:00:00Z", [line(1, "P1", 1, 10)], "return",
        customer_id="C2", original_transaction_id="T2",
    ),
    receipt(
        "T6", "S2", "2025-03-05T10:10:00Z", [line(1, "P1", 1, 12, 0.1), line(2, "P2", 2, 5)],
        customer_id="C3",
    ),
    receipt("T7", "S2", "2025-03-05T10:15:00Z", [line(1, "P3", 0, 2.5)], customer_id="C3"),
    shelf("pickup", "out-1", "2025-03-03T10:05:00Z", 2),
    shelf("pickup", "out-2", "2025-03-03T10:40:00Z", 1),
    shelf("putback", "back-1", "2025-03-04T11:00:00Z", 1),
    shelf("putback", "fill-1", "2025-03-05T09:00:00Z", 5, "staff"),
]  # fmt: skip


def master_data(folder: Path) -> Path:
    """Write the master data of both stores."""
    folder.mkdir(parents=True)
    stores = {"S1": "sensors", "S2": "none"}
    tables = {
        "stores": [
            {
                "store_id": store, "store_name": store, "city": "Scandiano", "country": "Italy",
                "timezone": "UTC", "currency": "EUR", "stock_tracking": tracking,
                "opened_ts": OPENED, "region": "North", "store_type": "supermarket",
                "square_footage": 1000.0, "opens_at": "08:00", "closes_at": "20:00",
            }
            for store, tracking in stores.items()
        ],
        "items": [
            {
                "item_id": item, "category": CATEGORIES[item], "subcategory": CATEGORIES[item],
                "aisle": 1, "unit_weight_g": 500, "list_price": price, "batch_size": 5,
                "is_perishable": False,
            }
            for item, (price, _) in ITEMS.items()
        ],
        "item_prices": [
            {"item_id": item, "valid_from_ts": OPENED, "list_price": price, "unit_cost": cost}
            for item, (price, cost) in ITEMS.items()
        ],
        "store_items": [
            {
                "store_id": "S1", "item_id": item, "shelf_capacity": 20,
                "warehouse_capacity": 40, "visibility": 1.0,
            }
            for item in ITEMS
        ],
        "stock_policies": [
            {
                "policy_id": place, "location": place, "store_id": None, "category": None,
                "item_id": None, "low_frac": 0.3, "low_qty": 0, "clear_frac": 0.5,
                "target_frac": 1.0, "cooldown_minutes": 60, "valid_from_ts": OPENED,
            }
            for place in ("shelf", "warehouse")
        ],
        "zones": [
            {
                "zone_id": "Z1", "category": "A", "label": "A", "x0": 0.0, "y0": 0.0, "x1": 1.0,
                "y1": 1.0,
            }
        ],
        "weekly_discounts": [
            {
                "week_index": 0, "week_start_date": OPENED.date(), "week_end_date": END.date(),
                "item_id": "P3", "discount": 0.0, "list_price": 2.5, "discounted_price": 2.5,
            }
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        pl.DataFrame(rows).write_parquet(folder / f"{name}.parquet")
    return folder


def record_golden(folder: Path, url: str) -> tuple[Settings, DrainReport]:
    """Drain the three days into a lake, and build and publish it as of their end.

    Args:
        folder: Where to.
        url: A broker whose content may be lost.
    """
    settings = load_settings(lake=str(folder / "lake"))
    load_master_data(settings, master_data(folder / "reference"))
    client = connect(url, 10)
    client.flushall()
    client.set(SIM_NOW_KEY, END.strftime("%Y-%m-%dT%H:%M:%SZ"))
    session = LakeSession(settings, client)
    for stream, payload in EVENTS:
        send_batches(client, stream, [payload], 1)
    report = session.turn()
    client.close()
    return settings, report.drained
