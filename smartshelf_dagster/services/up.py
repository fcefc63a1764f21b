"""`smartshelf up`: every process of the system, started, watched and stopped together.

Belongs here: which processes, in which order, on which ports; restarting what dies. Does not
belong here: what they do.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from smartshelf_dagster.domain.access import check_api_exposure, check_exposure, read_people
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.drain import ensure_raw_tables
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis, answers, socket_url
from smartshelf_dagster.services.simulator import bootstrap_world, live_command
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.transform.runner import exclusive_lock

# One simulated minute a second: shelves empty and fill while one watches.
DEFAULT_SPEED = 60.0
_READY_TIMEOUT_S = 120.0
_STOP_TIMEOUT_S = 20.0
_WATCH_INTERVAL_S = 1.0
_RESTART_DELAYS_S = (1.0, 2.0, 5.0, 15.0, 30.0)
# A log that is longer when its process starts becomes `<name>.log.1`.
_LOG_KEPT_BYTES = 10_000_000
# A process that ran this long has recovered; its next death is the first again.
_STABLE_AFTER_S = 60.0


class PortInUseError(SmartShelfError, OSError):
    """A port that a server needs is taken."""


class ReportAppError(SmartShelfError, ValueError):
    """The report app would let nobody in, as it is set up."""


class NotReadyError(SmartShelfError, RuntimeError):
    """A process did not come up; the message names its log."""


@dataclass(frozen=True)
class UpOptions:
    """What to run.

    Attributes:
        speed: Simulated seconds per real second.
        stores: Number of simulated stores of a new world, `None` for the world that is there.
        seed: Seed of a new world, `None` for the world that is there.
        simulator: Whether stores are simulated.
        port_base: First port: Dagster, then report app, then docs, then the API.
    """

    speed: float = DEFAULT_SPEED
    stores: int | None = None
    seed: int | None = None
    simulator: bool = True
    port_base: int = 3000


@dataclass
class _Child:
    """A process that is kept running.

    Attributes:
        name: Name of its log.
        command: Command line.
        url: Answers when it is ready, for a server.
        environment: What it gets beside the common environment.
        stop_signal: Asks it to end.
    """

    name: str
    command: list[str]
    url: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    retry_at: float | None = None


def _dagster_home(settings: Settings) -> Path:
    """Prepare the folder of the Dagster instance."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROJECT_ROOT / "smartshelf_dagster" / "dagster.yaml", home / "dagster.yaml")
    return home


def _children(settings: Settings, options: UpOptions, redis_url: str) -> list[_Child]:
    python, host, port = sys.executable, settings.bind_host, options.port_base
    common = {
        "SMARTSHELF_LAKE": settings.lake,
        "SMARTSHELF_STATE_DIR": str(settings.state_path),
        "SMARTSHELF_REDIS_URL": redis_url,
        "DAGSTER_HOME": str(settings.dagster_home),
        "SMARTSHELF_DAGSTER_STORAGE": str(settings.dagster_home / "storage"),
        "SMARTSHELF_DAGSTER_URL": f"http://{host}:{port}",
        "SMARTSHELF_DOCS_URL": f"http://{host}:{port + 2}",
    }
    children = [
        _Child(
            "dagster",
            [
                *(python, "-m", "dagster", "dev", "--workspace", "workspace.yaml"),
                *("--host", host, "--port", str(port), "--live-data-poll-rate", "5000"),
            ],
            url=f"http://{host}:{port}/server_info",
            stop_signal=signal.SIGINT,
        ),
        _Child(
            "report-app",
            [
                *(python, "-m", "streamlit", "run", "dashboard/app.py"),
                *("--server.address", host, "--server.port", str(port + 1)),
                *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
                *("--server.fileWatcherType", "none"),
            ],
            url=f"http://{host}:{port + 1}/_stcore/health",
        ),
        _Child(
            "docs",
            [python, "-m", "smartshelf_dagster.services.docs_site", host, str(port + 2)],
        ),
        _Child(
            "api",
            [python, "-m", "smartshelf_dagster.cli", "api", "--port", str(port + 3)],
            # Not its health: that is bad until something has been published.
            url=f"http://{host}:{port + 3}/openapi.json",
        ),
    ]
    if options.simulator:
        children.insert(0, _Child("simulator", live_command(settings, redis_url, options.speed)))
    for child in children:
        child.environment = common | child.environment
    return children


def _check_ports(settings: Settings, options: UpOptions) -> None:
    for offset, name in enumerate(("Dagster", "the report app", "the docs", "the API")):
        port = options.port_base + offset
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.bind_host, port))
            except OSError as error:
                raise PortInUseError(
                    f"port {port} for {name} is in use; choose others with --port-base"
                ) from error


