"""Saying in plain words why there is nothing to see, and which command helps."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.serving import ServingUnavailableError


def nothing(title: str, reason: str, *remedies: tuple[str, str]) -> None:
    """Explain an absence.

    Args:
        title: What is missing.
        reason: Why, a sentence or two.
        remedies: Commands that help, each with what it does.
    """
    with st.container(border=True):
        st.subheader(f":material/info: {title}", anchor=False)
        st.write(reason)
        for command, effect in remedies:
            st.markdown(f"`{command}` {effect}")


@contextmanager
def what_is_missing() -> Iterator[None]:
    """Explain data that cannot be read in the place where they belong, and go on after it."""
    try:
        yield
    except ServingUnavailableError as problem:
        nothing(problem.title, problem.reason, *problem.remedies)
