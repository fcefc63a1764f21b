"""Sensors of a store: gates that count people, shelves that feel goods, scanners of the staff.

Sensors see what happens, not who does it: no customer identity leaves the store here.
"""

from typing import Any, Final

from simulator.clock import Moment
from simulator.events import Device
from simulator.lots import LotBook

ENTRY: Final = "com.smartshelf.traffic.entry.v1"
EXIT: Final = "com.smartshelf.traffic.exit.v1"
PICKUP: Final = "com.smartshelf.shelf.pickup.v1"
PUTBACK: Final = "com.smartshelf.shelf.putback.v1"
WEIGHT: Final = "com.smartshelf.shelf.weight.v1"
OPENING_STOCK: Final = "com.smartshelf.warehouse.opening.v1"
WAREHOUSE_PICK: Final = "com.smartshelf.warehouse.pick.v1"
WAREHOUSE_RECEIPT: Final = "com.smartshelf.warehouse.receipt.v1"
TASK_COMPLETED: Final = "com.smartshelf.warehouse.task_completed.v1"
DELIVERY_CHECKED: Final = "com.smartshelf.warehouse.delivery_checked.v1"
REMOVAL: Final = "com.smartshelf.warehouse.removal.v1"

# Reasons of movements.
RESTOCK: Final = "restock"
RESTOCK_RETURN: Final = "restock_return"
SUPPLIER_DELIVERY: Final = "supplier_delivery"
EXPIRED: Final = "expired"


class Gates:
    """Door sensors: one event per person and direction.

    Args:
        device: Numbers and sends the events.
    """

    def __init__(self, device: Device) -> None:
        self._device = device

    def entry(self, moment: Moment, gate_id: str) -> None:
        """Somebody came in."""
        self._count(ENTRY, moment, gate_id)

    def exit(self, moment: Moment, gate_id: str) -> None:
        """Somebody went out."""
        self._count(EXIT, moment, gate_id)

    def _count(self, event_type: str, moment: Moment, gate_id: str) -> None:
        data = {"store_id": self._device.store_id, "gate_id": gate_id}
        self._device.emit(event_type, moment, data)


class ShelfSensors:
    """Piece counters and scales of the shelves: every movement makes one event of each.

    Args:
        counter: Device of pickups and putbacks.
        scale: Device of weight changes.
        item_id: Shelf by item number.
        unit_weight_g: Weight of a piece by item number, g.
        lots: Master data of the lots.
    """

    def __init__(
        self,
        counter: Device,
        scale: Device,
        item_id: list[str],
        unit_weight_g: list[int],
        lots: LotBook,
    ) -> None:
        self._counter = counter
        self._scale = scale
        self._item_id = item_id
        self._unit_weight_g = unit_weight_g
        self._lots = lots

    def pickup(self, moment: Moment, item: int, quantity: int) -> None:
        """A customer took pieces off a shelf."""
        self._move(PICKUP, moment, item, -quantity, {})

    def customer_putback(self, moment: Moment, item: int, quantity: int) -> None:
        """A customer put pieces back."""
        self._move(PUTBACK, moment, item, quantity, {"actor_role": "customer"})

    def staff_putback(
        self, moment: Moment, lot: int, quantity: int, command_id: str | None
    ) -> None:
        """Staff put pieces of a lot on a shelf, for a command or because a customer returned it."""
        actor = {"actor_role": "staff", "batch_code": self._lots.batch_code[lot]}
        if command_id is not None:
            actor["command_id"] = command_id
        self._move(PUTBACK, moment, self._lots.item[lot], quantity, actor)

    def removal(self, moment: Moment, item: int, quantity: int) -> None:
        """Staff took pieces away: only the scale feels it."""
        shelf = {"store_id": self._scale.store_id, "shelf_id": self._item_id[item]}
        change = -quantity * self._unit_weight_g[item]
        self._scale.emit(WEIGHT, moment, {**shelf, "delta_weight_g": change})

    def _move(
        self, event_type: str, moment: Moment, item: int, change: int, actor: dict[str, str]
    ) -> None:
        shelf = {"store_id": self._counter.store_id, "shelf_id": self._item_id[item]}
        weight_g = self._unit_weight_g[item]
        pieces = {"quantity": abs(change), "unit_weight_g": weight_g}
        self._counter.emit(event_type, moment, {**shelf, **pieces, **actor})
        self._scale.emit(WEIGHT, moment, {**shelf, "delta_weight_g": change * weight_g})


