"""What a contract is: fields, events, tables; read from JSON Schema.

Belongs here: reading `data/contracts/` into typed objects, and refusing a contract that the rest
of the system could not honour. Does not belong here: validating events (`validation.py`).
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import PROJECT_ROOT

CONTRACTS_DIR = PROJECT_ROOT / "data" / "contracts"

Kind = Literal["string", "integer", "number", "decimal", "boolean", "date", "timestamp", "list"]

# The vocabulary that both validators understand; a contract that uses more is refused.
_KEYWORDS = frozenset(
    {
        "type", "description", "format", "pattern", "enum", "maxLength",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
        "items", "minItems", "maxItems", "properties", "required", "additionalProperties",
    }
)  # fmt: skip
_INT32_MAX = 2**31 - 1


class ContractError(SmartShelfError, ValueError):
    """A contract file says something the system cannot honour; the message names file and field."""


@dataclass(frozen=True)
class Field:
    """One field of a payload or one column of a table.

    Attributes:
        name: Column name; units are part of it where it has one.
        kind: Logical type.
        required: Whether it must be present and not null.
        description: What it means, for people.
        unit: Unit of measure, where it has one.
        wide: Whether an integer needs 64 bits.
        precision: Digits and decimals of a decimal.
        schema: The JSON Schema of the value, references resolved.
        fields: Fields of one element, for a list of objects.
    """

    name: str
    kind: Kind
    required: bool
    description: str
    unit: str | None = None
    wide: bool = False
    precision: tuple[int, int] | None = None
    schema: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
    fields: tuple["Field", ...] = ()


@dataclass(frozen=True)
class EventContract:
    """One version of one event or command type.

    Attributes:
        topic: Stream family and raw table it belongs to.
        event_type: Name within the topic.
        version: Version of the payload.
        ce_type: The `type` attribute of the CloudEvent.
        title: Headline for people.
        description: When it is sent and by whom.
        fields: Payload fields.
        schema: JSON Schema of `data`, references resolved.
    """

    topic: str
    event_type: str
    version: int
    ce_type: str
    title: str
    description: str
    fields: tuple[Field, ...]
    schema: dict[str, Any] = field(hash=False, compare=False)


@dataclass(frozen=True)
class TableContract:
    """Columns of one Delta table that is written from outside dbt.

    Attributes:
        table: `<layer>/<name>`.
        description: One row per what, and whence.
        fields: Columns in order.
        partition_by: Partition columns.
        grain: Columns that identify a row.
        optional: Whether master data may come without it.
    """

    table: str
    description: str
    fields: tuple[Field, ...]
    partition_by: tuple[str, ...] = ()
    grain: tuple[str, ...] = ()
    optional: bool = False

    @property
    def name(self) -> str:
        """Name without the layer."""
        return self.table.split("/", 1)[1]


def _resolve(node: Any, folder: Path) -> Any:
    """Replace every `$ref` by what it points at; files are named relative to the folder."""
    if isinstance(node, list):
        return [_resolve(item, folder) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        file, _, pointer = node["$ref"].partition("#")
        target = json.loads((folder / file).read_text("utf-8"))
        for part in pointer.strip("/").split("/"):
            target = target[part]
        return _resolve(target, (folder / file).parent)
    return {key: _resolve(value, folder) for key, value in node.items()}


def load_schema(path: Path) -> dict[str, Any]:
    """Read one contract file with its references resolved."""
    resolved: dict[str, Any] = _resolve(json.loads(path.read_text("utf-8")), path.parent)
    return resolved


def _precision(spec: dict[str, Any]) -> tuple[int, int] | None:
    declared = spec.get("x-delta-type", "")
    if not declared:
        return None
    digits, decimals = declared.removeprefix("decimal(").removesuffix(")").split(",")
    return int(digits), int(decimals)


def _kind(spec: dict[str, Any], where: str) -> Kind:
    declared = spec.get("type")
    if declared == "string":
        formats: dict[str, Kind] = {"date": "date", "date-time": "timestamp"}
        return formats.get(spec.get("format", ""), "string")
    if declared == "number":
        return "decimal" if "x-delta-type" in spec else "number"
    kinds: dict[str, Kind] = {"integer": "integer", "boolean": "boolean", "array": "list"}
    if declared not in kinds:
        raise ContractError(f"{where}: type {declared!r}, expected one of string, integer, number, "
                            "boolean, array of objects")  # fmt: skip
    return kinds[declared]


def build_fields(schema: dict[str, Any], where: str) -> tuple[Field, ...]:
    """Turn the properties of an object schema into fields.

    Args:
        schema: JSON Schema of an object, references resolved.
        where: Name used in error messages.

    Raises:
        ContractError: A property uses a keyword or a type that is not supported.
    """
    required = set(schema.get("required", []))
    fields = []
    for name, spec in schema["properties"].items():
        at = f"{where}.{name}"
        unknown = {key for key in spec if not key.startswith("x-")} - _KEYWORDS
        if unknown:
            raise ContractError(f"{at}: keywords {sorted(unknown)}, expected {sorted(_KEYWORDS)}")
        if not spec.get("description"):
            raise ContractError(f"{at}: no description")
        kind = _kind(spec, at)
        fields.append(
            Field(
                name=name,
                kind=kind,
                required=name in required,
                description=spec["description"],
                unit=spec.get("x-unit"),
                wide=spec.get("maximum", 0) > _INT32_MAX,
                precision=_precision(spec),
                schema=spec,
                fields=build_fields(spec["items"], at) if kind == "list" else (),
            )
        )
    return tuple(fields)


def _load_event(path: Path) -> EventContract:
    schema = load_schema(path)
    if schema.get("additionalProperties") is not False:
        raise ContractError(f"{path.name}: additionalProperties must be false")
    return EventContract(
        topic=schema["x-topic"],
        event_type=schema["x-event-type"],
        version=schema["x-version"],
        ce_type=schema["x-cloudevents-type"],
        title=schema["title"],
        description=schema["description"],
        fields=build_fields(schema, path.stem),
        schema=schema,
    )


@cache
def load_events(root: Path = CONTRACTS_DIR) -> tuple[EventContract, ...]:
    """Read all event and command contracts, sorted by topic, type and version."""
    paths = [*root.glob("events/*/*.json"), *root.glob("commands/*.json")]
    events = [_load_event(path) for path in paths]
    return tuple(sorted(events, key=lambda e: (e.topic, e.event_type, e.version)))


@cache
def events_by_topic(root: Path = CONTRACTS_DIR) -> dict[str, tuple[EventContract, ...]]:
    """Group the contracts by topic."""
    grouped: dict[str, list[EventContract]] = defaultdict(list)
    for event in load_events(root):
        grouped[event.topic].append(event)
    return {topic: tuple(events) for topic, events in grouped.items()}


def merge_fields(groups: Sequence[tuple[Field, ...]], where: str) -> tuple[Field, ...]:
    """Return the union of several payloads, in order of first appearance.

    A column is required only if every payload requires it; elements of lists are merged alike.

    Args:
        groups: Fields of each payload.
        where: Name used in error messages.

    Raises:
        ContractError: Two payloads give one column two types.
    """
    merged: dict[str, Field] = {}
    for group in groups:
        for new in group:
            known = merged.setdefault(new.name, new)
            if _type_of(known) != _type_of(new):
                raise ContractError(
                    f"{where}.{new.name}: both {_type_of(known)} and {_type_of(new)}; "
                    "one column has one type in all contracts of a topic"
                )
    always = set.intersection(*({f.name for f in group if f.required} for group in groups))
    return tuple(
        replace(
            f,
            required=f.name in always,
            fields=merge_fields(
                [g.fields for group in groups for g in group if g.name == f.name],
                f"{where}.{f.name}",
            )
            if f.kind == "list"
            else (),
        )
        for f in merged.values()
    )


def _type_of(f: Field) -> tuple[Kind, bool, tuple[int, int] | None]:
    return f.kind, f.wide, f.precision
