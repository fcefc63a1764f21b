"""The simulator as a process: started, spoken to, stopped; never imported.

Belongs here: the command lines of `python -m simulator` and the lockstep conversation. The
physical world could as well be real; then nothing here is used.
"""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.drain import ensure_raw_tables
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.storage.reference import load_master_data, read_reference

# How many events the simulated gateway puts into an entry when nobody waits for them.
_EVENTS_PER_ENTRY = 100
_STOP_TIMEOUT_S = 30.0


class SimulatorError(SmartShelfError, RuntimeError):
    """The simulator failed; the message is its own."""


class WorldMismatchError(SmartShelfError, ValueError):
    """The lake holds another world than the one asked for."""


def state_dir(settings: Settings) -> Path:
    """Return the folder in which the simulator keeps its reference data and ledger."""
    return settings.state_path / "simulator"


def command(*arguments: str) -> list[str]:
    """Return the command line of the simulator."""
    return [sys.executable, "-m", "simulator", *arguments]


def instant_text(instant: datetime) -> str:
    """Return a UTC instant as the simulator reads it."""
    return instant.isoformat().replace("+00:00", "Z")


def bootstrap_world(
    settings: Settings,
    *,
    stores: int | None = None,
    seed: int | None = None,
    start: datetime | None = None,
) -> bool:
    """Create the world of an empty lake, and load its master data.

    Args:
        settings: Which lake.
        stores: Number of stores; by default as it is, one in a new world.
        seed: Seed of all random draws; by default as it is, 1 in a new world.
        start: First instant; by default as it is, the simulator's choice in a new world.

    Returns:
        Whether the lake was empty.

    Raises:
        WorldMismatchError: The lake holds a world with another seed, number of stores or start.
        SimulatorError: The simulator refused.
    """
    marker = state_dir(settings) / "world.json"
    if marker.exists():
        found = json.loads(marker.read_text("utf-8"))
        asked = {"stores": stores, "seed": seed, "from": start and instant_text(start)}
        found["from"] = instant_text(world_start(settings))
        for name, value in asked.items():
            if value is not None and value != found[name]:
                raise WorldMismatchError(
                    f"--{name} is {value}, but {settings.lake} holds a world with {found[name]}; "
                    "leave it out to go on with that one, or use another --lake"
                )
        return False
    stores, seed = stores or 1, 1 if seed is None else seed
    folder = state_dir(settings) / "reference"
    options = ["--out", str(folder), "--stores", str(stores), "--seed", str(seed)]
    if start:
        options += ["--start", instant_text(start)]
    result = subprocess.run(
        command("bootstrap", *options),
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise SimulatorError(result.stderr.strip() or "the simulator could not make a world")
    load_master_data(settings, folder)
    ensure_raw_tables(settings)
    marker.write_text(json.dumps({"stores": stores, "seed": seed}), "utf-8")
    return True


def live_command(settings: Settings, redis_url: str, speed: float) -> list[str]:
    """Return the command that runs the world at a multiple of real time."""
    return command(
        *("live", "--redis", redis_url, "--state-dir", str(state_dir(settings))),
        *("--speed", str(speed)),
    )


def world_start(settings: Settings) -> datetime:
    """Return when the stores of the lake were opened."""
    opened: list[datetime] = read_reference(settings, "stores")["opened_ts"].to_list()
    return min(opened)


def history_command(settings: Settings, redis_url: str, to: datetime, *options: str) -> list[str]:
    """Return the command that plays the past of the world at once, up to an instant."""
    return command(
        *("history", "--redis", redis_url, "--state-dir", str(state_dir(settings))),
        *("--to", instant_text(to), "--events-per-entry", str(_EVENTS_PER_ENTRY), *options),
    )


class LockstepSimulator:
    """A world that advances when told; use as a context manager."""

    def __init__(self, settings: Settings, redis_url: str, *options: str) -> None:
        """Describe the process.

        Args:
            settings: Which lake.
            redis_url: Broker it speaks through.
            options: More options of `python -m simulator lockstep`.
        """
        self._command = command(
            *("lockstep", "--redis", redis_url, "--state-dir", str(state_dir(settings))),
            *("--events-per-entry", str(_EVENTS_PER_ENTRY), *options),
        )
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if kind is None and self._process.poll() is None:
            self.ask("stop")
        else:
            self._process.kill()
        self._process.communicate(timeout=_STOP_TIMEOUT_S)

    def ask(self, operation: str, **arguments: object) -> dict[str, Any]:
        """Send a request and wait for the answer.

        Raises:
            SimulatorError: The simulator ended instead; the message is its own.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise SimulatorError("the simulator is not running")
        try:
            process.stdin.write(json.dumps({"op": operation, **arguments}) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            stderr = process.stderr.read() if process.stderr else ""
            raise SimulatorError(stderr.strip() or "the simulator ended without a word")
        result: dict[str, Any] = json.loads(answer)
        return result

    def advance(self, to: datetime) -> int:
        """Let the world run up to a time; returns the number of events it emitted."""
        answer = self.ask("advance", to=instant_text(to))
        return sum(answer["events"].values())
