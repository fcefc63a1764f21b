"""Commands: what is understood, and what is counted and skipped."""

import orjson
import pytest
from sim_support import restock_event

from simulator.clock import parse_instant
from simulator.commands import CommandCounts, Restock, parse_commands

SHELVES = {"BEVWAT0001": 0, "BEVWAT0002": 1}


def parse(*payloads: bytes) -> tuple[list[Restock], dict[str, int]]:
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
