"""Who may read what: tokens, and the rows that each of them opens.

Belongs here: the tokens that are known, and the conditions on rows that go with each. Does not
belong here: which rows are of which store (`domain/access.py`), HTTP (`app.py`), what else is
asked for (`queries.py`).
"""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from smartshelf_dagster.domain.access import Limit, StoreScope, read_stores
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.serving import Condition, PublishedTable, Selection

_EXPECTED = 'expected a JSON object of SHA-256 hashes of tokens, each with a list of stores or "*"'


class TokensFileError(SmartShelfError, ValueError):
    """The file of tokens cannot be used; the message names it, the entry and what was expected."""


class UnknownTokenError(SmartShelfError, PermissionError):
    """A request carries no token, or one that is not known."""


class TableRefusedError(SmartShelfError, PermissionError):
    """A table does not name the store of its rows, and the token opens some stores only."""


@dataclass(frozen=True)
class Scope(StoreScope):
    """The stores that are open to somebody, as conditions on rows of published tables."""

    def may_read(self, table: PublishedTable) -> bool:
        """Tell whether anything of a table is open."""
        return self._limits(table) is not None

    def _limits(self, table: PublishedTable) -> tuple[Limit, ...] | None:
        return self.limits(table.columns, is_shared=table.is_shared)

    def conditions(self, table: PublishedTable) -> tuple[Condition, ...]:
        """Return what rows of a table must satisfy to be open.

        Raises:
            TableRefusedError: Nothing of the table is.
        """
        limits = self._limits(table)
        if limits is None:
            raise TableRefusedError(
                f"table {table.name!r} does not name the store of its rows; this token opens "
                f"{', '.join(self.stores or ()) or 'no store'}, expected one for all stores"
            )
        return tuple(Condition(limit.column, "in", limit.values) for limit in limits)

    def limit(self, selection: Selection, table: PublishedTable) -> Selection:
        """Return a selection of open rows only.

        Raises:
            TableRefusedError: Nothing of the table is open.
        """
        return replace(selection, conditions=(*self.conditions(table), *selection.conditions))


EVERYTHING = Scope()


class Tokens:
    """The tokens that are known. Without any, whoever reaches the port reads everything."""

    def __init__(self, scopes: dict[str, Scope]) -> None:
        """Know some tokens.

        Args:
            scopes: By the SHA-256 hash of the token, hexadecimal.
        """
        self._scopes = scopes

    def scope_of(self, token: str | None) -> Scope:
        """Return what a token opens.

        Raises:
            UnknownTokenError: It is not known, or is needed and missing.
        """
        if not self._scopes:
            return EVERYTHING
        if token is None:
            raise UnknownTokenError("no token, expected the header `Authorization: Bearer TOKEN`")
        scope = self._scopes.get(_hash(token))
        if scope is None:
            raise UnknownTokenError("this token is not known, expected one that was given out")
        return scope


def read_tokens(settings: Settings) -> Tokens:
    """Read the tokens that the settings name.

    Raises:
        TokensFileError: The file cannot be used.
    """
    scopes = _read_file(settings.api_tokens) if settings.api_tokens else {}
    if settings.api_token:
        scopes[_hash(settings.api_token.get_secret_value())] = EVERYTHING
    return Tokens(scopes)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _read_file(path: Path) -> dict[str, Scope]:
    try:
        entries = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TokensFileError(f"SMARTSHELF_API_TOKENS={path}: {error}; {_EXPECTED}") from error
    if not isinstance(entries, dict) or not entries:
        raise TokensFileError(f"SMARTSHELF_API_TOKENS={path}: {_EXPECTED}")
    return {_checked_hash(path, name): _scope(path, name, value) for name, value in entries.items()}


def _checked_hash(path: Path, name: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{64}", name):
        # What is no hash may be a token: it is not repeated.
        raise TokensFileError(
            f"SMARTSHELF_API_TOKENS={path}: a name of {len(name)} characters is no SHA-256 hash in "
            f"lower case; {_EXPECTED}"
        )
    return name


def _scope(path: Path, name: str, value: object) -> Scope:
    try:
        return Scope(read_stores(value).stores)
    except ValueError as error:
        raise TokensFileError(
            f"SMARTSHELF_API_TOKENS={path}: {name[:8]}…: {value!r}; {_EXPECTED}"
        ) from error
