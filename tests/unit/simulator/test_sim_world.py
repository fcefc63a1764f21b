"""The world of a store: fidelity, conservation, determinism, and going on where it stopped."""

from collections import Counter

import numpy as np
import orjson
import polars as pl
import pytest
from sim_contracts import envelope_validator, event_validators
from sim_support import (
    DAY_MS,
    PLENTY,
    of_type,
    pieces,
    play,
    reopened,
    restock,
    undated,
    warehouse_lots,
    with_stock,
)

from simulator.clock import HOUR_MS, MINUTE_MS, parse_instant
from simulator.events import TOPICS
from simulator.noise import TopicNoise
from simulator.world import CART, PLACES, TRANSIT, StoreWorld


@pytest.fixture(scope="module")
def plenty(reference):
    """A store that never runs out, and whose goods last for years."""
    return undated(with_stock(reference, shelf=PLENTY, warehouse=0, shelf_capacity=10**9))


@pytest.fixture(scope="module")
def plenty_days(plenty):
    """A world of five days in that store, and its events."""
    world = StoreWorld(plenty, {})
    return world, play(world, plenty.start_ms + 5 * DAY_MS)


@pytest.fixture(scope="module")
def days(reference):
    """A world of two days in a store that is never filled up, and its events."""
    world = StoreWorld(reference, {})
    return world, play(world, reference.start_ms + 2 * DAY_MS)


def receipts(events):
    return of_type(events["pos_transactions"], "pos.sale")


def test_baskets_are_as_large_as_measured(plenty_days):
    world, events = plenty_days
    baskets = [sale["data"]["items"] for sale in receipts(events)]
    units = np.array([sum(line["quantity"] for line in lines) for lines in baskets])
    items = np.array([len({line["item_id"] for line in lines}) for lines in baskets])
    assert len(baskets) > 4000
    # The measured means count the 0.46 % of visits that end without a receipt.
    visits = len(baskets) / (1 - 0.0046)
    assert units.sum() / visits == pytest.approx(14.77, rel=0.02)
    assert items.sum() / visits == pytest.approx(9.86, rel=0.02)
    assert np.quantile(units, [0.05, 0.5, 0.95]) == pytest.approx([3, 13, 32], abs=1)
    assert world.ledger.totals.lost_units == 0


def test_shelves_make_as_many_events_per_customer_as_measured(plenty_days):
    world, events = plenty_days
    customers = world.ledger.totals.customers
    assert len(events["shelf_events"]) / customers == pytest.approx(26.3, rel=0.02)
    pickups = of_type(events["shelf_events"], "shelf.pickup")
    putbacks = of_type(events["shelf_events"], "shelf.putback")
    assert len(pickups) / customers == pytest.approx(11.34, rel=0.02)
    assert len(putbacks) / customers == pytest.approx(1.80, rel=0.03)
    picked = sum(event["data"]["quantity"] for event in pickups)
    back = sum(event["data"]["quantity"] for event in putbacks)
    assert picked / customers == pytest.approx(17.01, rel=0.02)
    assert back / customers == pytest.approx(2.24, rel=0.05)


def test_empty_baskets_leave_no_receipt(plenty_days):
    world, _ = plenty_days
    totals = world.ledger.totals
    left = totals.customers - sum(1 for _ in world.state()["carts"])
    assert 1 - totals.receipts / left == pytest.approx(0.0046, abs=0.003)
    assert totals.receipts < left


def test_most_customers_take_the_lot_that_expires_first(plenty, plenty_days):
    _, events = plenty_days
    lots = plenty.lots
    first = {}
    for lot in sorted(range(len(lots)), key=lots.fefo_rank.__getitem__):
        if plenty.opening[lot][0]:
            first.setdefault(lots.item[lot], lots.batch_code[lot])
    several = {
        plenty.item_id[item]
        for item, count in Counter(
            lots.item[lot] for lot in range(len(lots)) if plenty.opening[lot][0]
        ).items()
        if count > 1
    }
    chosen = Counter(
        line["batch_code"] == first[plenty.item_id.index(line["item_id"])]
        for sale in receipts(events)
        for line in sale["data"]["items"]
        if line["item_id"] in several
    )
    # Of the lines of an item two thirds come from one lot; a few from two picks of the same item.
    assert chosen[True] / chosen.total() == pytest.approx(0.80, abs=0.01)


