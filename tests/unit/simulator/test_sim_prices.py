"""Markdowns: what the till charges, and how many more customers they attract."""

from collections import Counter

import numpy as np
import pytest
from sim_support import DAY_MS, of_type, play, reopened, restock, undated, with_stock

from simulator.clock import HOUR_MS, MINUTE_MS, parse_instant
from simulator.commands import Markdown
from simulator.customers import Customers
from simulator.markdowns import Markdowns
from simulator.world import StoreWorld


@pytest.fixture(scope="module")
def plenty(reference):
    """A store that never runs out, and whose goods last for years."""
    return undated(with_stock(reference, shelf=100_000, warehouse=0, shelf_capacity=10**9))


def first_lots(reference) -> dict[int, int]:
    """The shelf lot of each item that expires first."""
    first: dict[int, int] = {}
    for lot in sorted(range(len(reference.opening)), key=reference.lots.fefo_rank.__getitem__):
        if reference.opening[lot][0]:
            first.setdefault(reference.lots.item[lot], lot)
    return first


def markdown(reference, lot: int, discount: float, **changes) -> Markdown:
    fields = {
        "command_id": f"m-{lot}-{discount}",
        "item": reference.lots.item[lot],
        "batch_code": reference.lots.batch_code[lot],
        "discount": discount,
        "from_ms": reference.start_ms,
        "to_ms": reference.start_ms + DAY_MS,
    }
    return Markdown(**{**fields, **changes})


def lines(events):
    for sale in of_type(events["pos_transactions"], "pos.sale"):
        for line in sale["data"]["items"]:
            yield parse_instant(sale["time"]), line


def test_d11_markdowns_reach_the_till_for_their_lot_and_time(plenty):
    """The first generation's tills never heard of them."""
    lots = first_lots(plenty)
    begin, end = plenty.start_ms + 2 * HOUR_MS, plenty.start_ms + 6 * HOUR_MS
    world = StoreWorld(plenty, {})
    world.command([markdown(plenty, lot, 0.3, from_ms=begin, to_ms=end) for lot in lots.values()])
    events = play(world, plenty.start_ms + 8 * HOUR_MS)
    day = plenty.calendar.day_of(plenty.start_ms)
    weekly = dict(zip(plenty.item_id, plenty.prices.discounts(day).tolist(), strict=True))
    marked_down = {plenty.lots.batch_code[lot] for lot in lots.values()}
    seen = Counter()
    for at_ms, line in lines(events):
        expected = weekly[line["item_id"]]
        if line["batch_code"] in marked_down and begin <= at_ms < end:
            expected = 1 - (1 - expected) * 0.7
            seen["promoted" if weekly[line["item_id"]] else "marked down"] += 1
        else:
            seen["other"] += 1
        assert line["discount"] == pytest.approx(expected, abs=0.51e-4)
        assert line["discount"] == round(line["discount"], 4)
    assert min(seen.values()) > 50
    assert len(seen) == 3


def test_d35_a_markdown_replaces_the_one_before_and_does_not_stack(reference):
    """The first generation discounted again after each restart, up to 75 %."""
    book = Markdowns({})
    hour = [reference.start_ms + n * HOUR_MS for n in range(5)]
    book.accept(Markdown("a", 3, "B1", 0.3, hour[0], hour[4]))
    book.accept(Markdown("b", 3, "B1", 0.5, hour[1], hour[3]))
    book.accept(Markdown("c", 3, "B1", 0.0, hour[2], hour[3]))
    assert [book.in_force(3, "B1", at) for at in hour] == [0.3, 0.5, 0.0, 0.3, 0.0]
    assert book.in_force(3, "B2", hour[0]) == book.in_force(4, "B1", hour[0]) == 0.0
    again = Markdowns(book.state())
    assert [again.in_force(3, "B1", at) for at in hour] == [0.3, 0.5, 0.0, 0.3, 0.0]
    again.forget(hour[3])
    assert again.in_force(3, "B1", hour[3]) == 0.3
    again.forget(hour[4])
    assert again.state() == {"terms": []}
    assert again.items == set()


def test_a_discount_never_exceeds_the_cap(plenty):
    lot = next(iter(first_lots(plenty).values()))
    world = StoreWorld(plenty, {})
    world.command([markdown(plenty, lot, 0.99)])
    assert world._discount(plenty.lots.item[lot], lot, plenty.start_ms) == 0.95


def sold_by_lot(events) -> Counter[str]:
    sold: Counter[str] = Counter()
    for _, line in lines(events):
        sold[line["batch_code"]] += line["quantity"]
    return sold


