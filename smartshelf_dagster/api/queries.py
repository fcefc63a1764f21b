"""What may be asked: names and values of a request, checked and turned into a selection.

Belongs here: the convention of filters, the conversion of text by the type of its column, limits.
Does not belong here: SQL (`storage/serving.py`), HTTP (`app.py`), who may read what (`access.py`).

A filter is `column=value` or `column.operator=value`; operators are eq, ne, lt, le, gt, ge, in
(values with commas between, quoted as in CSV) and null (true or false). All filters must hold.
"""

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import get_args

from smartshelf_dagster.contracts.validation import parse_timestamp
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.storage.serving import (
    Condition,
    Operator,
    PublishedColumn,
    PublishedTable,
    Selection,
)

OPERATORS: tuple[Operator, ...] = get_args(Operator)
DEFAULT_PAGE_ROWS = 1_000
MAX_PAGE_ROWS = 10_000
_MAX_VALUES = 1_000
_INTEGER_BITS = {
    "TINYINT": 8, "SMALLINT": 16, "INTEGER": 32, "BIGINT": 64,
    "UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64,
}  # fmt: skip


class BadRequestError(SmartShelfError, ValueError):
    """A part of a request cannot be used.

    Attributes:
        field: Which part.
        value: What it was.
        expected: What it should be.
    """

    def __init__(self, field: str, value: object, expected: str) -> None:
        """Say what is wrong with which part."""
        super().__init__(f"{field}={value!r}: expected {expected}")
        self.field = field
        self.value = value
        self.expected = expected


@dataclass(frozen=True)
class Wanted:
    """What was asked for, as text.

    Attributes:
        columns: Names with commas between; all by default.
        filters: Pairs of `column` or `column.operator`, and a value.
        order: Names with commas between; a minus before one that descends.
        limit: Rows at most.
        offset: Rows passed over.
    """

    columns: str | None = None
    filters: tuple[tuple[str, str], ...] = ()
    order: str | None = None
    limit: int | None = None
    offset: int = 0


def select(table: PublishedTable, wanted: Wanted) -> Selection:
    """Turn what was asked for into a selection.

    Args:
        table: Of which table.
        wanted: What.

    Raises:
        BadRequestError: A name is not a column of the table, or a value not of its type.
    """
    return Selection(
        table=table.name,
        columns=_columns(table, wanted.columns),
        conditions=tuple(_condition(table, name, value) for name, value in wanted.filters),
        order=_order(table, wanted.order),
        limit=wanted.limit,
        offset=wanted.offset,
    )


def page_rows(limit: int | None) -> int:
    """Return how many rows a JSON page has.

    Raises:
        BadRequestError: More were asked for than one page may have.
    """
    if limit is not None and limit > MAX_PAGE_ROWS:
        raise BadRequestError(
            "limit",
            limit,
            f"1 to {MAX_PAGE_ROWS} rows in a JSON page; csv, parquet and arrow have no limit",
        )
    return limit or DEFAULT_PAGE_ROWS


