"""Noise: rates, order, and a fate that follows from the number of the event alone."""

from collections import Counter

import numpy as np
import orjson
import pytest

from simulator.errors import SimulatorError
from simulator.events import SHELF_EVENTS, TOPICS
from simulator.noise import (
    BLOCK_EVENTS,
    SILENT,
    Channel,
    TopicNoise,
    parse_noise,
    parse_noise_option,
    read_noise_file,
)

EVENTS = 20_000
SPACING_MS = 1000


def channel(noise: TopicNoise, state: dict | None = None) -> Channel:
    return Channel(42, "S001", SHELF_EVENTS, noise, state or {})


def sent(noise: TopicNoise, tick_ms: int = 3_600_000) -> tuple[Channel, list[tuple[int, int]]]:
    """An event a second; (number, end of the tick it entered the stream in)."""
    way = channel(noise)
    arrived = []
    end = tick_ms
    for number in range(EVENTS):
        at_ms = number * SPACING_MS
        while at_ms >= end:
            arrived += [(int(payload), end) for payload in way.release(end)]
            end += tick_ms
        way.send(at_ms, b"%d" % number)
    for last in (end, 2**50):
        arrived += [(int(payload), last) for payload in way.release(last)]
    return way, arrived


def test_silence_changes_nothing():
    way, arrived = sent(SILENT)
    assert [number for number, _ in arrived] == list(range(EVENTS))
    assert (way.counts.emitted, way.counts.sent) == (EVENTS, EVENTS)
    assert (way.counts.lost, way.counts.duplicated, way.counts.delayed) == (0, 0, 0)


def test_loss():
    way, arrived = sent(TopicNoise(loss=0.1))
    assert way.counts.lost / EVENTS == pytest.approx(0.1, abs=0.01)
    assert len(arrived) == EVENTS - way.counts.lost == way.counts.sent
    assert [number for number, _ in arrived] == sorted({number for number, _ in arrived})


def test_duplication():
    way, arrived = sent(TopicNoise(duplication=0.2))
    times = Counter(number for number, _ in arrived)
    assert set(times.values()) == {1, 2}
    assert sum(count == 2 for count in times.values()) == way.counts.duplicated
    assert way.counts.duplicated / EVENTS == pytest.approx(0.2, abs=0.01)
    assert len(times) == EVENTS


def test_delay():
    way, arrived = sent(TopicNoise(delay=0.25, delay_mean_seconds=600.0), tick_ms=10_000)
    late = np.array([end - number * SPACING_MS for number, end in arrived if end < 2**50])
    held_up = late[late > 10_000]
    assert way.counts.delayed / EVENTS == pytest.approx(0.25, abs=0.01)
    # Exponential: what is held up longer than a tick is so by the mean on average.
    assert held_up.mean() - 10_000 == pytest.approx(600_000, rel=0.06)
    assert len({number for number, _ in arrived}) == EVENTS


def test_reordering_stays_within_its_window():
    _, arrived = sent(TopicNoise(reorder_seconds=5.0))
    numbers = [number for number, _ in arrived]
    assert numbers != sorted(numbers)
    shift = np.array(numbers) - np.arange(EVENTS)
    assert np.abs(shift).max() <= 5
    assert sorted(numbers) == list(range(EVENTS))


def test_order_does_not_depend_on_ticks():
    noise = TopicNoise(0.1, 0.1, 0.1, 60.0, 10.0)
    hourly, fine = sent(noise)[1], sent(noise, tick_ms=17_000)[1]
    assert [number for number, _ in hourly] == [number for number, _ in fine]


def test_held_events_and_counts_survive_a_restart():
    noise = TopicNoise(0.1, 0.2, 0.5, 300.0, 10.0)
    whole, halves = channel(noise), channel(noise)
    arrived: dict[str, list[bytes]] = {"whole": [], "halves": []}
    for number in range(2000):
        at_ms = number * SPACING_MS
        whole.send(at_ms, b"%d" % number)
        halves.send(at_ms, b"%d" % number)
        if number % 300 == 299:
            arrived["whole"] += whole.release(at_ms)
            arrived["halves"] += halves.release(at_ms)
            halves = channel(noise, orjson.loads(orjson.dumps(halves.state())))
    assert whole.state()["held"]
    assert arrived["whole"] + whole.release(2**50) == arrived["halves"] + halves.release(2**50)
    assert whole.counts == halves.counts


