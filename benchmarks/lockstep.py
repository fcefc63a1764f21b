"""Speed of the whole loop in lockstep: simulated store-days per minute."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.common import Figure
from smartshelf_dagster.settings import PROJECT_ROOT

DAYS = 7
REPETITIONS = 2


def run() -> list[Figure]:
    """Measure `smartshelf run` on a new lake, from the first turn to the last."""
    values = []
    for _ in range(REPETITIONS):
        with tempfile.TemporaryDirectory(prefix="smartshelf-bench-") as folder:
            command = [
                *(sys.executable, "-m", "smartshelf_dagster.cli", "run", "--days", str(DAYS)),
                *("--seed", "1", "--lake", str(Path(folder) / "lake"), "--json"),
            ]
            done = subprocess.run(
                command, cwd=PROJECT_ROOT, check=True, capture_output=True, text=True
            )
            wall_s = json.loads(done.stdout.splitlines()[-1])["wall_s"]
            values.append(DAYS * 60 / wall_s)
    method = f"`smartshelf run --days {DAYS} --seed 1`, one store, a turn each simulated hour"
    return [Figure("lockstep", tuple(values), "store-days/min", method)]