def test_other_lots_are_taken_evenly(plenty):
    world = StoreWorld(plenty, {})
    present = [10, 11, 12, 13]
    rng = np.random.default_rng(1)
    chosen = Counter(world._choose_lot(present, chance) for chance in rng.random(40_000))
    assert [chosen[lot] / 40_000 for lot in present] == pytest.approx(
        [0.8, 0.2 / 3, 0.2 / 3, 0.2 / 3], abs=0.006
    )
    assert world._choose_lot(present, 0.8) == 11
    assert world._choose_lot(present, np.nextafter(1, 0)) == 13
    assert world._choose_lot([10], 0.99) == 10


def test_every_event_satisfies_its_contract(days):
    validators, validate_envelope = event_validators(), envelope_validator()
    seen = Counter()
    for topic, events in days[1].items():
        for event in events:
            validate_envelope(event)
            expected_topic, validate = validators[event["type"]]
            assert expected_topic == topic
            validate(event["data"])
            seen[event["type"]] += 1
    assert {name.removeprefix("com.smartshelf.") for name in seen} == {
        "traffic.entry.v1",
        "traffic.exit.v1",
        "shelf.pickup.v1",
        "shelf.putback.v1",
        "shelf.weight.v1",
        "pos.sale.v1",
        "pos.return.v1",
        "warehouse.opening.v1",
    }


def test_ids_and_sources_name_the_device(days):
    _, events = days
    every = [event for stream in events.values() for event in stream]
    assert len({event["id"] for event in every}) == len(every)
    assert all(len(event["id"]) <= 20 for event in every)
    sources = {topic: {event["source"] for event in stream} for topic, stream in events.items()}
    assert sources["shelf_events"] == {"/stores/S001/shelf-sensors"}
    assert sources["foot_traffic"] == {"/stores/S001/gates"}
    assert sources["warehouse_events"] == {"/stores/S001/warehouse-scanners"}
    assert sources["pos_transactions"] == {f"/stores/S001/tills/{till:02d}" for till in range(1, 7)}
    for sale in receipts(events):
        assert sale["source"].endswith(f"/{sale['data']['till_id']}")


def test_sensors_do_not_know_who_is_there(days):
    _, events = days
    for topic in ("shelf_events", "foot_traffic"):
        assert not any("customer_id" in event["data"] for event in events[topic])


def test_streams_are_in_order_of_time_within_the_tick(reference):
    world = StoreWorld(reference, {})
    for hour in range(1, 30):
        begin, end = world.clock_ms, reference.start_ms + hour * HOUR_MS
        for payloads in world.advance(end).events.values():
            times = [parse_instant(orjson.loads(payload)["time"]) for payload in payloads]
            assert times == sorted(times)
            assert all(begin <= at < end for at in times)


def test_every_movement_on_a_shelf_moves_its_scale(days, reference):
    _, events = days
    weight = dict(zip(reference.item_id, reference.unit_weight_g, strict=True))
    stream = events["shelf_events"]
    for moved, scale in zip(stream[::2], stream[1::2], strict=True):
        data = moved["data"]
        sign = -1 if moved["type"].endswith("pickup.v1") else 1
        assert data["unit_weight_g"] == weight[data["shelf_id"]]
        assert scale["type"].endswith("shelf.weight.v1")
        assert scale["time"] == moved["time"]
        assert scale["data"]["shelf_id"] == data["shelf_id"]
        assert scale["data"]["delta_weight_g"] == sign * data["quantity"] * data["unit_weight_g"]


def test_opening_stock_is_every_lot_at_the_start(days, reference):
    _, events = days
    counted = of_type(events["warehouse_events"], "warehouse.opening")
    assert {event["time"] for event in counted} == {"2026-01-01T07:00:00.000Z"}
    got = {
        (event["data"]["location"], event["data"]["batch_code"]): event["data"]["quantity"]
        for event in counted
    }
    expected = {
        ("shelf" if on_shelf else "warehouse", code): quantity
        for (on_shelf, quantity), code in zip(
            reference.opening, reference.lots.batch_code, strict=True
        )
    }
    assert got == expected
    assert len(counted) == len(expected)


def test_d12_weekly_promotions_change_the_price_and_what_is_wanted(plenty_days, plenty):
    _, events = plenty_days
    price = dict(zip(plenty.item_id, plenty.prices.list_price, strict=True))
    discounted = Counter()
    for sale in receipts(events):
        day = plenty.calendar.day_of(parse_instant(sale["time"]))
        discounts = dict(zip(plenty.item_id, plenty.prices.discounts(day).tolist(), strict=True))
        lines = sale["data"]["items"]
        assert [line["line_no"] for line in lines] == list(range(1, len(lines) + 1))
        assert len({(line["item_id"], line["batch_code"]) for line in lines}) == len(lines)
        for line in lines:
            assert line["unit_price"] == price[line["item_id"]]
            assert line["discount"] == discounts[line["item_id"]]
            discounted[line["discount"] > 0] += 1
    # 60 items, each wanted 1.4 times as much as without its discount.
    assert discounted[True] / discounted.total() == pytest.approx(60 / 1142 * 1.41, abs=0.01)


