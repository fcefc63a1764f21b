"""Tokens: which are known, what each opens, and a file of them that cannot be used."""

import json
from hashlib import sha256
from pathlib import Path

import pytest

from smartshelf_dagster.api.access import (
    EVERYTHING,
    Scope,
    TableRefusedError,
    TokensFileError,
    UnknownTokenError,
    read_tokens,
)
from smartshelf_dagster.settings import SettingsError, load_settings
from smartshelf_dagster.storage.serving import Condition, PublishedColumn, PublishedTable

HASH = sha256(b"token of a store").hexdigest()
STORE_ID = {"store_id": PublishedColumn("store_id", "VARCHAR", "")}
PER_STORE = PublishedTable("ops/alerts", "", is_shared=False, columns=STORE_ID)
SHARED = PublishedTable("ref/items", "", is_shared=True, columns={})
PER_SCOPE = PublishedTable(
    "analytics/basket_rules",
    "",
    is_shared=False,
    columns={"scope": PublishedColumn("scope", "VARCHAR", "")},
)
OTHER = PublishedTable("dq/quarantine_latest", "", is_shared=False, columns={})


def test_without_tokens_everything_is_open(tmp_path: Path) -> None:
    tokens = read_tokens(load_settings(lake=str(tmp_path)))
    assert tokens.scope_of(None) == tokens.scope_of("any") == EVERYTHING


def test_tokens_of_file_and_setting_are_known_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(json.dumps({HASH: ["S001"], sha256(b"all").hexdigest(): "*"}))
    settings = load_settings(lake=str(tmp_path), api_token="a" * 16, api_tokens=file)
    tokens = read_tokens(settings)
    assert tokens.scope_of("token of a store") == Scope(("S001",))
    assert tokens.scope_of("all") == tokens.scope_of("a" * 16) == EVERYTHING
    for unknown in ("a" * 15, "", HASH, "tökén", "\ud800"):
        with pytest.raises(UnknownTokenError, match="not known"):
            tokens.scope_of(unknown)
    with pytest.raises(UnknownTokenError, match="Authorization: Bearer"):
        tokens.scope_of(None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected a JSON object"),
        ("[]", "expected a JSON object"),
        ("{}", "expected a JSON object"),
        ('{"secret-in-clear": "*"}', "15 characters is no SHA-256 hash"),
        (json.dumps({HASH: "S001"}), "'S001'; expected"),
        (json.dumps({HASH: [1]}), r"\[1\]; expected"),
    ],
)
def test_file_of_tokens_that_cannot_be_used_is_named(
    tmp_path: Path, content: str, message: str
) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(content)
    settings = load_settings(lake=str(tmp_path), api_tokens=file)
    with pytest.raises(TokensFileError, match=message) as caught:
        read_tokens(settings)
    assert str(file) in str(caught.value)
    assert "secret-in-clear" not in str(caught.value)


def test_file_of_tokens_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = load_settings(lake=str(tmp_path), api_tokens=tmp_path / "none.json")
    with pytest.raises(TokensFileError, match=r"none\.json.*expected a JSON object"):
        read_tokens(settings)


def test_a_short_token_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTSHELF_API_TOKEN", "hunter2")
    with pytest.raises(SettingsError, match=r"SMARTSHELF_API_TOKEN=.*at least 16") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)


def test_a_token_is_not_shown_with_the_settings() -> None:
    secret = "a-long-enough-secret"  # noqa: S105 - of this test
    assert secret not in repr(load_settings(api_token=secret))


def test_scope_of_stores_is_a_condition_where_rows_name_their_store() -> None:
    scope = Scope(("S001", "S002"))
    assert scope.conditions(PER_STORE) == (Condition("store_id", "in", ("S001", "S002")),)
    assert scope.conditions(PER_SCOPE) == (Condition("scope", "in", ("S001", "S002")),)
    assert scope.conditions(SHARED) == ()
    with pytest.raises(TableRefusedError, match=r"'dq/quarantine_latest'.*opens S001, S002"):
        scope.conditions(OTHER)
    assert [EVERYTHING.conditions(table) for table in (PER_STORE, SHARED, OTHER)] == [()] * 3
