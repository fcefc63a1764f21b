"""The analytics of a chain: 10 stores over 90 days, and a million real sales lines.

`python -m benchmarks.analytics` measures both, prints figures, and checks on the way that what it
measures is right: every dbt test of the models must pass, and what a summary says must be what the
lines say. Exit code 1 otherwise. `--lake PATH` keeps the lake of the stores, and takes it from
there another time; `python -m benchmarks.api --lake PATH` measures queries on it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import polars as pl

from benchmarks.common import Figure, describe_machine, scratch_lake, timed
from benchmarks.replay import FILE
from benchmarks.telling import add_options, tell
from smartshelf_dagster.contracts.tables import raw_tables
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.publish import read_publication
from smartshelf_dagster.pipeline.replay import replay_online_retail
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from smartshelf_dagster.transform.runner import ANALYTICS, CUSTOMERS, TICK, Transformer

STORES, BEGIN, END = 10, "2025-01-01", "2025-04-01"
REPETITIONS = 5
# They make tables, write down what dbt executes, and send what is due.
_FIRST_TURNS = 3
# The days of the data set twice, a whole number of weeks apart, so that no two receipts meet.
_SHIFT = timedelta(weeks=60)
_QUESTIONS = Path(__file__).with_name("questions.sql")


@dataclass(frozen=True)
class Question:
    """One question of the dashboard, asked of the lines and of a summary.

    Attributes:
        name: What is asked.
        kind: Class of question.
        of_lines: SQL over the lines.
        of_summary: SQL over what was added up beforehand; gives the same rows.
    """

    name: str
    kind: str
    of_lines: str
    of_summary: str


def read_questions() -> list[Question]:
    """Read the questions."""
    _, *parts = _QUESTIONS.read_text("utf-8").split("-- name: ")
    found = []
    for part in parts:
        name, kind, sql = part.split("\n", 2)
        of_lines, of_summary, _ = sql.split(";")
        found.append(Question(name, kind.removeprefix("-- class: "), of_lines, of_summary))
    return found


class WrongError(Exception):
    """What was measured is not right."""


def _command(*arguments: str) -> dict[str, Any]:
    """Run a command of `smartshelf`; returns what it prints as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "smartshelf_dagster.cli", *arguments, "--json"],
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def measure_questions(settings: Settings) -> list[Figure]:
    """Ask every question of the lines and of a summary, and compare answers and times.

    Args:
        settings: A lake with published analytics.

    Raises:
        WrongError: A summary says something else than the lines.
    """
    ratios: dict[str, list[float]] = {}
    figures = []
    with closing(duckdb.connect(str(settings.serving_path), read_only=True)) as serving:
        serving.execute(
            "set variable last_day = (select max(date_key) from analytics.daily_store_sales)"
        )

        def ask(sql: str) -> list[tuple[Any, ...]]:
            return sorted(serving.execute(sql).fetchall(), key=str)

        for question in read_questions():
            if ask(question.of_lines) != ask(question.of_summary):
                raise WrongError(f"{question.name}: lines and summary differ")
            lines, summary = (
                median(timed(partial(ask, sql)) for _ in range(REPETITIONS))
                for sql in (question.of_lines, question.of_summary)
            )
            ratios.setdefault(question.kind, []).append(lines / summary)
            method = f"{lines * 1e3:,.1f} ms of the lines, {summary * 1e3:,.1f} ms of a summary"
            figures.append(Figure(question.name, (lines / summary,), "times faster", method))
    for kind, values in ratios.items():
        figures.append(
            Figure(kind, (median(values),), "times faster", f"median of {len(values)} questions")
        )
    return figures


def check_identities(settings: Settings) -> Figure:
    """Run all dbt tests of state, decisions and analytics.

    Args:
        settings: A lake with published analytics.

    Raises:
        WrongError: A test failed.
    """
    publication = read_publication(settings)
    assert publication is not None  # noqa: S101 - the lake has been published above
    transformer = Transformer(settings)
    transformer.prepare(publication.as_of)
    select = f"{TICK} {ANALYTICS} {CUSTOMERS}"
    results = transformer.build(select, publication.as_of, command="test")
    failed = [result.unique_id for result in results if not result.ok]
    if failed:
        raise WrongError(f"dbt tests failed: {', '.join(failed)}")
    return Figure("dbt tests", (float(len(results)),), "passed", "state, decisions and analytics")


