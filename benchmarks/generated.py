"""A made-up history: how fast it is made, and how fast it comes into the raw tables."""

import time

from benchmarks.common import Figure, scratch_lake
from smartshelf_dagster.domain.sales_history import Recipe, generate
from smartshelf_dagster.pipeline.generate import add_master_data
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import store_stream

REPETITIONS = 3
# Of each store a year, and some forty times the events of the source whose claim it is.
RECIPE = Recipe(months=12, stores=10, rate=6)


def run() -> list[Figure]:
    """Measure processor time, which other work disturbs less, on a new lake each time."""
    made, drained = [], []
    for _ in range(REPETITIONS):
        started = time.process_time()
        histories = list(generate(RECIPE))
        made.append(time.process_time() - started)
        events = sum(history.events.height for history in histories)
        with scratch_lake(world=False) as (settings, url):
            session = LakeSession(settings, connect(url, 60))
            add_master_data(settings, RECIPE)
            for history in histories:
                for (topic,), own in history.events.group_by("topic"):
                    payloads = [payload.encode() for payload in own["payload"]]
                    stream = store_stream(str(topic), history.store_id)
                    send_batches(session.client, stream, payloads, 500)
            started = time.process_time()
            session.drain()
            drained.append(time.process_time() - started)
    method = f"12 months of {RECIPE.stores} stores, {events:,} events; processor time"
    return [
        Figure("generated: made", tuple(events / s for s in made), "events/s", method),
        Figure("generated: drained", tuple(events / s for s in drained), "events/s", method),
    ]
