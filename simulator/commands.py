"""Commands from the system: read, checked, and sorted into what can be done and what cannot.

The stream is a border: whatever stands on it, the world goes on. What is not understood is counted
and skipped.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from simulator.clock import parse_instant
from simulator.errors import SimulatorError

RESTOCK_COMMAND: Final = "com.smartshelf.command.restock.v1"
MAX_QUANTITY: Final = 100_000
# The pattern of command_id in the contracts: reports must be able to name the command.
_COMMAND_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")


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


@dataclass(slots=True)
class CommandCounts:
    """Commands since the start, by what became of them.

    Attributes:
        accepted: Handed to the staff.
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
) -> list[Restock]:
    """Reads commands and counts those that cannot be done.

    Args:
        payloads: One encoded CloudEvent each.
        store_id: The store that reads.
        shelf_number: Item number by shelf of the store.
        counts: Where the skipped ones are counted.
    """
    restocks = []
    for payload in payloads:
        try:
            envelope = orjson.loads(payload)
            if _text(envelope, "type") != RESTOCK_COMMAND:
                counts.unsupported += 1
                continue
            data = _object(envelope, "data")
            item = shelf_number.get(_text(data, "shelf_id"))
            if _text(data, "store_id") != store_id or item is None:
                counts.foreign += 1
                continue
            restocks.append(_restock(envelope, data, item))
        except (orjson.JSONDecodeError, _MalformedError, SimulatorError):
            counts.malformed += 1
    return restocks


def _restock(envelope: Mapping[str, Any], data: Mapping[str, Any], item: int) -> Restock:
    command_id = _text(envelope, "id")
    quantity: Any = data.get("quantity")
    priority: Any = data.get("priority")
    if (
        not _COMMAND_ID.fullmatch(command_id)
        or type(quantity) is not int
        or not 1 <= quantity <= MAX_QUANTITY
        or type(priority) not in (int, float)
        or not 0 <= priority <= 1
    ):
        raise _MalformedError
    return Restock(
        command_id, item, quantity, float(priority), parse_instant(_text(data, "expires_ts"))
    )


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
