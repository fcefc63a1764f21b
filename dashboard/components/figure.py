"""Figures on a page.

A browser reads Plotly when the first figure comes, a second in which it draws nothing else. So
figures have their places at once, and are made and sent when all else of the page has been. The
first page of a visit has none at all until the browser, done with the rest, asks for it again:
headings, key figures and tables are there to be read meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import NamedTuple

import plotly.graph_objects as go
import streamlit as st

from dashboard import text

# How long after it has read the last of a page the browser asks for its figures: time to show the
# parts that it loads on demand. While it works the timer waits, so a slow one has longer.
_HEAD_START_S = 0.2

# Tells whoever watches the page, as tests and benchmarks do, that it is not complete.
_TO_COME = '<span class="ss-figures-to-come" hidden></span>'

_NO_BAR = {"displayModeBar": False}
# In the state of a visit from the end of its first page with figures on.
HAS_PLOTLY = "has_plotly"


class _Waiting(NamedTuple):
    """A figure that has its place.

    Attributes:
        make: Makes it.
        send: Sends what was made.
    """

    make: Callable[[], go.Figure]
    send: Callable[[go.Figure], object]


_waiting: ContextVar[list[_Waiting] | None] = ContextVar("figures", default=None)


@contextmanager
def sent_last() -> Iterator[None]:
    """Make and send the figures that are drawn within when all else has been sent.

    Around a page, and within it around a fragment, which is also drawn without its page.
    """
    outer, waiting = _waiting.get(), list[_Waiting]()
    before = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(before)
    if not waiting or HAS_PLOTLY in st.session_state:
        made = [(figure.send, _localized(figure.make())) for figure in waiting]
        for send, shown in made:
            send(shown)
    elif outer is None:
        _come_back()
    else:
        outer.extend(waiting)


@st.fragment(run_every=_HEAD_START_S)
def _come_back() -> None:
    """Let the browser ask for the page again, which then has its figures."""
    if HAS_PLOTLY in st.session_state:
        st.rerun()
    st.session_state[HAS_PLOTLY] = True
    st.html(_TO_COME)


def _localized(shown: go.Figure) -> go.Figure:
    """Let axes, labels and hovers write numbers as the reader's language does."""
    shown.layout.separators = text.separators()
    return shown


def draw(
    make: Callable[[], go.Figure],
    key: str,
    alt: str,
    on_click: Callable[[], None] | None = None,
) -> None:
    """Draw a figure in the look of the app, without Plotly's bar of tools.

    Args:
        make: Makes the figure, of what has been asked of the publication before.
        key: Under which Streamlit knows it.
        alt: What it shows, for those who do not see it.
        on_click: Called when the reader clicks a point.
    """
    # A container keeps what was in it when the page is drawn again, until something else comes.
    send = partial(
        st.container().plotly_chart,
        theme=None,
        key=key,
        config=_NO_BAR,
        alt=alt,
        on_select=on_click or "ignore",
        selection_mode="points",
    )
    waiting = _waiting.get()
    if waiting is None:
        send(_localized(make()))
    else:
        waiting.append(_Waiting(make, send))
