"""The page on BI tools: each of its blocks does what it says, on a small lake."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from smartshelf_dagster.settings import PROJECT_ROOT, load_settings
from tests.dashboard import serving_files as files
from tests.helpers.api import running_api

PAGE = PROJECT_ROOT / "docs" / "how-to" / "query-from-bi-tools.md"
ADDRESS = "http://127.0.0.1:3003"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small lake in `lake`, as the page has it."""
    folder = tmp_path_factory.mktemp("docs")
    serving = load_settings(lake=str(folder / "lake")).serving_path
    files.write(serving, files.catalogue(), files.store(), files.stock(), files.loop())
    write_deltalake(folder / "lake" / "ops" / "alerts", pa.table({"alert_id": ["a"]}))
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """The API on that lake."""
    with running_api(load_settings(lake=str(folder / "lake"))) as client:
        yield str(client.base_url).rstrip("/")


def run(language: str, block: str, folder: Path) -> None:
    if language == "sql":
        with duckdb.connect(str(folder / "lake/serving/smartshelf.duckdb"), read_only=True) as file:
            file.execute(block)
        return
    command = [sys.executable, "-c", block]
    if language == "sh":
        if not shutil.which("curl"):
            pytest.skip("no curl")
        own = f"{sys.executable} -m smartshelf_dagster.cli "
        command = ["bash", "-euc", re.sub(r"^smartshelf ", own, block, flags=re.MULTILINE)]
    subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT), "SMARTSHELF_LAKE": str(folder / "lake")},
        check=True,
        timeout=100,
    )


@pytest.mark.parametrize(
    ("language", "block"), [(name, text) for name, text in BLOCKS if name != "text"]
)
def test_a45_block_of_the_page_runs(folder: Path, address: str, language: str, block: str) -> None:
    assert language in {"sh", "python", "sql"}
    run(language, block.replace(ADDRESS, address), folder)


def test_page_has_blocks_of_every_kind() -> None:
    assert {name for name, _ in BLOCKS} == {"sh", "python", "sql", "text"}
