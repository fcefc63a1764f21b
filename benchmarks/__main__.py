"""Runs the measurements and prints a table: `python -m benchmarks [NAME ...] [--json]`."""

import json
import sys
from collections.abc import Callable

from benchmarks import drain, live, lockstep, micro_batch, replay
from benchmarks.common import Figure, describe_machine

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "drain": drain.run,
    "micro-batch": micro_batch.run,
    "lockstep": lockstep.run,
    "replay": replay.run,
    "live": live.run,
}


def main(arguments: list[str]) -> int:
    """Run the named measurements, all by default."""
    names = [name for name in arguments if not name.startswith("-")] or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(
            f"benchmarks: {', '.join(unknown)}: expected {', '.join(BENCHMARKS)}", file=sys.stderr
        )
        return 2
    print(describe_machine())
    print("\n| what | median | min to max | how |\n|---|---|---|---|")
    figures = []
    for name in names:
        for figure in BENCHMARKS[name]():
            print(figure.line(), flush=True)
            figures.append(figure)
    if "--json" in arguments:
        print(json.dumps([{"name": f.name, "median": f.median, "unit": f.unit} for f in figures]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
