"""From stream entries to typed rows and rejections.

Belongs here: the two forms of an entry, the fast path over whole blocks, and falling back to the
exact validator for what the fast path does not accept. Does not belong here: reading from Redis,
and rules that need the clock (`domain/plausibility.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pj

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS, arrow_schema, raw_tables
from smartshelf_dagster.contracts.validation import ReasonCode, Rejection, validate_event
from smartshelf_dagster.contracts.vectorized import accept, event_type, to_columns
from smartshelf_dagster.streaming.topics import BATCH_FIELD, EVENT_FIELD

RawEntry = tuple[bytes, Sequence[bytes]]

# Each event is parsed as {"e": <event>} on its own line. After the brace that closes a wrapper,
# JSON allows no opening brace unless a value ended there: so every event starts a new row, no two
# broken events can make up a whole one, and a block with one row per event is aligned.
_OPEN, _CLOSE = b'{"e":', b"}"
_BETWEEN = _CLOSE + b"\n" + _OPEN
_BLOCK_BYTES = 1 << 20
# Below this many events, asking the exact validator is as quick as parsing again.
_EXACT_BELOW = 8


@dataclass(frozen=True)
class RejectedEvent:
    """An event that was refused.

    Attributes:
        stream_id: Entry it stood in.
        entry_index: Its position in the entry.
        payload: What was received.
        rejection: Why it was refused.
    """

    stream_id: str
    entry_index: int
    payload: bytes
    rejection: Rejection


@dataclass
class Decoded:
    """What a block of entries holds.

    Attributes:
        rows: Accepted events: the columns of the raw table except those set at ingest, and
            `stream_id`, `entry_index`.
        rejected: Refused events.
        events: Number of events in the entries; rows plus rejected.
    """

    rows: pa.Table
    rejected: list[RejectedEvent] = field(default_factory=list)

    @property
    def events(self) -> int:
        """Number of events received."""
        return int(self.rows.num_rows) + len(self.rejected)


@dataclass(frozen=True)
class _Events:
    """Events with their places on the stream."""

    payloads: Sequence[bytes]
    stream_ids: Sequence[str]
    indexes: Sequence[int]

    def part(self, start: int, stop: int) -> "_Events":
        return _Events(
            self.payloads[start:stop], self.stream_ids[start:stop], self.indexes[start:stop]
        )


def decoded_schema(topic: str) -> pa.Schema:
    """Return the schema of `Decoded.rows`."""
    full = arrow_schema(raw_tables()[topic])
    left_out = {"ingest_ts", "stream", "ingest_batch"}
    return pa.schema([f for f in full if f.name not in left_out])


def event_payload(fields: Sequence[bytes], index: int) -> bytes:
    """Return one event of an entry as it was sent.

    Args:
        fields: Fields and values of the entry.
        index: Position of the event in the entry.
    """
    return fields[1].split(b"\n")[index] if fields[0] == BATCH_FIELD else fields[1]


def decode_entries(topic: str, entries: Sequence[RawEntry]) -> Decoded:
    """Decode entries of one stream.

    Args:
        topic: Topic of the stream.
        entries: Stream id and the flat list of fields and values, as the server sends them.

    Returns:
        Accepted rows and rejected events; together every event of the entries.
    """
    singles: list[tuple[str, bytes]] = []
    batches: list[tuple[str, bytes]] = []
    decoder = _Decoder(topic)
    for entry_id, fields in entries:
        stream_id = entry_id.decode("ascii")
        if len(fields) == 2 and fields[0] == EVENT_FIELD:  # noqa: PLR2004
            singles.append((stream_id, fields[1]))
        elif len(fields) == 2 and fields[0] == BATCH_FIELD and fields[1].strip():  # noqa: PLR2004
            batches.append((stream_id, fields[1].rstrip(b"\n")))
        else:
            decoder.rejected.append(_unreadable(stream_id, fields))
    if singles:
        decoder.decode_events(
            _Events([p for _, p in singles], [i for i, _ in singles], [0] * len(singles))
        )
    if batches:
        decoder.decode_batches(batches)
    tables = decoder.tables or [decoded_schema(topic).empty_table()]
    return Decoded(pa.concat_tables(tables), decoder.rejected)


def _unreadable(stream_id: str, fields: Sequence[bytes]) -> RejectedEvent:
    names = [name.decode("utf-8", "replace") for name in fields[::2]]
    payload = orjson.dumps([value.decode("utf-8", "backslashreplace") for value in fields])
    reason = f"entry has the fields {names}, expected one field: e with an event, or b with events"
    return RejectedEvent(stream_id, 0, payload, Rejection(ReasonCode.UNREADABLE_ENTRY, reason))


def _split(stream_id: str, payload: bytes) -> _Events:
    """Split a newline-delimited entry; blank lines hold no event."""
    lines = [(line, i) for i, line in enumerate(payload.split(b"\n")) if line.strip()]
    return _Events([line for line, _ in lines], [stream_id] * len(lines), [i for _, i in lines])


def _is_utf8(text: bytes) -> bool:
    """Tell whether text is UTF-8; the JSON reader takes stray bytes inside strings as they are."""
    if text.isascii():
        return True
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _parse(topic: str, wrapped: bytes, events: int) -> pa.StructArray | None:
    """Parse wrapped events; `None` unless each makes exactly one row."""
    if not _is_utf8(wrapped):
        return None
    try:
        table = pj.read_json(
            pa.BufferReader(wrapped),
            read_options=pj.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=pj.ParseOptions(
                explicit_schema=pa.schema([("e", event_type(topic))]),
                unexpected_field_behavior="error",
            ),
        )
    # An error message may itself name what is not UTF-8, a lone surrogate for one.
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    return table["e"].combine_chunks() if table.num_rows == events else None


class _Decoder:
    """Collects what the entries of one stream hold."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self.tables: list[pa.Table] = []
        self.rejected: list[RejectedEvent] = []

    def decode_events(self, events: _Events) -> None:
        """Decode events that stand alone; halve them until the broken ones are few."""
        count = len(events.payloads)
        parsed = None
        if count >= _EXACT_BELOW:
            wrapped = _OPEN + _BETWEEN.join(events.payloads) + _CLOSE
            parsed = _parse(self._topic, wrapped, count)
            if parsed is None:
                self.decode_events(events.part(0, count // 2))
                self.decode_events(events.part(count // 2, count))
                return
        if parsed is None:
            self._ask_each(
                (events.stream_ids[i], events.indexes[i], events.payloads[i]) for i in range(count)
            )
            return
        doubtful = self._take(
            parsed, pa.array(events.stream_ids, pa.string()), pa.array(events.indexes, pa.int32())
        )
        self._ask_each(
            (events.stream_ids[i], events.indexes[i], events.payloads[i]) for i in doubtful
        )

    def decode_batches(self, batches: Sequence[tuple[str, bytes]]) -> None:
        """Decode newline-delimited entries without splitting them, where they parse as they are."""
        counts = np.array([payload.count(b"\n") + 1 for _, payload in batches])
        joined = _BETWEEN.join(payload.replace(b"\n", _BETWEEN) for _, payload in batches)
        parsed = _parse(self._topic, _OPEN + joined + _CLOSE, int(counts.sum()))
        if parsed is None:
            half = len(batches) // 2
            if half:
                self.decode_batches(batches[:half])
                self.decode_batches(batches[half:])
            else:
                self.decode_events(_split(*batches[0]))
            return
        entry = np.repeat(np.arange(len(batches)), counts)
        starts = np.cumsum(counts) - counts
        index = (np.arange(len(entry)) - starts[entry]).astype(np.int32)
        ids = pa.array([stream_id for stream_id, _ in batches])
        doubtful = self._take(parsed, ids.take(pa.array(entry)), pa.array(index))
        self._ask_each(
            (batches[entry[i]][0], int(index[i]), batches[entry[i]][1].split(b"\n")[index[i]])
            for i in doubtful
        )

    def _take(
        self, events: pa.StructArray, stream_ids: pa.StringArray, indexes: pa.Int32Array
    ) -> list[int]:
        """Take the events that are certainly right; returns the positions of the others."""
        mask, event_ts = accept(self._topic, events)
        doubtful: list[int] = np.flatnonzero(~np.asarray(mask)).tolist()
        if doubtful:
            events, event_ts = events.filter(mask), event_ts.filter(mask)
            stream_ids, indexes = stream_ids.filter(mask), indexes.filter(mask)
        schema = decoded_schema(self._topic)
        columns = to_columns(self._topic, events, event_ts)
        columns |= {"stream_id": stream_ids, "entry_index": indexes}
        ordered = [columns[name] for name in schema.names]
        self.tables.append(pa.Table.from_arrays(ordered, schema=schema))
        return doubtful

    def _ask_each(self, events: Iterable[tuple[str, int, bytes]]) -> None:
        """Ask the exact validator about stream id, index and payload of each event."""
        rows: list[dict[str, Any]] = []
        for stream_id, index, payload in events:
            result = validate_event(self._topic, payload)
            if isinstance(result, Rejection):
                self.rejected.append(RejectedEvent(stream_id, index, payload, result))
            else:
                rows.append(result | {"stream_id": stream_id, "entry_index": index})
        if rows:
            self.tables.append(_rows_to_table(self._topic, rows))


def _rows_to_table(topic: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Build typed columns from validated rows; numbers become decimals as on the fast path."""
    schema = decoded_schema(topic)
    columns = []
    for f in schema:
        if f.name == "event_date":
            times = pa.array([row["event_ts"] for row in rows], UTC_MICROSECONDS)
            columns.append(times.cast(pa.date32()))
            continue
        values = [row.get(f.name) for row in rows]
        columns.append(_cast(pa.array(values, _with_floats(f.type)), f.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _with_floats(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_list(kind):
        struct = kind.value_type
        return pa.list_(pa.struct([(f.name, _with_floats(f.type)) for f in struct]))
    return kind


def _cast(column: pa.Array, target: pa.DataType) -> pa.Array:
    return column if column.type == target else column.cast(target)
