"""dbt's manifest: parsed when the project has changed, by one process."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from smartshelf_dagster.transform import runner
from smartshelf_dagster.transform.runner import Transformer, ensure_manifest


@pytest.fixture
def parses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A project of one model; every parse of it, which takes a while."""
    (tmp_path / "model.sql").write_text("select 1")
    monkeypatch.setattr(runner, "DBT_PROJECT_DIR", tmp_path)
    done: list[str] = []

    def parse(self: Transformer, command: str, *_: Any) -> None:
        done.append(command)
        time.sleep(0.1)
        self.target.mkdir(parents=True, exist_ok=True)
        (self.target / "manifest.json").write_text('{"nodes": {}}')

    monkeypatch.setattr(Transformer, "invoke", parse)
    return done


def test_ensure_manifest_parses_when_the_project_has_changed(
    parses: list[str], tmp_path: Path
) -> None:
    assert ensure_manifest() == ensure_manifest() == {"nodes": {}}
    assert parses == ["parse"]
    later = (tmp_path / "target" / "manifest.json").stat().st_mtime + 1
    os.utime(tmp_path / "model.sql", (later, later))
    ensure_manifest()
    assert parses == ["parse"] * 2


def test_ensure_manifest_parses_when_a_model_was_removed(parses: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("one", "other"):
        (folder / f"{name}.sql").write_text("select 1")
    ensure_manifest()
    (folder / "other.sql").unlink()
    later = (tmp_path / "target" / "manifest.json").stat().st_mtime + 1
    os.utime(folder, (later, later))
    ensure_manifest()
    assert parses == ["parse"] * 2


def test_ensure_manifest_of_those_that_start_together_one_parses(parses: list[str]) -> None:
    together = threading.Barrier(4)

    def load(_: int) -> dict[str, Any]:
        together.wait()
        return ensure_manifest()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(load, range(4))) == [{"nodes": {}}] * 4
    assert parses == ["parse"]
