"""From stream entries to typed rows and rejections.

Belongs here: the two forms of an entry, the fast path over whole blocks, and falling back to the
exact validator for what the fast path does not accept. Does not belong here: reading from Redis,
and rules that need the clock (`domain/plausibility.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
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
class _Block:
    """Events of one topic with their places on the stream."""

    payloads: Sequence[bytes]
    stream_ids: Sequence[str]
    indexes: Sequence[int]

    def part(self, start: int, stop: int) -> "_Block":
        return _Block(
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
    rejected: list[RejectedEvent] = []
    for entry_id, fields in entries:
        stream_id = entry_id.decode("ascii")
        if len(fields) == 2 and fields[0] == EVENT_FIELD:  # noqa: PLR2004
            singles.append((stream_id, fields[1]))
        elif len(fields) == 2 and fields[0] == BATCH_FIELD and fields[1].strip():  # noqa: PLR2004
            batches.append((stream_id, fields[1]))
        else:
            rejected.append(_unreadable(stream_id, fields))
    tables: list[pa.Table] = []
    if singles:
        block = _Block([p for _, p in singles], [i for i, _ in singles], [0] * len(singles))
        _decode_block(topic, block, tables, rejected)
    if batches and not _decode_whole_batches(topic, batches, tables):
        _decode_block(topic, _split_batches(batches), tables, rejected)
    schema = decoded_schema(topic)
    return Decoded(pa.concat_tables(tables) if tables else schema.empty_table(), rejected)


def _unreadable(stream_id: str, fields: Sequence[bytes]) -> RejectedEvent:
    names = [name.decode("utf-8", "replace") for name in fields[::2]]
    payload = orjson.dumps([value.decode("utf-8", "backslashreplace") for value in fields])
    reason = f"entry has the fields {names}, expected one field: e with an event, or b with events"
    return RejectedEvent(stream_id, 0, payload, Rejection(ReasonCode.UNREADABLE_ENTRY, reason))


def _split_batches(batches: Sequence[tuple[str, bytes]]) -> _Block:
    """Split newline-delimited entries; blank lines hold no event."""
    found = [
        (line, stream_id, index)
        for stream_id, payload in batches
        for index, line in enumerate(payload.split(b"\n"))
        if line.strip()
    ]
    return _Block([f[0] for f in found], [f[1] for f in found], [f[2] for f in found])


def _parse(topic: str, buffer: bytes, events: int) -> pa.StructArray | None:
    """Parse wrapped events; `None` unless each makes exactly one row."""
    try:
        table = pj.read_json(
            pa.BufferReader(buffer),
            read_options=pj.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=pj.ParseOptions(
                explicit_schema=pa.schema([("e", event_type(topic))]),
                unexpected_field_behavior="error",
            ),
        )
    # Text that is not UTF-8 surfaces as a decoding error of the error message.
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    return table["e"].combine_chunks() if table.num_rows == events else None


def _to_table(
    topic: str, columns: dict[str, pa.Array], stream_ids: pa.Array, indexes: pa.Array
) -> pa.Table:
    schema = decoded_schema(topic)
    columns = columns | {"stream_id": stream_ids, "entry_index": indexes}
    return pa.Table.from_arrays([columns[name] for name in schema.names], schema=schema)


def _decode_whole_batches(
    topic: str, batches: Sequence[tuple[str, bytes]], tables: list[pa.Table]
) -> bool:
    """Decode batch entries without splitting them, if every event in them is acceptable."""
    payloads = [payload.rstrip(b"\n") for _, payload in batches]
    counts = [payload.count(b"\n") + 1 for payload in payloads]
    wrapped = _BETWEEN.join(payload.replace(b"\n", _BETWEEN) for payload in payloads)
    events = _parse(topic, _OPEN + wrapped + _CLOSE, sum(counts))
    if events is None:
        return False
    mask, event_ts = accept(topic, events)
    if not pc.all(mask).as_py():
        return False
    indexes = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
    entry_of_event = np.repeat(np.arange(len(batches)), counts)
    stream_ids = pa.array([stream_id for stream_id, _ in batches]).take(pa.array(entry_of_event))
    tables.append(
        _to_table(topic, to_columns(topic, events, event_ts), stream_ids, pa.array(indexes))
    )
    return True


def _decode_block(
    topic: str, block: _Block, tables: list[pa.Table], rejected: list[RejectedEvent]
) -> None:
    """Decode events, halving a block that does not parse until the broken ones are alone."""
    count = len(block.payloads)
    events = None
    if count >= _EXACT_BELOW:
        events = _parse(topic, _OPEN + _BETWEEN.join(block.payloads) + _CLOSE, count)
        if events is None:
            _decode_block(topic, block.part(0, count // 2), tables, rejected)
            _decode_block(topic, block.part(count // 2, count), tables, rejected)
            return
    if events is None:
        _decode_exactly(topic, block, range(count), tables, rejected)
        return
    mask, event_ts = accept(topic, events)
    stream_ids = pa.array(block.stream_ids, pa.string())
    indexes = pa.array(block.indexes, pa.int32())
    if not pc.all(mask).as_py():
        doubtful = np.flatnonzero(~np.asarray(mask))
        _decode_exactly(topic, block, doubtful.tolist(), tables, rejected)
        events, event_ts = events.filter(mask), event_ts.filter(mask)
        stream_ids, indexes = stream_ids.filter(mask), indexes.filter(mask)
    tables.append(_to_table(topic, to_columns(topic, events, event_ts), stream_ids, indexes))


def _decode_exactly(
    topic: str,
    block: _Block,
    positions: Sequence[int],
    tables: list[pa.Table],
    rejected: list[RejectedEvent],
) -> None:
    """Ask the exact validator about each event."""
    rows: list[dict[str, Any]] = []
    for position in positions:
        result = validate_event(topic, block.payloads[position])
        place = block.stream_ids[position], block.indexes[position]
        if isinstance(result, Rejection):
            rejected.append(RejectedEvent(*place, block.payloads[position], result))
        else:
            rows.append(result | {"stream_id": place[0], "entry_index": place[1]})
    if rows:
        tables.append(_rows_to_table(topic, rows))


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
