"""Diagnosis of the environment: what is needed, is it here, does it work."""

import importlib.metadata
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smartshelf_dagster.contracts.tables import all_tables
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.peek import peek_streams, unread_streams
from smartshelf_dagster.services.embedded_redis import broker
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import connect, without_password

_NEEDED_FREE_GB = 2
_OLDEST_SERVER = (6, 2)
_PACKAGES = ("dagster", "dbt-core", "dbt-duckdb", "deltalake", "duckdb", "polars", "streamlit")


class UnknownStoreError(SmartShelfError, ValueError):
    """Events wait on streams of a store that nobody knows; the message names them."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Attributes:
        name: What was looked at.
        ok: Whether it will do.
        detail: What was found, and what to do if it will not.
    """

    name: str
    ok: bool
    detail: str


def diagnose(settings: Settings) -> list[Finding]:
    """Look at everything that `up` and `run` need."""
    checks: list[tuple[str, Callable[[Settings], str]]] = [
        ("python", _python),
        ("packages", _packages),
        ("disk", _disk),
        ("lake", _lake),
        ("broker", _broker),
        ("streams", _streams),
    ]
    findings = []
    for name, check in checks:
        try:
            findings.append(Finding(name, ok=True, detail=check(settings)))
        except (SmartShelfError, OSError) as error:
            findings.append(Finding(name, ok=False, detail=str(error)))
    return findings


def _python(_: Settings) -> str:
    return sys.version.split()[0]


def _packages(_: Settings) -> str:
    return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _PACKAGES)


def _disk(settings: Settings) -> str:
    folder = settings.local_root
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < _NEEDED_FREE_GB:
        raise OSError(f"{free_gb:.1f} GB free at {folder}, expected at least {_NEEDED_FREE_GB} GB")
    return f"{free_gb:.0f} GB free at {folder}"


def _lake(settings: Settings) -> str:
    if settings.lake_is_local:
        Path(settings.lake).mkdir(parents=True, exist_ok=True)
    tables = [c.table for c in all_tables() if delta.table_exists(settings.table_uri(c.table))]
    published = "published" if settings.serving_path.exists() else "nothing published yet"
    return f"{settings.lake}: {len(tables)} of {len(all_tables())} tables, {published}"


def _broker(settings: Settings) -> str:
    with broker(settings) as url:
        info = connect(url, settings.redis_timeout_s).info("server")
        version = str(info["redis_version"])
        if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST_SERVER:
            raise OSError(f"{without_password(url)}: version {version}, expected 6.2 or newer")
        return f"{without_password(url)}: version {version}"


def _streams(settings: Settings) -> str:
    with broker(settings) as url:
        client = connect(url, settings.redis_timeout_s)
        if unread := unread_streams(settings, client):
            raise UnknownStoreError(
                f"{', '.join(unread)}: nobody reads them, expected the name of a store of "
                "ref/stores after the colon; load the store's master data, and they are drained"
            )
        return f"{len(peek_streams(settings, client))} in use"