class Scanners:
    """Hand scanners of the staff: lots in and out of the warehouse, finished tasks.

    Args:
        device: Numbers and sends the events.
        item_id: Shelf by item number.
        lots: Master data of the lots.
    """

    def __init__(self, device: Device, item_id: list[str], lots: LotBook) -> None:
        self._device = device
        self._item_id = item_id
        self._lots = lots

    def opening_stock(self, moment: Moment, location: str, lot: int, quantity: int) -> None:
        """A lot was counted when the store went live."""
        data = {"location": location, **self._dated(lot, quantity)}
        self._emit(OPENING_STOCK, moment, data)

    def picked(self, moment: Moment, lot: int, quantity: int, command_id: str) -> None:
        """Pieces of a lot left the warehouse for a shelf."""
        data = {
            "shelf_id": self._item_id[self._lots.item[lot]],
            "batch_code": self._lots.batch_code[lot],
            "quantity": quantity,
            "expiry_date": self._lots.expiry_date[lot],
            "reason": RESTOCK,
            "command_id": command_id,
        }
        self._emit(WAREHOUSE_PICK, moment, data)

    def returned(self, moment: Moment, lot: int, quantity: int, command_id: str | None) -> None:
        """Pieces that did not fit on the shelf came into the warehouse."""
        data = {**self._dated(lot, quantity), "reason": RESTOCK_RETURN}
        if command_id is not None:
            data["command_id"] = command_id
        self._emit(WAREHOUSE_RECEIPT, moment, data)

    def delivered(self, moment: Moment, lot: int, quantity: int, command_id: str) -> None:
        """A lot came from the supplier."""
        data = {
            **self._dated(lot, quantity),
            "reason": SUPPLIER_DELIVERY,
            "command_id": command_id,
        }
        self._emit(WAREHOUSE_RECEIPT, moment, data)

    def delivery_checked(
        self, moment: Moment, item: int, command_id: str, *, accepted: int, damaged: int
    ) -> None:
        """All that came for an order was counted; nothing more will come."""
        data = {
            "shelf_id": self._item_id[item],
            "command_id": command_id,
            "accepted_quantity": accepted,
            "damaged_quantity": damaged,
            "is_final": True,
        }
        self._emit(DELIVERY_CHECKED, moment, data)

    def removed(
        self,
        moment: Moment,
        item: int,
        batch_code: str,
        *,
        location: str,
        quantity: int,
        command_id: str,
    ) -> None:
        """What was left of a lot was thrown away."""
        data = {
            "location": location,
            "shelf_id": self._item_id[item],
            "batch_code": batch_code,
            "removed_quantity": quantity,
            "reason": EXPIRED,
            "command_id": command_id,
        }
        self._emit(REMOVAL, moment, data)

    def task_completed(
        self,
        moment: Moment,
        item: int,
        command_id: str,
        *,
        placed: int,
        outcome: str,
        reason: str | None,
    ) -> None:
        """A task was closed with what was really put on the shelf, and why not more."""
        data = {
            "shelf_id": self._item_id[item],
            "command_id": command_id,
            "placed_quantity": placed,
            "outcome": outcome,
        }
        if reason:
            data["reason"] = reason
        self._emit(TASK_COMPLETED, moment, data)

    def _dated(self, lot: int, quantity: int) -> dict[str, Any]:
        return {
            "shelf_id": self._item_id[self._lots.item[lot]],
            "batch_code": self._lots.batch_code[lot],
            "quantity": quantity,
            "received_date": self._lots.received_date[lot],
            "expiry_date": self._lots.expiry_date[lot],
        }

    def _emit(self, event_type: str, moment: Moment, data: dict[str, Any]) -> None:
        data = {"store_id": self._device.store_id, **data}
        self._device.emit(event_type, moment, data)
