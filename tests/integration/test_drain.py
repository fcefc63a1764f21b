"""The drain: everything arrives once, in the right place, whatever happens."""

import base64
from typing import Any

import polars as pl
import pytest

from smartshelf_dagster.pipeline import drain as drains
from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.delta import ConcurrentWriteError
from smartshelf_dagster.streaming.client import Client, Clock, StreamRewoundError
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import cloud_event, encode, opening, pickup, sale

SHELF_STREAM = "shelf_events:S001"


def read(settings: Settings, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(table))))


def send(client: Client, stream: str, *events: dict[str, Any] | bytes) -> None:
    payloads = [e if isinstance(e, bytes) else encode(e) for e in events]
    send_batches(client, stream, payloads, 1)


def test_drain_moves_events_of_all_topics_and_trims(settings: Settings, client: Client) -> None:
    send(client, SHELF_STREAM, pickup("a"), pickup("b"))
    send(client, "warehouse_events:S001", opening("o", 10))
    send(client, "pos_transactions:S001", sale("s"))
    report = drain(settings, client, Clock(client))
    assert (report.events, report.rejected, report.exhausted) == (4, 0, True)
    assert read(settings, "raw/shelf_events")["event_id"].to_list() == ["a", "b"]
    assert read(settings, "raw/pos_transactions")["items"].to_list()[0][0]["item_id"]
    assert client.xlen(SHELF_STREAM) == 0


def test_drain_again_adds_nothing(settings: Settings, client: Client) -> None:
    send(client, SHELF_STREAM, pickup("a"))
    drain(settings, client, Clock(client))
    version = delta.open_table(settings.table_uri("raw/shelf_events")).version()
    assert drain(settings, client, Clock(client)).events == 0
    assert delta.open_table(settings.table_uri("raw/shelf_events")).version() == version


def test_drain_open_stream_and_store_streams_meet_in_one_table(
    settings: Settings, client: Client
) -> None:
    send(client, "shelf_events", pickup("open"))
    send(client, SHELF_STREAM, pickup("one"))
    send(client, "shelf_events:S002", pickup("two", store="S002"))
    drain(settings, client, Clock(client))
    rows = read(settings, "raw/shelf_events").sort("event_id")
    assert rows["event_id"].to_list() == ["one", "open", "two"]
    assert rows["stream"].to_list() == [SHELF_STREAM, "shelf_events", "shelf_events:S002"]


@pytest.mark.parametrize(
    ("topic", "event", "code"),
    [
        ("shelf_events", b"{broken", "invalid_json"),
        ("shelf_events", pickup("x", quantity=0), "contract_violation"),
        ("shelf_events", sale("x"), "unknown_type"),
        ("shelf_events", pickup("x", store="S999"), "unknown_store"),
        ("shelf_events", pickup("x", shelf_id="NOSUCH"), "unknown_shelf"),
        ("shelf_events", pickup("x", "2026-01-01T07:40:00Z"), "in_the_future"),
        ("shelf_events", pickup("x", "2025-12-31T23:59:59Z"), "before_opening"),
        (
            "pos_transactions",
            sale("x", items=[{"line_no": 1, "item_id": "NOSUCH", "quantity": 1, "unit_price": 1, "discount": 0}]),
            "unknown_shelf",
        ),
        (
            "pos_transactions",
            sale("x", items=[{"line_no": 1, "item_id": "BEVWAT0001", "quantity": 1, "unit_price": 1, "discount": 0}] * 2),
            "impossible_value",
        ),
        ("warehouse_events", opening("x", 1, received_date="2027-01-01"), "impossible_value"),
    ],
)  # fmt: skip
def test_drain_impossible_event_goes_to_quarantine_with_its_payload(
    settings: Settings, client: Client, topic: str, event: Any, code: str
) -> None:
    payload = event if isinstance(event, bytes) else encode(event)
    send(client, f"{topic}:S001", payload)
    report = drain(settings, client, Clock(client))
    assert (report.events, report.rejected) == (1, 1)
    refused = read(settings, "raw/quarantine").to_dicts()[0]
    assert refused["reason_code"] == code
    assert refused["payload"].encode() == payload
    assert refused["reason"]
    assert read(settings, f"raw/{topic}").height == 0


@pytest.mark.parametrize("time", [1767252600000, "1767252600000"])
def test_d28_epoch_milliseconds_are_refused_and_move_no_clock(
    settings: Settings, client: Client, time: object
) -> None:
    """Read as seconds they were the year 57,000, from which no alert of the shelf came back."""
    send(client, SHELF_STREAM, pickup("a"), pickup("b") | {"time": time}, pickup("c"))
    clock = Clock(client)
    before = clock.now()
    assert drain(settings, client, clock).rejected == 1
    assert clock.now() == before
    rows = read(settings, "raw/shelf_events")
    assert rows["event_id"].to_list() == ["a", "c"]
    assert rows["event_ts"].max() < before
    assert read(settings, "raw/quarantine")["event_id"].to_list() == ["b"]


def test_drain_event_a_little_ahead_of_the_clock_is_accepted(
    settings: Settings, client: Client
) -> None:
    send(client, SHELF_STREAM, pickup("a", "2026-01-01T07:35:00Z"))
    assert drain(settings, client, Clock(client)).rejected == 0


def test_drain_payload_that_is_not_text_is_kept_exactly(settings: Settings, client: Client) -> None:
    payload = b"\xff\x00\xfe"
    send(client, SHELF_STREAM, payload)
    drain(settings, client, Clock(client))
    refused = read(settings, "raw/quarantine").to_dicts()[0]
    assert refused["payload_encoding"] == "base64"
    assert base64.b64decode(refused["payload"]) == payload


