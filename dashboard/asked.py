"""What somebody asked for before the login, which itself leads to the first page.

Belongs here: keeping the page and its choices over the login. They stay on this side for a short
while, by the token that Streamlit guards a browser with, whose cookie is there before the login and
after it. So nothing that comes from outside says where to go: it is a page of the app, or none.
"""

import time
from threading import Lock
from typing import NamedTuple

import streamlit as st

from dashboard import links

_COOKIE = "_streamlit_xsrf"
_KEPT_S = 900.0
# So many at once, of so many characters each: whoever has not logged in cannot fill the memory.
_MOST = 1_000
_LONGEST = 2_000
_BEGUN = "session_begun"


class _Asked(NamedTuple):
    """What a browser asked for.

    Attributes:
        path: Of the page.
        choices: What the page was to show, by the names in the URL.
        until: When it is forgotten, by the monotonic clock.
    """

    path: str
    choices: dict[str, list[str]]
    until: float


_lock = Lock()
_asked: dict[str, _Asked] = {}


def keep(path: str) -> None:
    """Keep which page was asked for, with the choices in its address.

    Args:
        path: Of the page.
    """
    browser = _browser()
    if browser is None:
        return
    choices = {name: st.query_params.get_all(name) for name in st.query_params}
    length = sum(len(name) + sum(map(len, values)) for name, values in choices.items())
    with _lock:
        _asked.pop(browser, None)
        if length <= _LONGEST and (choices or not links.is_home(path)):
            _asked[browser] = _Asked(path, choices, time.monotonic() + _KEPT_S)
        if len(_asked) > _MOST:
            del _asked[next(iter(_asked))]


def go_on(path: str) -> None:
    """Leave the first page for what was asked for before the login, once.

    Whoever comes with an address of their own stays there.

    Args:
        path: Of the page that would be shown.
    """
    if st.session_state.get(_BEGUN):
        return
    st.session_state[_BEGUN] = True
    if st.query_params or not links.is_home(path):
        return
    browser = _browser()
    with _lock:
        found = _asked.pop(browser, None) if browser else None
    if found and time.monotonic() < found.until:
        links.go(found.path, found.choices)


def _browser() -> str | None:
    """Return the token of the browser; its cookie has it under a mask that changes."""
    try:
        _, mask, masked, _ = st.context.cookies.get(_COOKIE, "").strip('"').split("|")
        key, token = bytes.fromhex(mask), bytes.fromhex(masked)
    except ValueError:
        return None
    if not key or not token:
        return None
    return bytes(byte ^ key[at % len(key)] for at, byte in enumerate(token)).hex()
