"""The command line: thin, and a public contract.

Belongs here: arguments, progress, exit codes and JSON. Does not belong here: doing the work.

Exit codes: 0 ok, 1 a check failed, 2 bad usage or environment, with one clear line on stderr.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import load_settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keeps every shelf full and throws nothing away.",
)
replay_app = typer.Typer(no_args_is_help=True, help="Send recorded events through the streams.")
app.add_typer(replay_app, name="replay")

_CHECK_FAILED = 1
_BAD_USAGE = 2
_UNITS = {"m": 1, "h": 60, "d": 1440}

LakeOption = Annotated[
    str | None, typer.Option("--lake", metavar="PATH", help="Lake; default SMARTSHELF_LAKE.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")
]
StoresOption = Annotated[
    int | None, typer.Option(min=1, max=100, help="Stores of a new world; default 1.")
]
SeedOption = Annotated[int | None, typer.Option(min=0, help="Seed of a new world; default 1.")]


@contextmanager
def _errors() -> Iterator[None]:
    """Show an error that is meant for people as one line; leave bugs their trace."""
    try:
        yield
    except SmartShelfError as error:
        line = " ".join(str(error).split())
        typer.echo(f"smartshelf: {line}", err=True)
        raise typer.Exit(_BAD_USAGE) from error


def _show(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(orjson.dumps(dict(figures)).decode())
        return
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        typer.echo(f"{name:<{width}}  {value}")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _parse_tick(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if unit not in _UNITS or not number.isdigit() or not int(number):
        raise typer.BadParameter(
            f"{text!r}, expected a number and m, h or d, such as 60m", param_hint="--tick"
        )
    return timedelta(minutes=int(number) * _UNITS[unit])


def _parse_time(text: str | None) -> datetime | None:
    from smartshelf_dagster.contracts.validation import parse_timestamp  # noqa: PLC0415

    try:
        return parse_timestamp(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}") from error


def _parse_date(text: str, option: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}, expected a date such as 2025-01-01", param_hint=option
        ) from error


@app.command()
def up(
    speed: Annotated[
        float | None, typer.Option(min=0.1, max=3600, help="Simulated seconds per real second.")
    ] = None,
    stores: StoresOption = None,
    seed: SeedOption = None,
    simulator: Annotated[
        bool, typer.Option(help="Simulate the stores, or leave the streams to real ones.")
    ] = True,
    port_base: Annotated[
        int,
        typer.Option(min=1024, max=65000, help="Dagster, report app, docs and API from here on."),
    ] = 3000,
    lake: LakeOption = None,
) -> None:
    """Run all: broker, stores, Dagster, report app, docs, API. Ctrl-C stops it; again resumes."""
    from smartshelf_dagster.services.up import DEFAULT_SPEED, UpOptions, run_up  # noqa: PLC0415

    with _errors():
        options = UpOptions(
            speed=speed or DEFAULT_SPEED,
            stores=stores,
            seed=seed,
            simulator=simulator,
            port_base=port_base,
        )
        raise typer.Exit(run_up(load_settings(lake=lake), options, typer.echo))


@app.command()
def run(
    days: Annotated[float, typer.Option(min=0.01, max=3660, help="Simulated days to run.")],
    stores: StoresOption = None,
    seed: SeedOption = None,
    tick: Annotated[
        str, typer.Option(metavar="SPAN", help="Simulated time between two turns.")
    ] = "60m",
    lake: LakeOption = None,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Ordering policy: order-up-to, rule or forecast; default SMARTSHELF_ORDER_POLICY."
        ),
    ] = None,
    publish: Annotated[
        Literal["daily", "end"],
        typer.Option(help="Publish at the end of each simulated day, or of the run only."),
    ] = "daily",
    as_json: JsonOption = False,
) -> None:
    """Run the same loop in lockstep, without waiting for a clock."""
    from smartshelf_dagster.domain.ordering import policy_named  # noqa: PLC0415
    from smartshelf_dagster.pipeline.micro_batch import LakeSession  # noqa: PLC0415
    from smartshelf_dagster.services.embedded_redis import broker  # noqa: PLC0415
    from smartshelf_dagster.services.lockstep import run_lockstep  # noqa: PLC0415
    from smartshelf_dagster.services.simulator import (  # noqa: PLC0415
        LockstepSimulator,
        bootstrap_world,
    )
    from smartshelf_dagster.streaming.client import connect  # noqa: PLC0415
    from smartshelf_dagster.transform.runner import warehouse_lock  # noqa: PLC0415

    span = _parse_tick(tick)
    with _errors():
        settings = load_settings(lake=lake, order_policy=policy)
        policy_named(settings.order_policy, settings.order_parameters)
        with warehouse_lock(settings), broker(settings) as url, _progress() as progress:
            bootstrap_world(settings, stores=stores, seed=seed)
            session = LakeSession(settings, connect(url, settings.redis_timeout_s))
            task = progress.add_task("simulating", total=days * 24)
            hours = span.total_seconds() / 3600
            with LockstepSimulator(settings, url) as simulator:
                report = run_lockstep(
                    session,
                    simulator,
                    days=days,
                    tick=span,
                    publish_daily=publish == "daily",
                    on_tick=lambda now, _: progress.update(
                        task, advance=hours, description=f"{now:%Y-%m-%d %H:%M}"
                    ),
                )
        _show(report.to_json(), as_json=as_json)
        _fail_unless(report.audit.clean, report.audit.details)


@app.command()
def history(
    begin: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day of the world.")
    ] = "2025-01-01",
    end: Annotated[
        str, typer.Option("--to", metavar="DATE", help="Day on which the system takes over.")
    ] = "2026-01-01",
    stores: StoresOption = None,
    seed: SeedOption = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load the past of simulated stores into a new lake; `up` and `run` go on from its end."""
    from smartshelf_dagster.pipeline.micro_batch import LakeSession  # noqa: PLC0415
    from smartshelf_dagster.services.embedded_redis import broker  # noqa: PLC0415
    from smartshelf_dagster.services.history import load_history  # noqa: PLC0415
    from smartshelf_dagster.services.simulator import bootstrap_world  # noqa: PLC0415
    from smartshelf_dagster.streaming.client import connect  # noqa: PLC0415
    from smartshelf_dagster.transform.runner import warehouse_lock  # noqa: PLC0415

    start, stop = _parse_date(begin, "--from"), _parse_date(end, "--to")
    if stop <= start:
        raise typer.BadParameter(f"{end}, expected a day after {begin}", param_hint="--to")
    with _errors():
        settings = load_settings(lake=lake)
        with warehouse_lock(settings), broker(settings) as url, _progress() as progress:
            bootstrap_world(settings, stores=stores, seed=seed, start=start)
            session = LakeSession(settings, connect(url, settings.redis_timeout_s))
            task = progress.add_task("playing", total=(stop - start).total_seconds())
            report = load_history(
                session,
                url,
                stop,
                on_progress=lambda now: progress.update(
                    task, completed=(now - start).total_seconds(), description=f"{now:%Y-%m-%d}"
                ),
            )
        _show(report.to_json(), as_json=as_json)


