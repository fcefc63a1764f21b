"""Staff: restock commands from the queue to the report."""

from dataclasses import replace

import pytest
from sim_contracts import envelope_validator, event_validators
from sim_support import (
    of_type,
    pieces,
    play,
    reopened,
    restock,
    warehouse_lots,
    with_stock,
    without_customers,
)

from simulator.clock import HOUR_MS, MINUTE_MS, parse_instant
from simulator.commands import Restock
from simulator.world import SHELF, TRANSIT, WAREHOUSE, StoreWorld


@pytest.fixture(scope="module")
def quiet(reference):
    """A store without customers, with empty shelves."""
    return with_stock(without_customers(reference), shelf=0)


@pytest.fixture(scope="module")
def goods(quiet):
    """An item with three lots in the warehouse: its number and theirs, first expired first."""
    return warehouse_lots(quiet, 3)


def run(reference, commands: list[Restock], minutes: int = 60):
    """Gives commands at the start; returns the world and what staff and shelves reported."""
    world = StoreWorld(reference, {})
    world.command(commands)
    events = play(world, reference.start_ms + minutes * MINUTE_MS)
    warehouse = [e for e in events["warehouse_events"] if "opening" not in e["type"]]
    return world, warehouse, events["shelf_events"]


def minute_of(reference, event) -> float:
    return (parse_instant(event["time"]) - reference.start_ms) / MINUTE_MS


def reasons(events) -> dict[str, str | None]:
    """Why less was brought than asked, by command."""
    return {
        event["data"]["command_id"]: event["data"].get("reason")
        for event in events
        if "outcome" in event["data"]
    }


def outcomes(events) -> dict[str, tuple[str, int]]:
    """(outcome, pieces placed) by command; one report each."""
    done = of_type(events, "warehouse.task_completed")
    by_command = {
        event["data"]["command_id"]: (event["data"]["outcome"], event["data"]["placed_quantity"])
        for event in done
    }
    assert len(by_command) == len(done)
    return by_command


def test_a_shelf_is_filled_first_expired_first(quiet, goods):
    item, lots = goods
    first = quiet.opening[lots[0]][1]
    wanted = first + 3
    roomy = replace(quiet, shelf_capacity=[1000] * 1142)
    world, warehouse, shelf = run(roomy, [restock(roomy, item, wanted)])

    picked = of_type(warehouse, "warehouse.pick")
    assert [(e["data"]["batch_code"], e["data"]["quantity"]) for e in picked] == [
        (quiet.lots.batch_code[lots[0]], first),
        (quiet.lots.batch_code[lots[1]], 3),
    ]
    assert {minute_of(quiet, event) for event in picked} == {1.0}
    assert {event["data"]["reason"] for event in picked} == {"restock"}

    filled = of_type(shelf, "shelf.putback")
    assert [(e["data"]["batch_code"], e["data"]["quantity"]) for e in filled] == [
        (e["data"]["batch_code"], e["data"]["quantity"]) for e in picked
    ]
    assert {minute_of(quiet, event) for event in filled} == {4.0}
    assert {event["data"]["actor_role"] for event in filled} == {"staff"}
    weight = quiet.unit_weight_g[item]
    scales = of_type(shelf, "shelf.weight")
    assert [event["data"]["delta_weight_g"] for event in scales] == [first * weight, 3 * weight]

    assert {event["data"]["command_id"] for event in (*picked, *filled)} == {"c-1"}
    assert outcomes(warehouse) == {"c-1": ("done", wanted)}
    assert pieces(world)[SHELF] == {lots[0]: first, lots[1]: 3}
    assert lots[0] not in pieces(world)[WAREHOUSE]


def test_every_report_satisfies_its_contract(quiet, goods):
    item, lots = goods
    tight = replace(quiet, shelf_capacity=[5] * 1142)
    _, warehouse, shelf = run(tight, [restock(tight, item, quiet.opening[lots[0]][1])])
    validators, validate_envelope = event_validators(), envelope_validator()
    for topic, events in (("warehouse_events", warehouse), ("shelf_events", shelf)):
        for event in events:
            validate_envelope(event)
            expected_topic, validate = validators[event["type"]]
            assert expected_topic == topic
            validate(event["data"])
    assert {event["type"].removeprefix("com.smartshelf.") for event in (*warehouse, *shelf)} == {
        "warehouse.pick.v1",
        "warehouse.receipt.v1",
        "warehouse.task_completed.v1",
        "shelf.putback.v1",
        "shelf.weight.v1",
    }


