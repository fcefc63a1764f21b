"""Keeping processes running; ports that are taken; a broker of one's own."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from smartshelf_dagster.domain.access import ExposedError, PeopleFileError
from smartshelf_dagster.services import up
from smartshelf_dagster.services.embedded_redis import (
    EmbeddedRedis,
    EmbeddedRedisError,
    answers,
    broker,
    socket_path,
    socket_url,
)
from smartshelf_dagster.services.up import (
    NotReadyError,
    PortInUseError,
    ReportAppError,
    Supervisor,
    UpOptions,
    run_up,
)
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.transform.runner import WarehouseBusyError
from tests.helpers.ports import free_ports


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def sleeper(name: str = "sleeper", url: str | None = None) -> up._Child:
    """A process that notes each of its lives in its log, and has a child of its own."""
    program = (
        "import os, subprocess, sys, time; print(os.getpid(), flush=True); "
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
    )
    return up._Child(name, [sys.executable, "-c", program], url=url)


def lives(supervisor: Supervisor, child: up._Child) -> list[int]:
    return [int(pid) for pid in supervisor.log_path(child).read_text().split()]


def test_supervisor_starts_what_dies_again_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "_RESTART_DELAYS_S", (0.05,))
    monkeypatch.setattr(up, "_WATCH_INTERVAL_S", 0.02)
    said: list[str] = []
    supervisor, child = Supervisor(tmp_path, said.append), sleeper()
    supervisor.start(child)
    watcher = threading.Thread(target=supervisor.watch)
    watcher.start()
    try:
        for number in (1, 2):
            wait_until(lambda n=number: len(lives(supervisor, child)) == n)
            os.kill(lives(supervisor, child)[-1], signal.SIGKILL)
        wait_until(lambda: len(lives(supervisor, child)) == 3)
    finally:
        supervisor.stopping.set()
        watcher.join()
        supervisor.stop()
    assert len(said) == 2
    assert "sleeper ended with -9" in said[0]
    assert str(supervisor.log_path(child)) in said[0]


def test_supervisor_sets_a_long_log_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_LOG_KEPT_BYTES", 10)
    (tmp_path / "sleeper.log").write_text("x" * 11)
    supervisor, child = Supervisor(tmp_path, print), sleeper()
    supervisor.start(child)
    supervisor.stop()
    assert (tmp_path / "sleeper.log.1").read_text() == "x" * 11
    assert "x" not in (tmp_path / "sleeper.log").read_text()


def test_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    supervisor, child = Supervisor(tmp_path, print), sleeper()
    supervisor.start(child)
    wait_until(lambda: supervisor.log_path(child).read_text() != "")
    group = lives(supervisor, child)[0]
    supervisor.stop()

    def is_gone() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        return False

    wait_until(is_gone)
    assert is_gone()


def test_supervisor_names_the_log_of_a_server_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "_READY_TIMEOUT_S", 0.5)
    supervisor = Supervisor(tmp_path, print)
    supervisor.start(sleeper("mute", url="http://127.0.0.1:1/"))
    try:
        with pytest.raises(NotReadyError, match=r"mute does not answer; see .*mute\.log"):
            supervisor.wait_ready()
    finally:
        supervisor.stop()


def test_up_names_the_port_that_is_taken(tmp_path: Path) -> None:
    port = free_ports(4) + 1
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        settings = load_settings(lake=str(tmp_path / "lake"))
        with pytest.raises(PortInUseError, match=rf"port {port} for the report app .*--port-base"):
            run_up(settings, UpOptions(port_base=port - 1), print)
    assert not (tmp_path / "lake").exists()


def test_up_does_not_show_everything_to_other_machines(tmp_path: Path) -> None:
    settings = load_settings(lake=str(tmp_path / "lake"), bind_host="192.0.2.1")
    with pytest.raises(ExposedError, match=r"SMARTSHELF_BIND_HOST=192\.0\.2\.1: expected 127"):
        run_up(settings, UpOptions(), print)
    people = tmp_path / "people.json"
    settings = load_settings(lake=str(tmp_path / "lake"), bind_host="192.0.2.1", people=people)
    with pytest.raises(PeopleFileError, match=r"people\.json: .*No such file"):
        run_up(settings, UpOptions(), print)
    people.write_text('{"contact": "the office"}')
    with pytest.raises(ReportAppError, match=r"expected a section \[auth\]"):
        run_up(settings, UpOptions(), print)
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize(
    "tokens", [{}, {"api_token": "a" * 16}, {"api_tokens": "tokens.json"}], ids=str
)
def test_up_does_not_answer_everything_beside_a_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tokens: dict[str, str]
) -> None:
    people = tmp_path / "people.json"
    people.write_text('{"contact": "the office"}')
    # There is a login, as far as the app is asked.
    login = [sys.executable, "-c", ""]
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda _, **more: run(login, **more))
    settings = load_settings(
        lake=str(tmp_path / "lake"), bind_host="192.0.2.1", people=people, **tokens
    )
    # The machine has no such address: with tokens the ports are what is asked next.
    refused = PortInUseError if tokens else ExposedError
    said = (
        "port 3000 for Dagster"
        if tokens
        else r"192\.0\.2\.1: expected .*HTTP API asks for no token"
    )
    with pytest.raises(refused, match=said):
        run_up(settings, UpOptions(), print)
    assert not (tmp_path / "lake").exists()


def test_broker_is_the_configured_one_the_running_one_or_an_own_one(
    broker_url: str, tmp_path: Path
) -> None:
    lake = str(tmp_path / "lake")
    with broker(load_settings(lake=lake, redis_url=broker_url)) as url:
        assert url == broker_url
    settings = load_settings(lake=lake)
    with broker(settings) as own:
        assert own == socket_url(settings.state_path / "redis")
        with broker(settings) as second:
            assert second == own
        assert answers(own)
    assert not answers(own)


@pytest.fixture
def broker_url(broker: EmbeddedRedis) -> str:
    """URL of the server of the session."""
    return broker.url


def test_embedded_redis_keeps_every_confirmed_entry_over_a_kill(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path / "redis")
    try:
        client = connect(server.start().url, 10)
        ids = [client.xadd("s", {"e": str(n)}) for n in range(500)]
        # With "everysec" it answers before it writes, while the disk is slow.
        assert client.config_get("appendfsync") == {"appendfsync": "always"}
        server.kill()
        client = connect(server.start().url, 10)
        assert [entry for entry, _ in client.xrange("s")] == ids
    finally:
        server.stop()


def test_embedded_redis_shows_its_log_when_it_does_not_start(tmp_path: Path) -> None:
    folder = tmp_path / "redis"
    (folder / "appendonlydir").mkdir(parents=True)
    (folder / "appendonlydir" / "appendonly.aof.manifest").write_text("file nonsense\n")
    with pytest.raises(EmbeddedRedisError, match=r"(?s)did not start; end of .*redis\.log.*AOF"):
        EmbeddedRedis(folder).start()


def test_embedded_redis_socket_fits_the_kernel_in_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    assert len(str(socket_path(deep))) < 108
    assert socket_path(deep) != socket_path(tmp_path / ("y" * 120))
    with EmbeddedRedis(deep) as server:
        assert answers(server.url)


def test_up_second_one_on_the_same_lake_is_refused(settings: Settings) -> None:
    program = (
        "import sys\nfrom smartshelf_dagster.settings import load_settings\n"
        "from smartshelf_dagster.transform.runner import exclusive_lock\n"
        "with exclusive_lock(load_settings(lake=sys.argv[1]), 'up'):\n"
        "    print('locked', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, settings.lake],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with pytest.raises(WarehouseBusyError, match=r"up\.lock"):
            run_up(settings, UpOptions(port_base=free_ports(4)), print)
        other.communicate()
