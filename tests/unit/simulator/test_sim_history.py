"""Standing rules: a store that goes by itself, and the past of a world played with them."""

import subprocess
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

import fastjsonschema
import orjson
import polars as pl
import pytest
import redis
from sim_contracts import envelope_validator, inlined
from sim_support import (
    DAY_MS,
    ENVIRONMENT,
    PYTHON_M_SIMULATOR,
    all_streams,
    of_type,
    stream_events,
    with_stock,
    without_customers,
)

from simulator.clock import HOUR_MS, parse_instant
from simulator.commands import CommandCounts, parse_commands
from simulator.paths import CONTRACTS_DIR
from simulator.reference import bootstrap, load_stores
from simulator.simulation import Simulation
from simulator.standing import Scope, StandingRules
from simulator.streams import Streams
from simulator.world import StoreWorld

START = "2025-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def past_dir(tmp_path_factory) -> Path:
    """A state folder of a world that starts a year before."""
    folder = tmp_path_factory.mktemp("past")
    bootstrap(folder / "reference", stores=1, seed=7, start_ms=parse_instant(START))
    return folder


@pytest.fixture(scope="module")
def past(past_dir):
    """The store of that world."""
    return load_stores(past_dir / "reference")[0]


def simulation(redis_url: str, folder: Path, scope: Scope | None = Scope.ALL) -> Simulation:
    return Simulation(Streams(redis_url, 50), folder, {}, standing_rules=scope)


def at(reference, text: str) -> StoreWorld:
    """The store as it stands at an instant when nobody does anything."""
    world = StoreWorld(without_customers(reference), {})
    world.advance(parse_instant(text))
    return world


def decided(reference, world, scope: Scope = Scope.ALL) -> dict[str, list[dict]]:
    """Commands of the rules, by kind."""
    commands: dict[str, list[dict]] = {}
    for payload in StandingRules(reference, scope).decide(world):
        event = orjson.loads(payload)
        commands.setdefault(event["type"].split(".")[-2], []).append(event)
    return commands


def follow(reference, world) -> None:
    """Does what the rules say."""
    numbers = {name: number for number, name in enumerate(reference.item_id)}
    payloads = StandingRules(reference).decide(world)
    world.command(parse_commands(payloads, "S001", numbers, CommandCounts()))


