"""Time of queries over the HTTP API, by class.

`python -m benchmarks.api --lake PATH [--json] [--record LAKE]`.

The lake must have been published and have sales, such as one of `smartshelf history`. The server
is a process of its own, `smartshelf api`; a client asks one query after the other over one
connection, reads the answer whole, and does not parse it. Rounds go through the queries of a class
in turn; the first round of each is not counted, for it opens the version and reads files that no
cache holds yet.

Classes: real time (states and alerts of now), historical (lines of an item or an hour of the past),
unified (the newest lines of a store, history and last batch in one), aggregates (tables computed
at publication).
"""

import argparse
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial

import httpx
import numpy as np

from benchmarks.common import Figure, describe_machine, timed
from benchmarks.telling import add_options, tell
from smartshelf_dagster.settings import PROJECT_ROOT

REPETITIONS = 3
REQUESTS = 200
_READY_TIMEOUT_S = 60.0


@contextmanager
def _server(lake: str) -> Iterator[httpx.Client]:
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "smartshelf_dagster.cli", "api", "--port", str(port)]
    with subprocess.Popen([*command, "--lake", lake], cwd=PROJECT_ROOT) as process:
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}/v1", timeout=60) as client:
                _wait(client)
                yield client
        finally:
            process.terminate()


def _wait(client: httpx.Client) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            client.get("/health").raise_for_status()
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the API did not answer in time")


def _first(client: httpx.Client, address: str) -> dict[str, str]:
    rows = client.get(address).raise_for_status().json()["rows"]
    if not rows:
        raise SystemExit(f"{address}: no rows, expected a lake with sales")
    found: dict[str, str] = rows[0]
    return found


def queries(client: httpx.Client) -> dict[str, list[str]]:
    """Return the queries of each class, for the item that sold most on the last day."""
    newest = _first(client, "/tables/cleansed/daily_sales?order=-business_date,-units&limit=1")
    store, item, day = newest["store_id"], newest["item_id"], newest["business_date"]
    last = datetime.fromisoformat(day).date()
    month, year = last - timedelta(days=30), last - timedelta(days=365)
    line = _first(client, f"/tables/cleansed/sales_lines?business_date={month}&limit=1")
    moment = datetime.fromisoformat(line["event_ts"])
    since, until = moment.strftime("%Y-%m-%dT%H:00:00Z"), moment.strftime("%Y-%m-%dT%H:59:59Z")
    lines = "/tables/cleansed/sales_lines?columns=event_ts,item_id,qty,net"
    return {
        "real time": [
            f"/tables/live/store_status?store_id={store}",
            f"/tables/cleansed/shelf_state?store_id={store}&is_low=true",
            f"/tables/ops/alerts?store_id={store}&status.in=open,ack&limit=100",
        ],
        "historical": [
            f"{lines}&store_id={store}&item_id={item}&business_date.ge={month}",
            f"{lines}&store_id={store}&event_ts.ge={since}&event_ts.le={until}",
        ],
        "unified": [f"{lines}&store_id={store}&business_date.ge={last}&order=-event_ts&limit=500"],
        "aggregates": [
            f"/tables/cleansed/daily_sales?item_id={item}&business_date.ge={month}",
            f"/tables/live/waste_daily?store_id={store}&business_date.ge={month}",
            f"/tables/live/waste_daily?store_id={store}&business_date.ge={year}&limit=100",
        ],
    }


def _seconds(client: httpx.Client, addresses: Sequence[str]) -> list[float]:
    def ask(address: str) -> None:
        client.get(address).raise_for_status()

    return [timed(partial(ask, addresses[number % len(addresses)])) for number in range(REQUESTS)]


def run(lake: str) -> list[Figure]:
    """Measure a lake.

    Args:
        lake: Its folder.
    """
    with _server(lake) as client:
        asked = queries(client)
        listed = client.get("/tables").json()["tables"]
        lines = next(t["rows"] for t in listed if t["name"] == "cleansed/sales_lines")
        how = f"{lines:,} sales lines; {REPETITIONS} rounds of {REQUESTS} requests, one client"
        # The first round only warms up.
        rounds = {
            name: [_seconds(client, addresses) for _ in range(REPETITIONS + 1)][1:]
            for name, addresses in asked.items()
        }
    rounds["all"] = [
        [seconds for name in asked for seconds in rounds[name][number]]
        for number in range(REPETITIONS)
    ]
    return list(_figures(rounds, how))


def _figures(rounds: Mapping[str, list[list[float]]], how: str) -> Iterator[Figure]:
    for name, measured in rounds.items():
        for share in (50, 95):
            values = tuple(float(np.percentile(each, share)) * 1_000 for each in measured)
            yield Figure(f"{name}, p{share}", values, "ms", how)


def main(arguments: list[str]) -> int:
    """Measure the lake that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.api", description="Measure queries over the HTTP API."
    )
    parser.add_argument("--lake", required=True, metavar="PATH", help="published lake with sales")
    add_options(parser)
    options = parser.parse_args(arguments)
    tell(run(options.lake), describe_machine(), options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
