"""Figures on a page.

A browser reads Plotly when the first figure comes, half a second in which it draws nothing else.
So figures have their places at once, and are sent when all else of the page has been: headings,
key figures and tables are there to be read meanwhile.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from dashboard import text

_NO_BAR = {"displayModeBar": False}
_waiting: ContextVar[list[Callable[[], object]] | None] = ContextVar("figures", default=None)


@contextmanager
def sent_last() -> Iterator[None]:
    """Send what is drawn within when all else has been.

    Around a page, and within it around a fragment, which is also drawn without its page.
    """
    waiting: list[Callable[[], object]] = []
    before = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(before)
    for send in waiting:
        send()


def draw(shown: go.Figure, key: str, alt: str, on_click: Callable[[], None] | None = None) -> None:
    """Draw a figure in the look of the app, without Plotly's bar of tools.

    Axes, labels and hovers write numbers as the reader's language does.

    Args:
        shown: The figure.
        key: Under which Streamlit knows it.
        alt: What it shows, for those who do not see it.
        on_click: Called when the reader clicks a point.
    """
    shown.update_layout(separators=text.separators())
    # A container keeps what was in it when the page is drawn again, until something else comes.
    send = partial(
        st.container().plotly_chart,
        shown,
        theme=None,
        key=key,
        config=_NO_BAR,
        alt=alt,
        on_select=on_click or "ignore",
        selection_mode="points",
    )
    waiting = _waiting.get()
    if waiting is None:
        send()
    else:
        waiting.append(send)
