"""Nothing appears and nothing vanishes, whatever is commanded.

opening + delivered + returned = sold + wasted + on hand, for every lot, as the events tell it and
as it is.
"""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sim_support import of_type, play, reopened

from simulator.clock import HOUR_MS, MINUTE_MS
from simulator.commands import Markdown, Removal, Restock, SupplierOrder
from simulator.reference import with_supplier_faults
from simulator.world import PLACES, SHELF, WAREHOUSE, StoreWorld

# Few shelves, so that commands meet each other.
ITEMS = range(500, 540)


@pytest.fixture(scope="module")
def busy(reference):
    """A store with faulty suppliers, where every tenth line comes back."""
    parameters = reference.parameters
    returns = replace(parameters.returns, line_share=0.1, days_later=(1, 1), hours=(0, 23))
    store = replace(reference, parameters=replace(parameters, returns=returns))
    return with_supplier_faults(store, {"short": 0.3, "late": 0.3, "damaged": 0.3})


def stock_by_code(world: StoreWorld) -> Counter[str]:
    stock: Counter[str] = Counter()
    for place, lot, quantity in world.stock():
        assert place in PLACES
        assert quantity > 0
        stock[world.lots.batch_code[lot]] += quantity
    return stock


class Books:
    """Accounts by lot, kept from the events alone."""

    def __init__(self) -> None:
        self.balance: Counter[str] = Counter()
        self.units: Counter[str] = Counter()

    def _book(self, what: str, code: str, quantity: int) -> None:
        self.balance[code] += quantity
        self.units[what] += abs(quantity)

    def read(self, events) -> None:
        stock = events["warehouse_events"]
        for event in of_type(stock, "warehouse.opening"):
            self._book("opening", event["data"]["batch_code"], event["data"]["quantity"])
        for event in of_type(stock, "warehouse.receipt"):
            if event["data"]["reason"] == "supplier_delivery":
                self._book("delivered", event["data"]["batch_code"], event["data"]["quantity"])
        for event in of_type(stock, "warehouse.removal"):
            self._book("wasted", event["data"]["batch_code"], -event["data"]["removed_quantity"])
        for kind, sign, what in (("pos.sale", -1, "sold"), ("pos.return", 1, "returned")):
            for event in of_type(events["pos_transactions"], kind):
                for line in event["data"]["items"]:
                    self._book(what, line["batch_code"], sign * line["quantity"])


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["order", "restock", "removal", "markdown"]),
        st.sampled_from(ITEMS),
        st.integers(1, 60),
        st.integers(0, 5),
    ),
    max_size=25,
)


def commands_of(world, drawn, number: int) -> list:
    """Commands about what is there, from drawn numbers."""
    now, commands = world.clock_ms, []
    for index, (kind, item, quantity, choice) in enumerate(drawn):
        name = f"c{number}-{index}"
        place = (SHELF, WAREHOUSE)[choice % 2]
        present = (world.shelf if place == SHELF else world.warehouse).present(item)
        code = world.lots.batch_code[present[0]] if present else "NO-LOT"
        if kind == "order":
            delivery = now + choice * HOUR_MS - HOUR_MS
            commands.append(SupplierOrder(name, item, quantity, 7, delivery))
        elif kind == "restock":
            commands.append(Restock(name, item, quantity, choice / 5, now + 3 * HOUR_MS))
        elif kind == "removal":
            commands.append(Removal(name, item, code, place))
        else:
            commands.append(Markdown(name, item, code, 0.5, now - HOUR_MS, now + choice * HOUR_MS))
    return commands


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(COMMANDS, st.integers(3, 300)), min_size=3, max_size=8))
def test_every_lot_balances_after_any_commands(busy, steps):
    world, books = StoreWorld(busy, {}), Books()
    for number, (drawn, minutes) in enumerate(steps):
        world.command(commands_of(world, drawn, number))
        books.read(play(world, world.clock_ms + minutes * MINUTE_MS))
        assert stock_by_code(world) == +books.balance
        assert min(books.balance.values()) >= 0
        for item in ITEMS:
            # Deliveries never overfill the warehouse; single returned pieces may.
            returned = world.ledger.totals.returned_units
            assert world.warehouse.on_hand(item) <= busy.warehouse_capacity[item] + returned
        world = reopened(world, busy)
    totals = world.ledger.totals
    for name in ("delivered", "wasted", "sold", "returned"):
        assert books.units[name] == getattr(totals, f"{name}_units")


def test_every_lot_balances_over_days_of_all_commands(busy):
    """Long enough for goods to expire, to come back, and for lots to be forgotten."""
    world, books = StoreWorld(busy, {}), Books()
    sizes = []
    for number in range(5 * 8):
        drawn = [
            (kind, item, 20 + item % 30, (item + number) % 6)
            for item in range(number % 7, 1142, 7)
            for kind in (
                ("order", "restock", "markdown", "removal")[(item // 7 + number) % 4],
                "restock",
            )
        ]
        world.command(commands_of(world, drawn, number))
        books.read(play(world, world.clock_ms + 3 * HOUR_MS))
        assert stock_by_code(world) == +books.balance
        assert min(books.balance.values()) >= 0
        sizes.append(len(world.lots.item))
    assert min(books.units[name] for name in ("delivered", "wasted", "sold", "returned")) > 500
    # More lots came than the book still holds.
    assert world.lots.state()["next"] > sizes[-1] + 100
    held = {lot for _, lot, _ in world.stock()} | set(world._returns.lots())
    assert held <= world.lots.item.keys()
