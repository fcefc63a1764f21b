"""Contracts over whole columns: what can be accepted at full speed.

Belongs here: the Arrow schema to parse the events of a topic with, and a mask of the rows that
certainly satisfy their contract. A row outside the mask is not refused: `validation.py` decides.
The rule that keeps both in step: a row inside the mask is one that `validate_event` accepts, with
the same values; a property test holds this.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.model import (
    CONTRACTS_DIR,
    EventContract,
    Field,
    events_by_topic,
    load_schema,
    merge_fields,
)
from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS, arrow_type, raw_tables

# What the three usual forms of an RFC 3339 timestamp in UTC measure: s, ms, µs.
_TIMESTAMP_LENGTHS = (20, 24, 27)
_DATE_LENGTH = 10
_ENVELOPE_STRINGS = (
    "specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema",
)  # fmt: skip


def _json_type(f: Field) -> pa.DataType:
    """Return the type to parse a field with: strict, before dates and decimals are made."""
    if f.kind == "list":
        return pa.list_(pa.struct([(sub.name, _json_type(sub)) for sub in f.fields]))
    return {
        "integer": pa.int64(),
        "number": pa.float64(),
        "decimal": pa.float64(),
        "boolean": pa.bool_(),
    }.get(f.kind, pa.string())


@cache
def topic_fields(topic: str) -> tuple[Field, ...]:
    """Return the payload fields of a topic: the union over its types and versions."""
    return merge_fields([event.fields for event in events_by_topic()[topic]], topic)


@cache
def event_type(topic: str) -> pa.StructType:
    """Return the Arrow type of one event of a topic as it stands on the stream."""
    data = pa.struct([(f.name, _json_type(f)) for f in topic_fields(topic)])
    return pa.struct([*((name, pa.string()) for name in _ENVELOPE_STRINGS), ("data", data)])


def _all_true(mask: pa.BooleanArray) -> bool:
    return bool(pc.all(mask, min_count=0).as_py())


def _matches(column: pa.Array, pattern: str) -> pa.BooleanArray:
    """Match a pattern once per distinct value."""
    encoded = column.dictionary_encode()
    matched = pc.match_substring_regex(encoded.dictionary, pattern)
    return matched.take(encoded.indices)


def _text_mask(column: pa.Array, schema: dict[str, Any]) -> pa.BooleanArray:
    masks = []
    if "enum" in schema:
        masks.append(pc.is_in(column, pa.array(schema["enum"])))
    if "pattern" in schema:
        masks.append(_matches(column, schema["pattern"]))
    if "maxLength" in schema:
        masks.append(pc.less_equal(pc.utf8_length(column), schema["maxLength"]))
    if schema.get("format") == "date":
        masks.append(parse_dates(column).is_valid())
    if schema.get("format") == "date-time":
        masks.append(parse_timestamps(column).is_valid())
    return _conjunction(masks, len(column))


def _number_mask(column: pa.Array, f: Field) -> pa.BooleanArray:
    comparisons = {
        "minimum": pc.greater_equal,
        "maximum": pc.less_equal,
        "exclusiveMinimum": pc.greater,
        "exclusiveMaximum": pc.less,
    }
    masks = [compare(column, f.schema[k]) for k, compare in comparisons.items() if k in f.schema]
    mask = _conjunction(masks, len(column))
    if f.precision:
        # Rounding numbers near the end of the range raises; those are out of bounds already.
        bounded = pc.if_else(mask, column, 0.0)
        mask = pc.and_(mask, pc.equal(pc.round(bounded, ndigits=f.precision[1]), bounded))
    return mask


def _list_mask(column: pa.ListArray, f: Field) -> pa.BooleanArray:
    lengths = pc.list_value_length(column)
    masks = [
        pc.greater_equal(lengths, f.schema.get("minItems", 0)),
        pc.less_equal(lengths, f.schema.get("maxItems", 2**31 - 1)),
    ]
    elements = column.flatten()
    element_masks = [elements.is_valid()]
    for sub in f.fields:
        values = elements.field(sub.name)
        element_masks.append(_field_mask(values, sub))
        if sub.required:
            element_masks.append(values.is_valid())
    good = _conjunction(element_masks, len(elements))
    if not _all_true(good):
        parents = pc.list_parent_indices(column).filter(pc.invert(good))
        rows = pa.array(range(len(column)), pa.int64())
        masks.append(pc.invert(pc.is_in(rows, parents.cast(pa.int64()))))
    return _conjunction(masks, len(column))


def _field_mask(column: pa.Array, f: Field) -> pa.BooleanArray:
    """Mark rows whose value is null or satisfies the field's schema."""
    if column.null_count == len(column) or f.kind == "boolean":
        return _constant(len(column))
    if f.kind == "list":
        mask = _list_mask(column, f)
    elif f.kind in {"integer", "number", "decimal"}:
        mask = _number_mask(column, f)
    else:
        mask = _text_mask(column, f.schema)
    return pc.fill_null(mask, True) if column.null_count else mask