def test_events_held_when_noise_is_switched_off_still_arrive():
    noisy = channel(TopicNoise(delay=1.0, delay_mean_seconds=3600.0))
    for number in range(50):
        noisy.send(number, b"old%d" % number)
    early = noisy.release(1000)
    assert len(early) < 10
    quiet = channel(SILENT, orjson.loads(orjson.dumps(noisy.state())))
    quiet.send(2000, b"new")
    assert quiet.release(2001)[-1] == b"new"
    assert len(quiet.release(2**50)) > 40
    quiet.send(2**50, b"newer")
    assert quiet.release(2**51) == [b"newer"]
    assert quiet.counts.sent == 52


def test_the_fate_of_an_event_does_not_depend_on_what_was_set_before():
    lossy = TopicNoise(loss=0.3)
    always = channel(lossy)
    later = channel(SILENT)
    for number in range(100):
        always.send(number, b"%d" % number)
        later.send(number, b"%d" % number)
    always.release(2**50)
    later.release(2**50)
    later = channel(lossy, later.state())
    for number in range(100, 200):
        always.send(number, b"%d" % number)
        later.send(number, b"%d" % number)
    survivors = later.release(2**50)
    assert survivors == always.release(2**50)
    assert 40 < len(survivors) < 95


def test_the_chances_of_an_event_are_independent():
    way, arrived = sent(TopicNoise(loss=0.5, duplication=0.5, delay=0.5))
    survivors = EVENTS - way.counts.lost
    assert survivors / EVENTS == pytest.approx(0.5, abs=0.02)
    assert way.counts.duplicated / survivors == pytest.approx(0.5, abs=0.02)
    assert way.counts.delayed / len(arrived) == pytest.approx(0.5, abs=0.02)


def test_fates_do_not_repeat_and_survive_a_restart_far_on():
    lossy = TopicNoise(loss=0.5)
    way, arrived = sent(lossy)
    survived = np.zeros(EVENTS, bool)
    survived[[number for number, _ in arrived]] = True
    blocks = survived[: EVENTS // BLOCK_EVENTS * BLOCK_EVENTS].reshape(-1, BLOCK_EVENTS)
    for other in blocks[1:]:
        assert (blocks[0] == other).mean() == pytest.approx(0.5, abs=0.05)
    again = channel(lossy, {"counts": {"emitted": EVENTS}})
    for number in range(EVENTS, EVENTS + 100):
        way.send(number, b"%d" % number)
        again.send(number, b"%d" % number)
    assert way.release(2**50) == again.release(2**50)


def test_settings_by_topic_and_for_all():
    noise = parse_noise(
        {"foot_traffic": {"delay": 0.5, "delay_mean_seconds": 9}, "all": {"loss": 0.1}}, "test"
    )
    assert noise.keys() == set(TOPICS)
    assert noise["foot_traffic"] == TopicNoise(delay=0.5, delay_mean_seconds=9.0)
    assert noise["shelf_events"] == TopicNoise(loss=0.1)
    assert parse_noise({}, "test") == {}


def test_settings_on_the_command_line():
    assert parse_noise_option("shelf_events:loss=0.1,delay=0.2") == {
        "shelf_events": {"loss": 0.1, "delay": 0.2}
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"alarms": {"loss": 0.1}}, "alarms"),
        ({"all": 0.1}, "all"),
        ({"all": {"los": 0.1}}, "los"),
        ({"all": {"loss": 1.1}}, "loss is 1.1"),
        ({"all": {"loss": "much"}}, "loss"),
        ({"all": {"reorder_seconds": -1}}, "reorder_seconds"),
    ],
)
def test_wrong_settings_are_named(document, message):
    with pytest.raises(SimulatorError, match=message):
        parse_noise(document, "test")


@pytest.mark.parametrize("text", ["shelf_events", "all:loss", "all:loss=x", "all:"])
def test_wrong_options_are_named(text):
    with pytest.raises(SimulatorError, match="--noise"):
        parse_noise_option(text)


def test_noise_files(tmp_path):
    path = tmp_path / "noise.json"
    path.write_text('{"all": {"loss": 0.5}}')
    assert read_noise_file(path) == {"all": {"loss": 0.5}}
    for content in ("[]", "{"):
        path.write_text(content)
        with pytest.raises(SimulatorError, match=r"noise\.json"):
            read_noise_file(path)
    with pytest.raises(SimulatorError, match="absent"):
        read_noise_file(tmp_path / "absent")
