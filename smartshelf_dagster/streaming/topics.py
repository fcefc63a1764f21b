"""Names on the broker: topics, their streams, offsets.

Belongs here: how a stream is called and how its ids become numbers. Does not belong here: a
connection.

A topic is a family of streams with one raw table. Its streams are `<topic>`, open to anybody, and
one `<topic>:<store>` per store, so that stores can be spread over several brokers.
"""

from collections.abc import Iterable

from smartshelf_dagster.contracts.model import events_by_topic
from smartshelf_dagster.errors import SmartShelfError

EVENT_FIELD = b"e"
BATCH_FIELD = b"b"
COMMANDS = "commands"
OPERATOR_EVENTS = "operator_events"
POS_TRANSACTIONS = "pos_transactions"

SIM_NOW_KEY = "sim:now"

# Offsets are Delta transaction versions: 63 bits, of which 20 count within a millisecond.
_SEQUENCE_BITS = 20


class OffsetOverflowError(SmartShelfError, ValueError):
    """A stream id does not fit into an offset; the id was not given by the server's clock."""


def topics() -> tuple[str, ...]:
    """Return all topics, in a fixed order."""
    return tuple(events_by_topic())


def store_stream(topic: str, store_id: str) -> str:
    """Return the stream of a topic that belongs to one store."""
    return f"{topic}:{store_id}"


def topic_streams(topic: str, store_ids: Iterable[str]) -> tuple[str, ...]:
    """Return all streams of a topic."""
    return (topic, *(store_stream(topic, store_id) for store_id in sorted(store_ids)))


def app_id(stream: str) -> str:
    """Return the Delta application id under which a stream's offset is kept."""
    return f"drain:{stream}"


def to_offset(stream_id: str) -> int:
    """Turn a stream id into a number that sorts alike.

    Args:
        stream_id: `<milliseconds>-<sequence>`.

    Raises:
        OffsetOverflowError: More than a million entries in one millisecond, or a time beyond
            the year 200000.

    >>> to_offset("1767250800000-3") - to_offset("1767250800000-0")
    3
    """
    ms, _, sequence = stream_id.partition("-")
    if int(sequence) >> _SEQUENCE_BITS or int(ms) >> (63 - _SEQUENCE_BITS):
        raise OffsetOverflowError(
            f"stream id {stream_id}: expected less than 2^{63 - _SEQUENCE_BITS} milliseconds "
            f"and 2^{_SEQUENCE_BITS} entries in each"
        )
    return int(ms) << _SEQUENCE_BITS | int(sequence)


def to_stream_id(offset: int) -> str:
    """Turn an offset back into a stream id.

    >>> to_stream_id(to_offset("1767250800000-3"))
    '1767250800000-3'
    """
    return f"{offset >> _SEQUENCE_BITS}-{offset & ((1 << _SEQUENCE_BITS) - 1)}"