def test_shelves_below_the_threshold_are_filled_to_the_target_every_hour(past):
    low = with_stock(past, shelf=0)
    world = at(low, "2025-01-01T01:00:00Z")
    restocks = {
        event["data"]["shelf_id"]: event["data"] for event in decided(low, world)["restock"]
    }
    for item, name in enumerate(low.item_id):
        there = world.warehouse.on_hand(item)
        target = -(-low.shelf_capacity[item] * 8 // 10)
        assert restocks[name]["quantity"] == min(there, target)
        assert restocks[name]["priority"] == 1


def test_d08_a_shelf_that_somebody_fills_is_not_filled_twice(past):
    low = with_stock(past, shelf=0)
    world = at(low, "2025-01-01T01:00:00Z")
    follow(low, world)
    assert decided(low, world) == {}


def test_what_expired_is_removed_and_what_will_is_marked_down_in_the_morning(past):
    world = at(past, "2025-01-04T05:00:00Z")
    commands = decided(past, world)
    assert "removal" not in decided(past, at(past, "2025-01-04T06:00:00Z"))
    days = {lot: world.lots.expiry_date[lot] for _, lot, _ in world.stock()}
    removed = {event["data"]["batch_code"] for event in commands["removal"]}
    assert removed == {
        world.lots.batch_code[lot] for lot, day in days.items() if day < "2025-01-04"
    }
    discounts = {
        event["data"]["batch_code"]: event["data"]["discount"] for event in commands["markdown"]
    }
    for lot, day in days.items():
        expected = {"2025-01-04": 0.5, "2025-01-05": 0.3}.get(day)
        assert discounts.get(world.lots.batch_code[lot]) == expected
    assert {event["data"]["valid_to_ts"] for event in commands["markdown"]} == {
        "2025-01-04T23:00:00Z"
    }


@pytest.mark.parametrize(
    ("cutoff", "delivery"),
    [("2025-01-05", "2025-01-06"), ("2025-01-07", "2025-01-08"), ("2025-01-09", "2025-01-10")],
)
def test_orders_are_sent_at_the_cutoffs_for_the_next_morning(past, cutoff, delivery):
    world = at(past, f"{cutoff}T12:00:00Z")
    commands = decided(past, world)
    (closed,) = commands["supplier_cutoff"]
    orders = [event["data"] for event in commands["supplier_order"]]
    assert closed["data"]["delivery_ts"] == f"{delivery}T08:00:00Z"
    assert closed["data"]["order_lines"] == len(orders) > 10
    assert closed["data"]["order_pieces"] == sum(order["quantity"] for order in orders)
    for order in orders:
        item = past.item_id.index(order["shelf_id"])
        assert order["batch_size"] == past.batch_size[item]
        assert order["delivery_ts"] == closed["data"]["delivery_ts"]
        room = past.warehouse_capacity[item] - world.warehouse.on_hand(item)
        assert order["quantity"] <= room


def test_d24_goods_that_are_coming_are_not_ordered_again(past):
    world = at(past, "2025-01-05T12:00:00Z")
    follow(past, world)
    assert decided(past, world).keys() == {"supplier_cutoff"}


def test_commands_of_the_rules_satisfy_their_contracts(past):
    validate_envelope = envelope_validator()
    kinds = Counter()
    for text in ("2025-01-05T05:00:00Z", "2025-01-05T12:00:00Z"):
        store = with_stock(past, shelf=1) if "T12" in text else past
        for kind, events in decided(store, at(store, text)).items():
            contract = inlined(CONTRACTS_DIR / "commands" / f"{kind}.v1.json")
            validate = fastjsonschema.compile(contract)
            for event in events:
                validate_envelope(event)
                validate(event["data"])
                assert len(event["id"]) <= 64
                kinds[kind] += 1
    assert kinds.keys() == {"restock", "removal", "markdown", "supplier_order", "supplier_cutoff"}


@dataclass(frozen=True)
class Month:
    """Four weeks of a store by its own rules.

    Attributes:
        sold: Pieces sold by the end of each week.
        ledger: Ground truth at the end.
        stock: What is there at the end, by lot.
        commands: All commands.
        lines: All receipt lines.
    """

    sold: list[int]
    ledger: dict[str, Any]
    stock: pl.DataFrame
    commands: list[dict[str, Any]]
    lines: list[dict[str, Any]]


@pytest.fixture(scope="module")
def month(past_dir, valkey_socket) -> Month:
    """The first month of that world."""
    with redis.Redis(unix_socket_path=str(valkey_socket), socket_timeout=5) as connection:
        connection.flushall()
        world = simulation(f"unix://{valkey_socket}", past_dir)
        sold = []
        for day in (0, 7, 14, 21, 28):
            world.advance(parse_instant(START) + day * DAY_MS)
            sold.append(world.ledger()["sold_units"])
        sales = (orjson.loads(payload) for payload in stream_events(connection, "pos_transactions"))
        return Month(
            sold,
            world.ledger(),
            world.stock(),
            [orjson.loads(payload) for payload in stream_events(connection, "commands")],
            [line for sale in of_type(sales, "pos.sale") for line in sale["data"]["items"]],
        )


def test_d01_weeks_of_a_history_sell_alike(month):
    """The year of the first generation ran away: what was sold raised what was wanted."""
    weeks = [after - before for before, after in pairwise(month.sold[1:])]
    assert max(weeks) < 1.1 * min(weeks)
    assert month.ledger["fill_rate"] > 0.97


def test_d02_fresh_goods_are_ordered_again_and_again(month, past):
    """The first generation ordered them never."""
    fresh = {
        name for name, is_fresh in zip(past.item_id, past.is_perishable, strict=True) if is_fresh
    }
    cutoffs = Counter(
        order["data"]["shelf_id"] for order in of_type(month.commands, "supplier_order")
    )
    assert fresh <= cutoffs.keys()
    assert sum(cutoffs[name] for name in fresh) > 5 * len(fresh)
    assert 0 < month.ledger["wasted_units"] < 0.05 * month.ledger["sold_units"]


def test_d10_what_was_ordered_is_sold_by_its_lots(month):
    """Tills of the first generation knew the lots of the opening only."""
    sold = Counter(line["batch_code"][:3] for line in month.lines)
    assert sold["SUP"] > 5_000
    assert sold.keys() == {"SUP", "B00"}


def test_what_was_ordered_comes_and_every_piece_is_accounted_for(month, past):
    ledger = month.ledger
    # What was ordered at the last cutoff is on its way.
    assert ledger["delivered_units"] > 100_000
    assert ledger["ordered_units"] - ledger["delivered_units"] < 20_000
    orders = of_type(month.commands, "supplier_order")
    assert sum(event["data"]["quantity"] for event in orders) == ledger["ordered_units"]
    opening = sum(quantity for _, quantity in past.opening)
    assert month.stock["quantity"].sum() == (
        opening
        + ledger["delivered_units"]
        + ledger["returned_units"]
        - ledger["sold_units"]
        - ledger["wasted_units"]
    )
    delivered = month.stock.filter(pl.col("batch_code").str.starts_with("SUP-"))
    assert set(delivered["location"]) >= {"shelf", "warehouse"}
    assert delivered.filter(pl.col("received_date") < date(2025, 1, 1)).is_empty()


def test_commands_of_a_history_are_all_done_once(month):
    assert len({event["id"] for event in month.commands}) == len(month.commands)
    assert month.ledger["commands"] == {
        "accepted": len(month.commands),
        "repeated": 0,
        "unsupported": 0,
        "foreign": 0,
        "malformed": 0,
    }


def test_d15_history_and_live_share_one_policy(past_dir, past):
    """The panel and the live store of the first generation were two stores."""
    rows = pl.read_parquet(past_dir / "reference" / "stock_policies.parquet")
    told = rows.filter(pl.col("location") == "shelf").row(0, named=True)
    capacity = past.shelf_capacity[0]
    low = max(told["low_qty"], float(told["low_frac"]) * capacity)
    codes = [
        code
        for code, item, (on_shelf, _) in zip(
            past.lots.batch_code, past.lots.item, past.opening, strict=True
        )
        if on_shelf and item == 0
    ]
    for held in (ceil(low) - 1, ceil(low)):
        store = with_stock(past, shelf={codes[0]: held})
        restocks = decided(store, at(store, "2025-01-01T01:00:00Z"))["restock"]
        asked = {event["data"]["shelf_id"] for event in restocks}
        assert (past.item_id[0] in asked) == (held < low)


def test_d15_history_goes_on_where_it_stopped_and_live_goes_on_from_there(
    redis_url, past_dir, client
):
    """The commands of the rules are not done again by those who read commands."""
    middle, end = parse_instant(START) + 60 * HOUR_MS, parse_instant(START) + 96 * HOUR_MS
    simulation(redis_url, past_dir).advance(end)
    once = {**all_streams(client), "commands": stream_events(client, "commands")}
    client.flushall()
    simulation(redis_url, past_dir).advance(middle)
    simulation(redis_url, past_dir).advance(end)
    assert {**all_streams(client), "commands": stream_events(client, "commands")} == once

    restocks = len(
        of_type(map(orjson.loads, stream_events(client, "warehouse_events")), "task_completed")
    )
    live = simulation(redis_url, past_dir, None)
    accepted = live.ledger()["commands"]["accepted"]
    live.advance(end + 6 * HOUR_MS)
    counts = live.ledger()["commands"]
    assert counts["accepted"] == accepted == len(stream_events(client, "commands"))
    assert counts["repeated"] > 0
    later = len(
        of_type(map(orjson.loads, stream_events(client, "warehouse_events")), "task_completed")
    )
    assert later - restocks < 30


ORDERS = ("supplier_order", "supplier_cutoff")


def test_on_the_floor_the_rules_do_all_but_the_orders(past):
    for text in ("2025-01-05T05:00:00Z", "2025-01-05T12:00:00Z"):
        world = at(past, text)
        every, floor = decided(past, world), decided(past, world, Scope.FLOOR)
        assert floor == {kind: events for kind, events in every.items() if kind not in ORDERS}
    assert every.keys() & set(ORDERS)


def order_again(client, folder: Path, redis_url: str, orders: list[dict], stops: list[int]) -> Any:
    """A store with rules for the floor, to which orders are sent, twice, when they were."""
    for stop in stops:
        world = simulation(redis_url, folder, Scope.FLOOR)
        world.advance(stop)
        for order in orders:
            if parse_instant(order["time"]) == stop:
                client.xadd("commands:S001", {"e": orjson.dumps(order)})
                client.xadd("commands:S001", {"e": orjson.dumps(order)})
    return world


def test_floor_with_the_orders_of_the_rules_is_the_world_of_the_rules(redis_url, past_dir, client):
    """Also when it is stopped and started in between, and when orders come twice."""
    cutoff, end = (parse_instant(f"2025-01-0{n}T12:00:00Z") for n in (2, 4))
    alone = simulation(redis_url, past_dir)
    alone.advance(end)
    commands = [orjson.loads(payload) for payload in stream_events(client, "commands")]
    orders = of_type(commands, "supplier_order")
    assert {parse_instant(order["time"]) for order in orders} == {cutoff}
    events = all_streams(client)
    receipts = events["pos_transactions:S001"]
    # Receipts of a past that is loaded say so; those of a day that is lived do not.
    assert all(b'/backfill","type"' in payload for payload in receipts)
    events["pos_transactions:S001"] = [payload.replace(b"/backfill", b"") for payload in receipts]
    client.flushall()
    stops = [cutoff - 5 * HOUR_MS, cutoff, cutoff + HOUR_MS // 3, cutoff + DAY_MS, end]
    told = order_again(client, past_dir, redis_url, orders, stops)
    assert all_streams(client) == events
    assert told.stock().equals(alone.stock())
    mine, theirs = told.ledger(), alone.ledger()
    # The command that closes the cutoff is not sent here.
    accepted = theirs["commands"]["accepted"] - 1
    assert mine["commands"]["accepted"] == accepted == len(commands) - 1
    assert mine | {"commands": None} == theirs | {"commands": None}
    assert mine["delivered_units"] == sum(order["data"]["quantity"] for order in orders) > 0


def test_history_through_the_command_line(redis_url, past_dir, client):
    done = subprocess.run(
        [
            *PYTHON_M_SIMULATOR, "history", "--redis", redis_url, "--state-dir", past_dir,
            "--to", "2025-01-03T12:30:00Z", "--events-per-entry", "500",
        ],
        capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[-1] == "stopped at 2025-01-03T12:30:00Z"
    assert client.get("sim:now") == b"2025-01-03T12:30:00Z"
    assert redis.Redis.xlen(client, "shelf_events:S001") < 200
    assert stream_events(client, "commands")


def test_days_before_the_history_ends_have_its_traffic(past):
    traffic = replace(past.parameters.traffic, month_factors=(1.0,) * 12)
    first = past.calendar.day_of(parse_instant("2025-12-31T12:00:00Z"))
    then = past.calendar.day_of(parse_instant("2026-01-01T12:00:00Z"))
    assert traffic.level(first) == pytest.approx(traffic.history_multiplier / traffic.multiplier)
    assert traffic.level(then) == 1.0


def test_no_store_is_ahead_of_the_clock_while_others_have_still_to_play(
    state_dir, client, redis_url
):
    """A drain may come between two stores; it refuses what lies in the future."""
    streams = Streams(redis_url, 50)
    world = Simulation(streams, state_dir, {}, standing_rules=Scope.ALL)
    commit, ahead = streams.commit, []

    def commit_and_compare(store_id, *, events, **more):
        commit(store_id, events=events, **more)
        now_ms = parse_instant(client.get("sim:now").decode())
        for payloads in events.values():
            ahead.extend(parse_instant(orjson.loads(p)["time"]) - now_ms for p in payloads)

    streams.commit = commit_and_compare
    world.advance(world.now_ms + 2 * DAY_MS)
    assert len(ahead) > 10_000
    assert max(ahead) <= 0
