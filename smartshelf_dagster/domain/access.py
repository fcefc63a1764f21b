"""Who may see and do what, in the report app and over HTTP.

Belongs here: roles and what each may do, the stores that are open to somebody, which rows of a
table these are, and the file that gives people their roles. Does not belong here: how somebody
proves who they are (tokens: `api/access.py`; login: `dashboard/access.py`).
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from smartshelf_dagster.errors import SmartShelfError

ALL_STORES = "*"
STORE_COLUMN = "store_id"

# Who acts is part of an event, and that long at most.
_LONGEST_SIGNATURE = 64
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})
_STORES_EXPECTED = 'expected a list of stores, such as ["S001"], or "*" for all'


class PeopleFileError(SmartShelfError, ValueError):
    """The file of people cannot be used; the message names it, the entry and what was expected."""


class ExposedError(SmartShelfError, ValueError):
    """The report app, or the HTTP API beside it, would be open to whoever reaches it."""


class Deed(StrEnum):
    """What people do in the report app, beyond looking."""

    CARE = "care"
    """Take care of a store: acknowledge alerts and unusual sales, dismiss, report stock counts."""
    ORDER = "order"
    """Decide about supplier orders."""


class Role(StrEnum):
    """What somebody is for some stores."""

    VIEWER = "viewer"
    MANAGER = "manager"
    PLANNER = "planner"
    ADMIN = "admin"


_DEEDS: Mapping[Role, frozenset[Deed]] = {
    Role.VIEWER: frozenset(),
    Role.MANAGER: frozenset({Deed.CARE}),
    Role.PLANNER: frozenset({Deed.CARE, Deed.ORDER}),
    Role.ADMIN: frozenset(Deed),
}


class Limit(NamedTuple):
    """What a column of a row must hold for the row to be open.

    Attributes:
        column: Its name.
        values: One of these.
    """

    column: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class StoreScope:
    """The stores that are open to somebody.

    Attributes:
        stores: Their ids; `None` for all of them, and for what belongs to no store.
    """

    stores: tuple[str, ...] | None = None

    @property
    def has_all(self) -> bool:
        """Whether all stores are open, and what is reckoned over all of them."""
        return self.stores is None

    def opens(self, store_id: str) -> bool:
        """Return whether a store is open."""
        return self.stores is None or store_id in self.stores

    def limits(self, columns: Collection[str], *, is_shared: bool) -> tuple[Limit, ...] | None:
        """Return what rows of a table must satisfy to be open, `None` where none of them is.

        A row is of a store if it names the store, or a scope that is the store. Totals of all
        stores are rows of none.

        Args:
            columns: Names of the columns of the table.
            is_shared: Whether the table says that it holds nothing of a single store.
        """
        if self.stores is None:
            return ()
        if STORE_COLUMN in columns:
            return (Limit(STORE_COLUMN, self.stores),)
        for place in ("scope_id", "scope_value"):
            if {"scope_type", place} <= set(columns):
                return Limit("scope_type", ("store",)), Limit(place, self.stores)
        if "scope" in columns:
            return (Limit("scope", self.stores),)
        return () if is_shared else None


def read_stores(value: object) -> StoreScope:
    """Return the stores that an entry of a file opens.

    Args:
        value: A list of ids, or `"*"`.

    Raises:
        ValueError: It is neither; the message says what was expected.
    """
    if value == ALL_STORES:
        return StoreScope()
    if isinstance(value, list) and all(isinstance(store, str) for store in value):
        return StoreScope(tuple(value))
    raise ValueError(f"{value!r}: {_STORES_EXPECTED}")


@dataclass(frozen=True)
class Grant:
    """A role for some stores."""

    role: Role
    scope: StoreScope


@dataclass(frozen=True)
class Principal:
    """Somebody who uses the report app.

    Attributes:
        name: Signs what they do; `None` where nobody has to log in, and people sign themselves.
        grants: What they were given; nothing for somebody whom nobody named.
    """

    name: str | None
    grants: tuple[Grant, ...]

    @property
    def scope(self) -> StoreScope:
        """The stores they may see."""
        return _together(grant.scope for grant in self.grants)

    def may(self, deed: Deed, store_id: str) -> bool:
        """Return whether they may do something in a store."""
        return any(
            deed in _DEEDS[grant.role] and grant.scope.opens(store_id) for grant in self.grants
        )


def _together(scopes: Iterable[StoreScope]) -> StoreScope:
    stores: set[str] = set()
    for scope in scopes:
        if scope.stores is None:
            return StoreScope()
        stores.update(scope.stores)
    return StoreScope(tuple(sorted(stores)))


# Whoever reaches an app without login.
ANYBODY = Principal(None, (Grant(Role.ADMIN, StoreScope()),))


@dataclass(frozen=True)
class People:
    """Who was given what.

    Attributes:
        contact: Whom to ask for access, as people read it.
        by_email: Grants of single people, by e-mail in lower case.
        by_group: Grants of all members of a group.
    """

    contact: str
    by_email: Mapping[str, Grant] = field(default_factory=dict)
    by_group: Mapping[str, Grant] = field(default_factory=dict)

    def principal(self, email: str, groups: Iterable[str]) -> Principal:
        """Return who somebody is: what they and their groups were given, taken together.

        Args:
            email: Proven to be theirs; in any case.
            groups: Groups they are in; those that were given nothing do not matter.
        """
        own = self.by_email.get(email.casefold())
        of_groups = [self.by_group[name] for name in sorted(set(groups)) if name in self.by_group]
        return Principal(email, (*([own] if own else []), *of_groups))


def read_people(path: Path) -> People:
    """Read the file of people.

    Raises:
        PeopleFileError: It cannot be used.
    """
    try:
        return _people(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise PeopleFileError(f"SMARTSHELF_PEOPLE={path}: {error}") from error


def check_exposure(host: str, people: Path | None, name: str = "SMARTSHELF_BIND_HOST") -> None:
    """Refuse to show everything to whoever reaches the machine.

    Args:
        host: Address that the report app listens on.
        people: The file of people, `None` where nobody has to log in.
        name: The setting that the address comes from.

    Raises:
        ExposedError: Others than this machine reach the app, and nobody has to log in.
    """
    if people is None and host not in _THIS_MACHINE:
        raise ExposedError(
            f"{name}={host}: expected 127.0.0.1 as long as nobody has to log in to the report app; "
            "to listen there, name people and their roles by SMARTSHELF_PEOPLE"
        )


def check_api_exposure(host: str, *, has_tokens: bool) -> None:
    """Refuse to answer everything, past the login, to whoever reaches the machine.

    Args:
        host: Address that the HTTP API listens on.
        has_tokens: Whether it asks for a token.

    Raises:
        ExposedError: Others than this machine reach the API, and it asks for no token.
    """
    if not has_tokens and host not in _THIS_MACHINE:
        raise ExposedError(
            f"SMARTSHELF_BIND_HOST={host}: expected 127.0.0.1 as long as the HTTP API asks for no "
            "token and so gives every store's rows to anybody; to listen there, set "
            "SMARTSHELF_API_TOKEN or SMARTSHELF_API_TOKENS"
        )


def _people(document: object) -> People:
    keys = {"contact", "people", "groups"}
    if not isinstance(document, dict) or not set(document) <= keys:
        raise ValueError("expected a JSON object with contact, people and groups, and nothing else")
    contact = document.get("contact")
    if not isinstance(contact, str) or not contact.strip():
        raise ValueError(
            f"contact={contact!r}: expected whom to ask for access, such as office@example.com"
        )
    people = {_email(name): grant for name, grant in _grants(document, "people").items()}
    return People(contact.strip(), people, _grants(document, "groups"))


def _email(name: str) -> str:
    if "@" not in name or len(name) > _LONGEST_SIGNATURE:
        raise ValueError(
            f"people.{name}: expected an e-mail of at most {_LONGEST_SIGNATURE} characters, as it "
            "signs what they do"
        )
    return name.casefold()


def _grants(document: Mapping[str, object], kind: str) -> dict[str, Grant]:
    entries = document.get(kind, {})
    if not isinstance(entries, dict):
        raise ValueError(f"{kind}={entries!r}: expected an object with a role for each")  # noqa: TRY004 - a value of the file
    return {name: _grant(f"{kind}.{name}", entry) for name, entry in entries.items()}


def _grant(place: str, entry: object) -> Grant:
    if not isinstance(entry, dict) or not set(entry) <= {"role", "stores"}:
        raise ValueError(f"{place}={entry!r}: expected an object with role and stores")
    try:
        role = Role(str(entry.get("role")))
    except ValueError as error:
        raise ValueError(
            f"{place}.role={entry.get('role')!r}: expected one of {', '.join(Role)}"
        ) from error
    if role is Role.ADMIN:
        if entry.get("stores", ALL_STORES) != ALL_STORES:
            raise ValueError(
                f'{place}.stores={entry["stores"]!r}: expected none or "*": an admin has all stores'
            )
        return Grant(role, StoreScope())
    try:
        return Grant(role, read_stores(entry.get("stores")))
    except ValueError as error:
        raise ValueError(f"{place}.stores={error}") from error