def test_promotions_change_at_midnight_of_the_store(reference):
    sunday, monday = (
        reference.calendar.day_of(parse_instant(text))
        for text in ("2026-01-04T22:59:59Z", "2026-01-04T23:00:00Z")
    )
    before, after = reference.prices.discounts(sunday), reference.prices.discounts(monday)
    assert ((before > 0).sum(), (after > 0).sum()) == (60, 60)
    assert not ((before > 0) & (after > 0)).any()


def test_discounts_compound_and_are_capped(reference):
    once, twice, much = np.array([0.1]), np.array([0.3]), np.array([0.99])
    assert reference.prices.compound(once, twice).tolist() == [0.37]
    assert reference.prices.compound(once, much).tolist() == [0.95]
    assert reference.prices.compound(np.array([0.12346])).tolist() == [0.1235]


def test_units_of_every_lot_are_somewhere_at_any_tick(reference):
    """opening = shelf + warehouse + transit + carts + sold, by lot."""
    world = StoreWorld(reference, {})
    opening = Counter(
        {lot: quantity for lot, (_, quantity) in enumerate(reference.opening) if quantity}
    )
    lot_of = {code: lot for lot, code in enumerate(reference.lots.batch_code)}
    sold: Counter[int] = Counter()
    places_seen = set()
    for tick in range(60):
        # Odd ticks so that staff is caught on its way; every few ticks more work.
        world.command(
            [
                restock(reference, item, 7, command_id=f"t{tick}-{item}", expires_in_ms=DAY_MS * 9)
                for item in range(tick % 10, 1142, 97)
            ]
        )
        events = play(world, world.clock_ms + 17 * MINUTE_MS, 17 * MINUTE_MS)
        for sale in receipts(events):
            for line in sale["data"]["items"]:
                sold[lot_of[line["batch_code"]]] += line["quantity"]
        stock = pieces(world)
        places_seen |= stock.keys()
        assert all(quantity > 0 for place in stock.values() for quantity in place.values())
        assert sum(stock.values(), Counter()) + sold == opening
    assert places_seen == set(PLACES)
    assert sold.total() > 5000


def test_ledger_balances(days):
    world, events = days
    totals = world.ledger.totals
    in_carts = pieces(world)[CART].total()
    assert totals.demand_units == (
        totals.lost_units + totals.putback_units + totals.sold_units + in_carts
    )
    assert totals.lost_units > 0
    sales = receipts(events)
    assert totals.receipts == len(sales)
    assert totals.sold_units == sum(
        line["quantity"] for sale in sales for line in sale["data"]["items"]
    )
    assert totals.customers == len(of_type(events["foot_traffic"], "traffic.entry"))
    for topic in TOPICS:
        assert world.channels[topic].counts.sent == len(events[topic])


def test_days_are_closed_at_midnight_of_the_store(reference):
    world = StoreWorld(reference, {})
    midnight = parse_instant("2026-01-01T23:00:00Z")
    assert world.advance(midnight).closed_days == []
    (first,) = world.advance(midnight + 1).closed_days
    (second,) = world.advance(midnight + DAY_MS + HOUR_MS).closed_days
    assert [str(first.day), str(second.day)] == ["2026-01-01", "2026-01-02"]
    totals = world.ledger.totals
    open_day = world.ledger.state()["day"]
    for name in ("demand_units", "lost_units", "sold_units", "putback_units"):
        by_item = first.items[name].sum() + second.items[name].sum() + sum(open_day[name])
        assert by_item == getattr(totals, name)
        assert first.store[name].item() == first.items[name].sum()
    assert len(first.items) == 1142
    assert first.items["date"].unique().to_list() == [first.day]
    assert first.items["wasted_units"].sum() == 0
    end_of_day = first.items.select(pl.col("^(shelf|warehouse|transit|cart)_units$").sum())
    sold = first.items["sold_units"].sum()
    opening = sum(quantity for _, quantity in reference.opening)
    assert sum(end_of_day.row(0)) + sold == opening


def test_lost_demand_is_what_the_shelf_did_not_have(reference):
    """With nothing on any shelf all demand is lost, and nothing but people is sensed."""
    world = StoreWorld(with_stock(reference, shelf=0), {})
    events = play(world, reference.start_ms + 5 * HOUR_MS)
    totals = world.ledger.totals
    assert totals.customers > 100
    assert totals.demand_units == totals.lost_units > 1000
    assert events["shelf_events"] == []
    assert events["pos_transactions"] == []
    assert len(events["foot_traffic"]) > 200


