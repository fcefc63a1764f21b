"""What becomes of figures: printed as a table, as JSON, and kept in a lake.

Belongs here: the options that all benchmarks share. Does not belong here: measuring.
"""

import argparse
import json
import subprocess
from collections.abc import Iterable

from benchmarks.common import Figure
from benchmarks.targets import target_of
from smartshelf_dagster.pipeline.benchmark_log import Measured, record_benchmarks
from smartshelf_dagster.settings import PROJECT_ROOT, load_settings


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where figures go."""
    parser.add_argument("--json", action="store_true", help="print a JSON object as the last line")
    parser.add_argument(
        "--record", metavar="LAKE", help="add the figures to ops/benchmarks of this lake"
    )


def tell(figures: Iterable[Figure], machine: str, options: argparse.Namespace) -> None:
    """Print figures as they come, and keep them where the options say.

    Args:
        figures: What is measured, one after the other.
        machine: What it is measured on.
        options: As parsed with the options of `add_options`.
    """
    print(f"{machine}\n\n| what | median | min to max | target | how |\n|---|---|---|---|---|")
    told = []
    for figure in figures:
        print(_line(figure), flush=True)
        told.append(figure)
    if options.json:
        rows = [{"name": f.name, "median": f.median, "unit": f.unit} for f in told]
        print(json.dumps({"machine": machine, "figures": rows}))
    if options.record:
        measured = [_measured(figure) for figure in told]
        settings = load_settings(lake=options.record)
        record_benchmarks(settings, measured, machine=machine, commit=_commit())


def _line(figure: Figure) -> str:
    """Return a figure as a row of a Markdown table."""
    low, high = _number(min(figure.values)), _number(max(figure.values))
    spread = f"{low} to {high}" if len(figure.values) > 1 else ""
    against = ""
    if target := target_of(figure):
        sign = "≥" if target.at_least else "≤"
        verdict = "met" if target.is_met(figure.median) else "missed"
        against = f"{sign} {_number(target.bound)}: {verdict}"
    return (
        f"| {figure.name} | {_number(figure.median)} {figure.unit} | {spread} | {against} | "
        f"{figure.method} |"
    )


def _number(value: float) -> str:
    """Return a number with four digits that matter, or all before the point."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}"  # noqa: PLR2004 - as told


def _measured(figure: Figure) -> Measured:
    target = target_of(figure)
    return Measured(
        name=figure.name,
        unit=figure.unit,
        figure=figure.median,
        least=min(figure.values),
        most=max(figure.values),
        repetitions=len(figure.values),
        target=target.bound if target else None,
        is_at_least=target.at_least if target else None,
        is_met=target.is_met(figure.median) if target else None,
        method=figure.method,
    )


def _commit() -> str | None:
    """Return the commit that is measured, `None` outside a repository."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None
