"""What needs hands now, each with the page on which to act."""

from dataclasses import dataclass

import streamlit as st

from dashboard.components import links

_SIGNS = {"critical": ":red[**▲**]", "caution": ":orange[**◆**]", "calm": ":green[**✓**]"}


@dataclass(frozen=True)
class Task:
    """A thing to look at.

    Attributes:
        urgency: critical, caution or calm.
        what: What there is, in a few words; Markdown.
        path: Path of the page on which to act.
        link: What to do there.
        choices: What to choose on it, by names in the URL.
    """

    urgency: str
    what: str
    path: str
    link: str
    choices: tuple[tuple[str, str], ...] = ()


def show(tasks: list[Task]) -> None:
    """Draw tasks, the most urgent first."""
    order = list(_SIGNS)
    for task in sorted(tasks, key=lambda task: order.index(task.urgency)):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"{_SIGNS[task.urgency]}\N{NO-BREAK SPACE}{task.what}")
            links.to(task.path, task.link, **dict(task.choices))