def split_filter(text: str) -> tuple[str, str]:
    """Split a filter of the command line, such as `status=open`.

    Raises:
        BadRequestError: There is no equals sign in it.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise BadRequestError("where", text, "column=value or column.operator=value")
    return name, value


def _column(table: PublishedTable, field: str, name: str) -> PublishedColumn:
    if name not in table.columns:
        names = ", ".join(table.columns)
        raise BadRequestError(field, name, f"a column of {table.name}: {names}")
    return table.columns[name]


def _names(table: PublishedTable, field: str, names: Iterable[str]) -> tuple[str, ...]:
    found = tuple(_column(table, field, name).name for name in names)
    if len(set(found)) < len(found):
        raise BadRequestError(field, ",".join(found), "each column once")
    return found


def _columns(table: PublishedTable, text: str | None) -> tuple[str, ...]:
    if text is None:
        return tuple(table.columns)
    return _names(table, "columns", text.split(","))


def _order(table: PublishedTable, text: str | None) -> tuple[tuple[str, bool], ...]:
    if text is None:
        return ()
    parts = text.split(",")
    names = _names(table, "order", (part.removeprefix("-") for part in parts))
    return tuple((name, part.startswith("-")) for name, part in zip(names, parts, strict=True))


def _condition(table: PublishedTable, field: str, text: str) -> Condition:
    # A name without an operator wins, should a column have a dot in its name.
    name, operator = field, "eq"
    if field not in table.columns:
        name, _, operator = field.rpartition(".")
        if not name:
            name, operator = field, "eq"
    column = _column(table, "filter", name)
    known = next((known for known in OPERATORS if known == operator), None)
    if known is None:
        raise BadRequestError(field, text, f"one of the operators {', '.join(OPERATORS)}")
    if known == "null":
        return Condition(name, known, _boolean(field, text))
    convert = _converter(column)
    if convert is None:
        raise BadRequestError(field, text, f"a filter .null; values of {column.type} have no other")
    if known != "in":
        return Condition(name, known, convert(field, text))
    try:
        parts = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise BadRequestError(field, text, "values with commas between, as in CSV") from error
    if not 1 <= len(parts) <= _MAX_VALUES:
        raise BadRequestError(field, text, f"1 to {_MAX_VALUES} values with commas between")
    return Condition(name, known, tuple(convert(field, part) for part in parts))


def _converter(column: PublishedColumn) -> Callable[[str, str], object] | None:
    """Return what turns text into a value of a column; `None` for types that have no filter."""
    kind, _, rest = column.type.partition("(")
    if kind in _INTEGER_BITS:
        return lambda field, text: _integer(field, text, kind)
    if kind == "DECIMAL":
        digits, decimals = (int(part) for part in rest.rstrip(")").split(","))
        return lambda field, text: _decimal(field, text, digits, decimals)
    return {
        "VARCHAR": _text,
        "DOUBLE": _number,
        "FLOAT": _number,
        "BOOLEAN": _boolean,
        "DATE": read_date,
        "TIMESTAMP WITH TIME ZONE": _timestamp,
    }.get(column.type)


def _text(field: str, text: str) -> str:
    if "\0" in text:
        raise BadRequestError(field, text, "text without a zero character")
    return text


def _integer(field: str, text: str, kind: str) -> int:
    bits = _INTEGER_BITS[kind]
    low, high = (0, 2**bits - 1) if kind[0] == "U" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    # Text that is too long for any integer is not parsed: that takes time.
    if re.fullmatch(r"-?[0-9]{1,20}", text) and low <= int(text) <= high:
        return int(text)
    raise BadRequestError(field, text, f"an integer from {low} to {high}")


def _decimal(field: str, text: str, digits: int, decimals: int) -> Decimal:
    whole = digits - decimals
    if re.fullmatch(rf"-?[0-9]{{1,{whole}}}(\.[0-9]{{0,{decimals}}})?", text):
        return Decimal(text)
    raise BadRequestError(
        field, text, f"a decimal number with at most {whole} digits before the point and {decimals}"
        " after it, such as 12.5"
    )  # fmt: skip


def _number(field: str, text: str) -> float:
    if re.fullmatch(r"-?[0-9]{1,40}(\.[0-9]{0,40})?([eE][-+]?[0-9]{1,3})?", text):
        number = float(text)
        if isfinite(number):
            return number
    raise BadRequestError(field, text, "a finite number such as 0.25 or 1e6")


def _boolean(field: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise BadRequestError(field, text, "true or false")
    return text == "true"


def read_date(field: str, text: str) -> date:
    """Read a date.

    Raises:
        BadRequestError: It is none.
    """
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadRequestError(field, text, "a date such as 2026-01-31")


def _timestamp(field: str, text: str) -> object:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise BadRequestError(
            field, text, "an RFC 3339 time such as 2026-01-01T07:00:00Z; write + as %2B in a URL"
        ) from error
