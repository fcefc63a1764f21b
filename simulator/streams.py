"""Redis: the only door between the world and the outside.

A tick of a store is one MULTI/EXEC: its events, its checkpoint, the commands it took on and, for
the last store, the clock. Whatever dies whenever, either all of it is there or nothing, and a
restart goes on from the checkpoint.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from simulator import checkpoint
from simulator.clock import clock_text, to_datetime
from simulator.errors import SimulatorError
from simulator.events import TOPICS

NOW_KEY: Final = "sim:now"
TODAY_KEY: Final = "sim:today"
EVENT_FIELD: Final = b"e"
BATCH_FIELD: Final = b"b"
SOCKET_TIMEOUT_S: Final = 30.0
COMMANDS_PER_READ: Final = 1000


def state_key(store_id: str) -> str:
    """Key of a store's checkpoint."""
    return f"sim:state:{store_id}"


def done_key(store_id: str) -> str:
    """Key of the set of command ids a store has taken on."""
    return f"sim:done:{store_id}"


def command_stream(store_id: str) -> str:
    """Stream a store reads commands from."""
    return f"commands:{store_id}"


def event_stream(topic: str, store_id: str) -> str:
    """Stream of a store's events of a topic."""
    return f"{topic}:{store_id}"


class Streams:
    """Connection to Redis, with what the simulator does there.

    Args:
        url: redis://host:port/db or unix://path.
        events_per_entry: Events in one stream entry.

    Raises:
        SimulatorError: There is no Redis at the URL.
    """

    def __init__(self, url: str, events_per_entry: int) -> None:
        self._events_per_entry = events_per_entry
        try:
            # A transaction whose answer got lost may have been done: never send it again.
            self._redis = redis.Redis.from_url(
                url,
                socket_timeout=SOCKET_TIMEOUT_S,
                socket_connect_timeout=SOCKET_TIMEOUT_S,
                retry=Retry(NoBackoff(), 0),
            )
            self._redis.ping()
        except (redis.RedisError, ValueError, OSError) as error:
            raise SimulatorError(f"no Redis at {url}: {error}") from error

    def close(self) -> None:
        """Ends the connection."""
        self._redis.close()

    def load(self, store_id: str) -> bytes | None:
        """Checkpoint of a store, if there is one.

        Raises:
            SimulatorError: A stream of the store has a key of another type in its place, which
                would fail inside a transaction instead of ending it.
        """
        for topic in TOPICS:
            key = event_stream(topic, store_id)
            if (kind := self._redis.type(key)) not in (b"none", b"stream"):
                raise SimulatorError(f"Redis key {key} is a {kind!r}, expected a stream")
        value: Any = self._redis.get(state_key(store_id))
        return value if value is None else bytes(value)

    def commands(self, store_id: str, cursor: str) -> tuple[list[bytes], str]:
        """Commands after a cursor.

        Args:
            store_id: Store.
            cursor: Id of the last entry read.

        Returns:
            Encoded commands in stream order, and the new cursor.
        """
        payloads: list[bytes] = []
        while True:
            entries: Any = self._redis.xrange(
                command_stream(store_id), min=f"({cursor}", count=COMMANDS_PER_READ
            )
            for entry_id, fields in entries:
                cursor = entry_id.decode()
                payloads += _payloads(fields)
            if len(entries) < COMMANDS_PER_READ:
                return payloads, cursor

    def done(self, store_id: str, command_ids: Sequence[str]) -> set[str]:
        """Which of some commands the store has taken on already."""
        known: Any = self._redis.smismember(done_key(store_id), list(command_ids))
        return {name for name, is_known in zip(command_ids, known, strict=True) if is_known}

    def commit(
        self,
        store_id: str,
        *,
        revision: int,
        state: Mapping[str, Any],
        events: Mapping[str, Sequence[bytes]],
        command_ids: Iterable[str],
        now_ms: int | None,
        commands: Sequence[bytes] = (),
    ) -> None:
        """Makes a tick of a store real, all at once.

        Args:
            store_id: Store.
            revision: Revision of the checkpoint to write; the one before must be there.
            state: Checkpoint.
            events: Encoded events by topic.
            command_ids: Commands taken on.
            now_ms: Clock of the chain to show, ms; None leaves it.
            commands: Encoded commands that the store gave itself.

        Raises:
            SimulatorError: Somebody else wrote the checkpoint.
        """
        key = state_key(store_id)
        value = checkpoint.encode(revision, state)
        with self._redis.pipeline(transaction=True) as transaction:
            transaction.watch(key)  # type: ignore[no-untyped-call]
            header: Any = transaction.getrange(key, 0, checkpoint.HEADER_BYTES - 1)
            if checkpoint.revision_of(header) != revision - 1:
                raise SimulatorError(f"another simulator writes {key}; stop it first")
            transaction.multi()
            for topic, payloads in events.items():
                stream = event_stream(topic, store_id)
                for field, payload in self._entries(payloads):
                    transaction.xadd(stream, {field: payload})
            for field, payload in self._entries(commands):
                transaction.xadd(command_stream(store_id), {field: payload})
            transaction.set(key, value)
            if ids := list(command_ids):
                transaction.sadd(done_key(store_id), *ids)
            if now_ms is not None:
                transaction.set(NOW_KEY, clock_text(now_ms))
                transaction.set(TODAY_KEY, to_datetime(now_ms).date().isoformat())
            try:
                transaction.execute()
            except redis.WatchError as error:
                raise SimulatorError(f"another simulator writes {key}; stop it first") from error

    def _entries(self, payloads: Sequence[bytes]) -> Iterable[tuple[bytes, bytes]]:
        size = self._events_per_entry
        if size == 1:
            return ((EVENT_FIELD, payload) for payload in payloads)
        return (
            (BATCH_FIELD, b"\n".join(payloads[first : first + size]))
            for first in range(0, len(payloads), size)
        )


def _payloads(fields: Mapping[bytes, bytes]) -> list[bytes]:
    """Commands in a stream entry; an entry without any counts as one that cannot be read."""
    if EVENT_FIELD in fields:
        return [fields[EVENT_FIELD]]
    return [line for line in fields.get(BATCH_FIELD, b"").split(b"\n") if line] or [b""]
