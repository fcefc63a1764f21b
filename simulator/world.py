"""The world of one store: a discrete-event simulation that can stop and go on at any instant.

Customers come in the order of the day's schedule, with impulses in between; everything else (staff,
deliveries, returns, midnight) comes from the agenda; ties go to the agenda. What happens before an
instant does not depend on the ticks it is reached by.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import numpy as np

from simulator.agenda import Agenda
from simulator.clock import Moment
from simulator.commands import (
    Command,
    CommandCounts,
    Markdown,
    Removal,
    Restock,
    SupplierOrder,
)
from simulator.customers import ONE_DAY, Customers, Impulse, Schedule, Step, Visit
from simulator.events import (
    FOOT_TRAFFIC,
    OF_THE_PAST,
    POS_TRANSACTIONS,
    SHELF_EVENTS,
    TOPICS,
    WAREHOUSE_EVENTS,
    Device,
)
from simulator.inventory import Cart, LotStock
from simulator.ledger import ClosedDay, Ledger
from simulator.lots import SHELF, WAREHOUSE, LotBook
from simulator.markdowns import Markdowns
from simulator.noise import SILENT, Channel, Noise
from simulator.reference import StoreReference
from simulator.returns import RETURN, Returns
from simulator.sensors import Gates, Scanners, ShelfSensors
from simulator.staff import Staff
from simulator.suppliers import DELIVERY, Suppliers
from simulator.tills import Purchase, Tills

TRANSIT: Final = "transit"
CART: Final = "cart"
PLACES: Final = (SHELF, WAREHOUSE, TRANSIT, CART)

OPENING: Final = "opening"
MIDNIGHT: Final = "midnight"

# Kind of device -> where its events go, and the end of their source.
DEVICES: Final = {
    "gate": (FOOT_TRAFFIC, "gates"),
    "shelf": (SHELF_EVENTS, "shelf-sensors"),
    "scale": (SHELF_EVENTS, "shelf-sensors"),
    "till": (POS_TRANSACTIONS, "tills/"),
    "scan": (WAREHOUSE_EVENTS, "warehouse-scanners"),
}


@dataclass(frozen=True, slots=True)
class Tick:
    """What came out of a stretch of simulated time.

    Attributes:
        events: Encoded events in order of arrival, by topic.
        closed_days: Truth of the business days that ended.
    """

    events: dict[str, list[bytes]]
    closed_days: list[ClosedDay]


class StoreWorld:
    """One store.

    Args:
        reference: What there is.
        noise: Noise by topic; topics not named are silent.
        state: What `state` gave earlier; None opens the store.
        is_past: Whether receipts say that they are of a past that is loaded.
    """

    def __init__(
        self,
        reference: StoreReference,
        noise: Noise,
        state: Mapping[str, Any] | None = None,
        *,
        is_past: bool = False,
    ) -> None:
        self._reference = reference
        saved: Mapping[str, Any] = state or {}
        self.store_id = reference.store_id
        self.clock_ms: int = saved.get("clock_ms", reference.start_ms)
        self.cursor: str = saved.get("cursor", "0-0")
        self.commands = CommandCounts(**saved.get("commands", {}))

        self.lots = LotBook(reference.lots, saved.get("lots", {}))
        self.shelf = self._stock(SHELF, saved)
        self.warehouse = self._stock(WAREHOUSE, saved)
        self._carts = {
            visit: Cart({item: [tuple(lot) for lot in load] for item, load in loads})
            for visit, loads in saved.get("carts", ())
        }
        self._ledger = Ledger(
            self.store_id, reference.item_id, reference.prices.list_price, saved.get("ledger", {})
        )
        self._agenda = Agenda(saved.get("agenda", ()), saved.get("agenda_last", 0))
        self._markdowns = Markdowns(saved.get("markdowns", {}))
        self._connect(noise, saved, OF_THE_PAST if is_past else "")
        self._acts: dict[str, Callable[[int, str], None]] = {
            **self.staff.steps,
            DELIVERY: self.suppliers.check_in,
            RETURN: self._returns.take_back,
            OPENING: self._count_opening_stock,
        }

        self._customers = Customers(reference)
        self._position: int = saved.get("position", 0)
        self._open_day(
            date.fromisoformat(saved["day"])
            if state
            else reference.calendar.day_of(reference.start_ms)
        )
        if not state:
            self._agenda.add(reference.start_ms, OPENING)
            self._agenda.add(reference.calendar.instant(self._schedule.day + ONE_DAY), MIDNIGHT)

    def _stock(self, place: str, saved: Mapping[str, Any]) -> LotStock:
        opening = (
            (lot, quantity)
            for lot, (on_shelf, quantity) in enumerate(self._reference.opening)
            if on_shelf == (place == SHELF)
        )
        return LotStock(self.lots, len(self._reference.item_id), saved.get(place, opening))

    def _connect(self, noise: Noise, saved: Mapping[str, Any], till_ending: str) -> None:
        """Wires devices to channels, and those who use them to the devices."""
        reference = self._reference
        channels, numbers = saved.get("channels", {}), saved.get("numbers", {})
        self._channels = {
            topic: Channel(
                reference.world.seed,
                self.store_id,
                topic,
                noise.get(topic, SILENT),
                channels.get(topic, {}),
            )
            for topic in TOPICS
        }
        self._devices = {
            kind: Device(
                self.store_id,
                kind,
                source,
                self._channels[topic],
                numbers.get(kind, 0),
                ending=till_ending if topic == POS_TRANSACTIONS else "",
            )
            for kind, (topic, source) in DEVICES.items()
        }
        device, lots = self._devices, self.lots
        self._gates = Gates(device["gate"])
        self._sensors = ShelfSensors(
            device["shelf"], device["scale"], reference.item_id, reference.unit_weight_g, lots
        )
        self._tills = Tills(device["till"], reference.item_id, reference.prices.list_price, lots)
        self._scanners = Scanners(device["scan"], reference.item_id, lots)
        self.staff = Staff(
            parameters=reference.parameters.staff,
            agenda=self._agenda,
            shelf=self.shelf,
            warehouse=self.warehouse,
            shelf_capacity=reference.shelf_capacity,
            lots=lots,
            calendar=reference.calendar,
            sensors=self._sensors,
            scanners=self._scanners,
            ledger=self._ledger,
            state=saved.get("staff", {}),
        )
        self.suppliers = Suppliers(
            seed=reference.world.seed,
            store_id=self.store_id,
            parameters=reference.parameters.suppliers,
            item_id=reference.item_id,
            life_days=[
                reference.parameters.suppliers.life_of(category) for category in reference.category
            ],
            room=self._warehouse_room,
            agenda=self._agenda,
            calendar=reference.calendar,
            lots=lots,
            warehouse=self.warehouse,
            scanners=self._scanners,
            ledger=self._ledger,
            state=saved.get("suppliers", {}),
        )
        self._returns = Returns(
            agenda=self._agenda,
            tills=self._tills,
            staff=self.staff,
            ledger=self._ledger,
            state=saved.get("returns", {}),
        )

    def _warehouse_room(self, item: int) -> int:
        """Pieces that the warehouse can take; what is on its way to a shelf may come back."""
        held = self.warehouse.on_hand(item)
        held += sum(
            quantity for lot, quantity in self.staff.in_transit() if self.lots.item[lot] == item
        )
        return max(0, self._reference.warehouse_capacity[item] - held)

    def command(self, commands: Sequence[Command]) -> None:
        """Hands commands to those who do them, now. Nobody does anything for a cutoff."""
        marked_down = False
        for command in commands:
            if isinstance(command, Restock):
                self.staff.accept(self.clock_ms, command)
            elif isinstance(command, Removal):
                self.staff.remove(command)
            elif isinstance(command, SupplierOrder):
                self.suppliers.accept(self.clock_ms, command)
            elif isinstance(command, Markdown):
                self._markdowns.accept(command)
                marked_down = True
        if marked_down:
            self._plan_impulses()
        self.staff.dispatch(self.clock_ms)

    def advance(self, until_ms: int) -> Tick:
        """Plays everything that happens before an instant.

        Args:
            until_ms: The new clock, ms; not before the old one.
        """
        closed_days = []
        while True:
            self._serve(min(until_ms, self._agenda.next_ms))
            if self._agenda.next_ms >= until_ms:
                break
            entry = self._agenda.pop()
            if entry.what == MIDNIGHT:
                closed_days.append(self._turn_day(entry.at_ms))
            else:
                self._acts[entry.what](entry.at_ms, entry.subject)
        self.clock_ms = until_ms
        events = {topic: channel.release(until_ms) for topic, channel in self._channels.items()}
        return Tick(events, closed_days)

    def _serve(self, until_ms: int) -> None:
        """Lets customers do what they do before an instant."""
        while self._impulses and self._impulses[-1].at_ms < until_ms:
            impulse = self._impulses.pop()
            self._follow(impulse.at_ms)
            self._try_impulse(impulse)
        self._follow(until_ms)

    def _follow(self, until_ms: int) -> None:
        """Lets customers do the steps of the schedule before an instant."""
        schedule, position = self._schedule, self._position
        moments, steps = schedule.moment, schedule.step
        while moments[position].ms < until_ms:
            step = steps[position]
            if step == Step.PICKUP:
                self._pick_up(schedule, position)
            elif step == Step.PUTBACK:
                self._put_back(schedule, position)
            elif step == Step.ENTER:
                self._enter(schedule, position)
            else:
                self._leave(schedule, position)
            position += 1
        self._position = position

    def _enter(self, schedule: Schedule, position: int) -> None:
        visit = schedule.visit[position]
        self._carts[visit] = Cart()
        self._ledger.entered()
        gate = schedule.visits[visit].entry_gate
        self._gates.entry(schedule.moment[position], gate)

    def _pick_up(self, schedule: Schedule, position: int) -> None:
        item, wanted = schedule.item[position], schedule.quantity[position]
        cart = self._carts[schedule.visit[position]]
        taken = 0
        for chance in schedule.chance[position]:
            present = self._sellable(item)
            if taken == wanted or not present:
                break
            lot = self._choose_lot(present, chance)
            moved = self.shelf.take(lot, wanted - taken)
            cart.put(item, lot, moved)
            taken += moved
        self._ledger.wanted(item, wanted, taken)
        if taken:
            self._sensors.pickup(schedule.moment[position], item, taken)

    def _sellable(self, item: int) -> list[int]:
        """Lots on a shelf that may be sold today, first expired first."""
        present, expiry = self.shelf.present(item), self.lots.expiry_date
        if present and expiry[present[0]] < self._today:
            return [lot for lot in present if expiry[lot] >= self._today]
        return present

    def _try_impulse(self, impulse: Impulse) -> None:
        """A customer sees the lot of an item that is marked down the most, and may take it."""
        at_ms, visit, item, quantity, chance = impulse
        cart = self._carts.get(visit)
        marked_down = [
            (-markdown, place, lot)
            for place, lot in enumerate(self._sellable(item))
            if (markdown := self._markdowns.in_force(item, self.lots.batch_code[lot], at_ms))
        ]
        if cart is None or not marked_down:
            return
        discount, _, lot = min(marked_down)
        demand = self._reference.parameters.demand
        if chance * demand.uplift(demand.largest_markdown) < demand.uplift(-discount):
            taken = self.shelf.take(lot, quantity)
            cart.put(item, lot, taken)
            self._ledger.wanted(item, taken, taken)
            self._sensors.pickup(Moment.at(at_ms), item, taken)

    def _choose_lot(self, present: list[int], chance: float) -> int:
        """The lot that expires first or, now and then, any other."""
        first_share = self._reference.parameters.lot_choice.earliest_probability
        others = len(present) - 1
        if chance < first_share or not others:
            return present[0]
        return present[1 + int((chance - first_share) / (1 - first_share) * others)]

    def _put_back(self, schedule: Schedule, position: int) -> None:
        cart = self._carts[schedule.visit[position]]
        if not cart:
            return
        which, how_many = schedule.chance[position][:2]
        item = cart.item_at(which)
        quantity = 1 + int(how_many * cart.pieces(item))
        for lot, moved in cart.take(item, quantity):
            self.shelf.put(lot, moved)
        self._ledger.put_back(item, quantity)
        self._sensors.customer_putback(schedule.moment[position], item, quantity)

    def _leave(self, schedule: Schedule, position: int) -> None:
        number = schedule.visit[position]
        visit, cart = schedule.visits[number], self._carts.pop(number)
        moment = schedule.moment[position]
        goods = []
        for item, lot, quantity in cart.lines():
            if self.lots.expiry_date[lot] >= self._today:
                goods.append((item, lot, quantity))
            else:
                # Picked up before midnight: no till sells it now.
                self.shelf.put(lot, quantity)
                self._ledger.put_back(item, quantity)
                self._sensors.customer_putback(moment, item, quantity)
        if goods:
            self._pay(moment, visit, goods)
        self._gates.exit(moment, visit.exit_gate)

    def _pay(self, moment: Moment, visit: Visit, goods: list[tuple[int, int, int]]) -> None:
        discounts = [self._discount(item, lot, moment.ms) for item, lot, _ in goods]
        receipt = self._tills.sell(moment, visit, goods, discounts)
        self._ledger.sold(goods, discounts)
        if visit.return_line < len(goods):
            perishable = self._reference.is_perishable
            lines = [
                line for line in zip(goods, discounts, strict=True) if not perishable[line[0][0]]
            ]
            if visit.return_line < len(lines):
                (item, lot, quantity), discount = lines[visit.return_line]
                self._returns.expect(
                    visit.return_ms,
                    Purchase(
                        transaction_id=receipt,
                        item=item,
                        lot=lot,
                        quantity=quantity,
                        discount=discount,
                        till_id=visit.till_id,
                        payment_method=visit.payment_method,
                        customer_id=visit.customer_id,
                    ),
                )

    def _discount(self, item: int, lot: int, at_ms: int) -> float:
        """Effective discount of a lot at the till, fraction."""
        weekly = self._discounts[item]
        if item not in self._markdowns.items:
            return weekly
        markdown = self._markdowns.in_force(item, self.lots.batch_code[lot], at_ms)
        return float(self._reference.prices.compound(np.array(weekly), np.array(markdown)))

    def _count_opening_stock(self, now_ms: int, _: str) -> None:
        now = Moment.at(now_ms)
        for place, stock in ((SHELF, self.shelf), (WAREHOUSE, self.warehouse)):
            for lot, quantity in stock.rows():
                self._scanners.opening_stock(now, place, lot, quantity)

    def _turn_day(self, now_ms: int) -> ClosedDay:
        ended = self._schedule.day
        closed = self._ledger.close_day(
            ended,
            {topic: channel.counts.emitted for topic, channel in self._channels.items()},
            self._stock_by_item(),
        )
        self._markdowns.forget(now_ms)
        self.lots.forget_all_but({*(lot for _, lot, _ in self.stock()), *self._returns.lots()})
        self._position = 0
        self._open_day(ended + ONE_DAY)
        midnight = self._reference.calendar.instant(self._schedule.day + ONE_DAY)
        self._agenda.add(midnight, MIDNIGHT)
        return closed

    def _open_day(self, day: date) -> None:
        self._schedule = self._customers.schedule(day)
        self._today = day.isoformat()
        self._discounts: list[float] = self._reference.prices.discounts(day).tolist()
        self._plan_impulses()

    def _plan_impulses(self) -> None:
        """Finds the impulses of the rest of the day; the next one stands last."""
        self._impulses: list[Impulse] = []
        if self._markdowns.items:
            begin_ms = self._reference.calendar.instant(self._schedule.day)
            first_ms = max(self.clock_ms, begin_ms)
            self._impulses = self._customers.impulses(self._markdowns.items, first_ms)[::-1]

    def stock(self) -> Iterator[tuple[str, int, int]]:
        """(place, lot number, pieces) of all goods in the store; places may repeat a lot."""
        for place, stock in ((SHELF, self.shelf), (WAREHOUSE, self.warehouse)):
            for lot, quantity in stock.rows():
                yield place, lot, quantity
        for lot, quantity in self.staff.in_transit():
            yield TRANSIT, lot, quantity
        for cart in self._carts.values():
            for _, lot, quantity in cart.lines():
                yield CART, lot, quantity

    def _stock_by_item(self) -> dict[str, list[int]]:
        counts = {place: [0] * len(self._reference.item_id) for place in PLACES}
        for place, lot, quantity in self.stock():
            counts[place][self.lots.item[lot]] += quantity
        return counts

    @property
    def ledger(self) -> Ledger:
        """Ground truth."""
        return self._ledger

    @property
    def channels(self) -> Mapping[str, Channel]:
        """Ways to the streams, by topic."""
        return self._channels

    def state(self) -> dict[str, Any]:
        """What a later `StoreWorld` needs to go on, as JSON.

        The customers are not in it: they follow from the day. No generator is either: every draw
        is found by the name and number of what it is for.
        """
        return {
            "world": self._reference.world.fingerprint,
            "clock_ms": self.clock_ms,
            "cursor": self.cursor,
            "commands": asdict(self.commands),
            "day": self._schedule.day.isoformat(),
            "position": self._position,
            "agenda": [tuple(entry) for entry in self._agenda.entries()],
            "agenda_last": self._agenda.last,
            "lots": self.lots.state(),
            SHELF: self.shelf.rows(),
            WAREHOUSE: self.warehouse.rows(),
            "carts": [(visit, cart.loads()) for visit, cart in self._carts.items()],
            "staff": self.staff.state(),
            "suppliers": self.suppliers.state(),
            "returns": self._returns.state(),
            "markdowns": self._markdowns.state(),
            "ledger": self._ledger.state(),
            "numbers": {kind: device.last_number for kind, device in self._devices.items()},
            "channels": {topic: channel.state() for topic, channel in self._channels.items()},
        }
