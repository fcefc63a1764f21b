"""Rows as a spreadsheet: a sheet of rows, and one that says what they are.

Belongs here: how a value is written in a cell, and what a sheet cannot hold. Does not belong here:
which rows (`queries.py`), the other formats (`formats.py`).

A cell holds a number as a double: about 15 digits. A number that a double does not hold exactly
becomes text. Times are UTC, to the millisecond; text never becomes a formula.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from smartshelf_dagster.api.formats import Batches, flat
from smartshelf_dagster.errors import SmartShelfError

# Of the format itself; the first row holds the names.
SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_EXACT_INTEGER = 2**53
_DIGITS = 15
_DATE, _TIME = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss.000"


class SheetLimitError(SmartShelfError, ValueError):
    """Rows do not fit into a sheet; the message says which limit."""


def check_rows(table: str, rows: int) -> None:
    """Refuse more rows than a sheet has.

    Raises:
        SheetLimitError: There are more.
    """
    if rows >= SHEET_ROWS:
        raise SheetLimitError(
            f"{table}: {rows} rows, expected at most {SHEET_ROWS - 1}: an XLSX sheet has "
            f"{SHEET_ROWS} rows with the one of the names; filter the rows, or use csv or parquet"
        )


def write_xlsx(path: Path, batches: Batches, about: Mapping[str, str]) -> None:
    """Write a file with the sheets `rows` and `about`.

    Args:
        path: Where.
        batches: At least one, for its schema.
        about: What is said about the rows: names and texts.

    Raises:
        SheetLimitError: A text is longer than a cell.
    """
    # In constant memory: a row is on disk when the next one begins.
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("rows")
        formats = {
            date: book.add_format({"num_format": _DATE}),
            datetime: book.add_format({"num_format": _TIME}),
        }
        bold = book.add_format({"bold": True})
        number = 0
        for batch in batches:
            rows = flat(batch)
            if number == 0:
                sheet.write_row(0, 0, rows.schema.names, bold)
                sheet.freeze_panes(1, 0)
            for row in zip(*(column.to_pylist() for column in rows.columns), strict=True):
                number += 1
                for place, value in enumerate(row):
                    _write(sheet, number, place, value, formats)
        told = book.add_worksheet("about")
        for line, (name, text) in enumerate(about.items()):
            told.write_string(line, 0, name, bold)
            told.write_string(line, 1, text)


def _write(
    sheet: Worksheet, row: int, column: int, value: Any, formats: Mapping[type, Format]
) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, datetime):
        naive = value.astimezone(UTC).replace(tzinfo=None)
        sheet.write_datetime(row, column, naive, formats[datetime])
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, formats[date])
    elif _fits(value):
        sheet.write_number(row, column, value)
    else:
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        if len(text) > _CELL_CHARACTERS:
            raise SheetLimitError(
                f"row {row}, column {column + 1}: {len(text)} characters, expected at most "
                f"{_CELL_CHARACTERS} in a cell of an XLSX sheet; use csv or parquet"
            )
        sheet.write_string(row, column, text)


def _fits(value: object) -> bool:
    """Tell whether a cell holds a number as exactly as it is."""
    if isinstance(value, int):
        return abs(value) <= _EXACT_INTEGER
    if isinstance(value, Decimal):
        return len(value.as_tuple().digits) <= _DIGITS
    return isinstance(value, float) and abs(value) < float("inf")
