"""The serving file: the only thing the pages read, but for reports (`reports.py`).

Belongs here: finding the file, running one query on it, remembering the answer, and saying in
plain words why there is none. Does not belong here: what is asked (`data/`).

The file is replaced by rename at each publication. It stays open, read-only, for all readers until
another lies in its place; answers are remembered under the file's identity and the stores that the
reader may see, so a new publication is seen at once, and by nobody who may not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import duckdb
import polars as pl
import streamlit as st

from dashboard import access
from dashboard.publication import CLOSED, OpenPublication
from smartshelf_dagster.domain.access import StoreScope
from smartshelf_dagster.settings import Settings, SettingsError, load_settings

_REMEMBERED_ANSWERS = 512


class FileIdentity(NamedTuple):
    """Which file lies at a path.

    Attributes:
        inode: Its number in the file system.
        mtime_ns: When it was written.
    """

    inode: int
    mtime_ns: int


class ServingUnavailableError(RuntimeError):
    """The published data cannot be read.

    Attributes:
        title: What is wrong, in a few words.
        reason: The same, in a sentence.
        remedies: Commands that help, each with what it does.
    """

    def __init__(self, title: str, reason: str, *remedies: tuple[str, str]) -> None:
        """Say what is wrong and what helps."""
        super().__init__(f"{title}: {reason}")
        self.title = title
        self.reason = reason
        self.remedies = remedies


START = ("make up", "starts a store that keeps running, with this report")
RUN_A_DAY = ("smartshelf run --days 1", "computes one simulated day and ends")
REBUILD = ("smartshelf rebuild", "builds everything again from the raw tables")


def serving_identity() -> FileIdentity | None:
    """Return which serving file is in place, `None` when there is none."""
    try:
        return _identity(load_settings().serving_path)
    except SettingsError:
        return None


def _identity(path: Path) -> FileIdentity | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return FileIdentity(status.st_ino, status.st_mtime_ns)


class _Place:
    """Where publications are put: the newest one is kept open."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._opened: tuple[Path, FileIdentity, OpenPublication] | None = None

    def cursor(
        self, identity: FileIdentity, scope: StoreScope, settings: Settings
    ) -> duckdb.DuckDBPyConnection:
        """Return a connection to the file of an identity, or to a newer one in its place."""
        path = settings.serving_path
        with self._lock:
            if not self._opened or self._opened[:2] != (path, identity):
                # Whoever comes late with an older identity does not bring the older file back.
                self._open(path, _identity(path) or identity, settings)
            _, _, publication = self._opened  # type: ignore[misc]
            return publication.cursor(scope)

    def _open(self, path: Path, identity: FileIdentity, settings: Settings) -> None:
        if self._opened and self._opened[:2] == (path, identity):
            return
        self._opened = None
        publication = OpenPublication(
            path, threads=settings.duckdb_threads, memory=settings.duckdb_memory
        )
        self._opened = (path, identity, publication)


_place = _Place()


def query(sql: str, **parameters: Any) -> pl.DataFrame:
    """Run a query on the publication in place.

    Args:
        sql: A SELECT; values stand as $name in it.
        parameters: The values.

    Raises:
        ServingUnavailableError: There is no file, or it cannot answer.
    """
    try:
        settings = load_settings()
    except SettingsError as error:
        raise ServingUnavailableError(
            "A setting cannot be used", f"{error}. Correct it and start the report again."
        ) from error
    identity = _identity(settings.serving_path)
    if identity is None:
        raise ServingUnavailableError(
            "Nothing has been published yet",
            f"There is no file {settings.serving_path}.",
            START,
            RUN_A_DAY,
        )
    stores = access.principal().scope.stores
    values = tuple(sorted(parameters.items()))
    return _answer(str(settings.serving_path), identity, stores, sql, values, settings)


def has_table(schema: str, name: str) -> bool:
    """Return whether the publication has a table; some come later than others.

    Raises:
        ServingUnavailableError: There is no file, or it cannot answer.
    """
    found = query(
        """
        select 1
        from information_schema.tables
        where table_catalog = current_database() and table_schema = $schema
            and table_name = $name
        """,
        schema=schema,
        name=name,
    )
    return not found.is_empty()


# Frames are never changed in place, so that all readers may have the same one.
@st.cache_resource(show_spinner=False, max_entries=_REMEMBERED_ANSWERS)
def _answer(
    path: str,
    identity: FileIdentity,
    stores: tuple[str, ...] | None,
    sql: str,
    parameters: tuple[tuple[str, Any], ...],
    _settings: Settings,
) -> pl.DataFrame:
    with _explained(path):
        cursor = _place.cursor(identity, StoreScope(stores), _settings)
        try:
            return pl.DataFrame(cursor.sql(sql, params=dict(parameters)).to_arrow_table())
        finally:
            cursor.close()


@contextmanager
def _explained(path: str) -> Iterator[None]:
    """Turn DuckDB's errors about files and names into ones that name the remedy."""
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise ServingUnavailableError(
            "Published by another version of Smart Shelf",
            f"What was published does not have what this page shows: {_first_line(error)}",
            REBUILD,
        ) from error
    except duckdb.InvalidInputException as error:
        if CLOSED not in str(error):
            raise
        raise ServingUnavailableError(
            "Only for who may see all stores",
            "This is not told by store, and you may see some stores only.",
        ) from error
    except duckdb.IOException as error:
        raise ServingUnavailableError(
            "The published data cannot be read",
            f"Reading {path} or a table it refers to failed: {_first_line(error)}",
            REBUILD,
            START,
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
