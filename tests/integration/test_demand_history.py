"""The demand history through real drains: increments say what one build does, late or not."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.forecasting.backtest import BacktestError, Protocol
from smartshelf_dagster.forecasting.calendar import window_between
from smartshelf_dagster.forecasting.datasets import COLUMNS
from smartshelf_dagster.forecasting.demand import densify, recover
from smartshelf_dagster.forecasting.features import FEATURES, Origin, build_examples
from smartshelf_dagster.forecasting.panel import build_panel
from smartshelf_dagster.forecasting.serving import split_key
from smartshelf_dagster.pipeline.backtest import backtest_lake, read_lake
from smartshelf_dagster.pipeline.demand import (
    DEMAND_HISTORY,
    DemandHistoryError,
    build_demand,
    read_demand,
    whole_days,
)
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.storage.reference import add_store, read_reference
from smartshelf_dagster.streaming.client import connect
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
SALES = 402
CUTOFF = datetime(2026, 1, 8, 12, tzinfo=UTC)  # a Thursday

Event = tuple[datetime, str, bytes]


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def life(chance: random.Random) -> Iterator[Event]:
    """Ten days of three shelves and a till: when each event arrives, on which stream, and what.

    Some of the first three days' events are days late; all of them have come by `CUTOFF`.
    """

    def arrival(moment: datetime) -> datetime:
        is_late = moment < FIRST + timedelta(days=3) and chance.random() < 0.1
        delay = timedelta(days=3 * chance.random()) if is_late else timedelta()
        return moment + timedelta(seconds=1) + delay

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


@dataclass(frozen=True)
class Told:
    """A lake that asked for its demand every day at noon, and what was read each time."""

    session: LakeSession
    read: dict[datetime, pl.DataFrame]


@pytest.fixture(scope="module")
def told(
    analysed_template: Path, broker: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory
) -> Told:
    lake = tmp_path_factory.mktemp("demand") / "lake"
    shutil.copytree(analysed_template, lake)
    settings = load_settings(lake=str(lake))
    add_store(settings, dict(TILL_ONLY))
    client = connect(broker.url, 10)
    client.flushall()
    events = sorted(life(random.Random(3)), key=lambda event: event[0])
    session = LakeSession(settings, client)
    read = {}
    for number in range(DAYS + 1):
        now = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)
        client.set(SIM_NOW_KEY, iso(now))
        for arrived, stream, payload in events:
            if now - timedelta(days=1) < arrived <= now:
                send_batches(client, stream, [payload], 1)
        session.drain()
        session.build(now)
        build_demand(session.transformer, now)
        with session.transformer.reading() as reader:
            read[now] = read_demand(reader, now)
    return Told(session, read)


@pytest.mark.timeout(240)
def test_demand_history_of_many_increments_is_that_of_one_build(told: Told) -> None:
    now = max(told.read)
    grown = history(told.session)
    assert grown["sales_seq"].n_unique() > 1, "old days should stay as they are"
    told.session.transformer.build(FORECAST, now, full_refresh=True)
    anew = history(told.session)
    loads = ("sales_seq", "stock_seq")
    left, right = grown.drop(loads), anew.drop(loads)
    assert_frame_equal(left, right, check_row_order=False, check_exact=True)
    assert anew["units"].sum() == SALES
    assert 0 < anew["late_units"].sum() < SALES
    partly = anew.filter(pl.col("lost_share").is_between(0, 1, closed="none"))
    assert partly.height > 5
    assert (partly["lost_share_late"] < partly["lost_share"]).any()
    days_of_tills = anew.filter(pl.col("store_id") == "TILLS").height
    assert days_of_tills == 1 + (now.date() - (FIRST - timedelta(days=120)).date()).days


def test_demand_history_leaves_the_record_of_the_tick_alone(told: Told) -> None:
    with told.session.transformer.reading() as reader:
        build = reader.last_build()
    assert build is not None
    assert build.complete
    assert told.session.publish().as_of == build.as_of == max(told.read)


def test_features_at_a_cutoff_are_the_same_when_more_is_known(told: Told) -> None:
    """Time travel: read at the cutoff, and three days later."""
    until = CUTOFF + timedelta(hours=92)
    found = []
    for moment in (CUTOFF, max(told.read)):
        panel = build_panel(recover(densify(told.read[moment])))
        origin = Origin(panel.column(CUTOFF.date()), window_between(CUTOFF, until))
        found.append(build_examples(panel, [origin]))
    then, now = found
    assert then.take(then.features[:, FEATURES.index("morning")] > 0)
    assert np.array_equal(then.features, now.features, equal_nan=True)
    assert np.array_equal(then.level, now.level)


def test_read_demand_shows_the_day_so_far_and_the_plans(told: Told) -> None:
    demand = told.read[CUTOFF]
    assert set(demand.columns) <= set(COLUMNS)
    today = demand.filter(pl.col("ds") == CUTOFF.date())
    assert today["y"].sum() > 0
    assert today["y_late"].sum() == 0
    ahead = demand.filter(pl.col("ds") > CUTOFF.date())
    assert ahead["ds"].max() == CUTOFF.date() + timedelta(days=35)
    assert ahead["y"].null_count() == ahead.height
    assert demand.drop("y", "y_late", "lost_share", "lost_share_late").null_count().row(0) == (
        (0,) * 6
    )
    planned = read_reference(told.session.settings, "weekly_discounts").join_where(
        ahead.select("ds").unique(),
        pl.col("ds") >= pl.col("week_start_date"),
        pl.col("ds") <= pl.col("week_end_date"),
    )
    of_store = ahead.filter((pl.col("store") == "S001") & (pl.col("promo") > 0))
    assert of_store.height == planned.height > 0
    both = of_store.with_columns(item_id=split_key(of_store["unique_id"])[1].alias("item_id")).join(
        planned, on=("item_id", "ds")
    )
    assert both.height == planned.height
    assert (both["promo"] - both["discount"].cast(float)).abs().max() < 1e-9
    # The master data rounds to the cent.
    assert (both["price"] - both["discounted_price"].cast(float)).abs().max() < 0.0051
    # What was planned for a day does not change when it comes.
    later = told.read[max(told.read)].filter(pl.col("ds") > CUTOFF.date())
    shared = later.join(ahead, on=("unique_id", "ds"))
    assert shared.height > 0
    assert (shared["price"] == shared["price_right"]).all()
    assert (shared["promo"] == shared["promo_right"]).all()


def test_whole_days_end_with_the_last_that_is_over_everywhere(told: Told) -> None:
    whole = whole_days(told.read[CUTOFF])
    assert whole["ds"].max() == CUTOFF.date() - timedelta(days=1)
    assert whole["y"].null_count() == 0


def test_backtest_reads_whole_days_and_the_cutoffs_of_the_lake(told: Told) -> None:
    settings = told.session.settings
    sales, cutoffs = read_lake(settings)
    assert sales["ds"].max() == max(told.read).date() - timedelta(days=1)
    assert_frame_equal(sales, whole_days(told.read[max(told.read)]))
    assert cutoffs["cutoff_ts"].dt.weekday().unique().sort().to_list() == [2, 4, 7]
    with pytest.raises(BacktestError, match="expected at least 216 for 200 origins"):
        backtest_lake(settings, Protocol(origins=200))


def test_demand_of_another_time_is_refused(told: Told) -> None:
    with (
        told.session.transformer.reading() as reader,
        pytest.raises(DemandHistoryError, match="business date of 2026-02-01"),
    ):
        read_demand(reader, datetime(2026, 2, 1, 12, tzinfo=UTC))