def test_d09_goods_on_their_way_arrive_when_they_are_due_though_nothing_else_happens(quiet, goods):
    """In the first generation they waited for the next event of the warehouse."""
    item, lots = goods
    world, warehouse, shelf = run(quiet, [restock(quiet, item, 4)], minutes=3)
    assert pieces(world)[TRANSIT] == {lots[0]: 4}
    assert len(of_type(warehouse, "warehouse.pick")) == 1
    assert shelf == []
    assert outcomes(warehouse) == {}
    events = play(world, quiet.start_ms + 5 * MINUTE_MS)
    (arrived,) = of_type(events["shelf_events"], "shelf.putback")
    assert minute_of(quiet, arrived) == 4.0
    assert TRANSIT not in pieces(world)
    assert pieces(world)[SHELF] == {lots[0]: 4}


def test_what_does_not_fit_is_carried_back(quiet, goods):
    item, lots = goods
    first = quiet.opening[lots[0]][1]
    tight = replace(quiet, shelf_capacity=[first + 1] * 1142)
    world, warehouse, shelf = run(tight, [restock(tight, item, first + 4)])
    assert pieces(world)[SHELF] == {lots[0]: first, lots[1]: 1}
    (back,) = of_type(warehouse, "warehouse.receipt")
    data = back["data"]
    assert (data["batch_code"], data["quantity"]) == (quiet.lots.batch_code[lots[1]], 3)
    assert (data["reason"], data["command_id"]) == ("restock_return", "c-1")
    assert data["received_date"] == quiet.lots.received_date[lots[1]]
    assert data["expiry_date"] == quiet.lots.expiry_date[lots[1]]
    assert minute_of(quiet, back) == 7.0
    assert minute_of(quiet, of_type(warehouse, "warehouse.task_completed")[0]) == 7.0
    assert outcomes(warehouse) == {"c-1": ("short", first + 1)}
    assert pieces(world)[WAREHOUSE][lots[1]] == quiet.opening[lots[1]][1] - 1
    assert len(of_type(shelf, "shelf.putback")) == 2


def test_a_full_shelf_takes_nothing(quiet, goods):
    item, lots = goods
    full = replace(quiet, shelf_capacity=[0] * 1142)
    world, warehouse, shelf = run(full, [restock(full, item, 3)])
    assert outcomes(warehouse) == {"c-1": ("failed", 0)}
    assert reasons(warehouse) == {"c-1": "shelf_full"}
    assert shelf == []
    assert pieces(world)[WAREHOUSE][lots[0]] == quiet.opening[lots[0]][1]


def test_d08_two_commands_for_one_shelf_do_not_overfill_it(quiet, goods):
    item, _ = goods
    small = replace(quiet, shelf_capacity=[10] * 1142)
    commands = [restock(small, item, 8, command_id=name) for name in ("a", "b")]
    world, warehouse, _ = run(small, commands)
    assert outcomes(warehouse) == {"a": ("done", 8), "b": ("short", 2)}
    assert pieces(world)[SHELF].total() == 10


def test_less_in_the_warehouse_is_a_short_task(quiet, goods):
    item, lots = goods
    only = with_stock(quiet, warehouse={quiet.lots.batch_code[lots[1]]: 4})
    world, warehouse, _ = run(only, [restock(only, item, 9)])
    assert outcomes(warehouse) == {"c-1": ("short", 4)}
    assert reasons(warehouse) == {"c-1": "no_stock"}
    assert pieces(world)[SHELF] == {lots[1]: 4}


