"""The tables that are written from outside dbt: raw events, quarantine, reference data.

Belongs here: their columns, derived from the event and reference contracts, and the translation
of a column into Arrow (and so Delta) and into SQL. Does not belong here: reading or writing them.
"""

from functools import cache

import pyarrow as pa

from smartshelf_dagster.contracts.model import (
    CONTRACTS_DIR,
    Field,
    TableContract,
    build_fields,
    events_by_topic,
    load_schema,
    merge_fields,
)

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")

# Columns every raw row carries before its payload.
ENVELOPE_FIELDS = (
    Field("event_id", "string", True, "Unique id; a repeated id is the same event sent again."),
    Field("event_type", "string", True, "Type within the topic."),
    Field("schema_version", "integer", True, "Version of the contract the payload follows."),
    Field("source", "string", True, "Device or service that made the event, as a URI reference."),
    Field("store_id", "string", True, "Store, as in ref/stores."),
    Field("event_ts", "timestamp", True, "When it happened, by the device's clock."),
)  # fmt: skip
INGEST_FIELDS = (
    Field("ingest_ts", "timestamp", True, "When it was drained, by the clock in force."),
    Field("stream", "string", True, "Redis stream it came from."),
    Field("stream_id", "string", True, "Id of the stream entry, given by the server."),
    Field("entry_index", "integer", True, "Position within an entry that holds many events."),
    Field("ingest_batch", "integer", True, "Rises with every commit to the table.", wide=True),
    Field("event_date", "date", True, "Day of event_ts in UTC; partition column."),
)  # fmt: skip

QUARANTINE = TableContract(
    table="raw/quarantine",
    description="One row per event that was refused, with the reason and the payload as received.",
    fields=(
        Field("topic", "string", True, "Topic of the stream it came from."),
        Field("stream", "string", True, "Redis stream it came from."),
        Field("stream_id", "string", True, "Id of the stream entry."),
        Field("entry_index", "integer", True, "Position within an entry that holds many events."),
        Field("reason_code", "string", True, "Kind of the refusal."),
        Field("reason", "string", True, "Names the field, its value and what was expected."),
        Field("event_id", "string", False, "Id of the event, where it could be read."),
        Field("payload", "string", True, "What was received; base64 where it is not UTF-8."),
        Field("payload_encoding", "string", True, "utf-8 or base64."),
        Field("ingest_ts", "timestamp", True, "When it was refused, by the clock in force."),
        Field("ingest_batch", "integer", True, "Rises with every commit to the table.", wide=True),
        Field("ingest_date", "date", True, "Day of ingest_ts in UTC; partition column."),
    ),
    partition_by=("ingest_date",),
    grain=("stream", "stream_id", "entry_index"),
)  # fmt: skip


@cache
def raw_tables() -> dict[str, TableContract]:
    """Return the contract of the raw table of every topic, by topic."""
    tables = {}
    for topic, events in events_by_topic().items():
        payload = merge_fields([event.fields for event in events], topic)
        payload = tuple(f for f in payload if f.name != "store_id")
        kinds = ", ".join(dict.fromkeys(event.event_type for event in events))
        tables[topic] = TableContract(
            table=f"raw/{topic}",
            description=f"One row per event received, as sent, repeats included. Types: {kinds}.",
            fields=(*ENVELOPE_FIELDS, *payload, *INGEST_FIELDS),
            partition_by=("event_date",),
            grain=("stream", "stream_id", "entry_index"),
        )
    return tables


@cache
def reference_tables() -> dict[str, TableContract]:
    """Return the contracts of the reference tables, by name."""
    tables = {}
    for path in sorted(CONTRACTS_DIR.glob("reference/*.json")):
        schema = load_schema(path)
        contract = TableContract(
            table=schema["x-table"],
            description=schema["description"],
            fields=build_fields(schema, path.stem),
            grain=tuple(schema["x-grain"]),
            optional=schema.get("x-optional", False),
        )
        tables[contract.name] = contract
    return tables


def all_tables() -> tuple[TableContract, ...]:
    """Return every table contract: raw, quarantine, reference."""
    return (*raw_tables().values(), QUARANTINE, *reference_tables().values())


def arrow_type(f: Field) -> pa.DataType:
    """Translate the type of a column into Arrow; Delta follows from it."""
    if f.kind == "list":
        return pa.list_(pa.struct([arrow_field(sub) for sub in f.fields]))
    if f.kind == "decimal":
        digits, decimals = f.precision or (18, 4)
        return pa.decimal128(digits, decimals)
    if f.kind == "integer":
        return pa.int64() if f.wide else pa.int32()
    return {
        "string": pa.string(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": UTC_MICROSECONDS,
    }[f.kind]


def arrow_field(f: Field) -> pa.Field:
    """Translate a column into an Arrow field."""
    return pa.field(f.name, arrow_type(f), nullable=not f.required)


def arrow_schema(contract: TableContract) -> pa.Schema:
    """Return the Arrow schema of a table, in column order."""
    return pa.schema([arrow_field(f) for f in contract.fields])


def sql_type(f: Field) -> str:
    """Translate the type of a column into the SQL that DuckDB and Spark share for scalars."""
    if f.kind == "list":
        inner = ", ".join(f"{sub.name} {sql_type(sub)}" for sub in f.fields)
        return f"STRUCT({inner})[]"
    if f.kind == "decimal":
        digits, decimals = f.precision or (18, 4)
        return f"DECIMAL({digits},{decimals})"
    if f.kind == "integer":
        return "BIGINT" if f.wide else "INTEGER"
    return {
        "string": "VARCHAR",
        "number": "DOUBLE",
        "boolean": "BOOLEAN",
        "date": "DATE",
        "timestamp": "TIMESTAMP WITH TIME ZONE",
    }[f.kind]