def test_drain_implausible_event_in_a_batch_is_refused_alone(
    settings: Settings, client: Client
) -> None:
    lines = [pickup("a"), pickup("b", store="S999"), pickup("c")]
    send_batches(client, SHELF_STREAM, [encode(e) for e in lines], 3)
    drain(settings, client, Clock(client))
    assert read(settings, "raw/shelf_events")["event_id"].to_list() == ["a", "c"]
    refused = read(settings, "raw/quarantine").to_dicts()[0]
    assert (refused["event_id"], refused["entry_index"]) == ("b", 1)
    assert refused["payload"] == encode(lines[1]).decode()


def test_drain_bounded_run_goes_on_where_it_stopped(settings: Settings, client: Client) -> None:
    send(client, SHELF_STREAM, *(pickup(f"e{i}") for i in range(100)))
    bounded = load_settings(lake=settings.lake, max_batch_events=20, max_run_events=60)
    first = drain(bounded, client, Clock(client))
    assert not first.exhausted
    assert first.events == 60
    assert first.topics["shelf_events"].commits == 3
    drain(bounded, client, Clock(client))
    assert sorted(read(settings, "raw/shelf_events")["event_id"]) == sorted(
        f"e{i}" for i in range(100)
    )


def test_d29_streams_are_not_capped_while_the_drain_lags(
    settings: Settings, client: Client
) -> None:
    """Less than a day of shelf events fitted on a stream of the first generation: 20,000."""
    count = 20_500
    send(client, SHELF_STREAM, *(pickup(f"e{number}") for number in range(count)))
    assert drain(settings, client, Clock(client)).events == count
    assert read(settings, "raw/shelf_events")["event_id"].n_unique() == count


def test_d29_entries_stay_until_they_are_committed(
    settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, SHELF_STREAM, pickup("a"))
    with monkeypatch.context() as patch:
        patch.setattr(drains.delta, "append", _fail)
        with pytest.raises(OSError, match="disk full"):
            drain(settings, client, Clock(client))
    assert client.xlen(SHELF_STREAM) == 1
    assert drain(settings, client, Clock(client)).events == 1


def _fail(*_: Any, **__: Any) -> None:
    raise OSError("disk full")


def test_drain_died_between_quarantine_and_rows_refusals_stand_and_come_once(
    settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock moves on meanwhile, so that the refused event would pass now."""
    send(client, SHELF_STREAM, pickup("a"), pickup("early", "2026-01-01T07:50:00Z"), b"junk")
    append = delta.append

    def fail_on_rows(table: Any, *args: Any, **kwargs: Any) -> Any:
        if "quarantine" not in table.table_uri:
            raise OSError("killed")
        return append(table, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(drains.delta, "append", fail_on_rows)
        with pytest.raises(OSError, match="killed"):
            drain(settings, client, Clock(client))
    assert read(settings, "raw/quarantine").height == 2
    assert read(settings, "raw/shelf_events").height == 0

    client.set(SIM_NOW_KEY, "2026-01-01T08:00:00Z")
    send(client, SHELF_STREAM, pickup("b"), b"more junk")
    report = drain(settings, client, Clock(client))
    assert read(settings, "raw/shelf_events")["event_id"].to_list() == ["a", "b"]
    refused = read(settings, "raw/quarantine")
    assert sorted(refused["payload"]) == sorted(["junk", "more junk", encode(pickup("early", "2026-01-01T07:50:00Z")).decode()])  # fmt: skip
    assert report.events == 5


def test_d22_second_drain_at_the_same_time_fails_and_nothing_is_doubled(
    settings: Settings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(client, SHELF_STREAM, pickup("a"), b"junk")
    append = delta.append
    intruded = []

    def drain_in_between(*args: Any, **kwargs: Any) -> Any:
        if not intruded:
            intruded.append(True)
            drain(settings, client, Clock(client))
        return append(*args, **kwargs)

    monkeypatch.setattr(drains.delta, "append", drain_in_between)
    with pytest.raises(ConcurrentWriteError, match="another drain"):
        drain(settings, client, Clock(client))
    assert read(settings, "raw/shelf_events")["event_id"].to_list() == ["a"]
    assert read(settings, "raw/quarantine").height == 1


def test_drain_stream_that_was_flushed_is_refused_by_name(
    settings: Settings, client: Client
) -> None:
    send(client, SHELF_STREAM, pickup("a"))
    drain(settings, client, Clock(client))
    client.delete(SHELF_STREAM)
    client.execute_command("XADD", SHELF_STREAM, "1-1", "e", encode(pickup("b")))
    with pytest.raises(StreamRewoundError, match=r"shelf_events:S001 ends at 1-1"):
        drain(settings, client, Clock(client))


def test_drain_commands_stay_for_the_staff_to_read(settings: Settings, client: Client) -> None:
    command = cloud_event(
        "command.restock", "c", shelf_id="BEVWAT0001", quantity=3, priority=0.5,
        expires_ts="2026-01-01T11:00:00Z",
    )  # fmt: skip
    send(client, "commands:S001", command)
    assert drain(settings, client, Clock(client)).events == 1
    assert client.xlen("commands:S001") == 1
    assert drain(settings, client, Clock(client)).events == 0


def test_drain_commit_says_what_it_received_and_from_where(
    settings: Settings, client: Client
) -> None:
    send(client, SHELF_STREAM, pickup("a"), b"junk")
    drain(settings, client, Clock(client))
    entry = delta.open_table(settings.table_uri("raw/shelf_events")).history(1)[0]
    assert '"events":2' in entry["smartshelf.drain"]
    assert '"rows":1' in entry["smartshelf.drain"]
