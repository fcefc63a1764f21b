"""What people do in the report app, as events."""

from datetime import UTC, datetime

import orjson
import pytest

from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.operator import (
    AnomalyKey,
    PlannedOrderKey,
    StockCount,
    send_anomaly_acknowledgement,
    send_order_change,
    send_order_decision,
    send_stock_count,
)
from smartshelf_dagster.streaming.producer import InvalidEventError

ORDER = PlannedOrderKey("S001", "BEVWAT0001", datetime(2026, 1, 4, 11, tzinfo=UTC))
CUTOFF = "2026-01-04T11:00:00.000000Z"


HOUR = datetime(2026, 1, 1, 6, tzinfo=UTC)


def sent(client: Client, stream: str = "operator_events:S001") -> list[dict]:
    return [orjson.loads(fields[1]) for _, fields in client.xrange(stream)]


@pytest.mark.parametrize("decision", ["approved", "held"])
def test_a_decision_about_a_planned_order_names_its_cutoff(client: Client, decision: str) -> None:
    event_id = send_order_decision(client, Clock(client), ORDER, decision, actor="Anna")
    [event] = sent(client)
    assert event == {
        "specversion": "1.0",
        "id": event_id,
        "source": "/stores/S001/report-app",
        "type": f"com.smartshelf.operator.supplier_order_{decision}.v1",
        "time": "2026-01-01T07:30:00.000000Z",
        "data": {
            "store_id": "S001",
            "shelf_id": "BEVWAT0001",
            "cutoff_ts": CUTOFF,
            "actor": "Anna",
        },
    }


@pytest.mark.parametrize("quantity", [0, 36])
def test_a_changed_order_has_quantity_and_reason(client: Client, quantity: int) -> None:
    send_order_change(client, Clock(client), ORDER, quantity, actor="Anna", note="local fair")
    [event] = sent(client)
    assert event["type"] == "com.smartshelf.operator.supplier_order_changed.v1"
    assert event["data"] == {
        "store_id": "S001",
        "shelf_id": "BEVWAT0001",
        "cutoff_ts": CUTOFF,
        "order_quantity": quantity,
        "actor": "Anna",
        "note": "local fair",
    }


@pytest.mark.parametrize(
    ("quantity", "note", "refused"),
    [(12, "", "note"), (12, "  ", "note"), (-1, "why", "order_quantity")],
)
def test_a_change_without_reason_or_sense_is_refused(
    client: Client, quantity: int, note: str, refused: str
) -> None:
    with pytest.raises(InvalidEventError, match=refused):
        send_order_change(client, Clock(client), ORDER, quantity, actor="Anna", note=note)
    assert not sent(client)


def test_counts_of_an_item_and_of_a_lot(client: Client) -> None:
    item = StockCount("S001", "shelf", "BEVWAT0001", 0, 3)
    lot = StockCount("S001", "warehouse", "BEVWAT0001", 7, 9, "SUP-0007")
    send_stock_count(client, Clock(client), item, actor="Anna")
    send_stock_count(client, Clock(client), lot, actor="Anna", note="behind the pallet")
    whole, single = sent(client)
    assert whole["type"] == "com.smartshelf.operator.stock_counted.v1"
    assert whole["data"] == {
        "store_id": "S001",
        "location": "shelf",
        "shelf_id": "BEVWAT0001",
        "counted_quantity": 0,
        "book_quantity": 3,
        "actor": "Anna",
    }
    assert single["data"]["batch_code"] == "SUP-0007"
    assert single["data"]["counted_quantity"] == 7
    assert single["data"]["note"] == "behind the pallet"


@pytest.mark.parametrize(
    ("count", "refused"),
    [
        (StockCount("S001", "till", "BEVWAT0001", 1, 1), "location"),
        (StockCount("S001", "shelf", "BEVWAT0001", -1, 1), "counted_quantity"),
    ],
)
def test_an_impossible_count_is_refused(client: Client, count: StockCount, refused: str) -> None:
    with pytest.raises(InvalidEventError, match=refused):
        send_stock_count(client, Clock(client), count, actor="Anna")


@pytest.mark.parametrize(
    ("scope", "store", "stream"),
    [
        (("store", "S001"), "S001", "operator_events:S001"),
        (("store_category", "S001/MEAT"), "S001", "operator_events:S001"),
        (("item", "BEVWAT0001"), "ALL", "operator_events"),
    ],
)
def test_an_unusual_hour_is_acknowledged_where_its_series_is(
    client: Client, scope: tuple[str, str], store: str, stream: str
) -> None:
    anomaly = AnomalyKey(*scope, "EUR", "hour", HOUR, "low")
    event_id = send_anomaly_acknowledgement(client, Clock(client), anomaly, actor="Anna", note=" ")
    [event] = sent(client, stream)
    assert event["id"] == event_id
    assert event["type"] == "com.smartshelf.operator.anomaly_acknowledged.v1"
    assert event["data"] == {
        "store_id": store,
        "scope_type": scope[0],
        "scope_id": scope[1],
        "currency": "EUR",
        "grain": "hour",
        "bucket_start": "2026-01-01T06:00:00.000000Z",
        "direction": "low",
        "actor": "Anna",
    }


@pytest.mark.parametrize(
    ("anomaly", "refused"),
    [
        (AnomalyKey("shop", "S001", "EUR", "hour", HOUR, "low"), "scope_type"),
        (AnomalyKey("store", "S001", "EUR", "hour", HOUR, "none"), "direction"),
    ],
)
def test_what_is_no_unusual_hour_is_refused(
    client: Client, anomaly: AnomalyKey, refused: str
) -> None:
    with pytest.raises(InvalidEventError, match=refused):
        send_anomaly_acknowledgement(client, Clock(client), anomaly, actor="Anna")
