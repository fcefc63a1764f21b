"""Sending events and commands: the envelope and its place on a stream.

Belongs here: building CloudEvents and appending them. Does not belong here: deciding what to send.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson

from smartshelf_dagster.contracts.validation import Rejection, validate_event
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.topics import BATCH_FIELD, EVENT_FIELD

_PIPELINE_ENTRIES = 1_000


class InvalidEventError(SmartShelfError, ValueError):
    """An event to be sent does not satisfy its contract; the message says where."""


@dataclass(frozen=True)
class Event:
    """A CloudEvent to be sent.

    Attributes:
        event_id: Unique over the chain.
        source: Who sends it, as a URI reference.
        ce_type: CloudEvents type, names the contract.
        event_ts: When it happened, UTC.
        data: Payload; dates and timestamps may be objects.
    """

    event_id: str
    source: str
    ce_type: str
    event_ts: datetime
    data: Mapping[str, Any]

    def to_json(self) -> bytes:
        """Encode in JSON structured mode."""
        data = {k: _plain(v) for k, v in self.data.items() if v is not None}
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": self.event_id,
                "source": self.source,
                "type": self.ce_type,
                "time": _plain(self.event_ts),
                "data": data,
            }
        )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def send_events(client: Client, topic: str, stream: str, events: Iterable[Event]) -> int:
    """Append events to a stream, one per entry, after checking each against its contract.

    Args:
        client: Connection.
        topic: Topic of the stream.
        stream: Where to append.
        events: What to send; for few, hand-made events.

    Returns:
        Number of events sent.

    Raises:
        InvalidEventError: An event violates its contract; nothing was sent.
    """
    payloads = [event.to_json() for event in events]
    for payload in payloads:
        result = validate_event(topic, payload)
        if isinstance(result, Rejection):
            raise InvalidEventError(f"cannot send to {stream}: {result.reason}")
    pipeline = client.pipeline(transaction=True)
    for payload in payloads:
        pipeline.xadd(stream, {EVENT_FIELD: payload})
    if payloads:
        pipeline.execute()
    return len(payloads)


def send_batches(
    client: Client, stream: str, payloads: Sequence[bytes], events_per_entry: int
) -> int:
    """Append many encoded events as a gateway does: newline-delimited, many to an entry.

    Args:
        client: Connection.
        stream: Where to append.
        payloads: Encoded CloudEvents.
        events_per_entry: 1 sends each in its own entry.

    Returns:
        Number of entries added.
    """
    pipeline = client.pipeline(transaction=False)
    entries = 0
    for start in range(0, len(payloads), events_per_entry):
        if events_per_entry == 1:
            pipeline.xadd(stream, {EVENT_FIELD: payloads[start]})
        else:
            batch = b"\n".join(payloads[start : start + events_per_entry])
            pipeline.xadd(stream, {BATCH_FIELD: batch})
        entries += 1
        if len(pipeline) >= max(_PIPELINE_ENTRIES // events_per_entry, 1):
            pipeline.execute()
    pipeline.execute()
    return entries
