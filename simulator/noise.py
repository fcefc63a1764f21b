"""What happens to an event between the device and its stream: nothing, loss, copies, delay.

Noise never touches the physical world. Each event's fate follows from its running number on the
topic alone, so switching noise on, off or over leaves the world, and the fate of later events, the
same.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from heapq import heappop, heappush
from math import log1p
from pathlib import Path
from typing import Any, Final

import orjson

from simulator.clock import SECOND_MS
from simulator.errors import SimulatorError
from simulator.events import TOPICS
from simulator.parameters import build
from simulator.rng import Concern, key_of, substream

ALL_TOPICS: Final = "all"
BLOCK_EVENTS: Final = 4096
_COPIES: Final = 2
# Columns of a block: loss, copy, then whether delayed, how long and jitter for each copy.
_DRAWS_PER_COPY: Final = 3
_DRAWS: Final = 2 + _COPIES * _DRAWS_PER_COPY


@dataclass(frozen=True, slots=True)
class TopicNoise:
    """Noise on one topic; the default is none.

    Attributes:
        loss: Chance that an event never arrives.
        duplication: Chance that it arrives twice.
        delay: Chance that a copy is held up.
        delay_mean_seconds: Mean of the (exponential) time it is held up, s.
        reorder_seconds: Every copy arrives up to this much later, uniformly, s.
    """

    loss: float = 0.0
    duplication: float = 0.0
    delay: float = 0.0
    delay_mean_seconds: float = 0.0
    reorder_seconds: float = 0.0

    def __post_init__(self) -> None:
        for name in ("loss", "duplication", "delay"):
            if not 0 <= getattr(self, name) <= 1:
                raise SimulatorError(f"noise: {name} is {getattr(self, name)}, expected 0 to 1")
        for name in ("delay_mean_seconds", "reorder_seconds"):
            if getattr(self, name) < 0:
                raise SimulatorError(f"noise: {name} is {getattr(self, name)}, expected 0 or more")


SILENT: Final = TopicNoise()
Noise = Mapping[str, TopicNoise]


def parse_noise(document: Mapping[str, Any], where: str) -> dict[str, TopicNoise]:
    """Reads noise by topic; `all` stands for every topic not named itself.

    Args:
        document: Object of topics, each with some fields of `TopicNoise`.
        where: Place, for messages.

    Raises:
        SimulatorError: A topic, field or value is unknown or out of range.
    """
    noise: dict[str, TopicNoise] = {}
    for name in sorted(document, key=ALL_TOPICS.__ne__):
        settings = document[name]
        if name not in (ALL_TOPICS, *TOPICS) or not isinstance(settings, dict):
            raise SimulatorError(
                f"{where}: {name}: expected an object under {ALL_TOPICS} or {', '.join(TOPICS)}"
            )
        built = build(TopicNoise, {**asdict(SILENT), **settings}, f"{where}: {name}")
        noise.update(dict.fromkeys(TOPICS if name == ALL_TOPICS else (name,), built))
    return noise


def parse_noise_option(text: str) -> dict[str, dict[str, float]]:
    """Reads `TOPIC:loss=0.01,delay=0.1,...` into the form of a noise file.

    Raises:
        SimulatorError: The text has another form.
    """
    topic, _, settings = text.partition(":")
    try:
        pairs = [pair.split("=") for pair in settings.split(",")]
        return {topic: {name.strip(): float(value) for name, value in pairs}}
    except ValueError as error:
        raise SimulatorError(
            f"--noise {text}: expected TOPIC:NAME=VALUE,... e.g. shelf_events:loss=0.01"
        ) from error


def read_noise_file(path: Path) -> dict[str, Any]:
    """Reads a noise file.

    Raises:
        SimulatorError: The file is missing or not a JSON object.
    """
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise SimulatorError(f"{path}: no readable noise settings: {error}") from error
    if not isinstance(document, dict):
        raise SimulatorError(f"{path}: expected an object of topics")
    return document


@dataclass(slots=True)
class ChannelCounts:
    """Events of a topic since the start.

    Attributes:
        emitted: Made by devices.
        lost: Never arrive.
        duplicated: Arrive twice.
        delayed: Copies held up.
        sent: Entered the stream, copies included.
    """

    emitted: int = 0
    lost: int = 0
    duplicated: int = 0
    delayed: int = 0
    sent: int = 0


class Channel:
    """The way of one topic from the devices of a store to its stream.

    Args:
        seed: Seed of the world.
        store_id: Store.
        topic: Topic.
        noise: What may happen on the way.
        state: What `state` gave earlier; empty at the start.
    """

    __slots__ = (
        "_block",
        "_block_number",
        "_held",
        "_noise",
        "_ready",
        "_silent",
        "_stream",
        "counts",
    )

    def __init__(
        self, seed: int, store_id: str, topic: str, noise: TopicNoise, state: Mapping[str, Any]
    ) -> None:
        self._stream = (seed, Concern.NOISE, key_of(store_id), key_of(topic))
        self._noise = noise
        self._silent = noise == SILENT
        self._block: list[list[float]] = []
        self._block_number = -1
        self._ready: list[bytes] = []
        self._held = [
            (arrival, copy, text.encode()) for arrival, copy, text in state.get("held", ())
        ]
        self.counts = ChannelCounts(**state.get("counts", {}))

    def send(self, at_ms: int, payload: bytes) -> None:
        """Takes an event from a device.

        Args:
            at_ms: When it happened, ms.
            payload: Encoded event.
        """
        number = self.counts.emitted
        self.counts.emitted = number + 1
        if self._silent and not self._held:
            self._ready.append(payload)
        else:
            self._distort(number, at_ms, payload)

    def _distort(self, number: int, at_ms: int, payload: bytes) -> None:
        noise = self._noise
        draws = self._draws(number)
        if draws[0] < noise.loss:
            self.counts.lost += 1
            return
        duplicated = draws[1] < noise.duplication
        self.counts.duplicated += duplicated
        for copy in range(1 + duplicated):
            first = 2 + copy * _DRAWS_PER_COPY
            held_up, how_long, jitter = draws[first : first + _DRAWS_PER_COPY]
            late_s = jitter * noise.reorder_seconds
            if held_up < noise.delay:
                self.counts.delayed += 1
                late_s -= log1p(-how_long) * noise.delay_mean_seconds
            arrival = at_ms + int(late_s * SECOND_MS)
            heappush(self._held, (arrival, number * _COPIES + copy, payload))

    def _draws(self, number: int) -> list[float]:
        block, index = divmod(number, BLOCK_EVENTS)
        if block != self._block_number:
            seed, concern, *keys = self._stream
            rng = substream(seed, Concern(concern), *keys, block)
            self._block = rng.random((BLOCK_EVENTS, _DRAWS)).tolist()
            self._block_number = block
        return self._block[index]

    def release(self, until_ms: int) -> list[bytes]:
        """Events that enter the stream before an instant, in order of arrival."""
        ready, self._ready = self._ready, []
        while self._held and self._held[0][0] < until_ms:
            ready.append(heappop(self._held)[2])
        self.counts.sent += len(ready)
        return ready

    def state(self) -> dict[str, Any]:
        """What a later `Channel` needs to go on, as JSON."""
        held = [(arrival, copy, payload.decode()) for arrival, copy, payload in sorted(self._held)]
        return {"held": held, "counts": asdict(self.counts)}
