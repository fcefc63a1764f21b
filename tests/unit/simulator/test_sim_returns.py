"""Returns: some goods come back to a till and from there to the shelf or the warehouse."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sim_contracts import event_validators
from sim_support import DAY_MS, of_type, pieces, play, reopened, undated, with_stock

from simulator.clock import HOUR_MS, parse_instant
from simulator.world import StoreWorld

DAYS = 9


def with_share(reference, share: float):
    parameters = reference.parameters
    returns = replace(parameters.returns, line_share=share)
    return replace(reference, parameters=replace(parameters, returns=returns))


@pytest.fixture(scope="module")
def plenty(reference):
    """A store that never runs out, where one line in fifty comes back."""
    store = with_stock(reference, shelf=100_000, warehouse=0, shelf_capacity=10**9)
    return with_share(undated(store), 0.02)


@pytest.fixture(scope="module")
def run(plenty):
    """A world of nine days, and its events."""
    world = StoreWorld(plenty, {})
    return world, play(world, plenty.start_ms + DAYS * DAY_MS)


def test_revenue_is_what_was_paid_less_what_was_paid_back(run):
    world, events = run
    paid = {
        kind: sum(
            round(line["quantity"] * line["unit_price"] * (1 - line["discount"]), 2)
            for event in of_type(events["pos_transactions"], kind)
            for line in event["data"]["items"]
        )
        for kind in ("pos.sale", "pos.return")
    }
    assert paid["pos.return"] > 500
    assert world.ledger.totals.revenue == pytest.approx(paid["pos.sale"] - paid["pos.return"])


def test_goods_come_back_as_they_were_sold(plenty, run):
    world, events = run
    sales = {
        event["data"]["transaction_id"]: event
        for event in of_type(events["pos_transactions"], "pos.sale")
    }
    returned = of_type(events["pos_transactions"], "pos.return")
    assert len(returned) > 200
    validate = event_validators()[returned[0]["type"]][1]
    days_later, hours, numbers = Counter(), Counter(), set(sales)
    for event in returned:
        data = event["data"]
        validate(data)
        sale = sales[data["original_transaction_id"]]
        (line,) = data["items"]
        assert {**line, "line_no": 0} in [{**sold, "line_no": 0} for sold in sale["data"]["items"]]
        for name in ("till_id", "payment_method", "customer_id"):
            assert data.get(name) == sale["data"].get(name)
        assert not plenty.is_perishable[plenty.item_id.index(line["item_id"])]
        assert data["transaction_id"] not in numbers
        numbers.add(data["transaction_id"])
        calendar = plenty.calendar
        sold_ms, back_ms = parse_instant(sale["time"]), parse_instant(event["time"])
        day = calendar.day_of(back_ms)
        days_later[(day - calendar.day_of(sold_ms)).days] += 1
        hours[(back_ms - calendar.instant(day)) // HOUR_MS] += 1
    # A visit may end after midnight: then one day less lies between.
    assert set(days_later) <= set(range(8))
    assert days_later[0] < 5
    assert set(hours) == set(range(9, 20))
    assert world.ledger.totals.returned_units == sum(
        event["data"]["items"][0]["quantity"] for event in returned
    )


def test_as_many_lines_come_back_as_set(plenty, run):
    """Of the receipts of the first two days, after a week all that come back are back."""
    _, events = run
    first_days = parse_instant("2026-01-03T00:00:00Z")
    lines = {
        event["data"]["transaction_id"]: [
            line
            for line in event["data"]["items"]
            if not plenty.is_perishable[plenty.item_id.index(line["item_id"])]
        ]
        for event in of_type(events["pos_transactions"], "pos.sale")
        if parse_instant(event["time"]) < first_days
    }
    back = [
        event
        for event in of_type(events["pos_transactions"], "pos.return")
        if event["data"]["original_transaction_id"] in lines
    ]
    # A receipt gives back one line at most, which at this share costs a tenth of them.
    expected = sum(1 - 0.98 ** len(of_receipt) for of_receipt in lines.values())
    assert len(back) == pytest.approx(expected, rel=0.2)


def test_returned_goods_go_to_the_shelf_by_hand(run):
    _, events = run
    by_staff = [
        event["data"]
        for event in of_type(events["shelf_events"], "shelf.putback")
        if event["data"]["actor_role"] == "staff"
    ]
    returned = [
        event["data"]["items"][0] for event in of_type(events["pos_transactions"], "pos.return")
    ]
    assert not any("command_id" in data for data in by_staff)
    assert [(data["batch_code"], data["quantity"]) for data in by_staff] == [
        (line["batch_code"], line["quantity"]) for line in returned[: len(by_staff)]
    ]
    assert len(returned) - len(by_staff) <= 2
    assert of_type(events["warehouse_events"], "warehouse.receipt") == []
    validate = event_validators()["com.smartshelf.shelf.putback.v1"][1]
    validate(by_staff[0])


def test_what_does_not_fit_on_the_shelf_goes_to_the_warehouse(plenty):
    full = replace(plenty, shelf_capacity=[0] * 1142)
    world = StoreWorld(full, {})
    events = play(world, full.start_ms + 3 * DAY_MS)
    receipts = of_type(events["warehouse_events"], "warehouse.receipt")
    returned = of_type(events["pos_transactions"], "pos.return")
    assert len(receipts) > 20
    assert len(returned) - len(receipts) <= 2
    validate = event_validators()[receipts[0]["type"]][1]
    for event in receipts:
        validate(event["data"])
        assert event["data"]["reason"] == "restock_return"
        assert "command_id" not in event["data"]
    assert pieces(world)["warehouse"].total() == sum(
        event["data"]["quantity"] for event in receipts
    )


def test_nothing_comes_back_at_a_share_of_zero(plenty):
    world = StoreWorld(with_share(plenty, 0.0), {})
    events = play(world, plenty.start_ms + 3 * DAY_MS)
    assert of_type(events["pos_transactions"], "pos.return") == []
    assert world.ledger.totals.returned_units == 0


def test_returns_survive_restarts(plenty, run):
    _, expected = run
    world = StoreWorld(plenty, {})
    events = []
    end = plenty.start_ms + 4 * DAY_MS
    while world.clock_ms < end:
        until = min(world.clock_ms + 5 * HOUR_MS, end)
        events += play(world, until)["pos_transactions"]
        world = reopened(world, plenty)
    assert events == [
        event for event in expected["pos_transactions"] if parse_instant(event["time"]) < end
    ]


def test_the_same_visits_bring_goods_back_whatever_the_stock(plenty, reference):
    """Common random numbers: the draw belongs to the visit."""
    scarce = StoreWorld(with_share(reference, 0.02), {})
    rich = StoreWorld(plenty, {})
    day = plenty.calendar.day_of(plenty.start_ms) + timedelta(days=1)
    ours, theirs = (world._customers.schedule(day).visits for world in (scarce, rich))
    assert ours == theirs
