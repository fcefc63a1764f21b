"""Runs the measurements and prints a table.

`python -m benchmarks [NAME ...] [--json] [--record LAKE]`.
"""

import argparse
import sys
from collections.abc import Callable

from benchmarks import (
    analytics,
    baskets,
    drain,
    forecast,
    generated,
    history,
    live,
    lockstep,
    micro_batch,
    orders,
    replay,
    sustained,
)
from benchmarks.common import Figure, describe_machine
from benchmarks.telling import add_options, tell

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "drain": drain.run,
    "micro-batch": micro_batch.run,
    "sustained": sustained.run,
    "lockstep": lockstep.run,
    "replay": replay.run,
    "history": history.run,
    "generated": generated.run,
    "live": live.run,
    "forecast": forecast.run,
    "orders": orders.run,
    "baskets": baskets.run,
    "analytics": analytics.run,
}


def main(arguments: list[str]) -> int:
    """Run the named measurements, all by default."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure; prints machine, method and figures."
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; default: all"
    )
    add_options(parser)
    options = parser.parse_args(arguments)
    names = options.names or list(BENCHMARKS)
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: expected {', '.join(BENCHMARKS)}")
    figures = (figure for name in names for figure in BENCHMARKS[name]())
    tell(figures, describe_machine(), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
