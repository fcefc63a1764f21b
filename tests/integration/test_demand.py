"""The demand history through real drains: increments say what one build does, late or not."""

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.forecasting.calendar import day, window_between
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.features import FEATURES, Origin, build_examples
from smartshelf_dagster.forecasting.panel import build_panel
from smartshelf_dagster.pipeline import demand as demands
from smartshelf_dagster.pipeline.demand import (
    DEMAND_HISTORY,
    DemandHistoryError,
    build_demand,
    read_demand,
    whole_days,
)
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import add_store
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from smartshelf_dagster.transform.runner import FORECAST
from tests.helpers.events import OTHER_SHELF, SHELF, cloud_event, encode, pickup, sale

# Sells only, and nobody counts its stock.
TILL_ONLY = {
    "store_id": "TILLS", "store_name": "Tills", "city": "London", "country": "United Kingdom",
    "timezone": "Europe/London", "currency": "GBP", "stock_tracking": "none",
    "opened_ts": datetime(2025, 1, 1, tzinfo=UTC),
}  # fmt: skip
FIRST = datetime(2026, 1, 1, 7, tzinfo=UTC)
DAYS = 10
CUTOFF = datetime(2026, 1, 6, 12, tzinfo=UTC)  # a Tuesday

Event = tuple[datetime, str, bytes]


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def life(chance: random.Random) -> Iterator[Event]:
    """Ten days of three shelves and a till: when each event arrives, on which stream, and what."""

    def arrival(moment: datetime) -> datetime:
        late = timedelta(days=3) if chance.random() < 0.05 else timedelta()
        return moment + timedelta(seconds=1) + late * chance.random()

    shelves = [("S001", SHELF), ("S001", OTHER_SHELF), ("S002", SHELF)]
    for number in range(400):
        store, item = chance.choice(shelves)
        moment = FIRST + timedelta(minutes=chance.randrange(DAYS * 1440))
        event = pickup(f"p{number}", iso(moment), store=store, shelf_id=item)
        yield arrival(moment), f"shelf_events:{store}", encode(event)
        paid = moment + timedelta(minutes=5)
        line = {"line_no": 1, "item_id": item, "quantity": 1, "unit_price": 2.5, "discount": 0}
        event = sale(f"s{number}", iso(paid), store=store, items=[line])
        yield arrival(paid), f"pos_transactions:{store}", encode(event)
    for number in range(20):
        store, item = chance.choice(shelves)
        moment = FIRST + timedelta(minutes=chance.randrange(DAYS * 1440))
        filled = {"shelf_id": item, "quantity": 15, "actor_role": "staff", "unit_weight_g": 500}
        event = cloud_event("shelf.putback", f"f{number}", iso(moment), store=store, **filled)
        yield arrival(moment), f"shelf_events:{store}", encode(event)
    # One store was silent for so long that its days had ended; then it sells again.
    for number, moment in enumerate([FIRST - timedelta(days=120), FIRST + timedelta(days=4)]):
        event = sale(f"t{number}", iso(moment), store="TILLS")
        yield max(arrival(moment), FIRST), "pos_transactions:TILLS", encode(event)


def history(session: LakeSession) -> pl.DataFrame:
    with session.transformer.reading() as reader:
        return pl.DataFrame(pl.from_arrow(reader.rows(DEMAND_HISTORY)))


@pytest.fixture
def told(settings: Settings, client: Client) -> tuple[LakeSession, dict[datetime, pl.DataFrame]]:
    """A lake that asked for its demand every day at noon, and what it read each time."""
    add_store(settings, dict(TILL_ONLY))
    chance = random.Random(3)
    events = sorted(life(chance), key=lambda event: event[0])
    read = {}
    session = LakeSession(settings, client)
    for number in range(DAYS + 1):
        now = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)
        if number == 4:
            session = LakeSession(settings, client)
        client.set(SIM_NOW_KEY, iso(now))
        for arrived, stream, payload in events:
            if now - timedelta(days=1) < arrived <= now:
                send_batches(client, stream, [payload], 1)
        session.drain()
        session.build(now)
        build_demand(session.transformer, now)
        with session.transformer.reading() as reader:
            read[now] = read_demand(reader, now)
    return session, read


@pytest.mark.timeout(240)
def test_demand_history_of_many_increments_is_that_of_one_build(
    told: tuple[LakeSession, dict[datetime, pl.DataFrame]],
) -> None:
    session, read = told
    now = max(read)
    grown = history(session)
    assert grown["sales_seq"].n_unique() > 1, "old days should stay as they are"
    session.transformer.build(FORECAST, now, full_refresh=True)
    anew = history(session)
    loads = ("sales_seq", "stock_seq")
    assert_frame_equal(grown.drop(loads), anew.drop(loads), check_row_order=False, check_exact=True)
    assert anew["units"].sum() == 402
    assert 0 < anew["late_units"].sum() < 402
    partly = anew.filter(pl.col("lost_share").is_between(0, 1, closed="none"))
    assert partly.height > 5
    assert (partly["lost_share_late"] < partly["lost_share"]).any()
    tills = anew.filter(pl.col("store_id") == "TILLS")
    assert tills.height == 1 + (now.date() - (FIRST - timedelta(days=120)).date()).days
    with session.transformer.reading() as reader:
        build = reader.last_build()
    assert build is not None
    assert build.complete, "nothing that is published was touched"


@pytest.mark.timeout(240)
def test_features_at_a_cutoff_are_the_same_ten_days_later(
    told: tuple[LakeSession, dict[datetime, pl.DataFrame]],
) -> None:
    """Time travel: what is known later of the days before an origin is what was known then.

    Events that came late are the exception, so that the later history is built without them.
    """
    _, read = told
