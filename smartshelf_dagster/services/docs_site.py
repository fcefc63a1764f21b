"""Serves the dbt docs page; builds it first when the project has changed.

Run as `python -m smartshelf_dagster.services.docs_site HOST PORT`.
"""

import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.transform.docs import build_docs, docs_page, is_current

_WAITING = (
    b'<!doctype html><meta http-equiv="refresh" content="3"><title>Smart Shelf docs</title>'
    b"<p>The documentation is being built; this page will show it in a few seconds.</p>"
)


def make_handler(settings: Settings) -> type[BaseHTTPRequestHandler]:
    """Return a request handler that serves the docs of a lake."""
    page = docs_page(settings)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            ready = is_current(page)
            body = page.read_bytes() if ready else _WAITING
            self.send_response(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Keep quiet: one page, no secrets, nothing to learn from its log."""

    return Handler


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until the process is ended."""
    if not is_current(docs_page(settings)):
        threading.Thread(target=build_docs, args=(settings,), daemon=True).start()
    ThreadingHTTPServer((host, port), make_handler(settings)).serve_forever()


if __name__ == "__main__":
    serve(load_settings(), sys.argv[1], int(sys.argv[2]))