@replay_app.command("online-retail")
def replay_online_retail(
    file: Annotated[Path, typer.Argument(help="UCI Online Retail as CSV, CSV.xz or Parquet.")],
    lake: LakeOption = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="Recorded seconds per real second; default: at once."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send UCI Online Retail through Redis, the drain and dbt as sales of store UCI-ONLINE."""
    from smartshelf_dagster.pipeline import replay  # noqa: PLC0415
    from smartshelf_dagster.pipeline.micro_batch import LakeSession  # noqa: PLC0415
    from smartshelf_dagster.services.embedded_redis import broker  # noqa: PLC0415
    from smartshelf_dagster.streaming.client import connect  # noqa: PLC0415

    with _errors():
        settings = load_settings(lake=lake)
        with broker(settings) as url, _progress() as progress:
            session = LakeSession(settings, connect(url, settings.redis_timeout_s))
            task = progress.add_task("replaying", total=None)
            report = replay.replay_online_retail(
                session,
                file,
                speed=speed,
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        _show(report.to_json(), as_json=as_json)


@app.command()
def generate(
    begin: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day, of a month.")
    ] = "2024-01-01",
    months: Annotated[int, typer.Option(min=1, max=120, help="Length.")] = 24,
    stores: Annotated[int, typer.Option(min=1, max=99, help="Number of stores.")] = 3,
    items: Annotated[int, typer.Option(min=1, max=9_999, help="Number of items.")] = 60,
    seed: Annotated[int, typer.Option(min=0, help="Another one gives other stores.")] = 42,
    rate: Annotated[
        float, typer.Option(min=0.001, help="Events of a store in an ordinary hour.")
    ] = 1.5,
    sensors: Annotated[
        int, typer.Option(min=0, help="How many of the stores tell of their stock too.")
    ] = 0,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a made-up past of tills whose laws are known, for trying out and testing analytics."""
    from smartshelf_dagster.domain.sales_history import Recipe  # noqa: PLC0415
    from smartshelf_dagster.pipeline.generate import generate_history  # noqa: PLC0415
    from smartshelf_dagster.pipeline.micro_batch import LakeSession  # noqa: PLC0415
    from smartshelf_dagster.services.embedded_redis import broker  # noqa: PLC0415
    from smartshelf_dagster.streaming.client import connect  # noqa: PLC0415

    start = _parse_date(begin, "--from")
    with _errors():
        recipe = Recipe(
            begin=start, months=months, stores=stores, items=items, seed=seed, rate=rate,
            sensors=sensors,
        )  # fmt: skip
        settings = load_settings(lake=lake)
        with broker(settings) as url, _progress() as progress:
            session = LakeSession(settings, connect(url, settings.redis_timeout_s))
            task = progress.add_task("sending", total=None)
            report = generate_history(
                session,
                recipe,
                on_progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        _show(report.to_json(), as_json=as_json)


@app.command()
def audit(
    lake: LakeOption = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="TS", help="Audit the stock ledger at this time too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute offsets, counts and stock from raw alone, and compare with what is published."""
    from smartshelf_dagster.pipeline import audit as audits  # noqa: PLC0415

    moment = _parse_time(as_of)
    with _errors():
        report = audits.audit(load_settings(lake=lake), moment)
        _show(report.to_json(), as_json=as_json)
        _fail_unless(report.clean, report.details)


@app.command()
def analyse(
    lake: LakeOption = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TS", help="Build for this time; default the last publication's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring dimensions, facts and summaries of a lake up to date, and publish them."""
    from smartshelf_dagster.pipeline import analyse as analyses  # noqa: PLC0415

    moment = _parse_time(as_of)
    with _errors():
        report = analyses.analyse(load_settings(lake=lake), moment)
        _show(report.to_json(), as_json=as_json)


@app.command()
def report(
    day: Annotated[
        str | None,
        typer.Option(
            "--date", metavar="DATE", help="A day in it; default: the newest that is over."
        ),
    ] = None,
    kind: Annotated[
        Literal["daily", "weekly", "monthly", "due"],
        typer.Option("--type", help="Of a day, week or month; due: what the morning brings."),
    ] = "daily",
    store: Annotated[
        str | None, typer.Option(metavar="ID", help="One store, or ALL; default: each and all.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", file_okay=False, help="Write pages here, keep nothing."),
    ] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write business reports of what was published, as pages and into ops/business_reports."""
    from smartshelf_dagster.pipeline import business_reports  # noqa: PLC0415
    from smartshelf_dagster.reports.periods import ReportType  # noqa: PLC0415
    from smartshelf_dagster.transform.runner import warehouse_lock  # noqa: PLC0415

    moment = _parse_date(day, "--date").date() if day else None
    if kind == "due" and (day or store or out):
        raise typer.BadParameter(
            "due, expected without --date, --store, --out", param_hint="--type"
        )
    with _errors():
        settings = load_settings(lake=lake)
        with warehouse_lock(settings, wait=True):
            if kind == "due":
                written = business_reports.write_due_reports(settings)
            else:
                written = business_reports.write_reports(
                    settings, ReportType[kind.upper()], day=moment, store_id=store, out=out
                )
        if as_json:
            _show({"reports": [item.to_json() for item in written]}, as_json=True)
            return
        for item in written:
            typer.echo(item.path)


@app.command()
def quality(
    lake: LakeOption = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="TS", help="Check this time; default the last publication's."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check freshness, completeness and consistency of a lake; write down and publish it."""
    from smartshelf_dagster.pipeline import quality as qualities  # noqa: PLC0415

    moment = _parse_time(as_of)
    with _errors():
        report = qualities.check_lake(load_settings(lake=lake), moment)
        _show(report.to_json() if as_json else report.to_text(), as_json=as_json)
        _fail_unless(not report.failures, report.failures)


@app.command()
def rebuild(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Drop and rebuild everything derived from raw; report differences with what was there."""
    from smartshelf_dagster.pipeline import rebuild as rebuilds  # noqa: PLC0415

    with _errors():
        report = rebuilds.rebuild(load_settings(lake=lake))
        _show(report.to_json(), as_json=as_json)
        found = [f"{table}: {rows} rows differ" for table, rows in report.by_table.items()]
        _fail_unless(not report.differences, found)


@app.command()
def archive(
    older_than: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=1, help="Days that stay; default SMARTSHELF_RETENTION_DAYS, or 90."
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move old days of raw events to the archive; delete old forecasts."""
    from smartshelf_dagster.pipeline import retention  # noqa: PLC0415

    with _errors():
        report = retention.archive_lake(
            load_settings(lake=lake), older_than=older_than, dry_run=dry_run
        )
        _show(report.to_json(), as_json=as_json)


@app.command()
def restore(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Such as raw/shelf_events.")],
    day: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2026-01-01.")],
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a day of a table back from the archive; it stays for at least a week."""
    from smartshelf_dagster.pipeline import retention  # noqa: PLC0415

    date = _parse_date(day.rpartition("=")[2], "DAY").date()
    with _errors():
        report = retention.restore_day(load_settings(lake=lake), table, date)
        _show(report.to_json(), as_json=as_json)


@app.command()
def backtest(
    dataset: Annotated[
        str,
        typer.Argument(help="simulated (of a lake), freshretail, online-retail, or tidy."),
    ],
    file: Annotated[
        Path | None, typer.Argument(help="Its Parquet or CSV; none for simulated.")
    ] = None,
    origins: Annotated[int, typer.Option(min=8, max=200, help="Cutoffs that are judged.")] = 12,
    horizon: Annotated[
        int, typer.Option(min=1, max=30, help="Days ahead that single days are forecast for.")
    ] = 7,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write table, charts and figures here.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of sampling and bootstrap.")] = 1,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forecast the past as if it were the future; is the champion better than simple rules?"""
    from smartshelf_dagster.forecasting.backtest import Protocol  # noqa: PLC0415
    from smartshelf_dagster.forecasting.model import ModelSettings  # noqa: PLC0415
    from smartshelf_dagster.forecasting.report import to_json, to_markdown  # noqa: PLC0415
    from smartshelf_dagster.pipeline import backtest as backtests  # noqa: PLC0415

    with _errors():
        protocol = Protocol(
            origins=origins, horizon=horizon, seed=seed, model=ModelSettings(seed=seed)
        )
        with _progress() as progress:
            task = progress.add_task("reading", total=None)

            def show(done: int, total: int, what: str) -> None:
                progress.update(task, completed=done, total=total, description=what)

            if dataset == backtests.SIMULATED and file is None:
                report = backtests.backtest_lake(load_settings(lake=lake), protocol, show)
            else:
                sales = backtests.read_sales(dataset, file)
                report = backtests.backtest_sales(sales, protocol, on_progress=show)
        title = f"Backtest of {dataset}"
        if out:
            backtests.write_report(report, title, out)
        typer.echo(to_markdown(report, title), err=as_json)
        if as_json:
            _show(to_json(report), as_json=True)
        _fail_unless(not report.failures(), report.failures())


@app.command("what-if")
def what_if(
    begin: Annotated[str, typer.Option("--from", metavar="DATE", help="First day.")],
    end: Annotated[str, typer.Option("--to", metavar="DATE", help="The day after the last.")],
    policy: Annotated[str, typer.Option(help="Ordering policy that is asked about.")],
    against: Annotated[
        str | None,
        typer.Option(help="Policy to compare it with; default SMARTSHELF_ORDER_POLICY."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Parameter of --policy, or supplier_faults.short, .late or .damaged. Repeatable.",
        ),
    ] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Play a period of a simulated lake again under another ordering policy, and compare."""
    from smartshelf_dagster.services import what_if as service  # noqa: PLC0415

    start, stop = _parse_date(begin, "--from"), _parse_date(end, "--to")
    with _errors():
        settings = load_settings(lake=lake)
        baseline, alternative = service.branches(settings, policy, against, changes or [])
        with _progress() as progress:
            task = progress.add_task("past", total=None)
            report = service.run_what_if(
                settings,
                start,
                stop,
                baseline=baseline,
                alternative=alternative,
                on_progress=lambda what, now: progress.update(
                    task, description=f"{what} {now:%Y-%m-%d}"
                ),
            )
        typer.echo(report.to_markdown(), err=as_json)
        if as_json:
            _show(report.to_json(), as_json=True)


@app.command()
def api(
    port: Annotated[int, typer.Option(min=1024, max=65535, help="Port to listen on.")] = 3003,
    lake: LakeOption = None,
) -> None:
    """Serve what was published over HTTP, read-only. Ctrl-C ends it."""
    from smartshelf_dagster.api.server import serve  # noqa: PLC0415

    with _errors():
        serve(load_settings(lake=lake), port, typer.echo)


@app.command()
def export(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="Such as ops/alerts.")],
    out: Annotated[Path, typer.Option(metavar="DIR", file_okay=False, help="Folder of the file.")],
    form: Annotated[
        Literal["csv", "parquet", "xlsx", "json"], typer.Option("--format", help="Of the file.")
    ] = "csv",
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILTER",
            help="Only rows with column=value or column.operator=value, such as status.in=open,ack;"
            " repeatable.",
        ),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(metavar="NAMES", help="Columns, with commas; default: all.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="Columns, with commas; a minus before descends."),
    ] = None,
    lake: LakeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a published table, or some of its rows, into a file."""
    from smartshelf_dagster.api.export import export_table  # noqa: PLC0415
    from smartshelf_dagster.api.queries import Wanted, split_filter  # noqa: PLC0415

    with _errors():
        filters = tuple(split_filter(text) for text in where or [])
        wanted = Wanted(columns=columns, filters=filters, order=order)
        report = export_table(load_settings(lake=lake), table, wanted, form, out)
        _show(report.to_json(), as_json=as_json)


@app.command(
    add_help_option=False,
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
)
def bench(context: typer.Context) -> None:
    """Measure; the same as `python -m benchmarks`, with its options."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from smartshelf_dagster.settings import PROJECT_ROOT  # noqa: PLC0415

    command = [sys.executable, "-m", "benchmarks", *context.args]
    raise typer.Exit(subprocess.run(command, cwd=PROJECT_ROOT, check=False).returncode)


@app.command()
def doctor(lake: LakeOption = None, as_json: JsonOption = False) -> None:
    """Say whether everything that is needed is here and works."""
    from smartshelf_dagster.services.doctor import diagnose  # noqa: PLC0415

    with _errors():
        findings = diagnose(load_settings(lake=lake))
        if as_json:
            _show({f.name: {"ok": f.ok, "detail": f.detail} for f in findings}, as_json=True)
        else:
            for finding in findings:
                typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.detail}")
        if not all(finding.ok for finding in findings):
            raise typer.Exit(_BAD_USAGE)


def _fail_unless(ok: bool, details: tuple[str, ...] | list[str]) -> None:
    if not ok:
        for line in details:
            typer.echo(f"smartshelf: {line}", err=True)
        raise typer.Exit(_CHECK_FAILED)


if __name__ == "__main__":
    app()