def test_an_empty_warehouse_fails_the_task_and_frees_the_hand(quiet, goods):
    item, _ = goods
    empty = with_stock(quiet, warehouse=0)
    commands = [restock(empty, item, 9, command_id=f"c{n}") for n in range(12)]
    _, warehouse, shelf = run(empty, commands)
    assert outcomes(warehouse) == {f"c{n}": ("failed", 0) for n in range(12)}
    assert {event["type"].split(".")[-2] for event in warehouse} == {"task_completed"}
    assert [minute_of(quiet, event) for event in warehouse] == [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    assert shelf == []


def test_nobody_carries_expired_goods_to_the_shelf(quiet, goods):
    """The last day of sale still counts; the day after does not."""
    item, lots = goods
    last_day = quiet.calendar.day_of(quiet.start_ms).isoformat()
    expiry = list(quiet.lots.expiry_date)
    expiry[lots[0]], expiry[lots[1]] = "2025-12-31", last_day
    dated = replace(quiet, lots=replace(quiet.lots, expiry_date=expiry))
    world, _, _ = run(dated, [restock(dated, item, 2)])
    assert pieces(world)[SHELF] == {lots[1]: 2}


def test_a_command_that_came_too_late_fails_at_once(quiet, goods):
    item, _ = goods
    late = restock(quiet, item, 3, expires_in_ms=-1)
    world, warehouse, shelf = run(quiet, [late])
    assert outcomes(warehouse) == {"c-1": ("failed", 0)}
    assert reasons(warehouse) == {"c-1": "expired"}
    assert minute_of(quiet, warehouse[0]) == 0.0
    assert shelf == []
    assert pieces(world)[WAREHOUSE].total() == sum(quantity for _, quantity in quiet.opening)


def test_a_command_may_be_started_until_it_expires(quiet, goods):
    item, _ = goods
    _, warehouse, _ = run(quiet, [restock(quiet, item, 3, expires_in_ms=0)])
    assert outcomes(warehouse) == {"c-1": ("done", 3)}
    assert reasons(warehouse) == {"c-1": None}


def test_a_command_that_waits_too_long_fails_when_it_expires(quiet, goods):
    item, _ = goods
    busy = [restock(quiet, item, 1, command_id=f"b{n}", priority=1.0) for n in range(4)]
    waits = restock(quiet, item, 3, command_id="waits", expires_in_ms=2 * MINUTE_MS)
    _, warehouse, _ = run(quiet, [waits, *busy])
    assert outcomes(warehouse)["waits"] == ("failed", 0)
    assert reasons(warehouse)["waits"] == "expired"
    failed = of_type(warehouse, "warehouse.task_completed")[0]
    assert failed["data"]["command_id"] == "waits"
    assert minute_of(quiet, failed) == pytest.approx(2.0, abs=0.001)


def test_urgent_tasks_come_first_then_first_come(quiet, goods):
    """Four hands, seven minutes a task: the fifth task starts with the first hand free."""
    item, _ = goods
    commands = [
        restock(quiet, item, 1, command_id=f"p{priority}-{n}", priority=priority)
        for n, priority in enumerate([0.1, 0.5, 0.9, 0.5, 0.5, 0.9, 0.1, 0.5, 1.0, 0.5])
    ]
    _, warehouse, _ = run(quiet, commands)
    picks = of_type(warehouse, "warehouse.pick")
    order = [event["data"]["command_id"] for event in picks]
    assert order == [
        "p1.0-8", "p0.9-2", "p0.9-5", "p0.5-1",
        "p0.5-3", "p0.5-4", "p0.5-7", "p0.5-9",
        "p0.1-0", "p0.1-6",
    ]  # fmt: skip
    assert [minute_of(quiet, event) for event in picks] == [1.0] * 4 + [8.0] * 4 + [15.0] * 2


def test_tasks_survive_a_restart_at_any_step(quiet, goods):
    item, lots = goods
    tight = replace(quiet, shelf_capacity=[quiet.opening[lots[0]][1] + 1] * 1142)
    commands = [
        restock(tight, item, 9, command_id=f"c{n}", priority=n / 10, expires_in_ms=HOUR_MS // 2)
        for n in range(10)
    ]
    undisturbed, warehouse, shelf = run(tight, commands)

    world = StoreWorld(tight, {})
    world.command(commands)
    restarted = {"warehouse_events": [], "shelf_events": []}
    for second in range(7, 3600, 31):
        events = play(world, tight.start_ms + second * 1000)
        for topic in restarted:
            restarted[topic] += events[topic]
        world = reopened(world, tight)
    events = play(world, tight.start_ms + HOUR_MS)
    reports = [e for e in restarted["warehouse_events"] if "opening" not in e["type"]]
    assert reports + events["warehouse_events"] == warehouse
    assert restarted["shelf_events"] + events["shelf_events"] == shelf
    assert pieces(world) == pieces(undisturbed)
    assert len(outcomes(warehouse)) == 10
