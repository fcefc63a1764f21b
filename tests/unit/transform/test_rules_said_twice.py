"""Rules that models need in SQL and code in Python: both say the same."""

import csv
from itertools import product
from typing import Any

import duckdb
import pytest
from jinja2 import Environment

from smartshelf_dagster.domain.customer_ids import hmac_keys, pseudonym
from smartshelf_dagster.domain.opening_hours import hours_problem, is_open
from smartshelf_dagster.domain.ordering import Economics
from smartshelf_dagster.transform.runner import DBT_PROJECT_DIR

TIMES = [f"{hour:02d}:{minute:02d}" for hour, minute in product(range(24), (0, 1, 29, 30, 59))]
HOURS = [("08:00", "20:00"), ("00:00", "24:00"), ("07:30", "07:31"), ("09:59", "24:00")]


def macros_of(file: str) -> Any:
    text = (DBT_PROJECT_DIR / "macros" / file).read_text("utf-8")
    return Environment().from_string(text).module  # noqa: S701 - SQL is not HTML


@pytest.fixture(scope="module")
def macros() -> Any:
    return macros_of("inventory.sql")


def told(sql: str) -> object:
    with duckdb.connect() as connection:
        return connection.execute(f"select {sql}").fetchall()[0][0]


def test_goods_whose_cost_nobody_knows_cost_the_same_share_everywhere() -> None:
    seed = DBT_PROJECT_DIR / "seeds" / "cost_ratios.csv"
    ratios = {row["category"]: row for row in csv.DictReader(seed.read_text("utf-8").splitlines())}
    assert float(ratios["*"]["cost_ratio"]) == Economics().cost_frac


@pytest.mark.parametrize("salt", ["a" * 16, "b" * 64, "c" * 65, "d" * 500, "Grüße aus Töölö 🛒"])
def test_models_and_code_call_a_customer_the_same(salt: str) -> None:
    sql = macros_of("customers.sql").duckdb__published_customer("name")
    names = ["C1", "C2", "", "Grüße", "x" * 300]
    with duckdb.connect() as connection:
        connection.execute("create table customers as select unnest(?) as name", [[*names, None]])
        for name, value in hmac_keys(salt).items():
            connection.execute(f"set variable {name} = ?", [value])
        told = [row[0] for row in connection.execute(f"select {sql} from customers").fetchall()]
        assert told == [*(pseudonym(salt, name) for name in names), None]
        connection.execute("reset variable customer_key_inner")
        plain = connection.execute(f"select {sql} from customers").fetchall()
        assert [row[0] for row in plain] == [*names, None]


@pytest.mark.parametrize(("opens", "closes"), HOURS)
def test_models_and_code_agree_on_when_a_store_trades(macros: Any, opens: str, closes: str) -> None:
    sql = macros.is_trading("clock", f"'{opens}'", f"'{closes}'")
    listed = ", ".join(f"('{clock}')" for clock in TIMES)
    with duckdb.connect() as connection:
        rows = connection.execute(f"select clock, {sql} from (values {listed}) as t(clock)")
        assert dict(rows.fetchall()) == {clock: is_open(clock, opens, closes) for clock in TIMES}


@pytest.mark.parametrize(("opens", "closes"), HOURS)
def test_spans_of_trade_begin_and_end_where_the_rule_says(
    macros: Any, opens: str, closes: str
) -> None:
    begin, end = (macros.clock_ts("date '2026-03-29'", f"'{t}'", "'UTC'") for t in (opens, closes))
    day = "timestamptz '2026-03-29 00:00:00+00'"
    minutes = [told(f"datediff('minute', {day}, {moment})") for moment in (begin, end)]
    clocks = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(24 * 60)]
    trading = [n for n, clock in enumerate(clocks) if is_open(clock, opens, closes)]
    assert [trading[0], trading[-1] + 1] == minutes


def test_a_store_without_hours_is_always_open() -> None:
    assert all(is_open(clock, None, None) for clock in TIMES)


@pytest.mark.parametrize(
    ("opens", "closes"), [("22:00", "06:00"), ("08:00", "08:00"), ("08:00", None), (None, "20:00")]
)
def test_hours_that_models_cannot_tell_are_named(opens: str | None, closes: str | None) -> None:
    problem = hours_problem(opens, closes)
    assert problem is not None
    assert f"opens_at={opens!r}, closes_at={closes!r}" in problem
    assert "past midnight" in problem
    assert hours_problem("08:00", "24:00") is hours_problem(None, None) is None
