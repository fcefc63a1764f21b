"""Expiry: nobody takes what is past its date; staff throws it away and the ledger counts it."""

from collections import Counter
from dataclasses import replace

import pytest
from sim_contracts import event_validators
from sim_support import (
    DAY_MS,
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
from simulator.commands import Removal
from simulator.world import SHELF, WAREHOUSE, StoreWorld


@pytest.fixture(scope="module")
def quiet(reference):
    """A store without customers."""
    return without_customers(reference)


def dated(reference, expiry: dict[int, str]):
    """The store with other dates of some lots."""
    dates = [expiry.get(lot, day) for lot, day in enumerate(reference.lots.expiry_date)]
    ranks = list(zip(dates, reference.lots.batch_code, strict=True))
    return replace(reference, lots=replace(reference.lots, expiry_date=dates, fefo_rank=ranks))


def shelf_lot(reference) -> int:
    return next(
        lot for lot, (on_shelf, quantity) in enumerate(reference.opening) if on_shelf and quantity
    )


def removal(reference, lot: int, location: str = SHELF, **changes) -> Removal:
    fields = {
        "command_id": f"removal-{lot}",
        "item": reference.lots.item[lot],
        "batch_code": reference.lots.batch_code[lot],
        "location": location,
    }
    return Removal(**{**fields, **changes})


def test_customers_find_a_shelf_of_expired_goods_empty(reference):
    everything = range(len(reference.opening))
    old = dated(reference, dict.fromkeys(everything, "2025-12-31"))
    world = StoreWorld(old, {})
    events = play(world, old.start_ms + 6 * HOUR_MS)
    assert events["shelf_events"] == []
    totals = world.ledger.totals
    assert totals.demand_units == totals.lost_units > 1000
    assert pieces(world)[SHELF].total() == sum(q for on_shelf, q in old.opening if on_shelf)


def test_the_last_day_of_sale_still_counts_and_ends_at_midnight_of_the_store(reference):
    """Also for goods that are in a cart at midnight: no till sells them."""
    plenty = with_stock(reference, shelf=100_000, warehouse=0, shelf_capacity=10**9)
    last = dated(plenty, dict.fromkeys(range(len(plenty.opening)), "2026-01-02"))
    world = StoreWorld(last, {})
    midnight = parse_instant("2026-01-02T23:00:00Z")
    before = play(world, midnight)
    after = play(world, midnight + 3 * HOUR_MS)
    sales = of_type(before["pos_transactions"], "pos.sale")
    assert len(sales) > 300
    assert {line["expiry_date"] for sale in sales for line in sale["data"]["items"]} == {
        "2026-01-02"
    }
    assert of_type(after["pos_transactions"], "pos.sale") == []
    assert of_type(after["shelf_events"], "shelf.pickup") == []
    # What was in the carts went back to the shelves.
    assert of_type(after["shelf_events"], "shelf.putback")
    totals = world.ledger.totals
    assert totals.demand_units == totals.lost_units + totals.putback_units + totals.sold_units
    opening = sum(quantity for _, quantity in last.opening)
    held = sum(quantity for _, _, quantity in world.stock())
    assert held == opening - totals.sold_units + totals.returned_units


def test_fresh_lots_are_sold_while_an_expired_one_lies_in_front(reference):
    plenty = with_stock(reference, shelf=100_000, warehouse=0, shelf_capacity=10**9)
    first = {}
    for lot in sorted(range(len(plenty.opening)), key=plenty.lots.fefo_rank.__getitem__):
        if plenty.opening[lot][0]:
            first.setdefault(plenty.lots.item[lot], lot)
    world_reference = dated(plenty, dict.fromkeys(first.values(), "2025-12-30"))
    world = StoreWorld(world_reference, {})
    events = play(world, plenty.start_ms + 8 * HOUR_MS)
    old = {plenty.lots.batch_code[lot] for lot in first.values()}
    sold = Counter(
        line["batch_code"]
        for sale in of_type(events["pos_transactions"], "pos.sale")
        for line in sale["data"]["items"]
    )
    assert sold.total() > 500
    assert not old & sold.keys()


def test_a_removal_throws_away_what_is_left_at_the_shelf(quiet):
    lot = shelf_lot(quiet)
    quantity, item = quiet.opening[lot][1], quiet.lots.item[lot]
    world = StoreWorld(quiet, {})
    world.command([removal(quiet, lot)])
    events = play(world, quiet.start_ms + 10 * MINUTE_MS)
    (report,) = of_type(events["warehouse_events"], "warehouse.removal")
    assert report["data"] == {
        "store_id": "S001",
        "location": "shelf",
        "shelf_id": quiet.item_id[item],
        "batch_code": quiet.lots.batch_code[lot],
        "removed_quantity": quantity,
        "reason": "expired",
        "command_id": f"removal-{lot}",
    }
    (scale,) = events["shelf_events"]
    assert scale["type"].endswith("shelf.weight.v1")
    assert scale["data"]["delta_weight_g"] == -quantity * quiet.unit_weight_g[item]
    assert scale["time"] == report["time"] == "2026-01-01T07:02:00.000Z"
    validate = event_validators()[report["type"]][1]
    validate(report["data"])
    assert lot not in pieces(world)[SHELF]
    totals = world.ledger.totals
    assert totals.wasted_units == quantity
    assert totals.wasted_value == pytest.approx(quantity * quiet.prices.list_price[item])
    assert world.ledger.state()["day"]["wasted_units"][item] == quantity


def test_d26_a_removal_in_the_warehouse_moves_no_scale(quiet):
    """The first generation never threw anything away in the warehouse."""
    _, lots = warehouse_lots(quiet, 2)
    world = StoreWorld(quiet, {})
    world.command([removal(quiet, lots[0], WAREHOUSE)])
    events = play(world, quiet.start_ms + 10 * MINUTE_MS)
    (report,) = of_type(events["warehouse_events"], "warehouse.removal")
    assert report["data"]["removed_quantity"] == quiet.opening[lots[0]][1]
    assert report["data"]["location"] == "warehouse"
    assert events["shelf_events"] == []
    assert lots[0] not in pieces(world)[WAREHOUSE]
    assert lots[1] in pieces(world)[WAREHOUSE]


@pytest.mark.parametrize("what", ["elsewhere", "unknown", "twice"])
def test_a_removal_of_nothing_is_reported_with_zero(quiet, what):
    lot = shelf_lot(quiet)
    commands = {
        "elsewhere": [removal(quiet, lot, WAREHOUSE)],
        "unknown": [removal(quiet, lot, batch_code="NO-SUCH-LOT")],
        "twice": [removal(quiet, lot), removal(quiet, lot, command_id="again")],
    }[what]
    world = StoreWorld(quiet, {})
    world.command(commands)
    events = play(world, quiet.start_ms + 10 * MINUTE_MS)
    reports = of_type(events["warehouse_events"], "warehouse.removal")
    assert len(reports) == len(commands)
    assert reports[-1]["data"]["removed_quantity"] == 0
    assert reports[-1]["data"]["command_id"] == commands[-1].command_id
    expected = quiet.opening[lot][1] if what == "twice" else 0
    assert world.ledger.totals.wasted_units == expected


def test_removals_come_after_restocks_of_empty_shelves_and_before_others(quiet):
    lot = shelf_lot(quiet)
    item, _ = warehouse_lots(quiet, 2)
    restocks = [
        restock(quiet, item, 1, command_id=f"p{priority}-{n}", priority=priority)
        for n, priority in enumerate([0.9, 1.0, 1.0, 1.0, 1.0])
    ]
    world = StoreWorld(quiet, {})
    world.command([removal(quiet, lot), *restocks])
    events = play(world, quiet.start_ms + HOUR_MS)["warehouse_events"]
    (removed,) = of_type(events, "warehouse.removal")
    picks = {
        event["data"]["command_id"]: event["time"] for event in of_type(events, "warehouse.pick")
    }
    assert all(picks[f"p1.0-{n}"] < removed["time"] for n in (1, 2, 3, 4))
    assert removed["time"] == "2026-01-01T07:09:00.000Z"  # the first hand free, and two minutes
    assert picks["p0.9-0"] == "2026-01-01T07:08:00.000Z"  # the second hand free, and one minute


def test_removals_survive_a_restart(quiet):
    lots = [lot for lot, (on_shelf, quantity) in enumerate(quiet.opening) if on_shelf][:40]
    commands = [removal(quiet, lot) for lot in lots]
    undisturbed = StoreWorld(quiet, {})
    undisturbed.command(commands)
    expected = play(undisturbed, quiet.start_ms + HOUR_MS)["warehouse_events"]
    world = StoreWorld(quiet, {})
    world.command(commands)
    events = []
    for second in range(50, 3601, 71):
        events += play(world, quiet.start_ms + second * 1000)["warehouse_events"]
        world = reopened(world, quiet)
    events += play(world, quiet.start_ms + HOUR_MS)["warehouse_events"]
    assert events == expected
    assert len(of_type(events, "warehouse.removal")) == 40
    assert world.ledger.totals == undisturbed.ledger.totals


def test_waste_is_in_the_truth_of_the_day(quiet):
    lot = shelf_lot(quiet)
    quantity, item = quiet.opening[lot][1], quiet.lots.item[lot]
    world = StoreWorld(quiet, {})
    world.command([removal(quiet, lot)])
    (closed,) = world.advance(quiet.start_ms + DAY_MS).closed_days
    value = round(quantity * quiet.prices.list_price[item], 2)
    row = closed.items.row(item, named=True)
    assert (row["wasted_units"], row["wasted_value"]) == (quantity, value)
    assert closed.items["wasted_units"].sum() == quantity
    assert closed.store["wasted_units"].item() == quantity
    assert closed.store["wasted_value"].item() == value