def _constant(length: int) -> pa.BooleanArray:
    return pa.repeat(True, length)


def _conjunction(masks: list[pa.BooleanArray], length: int) -> pa.BooleanArray:
    result = _constant(length)
    for mask in masks:
        result = pc.and_(result, mask)
    return result


def parse_timestamps(column: pa.Array) -> pa.TimestampArray:
    """Parse RFC 3339 timestamps that end in Z; other forms become null.

    Args:
        column: Strings.

    Returns:
        UTC microseconds; null where the text is not of one of the three usual forms, even if it
        is a timestamp: `validation.parse_timestamp` knows the rest.
    """
    lengths = pc.binary_length(column)
    usual = _conjunction(
        [
            pc.is_in(lengths, pa.array(_TIMESTAMP_LENGTHS, pa.int32())),
            pc.ends_with(column, "Z"),
            pc.equal(pc.binary_slice(column.cast(pa.binary()), 10, 11), b"T"),
        ],
        len(column),
    )
    candidates = column if _all_true(usual) else pc.if_else(usual, column, None)
    try:
        parsed = pc.cast(candidates, UTC_MICROSECONDS)
    except pa.ArrowInvalid:
        parsed = _parse_each(candidates, UTC_MICROSECONDS)
    # Arrow knows a year 0, Python and SQL do not.
    in_range = pc.greater_equal(parsed, pa.scalar(datetime.min.replace(tzinfo=UTC), parsed.type))
    return parsed if _all_true(pc.fill_null(in_range, True)) else pc.if_else(in_range, parsed, None)


def parse_dates(column: pa.Array) -> pa.Date32Array:
    """Parse ISO dates; anything else becomes null."""
    usual = pc.equal(pc.binary_length(column), _DATE_LENGTH)
    candidates = column if _all_true(usual) else pc.if_else(usual, column, None)
    try:
        return pc.cast(candidates, pa.date32())
    except pa.ArrowInvalid:
        return _parse_each(candidates, pa.date32())


