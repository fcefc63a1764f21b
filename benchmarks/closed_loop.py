"""Ordering policies over months, in the same worlds: the closed loop at the pace of its cutoffs.

`python -m benchmarks.closed_loop --policies rule order-up-to --seeds 5` plays one past per seed by
standing rules, copies it for every policy, lets the policy warm up, and counts the days after
that. All policies of a seed meet the same customers and suppliers, so their differences are told
pair by pair. With `--results FILE` the figures of each run are kept, with `--cache DIR` the pasts,
and a later call goes on from there. `--scale 0.5 1 2` multiplies the one knob of each policy and
shows the frontier of service against stock and waste.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmarks.common import describe_machine
from smartshelf_dagster.domain.ordering import PARAMETERS, POLICIES
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.closed_loop import (
    ALL_GOODS,
    FIGURES,
    PERISHABLES,
    Figure,
    copy_lake,
    loop_figures,
    play_closed_loop,
)
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.history import load_history
from smartshelf_dagster.services.simulator import bootstrap_world
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.streaming.client import connect

# In 2025 the simulated stores sell as much as the panel of the first generation did, from 2026 on
# they have half as many customers again. The level must not change within a comparison.
BEGIN = "2025-01-01"
# What makes each policy order more or less.
KNOBS = {"rule": "reorder_factor", "order-up-to": "safety_factor", "forecast": "spread_factor"}
GROUPS = (ALL_GOODS, PERISHABLES)
_READY = "ready"
# Of each policy in all panels: colours of Okabe and Ito, and dashes for those who see none.
_LINES = (
    {"color": "#0072B2", "dash": "solid"},
    {"color": "#D55E00", "dash": "dash"},
    {"color": "#009E73", "dash": "dot"},
)


@dataclass(frozen=True)
class Plan:
    """When worlds begin, and how long each run is, in days.

    Attributes:
        begin: First day of the worlds.
        history: Days by standing rules.
        warm_up: Days by the policy that do not count.
        days: Days by the policy that count.
    """

    begin: str
    history: int
    warm_up: int
    days: int

    @property
    def start(self) -> datetime:
        """First instant of the worlds."""
        return datetime.fromisoformat(self.begin).replace(tzinfo=UTC)


@dataclass(frozen=True)
class Run:
    """One policy in one world.

    Attributes:
        policy: Its name.
        scale: Multiple of the default of its knob.
        seed: World.
    """

    policy: str
    scale: float
    seed: int

    @property
    def variant(self) -> str:
        """Name of the policy, and its scale if it has another than by default."""
        return self.policy if self.scale == 1 else f"{self.policy} x{self.scale:g}"

    @property
    def parameters(self) -> dict[str, float]:
        """Value of the knob, by name."""
        knob = KNOBS[self.policy]
        return {knob: getattr(PARAMETERS[self.policy](), knob) * self.scale}


def past_of(cache: Path, seed: int, plan: Plan) -> Settings:
    """Return the lake with the past of a world, which may still have to be played."""
    folder = cache / f"seed-{seed}-from-{plan.begin}-history-{plan.history}"
    return load_settings(lake=str(folder), state_dir=folder / "_state")


def play_past(seed: int, cache: Path, plan: Plan) -> None:
    """Play the past of a world into its lake, unless it is there."""
    settings = past_of(cache, seed, plan)
    ready = settings.state_path / _READY
    if ready.exists():
        return
    bootstrap_world(settings, seed=seed, start=plan.start)
    with EmbeddedRedis(settings.state_path / "redis") as server:
        client = connect(server.url, settings.redis_timeout_s)
        load_history(
            LakeSession(settings, client), server.url, plan.start + timedelta(days=plan.history)
        )
        client.close()
    ready.touch()


def play_run(run: Run, cache: Path, plan: Plan) -> dict[str, Any]:
    """Play a policy in a copy of a past.

    Returns:
        The run, the plan, `figures` by group and name, and durations.
    """
    begin = plan.start + timedelta(days=plan.history)
    counted = begin + timedelta(days=plan.warm_up)
    end = counted + timedelta(days=plan.days)
    with tempfile.TemporaryDirectory(prefix="smartshelf-closed-loop-") as folder:
        settings = copy_lake(
            past_of(cache, run.seed, plan),
            Path(folder) / "lake",
            order_policy=run.policy,
            order_parameters=run.parameters,
        )
        report = play_closed_loop(settings, end)
        figures = loop_figures(settings, counted.date(), (end - timedelta(days=1)).date())
    return {
        **asdict(run),
        **asdict(plan),
        "parameters": run.parameters,
        "figures": {row.pop("group"): row for row in figures.iter_rows(named=True)},
        "loop": report.to_json(),
    }


def _values(results: Iterable[dict[str, Any]], group: str, name: str) -> dict[int, float]:
    return {result["seed"]: float(result["figures"][group][name]) for result in results}


def _spread(figure: Figure, values: list[float], sign: str = "") -> str:
    mean = figure.text(statistics.mean(values), sign)
    return f"{mean} ± {figure.text(statistics.stdev(values))}" if len(values) > 1 else mean


def tables(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return figures and paired differences to the first variant as Markdown tables.

    Args:
        results: What `play_run` gave, by variant.
    """
    first, *others = results
    parts = []
    for group in GROUPS:
        heads = [group, *results, *(f"{other} less {first}" for other in others)]
        lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
        for name, figure in FIGURES.items():
            by_seed = {variant: _values(runs, group, name) for variant, runs in results.items()}
            cells = [_spread(figure, list(values.values())) for values in by_seed.values()]
            for other in others:
                paired = [
                    value - by_seed[first][seed]
                    for seed, value in by_seed[other].items()
                    if seed in by_seed[first]
                ]
                cells.append(_spread(figure, paired, "+") if paired else "")
            lines.append(f"| {figure.label} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def frontier(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return what service costs under each setting as a Markdown table.

    Args:
        results: What `play_run` gave, by variant.
    """
    shown = [
        (group, name, FIGURES[name])
        for group in GROUPS
        for name in ("fill_rate", "wasted_value", "average_stock_cost", "profit")
    ]
    heads = ["setting", *(f"{group}: {figure.label}" for group, _, figure in shown)]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * len(shown)]
    for runs in results.values():
        knob, value = next(iter(runs[0]["parameters"].items()))
        cells = [
            _spread(figure, list(_values(runs, group, name).values()))
            for group, name, figure in shown
        ]
        lines.append(f"| {runs[0]['policy']}, {knob}={value:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def frontier_chart(results: dict[str, list[dict[str, Any]]]) -> str:
    """Return fill rate against stock, and against waste, as an HTML page.

    Args:
        results: What `play_run` gave, by variant.
    """
    panels = [(group, name) for group in GROUPS for name in ("average_stock_cost", "wasted_value")]
    chart = make_subplots(2, 2, subplot_titles=[f"{g}: {FIGURES[n].label}" for g, n in panels])
    policies = list(dict.fromkeys(runs[0]["policy"] for runs in results.values()))
    for number, (group, name) in enumerate(panels):
        for policy in policies:
            own = sorted(
                (runs for runs in results.values() if runs[0]["policy"] == policy),
                key=lambda runs: runs[0]["scale"],
            )
            mean = partial(_mean, group=group)
            chart.add_trace(
                go.Scatter(
                    x=[mean(runs, name=name) for runs in own],
                    y=[100 * mean(runs, name="fill_rate") for runs in own],
                    text=[str(runs[0]["parameters"]) for runs in own],
                    mode="lines+markers",
                    name=policy,
                    legendgroup=policy,
                    showlegend=number == 0,
                    line=_LINES[policies.index(policy)],
                ),
                row=number // 2 + 1,
                col=number % 2 + 1,
            )
    chart.update_yaxes(title_text="fill rate, %")
    chart.update_layout(title="What service costs", height=900, template="plotly_white")
    page: str = chart.to_html(include_plotlyjs=True, full_html=True, div_id="frontier")
    return page


def _mean(runs: list[dict[str, Any]], *, group: str, name: str) -> float:
    return statistics.mean(_values(runs, group, name).values())


def _known(path: Path | None, plan: Plan) -> dict[Run, dict[str, Any]]:
    """Return the results of earlier calls with the same plan."""
    if path is None or not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return {
        Run(line["policy"], line["scale"], line["seed"]): line
        for line in lines
        if line | asdict(plan) == line
    }


def _play_missing(
    runs: list[Run], cache: Path, plan: Plan, jobs: int, path: Path | None
) -> dict[Run, dict[str, Any]]:
    """Play runs, each in a process of its own; keep what each gave as soon as it has ended."""
    results = {}
    # dbt and its database keep state in their process.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, max_tasks_per_child=1) as pool:
        seeds = sorted({run.seed for run in runs})
        list(pool.map(partial(play_past, cache=cache, plan=plan), seeds))
        given = {pool.submit(play_run, run, cache, plan): run for run in runs}
        for done in as_completed(given):
            run, result = given[done], done.result()
            results[run] = result
            print(run, json.dumps(result["loop"]), file=sys.stderr, flush=True)
            if path:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(result) + "\n")
    return results


def main(arguments: list[str]) -> int:
    """Play what is missing, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.closed_loop", description=__doc__)
    parser.add_argument("--policies", nargs="+", default=list(POLICIES), choices=list(POLICIES))
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to this")
    parser.add_argument("--days", type=int, default=56, help="days that count")
    parser.add_argument("--warm-up", type=int, default=14, help="days by the policy before them")
    parser.add_argument(
        "--from", dest="begin", default=BEGIN, metavar="DATE", help="first day of the worlds"
    )
    parser.add_argument("--history", type=int, default=180, help="days by standing rules before")
    parser.add_argument("--scale", nargs="+", type=float, default=[1.0], help="of each knob")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument("--results", type=Path, help="JSON lines: one run each")
    parser.add_argument("--cache", type=Path, help="keep the pasts here")
    parser.add_argument("--html", type=Path, help="write the frontier here")
    options = parser.parse_args(arguments)
    plan = Plan(options.begin, options.history, options.warm_up, options.days)
    wanted = [
        Run(policy, scale, seed)
        for policy in options.policies
        for scale in options.scale
        for seed in range(1, options.seeds + 1)
    ]
    results = _known(options.results, plan)
    cache = options.cache or Path(tempfile.mkdtemp(prefix="smartshelf-pasts-"))
    try:
        missing = [run for run in wanted if run not in results]
        results |= _play_missing(missing, cache, plan, options.jobs, options.results)
    finally:
        if options.cache is None:
            shutil.rmtree(cache)
    variants: dict[str, list[dict[str, Any]]] = {}
    for run in wanted:
        variants.setdefault(run.variant, []).append(results[run])
    print(describe_machine())
    print(f"\n{plan}, seeds 1 to {options.seeds}, one store, mean ± sd over seeds\n")
    print(tables(variants))
    if len(options.scale) > 1:
        print(f"\n{frontier(variants)}")
    if options.html:
        options.html.write_text(frontier_chart(variants), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
