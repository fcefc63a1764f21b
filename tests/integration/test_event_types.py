"""Every type of event, from its stream to what is built from it."""

import pytest

from smartshelf_dagster.contracts.model import events_by_topic
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import store_stream
from tests.helpers.events import encode
from tests.helpers.samples import sample_events

# Where the events of a topic are first told of beyond its raw table, and those that are told
# elsewhere. The other reading of a scale that has told of the goods already is kept, and no more.
REACHES = {
    "shelf_events": ("cleansed/stock_movements", {"weight_change": None}),
    "warehouse_events": (
        "cleansed/stock_movements",
        {
            "task_completed": "cleansed/task_reports",
            "delivery_checked": "cleansed/delivery_checks",
        },
    ),
    "pos_transactions": ("cleansed/sales_lines", {"adjustment": "cleansed/pos_adjustments"}),
    "foot_traffic": ("cleansed/foot_traffic", {}),
    "operator_events": ("cleansed/operator_reports", {}),
    "commands": ("cleansed/issued_commands", {}),
}


@pytest.mark.timeout(120)
def test_a44_every_type_of_event_reaches_what_is_built_from_it(
    session: LakeSession, client: Client, settings: Settings
) -> None:
    assert REACHES.keys() == events_by_topic().keys()
    for topic in REACHES:
        for event in sample_events(topic):
            send_batches(client, store_stream(topic, "S001"), [encode(event)], 1)
    assert session.drain().rejected == 0
    session.build(session.as_of())
    for topic, (usual, others) in REACHES.items():
        rows = delta.read(settings.table_uri(f"raw/{topic}"), ["event_id", "event_type"])
        arrived = {row["event_id"]: row["event_type"] for row in rows.to_pylist()}
        assert arrived.keys() == {event["id"] for event in sample_events(topic)}
        with session.transformer.reading() as reader:
            told = {t: str(reader.rows(t).to_pylist()) for t in {usual, *others.values()} - {None}}
        for event in sample_events(topic):
            table = others.get(arrived[event["id"]], usual)
            # A report on a command goes by the command's id.
            names = {event["id"], event["data"].get("command_id", event["id"])}
            assert table is None or any(name in told[table] for name in names), (event, table)
