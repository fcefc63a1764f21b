"""Suppliers: orders become dated lots in the warehouse, and what goes wrong is reported."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sim_contracts import envelope_validator, event_validators
from sim_support import DAY_MS, of_type, pieces, play, reopened, with_stock, without_customers

from simulator.clock import HOUR_MS, MINUTE_MS, parse_instant
from simulator.commands import SupplierCutoff, SupplierOrder
from simulator.errors import SimulatorError
from simulator.reference import with_supplier_faults
from simulator.suppliers import parse_supplier_faults
from simulator.world import WAREHOUSE, StoreWorld

DELIVERY = parse_instant("2026-01-02T08:00:00Z")
DAY = date(2026, 1, 2)


@pytest.fixture(scope="module")
def quiet(reference):
    """A store without customers and with an empty warehouse."""
    return with_stock(without_customers(reference), warehouse=0)


def order(item: int, quantity: int, **changes) -> SupplierOrder:
    fields = {
        "command_id": f"order-{item}",
        "item": item,
        "quantity": quantity,
        "batch_size": 10,
        "delivery_ms": DELIVERY,
    }
    return SupplierOrder(**{**fields, **changes})


def deliver(reference, orders, until_ms: int = DELIVERY + HOUR_MS):
    world = StoreWorld(reference, {})
    world.command(orders)
    events = play(world, until_ms)["warehouse_events"]
    return world, of_type(events, "warehouse.receipt"), of_type(events, "delivery_checked")


def by_category(reference) -> dict[str, int]:
    """An item of each category."""
    return {category: item for item, category in reversed(list(enumerate(reference.category)))}


def life_of(receipt) -> int:
    data = receipt["data"]
    return (
        date.fromisoformat(data["expiry_date"]) - date.fromisoformat(data["received_date"])
    ).days


def test_d14_an_order_is_cut_into_lots_of_the_batch_size_and_reported_once(quiet):
    world, receipts, checks = deliver(quiet, [order(0, 25)])
    shelf = quiet.item_id[0]
    data = [receipt["data"] for receipt in receipts]
    assert [(row["batch_code"], row["quantity"]) for row in data] == [
        (f"SUP-20260102-{shelf}-1", 10),
        (f"SUP-20260102-{shelf}-2", 10),
        (f"SUP-20260102-{shelf}-3", 5),
    ]
    assert {row["reason"] for row in data} == {"supplier_delivery"}
    assert {row["command_id"] for row in data} == {"order-0"}
    assert {row["received_date"] for row in data} == {"2026-01-02"}
    assert len({row["expiry_date"] for row in data}) == 1
    (check,) = checks
    assert check["data"] == {
        "store_id": "S001",
        "shelf_id": shelf,
        "command_id": "order-0",
        "accepted_quantity": 25,
        "damaged_quantity": 0,
        "is_final": True,
    }
    times = {parse_instant(event["time"]) for event in (*receipts, check)}
    assert all(2 * MINUTE_MS <= at - DELIVERY <= 20 * MINUTE_MS for at in times)
    assert int(check["id"].rsplit("-", 1)[1]) > int(receipts[-1]["id"].rsplit("-", 1)[1])
    assert pieces(world)[WAREHOUSE].total() == 25
    totals = world.ledger.totals
    assert (totals.ordered_units, totals.delivered_units) == (25, 25)


def test_d14_deliveries_get_the_shelf_life_of_their_category(quiet):
    """The first generation gave fish a year."""
    items = by_category(quiet)
    assert len(items) == 29
    days = [DELIVERY + day * DAY_MS for day in range(20)]
    orders = [
        order(item, 5, command_id=f"o{item}-{day}", delivery_ms=at)
        for item in items.values()
        for day, at in enumerate(days)
    ]
    roomy = replace(quiet, warehouse_capacity=[1000] * 1142)
    _, receipts, _ = deliver(roomy, orders, days[-1] + HOUR_MS)
    lives: dict[str, set[int]] = {}
    for receipt in receipts:
        item = quiet.item_id.index(receipt["data"]["shelf_id"])
        lives.setdefault(quiet.category[item], set()).add(life_of(receipt))
    expected = {
        "FISH": (2, 5),
        "MEAT": (4, 9),
        "FRUITS AND VEGETABLES": (4, 12),
        "REFRIGERATED": (8, 15),
        "FROZEN": (90, 240),
    }
    assert lives.keys() == items.keys()
    for category, days_left in lives.items():
        low, high = expected.get(category, (365, 730))
        assert all(low <= life <= high for life in days_left), category
        assert len(days_left) > 1, category
    assert lives["FISH"] == {2, 3, 4, 5}


def test_d14_a_delivery_does_not_overfill_the_warehouse(quiet):
    tight = replace(quiet, warehouse_capacity=[12] * 1142)
    world, receipts, checks = deliver(tight, [order(3, 9, command_id="a"), order(3, 9)])
    assert sorted(check["data"]["accepted_quantity"] for check in checks) == [3, 9]
    assert sum(receipt["data"]["quantity"] for receipt in receipts) == 12
    assert pieces(world)[WAREHOUSE].total() == 12
    totals = world.ledger.totals
    assert (totals.ordered_units, totals.delivered_units) == (18, 12)


def test_two_orders_of_a_day_for_one_shelf_have_lots_of_their_own(quiet):
    _, receipts, checks = deliver(quiet, [order(3, 12, command_id="a"), order(3, 12)])
    codes = [receipt["data"]["batch_code"] for receipt in receipts]
    assert len(set(codes)) == len(codes) == 4
    assert {check["data"]["command_id"] for check in checks} == {"a", "order-3"}


def test_d25_an_order_that_is_read_too_late_comes_an_hour_later(quiet):
    """The first generation never delivered it."""
    late = order(0, 5, delivery_ms=quiet.start_ms - DAY_MS)
    _, receipts, _ = deliver(quiet, [late], quiet.start_ms + 2 * HOUR_MS)
    (receipt,) = receipts
    after_ms = parse_instant(receipt["time"]) - quiet.start_ms
    assert HOUR_MS + 2 * MINUTE_MS <= after_ms <= HOUR_MS + 20 * MINUTE_MS
    assert receipt["data"]["received_date"] == "2026-01-01"


def test_a_cutoff_is_taken_and_nothing_follows(quiet):
    world, receipts, checks = deliver(quiet, [SupplierCutoff("cutoff-1")])
    assert receipts == checks == []
    assert world.ledger.totals.ordered_units == 0


def test_deliveries_survive_restarts(quiet):
    orders = [order(item, 30) for item in range(0, 1142, 40)]
    undisturbed, receipts, checks = deliver(quiet, orders)
    world = StoreWorld(quiet, {})
    world.command(orders)
    seen = []
    while world.clock_ms < DELIVERY + HOUR_MS:
        step = 4 * HOUR_MS if world.clock_ms < DELIVERY - 4 * HOUR_MS else 3 * MINUTE_MS
        until = min(world.clock_ms + step, DELIVERY + HOUR_MS)
        seen += play(world, until, step)["warehouse_events"]
        world = reopened(world, quiet)
    assert of_type(seen, "warehouse.receipt") == receipts
    assert of_type(seen, "delivery_checked") == checks
    assert list(world.stock()) == list(undisturbed.stock())


def test_lots_and_lives_do_not_depend_on_what_else_is_ordered(quiet):
    """Common random numbers: two policies meet the same supplier."""
    faulty = with_supplier_faults(quiet, {"short": 0.5, "late": 0.5, "damaged": 0.5})
    until = DELIVERY + 30 * HOUR_MS
    _, alone, _ = deliver(faulty, [order(7, 20)], until)
    others = [order(item, 20) for item in range(40) if item != 7]
    _, among, _ = deliver(faulty, [*others, order(7, 20, command_id="again")], until)
    shelf = quiet.item_id[7]

    def goods(receipts):
        return [
            (event["time"], {**event["data"], "command_id": ""})
            for event in receipts
            if event["data"]["shelf_id"] == shelf
        ]

    assert goods(alone) == goods(among)


def test_faults_are_off_by_default_and_leave_the_rest_alone(quiet):
    orders = [order(item, 40) for item in range(1142)]
    roomy = replace(quiet, warehouse_capacity=[1000] * 1142)
    until = DELIVERY + 30 * HOUR_MS
    _, receipts, checks = deliver(roomy, orders, until)
    assert {check["data"]["accepted_quantity"] for check in checks} == {40}
    assert {check["data"]["damaged_quantity"] for check in checks} == {0}

    faulty = with_supplier_faults(roomy, {"short": 0.2, "late": 0.1, "damaged": 0.3})
    world, faulty_receipts, faulty_checks = deliver(faulty, orders, until)
    assert len(faulty_checks) == 1142
    late = [
        check for check in faulty_checks if parse_instant(check["time"]) - DELIVERY > 20 * MINUTE_MS
    ]
    assert len(late) / 1142 == pytest.approx(0.1, abs=0.03)
    delays = [(parse_instant(check["time"]) - DELIVERY) / HOUR_MS for check in late]
    assert 1 <= min(delays) <= max(delays) <= 24 + 1 / 3
    accepted = [check["data"]["accepted_quantity"] for check in faulty_checks]
    damaged = [check["data"]["damaged_quantity"] for check in faulty_checks]
    assert sum(map(bool, damaged)) / 1142 == pytest.approx(0.3, abs=0.04)
    assert all(1 <= count <= 8 for count in damaged if count)
    short = [
        missing
        for good, broken in zip(accepted, damaged, strict=True)
        if (missing := 40 - good - broken)
    ]
    assert len(short) / 1142 == pytest.approx(0.2, abs=0.04)
    assert 4 <= min(short) <= max(short) <= 20
    assert world.ledger.totals.delivered_units == sum(accepted)
    assert sum(receipt["data"]["quantity"] for receipt in faulty_receipts) == sum(accepted)
    # The same lots last as long as they did without faults, when they come on the same day.
    lives = {event["data"]["batch_code"]: life_of(event) for event in receipts}
    assert all(
        lives[event["data"]["batch_code"]] == life_of(event)
        for event in faulty_receipts
        if event["data"]["received_date"] == DAY.isoformat()
    )


def test_an_order_of_one_piece_can_come_as_nothing(quiet):
    broken = with_supplier_faults(quiet, {"damaged": 1})
    _, receipts, (check,) = deliver(broken, [order(0, 1)])
    assert receipts == []
    assert (check["data"]["accepted_quantity"], check["data"]["damaged_quantity"]) == (0, 1)
    missing = with_supplier_faults(quiet, {"short": 1, "damaged": 1})
    _, receipts, (check,) = deliver(missing, [order(0, 1)])
    assert receipts == []
    assert (check["data"]["accepted_quantity"], check["data"]["damaged_quantity"]) == (0, 0)


def test_reports_of_deliveries_satisfy_their_contracts(quiet):
    faulty = with_supplier_faults(quiet, {"damaged": 0.5})
    _, receipts, checks = deliver(faulty, [order(item, 30) for item in range(0, 1142, 9)])
    validators, validate_envelope = event_validators(), envelope_validator()
    for event in (*receipts, *checks):
        validate_envelope(event)
        topic, validate = validators[event["type"]]
        assert topic == "warehouse_events"
        validate(event["data"])
    assert Counter(event["type"] for event in checks).total() == 127


def test_delivered_goods_reach_the_shelf_first_expired_first(quiet):
    """A fresher delivery waits behind an older one."""
    item = by_category(quiet)["FISH"]
    world, _, _ = deliver(
        quiet,
        [order(item, 6), order(item, 6, command_id="b", delivery_ms=DELIVERY + DAY_MS)],
        DELIVERY + DAY_MS + HOUR_MS,
    )
    lots = [lot for place, lot, _ in world.stock() if place == WAREHOUSE]
    dates = [world.lots.expiry_date[lot] for lot in lots]
    assert world.warehouse.present(item) == sorted(lots, key=world.lots.fefo_rank.__getitem__)
    assert min(dates) >= (DAY + timedelta(days=2)).isoformat()


@pytest.mark.parametrize("text", ["", "short", "short=x", "lost=0.1", "short=0.1;late=0.2"])
def test_faults_that_cannot_be_read_are_an_error(text):
    with pytest.raises(SimulatorError, match="--supplier-faults"):
        parse_supplier_faults(text)


def test_faults_are_read_and_checked(quiet):
    assert parse_supplier_faults(None) == {}
    assert parse_supplier_faults("short=0.1, late=1") == {"short": 0.1, "late": 1.0}
    with pytest.raises(SimulatorError, match=r"late is 1\.5"):
        with_supplier_faults(quiet, {"late": 1.5})