def measure_stores(lake: Path) -> list[Figure]:
    """Load the past of the stores, unless it is there, and analyse it.

    Args:
        lake: Folder of the lake.

    Raises:
        WrongError: An audit, a dbt test or a comparison failed.
    """
    settings = load_settings(lake=str(lake))
    figures = []
    days = (datetime.fromisoformat(END) - datetime.fromisoformat(BEGIN)).days
    of = f"{STORES} simulated stores, {days} days"
    if not settings.serving_path.exists():
        told = _command(
            *("history", "--stores", str(STORES), "--from", BEGIN, "--to", END),
            *("--seed", "1", "--lake", str(lake)),
        )
        method = f"{of}: {told['events']:,} events, played, drained, built and published"
        figures.append(Figure("chain: history", (told["wall_s"],), "s", method))
        figures.append(Figure("chain: history", (told["events_per_s"],), "events/s", "the same"))
        whole = _command("analyse", "--lake", str(lake))
        method = f"all {whole['tables']} tables of analytics, {whole['rows']:,} rows"
        figures.append(Figure("analytics, first time", (whole["wall_s"],), "s", method))
    again = _command("analyse", "--lake", str(lake))
    figures.append(Figure("analytics, nothing new", (again["wall_s"],), "s", "the same tables"))
    figures.append(_bytes_an_event(settings))
    audited = _command("audit", "--lake", str(lake))
    faults = {name: audited[name] for name in ("lost", "conservation_errors", "state_mismatches")}
    if any(faults.values()):
        raise WrongError(f"audit: {faults}")
    turn = measure_turns(settings)
    return [*figures, turn, check_identities(settings), *measure_questions(settings)]


def measure_turns(settings: Settings) -> Figure:
    """Let a process take turns a minute apart, with nothing new, on a lake with a long past."""
    publication = read_publication(settings)
    if publication is None:
        raise WrongError(f"{settings.lake}: nothing was published")
    now = publication.as_of
    seconds = []
    with tempfile.TemporaryDirectory() as folder, EmbeddedRedis(Path(folder)) as server:
        client = connect(server.url, 60)
        session = LakeSession(settings, client)
        with session.transformer.held():
            for _ in range(_FIRST_TURNS + REPETITIONS):
                now += timedelta(minutes=1)
                client.set(SIM_NOW_KEY, f"{now:%Y-%m-%dT%H:%M:%SZ}")
                began = os.times()
                session.turn()
                ended = os.times()
                seconds.append(ended.user + ended.system - began.user - began.system)
    method = "processor time of state, decisions and publication, in a process at work"
    return Figure("chain: a turn with nothing new", tuple(seconds[_FIRST_TURNS:]), "s", method)


def _bytes_an_event(settings: Settings) -> Figure:
    stats = [
        delta.read_stats(settings.table_uri(c.table), latest_of="event_ts")
        for c in raw_tables().values()
    ]
    rows, size = sum(s.rows for s in stats), sum(s.size_bytes for s in stats)
    return Figure("raw event", (size / rows,), "bytes", f"{rows:,} events in Delta, {size:,} bytes")


def measure_million() -> list[Figure]:
    """Build all tables from a million real lines: UCI Online Retail, twice."""
    if not FILE.exists():
        return []
    with scratch_lake(world=False) as (settings, url):
        path = settings.state_path / "twice.parquet"
        rows = pl.read_parquet(FILE)
        later = rows.with_columns(
            pl.col("InvoiceDate") + _SHIFT, InvoiceNo=_later(pl.col("InvoiceNo"))
        )
        pl.concat([rows, later]).write_parquet(path)
        session = LakeSession(settings, connect(url, 60))
        session.transformer.parse()
        sent = replay_online_retail(session, path)
        first, last = rows.select(first=pl.min("InvoiceDate"), last=pl.max("InvoiceDate")).row(0)
        recorded_s = (last - first + _SHIFT).total_seconds()
        settings.warehouse_path.unlink()
        built = _command("rebuild", "--lake", settings.lake)
        analysed = _command("analyse", "--lake", settings.lake)
    of = f"UCI Online Retail twice, {sent.rows:,} lines"
    wall_s = built["wall_s"] + analysed["wall_s"]
    return [
        Figure("million lines: replay", (sent.wall_s,), "s", f"{of}; file to publication"),
        Figure(
            "million lines: replay", (recorded_s / sent.wall_s,), "times as fast as recorded",
            "the same",
        ),
        Figure(
            "raw to all marts", (wall_s,), "s",
            f"{of}; `rebuild` ({built['wall_s']:.1f} s) and `analyse` ({analysed['wall_s']:.1f} s)",
        ),
        Figure("raw to all marts", (sent.rows / wall_s,), "lines/s", "the same"),
    ]  # fmt: skip


def _later(receipt: pl.Expr) -> pl.Expr:
    """Return other numbers for receipts; cancellations keep their letter."""
    return receipt.str.replace(r"(\d+)$", "9${1}")


def run(lake: Path | None = None) -> list[Figure]:
    """Measure everything once: it takes a quarter of an hour.

    Args:
        lake: Where the lake of the stores is kept; a scratch folder by default.
    """
    with tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as folder:
        stores = measure_stores(lake or Path(folder) / "lake")
    return [*measure_million(), *stores]


def main(arguments: list[str]) -> int:
    """Measure, and say what is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.analytics", description="Measure the analytics of a chain."
    )
    parser.add_argument("--lake", type=Path, help="keep the lake of the stores here")
    add_options(parser)
    options = parser.parse_args(arguments)
    try:
        figures = run(options.lake)
    except WrongError as error:
        print(error, file=sys.stderr)
        return 1
    tell(figures, describe_machine(), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
