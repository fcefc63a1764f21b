"""Whole turns until killed: `python -m tests.helpers.turn_forever LAKE REDIS_URL`."""

import sys

from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.transform.runner import warehouse_lock

if __name__ == "__main__":
    settings = load_settings(lake=sys.argv[1], redis_url=sys.argv[2])
    session = LakeSession(settings, connect(sys.argv[2], 10))
    print("ready", flush=True)
    while True:
        with warehouse_lock(settings, wait=True):
            session.turn()
