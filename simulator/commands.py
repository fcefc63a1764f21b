"""Commands from the system: read, checked, and sorted into what can be done and what cannot.

The stream is a border: whatever stands on it, the world goes on. What is not understood is counted
and skipped.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from simulator.clock import parse_instant
from simulator.errors import SimulatorError
from simulator.lots import SHELF, WAREHOUSE

RESTOCK_COMMAND: Final = "com.smartshelf.command.restock.v1"
ORDER_COMMAND: Final = "com.smartshelf.command.supplier_order.v1"
CUTOFF_COMMAND: Final = "com.smartshelf.command.supplier_cutoff.v1"
MARKDOWN_COMMAND: Final = "com.smartshelf.command.markdown.v1"
REMOVAL_COMMAND: Final = "com.smartshelf.command.removal.v1"

MAX_QUANTITY: Final = 100_000
# Patterns of the contracts: reports must be able to name the command and the lot.
_COMMAND_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_BATCH_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,63}")
# Plans from 1970 to 2970: far from where calendars end.
_MAX_PLAN_MS: Final = 1000 * 365 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Restock:
    """Carry pieces from the warehouse to a shelf.

    Attributes:
        command_id: Id of the command; done once.
        item: Item number.
        quantity: Pieces asked for.
        priority: 1 is most urgent.
        expires_ms: Not to be started later, ms.
    """

    command_id: str
    item: int
    quantity: int
    priority: float
    expires_ms: int


@dataclass(frozen=True, slots=True)
class SupplierOrder:
    """Deliver pieces to the warehouse.

    Attributes:
        command_id: Id of the order; delivered once.
        item: Item number.
        quantity: Pieces ordered.
        batch_size: Pieces in a lot.
        delivery_ms: Planned delivery, ms.
    """

    command_id: str
    item: int
    quantity: int
    batch_size: int
    delivery_ms: int


@dataclass(frozen=True, slots=True)
class SupplierCutoff:
    """All orders for a delivery have been sent; nothing physical follows."""

    command_id: str


@dataclass(frozen=True, slots=True)
class Markdown:
    """Change the price of a lot.

    Attributes:
        command_id: Id of the command.
        item: Item number.
        batch_code: Lot.
        discount: Fraction taken off the list price.
        from_ms: From then on, ms.
        to_ms: Until just before then, ms.
    """

    command_id: str
    item: int
    batch_code: str
    discount: float
    from_ms: int
    to_ms: int


@dataclass(frozen=True, slots=True)
class Removal:
    """Throw away what is left of a lot at a place.

    Attributes:
        command_id: Id of the command; done once.
        item: Item number.
        batch_code: Lot.
        location: Shelf or warehouse.
    """

    command_id: str
    item: int
    batch_code: str
    location: str


Command = Restock | SupplierOrder | SupplierCutoff | Markdown | Removal


@dataclass(slots=True)
class CommandCounts:
    """Commands since the start, by what became of them.

    Attributes:
        accepted: Taken on.
        repeated: Known already.
        unsupported: Of a type this world does not act on.
        foreign: For another store or a shelf that is not here.
        malformed: Not a command.
    """

    accepted: int = 0
    repeated: int = 0
    unsupported: int = 0
    foreign: int = 0
    malformed: int = 0


class _MalformedError(Exception):
    """The command breaks its contract."""


def parse_commands(
    payloads: Iterable[bytes],
    store_id: str,
    shelf_number: Mapping[str, int],
    counts: CommandCounts,
) -> list[Command]:
    """Reads commands and counts those that cannot be done.

    Args:
        payloads: One encoded CloudEvent each.
        store_id: The store that reads.
        shelf_number: Item number by shelf of the store.
        counts: Where the skipped ones are counted.
    """
    commands: list[Command] = []
    for payload in payloads:
        try:
            envelope = orjson.loads(payload)
            kind = _text(envelope, "type")
            if kind not in _READERS and kind != CUTOFF_COMMAND:
                counts.unsupported += 1
                continue
            command = _read(kind, envelope, store_id, shelf_number)
        except (orjson.JSONDecodeError, _MalformedError, SimulatorError):
            counts.malformed += 1
            continue
        if command is None:
            counts.foreign += 1
        else:
            commands.append(command)
    return commands


def _read(
    kind: str, envelope: Mapping[str, Any], store_id: str, shelf_number: Mapping[str, int]
) -> Command | None:
    """The command, or None when it is for others."""
    data = _object(envelope, "data")
    item = None if kind == CUTOFF_COMMAND else shelf_number.get(_text(data, "shelf_id"))
    if _text(data, "store_id") != store_id or (item is None and kind != CUTOFF_COMMAND):
        return None
    command_id = _matching(envelope, "id", _COMMAND_ID)
    return SupplierCutoff(command_id) if item is None else _READERS[kind](command_id, item, data)


def _restock(command_id: str, item: int, data: Mapping[str, Any]) -> Restock:
    quantity, priority = _quantity(data, "quantity"), _number(data, "priority")
    if not 0 <= priority <= 1:
        raise _MalformedError
    return Restock(command_id, item, quantity, priority, parse_instant(_text(data, "expires_ts")))


def _supplier_order(command_id: str, item: int, data: Mapping[str, Any]) -> SupplierOrder:
    return SupplierOrder(
        command_id,
        item,
        _quantity(data, "quantity"),
        _quantity(data, "batch_size"),
        _plan(data, "delivery_ts"),
    )


def _markdown(command_id: str, item: int, data: Mapping[str, Any]) -> Markdown:
    discount = _number(data, "discount")
    if not 0 <= discount < 1:
        raise _MalformedError
    return Markdown(
        command_id,
        item,
        _matching(data, "batch_code", _BATCH_CODE),
        discount,
        _plan(data, "valid_from_ts"),
        _plan(data, "valid_to_ts"),
    )


def _removal(command_id: str, item: int, data: Mapping[str, Any]) -> Removal:
    location = _text(data, "location")
    if location not in (SHELF, WAREHOUSE):
        raise _MalformedError
    return Removal(command_id, item, _matching(data, "batch_code", _BATCH_CODE), location)


_READERS: Final[Mapping[str, Callable[[str, int, Mapping[str, Any]], Command]]] = {
    RESTOCK_COMMAND: _restock,
    ORDER_COMMAND: _supplier_order,
    MARKDOWN_COMMAND: _markdown,
    REMOVAL_COMMAND: _removal,
}


def _object(parent: Any, name: str) -> Mapping[str, Any]:
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, dict):
        raise _MalformedError
    return value


def _text(parent: Any, name: str) -> str:
    value = parent.get(name) if isinstance(parent, dict) else None
    if not isinstance(value, str):
        raise _MalformedError
    return value


def _matching(parent: Any, name: str, pattern: re.Pattern[str]) -> str:
    value = _text(parent, name)
    if not pattern.fullmatch(value):
        raise _MalformedError
    return value


def _quantity(parent: Mapping[str, Any], name: str) -> int:
    value: Any = parent.get(name)
    if type(value) is not int or not 1 <= value <= MAX_QUANTITY:
        raise _MalformedError
    return value


def _number(parent: Mapping[str, Any], name: str) -> float:
    value: Any = parent.get(name)
    if type(value) not in (int, float):
        raise _MalformedError
    return float(value)


def _plan(parent: Mapping[str, Any], name: str) -> int:
    instant = parse_instant(_text(parent, name))
    if not 0 <= instant <= _MAX_PLAN_MS:
        raise _MalformedError
    return instant