def _check_people(settings: Settings) -> None:
    """Refuse a report app that is open to others, or that nobody could log in to."""
    check_exposure(settings.bind_host, settings.people)
    if settings.people is None:
        return
    read_people(settings.people)
    # Streamlit knows where its secrets are; it is asked as the app will be.
    asked = subprocess.run(
        [sys.executable, "-m", "dashboard.access"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"SMARTSHELF_PEOPLE": str(settings.people)},
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise ReportAppError(asked.stderr.strip().rpartition("\n")[2])


class Supervisor:
    """Keeps processes running until it is told to stop.

    A process that dies is started again, after a delay that grows while it keeps dying.
    """

    def __init__(self, log_dir: Path, say: Callable[[str], None]) -> None:
        """Create a supervisor without processes.

        Args:
            log_dir: One log file per process is written there.
            say: Tells the person in front of the terminal what happened.
        """
        self._log_dir = log_dir
        self._say = say
        self._children: list[_Child] = []
        self.stopping = threading.Event()

    def start(self, child: _Child) -> None:
        """Start a process and keep it running from now on."""
        self._launch(child)
        self._children.append(child)

    def log_path(self, child: _Child) -> Path:
        """Return where a process writes its log."""
        return self._log_dir / f"{child.name}.log"

    def _launch(self, child: _Child) -> None:
        self._log_dir.mkdir(parents=True, exist_ok=True)
        path = self.log_path(child)
        if path.exists() and path.stat().st_size > _LOG_KEPT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as log:
            child.process = subprocess.Popen(
                child.command,
                cwd=PROJECT_ROOT,
                env=os.environ | child.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        child.started = time.monotonic()
        child.retry_at = None

    def wait_ready(self) -> None:
        """Wait until every server answers.

        Raises:
            NotReadyError: One did not in time.
        """
        deadline = time.monotonic() + _READY_TIMEOUT_S
        for child in self._children:
            while child.url and not self.stopping.is_set() and not _answers_http(child.url):
                if time.monotonic() > deadline:
                    raise NotReadyError(f"{child.name} does not answer; see {self.log_path(child)}")
                self._revive()
                time.sleep(0.2)

    def watch(self) -> None:
        """Restart what dies, until told to stop."""
        while not self.stopping.wait(_WATCH_INTERVAL_S):
            self._revive()

    def _revive(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.retry_at is not None:
                if now >= child.retry_at:
                    self._launch(child)
                continue
            if child.process is None or child.process.poll() is None:
                continue
            child.deaths = 1 if now - child.started > _STABLE_AFTER_S else child.deaths + 1
            delay = _RESTART_DELAYS_S[min(child.deaths, len(_RESTART_DELAYS_S)) - 1]
            self._say(
                f"{child.name} ended with {child.process.returncode}; starting it again in "
                f"{delay:.0f} s, see {self.log_path(child)}"
            )
            child.retry_at = now + delay

    def stop(self) -> None:
        """End all processes, the last started first, with their own children."""
        for child in reversed(self._children):
            _signal(child, child.stop_signal)
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        for child in reversed(self._children):
            if child.process is None:
                continue
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(deadline - time.monotonic(), 0.1))
            # A killed parent may leave children in its session behind.
            _signal(child, signal.SIGKILL, session=True)
            child.process.wait()


def _signal(child: _Child, number: signal.Signals, *, session: bool = False) -> None:
    if child.process is None:
        return
    try:
        if session:
            os.killpg(child.process.pid, number)
        elif child.process.poll() is None:
            child.process.send_signal(number)
    except ProcessLookupError:
        return


def _answers_http(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own server
            return bool(answer.status < 400)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def _broker(settings: Settings, supervisor: Supervisor) -> Iterator[str]:
    """Give the URL of a broker; an own server is one of the watched processes."""
    folder = settings.state_path / "redis"
    if settings.redis_url:
        yield settings.redis_url
        return
    url = socket_url(folder)
    if not answers(url):
        folder.mkdir(parents=True, exist_ok=True)
        supervisor.start(_Child("redis", EmbeddedRedis(folder).command()))
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not answers(url):
            if time.monotonic() > deadline:
                raise NotReadyError(f"redis does not answer; see {settings.log_dir}/redis.log")
            time.sleep(0.02)
    yield url


def run_up(settings: Settings, options: UpOptions, say: Callable[[str], None]) -> int:
    """Run the system until a signal ends it.

    Args:
        settings: Which lake, which broker.
        options: What to run.
        say: Tells the person in front of the terminal what happens.

    Returns:
        Exit code.

    Raises:
        SmartShelfError: Something that is needed is missing.
    """
    _check_people(settings)
    check_api_exposure(settings.bind_host, has_tokens=settings.has_api_tokens)
    _check_ports(settings, options)
    supervisor = Supervisor(settings.log_dir, say)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: supervisor.stopping.set())
    with exclusive_lock(settings, "up"):
        try:
            with _broker(settings, supervisor) as url:
                connect(url, settings.redis_timeout_s)
                _run(settings, options, supervisor, url, say)
        finally:
            say("stopping …")
            supervisor.stop()
    return 0


def _run(
    settings: Settings,
    options: UpOptions,
    supervisor: Supervisor,
    url: str,
    say: Callable[[str], None],
) -> None:
    if options.simulator:
        fresh = bootstrap_world(settings, stores=options.stores, seed=options.seed)
        say("made a new world" if fresh else "resuming the world where it stood")
    ensure_reference_tables(settings)
    ensure_raw_tables(settings)
    _dagster_home(settings)
    for child in _children(settings, options, url):
        supervisor.start(child)
    supervisor.wait_ready()
    host, port = settings.bind_host, options.port_base
    say(
        f"\n  report app  http://{host}:{port + 1}\n"
        f"  Dagster     http://{host}:{port}\n"
        f"  dbt docs    http://{host}:{port + 2}\n"
        f"  API         http://{host}:{port + 3}/v1/tables\n"
        f"  lake        {settings.lake}\n"
        f"  logs        {settings.log_dir}\n\n"
        "Ctrl-C stops everything; the same command resumes."
    )
    supervisor.watch()
