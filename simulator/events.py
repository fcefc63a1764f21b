"""Events as the outside sees them: CloudEvents with deterministic ids, sent on a topic."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import orjson

from simulator.clock import Moment

SHELF_EVENTS: Final = "shelf_events"
POS_TRANSACTIONS: Final = "pos_transactions"
FOOT_TRAFFIC: Final = "foot_traffic"
WAREHOUSE_EVENTS: Final = "warehouse_events"
TOPICS: Final = (SHELF_EVENTS, POS_TRANSACTIONS, FOOT_TRAFFIC, WAREHOUSE_EVENTS)

SPEC_VERSION: Final = "1.0"
# End of the source of what is told of a past: nobody waits for it, so it is never late.
OF_THE_PAST: Final = "/backfill"


class Outlet(Protocol):
    """Where a device hands its events over."""

    def send(self, at_ms: int, payload: bytes) -> None:
        """Takes an encoded event that happened at an instant."""


class Device:
    """All devices of one kind in a store: numbers their events and wraps them into envelopes.

    Args:
        store_id: Store.
        kind: Names the numbering; part of every event id.
        source: Path of the device below the store.
        outlet: Where the events go.
        last_number: Number of the last event.
        ending: End of the source.
    """

    __slots__ = ("_ending", "_outlet", "_prefix", "_source", "last_number", "store_id")

    def __init__(
        self,
        store_id: str,
        kind: str,
        source: str,
        outlet: Outlet,
        last_number: int,
        *,
        ending: str = "",
    ) -> None:
        self.store_id = store_id
        self.last_number = last_number
        self._prefix = f"{store_id}-{kind}-"
        self._source = f"/stores/{store_id}/{source}"
        self._ending = ending
        self._outlet = outlet

    def emit(
        self, event_type: str, moment: Moment, data: Mapping[str, Any], unit: str = ""
    ) -> None:
        """Sends the next event.

        Args:
            event_type: CloudEvents type.
            moment: When it happened.
            data: Payload by the contract of the type.
            unit: Which of several devices: part of the source.
        """
        self.last_number = number = self.last_number + 1
        payload = orjson.dumps(
            {
                "specversion": SPEC_VERSION,
                "id": f"{self._prefix}{number}",
                "source": self._source + unit + self._ending,
                "type": event_type,
                "time": moment.text,
                "data": data,
            }
        )
        self._outlet.send(moment.ms, payload)