def test_markdowns_attract_customers_by_the_elasticity_and_not_beyond_the_largest(plenty):
    lots = first_lots(plenty)
    totals = {}
    for discount in (None, 0.3, 0.5, 0.6, 0.9):
        world = StoreWorld(plenty, {})
        if discount is not None:
            world.command([markdown(plenty, lot, discount) for lot in lots.values()])
        play(world, plenty.start_ms + 12 * HOUR_MS)
        totals[discount] = world.ledger.totals.demand_units
    uplift = {discount: totals[discount] / totals[None] for discount in totals}
    assert uplift[0.3] == pytest.approx(0.7**-1.5, rel=0.05)
    assert uplift[0.5] == pytest.approx(0.5**-1.5, rel=0.05)
    assert uplift[0.6] == uplift[0.9] == pytest.approx(0.4**-1.5, rel=0.05)


def test_customers_on_impulse_take_the_marked_down_lot_only_and_nothing_is_lost(plenty):
    """One lot is marked down; all other lots sell as without it."""
    lot = max(first_lots(plenty).values(), key=lambda lot: plenty.visibility[plenty.lots.item[lot]])
    plain, marked = StoreWorld(plenty, {}), StoreWorld(plenty, {})
    marked.command([markdown(plenty, lot, 0.5)])
    before, after = (play(world, plenty.start_ms + 16 * HOUR_MS) for world in (plain, marked))
    item = plenty.item_id[plenty.lots.item[lot]]
    picked = [
        Counter(
            event["data"]["shelf_id"] for event in of_type(events["shelf_events"], "shelf.pickup")
        )
        for events in (before, after)
    ]
    extra = picked[1] - picked[0]
    assert extra.keys() == {item}
    assert not picked[0] - picked[1]
    code = plenty.lots.batch_code[lot]
    more = sold_by_lot(after)[code] / sold_by_lot(before)[code]
    assert more > 1.5
    assert marked.ledger.totals.lost_units == plain.ledger.totals.lost_units == 0


def test_nobody_has_an_impulse_for_a_lot_that_is_not_on_the_shelf(plenty):
    """Marked down in the warehouse, expired, or not there at all."""
    everything = StoreWorld(plenty, {})
    world = StoreWorld(plenty, {})
    lot = next(lot for lot, (on_shelf, _) in enumerate(plenty.opening) if not on_shelf)
    gone = markdown(plenty, first_lots(plenty)[5], 0.5, batch_code="SUP-NOT-HERE-1")
    world.command([markdown(plenty, lot, 0.5), gone])
    expected, events = (play(w, plenty.start_ms + 8 * HOUR_MS) for w in (everything, world))
    assert events == expected


def test_impulses_do_not_depend_on_ticks_restarts_or_other_markdowns(plenty):
    """Common random numbers: who would take a lot follows from the day alone."""
    lots = list(first_lots(plenty).values())[::40]
    commands = [markdown(plenty, lot, 0.5, to_ms=plenty.start_ms + 3 * DAY_MS) for lot in lots]
    end = plenty.start_ms + 26 * HOUR_MS
    world = StoreWorld(plenty, {})
    world.command(commands)
    expected = play(world, end)
    ticked = StoreWorld(plenty, {})
    ticked.command(commands)
    events = {topic: [] for topic in expected}
    while ticked.clock_ms < end:
        until = min(ticked.clock_ms + 97 * MINUTE_MS, end)
        for topic, payloads in play(ticked, until, 13 * MINUTE_MS).items():
            events[topic] += payloads
        ticked = reopened(ticked, plenty)
    assert events == expected

    customers = Customers(plenty)
    customers.schedule(plenty.calendar.day_of(plenty.start_ms))
    few = customers.impulses({3}, 0)
    many = customers.impulses({3, 4, 5}, 0)
    assert few == [impulse for impulse in many if impulse.item == 3]
    later = few[len(few) // 2].at_ms
    assert customers.impulses({3}, later) == [i for i in few if i.at_ms >= later]


def test_customers_are_the_same_with_markdowns(plenty):
    lots = first_lots(plenty)
    plain, marked = StoreWorld(plenty, {}), StoreWorld(plenty, {})
    marked.command([markdown(plenty, lot, 0.5) for lot in lots.values()])
    marked.command([restock(plenty, 0, 5)])
    before, after = (play(world, plenty.start_ms + 6 * HOUR_MS) for world in (plain, marked))
    assert before["foot_traffic"] == after["foot_traffic"]
    wanted = [world.ledger.state()["day"]["demand_units"] for world in (plain, marked)]
    assert np.all(np.array(wanted[1]) >= np.array(wanted[0]))
