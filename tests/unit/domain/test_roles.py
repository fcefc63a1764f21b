"""Roles, the stores they open, the rows that are of a store, and the file that gives them."""

import json
from pathlib import Path

import pytest

from smartshelf_dagster.domain.access import (
    ANYBODY,
    Deed,
    ExposedError,
    Grant,
    Limit,
    PeopleFileError,
    Principal,
    Role,
    StoreScope,
    check_api_exposure,
    check_exposure,
    read_people,
)

ONE = StoreScope(("S001",))
ALL = StoreScope()


def written(path: Path, **document: object) -> Path:
    path.write_text(json.dumps({"contact": "the office"} | document))
    return path


@pytest.mark.parametrize(
    ("columns", "is_shared", "limits"),
    [
        (["store_id", "qty"], False, (Limit("store_id", ("S001",)),)),
        # A store that a table names wins over what it says of itself.
        (["store_id"], True, (Limit("store_id", ("S001",)),)),
        (
            ["scope_type", "scope_id"],
            False,
            (Limit("scope_type", ("store",)), Limit("scope_id", ("S001",))),
        ),
        (
            ["scope_type", "scope_value"],
            False,
            (Limit("scope_type", ("store",)), Limit("scope_value", ("S001",))),
        ),
        (["period", "scope"], False, (Limit("scope", ("S001",)),)),
        (["item_id"], True, ()),
        (["item_id"], False, None),
        (["scope_type"], False, None),
    ],
)
def test_rows_are_of_a_store_where_they_name_it(
    columns: list[str], is_shared: bool, limits: tuple[Limit, ...] | None
) -> None:
    assert ONE.limits(columns, is_shared=is_shared) == limits
    assert ALL.limits(columns, is_shared=is_shared) == ()


@pytest.mark.parametrize(
    ("role", "deeds"),
    [
        (Role.VIEWER, set()),
        (Role.MANAGER, {Deed.CARE}),
        (Role.PLANNER, {Deed.CARE, Deed.ORDER}),
        (Role.ADMIN, {Deed.CARE, Deed.ORDER}),
    ],
)
def test_a_role_may_do_things_in_its_own_stores(role: Role, deeds: set[Deed]) -> None:
    who = Principal("a@b", (Grant(role, ONE),))
    assert {deed for deed in Deed if who.may(deed, "S001")} == deeds
    assert not any(who.may(deed, "S002") for deed in Deed)


def test_what_a_person_and_groups_were_given_adds_up_store_by_store(tmp_path: Path) -> None:
    people = read_people(
        written(
            tmp_path / "people.json",
            people={"Anna@example.com": {"role": "planner", "stores": ["S001"]}},
            groups={"turku": {"role": "viewer", "stores": ["S002", "S001"]}},
        )
    )
    anna = people.principal("anna@EXAMPLE.com", ["turku", "turku", "chess"])
    assert anna.scope == StoreScope(("S001", "S002"))
    assert anna.may(Deed.ORDER, "S001")
    assert not anna.may(Deed.CARE, "S002")
    assert people.principal("other@example.com", ["chess"]).scope == StoreScope(())


def test_all_stores_are_more_than_any_list_of_them() -> None:
    both = Principal("a@b", (Grant(Role.MANAGER, ONE), Grant(Role.VIEWER, ALL)))
    assert both.scope.has_all
    assert not both.may(Deed.CARE, "S002")
    assert ANYBODY.scope.has_all
    assert ANYBODY.name is None


def test_nobody_sees_no_row() -> None:
    nobody = Principal("a@b", ())
    assert nobody.scope.limits(["store_id"], is_shared=False) == (Limit("store_id", ()),)
    assert not any(nobody.may(deed, "S001") for deed in Deed)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"contact": " "}, "contact=' ': expected whom to ask"),
        ({"roles": {}}, "expected a JSON object with contact, people and groups, and nothing else"),
        (
            {"people": {"anna": {"role": "viewer", "stores": "*"}}},
            "people.anna: expected an e-mail",
        ),
        ({"people": {f"{'a' * 60}@b.cd": {"role": "admin"}}}, "at most 64 characters"),
        ({"people": {"a@b": "viewer"}}, "people.a@b='viewer': expected an object"),
        (
            {"people": {"a@b": {"role": "viewer"}}},
            "people.a@b.stores=None: expected a list of stores",
        ),
        (
            {"groups": {"x": {"role": "viewer", "stores": "S001"}}},
            "groups.x.stores='S001': expected",
        ),
        ({"groups": {"x": {"stores": "*"}}}, "groups.x.role=None: expected one of viewer, manager"),
        (
            {"groups": {"x": {"role": "admin", "stores": ["S001"]}}},
            r"groups.x.stores=\['S001'\]: expected none",
        ),
    ],
)
def test_an_entry_that_cannot_be_used_is_named(
    tmp_path: Path, document: dict[str, object], message: str
) -> None:
    path = written(tmp_path / "people.json", **document)
    with pytest.raises(PeopleFileError, match=message) as caught:
        read_people(path)
    assert f"SMARTSHELF_PEOPLE={path}: " in str(caught.value)


def test_an_app_without_login_is_for_this_machine_only(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_exposure(host, None)
    check_exposure("192.0.2.1", tmp_path / "people.json")
    with pytest.raises(ExposedError, match=r"BIND_HOST=192\.0\.2\.1: expected 127\.0\.0\.1"):
        check_exposure("192.0.2.1", None)


def test_an_api_without_tokens_is_for_this_machine_only() -> None:
    for host in ("127.0.0.1", "::1", "localhost"):
        check_api_exposure(host, has_tokens=False)
    check_api_exposure("192.0.2.1", has_tokens=True)
    for host in ("192.0.2.1", "0.0.0.0"):  # noqa: S104 - refused
        with pytest.raises(ExposedError, match=rf"BIND_HOST={host}: .*set SMARTSHELF_API_TOKEN"):
            check_api_exposure(host, has_tokens=False)
