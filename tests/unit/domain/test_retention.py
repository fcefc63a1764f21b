"""The rules of retention: which tables, how long, and which days are due."""

from datetime import UTC, date, datetime, timedelta

import pytest

from smartshelf_dagster.contracts.tables import all_tables
from smartshelf_dagster.domain.retention import (
    ARCHIVE,
    DELETE,
    KEEP,
    RESTORED_STAYS,
    RULES,
    RetentionError,
    Rule,
    is_due,
    rules_with,
)
from smartshelf_dagster.forecasting.tables import TABLES
from smartshelf_dagster.transform.runner import ensure_manifest

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
NINETY = timedelta(days=90)


def rule_of(table: str) -> Rule:
    named = [rule for rule in RULES if table in rule.tables]
    return (
        named or [rule for rule in RULES if f"{table.split('/', maxsplit=1)[0]}/*" in rule.tables]
    )[0]


def test_every_table_has_one_rule() -> None:
    models = {
        f"{node['schema']}/{node['name']}"
        for node in ensure_manifest()["nodes"].values()
        if node["resource_type"] == "model"
        and {"publish", "analytics"} & set(node["config"]["meta"])
    }
    for table in {*models, *TABLES, *(contract.table for contract in all_tables())}:
        assert rule_of(table).then in {ARCHIVE, DELETE, KEEP}
    named = [table for rule in RULES for table in rule.tables]
    assert len(set(named)) == len(named)


def test_nothing_that_was_received_is_ever_deleted() -> None:
    assert {rule_of(contract.table).then for contract in all_tables()} == {ARCHIVE, KEEP}
    assert {table for rule in RULES if rule.then == DELETE for table in rule.tables} == {
        "ml/predictions", "curated/features_store",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("day", "due"),
    [(date(2025, 12, 31), True), (date(2026, 1, 1), False), (date(2026, 4, 1), False)],
)
def test_a_day_is_due_once_the_whole_of_it_is_old_enough(day: date, due: bool) -> None:
    assert is_due(day, NOON, NINETY) is due


def test_a_day_that_was_brought_back_stays_for_a_week() -> None:
    old = date(2025, 6, 1)
    assert not is_due(old, NOON, NINETY, NOON - RESTORED_STAYS + timedelta(seconds=1))
    assert is_due(old, NOON, NINETY, NOON - RESTORED_STAYS)


def test_days_can_be_set_by_subject() -> None:
    changed = {rule.subject: rule.days for rule in rules_with({"events": 30, "forecasts": 200})}
    assert (changed["events"], changed["forecasts"], changed["quarantine"]) == (30, 200, 90)


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ({"everything": 1}, "'everything', expected one of events, quarantine, forecasts, feat"),
        ({"models": 400}, "'models', expected one of"),
        ({"events": 0}, "events=0, expected a whole number of days, 1 or more"),
        ({"events": 1.5}, "events=1.5, expected a whole number"),
        ({"forecasts": 30}, "forecasts=30, expected a whole number of days, 100 or more"),
    ],
)
def test_days_that_cannot_be_are_refused(days: dict[str, float], message: str) -> None:
    with pytest.raises(RetentionError, match=message):
        rules_with(days)
