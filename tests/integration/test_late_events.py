"""What has been told of an alert or a command is taken back when a late event says otherwise."""

from datetime import UTC, datetime

import polars as pl
import pytest

from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import OTHER_SHELF, SHELF, cloud_event, encode, opening, pickup


def refills(settings: Settings, table: str) -> pl.DataFrame:
    rows = pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(table))))
    return rows.filter(pl.col("alert_type") == "refill_request").sort("shelf_id")


@pytest.mark.timeout(120)
def test_an_alert_that_a_late_event_undoes_is_gone_and_no_other(
    session: LakeSession, client: Client, settings: Settings
) -> None:
    """Both shelves were nearly empty; of one we hear later that goods had come back before."""
    lots = [
        opening(f"o-{shelf}", 30, shelf_id=shelf, batch_code=shelf)
        for shelf in (SHELF, OTHER_SHELF)
    ]
    send_batches(client, "warehouse_events:S001", [encode(lot) for lot in lots], 1)
    taken = [
        pickup(f"p-{shelf}-{number}", shelf_id=shelf)
        for shelf in (SHELF, OTHER_SHELF)
        for number in range(28)
    ]
    send_batches(client, "shelf_events:S001", [encode(event) for event in taken], 100)
    session.turn()
    assert refills(settings, "ops/alerts")["shelf_id"].to_list() == [SHELF, OTHER_SHELF]
    before = refills(settings, "ops/alert_transitions").filter(pl.col("shelf_id") == OTHER_SHELF)
    returned = [
        cloud_event("shelf.putback", f"b-{number}", "2026-01-01T07:05:00Z",
                    shelf_id=SHELF, quantity=1, actor_role="customer")
        for number in range(28)
    ]  # fmt: skip
    send_batches(client, "shelf_events:S001", [encode(event) for event in returned], 100)
    client.set(SIM_NOW_KEY, "2026-01-01T07:35:00Z")
    session.turn()
    assert refills(settings, "ops/alerts")["shelf_id"].to_list() == [OTHER_SHELF]
    after = refills(settings, "ops/alert_transitions")
    assert after.filter(pl.col("to_status") == "open").equals(before)
    assert before["transition_ts"].to_list() == [datetime(2026, 1, 1, 7, 10, tzinfo=UTC)]
    assert rebuild(settings).differences == 0
