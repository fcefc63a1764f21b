"""Entries become rows or rejections, and nothing in between."""

import orjson
import pyarrow as pa
import pytest

from smartshelf_dagster.contracts.validation import ReasonCode
from smartshelf_dagster.streaming.decode import decode_entries, event_payload
from tests.helpers.events import batch_entry, encode, entry, pickup, sale

GOOD = [encode(pickup(f"e{i}")) for i in range(20)]


def ids(table: pa.Table) -> list[str]:
    return sorted(table["event_id"].to_pylist())


def test_decode_entries_single_events_become_rows_in_place() -> None:
    decoded = decode_entries("shelf_events", [entry(i, p) for i, p in enumerate(GOOD)])
    assert decoded.rejected == []
    assert ids(decoded.rows) == sorted(f"e{i}" for i in range(20))
    row = decoded.rows.slice(7, 1).to_pylist()[0]
    assert row["stream_id"] == "1767250800000-7"
    assert row["entry_index"] == 0
    assert row["event_type"] == "pickup"
    assert row["event_date"].isoformat() == "2026-01-01"


def test_decode_entries_batch_keeps_the_position_in_the_entry() -> None:
    decoded = decode_entries("shelf_events", [batch_entry(0, GOOD[:12]), batch_entry(1, GOOD[12:])])
    places = {
        row["event_id"]: (row["stream_id"], row["entry_index"]) for row in decoded.rows.to_pylist()
    }
    assert places["e0"] == ("1767250800000-0", 0)
    assert places["e11"] == ("1767250800000-0", 11)
    assert places["e12"] == ("1767250800000-1", 0)


def test_decode_entries_blank_lines_of_a_batch_hold_no_event() -> None:
    decoded = decode_entries("shelf_events", [batch_entry(0, [GOOD[0], b"", b"  ", GOOD[1], b""])])
    assert ids(decoded.rows) == ["e0", "e1"]
    assert decoded.rejected == []
    assert decoded.rows["entry_index"].to_pylist() == [0, 3]


def test_decode_entries_broken_line_of_a_batch_is_refused_alone() -> None:
    lines = [*GOOD[:10], b'{"broken', *GOOD[10:]]
    decoded = decode_entries("shelf_events", [batch_entry(0, lines)])
    assert decoded.rows.num_rows == 20
    assert [(r.entry_index, r.payload, r.rejection.code) for r in decoded.rejected] == [
        (10, b'{"broken', ReasonCode.INVALID_JSON)
    ]


@pytest.mark.parametrize(
    "fields",
    [[], [b"x", b"1"], [b"e", GOOD[0], b"x", b"1"], [b"b", b""], [b"b", b" \n "], [b"E", GOOD[0]]],
)
def test_decode_entries_entry_of_unknown_form_is_refused(fields: list[bytes]) -> None:
    decoded = decode_entries("shelf_events", [entry(0, GOOD[0]), (b"1767250800000-1", fields)])
    assert ids(decoded.rows) == ["e0"]
    assert [r.rejection.code for r in decoded.rejected] == [ReasonCode.UNREADABLE_ENTRY]


@pytest.mark.parametrize(
    "broken",
    [
        # Each of these tries to make rows out of more or less than one event.
        [b'{"specversion":"1.0"', b',"id":"x"}'],
        [GOOD[0] + GOOD[1], b""],
        [GOOD[0] + b"}" + b'{"e":' + GOOD[1], b" "],
        [b'{"data":', encode(pickup("z")) + b"}"],
        [b"null", b"[]", b'"x"', b"1"],
        [b"\xff\xfe", b"\x00", b"\xef\xbb\xbf" + GOOD[0]],
    ],
)
def test_decode_entries_broken_events_never_pass_and_never_take_others_along(
    broken: list[bytes],
) -> None:
    payloads = [*GOOD[:9], *broken, *GOOD[9:]]
    decoded = decode_entries("shelf_events", [entry(i, p) for i, p in enumerate(payloads)])
    assert ids(decoded.rows) == sorted(f"e{i}" for i in range(20))
    assert sorted(r.payload for r in decoded.rejected) == sorted(broken)


@pytest.mark.parametrize(
    "stray", [b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\\ud800", b"\\ud800x"]
)
@pytest.mark.parametrize("in_batch", [False, True], ids=["single", "batch"])
def test_decode_entries_text_that_is_no_utf8_is_refused(stray: bytes, in_batch: bool) -> None:
    broken = encode(pickup("broken") | {"subject": "SUBJECT"}).replace(b"SUBJECT", stray)
    events = [*GOOD[:10], broken, *GOOD[10:]]
    entries = [batch_entry(0, events)] if in_batch else [entry(i, p) for i, p in enumerate(events)]
    decoded = decode_entries("shelf_events", entries)
    assert ids(decoded.rows) == sorted(f"e{i}" for i in range(20))
    assert [r.payload for r in decoded.rejected] == [broken]


def test_decode_entries_pretty_printed_event_is_one_event() -> None:
    pretty = orjson.dumps(pickup("pretty"), option=orjson.OPT_INDENT_2)
    decoded = decode_entries("shelf_events", [*map(entry, range(20), GOOD), entry(20, pretty)])
    assert "pretty" in ids(decoded.rows)
    assert decoded.rows.num_rows == 21


def test_decode_entries_offset_timestamp_is_understood_among_others() -> None:
    late = encode(pickup("late", "2026-01-01T09:10:00.25+02:00"))
    decoded = decode_entries("shelf_events", [*map(entry, range(20), GOOD), entry(20, late)])
    times = dict(zip(*(decoded.rows[c].to_pylist() for c in ("event_id", "event_ts")), strict=True))
    assert times["late"].isoformat() == "2026-01-01T07:10:00.250000+00:00"
    assert decoded.rows.num_rows == 21


def test_decode_entries_price_near_the_end_of_floats_is_refused_alone() -> None:
    events = [sale(f"s{i}") for i in range(20)]
    events[7]["data"]["items"][0]["unit_price"] = 1.797693134862316e304
    decoded = decode_entries(
        "pos_transactions", [entry(i, encode(e)) for i, e in enumerate(events)]
    )
    assert decoded.rows.num_rows == 19
    assert [r.rejection.code for r in decoded.rejected] == [ReasonCode.CONTRACT_VIOLATION]


def test_decode_entries_money_is_exact() -> None:
    event = sale("m")
    prices = [0.1, 2.55, 0.0001, 1e6, 12.3456, 38970.0, 1.005]
    line = event["data"]["items"][0]
    event["data"]["items"] = [
        {**line, "line_no": i + 1, "unit_price": price} for i, price in enumerate(prices)
    ]
    for copies in (1, 8):
        entries = [entry(i, encode({**event, "id": f"m{i}"})) for i in range(copies)]
        lines = decode_entries("pos_transactions", entries).rows["items"][0].as_py()
        assert [str(item["unit_price"]) for item in lines] == [
            "0.1000", "2.5500", "0.0001", "1000000.0000", "12.3456", "38970.0000", "1.0050",
        ]  # fmt: skip


def test_decode_entries_nothing_gives_an_empty_table_with_the_right_columns() -> None:
    decoded = decode_entries("shelf_events", [])
    assert decoded.events == 0
    assert "stream_id" in decoded.rows.column_names


def test_event_payload_returns_the_line_of_a_batch() -> None:
    assert event_payload([b"b", b"x\ny"], 1) == b"y"
    assert event_payload([b"b", b"x\ny"], 0) == b"x"
    assert event_payload([b"e", b"x\ny"], 0) == b"x\ny"
