"""A table as a file: `smartshelf export`.

Belongs here: the name of the file, what it says about itself, writing it whole or not at all. Does
not belong here: how rows are written (`formats.py`, `xlsx.py`).
"""

import os
import re
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from smartshelf_dagster.api.formats import FORMATS, Batches
from smartshelf_dagster.api.queries import Wanted, select
from smartshelf_dagster.api.xlsx import check_rows, write_xlsx
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.serving import ServingFiles, ServingVersion

ExportFormat = Literal["csv", "parquet", "xlsx", "json"]
_ALL_ROWS = "all"
_SCOPE_CHARACTERS = 80


@dataclass
class ExportReport:
    """What was written.

    Attributes:
        path: The file.
        rows: Rows in it.
        version: Version of the serving file that they are from.
        as_of: The time they were computed for; UTC.
    """

    path: Path
    rows: int
    version: str
    as_of: datetime

    def to_json(self) -> dict[str, Any]:
        """Return the figures of the public contract."""
        return {
            "path": str(self.path),
            "rows": self.rows,
            "version": self.version,
            "as_of": self.as_of.isoformat(),
        }


def export_table(
    settings: Settings, table: str, wanted: Wanted, form: ExportFormat, folder: Path
) -> ExportReport:
    """Write rows of a served table into a file `<layer>.<name>_<scope>_<as of>.<format>`.

    The scope is `all`, or the filters. A file of that name is replaced when the new one is whole.

    Args:
        settings: Which lake.
        table: `<layer>/<name>`.
        wanted: Which rows and columns.
        form: Format of the file.
        folder: Where it is written; made when it is not there.

    Raises:
        NothingPublishedError: There is no serving file yet.
        UnknownTableError: There is no such table.
        BadRequestError: A name or a value cannot be used.
        SheetLimitError: The rows do not fit into a sheet.
    """
    files = ServingFiles(
        settings.serving_path, threads=settings.duckdb_threads, memory=settings.duckdb_memory
    )
    with closing(files):
        return _export(files.open(), table, wanted, form, folder)


def _export(
    opened: ServingVersion, table: str, wanted: Wanted, form: ExportFormat, folder: Path
) -> ExportReport:
    selection = select(opened.table(table), wanted)
    total = opened.count(table, selection.conditions)
    if form == "xlsx":
        check_rows(table, total)
    scope = scope_name(wanted.filters)
    name = f"{table.replace('/', '.')}_{scope}_{opened.as_of:%Y%m%dT%H%M%SZ}.{form}"
    about = {
        "table": table,
        "description": opened.tables[table].description,
        "filters": " and ".join(f"{field}={value}" for field, value in wanted.filters) or "none",
        "version": opened.version,
        "as_of": opened.as_of.isoformat(),
        "generated_at": datetime.now(UTC).isoformat(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    # The ending is that of the format, which the writer of spreadsheets looks at.
    unfinished = path.with_name(f".{os.getpid()}.{name}")
    try:
        _write(unfinished, form, opened.read(selection), about)
        unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()
    return ExportReport(path, total, opened.version, opened.as_of)


def _write(path: Path, form: ExportFormat, batches: Batches, about: dict[str, str]) -> None:
    if form == "xlsx":
        write_xlsx(path, batches, about)
        return
    with path.open("wb") as file:
        file.writelines(FORMATS[form].pieces(batches, about))


def scope_name(filters: tuple[tuple[str, str], ...]) -> str:
    """Return filters as a part of a file name.

    >>> scope_name((("store_id", "S001"), ("status.in", "open,ack")))
    'store_id-S001-status.in-open-ack'
    """
    text = "-".join(f"{field}-{value}" for field, value in filters)
    if not text:
        return _ALL_ROWS
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", text)
    if len(plain) <= _SCOPE_CHARACTERS:
        return plain
    return f"{plain[:_SCOPE_CHARACTERS]}-{sha256(text.encode()).hexdigest()[:8]}"
