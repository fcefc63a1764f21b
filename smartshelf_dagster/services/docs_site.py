"""Serves the dbt docs page; builds it first when the project has changed.

Run as `python -m smartshelf_dagster.services.docs_site HOST PORT`.
"""

import sys
import threading
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.services.docs_page import build_docs, docs_page, is_current
from smartshelf_dagster.settings import Settings, load_settings

_PAGE = '<!doctype html><meta charset="utf-8"><title>Smart Shelf docs</title>{head}<p>{text}</p>'
_RELOAD = '<meta http-equiv="refresh" content="3">'


class DocsSite:
    """The page, or what stands in for it while it is built or when that failed."""

    def __init__(self, settings: Settings) -> None:
        """Describe the page of a lake; nothing is built yet."""
        self._page = docs_page(settings)
        self._problem: str | None = None

    def build(self) -> Self:
        """Build the page unless it is current."""
        if not is_current(self._page):
            try:
                build_docs(self._page)
            except SmartShelfError as error:
                print(f"the dbt docs could not be built: {error}", file=sys.stderr)  # noqa: T201
                self._problem = str(error)
        return self

    def content(self) -> tuple[HTTPStatus, bytes]:
        """Return what a browser gets."""
        if self._problem:
            text = f"The documentation could not be built: {escape(self._problem)}"
            return HTTPStatus.INTERNAL_SERVER_ERROR, _PAGE.format(head="", text=text).encode()
        if not is_current(self._page):
            text = "The documentation is being built; this page will show it in a few seconds."
            return HTTPStatus.SERVICE_UNAVAILABLE, _PAGE.format(head=_RELOAD, text=text).encode()
        return HTTPStatus.OK, self._page.read_bytes()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Return a request handler that serves the page."""
        content = self.content

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = content()
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Keep quiet: one page, no secrets, nothing to learn from its log."""

        return Handler


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until the process is ended."""
    site = DocsSite(settings)
    threading.Thread(target=site.build, daemon=True).start()
    ThreadingHTTPServer((host, port), site.handler()).serve_forever()


if __name__ == "__main__":
    serve(load_settings(), sys.argv[1], int(sys.argv[2]))
