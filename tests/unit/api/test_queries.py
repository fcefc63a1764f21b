"""What may be asked: filters, their operators, values by type, errors that name what was expected."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartshelf_dagster.api.queries import BadRequestError, Wanted, page_rows, select, split_filter
from smartshelf_dagster.storage.serving import (
    Condition,
    PublishedColumn,
    PublishedTable,
    ServingVersion,
)

TYPES = {
    "name": "VARCHAR",
    "small": "TINYINT",
    "whole": "INTEGER",
    "big": "UBIGINT",
    "price": "DECIMAL(6,2)",
    "share": "DOUBLE",
    "is_open": "BOOLEAN",
    "day": "DATE",
    "moment": "TIMESTAMP WITH TIME ZONE",
    "tags": "VARCHAR[]",
    "version": "BIGINT",
    "a.b": "INTEGER",
}
TABLE = PublishedTable(
    "ops/things",
    "",
    is_shared=False,
    columns={name: PublishedColumn(name, kind, "") for name, kind in TYPES.items()},
)


def condition(field: str, text: str) -> Condition:
    return select(TABLE, Wanted(filters=((field, text),))).conditions[0]


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("name", "a'b", Condition("name", "eq", "a'b")),
        ("name.ne", "", Condition("name", "ne", "")),
        ("name.in", 'a,"b,c",', Condition("name", "in", ("a", "b,c", ""))),
        ("name.null", "true", Condition("name", "null", value=True)),
        ("small.lt", "-128", Condition("small", "lt", -128)),
        ("whole.in", "1,2", Condition("whole", "in", (1, 2))),
        ("big", "18446744073709551615", Condition("big", "eq", 2**64 - 1)),
        ("price.ge", "9999.99", Condition("price", "ge", Decimal("9999.99"))),
        ("share.gt", "1e-3", Condition("share", "gt", 0.001)),
        ("is_open", "false", Condition("is_open", "eq", value=False)),
        ("day.le", "2026-02-28", Condition("day", "le", date(2026, 2, 28))),
        (
            "moment.ge",
            "2026-01-01T02:00:00+02:00",
            Condition("moment", "ge", datetime(2026, 1, 1, tzinfo=UTC)),
        ),
        ("tags.null", "false", Condition("tags", "null", value=False)),
        ("version.eq", "7", Condition("version", "eq", 7)),
        ("a.b", "1", Condition("a.b", "eq", 1)),
        ("a.b.gt", "1", Condition("a.b", "gt", 1)),
    ],
)
def test_filter_becomes_a_value_of_the_columns_type(
    field: str, text: str, expected: Condition
) -> None:
    assert condition(field, text) == expected


@pytest.mark.parametrize(
    ("field", "text", "expected"),
    [
        ("where", "1;drop table ops.things", "a column of ops/things"),
        ('name"; drop table x; --', "1", "a column of ops/things"),
        ("NAME", "a", "a column of ops/things"),
        ("nаme", "a", "a column of ops/things"),  # noqa: RUF001 - a Cyrillic letter
        ("", "a", "a column of ops/things"),
        (".eq", "a", "a column of ops/things"),
        ("name.like", "a%", "one of the operators eq, ne"),
        ("name.null", "yes", "true or false"),
        ("name", "a\0b", "without a zero character"),
        ("name.in", 'a,"b', "values with commas between"),
        ("name.in", ",".join("a" * 1_001), "1 to 1000 values"),
        ("small", "128", "an integer from -128 to 127"),
        ("whole", "1 or 1=1", "an integer from"),
        ("whole", "1_0", "an integer from"),
        ("whole", "١", "an integer from"),  # noqa: RUF001 - a digit that is not ASCII
        ("whole", "9" * 5_000, "an integer from"),
        ("big", "-1", "an integer from 0 to"),
        ("whole.in", "1,", "an integer from"),
        ("price", "1.005", "at most 4 digits before the point and 2 after"),
        ("price", "NaN", "a decimal number"),
        ("share", "inf", "a finite number"),
        ("share", "1e999", "a finite number"),
        ("is_open", "1", "true or false"),
        ("day", "2026-02-30", "a date such as"),
        ("day", "20260228", "a date such as"),
        ("moment", "2026-01-01", "an RFC 3339 time"),
        ("moment", "2026-01-01T00:00:00 02:00", "write + as %2B"),
        ("tags", "a", "a filter .null"),
    ],
)
def test_filter_that_cannot_be_used_names_field_value_and_expectation(
    field: str, text: str, expected: str
) -> None:
    with pytest.raises(BadRequestError, match="expected") as caught:
        condition(field, text)
    assert expected in caught.value.expected
    assert {caught.value.field, caught.value.value} & {field, text}


def test_columns_and_order_are_names_of_the_table() -> None:
    selection = select(TABLE, Wanted(columns="day,name", order="-price,name"))
    assert selection.columns == ("day", "name")
    assert selection.order == (("price", True), ("name", False))
    assert select(TABLE, Wanted()).columns == tuple(TYPES)
    for wanted in (Wanted(columns="day,day"), Wanted(columns=""), Wanted(order="day,-day")):
        with pytest.raises(BadRequestError):
            select(TABLE, wanted)
    for text in ("day desc", "--day", "1", 'day" desc; drop table x; --', "count(*)"):
        with pytest.raises(BadRequestError, match=r"order=.*expected a column of ops/things"):
            select(TABLE, Wanted(order=text))


def test_a_page_has_a_limit() -> None:
    assert page_rows(None) == 1_000
    assert page_rows(10_000) == 10_000
    with pytest.raises(BadRequestError, match=r"limit=10001: expected 1 to 10000"):
        page_rows(10_001)


def test_filter_of_the_command_line_is_split_at_its_first_sign() -> None:
    assert split_filter("note=a=b") == ("note", "a=b")
    with pytest.raises(BadRequestError, match=r"where='status': expected column=value"):
        split_filter("status")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingVersion]:
    """A table of one row with every text that is awkward, and one that is plain."""
    path = tmp_path_factory.mktemp("texts") / "serving.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema meta")
        connection.execute(
            "create table meta.publication as select now() as as_of_ts, now() as published_at"
        )
        connection.execute("create table texts (name varchar)")
        connection.execute("insert into texts values ('plain')")
    with closing(ServingVersion(path, {"threads": 1})) as version:
        yield version


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_a_value_and_nothing_else(texts: ServingVersion, text: str) -> None:
    table = texts.table("main/texts")
    for operator, matches in (("eq", text == "plain"), ("ne", text != "plain")):
        selection = select(table, Wanted(filters=((f"name.{operator}", text),)))
        assert sum(batch.num_rows for batch in texts.read(selection)) == int(matches)


@given(st.text())
def test_no_text_is_a_name_but_that_of_a_column(texts: ServingVersion, text: str) -> None:
    table = texts.table("main/texts")
    if text.removeprefix("-") != "name":
        for wanted in (Wanted(columns=text), Wanted(order=text), Wanted(filters=((text, "x"),))):
            with pytest.raises(BadRequestError):
                select(table, wanted)
