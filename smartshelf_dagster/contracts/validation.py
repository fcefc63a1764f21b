"""The authority on whether one event satisfies its contract.

Belongs here: exact validation of a single CloudEvent, with a reason that names the field, its
value and what was expected. The vectorised path (`streaming/decode.py`) may only accept what this
module accepts, with the same values; whatever it is unsure about, it asks here.
Does not belong here: rules that need the clock or the reference data (`domain/plausibility.py`).
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from typing import Any

import fastjsonschema
import orjson

from smartshelf_dagster.contracts.model import (
    CONTRACTS_DIR,
    EventContract,
    Field,
    load_events,
    load_schema,
)

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MAX_SHOWN = 120


class ReasonCode(StrEnum):
    """Why an event was refused."""

    UNREADABLE_ENTRY = "unreadable_entry"
    INVALID_JSON = "invalid_json"
    INVALID_ENVELOPE = "invalid_envelope"
    UNKNOWN_TYPE = "unknown_type"
    CONTRACT_VIOLATION = "contract_violation"
    UNKNOWN_STORE = "unknown_store"
    UNKNOWN_SHELF = "unknown_shelf"
    IN_THE_FUTURE = "in_the_future"
    BEFORE_OPENING = "before_opening"
    IMPOSSIBLE_VALUE = "impossible_value"


@dataclass(frozen=True)
class Rejection:
    """Why one event was refused.

    Attributes:
        code: Kind of the refusal.
        reason: Names the field, its value and what was expected.
        event_id: Id of the event, where it could be read.
    """

    code: ReasonCode
    reason: str
    event_id: str | None = None


def parse_timestamp(text: str) -> datetime:
    """Parse an RFC 3339 timestamp with at most microseconds.

    Returns:
        The same instant in UTC.

    Raises:
        ValueError: The text is not such a timestamp.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("expected RFC 3339 with at most 6 decimals, such as 2026-01-01T07:00:00Z")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("expected a time between the years 1 and 9999 in UTC") from error


def _is_timestamp(text: str) -> bool:
    try:
        parse_timestamp(text)
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        return bool(_ISO_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


_FORMATS = {"date-time": _is_timestamp, "date": _is_date}


@cache
def _validator(ce_type: str | None) -> Any:
    """Compile the validator of a payload, or of the envelope for `None`."""
    if ce_type is None:
        schema = load_schema(CONTRACTS_DIR / "envelope.v1.json")
    else:
        schema = contracts_by_type()[ce_type].schema
    return fastjsonschema.compile(schema, formats=_FORMATS, use_default=False)


@cache
def contracts_by_type() -> dict[str, EventContract]:
    """Return every event contract by its CloudEvents type."""
    return {event.ce_type: event for event in load_events()}


def _show(value: Any) -> str:
    try:
        text = orjson.dumps(value).decode()
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _violation(error: fastjsonschema.JsonSchemaValueException, prefix: str) -> str:
    path = prefix + "".join(
        f"[{part}]" if str(part).isdigit() else f".{part}" for part in error.path[1:]
    )
    where = path.lstrip(".") or "event"
    if error.rule == "required":
        wanted = error.rule_definition
        missing = [name for name in wanted if name not in error.value]
        return f"{where} lacks {', '.join(missing)}, expected all of {', '.join(wanted)}"
    if error.rule == "additionalProperties":
        known = error.definition["properties"]
        extra = [name for name in error.value if name not in known]
        return f"{where} has {_show(extra)}, expected only {', '.join(known)}"
    expected = f"{error.rule} {_show(error.rule_definition)}"
    return f"{where} is {_show(error.value)}, expected {expected}"


def _without_nulls(event: dict[str, Any]) -> dict[str, Any]:
    """Treat null as absent, as the columns that result cannot tell them apart."""
    event = {key: value for key, value in event.items() if value is not None}
    if isinstance(event.get("data"), dict):
        event["data"] = {
            key: [_strip(item) for item in value] if isinstance(value, list) else value
            for key, value in event["data"].items()
            if value is not None
        }
    return event


def _strip(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {key: value for key, value in item.items() if value is not None}


def _too_precise(fields: tuple[Field, ...], value: dict[str, Any], where: str) -> str | None:
    """Find a number with more decimals than its column keeps."""
    for f in fields:
        if f.kind == "list":
            for i, item in enumerate(value.get(f.name, [])):
                if found := _too_precise(f.fields, item, f"{where}.{f.name}[{i}]"):
                    return found
        elif f.precision and f.name in value:
            scale = 10 ** f.precision[1]
            number = float(value[f.name])
            if round(number * scale) / scale != number:
                return (f"{where}.{f.name} is {_show(value[f.name])}, "
                        f"expected at most {f.precision[1]} decimals")  # fmt: skip
    return None


def _convert(f: Field, value: Any) -> Any:
    if f.kind == "list":
        return [{sub.name: _convert(sub, item[sub.name]) for sub in f.fields if sub.name in item}
                for item in value]  # fmt: skip
    if f.kind == "date":
        return date.fromisoformat(value)
    if f.kind == "timestamp":
        return parse_timestamp(value)
    if f.kind == "integer":
        return int(value)
    return float(value) if f.kind in {"number", "decimal"} else value


def validate_event(topic: str, payload: bytes) -> dict[str, Any] | Rejection:
    """Validate one event as it stood on a stream.

    Args:
        topic: Topic of the stream; the type must belong to it.
        payload: One CloudEvent in JSON structured mode.

    Returns:
        The columns of the raw table that come from the event (absent where null), with dates,
        UTC timestamps and floats for decimals; or the rejection.
    """
    try:
        event = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return Rejection(ReasonCode.INVALID_JSON, f"event is not JSON: {error}")
    if not isinstance(event, dict):
        return Rejection(ReasonCode.INVALID_JSON, f"event is {_show(event)}, expected an object")
    event = _without_nulls(event)
    if violation := _find_violation(topic, event):
        event_id = event["id"] if isinstance(event.get("id"), str) else None
        return Rejection(*violation, event_id)
    contract = contracts_by_type()[event["type"]]
    data = event["data"]
    return {
        "event_id": event["id"],
        "event_type": contract.event_type,
        "schema_version": contract.version,
        "source": event["source"],
        "event_ts": parse_timestamp(event["time"]),
        **{f.name: _convert(f, data[f.name]) for f in contract.fields if f.name in data},
    }


def _find_violation(topic: str, event: dict[str, Any]) -> tuple[ReasonCode, str] | None:
    try:
        _validator(None)(event)
    except fastjsonschema.JsonSchemaValueException as error:
        return ReasonCode.INVALID_ENVELOPE, _violation(error, "")
    contract = contracts_by_type().get(event["type"])
    if contract is None or contract.topic != topic:
        expected = ", ".join(t for t, c in contracts_by_type().items() if c.topic == topic)
        shown = _show(event["type"])
        return ReasonCode.UNKNOWN_TYPE, f"type is {shown}, expected one of {expected}"
    try:
        _validator(contract.ce_type)(event["data"])
    except fastjsonschema.JsonSchemaValueException as error:
        return ReasonCode.CONTRACT_VIOLATION, _violation(error, "data")
    too_precise = _too_precise(contract.fields, event["data"], "data")
    return (ReasonCode.CONTRACT_VIOLATION, too_precise) if too_precise else None
