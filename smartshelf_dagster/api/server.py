"""`smartshelf api`: the HTTP API as a process.

Belongs here: the port and the end of the process. Does not belong here: what is answered
(`app.py`).
"""

import socket
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn
from fastapi import FastAPI

from smartshelf_dagster.api.app import create_app
from smartshelf_dagster.domain.access import check_api_exposure
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import Settings

# Longer than clients and proxies keep a connection that is idle. Whoever closes first may meet a
# request that is on its way, and resets it.
KEEP_ALIVE_S = 75


class AddressInUseError(SmartShelfError, OSError):
    """The API cannot listen on its address."""


def serve(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Serve until a signal ends it.

    Args:
        settings: Which lake, which address, which tokens.
        port: Port to listen on.
        say: Tells the person in front of the terminal where it is.

    Raises:
        AddressInUseError: Somebody else listens there.
        ExposedError: Other machines reach the address, and nobody is asked for a token.
        TokensFileError: The file of tokens cannot be used.
    """
    check_api_exposure(settings.bind_host, has_tokens=settings.has_api_tokens)
    app = create_app(settings)
    with closing(_listen(settings.bind_host, port)) as place:
        say(f"http://{settings.bind_host}:{port}/v1/tables    Ctrl-C ends it")
        server = create_server(app)
        # It raises the signal that ended it once more; by then all is done.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[place])


def create_server(app: FastAPI) -> uvicorn.Server:
    """Return the server of an application, to be run with a socket."""
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", timeout_keep_alive=KEEP_ALIVE_S
    )
    return uvicorn.Server(config)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise AddressInUseError(
            f"{host}:{port}: {error.strerror}, expected a free port; choose another with --port"
        ) from error
