"""The serving file: the only thing the pages read.

Belongs here: finding the file, running one query on it, remembering the answer, and saying in
plain words why there is none. Does not belong here: what is asked (`data/`).

The file is replaced by rename at each publication. Each query opens it, read-only, and closes it;
answers are remembered under the file's identity, so a new publication is seen at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import duckdb
import polars as pl
import streamlit as st

from smartshelf_dagster.settings import SettingsError, load_settings

# DuckDB shares one database among the connections of a process to the same path: a connection
# that overlaps with an older one would read the file that has been replaced.
_one_at_a_time = Lock()

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


def serving_path() -> Path:
    """Return where the serving file is expected."""
    return load_settings().serving_path


def serving_identity() -> FileIdentity | None:
    """Return which serving file is in place, `None` when there is none."""
    try:
        status = serving_path().stat()
    except (FileNotFoundError, SettingsError):
        return None
    return FileIdentity(status.st_ino, status.st_mtime_ns)


def query(sql: str, **parameters: Any) -> pl.DataFrame:
    """Run a query on the publication in place.

    Args:
        sql: A SELECT; values stand as $name in it.
        parameters: The values.

    Raises:
        ServingUnavailableError: There is no file, or it cannot answer.
    """
    try:
        path = serving_path()
    except SettingsError as error:
        raise ServingUnavailableError(
            "A setting cannot be used", f"{error}. Correct it and start the report again."
        ) from error
    identity = serving_identity()
    if identity is None:
        raise ServingUnavailableError(
            "Nothing has been published yet", f"There is no file {path}.", START, RUN_A_DAY
        )
    return _answer(str(path), identity, sql, tuple(sorted(parameters.items())))


def has_table(schema: str, name: str) -> bool:
    """Return whether the publication has a table; some come later than others.

    Raises:
        ServingUnavailableError: There is no file, or it cannot answer.
    """
    found = query(
        """
        select 1
        from information_schema.tables
        where table_schema = $schema and table_name = $name
        """,
        schema=schema,
        name=name,
    )
    return not found.is_empty()


@st.cache_data(show_spinner=False, max_entries=_REMEMBERED_ANSWERS)
def _answer(
    path: str,
    identity: FileIdentity,  # noqa: ARG001 - part of the key
    sql: str,
    parameters: tuple[tuple[str, Any], ...],
) -> pl.DataFrame:
    with _one_at_a_time, _explained(path):
        connection = duckdb.connect(path, read_only=True)
        try:
            connection.execute("set TimeZone = 'UTC'")
            return pl.DataFrame(connection.sql(sql, params=dict(parameters)).to_arrow_table())
        finally:
            connection.close()


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
    except duckdb.IOException as error:
        raise ServingUnavailableError(
            "The published data cannot be read",
            f"Reading {path} or a table it refers to failed: {_first_line(error)}",
            REBUILD,
            START,
        ) from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
