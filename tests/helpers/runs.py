"""Runs of jobs in this process, and events for them."""

import dagster as dg

from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from tests.helpers.events import encode, opening, pickup


def run(
    definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, **options: object
) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, **options
    )


def send_some(client: Client) -> None:
    events = [opening("o", 10), opening("w", 50, "warehouse")]
    send_batches(client, "warehouse_events:S001", [encode(e) for e in events], 1)
    pickups = [encode(pickup(f"p{i}")) for i in range(9)]
    send_batches(client, "shelf_events:S001", [*pickups, b"junk"], 1)
