"""Commands: what is understood, and what is counted and skipped."""

import orjson
import pytest
from sim_support import restock_event

from simulator.clock import parse_instant
from simulator.commands import (
    Command,
    CommandCounts,
    Markdown,
    Removal,
    Restock,
    SupplierCutoff,
    SupplierOrder,
    parse_commands,
)
from simulator.paths import CONTRACTS_DIR

SHELVES = {"BEVWAT0001": 0, "BEVWAT0002": 1}


def parse(*payloads: bytes) -> tuple[list[Command], dict[str, int]]:
    counts = CommandCounts()
    restocks = parse_commands(payloads, "S001", SHELVES, counts)
    skipped = {name: getattr(counts, name) for name in CommandCounts.__slots__}
    return restocks, {name: count for name, count in skipped.items() if count}


def test_a_restock_is_read(reference):
    payload = restock_event(
        reference, 1, 12, "plan-7:a.b", priority=1, expires_ts="2026-01-01T10:00:00+02:00"
    )
    restocks, skipped = parse(payload)
    expires = parse_instant("2026-01-01T08:00:00Z")
    assert restocks == [Restock("plan-7:a.b", 1, 12, 1.0, expires)]
    assert skipped == {}


SAMPLES = {
    name: orjson.loads(
        (CONTRACTS_DIR / "samples" / f"com.smartshelf.command.{name}.v1.json").read_bytes()
    )["event"]
    for name in ("supplier_order", "supplier_cutoff", "markdown", "removal")
}


def sample(name: str, command_id: object = "c-1", /, **changes: object) -> bytes:
    """The sample of the contract, for this store and a shelf of it."""
    event = SAMPLES[name]
    data = {**event["data"], "store_id": "S001"}
    if "shelf_id" in data:
        data["shelf_id"] = "BEVWAT0002"
    return orjson.dumps({**event, "id": command_id, "data": {**data, **changes}})


def test_the_samples_of_the_contracts_are_read():
    commands, skipped = parse(*(sample(name) for name in SAMPLES))
    order, cutoff, markdown, removal = commands
    data = {name: event["data"] for name, event in SAMPLES.items()}
    assert order == SupplierOrder(
        "c-1",
        1,
        data["supplier_order"]["quantity"],
        data["supplier_order"]["batch_size"],
        parse_instant(data["supplier_order"]["delivery_ts"]),
    )
    assert cutoff == SupplierCutoff("c-1")
    assert markdown == Markdown(
        "c-1",
        1,
        data["markdown"]["batch_code"],
        data["markdown"]["discount"],
        parse_instant(data["markdown"]["valid_from_ts"]),
        parse_instant(data["markdown"]["valid_to_ts"]),
    )
    assert removal == Removal("c-1", 1, data["removal"]["batch_code"], data["removal"]["location"])
    assert skipped == {}


@pytest.mark.parametrize(
    ("name", "changes", "why"),
    [
        ("supplier_order", {"quantity": 0}, "malformed"),
        ("supplier_order", {"batch_size": 0}, "malformed"),
        ("supplier_order", {"batch_size": None}, "malformed"),
        ("supplier_order", {"delivery_ts": "soon"}, "malformed"),
        ("supplier_order", {"delivery_ts": "9999-12-31T23:59:59Z"}, "malformed"),
        ("supplier_order", {"delivery_ts": "0001-01-01T00:00:00Z"}, "malformed"),
        ("supplier_order", {"shelf_id": "NOSUCH0001"}, "foreign"),
        ("supplier_order", {"store_id": "S002"}, "foreign"),
        ("supplier_cutoff", {"store_id": "S002"}, "foreign"),
        ("supplier_cutoff", {"store_id": None}, "malformed"),
        ("markdown", {"discount": 1}, "malformed"),
        ("markdown", {"discount": -0.1}, "malformed"),
        ("markdown", {"discount": "0.3"}, "malformed"),
        ("markdown", {"batch_code": "lower case"}, "malformed"),
        ("markdown", {"valid_to_ts": None}, "malformed"),
        ("markdown", {"shelf_id": "NOSUCH0001"}, "foreign"),
        ("removal", {"location": "roof"}, "malformed"),
        ("removal", {"batch_code": None}, "malformed"),
        ("removal", {"store_id": "S002"}, "foreign"),
    ],
)
def test_a_command_that_breaks_its_contract_is_counted(name, changes, why):
    assert parse(sample(name, **changes)) == ([], {why: 1})


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("command_id", ["", "has blank", None])
def test_no_command_goes_without_an_id(name, command_id):
    assert parse(sample(name, command_id)) == ([], {"malformed": 1})


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"quantity": 0}, "malformed"),
        ({"quantity": 100_001}, "malformed"),
        ({"quantity": 2.0}, "malformed"),
        ({"quantity": True}, "malformed"),
        ({"quantity": "2"}, "malformed"),
        ({"quantity": None}, "malformed"),
        ({"priority": 1.1}, "malformed"),
        ({"priority": -0.1}, "malformed"),
        ({"priority": False}, "malformed"),
        ({"expires_ts": "tomorrow"}, "malformed"),
        ({"expires_ts": "2026-01-01T08:00:00"}, "malformed"),
        ({"expires_ts": 5}, "malformed"),
        ({"store_id": 1}, "malformed"),
        ({"shelf_id": None}, "malformed"),
        ({"store_id": "S002"}, "foreign"),
        ({"shelf_id": "NOSUCH0001"}, "foreign"),
    ],
)
def test_a_restock_that_breaks_its_contract_is_counted(reference, changes, why):
    assert parse(restock_event(reference, 0, 5, "c", **changes)) == ([], {why: 1})


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        b'{"type": 1}',
        b'{"type": "com.smartshelf.command.restock.v1"}',
        b'{"type": "com.smartshelf.command.restock.v1", "data": []}',
    ],
)
def test_what_is_no_command_is_counted(payload):
    assert parse(payload) == ([], {"malformed": 1})


@pytest.mark.parametrize("command_id", ["", "x" * 65, "has blank", "-first", None, 7])
def test_an_id_that_no_report_could_name_is_refused(reference, command_id):
    assert parse(restock_event(reference, 0, 5, command_id)) == ([], {"malformed": 1})


def test_other_commands_are_counted(reference):
    event = orjson.loads(restock_event(reference, 0, 5, "c"))
    others = [
        orjson.dumps(event | {"type": f"com.smartshelf.command.{name}"})
        for name in ("count.v1", "transfer.v1", "supplier_order.v2", "restock.v2")
    ]
    good = restock_event(reference, 0, 5, "d")
    restocks, skipped = parse(*others, b"junk", good)
    assert [restock.command_id for restock in restocks] == ["d"]
    assert skipped == {"unsupported": 4, "malformed": 1}
