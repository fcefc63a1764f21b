"""What ordering policies do to a store: the whole loop over the same worlds under each.

`python -m benchmarks.policies --days 28 --seeds 5` runs `smartshelf run` for every policy and seed
and prints means and standard deviations. It takes hours; with `--results FILE` the figures of each
run are kept, and a later call goes on from there.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.common import FILL_RATE, describe_machine
from smartshelf_dagster.domain.ordering import POLICIES
from smartshelf_dagster.services.simulator import state_dir
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.storage.warehouse import open_warehouse

LAST_DAYS = 7
# `forecast` needs a history that these worlds do not have.
_COMPARED = ["rule", "order-up-to"]
# Shelves are looked at this often while the simulated stores are open.
_LOOK_EVERY = "15m"
_OPEN_HOURS = (8, 21)

# Figure, unit, factor, decimals.
FIGURES = {
    "fill_rate": ("fill rate", "%", 100.0, 1),
    "fill_rate_last": (f"fill rate, last {LAST_DAYS} days", "%", 100.0, 1),
    "lost_units": ("lost", "pieces", 1.0, 0),
    "empty_share": ("SKU-hours with an empty shelf", "%", 100.0, 2),
    "wasted_units": ("wasted", "pieces", 1.0, 0),
    "wasted_value": ("wasted, at list prices", "EUR", 1.0, 0),
    "ordered_units": ("ordered", "pieces", 1.0, 0),
    "average_stock": ("average stock at closing time", "pieces", 1.0, 0),
    "sold_units": ("sold", "pieces", 1.0, 0),
}


def run_policy(policy: str, seed: int, days: int) -> dict[str, Any]:
    """Run one store for some days under a policy.

    Returns:
        The figures of `FIGURES`, units as there before the factor; policy, seed and days.
    """
    with tempfile.TemporaryDirectory(prefix="smartshelf-policy-") as folder:
        settings = load_settings(lake=str(Path(folder) / "lake"))
        command = [
            *(sys.executable, "-m", "smartshelf_dagster.cli", "run", "--days", str(days)),
            *("--seed", str(seed), "--policy", policy, "--lake", settings.lake),
            *("--publish", "end", "--json"),
        ]
        subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True)
        ledger = pl.read_parquet(state_dir(settings) / "ledger" / "**" / "*.parquet")
        return {
            "policy": policy,
            "seed": seed,
            "days": days,
            **_ledger_figures(ledger),
            "empty_share": _empty_share(settings),
        }


def _ledger_figures(ledger: pl.DataFrame) -> dict[str, float]:
    last = ledger.filter(pl.col("date") > pl.col("date").max() - pl.duration(days=LAST_DAYS))
    stock = ledger.group_by("date").agg(pieces=pl.sum("shelf_units") + pl.sum("warehouse_units"))
    summed = ("lost_units", "wasted_units", "wasted_value", "ordered_units", "sold_units")
    return {
        "fill_rate": float(ledger.select(FILL_RATE).item()),
        "fill_rate_last": float(last.select(FILL_RATE).item()),
        **{name: float(ledger[name].sum()) for name in summed},
        "average_stock": float(stock.select(pl.mean("pieces")).item()),
    }


def _empty_share(settings: Settings) -> float:
    """Return the share of looks at a shelf, store open, that find nothing there."""
    with open_warehouse(settings.warehouse_path) as reader:
        levels = pl.DataFrame(reader.rows("cleansed/stock_levels", where="location = 'shelf'"))
    levels = levels.select("item_id", "event_ts", "stock").sort("event_ts")
    zone = read_reference(settings, "stores")["timezone"][0]
    begin, end = levels.select(begin=pl.min("event_ts"), end=pl.max("event_ts")).row(0)
    looks = pl.DataFrame({"event_ts": pl.datetime_range(begin, end, _LOOK_EVERY, eager=True)})
    hour = pl.col("event_ts").dt.convert_time_zone(zone).dt.hour()
    looks = looks.filter(hour.is_between(*_OPEN_HOURS, closed="left"))
    looks = looks.join(levels.select("item_id").unique(), how="cross").sort("event_ts")
    found = looks.join_asof(levels, on="event_ts", by="item_id", check_sortedness=False)
    return float(found.select((pl.col("stock") <= 0).mean()).item())


def table(results: list[dict[str, Any]]) -> str:
    """Return mean ± standard deviation over the seeds as a Markdown table."""
    policies = [name for name in POLICIES if any(r["policy"] == name for r in results)]
    lines = ["| figure | " + " | ".join(policies) + " |", "|---" * (len(policies) + 1) + "|"]
    for name, (label, unit, factor, decimals) in FIGURES.items():
        cells = []
        for policy in policies:
            values = [r[name] * factor for r in results if r["policy"] == policy]
            spread = f" ± {statistics.stdev(values):,.{decimals}f}" if len(values) > 1 else ""
            cells.append(f"{statistics.mean(values):,.{decimals}f}{spread}")
        lines.append(f"| {label}, {unit} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run what is missing, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.policies", description=__doc__)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 1 to this")
    parser.add_argument("--policies", nargs="+", default=_COMPARED, choices=list(POLICIES))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs side by side")
    parser.add_argument("--results", type=Path, help="JSON lines: one run each")
    options = parser.parse_args(arguments)
    known = []
    if options.results and options.results.exists():
        known = [json.loads(line) for line in options.results.read_text("utf-8").splitlines()]
    known = [r for r in known if r["days"] == options.days]
    have = {(r["policy"], r["seed"]) for r in known}
    wanted = [(p, s) for s in range(1, options.seeds + 1) for p in options.policies]

    def one(run: tuple[str, int]) -> dict[str, Any]:
        result = run_policy(*run, options.days)
        print(json.dumps(result), file=sys.stderr, flush=True)
        if options.results:
            with options.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
        return result

    with ThreadPoolExecutor(options.jobs) as pool:
        new = list(pool.map(one, [run for run in wanted if run not in have]))
    results = [r for r in known + new if (r["policy"], r["seed"]) in wanted]
    print(describe_machine())
    print(f"\n{options.days} days, seeds 1 to {options.seeds}, one store, mean ± sd\n")
    print(table(results))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
