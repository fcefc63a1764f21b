"""Names and offsets on the broker, and what is sent."""

from datetime import UTC, datetime

import orjson
import pytest

from smartshelf_dagster.streaming.client import (
    BrokerUnavailableError,
    Client,
    Clock,
    ClockMissingError,
    connect,
)
from smartshelf_dagster.streaming.operator import AlertKey, send_alert_action
from smartshelf_dagster.streaming.producer import (
    Event,
    InvalidEventError,
    send_batches,
    send_events,
)
from smartshelf_dagster.streaming.topics import (
    SIM_NOW_KEY,
    OffsetOverflowError,
    to_offset,
    to_stream_id,
    topic_streams,
)

ALERT = AlertKey("a1", "refill_request", "S001", "shelf", "BEVWAT0001")


def test_offsets_sort_like_stream_ids_and_come_back() -> None:
    ids = ["0-1", "1-0", "1-9", "1-10", "2-0", "1767250800000-1048575"]
    offsets = [to_offset(i) for i in ids]
    assert offsets == sorted(offsets)
    assert [to_stream_id(o) for o in offsets] == ids


@pytest.mark.parametrize("stream_id", ["1-1048576", f"{2**43}-0"])
def test_offset_that_does_not_fit_is_refused(stream_id: str) -> None:
    with pytest.raises(OffsetOverflowError, match=stream_id):
        to_offset(stream_id)


def test_topic_streams_open_stream_first_then_stores_in_order() -> None:
    assert topic_streams("shelf_events", ["S002", "S001"]) == (
        "shelf_events",
        "shelf_events:S001",
        "shelf_events:S002",
    )


def test_send_events_invalid_event_is_refused_and_nothing_is_sent(client: Client) -> None:
    good = Event("a", "/x", "com.smartshelf.traffic.entry.v1", datetime(2026, 1, 1, tzinfo=UTC),
                 {"store_id": "S001", "gate_id": "main"})  # fmt: skip
    bad = Event("b", "/x", "com.smartshelf.traffic.entry.v1", datetime(2026, 1, 1, tzinfo=UTC),
                {"store_id": "S001", "gate_id": ""})  # fmt: skip
    with pytest.raises(InvalidEventError, match=r"data\.gate_id"):
        send_events(client, "foot_traffic", "foot_traffic", [good, bad])
    assert client.exists("foot_traffic") == 0
    assert send_events(client, "foot_traffic", "foot_traffic", [good]) == 1


def test_send_batches_puts_many_events_into_an_entry(client: Client) -> None:
    assert send_batches(client, "s", [b"a", b"b", b"c", b"d", b"e"], 2) == 3
    assert [fields for _, fields in client.xrange("s")] == [
        [b"b", b"a\nb"], [b"b", b"c\nd"], [b"b", b"e"],
    ]  # fmt: skip


@pytest.mark.parametrize("action", ["acknowledged", "dismissed"])
def test_send_alert_action_is_an_event_at_the_time_in_force(client: Client, action: str) -> None:
    event_id = send_alert_action(
        client, Clock(client), ALERT, action, actor="Anna Rossi", note="on it"
    )
    event = orjson.loads(client.xrange("operator_events:S001")[0][1][1])
    assert event["id"] == event_id
    assert event["type"] == f"com.smartshelf.operator.alert_{action}.v1"
    assert event["time"] == "2026-01-01T07:30:00.000000Z"
    assert event["data"]["actor"] == "Anna Rossi"


def test_send_alert_action_without_a_name_says_so(client: Client) -> None:
    send_alert_action(client, Clock(client), ALERT, "dismissed", actor="Zoë d'Aragó 李")
    with pytest.raises(InvalidEventError, match=r"data\.actor"):
        send_alert_action(client, Clock(client), ALERT, "dismissed", actor="")


def test_clock_follows_the_simulator_when_there_is_one(client: Client) -> None:
    assert Clock(client).now() == datetime(2026, 1, 1, 7, 30, tzinfo=UTC)
    assert abs((Clock(client, "wall").now() - datetime.now(UTC)).total_seconds()) < 60
    client.delete(SIM_NOW_KEY)
    assert abs((Clock(client).now() - datetime.now(UTC)).total_seconds()) < 60


def test_clock_demanded_but_missing_says_what_to_do(client: Client) -> None:
    client.delete(SIM_NOW_KEY)
    with pytest.raises(ClockMissingError, match="start the simulator"):
        Clock(client, "simulated").now()


def test_connect_without_server_names_url_and_remedy() -> None:
    with pytest.raises(
        BrokerUnavailableError, match=r"redis://127\.0\.0\.1:1.*SMARTSHELF_REDIS_URL"
    ):
        connect("redis://127.0.0.1:1/0", 1)
