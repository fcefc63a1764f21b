"""The world of one store: a discrete-event simulation that can stop and go on at any instant.

Customers come in the order of the day's schedule, everything else (staff, midnight) from the
agenda; ties go to the agenda. What happens before an instant does not depend on the ticks it is
reached by.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.clock import Moment
from simulator.commands import CommandCounts, Restock
from simulator.customers import ONE_DAY, Customers, Schedule, Step
from simulator.events import (
    FOOT_TRAFFIC,
    POS_TRANSACTIONS,
    SHELF_EVENTS,
    TOPICS,
    WAREHOUSE_EVENTS,
    Device,
)
from simulator.inventory import Cart, LotStock
from simulator.ledger import ClosedDay, Ledger
from simulator.lots import SHELF, WAREHOUSE
from simulator.noise import SILENT, Channel, Noise
from simulator.reference import StoreReference
from simulator.sensors import Gates, Scanners, ShelfSensors
from simulator.staff import Staff
from simulator.tills import Tills

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
    """

    def __init__(
        self, reference: StoreReference, noise: Noise, state: Mapping[str, Any] | None = None
    ) -> None:
        self._reference = reference
        saved: Mapping[str, Any] = state or {}
        self.store_id = reference.store_id
        self.clock_ms: int = saved.get("clock_ms", reference.start_ms)
        self.cursor: str = saved.get("cursor", "0-0")
        self.commands = CommandCounts(**saved.get("commands", {}))

        item_count = len(reference.item_id)
        self._shelf = self._stock(SHELF, saved, item_count)
        self._warehouse = self._stock(WAREHOUSE, saved, item_count)
        self._carts = {
            visit: Cart({item: [tuple(lot) for lot in load] for item, load in loads})
            for visit, loads in saved.get("carts", ())
        }
        self._ledger = Ledger(self.store_id, reference.item_id, saved.get("ledger", {}))
        self._agenda = Agenda(saved.get("agenda", ()), saved.get("agenda_last", 0))
        self._connect(noise, saved)

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

    def _stock(self, place: str, saved: Mapping[str, Any], item_count: int) -> LotStock:
        opening = (
            quantity if on_shelf == (place == SHELF) else 0
            for on_shelf, quantity in self._reference.opening
        )
        return LotStock(self._reference.lots, item_count, saved.get(place, opening))

    def _connect(self, noise: Noise, saved: Mapping[str, Any]) -> None:
        """Wires devices to channels."""
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
            kind: Device(self.store_id, kind, source, self._channels[topic], numbers.get(kind, 0))
            for kind, (topic, source) in DEVICES.items()
        }
        device, lots = self._devices, reference.lots
        self._gates = Gates(device["gate"])
        self._sensors = ShelfSensors(
            device["shelf"], device["scale"], reference.item_id, reference.unit_weight_g, lots
        )
        self._tills = Tills(device["till"], reference.item_id, reference.prices.list_price, lots)
        self._scanners = Scanners(device["scan"], reference.item_id, lots)
        self._staff = Staff(
            parameters=reference.parameters.staff,
            agenda=self._agenda,
            shelf=self._shelf,
            warehouse=self._warehouse,
            shelf_capacity=reference.shelf_capacity,
            lots=lots,
            calendar=reference.calendar,
            sensors=self._sensors,
            scanners=self._scanners,
            state=saved.get("staff", {}),
        )

    def command(self, restocks: list[Restock]) -> None:
        """Hands commands to the staff, now."""
        for restock in restocks:
            self._staff.accept(self.clock_ms, restock)
        self._staff.dispatch(self.clock_ms)

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
                closed_days.append(self._turn_day())
            elif entry.what == OPENING:
                self._count_opening_stock(Moment.at(entry.at_ms))
            else:
                self._staff.act(entry)
        self.clock_ms = until_ms
        events = {topic: channel.release(until_ms) for topic, channel in self._channels.items()}
        return Tick(events, closed_days)

    def _serve(self, until_ms: int) -> None:
        """Lets customers do their steps before an instant."""
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
            present = self._shelf.present(item)
            if taken == wanted or not present:
                break
            lot = self._choose_lot(present, chance)
            moved = self._shelf.take(lot, wanted - taken)
            cart.put(item, lot, moved)
            taken += moved
        self._ledger.wanted(item, wanted, taken)
        if taken:
            self._sensors.pickup(schedule.moment[position], item, taken)

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
            self._shelf.put(lot, moved)
        self._ledger.put_back(item, quantity)
        self._sensors.customer_putback(schedule.moment[position], item, quantity)

    def _leave(self, schedule: Schedule, position: int) -> None:
        number = schedule.visit[position]
        visit, cart = schedule.visits[number], self._carts.pop(number)
        moment = schedule.moment[position]
        if cart:
            goods = cart.lines()
            self._tills.sell(moment, visit, goods, self._discounts)
            self._ledger.sold(goods)
        self._gates.exit(moment, visit.exit_gate)

    def _count_opening_stock(self, now: Moment) -> None:
        for place, stock in ((SHELF, self._shelf), (WAREHOUSE, self._warehouse)):
            for lot, quantity in stock.rows():
                self._scanners.opening_stock(now, place, lot, quantity)

    def _turn_day(self) -> ClosedDay:
        ended = self._schedule.day
        closed = self._ledger.close_day(
            ended,
            {topic: channel.counts.emitted for topic, channel in self._channels.items()},
            self._stock_by_item(),
        )
        self._position = 0
        self._open_day(ended + ONE_DAY)
        midnight = self._reference.calendar.instant(self._schedule.day + ONE_DAY)
        self._agenda.add(midnight, MIDNIGHT)
        return closed

    def _open_day(self, day: date) -> None:
        self._schedule = self._customers.schedule(day)
        self._discounts: list[float] = self._reference.prices.discounts(day).tolist()

    def stock(self) -> Iterator[tuple[str, int, int]]:
        """(place, lot number, pieces) of all goods in the store; places may repeat a lot."""
        for place, stock in ((SHELF, self._shelf), (WAREHOUSE, self._warehouse)):
            for lot, quantity in stock.rows():
                yield place, lot, quantity
        for lot, quantity in self._staff.in_transit():
            yield TRANSIT, lot, quantity
        for cart in self._carts.values():
            for _, lot, quantity in cart.lines():
                yield CART, lot, quantity

    def _stock_by_item(self) -> dict[str, list[int]]:
        counts = {place: [0] * len(self._reference.item_id) for place in PLACES}
        for place, lot, quantity in self.stock():
            counts[place][self._reference.lots.item[lot]] += quantity
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
            SHELF: self._shelf.quantities(),
            WAREHOUSE: self._warehouse.quantities(),
            "carts": [(visit, cart.loads()) for visit, cart in self._carts.items()],
            "staff": self._staff.state(),
            "ledger": self._ledger.state(),
            "numbers": {kind: device.last_number for kind, device in self._devices.items()},
            "channels": {topic: channel.state() for topic, channel in self._channels.items()},
        }
