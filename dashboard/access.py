"""Who is in front of the app: the login, and the role that goes with it.

Belongs here: what Streamlit's login says of the reader, and what the app was told about people.
Does not belong here: what a role may do and which rows are of which store
(`smartshelf_dagster/domain/access.py`), how a closed door looks (`components/door.py`).

`python -m dashboard.access` tells whether the app can be started as it is set up.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import streamlit as st

from smartshelf_dagster.domain.access import (
    ANYBODY,
    ExposedError,
    People,
    PeopleFileError,
    Principal,
    check_exposure,
    read_people,
)
from smartshelf_dagster.settings import SettingsError, load_settings

# Where identity providers write the groups of a person.
_GROUPS = "groups"


class LoginError(RuntimeError):
    """The login and the file of people do not go together; the message says what is missing."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who is not let in.

    Attributes:
        email: Who it is; `None` before the login.
        contact: Whom to ask for access.
    """

    email: str | None
    contact: str


def visitor() -> Principal | Visitor:
    """Return who reads: somebody with a role, or somebody to turn away.

    Raises:
        LoginError: The login is not complete.
        PeopleFileError: The file of people cannot be used.
        ExposedError: The app would be open to others than this machine.
        SettingsError: A setting cannot be used.
    """
    people = _people()
    if people is None:
        return ANYBODY
    if not st.user.get("is_logged_in"):
        return Visitor(None, people.contact)
    email = _email()
    found = people.principal(email, _groups())
    return found if email and found.grants else Visitor(email or "no e-mail", people.contact)


def principal() -> Principal:
    """Return who reads; somebody who is to be turned away has no role for any store."""
    try:
        found = visitor()
    except (LoginError, PeopleFileError, ExposedError, SettingsError):
        return Principal(None, ())
    return found if isinstance(found, Principal) else Principal(found.email, ())


def _people() -> People | None:
    """Return who was given what, `None` where nobody has to log in."""
    path = load_settings().people
    check_exposure(str(st.get_option("server.address")), path, "server.address")
    has_login = _has_login()
    if path is None:
        if has_login:
            raise LoginError(
                "SMARTSHELF_PEOPLE is not set, expected a JSON file of people and their roles, as "
                "the secrets of Streamlit have a section [auth]"
            )
        return None
    if not has_login:
        raise LoginError(
            f"SMARTSHELF_PEOPLE={path}: expected a section [auth] in .streamlit/secrets.toml, so "
            "that people can log in"
        )
    return _read(path, path.stat().st_mtime_ns if path.exists() else 0)


def _has_login() -> bool:
    return bool(st.secrets.load_if_toml_exists()) and "auth" in st.secrets


@lru_cache(maxsize=8)
def _read(path: Path, written: int) -> People:  # noqa: ARG001 - part of the key
    return read_people(path)


def _email() -> str:
    """Return the e-mail of who is logged in, nothing if the provider says it is not theirs."""
    is_theirs = str(st.user.get("email_verified", True)).lower() != "false"
    return str(st.user.get("email") or "") if is_theirs else ""


def _groups() -> list[str]:
    groups: object = st.user.get(_GROUPS) or []
    return [str(name) for name in groups] if isinstance(groups, list) else [str(groups)]


def main() -> int:
    """Say on stderr why the app would let nobody in, if so."""
    try:
        _people()
    except (LoginError, PeopleFileError, ExposedError, SettingsError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - told to who starts it
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
