"""Events for tests: valid unless a test says otherwise."""

from typing import Any

import orjson

STORE = "S001"
SHELF = "BEVWAT0001"
OTHER_SHELF = "BEVWAT0002"

_SOURCES = {
    "shelf": "shelf-sensors",
    "pos": "tills/03",
    "traffic": "gates",
    "warehouse": "warehouse-scanners",
    "operator": "report-app",
    "command": "restock-planner",
}


def cloud_event(
    kind: str,
    event_id: str,
    time: str = "2026-01-01T07:10:00Z",
    *,
    store: str = STORE,
    version: int = 1,
    **data: Any,
) -> dict[str, Any]:
    """Build a CloudEvent.

    Args:
        kind: Type without prefix and version, such as shelf.pickup.
        event_id: Id.
        time: RFC 3339.
        store: Store id.
        version: Version of the contract.
        data: Payload beside the store id.
    """
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/stores/{store}/{_SOURCES[kind.split('.', maxsplit=1)[0]]}",
        "type": f"com.smartshelf.{kind}.v{version}",
        "time": time,
        "data": {"store_id": store, **data},
    }


def pickup(event_id: str, time: str = "2026-01-01T07:10:00Z", **data: Any) -> dict[str, Any]:
    """A customer takes one piece."""
    return cloud_event("shelf.pickup", event_id, time, **{"shelf_id": SHELF, "quantity": 1} | data)


def opening(event_id: str, quantity: int, location: str = "shelf", **data: Any) -> dict[str, Any]:
    """A lot is counted at go-live."""
    fields = {
        "location": location,
        "shelf_id": SHELF,
        "batch_code": "B0000001",
        "quantity": quantity,
        "received_date": "2025-12-30",
        "expiry_date": "2026-12-31",
    }
    return cloud_event("warehouse.opening", event_id, "2026-01-01T07:00:00Z", **fields | data)


def sale(event_id: str, time: str = "2026-01-01T07:20:00Z", **data: Any) -> dict[str, Any]:
    """A receipt with one line."""
    line = {"line_no": 1, "item_id": SHELF, "quantity": 1, "unit_price": 2.5, "discount": 0}
    fields = {"transaction_id": f"T-{event_id}", "items": [line]}
    return cloud_event("pos.sale", event_id, time, **fields | data)


def encode(event: dict[str, Any]) -> bytes:
    """Encode as it stands on a stream."""
    return orjson.dumps(event)


def entry(number: int, event: dict[str, Any] | bytes) -> tuple[bytes, list[bytes]]:
    """An entry with one event, as the server returns it."""
    payload = event if isinstance(event, bytes) else encode(event)
    return f"1767250800000-{number}".encode(), [b"e", payload]


def batch_entry(number: int, payloads: list[bytes]) -> tuple[bytes, list[bytes]]:
    """An entry with many events, as the server returns it."""
    return f"1767250800000-{number}".encode(), [b"b", b"\n".join(payloads)]
