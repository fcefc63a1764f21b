"""A look at the streams, without reading them."""

from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Client, last_generated_id
from smartshelf_dagster.streaming.topics import topic_streams, topics


def peek_streams(settings: Settings, client: Client) -> dict[str, str]:
    """Return the id of the newest entry of every stream that exists."""
    found = {stream: last_generated_id(client, stream) for stream in _read_streams(settings)}
    return {stream: last for stream, last in found.items() if last is not None}


def unread_streams(settings: Settings, client: Client) -> list[str]:
    """Return the streams of stores that `ref/stores` does not know; nobody drains them.

    Their entries stay where they are, and are drained once the store is known.
    """
    found = {
        key.decode("utf-8", "replace")
        for topic in topics()
        for key in client.scan_iter(match=f"{topic}:*", count=1000, _type="stream")
    }
    return sorted(found - set(_read_streams(settings)))


def _read_streams(settings: Settings) -> list[str]:
    stores = read_reference(settings, "stores")["store_id"].to_list()
    return [stream for topic in topics() for stream in topic_streams(topic, stores)]
