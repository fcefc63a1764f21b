"""What the package may know: no system, no pandas, no wall clock, no global randomness."""

import ast
from pathlib import Path

import pytest

import simulator

FILES = sorted(Path(simulator.__file__).parent.glob("*.py"))
ALLOWED = {"numpy", "orjson", "polars", "redis", "simulator", "typer"}
STANDARD = {
    "ast", "bisect", "calendar", "collections", "contextlib", "dataclasses", "datetime", "enum", "hashlib",
    "heapq", "logging", "math", "pathlib", "re", "shutil", "signal", "sys", "threading", "time",
    "types", "typing", "zlib", "zoneinfo",
}  # fmt: skip


def imports(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names


def attributes(tree: ast.Module) -> set[str]:
    return {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_module_stays_within_its_borders(path):
    tree = ast.parse(path.read_text())
    assert imports(tree) <= ALLOWED | STANDARD
    used = attributes(tree)
    assert not used & {"datetime.now", "datetime.utcnow", "date.today", "datetime.today"}
    clocks = {name for name in used if name.startswith("time.")} - {"time.monotonic"}
    assert not clocks
    if path.stem != "clock":
        assert "time.monotonic" not in used
    assert ast.get_docstring(tree)


def test_only_one_module_makes_generators():
    makers = [
        path.stem
        for path in FILES
        if "default_rng" in path.read_text() or "PCG64" in path.read_text()
    ]
    assert makers == ["rng"]
