"""A simulated year, from nothing to published: how long it takes, and what the year looks like."""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.common import FILL_RATE, Figure, describe_machine
from smartshelf_dagster.services.simulator import state_dir
from smartshelf_dagster.settings import PROJECT_ROOT, load_settings

BEGIN, END = "2025-01-01", "2026-01-01"


def play(lake: Path) -> dict[str, float]:
    """Load the year into a new lake; returns what the command prints."""
    command = [
        *(sys.executable, "-m", "smartshelf_dagster.cli", "history", "--from", BEGIN),
        *("--to", END, "--seed", "1", "--lake", str(lake), "--json"),
    ]
    done = subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def run() -> list[Figure]:
    """Measure `smartshelf history` for a year of one store."""
    with tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as folder:
        figures = play(Path(folder) / "lake")
    method = f"`smartshelf history --from {BEGIN} --to {END}`, one store; new lake to publication"
    return [
        Figure("history: a year", (figures["wall_s"],), "s", method),
        Figure("history: events", (figures["events_per_s"],), "events/s", "the same"),
    ]


def profile(lake: Path) -> str:
    """Return the year by month as a Markdown table."""
    state = state_dir(load_settings(lake=str(lake)))
    items = pl.read_parquet(state / "reference" / "items.parquet")
    ledger = pl.read_parquet(state / "ledger" / "**" / "*.parquet").join(
        items.select("item_id", "is_perishable"), on="item_id"
    )
    month = pl.col("date").dt.strftime("%b").alias("month")

    def a_day(is_perishable: bool) -> pl.Expr:
        own = pl.col("is_perishable") == is_perishable
        return pl.col("sold_units").filter(own).mean()

    by_month = ledger.group_by(month, maintain_order=True).agg(
        sold=pl.sum("sold_units"),
        other=a_day(is_perishable=False),
        perishable=a_day(is_perishable=True),
        fill=100 * FILL_RATE,
        delivered=pl.sum("delivered_units"),
        wasted=pl.sum("wasted_units"),
    )
    lines = [
        "| month | sold | per lasting item | per perishable | fill rate, % | delivered | wasted |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {m} | {sold:,} | {other:.2f} | {perishable:.2f} | {fill:.1f} "
        f"| {delivered:,} | {wasted:,} |"
        for m, sold, other, perishable, fill, delivered, wasted in by_month.iter_rows()
    ]
    return "\n".join([*lines, f"\nSold in the year: {ledger['sold_units'].sum():,} pieces."])


def main(arguments: list[str]) -> int:
    """Load a year, and print how long it took and what it looks like."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--lake", type=Path, help="keep the lake here")
    options = parser.parse_args(arguments)
    print(describe_machine())
    with tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as folder:
        lake = options.lake or Path(folder) / "lake"
        print(json.dumps(play(lake)))
        print(f"\n{profile(lake)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
