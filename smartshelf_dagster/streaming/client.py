"""Connections to the broker, and the clock that is in force on it.

Belongs here: opening a client with explicit timeouts, errors that say what to do, and reading
the simulated time. Does not belong here: starting a server (`services/`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import redis

from smartshelf_dagster.contracts.validation import parse_timestamp
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY

ClockMode = Literal["auto", "wall", "simulated"]
Client = redis.Redis


class BrokerUnavailableError(SmartShelfError, ConnectionError):
    """Redis cannot be reached; the message names the URL and the remedy."""


class StreamRewoundError(SmartShelfError, RuntimeError):
    """A stream ends before the offset that is already committed: it was deleted or flushed."""


class ClockMissingError(SmartShelfError, RuntimeError):
    """The simulated clock is asked for, and no simulator publishes it."""


def connect(url: str, timeout_s: float) -> Client:
    """Open a client and make sure that the server answers.

    Args:
        url: redis://host:port/db, rediss://… or unix://path.
        timeout_s: Socket timeout of every call, seconds.

    Raises:
        BrokerUnavailableError: No server answers at the URL.
    """
    client = Client.from_url(
        url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, decode_responses=False
    )
    # The drain takes entries as the server sends them: ids and flat lists of fields.
    client.set_response_callback("XRANGE", lambda reply, **_: reply)
    with broker_errors(url):
        client.ping()
    return client


def without_password(url: str) -> str:
    """Return a URL as it may be shown.

    >>> without_password("redis://shelf:secret@redis.example:6379/0")
    'redis://shelf:***@redis.example:6379/0'
    """
    return re.sub(r"^(\w+://[^/@]*:)[^@]+(@)", r"\1***\2", url)


@contextmanager
def broker_errors(url: str) -> Iterator[None]:
    """Turn connection errors into one that names the URL and the remedy."""
    try:
        yield
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BrokerUnavailableError(
            f"no answer from Redis at {without_password(url)}: {error}; start it, "
            "or set SMARTSHELF_REDIS_URL"
        ) from error


def last_generated_id(client: Client, stream: str) -> str | None:
    """Return the id of the last entry ever added to a stream, `None` if it does not exist."""
    try:
        info: dict[str, Any] = client.xinfo_stream(stream)
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return None
        raise
    last = info["last-generated-id"]
    return last.decode("ascii") if isinstance(last, bytes) else str(last)


class Clock:
    """The clock in force: wall time, or the time of the simulated world."""

    def __init__(self, client: Client | None, mode: ClockMode = "auto") -> None:
        """Create a clock.

        Args:
            client: Connection to read the simulated time from; not needed for wall time.
            mode: `auto` means simulated as soon as a simulator has published its time.
        """
        self._client = client
        self._mode = mode

    def simulated_now(self) -> datetime | None:
        """Return the simulated time, `None` when wall time is in force.

        Raises:
            ClockMissingError: Simulated time was demanded and nobody publishes it.
        """
        if self._mode == "wall" or self._client is None:
            return None
        value = self._client.get(SIM_NOW_KEY)
        if isinstance(value, bytes):
            return parse_timestamp(value.decode("ascii"))
        if self._mode == "simulated":
            raise ClockMissingError(
                f"Redis key {SIM_NOW_KEY} is missing, expected the simulated time; "
                "start the simulator or set SMARTSHELF_CLOCK=wall"
            )
        return None

    def now(self) -> datetime:
        """Return the time in force, UTC."""
        return self.simulated_now() or datetime.now(UTC)
