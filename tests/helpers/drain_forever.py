"""A drain that runs until it is killed: `python -m tests.helpers.drain_forever LAKE REDIS_URL`."""

import sys
import time

from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.streaming.client import Clock, connect

if __name__ == "__main__":
    settings = load_settings(lake=sys.argv[1], redis_url=sys.argv[2], max_batch_events=300)
    client = connect(sys.argv[2], 10)
    print("ready", flush=True)
    while True:
        report = drain(settings, client, Clock(client))
        if not report.events:
            time.sleep(0.01)
