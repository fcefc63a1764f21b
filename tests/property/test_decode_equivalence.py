"""The fast path accepts what the exact validator accepts, with the same values, and no more."""

import copy
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from smartshelf_dagster.contracts.model import events_by_topic
from smartshelf_dagster.contracts.validation import Rejection, validate_event
from smartshelf_dagster.streaming.decode import decode_entries
from tests.helpers.events import entry
from tests.helpers.samples import sample_events

FILLERS = {topic: [orjson.dumps(e) for e in sample_events(topic)] for topic in events_by_topic()}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["", "3", "1.0", "2026-01-01", "2026-02-30", "2026-1-1", "0000-01-01T00:00:00Z",
         "2026-01-01T07:00:60Z", "2026-01-01T07:00:00.1Z", "2026-01-01T07:00:00+01:00",
         "9999-12-31T23:59:59.999999Z", "A" * 65, "ABC\n", "\x00", "sensors", "shelf"]
    ),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just([{}]),
)  # fmt: skip


def _paths(node: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [prefix] if prefix else []
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()  # fmt: skip
    for key, value in children:
        found += _paths(value, (*prefix, key))
    return found


def _parent(event: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        event = event[key]
    return event


@st.composite
def mutated_events(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sample event with up to three of its values replaced, removed, added or garbled."""
    topic = draw(st.sampled_from(sorted(FILLERS)))
    event = copy.deepcopy(draw(st.sampled_from(sample_events(topic))))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from(_paths(event)))
        parent, key = _parent(event, path), path[-1]
        action = draw(st.sampled_from(["replace", "remove", "add"]))
        if action == "replace" or not isinstance(parent, dict):
            parent[key] = copy.deepcopy(draw(SCALARS))
        elif action == "remove":
            del parent[key]
        else:
            parent[draw(st.sampled_from(["extra", "quantity", "store_id", "items", "note"]))] = copy.deepcopy(draw(SCALARS))  # fmt: skip
        if not _paths(event):
            break
    payload = orjson.dumps(event, option=orjson.OPT_NON_STR_KEYS) if _encodable(event) else b"{}"
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(payload)))
        payload = payload[:cut] + draw(st.binary(max_size=3)) + payload[cut:]
    return topic, payload.replace(b"\n", b" ")


def _encodable(event: Any) -> bool:
    try:
        orjson.dumps(event)
    except (TypeError, orjson.JSONEncodeError):
        return False
    return True


def _comparable(row: dict[str, Any]) -> dict[str, str]:
    return {k: str(v) for k, v in row.items() if v is not None and k != "stream_id"}


@settings(max_examples=1500, deadline=None)
@given(mutated_events())
def test_event_among_good_ones_is_judged_as_when_alone(case: tuple[str, bytes]) -> None:
    topic, payload = case
    exact = validate_event(topic, payload)
    fillers = FILLERS[topic] * 8
    among = decode_entries(topic, [entry(0, payload), *(entry(i + 1, f) for i, f in enumerate(fillers))])  # fmt: skip
    alone = decode_entries(topic, [entry(0, payload)])
    assert among.events == len(fillers) + 1
    if isinstance(exact, Rejection):
        assert [r.payload for r in among.rejected] == [payload]
        assert among.rejected[0].rejection == exact
        assert alone.rejected[0].rejection == exact
        return
    assert among.rejected == []
    found = [row for row in among.rows.to_pylist() if row["stream_id"] == "1767250800000-0"]
    assert [_comparable(row) for row in found] == [
        _comparable(row) for row in alone.rows.to_pylist()
    ]
