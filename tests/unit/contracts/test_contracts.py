"""The contracts are complete, agree with everything derived from them, and stay readable."""

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from smartshelf_dagster.contracts import generate
from smartshelf_dagster.contracts.model import (
    CONTRACTS_DIR,
    ContractError,
    EventContract,
    build_fields,
    load_events,
    merge_fields,
)
from smartshelf_dagster.contracts.tables import (
    all_tables,
    arrow_schema,
    raw_tables,
    reference_tables,
    sql_type,
)
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.decode import decode_entries

EVENTS = load_events()
SAMPLES = sorted((CONTRACTS_DIR / "samples").glob("*.json"))


def test_contracts_cover_every_topic_and_command() -> None:
    topics = {event.topic for event in EVENTS}
    commands = {event.event_type for event in EVENTS if event.topic == "commands"}
    assert topics == {
        "shelf_events", "pos_transactions", "foot_traffic", "warehouse_events", "operator_events",
        "commands",
    }  # fmt: skip
    assert commands == {"restock", "supplier_order", "supplier_cutoff", "markdown", "removal"}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.ce_type)
def test_contract_file_stands_where_its_content_says(event: EventContract) -> None:
    folder = "commands" if event.topic == "commands" else f"events/{event.topic}"
    path = CONTRACTS_DIR / folder / f"{event.event_type}.v{event.version}.json"
    assert path.is_file()
    assert event.ce_type.endswith(f".v{event.version}")


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.ce_type)
def test_every_published_version_has_a_sample_that_is_still_read(event: EventContract) -> None:
    path = CONTRACTS_DIR / "samples" / f"{event.ce_type}.json"
    assert path.is_file(), f"publish a sample of {event.ce_type} at {path}"
    sample = json.loads(path.read_text("utf-8"))
    payload = json.dumps(sample["event"]).encode()
    # Eight copies take the fast path, one alone the exact one.
    for copies in (1, 8):
        entries = [(f"1-{i}".encode(), [b"e", payload]) for i in range(copies)]
        decoded = decode_entries(event.topic, entries)
        assert decoded.rejected == []
        row = decoded.rows.to_pylist()[0]
        read = {name: json.loads(json.dumps(row[name], default=str)) for name in sample["columns"]}
        assert read == sample["columns"]


def test_no_sample_is_left_without_its_contract() -> None:
    known = {f"{event.ce_type}.json" for event in EVENTS}
    assert {path.name for path in SAMPLES} == known


def test_generated_files_are_what_the_contracts_say() -> None:
    for path, text in generate.outputs().items():
        assert path.read_text("utf-8") == text, f"run `make docs`: {path} is out of date"


def test_dbt_sources_have_the_columns_and_types_of_the_contracts() -> None:
    sources = yaml.safe_load(generate.SOURCES_FILE.read_text("utf-8"))["sources"]
    described = {
        f"{source['name']}/{table['name']}": {c["name"]: c["data_type"] for c in table["columns"]}
        for source in sources
        for table in source["tables"]
    }
    expected = {t.table: {f.name: sql_type(f) for f in t.fields} for t in all_tables()}
    assert described == expected


def test_delta_tables_have_the_columns_and_types_of_the_contracts(settings: Settings) -> None:
    for contract in all_tables():
        uri = settings.table_uri(contract.table)
        assert delta.schema_problems(uri, arrow_schema(contract)) == []


def test_schema_problems_names_what_differs(settings: Settings) -> None:
    contract = raw_tables()["foot_traffic"]
    schema = arrow_schema(contract)
    changed = schema.set(0, pa.field("event_id", pa.int64())).append(pa.field("new", pa.string()))
    problems = delta.schema_problems(settings.table_uri(contract.table), changed)
    assert any(problem.startswith("event_id is ") for problem in problems)
    assert "new is missing" in problems


def test_every_field_is_described() -> None:
    undescribed = [
        f"{table.table}.{f.name}"
        for table in all_tables()
        for f in table.fields
        if not f.description
    ]
    assert undescribed == []


def test_reference_contracts_name_their_grain() -> None:
    for contract in reference_tables().values():
        names = {f.name for f in contract.fields}
        assert set(contract.grain) <= names


def test_build_fields_unknown_keyword_is_refused() -> None:
    schema = {"properties": {"a": {"type": "string", "description": "A.", "oneOf": []}}}
    with pytest.raises(ContractError, match=r"x\.a: keywords \['oneOf'\]"):
        build_fields(schema, "x")


def test_merge_fields_two_types_for_one_column_is_refused() -> None:
    text = build_fields({"properties": {"a": {"type": "string", "description": "A."}}}, "x")
    number = build_fields({"properties": {"a": {"type": "integer", "description": "A."}}}, "y")
    with pytest.raises(ContractError, match=r"t\.a: both"):
        merge_fields([text, number], "t")


def test_merge_fields_column_is_required_only_where_all_require_it() -> None:
    spec = {"a": {"type": "string", "description": "A."}}
    with_it = build_fields({"properties": spec, "required": ["a"]}, "x")
    without = build_fields({"properties": spec}, "y")
    assert [f.required for f in merge_fields([with_it, with_it], "t")] == [True]
    assert [f.required for f in merge_fields([with_it, without], "t")] == [False]


def test_new_optional_column_is_added_to_an_existing_table(tmp_path: Path) -> None:
    contract = raw_tables()["foot_traffic"]
    fields = tuple(f for f in contract.fields if f.name != "gate_id")
    shorter = replace(contract, fields=fields, partition_by=())
    uri = str(tmp_path / "table")
    delta.ensure_table(uri, shorter)
    delta.ensure_table(uri, contract)
    assert delta.schema_problems(uri, arrow_schema(contract)) == []
