"""Redis: ticks are all or nothing, commands are read once, the clock follows the last store."""

from collections.abc import Callable

import orjson
import polars as pl
import pytest
import redis
from sim_support import (
    DAY_MS,
    all_streams,
    of_type,
    play,
    restock_event,
    stream_events,
    warehouse_lots,
)

from simulator import checkpoint
from simulator.clock import HOUR_MS, clock_text
from simulator.errors import SimulatorError
from simulator.events import TOPICS
from simulator.noise import TopicNoise
from simulator.simulation import Simulation
from simulator.streams import Streams, state_key
from simulator.world import StoreWorld

STORES = ("S001", "S002")


class CrashError(Exception):
    """The process dies here."""


@pytest.fixture
def simulate(redis_url, one_store_dir):
    """Opens the world of one store, as a new process would."""
    opened = []

    def simulation(events_per_entry: int = 100, folder=one_store_dir, noise=None) -> Simulation:
        streams = Streams(redis_url, events_per_entry)
        opened.append(streams)
        return Simulation(streams, folder, noise or {})

    yield simulation
    for streams in opened:
        streams.close()


def test_streams_carry_what_the_world_makes(simulate, client, reference):
    simulation = simulate()
    end = reference.start_ms + 6 * HOUR_MS
    counts = simulation.advance(end)
    expected = play(StoreWorld(reference, {}), end)
    for topic in TOPICS:
        events = [orjson.loads(payload) for payload in stream_events(client, topic)]
        assert events == expected[topic]
        assert counts[topic] == len(events) > 0


@pytest.mark.parametrize("events_per_entry", [1, 7])
def test_entries_hold_one_event_or_many(simulate, client, events_per_entry):
    simulation = simulate(events_per_entry)
    simulation.advance(simulation.now_ms + HOUR_MS)
    entries = [fields for _, fields in client.xrange("shelf_events:S001")]
    if events_per_entry == 1:
        assert {tuple(fields) for fields in entries} == {(b"e",)}
        assert all(orjson.loads(fields[b"e"])["id"] for fields in entries)
    else:
        sizes = [len(fields[b"b"].split(b"\n")) for fields in entries]
        assert set(sizes[:-1]) == {events_per_entry}
        assert 1 <= sizes[-1] <= events_per_entry


def test_the_clock_shows_what_is_emitted(simulate, client):
    simulation = simulate()
    assert client.get("sim:now") == b"2026-01-01T07:00:00Z"
    assert client.get("sim:today") == b"2026-01-01"
    assert client.xlen("warehouse_events:S001") == 0
    simulation.advance(simulation.now_ms + 17 * HOUR_MS + 500)
    assert client.get("sim:now") == b"2026-01-02T00:00:00.500Z"
    assert client.get("sim:today") == b"2026-01-02"


def test_going_nowhere_does_nothing(simulate, client):
    simulation = simulate()
    simulation.advance(simulation.now_ms + HOUR_MS)
    before = client.get(state_key("S001"))
    assert simulation.advance(simulation.now_ms - 1) == {}
    assert client.get(state_key("S001")) == before


def dying(streams: Streams, nth: int, *, after: bool) -> Callable[[], int]:
    """Makes a connection die at its nth commit, before or after Redis has done it."""
    commit, calls = streams.commit, []

    def commit_and_die(*args, **kwargs):
        calls.append(1)
        if len(calls) == nth and not after:
            raise CrashError
        commit(*args, **kwargs)
        if len(calls) == nth:
            raise CrashError

    streams.commit = commit_and_die
    return lambda: len(calls)


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 9])
def test_a_crash_at_any_commit_loses_and_repeats_nothing(
    *, simulate, client, state_dir, reference, redis_url, nth, after
):
    """Two stores, so that the crash also falls between them; noise, so that events are held."""
    noise = dict.fromkeys(TOPICS, TopicNoise(0.05, 0.05, 0.05, 900.0, 20.0))
    end = reference.start_ms + 4 * HOUR_MS
    item, _ = warehouse_lots(reference, 2)

    def command():
        for name in ("a", "b", "a"):
            client.xadd("commands:S001", {"e": restock_event(reference, item, 5, name)})

    command()
    simulate(folder=state_dir, noise=noise).advance(end)
    undisturbed, keys = all_streams(client, STORES), client.get(state_key("S001"))
    client.flushall()

    command()
    streams = Streams(redis_url, 100)
    dying(streams, nth, after=after)
    with pytest.raises(CrashError):
        Simulation(streams, state_dir, noise).advance(end)
    streams.close()
    clocks = [
        checkpoint.decode(value)[1]["clock_ms"]
        for store in STORES
        if (value := client.get(state_key(store)))
    ]
    if now := client.get("sim:now"):
        assert now.decode() == clock_text(min(clocks))
    simulate(folder=state_dir, noise=noise).advance(end)

    assert all_streams(client, STORES) == undisturbed
    # The cursor is a stream id, thus of its own time; all else is the same.
    state, expected = (
        checkpoint.decode(value)[1] | {"cursor": ""}
        for value in (client.get(state_key("S001")), keys)
    )
    assert state == expected