def test_d20_a_customer_takes_what_is_there_and_the_rest_is_lost(reference):
    """One piece per lot: who wants more takes from lot after lot, then goes short."""
    scarce = with_stock(reference, shelf=dict.fromkeys(reference.lots.batch_code, 1), warehouse=0)
    lots_on_shelf = Counter(
        scarce.item_id[scarce.lots.item[lot]]
        for lot, (_, quantity) in enumerate(scarce.opening)
        if quantity
    )
    world = StoreWorld(scarce, {})
    events = play(world, reference.start_ms + 8 * HOUR_MS)
    pickups = [event["data"] for event in of_type(events["shelf_events"], "shelf.pickup")]
    assert all(data["quantity"] <= lots_on_shelf[data["shelf_id"]] for data in pickups)
    assert any(data["quantity"] > 1 for data in pickups)
    totals = world.ledger.totals
    assert totals.demand_units - totals.lost_units == sum(data["quantity"] for data in pickups)
    # Single pieces were taken from by customers who wanted two or three.
    day = world.ledger.state()["day"]
    singles = [item for item, name in enumerate(scarce.item_id) if lots_on_shelf[name] == 1]
    assert sum(day["lost_units"][item] for item in singles) > 0


def test_the_same_seed_gives_the_same_events(reference, days):
    again = play(StoreWorld(reference, {}), reference.start_ms + 2 * DAY_MS)
    assert again == days[1]


@pytest.mark.parametrize("tick_ms", [5 * MINUTE_MS, 7 * HOUR_MS + 1, 2 * DAY_MS])
def test_ticks_do_not_matter(reference, days, tick_ms):
    ticked = play(StoreWorld(reference, {}), reference.start_ms + 2 * DAY_MS, tick_ms)
    assert ticked == days[1]


def test_a_world_goes_on_where_it_stopped(reference, days):
    """Written to JSON and read back at odd instants, midnight among them."""
    world = StoreWorld(reference, {})
    midnight = parse_instant("2026-01-01T23:00:00Z")
    stops = [reference.start_ms, reference.start_ms + 1, midnight - 1, midnight, midnight + 1]
    stops += [reference.start_ms + hour * HOUR_MS + 12_345 for hour in (1, 2, 15, 17, 30, 44)]
    events = {topic: [] for topic in TOPICS}
    for stop in [*sorted(stops), reference.start_ms + 2 * DAY_MS]:
        for topic, payloads in play(world, stop).items():
            events[topic] += payloads
        world = reopened(world, reference)
    assert events == days[1]
    assert world.ledger.totals == days[0].ledger.totals


def test_customers_come_and_want_the_same_whatever_else_happens(reference, days):
    """Common random numbers: other stock, staff at work and noise leave the demand as it is."""
    world = StoreWorld(
        with_stock(reference, warehouse=PLENTY), {"shelf_events": TopicNoise(loss=0.5)}
    )
    item, _ = warehouse_lots(reference, 1)
    world.command([restock(reference, item, 5)])
    events = play(world, reference.start_ms + 2 * DAY_MS)
    assert events["foot_traffic"] == days[1]["foot_traffic"]
    assert world.ledger.totals.demand_units == days[0].ledger.totals.demand_units
    assert world.ledger.totals.customers == days[0].ledger.totals.customers
    assert events["shelf_events"] != days[1]["shelf_events"]


def test_noise_leaves_the_truth_alone(reference, days):
    noise = TopicNoise(0.3, 0.3, 0.3, 600.0, 30.0)
    world = StoreWorld(reference, dict.fromkeys(TOPICS, noise))
    play(world, reference.start_ms + 2 * DAY_MS)
    assert world.ledger.totals == days[0].ledger.totals
    assert list(world.stock()) == list(days[0].stock())


def test_a_checkpoint_does_not_grow(reference):
    """What was sold and done is not carried along."""
    world = StoreWorld(reference, {})
    sizes = []
    for day in range(6):
        world.command(
            [restock(reference, item, 9, command_id=f"d{day}-{item}") for item in range(0, 1142, 9)]
        )
        play(world, reference.start_ms + (day + 1) * DAY_MS)
        sizes.append(len(orjson.dumps(world.state())))
    assert TRANSIT not in pieces(world)
    assert max(sizes) < 1.1 * sizes[0]
    assert max(sizes) < 80_000
