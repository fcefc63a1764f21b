"""A refusal names the field, its value and what was expected."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from smartshelf_dagster.contracts.validation import (
    ReasonCode,
    Rejection,
    parse_timestamp,
    validate_event,
)
from tests.helpers.events import cloud_event, encode, pickup, sale


def rejection_of(topic: str, event: Any) -> Rejection:
    result = validate_event(topic, event if isinstance(event, bytes) else orjson.dumps(event))
    assert isinstance(result, Rejection)
    return result


@pytest.mark.parametrize(
    ("event", "code", "reason"),
    [
        (b"{", ReasonCode.INVALID_JSON, "event is not JSON"),
        (b"[1]", ReasonCode.INVALID_JSON, "event is [1], expected an object"),
        (b'{"id":"\xff"}', ReasonCode.INVALID_JSON, "event is not JSON"),
        (pickup("a") | {"id": None}, ReasonCode.INVALID_ENVELOPE, "event lacks id"),
        (pickup("a") | {"id": 5}, ReasonCode.INVALID_ENVELOPE, 'id is 5, expected type "string"'),
        (pickup("a b"), ReasonCode.INVALID_ENVELOPE, 'id is "a b", expected pattern'),
        (pickup("a", "2026-02-30T00:00:00Z"), ReasonCode.INVALID_ENVELOPE, "time is"),
        (pickup("a", "2026-01-01"), ReasonCode.INVALID_ENVELOPE, "time is"),
        (pickup("a") | {"specversion": "0.3"}, ReasonCode.INVALID_ENVELOPE, "specversion is"),
        (
            cloud_event("shelf.pickup", "a", version=2, shelf_id="A", quantity=1),
            ReasonCode.UNKNOWN_TYPE,
            'type is "com.smartshelf.shelf.pickup.v2", expected one of com.smartshelf.shelf',
        ),
        (sale("a"), ReasonCode.UNKNOWN_TYPE, 'type is "com.smartshelf.pos.sale.v1"'),
        (
            pickup("a", quantity="3"),
            ReasonCode.CONTRACT_VIOLATION,
            'data.quantity is "3", expected type "integer"',
        ),
        (pickup("a", quantity=0), ReasonCode.CONTRACT_VIOLATION, "data.quantity is 0, expected minimum 1"),
        (pickup("a", quantity=None), ReasonCode.CONTRACT_VIOLATION, "data lacks quantity"),
        (pickup("a", qty=1), ReasonCode.CONTRACT_VIOLATION, 'data has ["qty"], expected only'),
        (pickup("a", shelf_id="a\nb"), ReasonCode.CONTRACT_VIOLATION, "data.shelf_id is"),
        (pickup("a", shelf_id="ABC\n"), ReasonCode.CONTRACT_VIOLATION, "data.shelf_id is"),
    ],
)  # fmt: skip
def test_validate_event_refused_event_says_why(event: Any, code: ReasonCode, reason: str) -> None:
    rejection = rejection_of("shelf_events", event)
    assert rejection.code == code
    assert reason in rejection.reason


def test_validate_event_line_of_a_receipt_is_named() -> None:
    event = sale("a")
    event["data"]["items"].append({**event["data"]["items"][0], "line_no": 2, "unit_price": "x"})
    reason = rejection_of("pos_transactions", event).reason
    assert reason == 'data.items[1].unit_price is "x", expected type "number"'


def test_validate_event_more_decimals_than_money_has_is_refused() -> None:
    event = sale("a")
    event["data"]["items"][0]["unit_price"] = 1.12345
    reason = rejection_of("pos_transactions", event).reason
    assert reason == "data.items[0].unit_price is 1.12345, expected at most 4 decimals"


def test_validate_event_refusal_keeps_the_id_when_it_can_be_read() -> None:
    assert rejection_of("shelf_events", pickup("a", quantity=0)).event_id == "a"
    assert rejection_of("shelf_events", b"{").event_id is None


def test_validate_event_null_is_the_same_as_absent() -> None:
    assert validate_event("shelf_events", encode(pickup("a", unit_weight_g=None))) == (
        validate_event("shelf_events", encode(pickup("a")))
    )


def test_validate_event_extension_attributes_are_accepted() -> None:
    event = pickup("a") | {"traceparent": "00-1-2-01", "sequence": "7"}
    assert not isinstance(validate_event("shelf_events", encode(event)), Rejection)


def test_validate_event_deep_nesting_is_refused_not_fatal() -> None:
    deep = b'{"data":' + b"[" * 900 + b"]" * 900 + b"}"
    assert rejection_of("shelf_events", deep).code == ReasonCode.INVALID_ENVELOPE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T07:00:00Z", datetime(2026, 1, 1, 7, tzinfo=UTC)),
        ("2026-01-01T07:00:00.5Z", datetime(2026, 1, 1, 7, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-01T09:00:00+02:00", datetime(2026, 1, 1, 7, tzinfo=UTC)),
        ("2026-01-01T01:30:00-05:30", datetime(2026, 1, 1, 7, tzinfo=UTC)),
    ],
)
def test_parse_timestamp_rfc3339_becomes_utc(text: str, expected: datetime) -> None:
    assert parse_timestamp(text) == expected


@pytest.mark.parametrize(
    "text",
    ["2026-01-01 07:00:00Z", "2026-01-01T07:00Z", "2026-01-01T07:00:00", "2026-1-01T07:00:00Z",
     "2026-01-01T07:00:00.1234567Z", "2026-01-01T07:00:60Z", "0001-01-01T00:00:00+14:00", ""],
)  # fmt: skip
def test_parse_timestamp_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|must be|unconverted|second|out of range"):
        parse_timestamp(text)
