"""Streams that nobody reads are told of, not passed over in silence."""

from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.pipeline.peek import peek_streams, unread_streams
from smartshelf_dagster.services import doctor
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.producer import send_batches
from tests.helpers.events import encode, pickup


def test_streams_of_an_unknown_store_are_named_and_keep_their_entries(
    settings: Settings, client: Client
) -> None:
    event = [encode(pickup("p1"))]
    send_batches(client, "shelf_events:S001", event, 1)
    send_batches(client, "shelf_events:S999", event, 1)
    client.set("shelf_events:note", "no stream")
    assert unread_streams(settings, client) == ["shelf_events:S999"]
    assert set(peek_streams(settings, client)) == {"shelf_events:S001"}
    drain(settings, client, Clock(client, "auto"))
    assert client.xlen("shelf_events:S999") == 1


def test_doctor_names_streams_of_an_unknown_store(
    settings: Settings, client: Client, broker: EmbeddedRedis
) -> None:
    with_broker = settings.model_copy(update={"redis_url": broker.url})
    found = {finding.name: finding for finding in doctor.diagnose(with_broker)}
    assert found["streams"].ok
    send_batches(client, "pos_transactions:NOWHERE", [encode(pickup("p1"))], 1)
    found = {finding.name: finding for finding in doctor.diagnose(with_broker)}
    assert not found["streams"].ok
    assert "pos_transactions:NOWHERE" in found["streams"].detail
    assert "ref/stores" in found["streams"].detail
