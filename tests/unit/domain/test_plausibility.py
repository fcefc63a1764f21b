"""What cannot have happened is found, with every reason in order."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest

from smartshelf_dagster.contracts.validation import ReasonCode
from smartshelf_dagster.domain.plausibility import Assortment, find_implausible
from smartshelf_dagster.streaming.decode import decode_entries
from tests.helpers.events import cloud_event, entry, opening, pickup, sale

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
AHEAD = timedelta(minutes=5)


@pytest.fixture
def assortment() -> Assortment:
    opened = datetime(2026, 1, 1, 7, tzinfo=UTC)
    stores = pl.DataFrame(
        {
            "store_id": ["S001", "S002", "WEB"],
            "opened_ts": [opened] * 3,
            "stock_tracking": ["sensors", "sensors", "none"],
        }
    )
    carried = pl.DataFrame({"store_id": ["S001", "S002"], "item_id": ["BEVWAT0001", "BEVWAT0002"]})
    return Assortment.build(stores, carried)


def findings(
    topic: str, assortment: Assortment, *events: dict[str, object]
) -> list[tuple[int, str]]:
    rows = decode_entries(topic, [entry(i, e) for i, e in enumerate(events)]).rows
    found = find_implausible(rows, assortment, NOW, AHEAD)
    assert all(f.rejection.reason for f in found)
    return [(f.row, f.rejection.code.value) for f in found]


def test_find_implausible_shelf_must_be_carried_by_that_very_store(assortment: Assortment) -> None:
    assert findings(
        "shelf_events", assortment,
        pickup("a"), pickup("b", store="S002"), pickup("c", store="S002", shelf_id="BEVWAT0002"),
    ) == [(1, ReasonCode.UNKNOWN_SHELF)]  # fmt: skip


def test_find_implausible_store_without_stock_sells_anything(assortment: Assortment) -> None:
    line = {"line_no": 1, "item_id": "POST", "quantity": 1, "unit_price": 1, "discount": 0}
    assert findings("pos_transactions", assortment, sale("a", store="WEB", items=[line])) == []
    assert findings("pos_transactions", assortment, sale("a", items=[line])) == [
        (0, ReasonCode.UNKNOWN_SHELF)
    ]


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-01-01T12:05:00Z", []),
        ("2026-01-01T12:05:00.000001Z", [(0, ReasonCode.IN_THE_FUTURE)]),
        ("2026-01-01T07:00:00Z", []),
        ("2026-01-01T06:59:59.999999Z", [(0, ReasonCode.BEFORE_OPENING)]),
    ],
)
def test_find_implausible_bounds_of_time_are_exact(
    assortment: Assortment, time: str, expected: list[tuple[int, str]]
) -> None:
    assert findings("shelf_events", assortment, pickup("a", time)) == expected


def test_find_implausible_first_reason_counts_once_per_event(assortment: Assortment) -> None:
    both = pickup("a", "2026-01-01T13:00:00Z", store="NOWHERE", shelf_id="X")
    assert findings("shelf_events", assortment, both) == [(0, ReasonCode.UNKNOWN_STORE)]


def test_find_implausible_lot_that_expired_before_it_came(assortment: Assortment) -> None:
    good = opening("a", 1, received_date="2026-01-02", expiry_date="2026-01-02")
    bad = opening("b", 1, received_date="2026-01-02", expiry_date="2026-01-01")
    assert findings("warehouse_events", assortment, good, bad) == [(1, ReasonCode.IMPOSSIBLE_VALUE)]


def test_find_implausible_line_number_twice_on_a_receipt(assortment: Assortment) -> None:
    line = {"line_no": 1, "item_id": "BEVWAT0001", "quantity": 1, "unit_price": 1, "discount": 0}
    good = sale("a", items=[line, {**line, "line_no": 2}])
    bad = sale("b", items=[{**line, "line_no": 2}, line, {**line, "line_no": 2}])
    assert findings("pos_transactions", assortment, good, bad, good | {"id": "c"}) == [
        (1, ReasonCode.IMPOSSIBLE_VALUE)
    ]


def test_find_implausible_no_store_known_refuses_everything() -> None:
    empty = Assortment.build(
        pl.DataFrame(
            schema={
                "store_id": pl.String,
                "opened_ts": pl.Datetime("us", "UTC"),
                "stock_tracking": pl.String,
            }
        ),
        pl.DataFrame(schema={"store_id": pl.String, "item_id": pl.String}),
    )
    assert findings("shelf_events", empty, pickup("a")) == [(0, ReasonCode.UNKNOWN_STORE)]


def test_find_implausible_nothing_to_look_at(assortment: Assortment) -> None:
    rows = decode_entries("shelf_events", []).rows
    assert isinstance(rows, pa.Table)
    assert find_implausible(rows, assortment, NOW, AHEAD) == []


def acknowledged(store: str, scope_type: str, scope_id: str, **more: object) -> dict[str, object]:
    fields = {"currency": "EUR", "grain": "hour", "direction": "high", "actor": "Anna"}
    at = {"bucket_start": "2026-01-01T09:00:00Z", "time": "2026-01-01T10:00:00Z"} | more
    scope = {"scope_type": scope_type, "scope_id": scope_id}
    return cloud_event("operator.anomaly_acknowledged", "a", store=store, **scope, **fields, **at)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (acknowledged("S001", "store", "S001"), []),
        (acknowledged("S001", "store_category", "S001/MEAT"), []),
        (acknowledged("ALL", "category", "MEAT"), []),
        (acknowledged("ALL", "all", "ALL", time="2026-01-01T06:00:00Z",
                      bucket_start="2026-01-01T06:00:00Z"), []),
        (acknowledged("S002", "store", "S001"), [(0, ReasonCode.IMPOSSIBLE_VALUE)]),
        (acknowledged("S001", "all", "ALL"), [(0, ReasonCode.IMPOSSIBLE_VALUE)]),
        (acknowledged("ALL", "store", "S001"), [(0, ReasonCode.IMPOSSIBLE_VALUE)]),
        (acknowledged("S009", "store", "S009"), [(0, ReasonCode.UNKNOWN_STORE)]),
        (acknowledged("S001", "store", "S001", bucket_start="2026-01-01T10:00:01Z"),
         [(0, ReasonCode.IMPOSSIBLE_VALUE)]),
    ],
)  # fmt: skip
def test_find_implausible_an_unusual_hour_is_past_and_of_its_own_store(
    assortment: Assortment, event: dict[str, object], expected: list[tuple[int, str]]
) -> None:
    assert findings("operator_events", assortment, event) == expected


def test_find_implausible_only_a_series_may_be_of_no_store(assortment: Assortment) -> None:
    data = {"alert_id": "x", "alert_type": "near_expiry", "location": "shelf", "actor": "Anna"}
    alert = cloud_event(
        "operator.alert_acknowledged", "b", store="ALL", shelf_id="BEVWAT0001", **data
    )
    both = findings("operator_events", assortment, acknowledged("ALL", "all", "ALL"), alert)
    assert both == [(1, ReasonCode.UNKNOWN_STORE)]
