"""Suppliers: orders become deliveries, cut into lots, checked and scanned in.

What a supplier does wrong with an order, and how long its goods will last, follow from store, item
and day of delivery alone. So the supplier is the same whatever is ordered, and however often.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Final

from simulator.agenda import Agenda
from simulator.clock import HOUR_MS, MINUTE_MS, BusinessCalendar, Moment
from simulator.commands import SupplierOrder
from simulator.errors import SimulatorError
from simulator.inventory import LotStock
from simulator.ledger import Ledger
from simulator.lots import LotBook
from simulator.parameters import SUPPLIER_FAULTS, IntRange, SupplierParameters
from simulator.rng import Concern, key_of, substream
from simulator.sensors import Scanners

DELIVERY: Final = "delivery"


@dataclass(frozen=True, slots=True)
class Delivery:
    """What will come for an order.

    Attributes:
        command_id: Id of the order.
        item: Item number.
        good: Pieces that come undamaged.
        damaged: Pieces that come damaged.
        batch_size: Pieces in a lot.
        life_days: Days from delivery to the last day of sale.
    """

    command_id: str
    item: int
    good: int
    damaged: int
    batch_size: int
    life_days: int


class Suppliers:
    """The suppliers of one store and its goods entrance.

    Args:
        seed: Seed of the world.
        store_id: Store.
        parameters: Lives, times and faults.
        item_id: Shelf by item number.
        life_days: Days from delivery to the last day of sale by item number, range.
        room: Pieces of an item that the warehouse can still take.
        agenda: Where deliveries are put.
        calendar: Business days of the store.
        lots: Master data of the lots.
        warehouse: Stock in the warehouse.
        scanners: Hand scanners.
        ledger: Ground truth.
        state: What `state` gave earlier; empty at the start.
    """

    def __init__(
        self,
        *,
        seed: int,
        store_id: str,
        parameters: SupplierParameters,
        item_id: list[str],
        life_days: list[IntRange],
        room: Callable[[int], int],
        agenda: Agenda,
        calendar: BusinessCalendar,
        lots: LotBook,
        warehouse: LotStock,
        scanners: Scanners,
        ledger: Ledger,
        state: Mapping[str, Any],
    ) -> None:
        self._stream = (seed, Concern.SUPPLIERS, key_of(store_id))
        self._parameters = parameters
        self._item_id = item_id
        self._life_days = life_days
        self._room = room
        self._agenda = agenda
        self._calendar = calendar
        self._lots = lots
        self._warehouse = warehouse
        self._scanners = scanners
        self._ledger = ledger
        self._coming = {
            delivery["command_id"]: Delivery(**delivery) for delivery in state.get("coming", ())
        }
        self._lot_day: str = state.get("lot_day", "")
        # Lots of the day by item: their codes count on.
        self._lots_of_day: dict[int, int] = dict(state.get("lots_of_day", ()))

    def accept(self, now_ms: int, order: SupplierOrder) -> None:
        """Takes an order; its delivery is checked in some time after it arrives."""
        parameters = self._parameters
        seed, concern, store = self._stream
        day = self._calendar.day_of(order.delivery_ms)
        life, check, short, short_share, late, lateness, damaged, damaged_share = (
            substream(seed, concern, store, order.item, day.toordinal()).random(8).tolist()
        )
        faults = parameters.faults
        comes, broken = order.quantity, 0
        if short < faults.short:
            comes -= max(1, round(comes * _between(faults.short_share, short_share)))
        if comes and damaged < faults.damaged:
            broken = max(1, round(comes * _between(faults.damaged_share, damaged_share)))
        arrival_ms = order.delivery_ms
        if arrival_ms < now_ms:
            arrival_ms = now_ms + parameters.overdue_minutes * MINUTE_MS
        if late < faults.late:
            arrival_ms += int(_between(faults.late_hours, lateness) * HOUR_MS)
        first, last = self._life_days[order.item]
        self._coming[order.command_id] = Delivery(
            command_id=order.command_id,
            item=order.item,
            good=comes - broken,
            damaged=broken,
            batch_size=order.batch_size,
            life_days=first + int(life * (last - first + 1)),
        )
        check_ms = int(_between(parameters.check_minutes, check) * MINUTE_MS)
        self._agenda.add(arrival_ms + check_ms, DELIVERY, order.command_id)
        self._ledger.ordered(order.item, order.quantity)

    def check_in(self, now_ms: int, command_id: str) -> None:
        """Counts what came for an order and scans in what the warehouse can take."""
        delivery, now = self._coming.pop(command_id), Moment.at(now_ms)
        item = delivery.item
        accepted = left = min(delivery.good, self._room(item))
        day = self._calendar.day_of(now_ms)
        expiry = day + timedelta(days=delivery.life_days)
        while left:
            quantity = min(left, delivery.batch_size)
            lot = self._lots.add(item, self._next_code(item, day), day, expiry)
            self._warehouse.put(lot, quantity)
            self._scanners.delivered(now, lot, quantity, command_id)
            left -= quantity
        self._scanners.delivery_checked(
            now, item, command_id, accepted=accepted, damaged=delivery.damaged
        )
        self._ledger.delivered(item, accepted)

    def _next_code(self, item: int, day: date) -> str:
        text = day.strftime("%Y%m%d")
        if text != self._lot_day:
            self._lot_day, self._lots_of_day = text, {}
        number = self._lots_of_day[item] = self._lots_of_day.get(item, 0) + 1
        return f"SUP-{text}-{self._item_id[item]}-{number}"

    def coming(self) -> Iterator[Delivery]:
        """Deliveries that have not been checked in."""
        return iter(self._coming.values())

    def state(self) -> dict[str, Any]:
        """What a later `Suppliers` needs to go on, as JSON."""
        return {
            "coming": [asdict(delivery) for delivery in self._coming.values()],
            "lot_day": self._lot_day,
            "lots_of_day": list(self._lots_of_day.items()),
        }


def _between(bounds: tuple[float, float], share: float) -> float:
    low, high = bounds
    return low + share * (high - low)


def parse_supplier_faults(text: str | None) -> dict[str, float]:
    """Reads `short=0.1,late=0.05,damaged=0.1`; what is not named stays as the parameters say.

    Raises:
        SimulatorError: The text has another form.
    """
    if text is None:
        return {}
    try:
        pairs = [pair.split("=") for pair in text.split(",")]
        chances = {name.strip(): float(value) for name, value in pairs}
    except ValueError:
        chances = {}
    if not chances or not chances.keys() <= set(SUPPLIER_FAULTS):
        raise SimulatorError(
            f"--supplier-faults {text}: expected some of"
            f" {', '.join(f'{name}=P' for name in SUPPLIER_FAULTS)}"
        )
    return chances
