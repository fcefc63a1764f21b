"""A small lake in which nothing is wrong, for checks to be broken one by one.

Three stores, open from eight to eight, sell four lines an hour each: on the Mondays of three weeks,
and on the eight days up to a Monday at two o'clock. Sensors of one of them agree with its tills.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.reference import load_master_data
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY, store_stream
from tests.helpers.events import cloud_event, encode, pickup
from tests.helpers.golden import ITEMS, line, master_data, receipt

AS_OF = datetime(2025, 4, 7, 14, 0, 30, tzinfo=UTC)
# The newest event of all.
NEWEST = datetime(2025, 4, 7, 14, 0, 15, tzinfo=UTC)
STORES = ("S1", "S2", "S3")
_DAYS = [date(2025, 3, day) for day in (10, 17, 24, 30, 31)]
_DAYS += [date(2025, 4, day) for day in range(1, 8)]
_SOLD = {"P1": 1, "P2": 2, "P3": 2}

Message = tuple[datetime, str, bytes]


def _opening(item: str) -> Message:
    moment = datetime(2025, 3, 3, tzinfo=UTC)
    event = cloud_event(
        "warehouse.opening", f"opening-{item}", _text(moment), store="S1", location="shelf",
        shelf_id=item, batch_code="B0000001", quantity=1_000, received_date="2025-03-01",
        expiry_date="2026-03-01",
    )  # fmt: skip
    return moment, store_stream("warehouse_events", "S1"), encode(event)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _visit(store: str, moment: datetime) -> list[Message]:
    """A receipt of four lines; where there are sensors, with the goods taken before."""
    name = f"{store}-{moment:%m%d%H%M}"
    lines = [
        line(1, "P1", 1, 10), line(2, "P2", 1, 5), line(3, "P3", 2, 2.5), line(4, "P2", 1, 5, 0.2),
    ]  # fmt: skip
    customer = {} if moment.hour % 4 == 0 else {"customer_id": f"C{moment.hour}"}
    stream, payload = receipt(name, store, _text(moment), lines, **customer)
    found = [(moment, stream, payload)]
    if store == "S1":
        taken = moment - timedelta(seconds=5)
        found += [
            (
                taken,
                store_stream("shelf_events", store),
                encode(
                    pickup(f"{name}-{item}", _text(taken), store=store, shelf_id=item, quantity=n)
                ),
            )
            for item, n in _SOLD.items()
        ]
    return found


def _messages() -> list[Message]:
    hours = [
        datetime(day.year, day.month, day.day, hour, 10, tzinfo=UTC)
        for day in _DAYS
        for hour in range(8, 20)
    ]
    times = [moment for moment in hours if moment < AS_OF] + [NEWEST]
    found = [m for moment in times for store in STORES for m in _visit(store, moment)]
    back = datetime(2025, 4, 6, 11, 30, tzinfo=UTC)
    found.append(
        (
            back,
            *receipt(
                "S2-back", "S2", _text(back), [line(1, "P1", 1, 10)], "return",
                customer_id="C11", original_transaction_id="S2-04061110",
            ),
        )
    )  # fmt: skip
    return sorted([_opening(item) for item in ITEMS] + found, key=lambda message: message[0])


def write_master_data(folder: Path) -> Path:
    """Write master data as of the golden days, with one store more."""
    master_data(folder)
    stores = pl.read_parquet(folder / "stores.parquet")
    third = stores.filter(pl.col("store_id") == "S2").with_columns(store_id=pl.lit("S3"))
    pl.concat([stores, third]).write_parquet(folder / "stores.parquet")
    return folder


def record_healthy(folder: Path, url: str) -> Settings:
    """Drain the days into a lake, each event of the last hour at once; build, analyse, publish.

    Args:
        folder: Where to.
        url: A broker whose content may be lost.
    """
    settings = load_settings(lake=str(folder / "lake"))
    load_master_data(settings, write_master_data(folder / "reference"))
    client = connect(url, 10)
    client.flushall()
    session = LakeSession(settings, client)
    waiting = _messages()
    for drained_at in (
        datetime(2025, 4, 7, 13, 0, tzinfo=UTC),
        datetime(2025, 4, 7, 13, 10, 5, tzinfo=UTC),
        datetime(2025, 4, 7, 14, 0, 20, tzinfo=UTC),
    ):
        client.set(SIM_NOW_KEY, _text(drained_at))
        for _, stream, payload in (m for m in waiting if m[0] <= drained_at):
            send_batches(client, stream, [payload], 1)
        waiting = [m for m in waiting if m[0] > drained_at]
        session.drain()
    client.set(SIM_NOW_KEY, _text(AS_OF))
    session.turn()
    client.close()
    analyse(settings, AS_OF)
    return settings