def _parse_each(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Parse one by one, after the whole column failed: null where it cannot be parsed."""

    def parse(value: pa.StringScalar) -> Any:
        try:
            return value.cast(target).as_py()
        except pa.ArrowInvalid:
            return None

    return pa.array([parse(value) for value in column], target)


def _type_mask(types: pa.Array, data: pa.StructArray, event: EventContract) -> pa.BooleanArray:
    """Mark rows of one type that have what it requires and nothing it does not know."""
    names = {f.name for f in event.fields}
    masks = [pc.equal(types, event.ce_type)]
    for f in topic_fields(event.topic):
        column = data.field(f.name)
        own = next((o for o in event.fields if o.name == f.name), None)
        if own and own.required:
            masks.append(column.is_valid())
        if f.name not in names:
            masks.append(column.is_null())
    return _conjunction(masks, len(types))


def _payload_mask(types: pa.Array, data: pa.StructArray, topic: str) -> pa.BooleanArray:
    """Mark rows whose every field satisfies the schema that its type gives it."""
    masks = []
    for f in topic_fields(topic):
        column = data.field(f.name)
        variants = [
            (event.ce_type, own)
            for event in events_by_topic()[topic]
            for own in event.fields
            if own.name == f.name
        ]
        if all(own.schema == variants[0][1].schema for _, own in variants):
            masks.append(_field_mask(column, variants[0][1]))
            continue
        for ce_type, own in variants:
            masks.append(pc.or_(pc.not_equal(types, ce_type), _field_mask(column, own)))
    return _conjunction(masks, len(types))


@cache
def _envelope_schemas() -> dict[str, dict[str, Any]]:
    properties = load_schema(CONTRACTS_DIR / "envelope.v1.json")["properties"]
    return {name: properties[name] for name in _ENVELOPE_STRINGS}


def _envelope_mask(events: pa.StructArray) -> pa.BooleanArray:
    masks = []
    for name, schema in _envelope_schemas().items():
        column = events.field(name)
        if name in {"specversion", "id", "source", "type", "time"}:
            masks.append(column.is_valid())
        if name not in {"time", "type"} and column.null_count < len(column):
            masks.append(pc.fill_null(_text_mask(column, schema), True))
    return _conjunction(masks, len(events))


def accept(topic: str, events: pa.StructArray) -> tuple[pa.BooleanArray, pa.TimestampArray]:
    """Mark the events that certainly satisfy their contract.

    Args:
        topic: Topic of the stream.
        events: One event per row, of `event_type(topic)`.

    Returns:
        The mask, without nulls, and `event_ts` (null where it was not understood here).
    """
    data = events.field("data")
    types = events.field("type")
    known = _conjunction([], len(events))
    for i, event in enumerate(events_by_topic()[topic]):
        mask = _type_mask(types, data, event)
        known = mask if i == 0 else pc.or_(known, mask)
    event_ts = parse_timestamps(events.field("time"))
    mask = _conjunction(
        [
            events.is_valid(),
            data.is_valid(),
            event_ts.is_valid(),
            known,
            _envelope_mask(events),
            _payload_mask(types, data, topic),
        ],
        len(events),
    )
    return pc.fill_null(mask, False), event_ts


def _convert(column: pa.Array, f: Field) -> pa.Array:
    if f.kind == "date":
        return parse_dates(column)
    if f.kind == "timestamp":
        return parse_timestamps(column)
    if f.kind == "list":
        values = column.flatten()
        struct = pa.StructArray.from_arrays(
            [_convert(values.field(sub.name), sub) for sub in f.fields],
            fields=list(arrow_type(f).value_type),
        )
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths)])
        return pa.ListArray.from_arrays(offsets, struct, type=arrow_type(f), mask=column.is_null())
    return column.cast(arrow_type(f))


def to_columns(
    topic: str, events: pa.StructArray, event_ts: pa.TimestampArray
) -> dict[str, pa.Array]:
    """Turn accepted events into the columns of their raw table that come from the event.

    Args:
        topic: Topic of the stream.
        events: Accepted events, one per row.
        event_ts: Their parsed times.
    """
    contracts = events_by_topic()[topic]
    which = pc.index_in(events.field("type"), pa.array([c.ce_type for c in contracts]))
    data = events.field("data")
    columns = {
        "event_id": events.field("id"),
        "event_type": pa.array([c.event_type for c in contracts]).take(which),
        "schema_version": pa.array([c.version for c in contracts], pa.int32()).take(which),
        "source": events.field("source"),
        "event_ts": event_ts,
        "event_date": event_ts.cast(pa.date32()),
    }
    columns |= {f.name: _convert(data.field(f.name), f) for f in topic_fields(topic)}
    wanted = {f.name for f in raw_tables()[topic].fields}
    return {name: column for name, column in columns.items() if name in wanted}