def test_the_clock_waits_for_the_last_store(simulate, client, state_dir, redis_url):
    simulate(folder=state_dir)
    streams = Streams(redis_url, 100)
    dying(streams, 1, after=True)
    with pytest.raises(CrashError):
        Simulation(streams, state_dir, {}).advance(simulate(folder=state_dir).now_ms + HOUR_MS)
    streams.close()
    assert client.xlen("foot_traffic:S001") > 0
    assert client.xlen("foot_traffic:S002") == 0
    assert client.get("sim:now") == b"2026-01-01T07:00:00Z"

    simulation = simulate(folder=state_dir)
    first = client.xlen("foot_traffic:S001")
    simulation.advance(simulation.now_ms + HOUR_MS)
    assert client.get("sim:now") == b"2026-01-01T08:00:00Z"
    assert client.xlen("foot_traffic:S001") == first
    assert client.xlen("foot_traffic:S002") > 0


def test_a_store_that_is_ahead_waits(simulate, client, state_dir, redis_url, reference):
    """After a crash between stores the next tick may end before the clock of the first."""
    end = reference.start_ms + 2 * HOUR_MS
    simulate(folder=state_dir).advance(end)
    undisturbed = all_streams(client, STORES)
    client.flushall()

    start = simulate(folder=state_dir).now_ms
    streams = Streams(redis_url, 100)
    dying(streams, 1, after=True)
    with pytest.raises(CrashError):
        Simulation(streams, state_dir, {}).advance(start + HOUR_MS)
    streams.close()
    ahead = client.get(state_key("S001"))
    simulation = simulate(folder=state_dir)
    simulation.advance(start + HOUR_MS // 2)
    assert client.get(state_key("S001")) == ahead
    assert client.get("sim:now") == b"2026-01-01T07:30:00Z"
    simulation.advance(end)
    assert all_streams(client, STORES) == undisturbed


def test_two_simulators_do_not_write_one_world(simulate):
    first, second = simulate(), simulate()
    first.advance(first.now_ms + HOUR_MS)
    with pytest.raises(SimulatorError, match="another simulator"):
        second.advance(second.now_ms + HOUR_MS)


def test_a_write_between_check_and_commit_is_noticed(simulate, client, monkeypatch):
    simulation = simulate()
    getrange = redis.client.Pipeline.getrange

    def raced(self, key, *args):
        value = getrange(self, key, *args)
        client.set(key, client.get(key))
        return value

    monkeypatch.setattr(redis.client.Pipeline, "getrange", raced)
    before = all_streams(client)
    with pytest.raises(SimulatorError, match="another simulator"):
        simulation.advance(simulation.now_ms + HOUR_MS)
    assert all_streams(client) == before


def test_a_lost_answer_is_not_sent_again(simulate, client, monkeypatch):
    """The transaction was done but its answer got lost: redis-py would send it again."""
    simulation = simulate()
    execute = redis.client.Pipeline._execute_transaction
    calls = []

    def lost(self, *args):
        execute(self, *args)
        self.watching = False
        calls.append(1)
        raise redis.ConnectionError("answer lost")

    monkeypatch.setattr(redis.client.Pipeline, "_execute_transaction", lost)
    with pytest.raises(redis.ConnectionError, match="answer lost"):
        simulation.advance(simulation.now_ms + HOUR_MS)
    assert len(calls) == 1
    ids = [orjson.loads(event)["id"] for event in stream_events(client, "shelf_events")]
    assert len(ids) == len(set(ids)) > 0


def restock_reports(client) -> list[tuple[str, str]]:
    events = [orjson.loads(event) for event in stream_events(client, "warehouse_events")]
    return [
        (event["data"]["command_id"], event["data"]["outcome"])
        for event in of_type(events, "warehouse.task_completed")
    ]


def test_commands_are_done_once_however_often_they_are_sent(simulate, client, reference):
    item, _ = warehouse_lots(reference, 2)
    once = restock_event(reference, item, 2, "again")
    client.xadd("commands:S001", {"e": once})
    client.xadd("commands:S001", {"b": b"\n".join([once, once])})
    simulation = simulate()
    simulation.advance(simulation.now_ms + HOUR_MS)
    client.xadd("commands:S001", {"e": once})
    simulation.advance(simulation.now_ms + HOUR_MS)
    client.xadd("commands:S001", {"e": once})
    simulation = simulate()  # a new process knows it too
    simulation.advance(simulation.now_ms + HOUR_MS)
    assert [name for name, _ in restock_reports(client)] == ["again"]
    assert simulation.ledger()["commands"]["accepted"] == 1
    assert simulation.ledger()["commands"]["repeated"] == 4
    state = checkpoint.decode(client.get(state_key("S001")))[1]
    assert b"again" not in orjson.dumps(state["staff"])


def test_commands_start_with_the_tick_that_reads_them(simulate, client, reference):
    item, _ = warehouse_lots(reference, 2)
    simulation = simulate()
    simulation.advance(simulation.now_ms + HOUR_MS)
    client.xadd("commands:S001", {"e": restock_event(reference, item, 1, "late")})
    simulation.advance(simulation.now_ms + HOUR_MS)
    events = [orjson.loads(event) for event in stream_events(client, "warehouse_events")]
    picks = of_type(events, "warehouse.pick")
    assert [event["time"] for event in picks] == ["2026-01-01T08:01:00.000Z"]


def test_a_stream_of_nonsense_stops_nothing(simulate, client, reference):
    item, _ = warehouse_lots(reference, 2)
    for fields in (
        {"e": "not json"},
        {"x": "no known field"},
        {"b": b"{}\nnull\n"},
        {"e": restock_event(reference, item, 1, "c", store_id="S002")},
        {"e": orjson.dumps({"type": "com.smartshelf.command.count.v1"})},
        {"e": restock_event(reference, item, 1, "good")},
    ):
        client.xadd("commands:S001", fields)
    simulation = simulate()
    simulation.advance(simulation.now_ms + HOUR_MS)
    assert [name for name, _ in restock_reports(client)] == ["good"]
    assert simulation.ledger()["commands"] == {
        "accepted": 1,
        "repeated": 0,
        "unsupported": 1,
        "foreign": 1,
        "malformed": 4,
    }


def test_many_commands_are_all_read(simulate, client, reference):
    with client.pipeline() as pipe:
        for number in range(2500):
            pipe.xadd("commands:S001", {"e": restock_event(reference, 0, 1, f"c{number}")})
        pipe.execute()
    simulation = simulate()
    simulation.advance(simulation.now_ms + 1)
    assert simulation.ledger()["commands"]["accepted"] == 2500


def test_the_checkpoint_of_another_world_is_refused(simulate, state_dir):
    simulate()
    with pytest.raises(SimulatorError, match="another world"):
        simulate(folder=state_dir)


@pytest.mark.parametrize("value", [b"junk", b"smartshelf-sim/1 00000000000000x1j{}"])
def test_what_is_no_checkpoint_is_refused(simulate, client, value):
    client.set(state_key("S001"), value)
    with pytest.raises(SimulatorError, match="not written by this version"):
        simulate()


def test_a_damaged_checkpoint_is_refused(simulate, client):
    simulate()
    value = client.get(state_key("S001"))
    client.set(state_key("S001"), value[: len(value) // 2])
    with pytest.raises(SimulatorError, match="damaged"):
        simulate()


def test_a_key_in_the_place_of_a_stream_is_refused(simulate, client):
    client.set("foot_traffic:S001", "x")
    with pytest.raises(SimulatorError, match="foot_traffic:S001"):
        simulate()


def test_checkpoints_are_small_and_read_back(simulate, client):
    simulation = simulate()
    simulation.advance(simulation.now_ms + DAY_MS)
    value = client.get(state_key("S001"))
    assert len(value) < 25_000
    revision, state = checkpoint.decode(value)
    assert checkpoint.revision_of(value[: checkpoint.HEADER_BYTES]) == revision == 25
    assert checkpoint.decode(checkpoint.encode(7, state)) == (7, state)
    assert checkpoint.decode(checkpoint.encode(8, {"a": 1})) == (8, {"a": 1})


def test_the_ledger_counts_what_is_on_the_streams(simulate, client):
    noise = dict.fromkeys(TOPICS, TopicNoise(loss=0.1, duplication=0.1))
    simulation = simulate(noise=noise)
    simulation.advance(simulation.now_ms + 5 * HOUR_MS)
    ledger = simulation.ledger()
    for topic in TOPICS:
        counts = ledger["noise"][topic]
        assert ledger["events"][topic] == len(stream_events(client, topic))
        assert counts["sent"] == counts["emitted"] - counts["lost"] + counts["duplicated"]
        assert counts["lost"] > 0
    asked = ledger["sold_units"] + ledger["lost_units"]
    assert ledger["fill_rate"] == ledger["sold_units"] / asked
    assert ledger["wasted_units"] == 0
    assert ledger["by_store"]["S001"]["sold_units"] == ledger["sold_units"]


def test_ledger_files_of_closed_days(simulate, one_store_dir):
    simulation = simulate()
    simulation.advance(simulation.now_ms + 2 * DAY_MS)
    folder = one_store_dir / "ledger" / "store=S001"
    assert sorted(path.name for path in folder.iterdir()) == [
        "2026-01-01.parquet",
        "2026-01-02.parquet",
    ]
    rows = pl.read_parquet(folder / "2026-01-02.parquet")
    assert len(rows) == 1142
    day = pl.read_parquet(one_store_dir / "ledger_days" / "store=S001" / "2026-01-02.parquet")
    assert day["sold_units"].item() == rows["sold_units"].sum() > 5000
    assert rows["revenue"].sum() > 5000
    assert day["revenue"].item() == pytest.approx(rows["revenue"].sum())
    assert day["customers"].item() == pytest.approx(913.5, rel=0.11)


def test_ledger_files_are_the_same_after_a_crash(simulate, client, one_store_dir, redis_url):
    path = one_store_dir / "ledger" / "store=S001" / "2026-01-01.parquet"
    simulation = simulate()
    start = simulation.now_ms
    simulation.advance(start + 16 * HOUR_MS)
    streams = Streams(redis_url, 100)
    simulation = Simulation(streams, one_store_dir, {})
    dying(streams, 1, after=False)
    with pytest.raises(CrashError):
        simulation.advance(start + 17 * HOUR_MS)
    streams.close()
    written = path.read_bytes()
    path.write_bytes(b"half")
    simulate().advance(start + 17 * HOUR_MS)
    assert path.read_bytes() == written


def test_stock_is_what_is_there(simulate, reference):
    simulation = simulate()
    opening = simulation.stock()
    assert opening["quantity"].sum() == sum(quantity for _, quantity in reference.opening)
    simulation.advance(simulation.now_ms + 5 * HOUR_MS)
    stock = simulation.stock()
    assert set(stock["location"]) == {"shelf", "warehouse", "cart"}
    keys = ["store_id", "item_id", "batch_code", "location"]
    assert not stock.select(pl.struct(keys).is_duplicated().any()).item()
    sold = simulation.ledger()["sold_units"]
    assert stock["quantity"].sum() + sold == opening["quantity"].sum()
