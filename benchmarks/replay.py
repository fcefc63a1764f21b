"""The whole way of real sales: file, Redis, drain, dbt, published `sales_lines`."""

import os
import time
from pathlib import Path

from benchmarks.common import Figure, scratch_lake
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.replay import replay_online_retail
from smartshelf_dagster.settings import PROJECT_ROOT
from smartshelf_dagster.streaming.client import connect

REPETITIONS = 3
DATA = Path(os.environ.get("SMARTSHELF_TEST_DATA", PROJECT_ROOT.parent / "shared" / "data"))
FILE = DATA / "online_retail" / "online_retail.parquet"


def run() -> list[Figure]:
    """Measure on a new lake each time, with the dbt project parsed before."""
    if not FILE.exists():
        return []
    seconds, rows = [], 0
    for _ in range(REPETITIONS):
        with scratch_lake(world=False) as (settings, url):
            session = LakeSession(settings, connect(url, 60))
            session.transformer.parse()
            started = time.perf_counter()
            rows = replay_online_retail(session, FILE).rows
            seconds.append(time.perf_counter() - started)
    method = (
        f"UCI Online Retail, {rows:,} rows, an event each, 500 to an entry; file to publication"
    )
    return [
        Figure("replay", tuple(seconds), "s", method),
        Figure("replay", tuple(rows / s for s in seconds), "events/s", method),
    ]
