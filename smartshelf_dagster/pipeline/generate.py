"""Loading a made-up history into a lake, through the same streams as everything else.

Belongs here: the stores and goods it is about, sending, and counting what arrived. Does not belong
here: what happened (`domain/sales_history.py`).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from smartshelf_dagster.domain.sales_history import (
    CATEGORIES,
    HistoryError,
    Recipe,
    StoreHistory,
    expected_events,
    generate,
)
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.reference import add_rows
from smartshelf_dagster.storage.warehouse import list_tables
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import store_stream
from smartshelf_dagster.transform.runner import warehouse_lock

_EVENTS_PER_ENTRY = 500
_EVENTS_PER_PART = 50_000
# A drain writes a file for every day of the past that it has events of: the fewer drains, the
# fewer files.
_EVENTS_PER_ROUND = 500_000
_RAW_SALES, _SALES_LINES = "raw/pos_transactions", "cleansed/sales_lines"
_COST_SHARE = 0.6
_SHELF_CAPACITY, _WAREHOUSE_CAPACITY = 100_000, 1_000_000


@dataclass(frozen=True)
class HistoryReport:
    """What a made-up history brought into the lake.

    Attributes:
        expected_events: Sales, returns and restocks that the recipe lets one expect.
        events: How many there are.
        sales: Sales among them.
        returns: Returns.
        restocks: Restocks of stores with sensors, and those that the others do not tell of.
        sent: Events sent: sales, returns, and what sensors and scanners saw.
        new_lines: Receipt lines that were not in the lake before.
        quarantined: Events that were refused.
        generate_s: Processor time to make them up, seconds.
        wall_s: From the first event sent to everything published, seconds.
    """

    expected_events: float
    events: int
    sales: int
    returns: int
    restocks: int
    sent: int
    new_lines: int
    quarantined: int
    generate_s: float
    wall_s: float

    def to_json(self) -> dict[str, float]:
        """Return the figures of the public contract."""
        return {
            "expected_events": round(self.expected_events),
            "events": self.events,
            "sales": self.sales,
            "returns": self.returns,
            "restocks": self.restocks,
            "sent": self.sent,
            "new_lines": self.new_lines,
            "quarantined": self.quarantined,
            "generate_s": round(self.generate_s, 2),
            "wall_s": round(self.wall_s, 2),
            "events_per_s": round(self.sent / self.wall_s, 1),
        }


def generate_history(
    session: LakeSession,
    recipe: Recipe,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> HistoryReport:
    """Send a made-up history through Redis, the drain and dbt, and publish.

    Args:
        session: The system.
        recipe: What happened.
        on_progress: Called with stores sent and stores in all.

    Raises:
        HistoryError: The history is not over by the clock in force, or its stores have another.
    """
    now = session.as_of()
    if recipe.end > now:
        raise HistoryError(
            f"months: {recipe.months} from {recipe.begin.date()}, expected an end by {now.date()}"
        )
    _refuse_another(session.settings, recipe)
    with warehouse_lock(session.settings, wait=True):
        before = _count_lines(session, recipe)
        add_master_data(session.settings, recipe)
        session.forget_reference()
    started, spent = time.perf_counter(), time.process_time()
    histories = list(generate(recipe))
    generate_s = time.process_time() - spent
    quarantined, waiting = 0, 0
    for done, history in enumerate(histories, 1):
        for stream, payloads in _parts(history):
            send_batches(session.client, stream, payloads, _EVENTS_PER_ENTRY)
            waiting += len(payloads)
            if waiting >= _EVENTS_PER_ROUND:
                with warehouse_lock(session.settings, wait=True):
                    quarantined += session.drain().rejected
                waiting = 0
        if on_progress:
            on_progress(done, recipe.stores)
    with warehouse_lock(session.settings, wait=True):
        quarantined += session.drain().rejected
        session.build(session.as_of())
        session.publish()
        lines = _count_lines(session, recipe)
    wall_s = time.perf_counter() - started
    counts = {
        kind: sum(h.counts[kind] for h in histories) for kind in ("sale", "return", "restock")
    }
    return HistoryReport(
        expected_events=expected_events(recipe),
        events=sum(counts.values()),
        sales=counts["sale"],
        returns=counts["return"],
        restocks=counts["restock"],
        sent=sum(history.events.height for history in histories),
        new_lines=lines - before,
        quarantined=quarantined,
        generate_s=generate_s,
        wall_s=wall_s,
    )


def _parts(history: StoreHistory) -> Iterator[tuple[str, list[bytes]]]:
    """Yield what to send, and to which stream."""
    for (topic,), own in history.events.group_by("topic", maintain_order=True):
        stream = store_stream(str(topic), history.store_id)
        for part in own.iter_slices(_EVENTS_PER_PART):
            yield stream, [payload.encode() for payload in part["payload"]]


def _refuse_another(settings: Settings, recipe: Recipe) -> None:
    """Refuse a second, different past of the same stores: both would count."""
    if not delta.table_exists(settings.table_uri(_RAW_SALES)):
        return
    told = archive.read_whole(settings.lake, _RAW_SALES, ["store_id", "source"])
    sources = pl.DataFrame(told).unique()
    for store in range(recipe.stores):
        others = sources.filter(store_id=recipe.store_id(store)).filter(
            pl.col("source") != recipe.source(store)
        )
        if others.height:
            raise HistoryError(
                f"seed: {recipe.seed}, expected another one: store {recipe.store_id(store)} has "
                f"events of {others['source'][0]} already, and not of this recipe"
            )


def add_master_data(settings: Settings, recipe: Recipe) -> None:
    """Add the stores and goods of a history that are not there yet."""
    opened = recipe.begin - timedelta(days=1)
    prices = recipe.list_prices().tolist()
    items = [recipe.item_id(item) for item in range(recipe.items)]
    tracked = [recipe.store_id(store) for store in range(recipe.sensors)]
    tables: dict[str, list[dict[str, object]]] = {
        "stores": [
            {
                "store_id": recipe.store_id(store), "store_name": f"Generated {store + 1}",
                "city": "Nowhere", "country": "Italy", "timezone": "UTC", "currency": "EUR",
                "stock_tracking": "sensors" if store < recipe.sensors else "none",
                "opened_ts": opened,
            }
            for store in range(recipe.stores)
        ],
        "items": [
            {
                "item_id": item, "category": f"Category {number % CATEGORIES + 1}",
                "subcategory": f"Category {number % CATEGORIES + 1}", "aisle": 1,
                "unit_weight_g": 500, "list_price": price, "batch_size": 10,
                "is_perishable": False,
            }
            for number, (item, price) in enumerate(zip(items, prices, strict=True))
        ],
        "item_prices": [
            {
                "item_id": item, "valid_from_ts": opened, "list_price": price,
                "unit_cost": round(price * _COST_SHARE, 4),
            }
            for item, price in zip(items, prices, strict=True)
        ],
        "store_items": [
            {
                "store_id": store, "item_id": item, "shelf_capacity": _SHELF_CAPACITY,
                "warehouse_capacity": _WAREHOUSE_CAPACITY, "visibility": 1.0,
            }
            for store in tracked
            for item in items
        ],
        "stock_policies": [
            {
                "policy_id": f"{store}-{place}", "location": place, "store_id": store,
                "category": None, "item_id": None, "low_frac": 0.0, "low_qty": 10,
                "clear_frac": 0.001, "target_frac": 0.001, "cooldown_minutes": 60,
                "valid_from_ts": opened,
            }
            for store in tracked
            for place in ("shelf", "warehouse")
        ],
    }  # fmt: skip
    for name, rows in tables.items():
        add_rows(settings, name, rows)


def _count_lines(session: LakeSession, recipe: Recipe) -> int:
    """Count the receipt lines of the stores in the lake."""
    if _SALES_LINES not in list_tables(session.settings.warehouse_path):
        return 0
    stores = ", ".join(f"'{recipe.store_id(store)}'" for store in range(recipe.stores))
    with session.transformer.reading() as reader:
        return reader.count(_SALES_LINES, f"store_id in ({stores})")
