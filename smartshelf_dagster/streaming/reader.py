"""Reading a topic's streams from committed offsets, in bounded chunks, ahead of the decoder.

Belongs here: what to read next and how much of it. Does not belong here: decoding, and keeping
offsets (`storage/`).
"""

import queue
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from smartshelf_dagster.streaming.client import Client, Clock, StreamRewoundError, last_generated_id
from smartshelf_dagster.streaming.decode import RawEntry
from smartshelf_dagster.streaming.topics import BATCH_FIELD, to_offset, to_stream_id

_ENTRIES_PER_CALL = 10_000
# Entries of a first look: one may hold many events, and how many is not known before.
_FIRST_LOOK = 16
_CHUNKS_AHEAD = 2


@dataclass(frozen=True)
class Segment:
    """Consecutive entries of one stream."""

    stream: str
    entries: list[RawEntry]

    @property
    def last_id(self) -> str:
        """Id of the last entry."""
        return self.entries[-1][0].decode("ascii")


@dataclass
class Chunk:
    """What is committed at once: entries of one topic, and the clock after reading them.

    Attributes:
        topic: Topic of all segments.
        segments: At most one per stream.
        now: Clock in force after the last read, so that no event can be ahead of it by mistake.
        events: Number of events, counted by lines.
    """

    topic: str
    now: datetime
    segments: list[Segment] = field(default_factory=list)
    events: int = 0


def _count_events(entries: list[RawEntry]) -> int:
    return sum(
        fields[1].count(b"\n") + 1 if fields and fields[0] == BATCH_FIELD else 1
        for _, fields in entries
    )


def check_not_rewound(client: Client, stream: str, offset: int | None) -> None:
    """Refuse a stream whose newest entry is older than what is committed.

    Raises:
        StreamRewoundError: Its entries would never be read, as their ids have passed.
    """
    last = last_generated_id(client, stream)
    if offset and last and to_offset(last) < offset:
        raise StreamRewoundError(
            f"stream {stream} ends at {last}, but {to_stream_id(offset)} is already committed: the "
            "server lost or was given other data. Restore it, or use another lake."
        )


def read_chunks(
    client: Client,
    clock: Clock,
    topic: str,
    offsets: Mapping[str, int | None],
    *,
    chunk_events: int,
    max_events: int,
) -> Iterator[Chunk]:
    """Read a topic's streams until they are empty or enough is read.

    Args:
        client: Connection for this reader alone.
        clock: The clock in force.
        topic: Topic to read.
        offsets: Streams of the topic, each with its committed offset.
        chunk_events: Events in a chunk, about; one entry is never split.
        max_events: Events in all, about.

    Yields:
        Chunks in stream order; each stream's entries are consecutive over the chunks.
    """
    chunk = Chunk(topic, clock.now())
    total = 0
    for stream, offset in offsets.items():
        check_not_rewound(client, stream, offset)
        after = to_stream_id(offset) if offset else None
        segment = Segment(stream, [])
        wanted = _FIRST_LOOK
        while total < max_events:
            start = f"({after}" if after else "-"
            entries = cast("list[RawEntry]", client.xrange(stream, start, "+", count=wanted))
            if not entries:
                break
            after = entries[-1][0].decode("ascii")
            events = _count_events(entries)
            segment.entries.extend(entries)
            chunk.events += events
            total += events
            if chunk.events >= chunk_events:
                chunk.segments.append(segment)
                chunk.now = clock.now()
                yield chunk
                chunk, segment = Chunk(topic, chunk.now), Segment(stream, [])
            room = min(chunk_events - chunk.events, max_events - total)
            wanted = min(max(room * len(entries) // events, 1), _ENTRIES_PER_CALL)
        if segment.entries:
            chunk.segments.append(segment)
    if chunk.segments:
        chunk.now = clock.now()
        yield chunk


def read_ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Run an iterator of chunks in a thread, a few chunks ahead of the consumer.

    Receiving holds the interpreter, decoding and writing mostly do not, so they overlap.
    """
    ahead: queue.Queue[Chunk | BaseException | None] = queue.Queue(_CHUNKS_AHEAD)
    stop = threading.Event()

    def put(item: Chunk | BaseException | None) -> None:
        while not stop.is_set():
            try:
                ahead.put(item, timeout=0.1)
            except queue.Full:
                continue
            return

    def produce() -> None:
        try:
            for chunk in chunks:
                put(chunk)
                if stop.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the consumer, raised there
            put(error)

    thread = threading.Thread(target=produce, name="reader", daemon=True)
    thread.start()
    try:
        while (item := ahead.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
