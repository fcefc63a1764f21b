"""Command line: `python -m simulator bootstrap | live | lockstep | history`."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import redis
import typer

from simulator import reference
from simulator.clock import clock_text, parse_instant
from simulator.errors import SimulatorError
from simulator.history import run_history
from simulator.live import run_live
from simulator.lockstep import Lockstep
from simulator.noise import TopicNoise, parse_noise, parse_noise_option, read_noise_file
from simulator.paths import PARAMETERS_FILE
from simulator.simulation import Simulation
from simulator.standing import Scope
from simulator.streams import Streams
from simulator.suppliers import parse_supplier_faults

USAGE_EXIT: Final = 2
DEFAULT_START: Final = "2026-01-01T07:00:00Z"

app = typer.Typer(
    help="Plays the physical world of a chain of supermarkets and speaks through Redis streams.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

RedisOption = Annotated[
    str, typer.Option("--redis", help="redis://host:port/db or unix://path.", metavar="URL")
]
StateDirOption = Annotated[
    Path, typer.Option(help="Folder with reference/ (see bootstrap); the ledger goes here.")
]
EventsPerEntryOption = Annotated[
    int,
    typer.Option(
        min=1, help="Events per stream entry: 1 fills field e, more fill field b as NDJSON."
    ),
]
NoiseOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Sensor noise, e.g. shelf_events:loss=0.01,duplication=0.02,delay=0.05,"
        "delay_mean_seconds=120,reorder_seconds=10; topic `all` for all. Repeatable.",
        metavar="TOPIC:NAME=VALUE,...",
    ),
]
NoiseFileOption = Annotated[
    Path | None, typer.Option(help="The same as JSON: {topic: {name: value}}.")
]


SupplierFaultsOption = Annotated[
    str | None,
    typer.Option(
        help="Chances that an order comes short, late or damaged; by default none does.",
        metavar="short=P,late=P,damaged=P",
    ),
]

StandingRulesOption = Annotated[
    Scope | None,
    typer.Option(
        help="Follow standing rules: `all`, instead of commands, as `history` does; or `floor`, "
        "all but the orders, and commands as well."
    ),
]


@app.command()
def bootstrap(
    out: Annotated[Path, typer.Option(help="Folder to write: <state-dir>/reference.")],
    stores: Annotated[int, typer.Option(min=1, help="Number of stores.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all draws.")] = 42,
    start: Annotated[str, typer.Option(help="First instant, RFC 3339.")] = DEFAULT_START,
    parameters: Annotated[Path, typer.Option(help="Business parameters.")] = PARAMETERS_FILE,
) -> None:
    """Generate the reference data of a new world."""
    world = reference.bootstrap(
        out,
        stores=stores,
        seed=seed,
        start_ms=parse_instant(start),
        parameters_file=parameters,
    )
    typer.echo(f"world {world.fingerprint}: {stores} stores from {world.start} in {out}")


@app.command()
def live(
    *,
    redis_url: RedisOption,
    state_dir: StateDirOption,
    speed: Annotated[float, typer.Option(help="Simulated seconds per real second.")],
    tick_seconds: Annotated[float, typer.Option(help="Real seconds between ticks.")] = 1.0,
    until: Annotated[str | None, typer.Option(help="Stop there, RFC 3339.")] = None,
    events_per_entry: EventsPerEntryOption = 1,
    noise: NoiseOption = None,
    noise_file: NoiseFileOption = None,
    supplier_faults: SupplierFaultsOption = None,
) -> None:
    """Run at a multiple of real time; goes on from the checkpoint in Redis."""
    if speed <= 0 or tick_seconds <= 0:
        raise SimulatorError("--speed and --tick-seconds must be above 0")
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    until_ms = None if until is None else parse_instant(until)
    distortion = _noise(noise or [], noise_file)
    faults = parse_supplier_faults(supplier_faults)
    with _simulation(redis_url, state_dir, events_per_entry, distortion, faults) as simulation:
        run_live(simulation, speed=speed, tick_seconds=tick_seconds, until_ms=until_ms)
        typer.echo(f"stopped at {clock_text(simulation.now_ms)}", err=True)


@app.command()
def lockstep(
    *,
    redis_url: RedisOption,
    state_dir: StateDirOption,
    events_per_entry: EventsPerEntryOption = 1,
    noise: NoiseOption = None,
    noise_file: NoiseFileOption = None,
    supplier_faults: SupplierFaultsOption = None,
    standing_rules: StandingRulesOption = None,
) -> None:
    """Advance on request: JSON lines on stdin and stdout; goes on from the checkpoint."""
    distortion = _noise(noise or [], noise_file)
    faults = parse_supplier_faults(supplier_faults)
    with _simulation(
        redis_url,
        state_dir,
        events_per_entry,
        distortion,
        faults,
        standing_rules=standing_rules,
    ) as simulation:
        Lockstep(simulation).serve(sys.stdin.buffer, sys.stdout.buffer)


@app.command()
def history(
    *,
    redis_url: RedisOption,
    state_dir: StateDirOption,
    to: Annotated[str, typer.Option(help="Stop there, RFC 3339.")],
    events_per_entry: EventsPerEntryOption = 1,
    noise: NoiseOption = None,
    noise_file: NoiseFileOption = None,
    supplier_faults: SupplierFaultsOption = None,
) -> None:
    """Play the past at once, by standing rules instead of commands; goes on from the checkpoint."""
    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stderr)
    to_ms = parse_instant(to)
    distortion = _noise(noise or [], noise_file)
    faults = parse_supplier_faults(supplier_faults)
    with _simulation(
        redis_url, state_dir, events_per_entry, distortion, faults, standing_rules=Scope.ALL
    ) as simulation:
        run_history(simulation, to_ms)
        typer.echo(f"stopped at {clock_text(simulation.now_ms)}", err=True)


@contextmanager
def _simulation(
    redis_url: str,
    state_dir: Path,
    events_per_entry: int,
    noise: dict[str, TopicNoise],
    supplier_faults: dict[str, float],
    *,
    standing_rules: Scope | None = None,
) -> Iterator[Simulation]:
    streams = Streams(redis_url, events_per_entry)
    try:
        yield Simulation(streams, state_dir, noise, supplier_faults, standing_rules=standing_rules)
    finally:
        streams.close()


def _noise(options: list[str], path: Path | None) -> dict[str, TopicNoise]:
    if options and path is not None:
        raise SimulatorError("give either --noise or --noise-file")
    if path is not None:
        return parse_noise(read_noise_file(path), str(path))
    document: dict[str, dict[str, float]] = {}
    for option in options:
        for topic, settings in parse_noise_option(option).items():
            document.setdefault(topic, {}).update(settings)
    return parse_noise(document, "--noise")


def main() -> None:
    """Runs the command line; errors end it with one line on stderr and exit code 2."""
    try:
        code = app(standalone_mode=False)
    except typer.TyperException as error:
        _fail(error.format_message())
    except (SimulatorError, redis.RedisError, OSError) as error:
        _fail(str(error))
    else:
        sys.exit(code)


def _fail(message: str) -> None:
    typer.echo("simulator: " + " ".join(message.split()), err=True)
    sys.exit(USAGE_EXIT)
