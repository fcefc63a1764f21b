"""The docs page: while it is built, when it is there, when it cannot be built."""

import os
import subprocess
import sys
import time
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path

import pytest

from smartshelf_dagster.services import docs_site
from smartshelf_dagster.services.docs_page import docs_page
from smartshelf_dagster.services.docs_site import DocsSite
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.transform.runner import TransformError
from tests.helpers.ports import free_ports


@pytest.fixture
def empty(tmp_path: Path) -> Settings:
    """Settings of a lake that does not exist yet."""
    return load_settings(lake=str(tmp_path / "lake"))


def test_docs_site_asks_to_wait_and_then_shows_every_model_and_its_readers(tmp_path: Path) -> None:
    """In a process of its own, as `smartshelf up` runs it."""
    port = free_ports(1)
    with subprocess.Popen(
        [sys.executable, "-m", "smartshelf_dagster.services.docs_site", "127.0.0.1", str(port)],
        cwd=PROJECT_ROOT,
        env=os.environ | {"SMARTSHELF_LAKE": str(tmp_path / "lake")},
        stderr=subprocess.PIPE,
    ) as process:
        try:
            statuses, body = [], b""
            while HTTPStatus.OK not in statuses:
                assert process.poll() is None
                connection = HTTPConnection("127.0.0.1", port)
                with suppress(ConnectionError), closing(connection):
                    connection.request("GET", "/")
                    with connection.getresponse() as answer:
                        statuses.append(answer.status)
                        body = answer.read()
                time.sleep(0.1)
        finally:
            process.kill()
    assert statuses[0] == HTTPStatus.SERVICE_UNAVAILABLE
    assert set(statuses) == {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.OK}
    for model in ("sales_lines", "shelf_state", "alerts", "shelf_restock_plan"):
        assert f"model.smartshelf.{model}".encode() in body
    for reader in ("page_alerts", "http_api", "business_reports", "forecaster"):
        assert f"exposure.smartshelf.{reader}".encode() in body


def test_docs_site_leaves_a_current_page_alone(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = docs_page(empty)
    page.parent.mkdir(parents=True)
    page.write_text("current")
    monkeypatch.setattr(docs_site, "build_docs", lambda _: pytest.fail("built again"))
    assert DocsSite(empty).build().content() == (HTTPStatus.OK, b"current")


def test_docs_site_says_why_there_is_no_page(
    empty: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Path) -> None:
        raise TransformError("dbt docs: a model has <no> name")

    monkeypatch.setattr(docs_site, "build_docs", fail)
    status, body = DocsSite(empty).build().content()
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert b"a model has &lt;no&gt; name" in body
