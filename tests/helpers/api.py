"""The HTTP API over a real socket, in this process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from smartshelf_dagster.api.app import create_app
from smartshelf_dagster.api.server import create_server
from smartshelf_dagster.settings import Settings


@contextmanager
def running_api(settings: Settings) -> Iterator[httpx.Client]:
    """Serve a lake on a port of its own; a client of it."""
    with socket.create_server(("127.0.0.1", 0)) as place:
        server = create_server(create_app(settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [place]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        try:
            port = place.getsockname()[1]
            limits = httpx.Limits(max_connections=None)
            base = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=base, timeout=60, limits=limits) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
