"""A look at the streams, without reading them."""

from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Client, last_generated_id
from smartshelf_dagster.streaming.topics import topic_streams, topics


def peek_streams(settings: Settings, client: Client) -> dict[str, str]:
    """Return the id of the newest entry of every stream that exists."""
    stores = read_reference(settings, "stores")["store_id"].to_list()
    streams = [stream for topic in topics() for stream in topic_streams(topic, stores)]
    found = {stream: last_generated_id(client, stream) for stream in streams}
    return {stream: last for stream, last in found.items() if last is not None}
