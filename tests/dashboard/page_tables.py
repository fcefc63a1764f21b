"""Which tables the pages of the report app read, found in its code."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYERS = "raw|ref|cleansed|curated|ops|live|analytics|ml|dq|meta"
_TABLE = re.compile(rf"\b(?:from|join)\s+({LAYERS})\.(\w+)", re.IGNORECASE)

Symbol = tuple[str, str]


def _modules() -> dict[str, ast.Module]:
    files = (ROOT / "dashboard").rglob("*.py")
    named = {".".join(file.relative_to(ROOT).with_suffix("").parts): file for file in files}
    return {
        name.removesuffix(".__init__"): ast.parse(file.read_text("utf-8"))
        for name, file in named.items()
    }


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a module defines: functions, classes, values."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        yield name.id, node


@cache
def _code() -> tuple[dict[Symbol, list[ast.AST]], dict[str, dict[str, str]]]:
    """Return what is defined, and what names mean in each module."""
    modules = _modules()
    defined: dict[Symbol, list[ast.AST]] = {}
    names: dict[str, dict[str, str]] = {}
    for module, tree in modules.items():
        for name, node in _definitions(tree):
            defined.setdefault((module, name), []).append(node)
        names[module] = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            and node.module
            and node.module.startswith("dashboard")
            for alias in node.names
        }
    return defined, names


def _used(module: str, node: ast.AST) -> Iterator[Symbol]:
    """Yield what a definition refers to."""
    defined, names = _code()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            meant = names[module].get(part.id)
            symbol = tuple(meant.rsplit(".", 1)) if meant else (module, part.id)
        elif isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name):
            symbol = (names[module].get(part.value.id, ""), part.attr)
        else:
            continue
        if symbol in defined:
            yield symbol


def tables_read_by(module: str) -> set[str]:
    """Return the tables, `<layer>/<name>`, that anything reachable from a module reads."""
    defined, _ = _code()
    waiting = [symbol for symbol in defined if symbol[0] == module]
    reached: set[Symbol] = set()
    found: set[str] = set()
    while waiting:
        symbol = waiting.pop()
        if symbol in reached:
            continue
        reached.add(symbol)
        for node in defined[symbol]:
            waiting += _used(symbol[0], node)
            texts = [
                part.value
                for part in ast.walk(node)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            ]
            found |= {f"{layer}/{name}" for text in texts for layer, name in _TABLE.findall(text)}
    return found
