"""Saying in plain words why there is nothing to see, and which command helps."""

import streamlit as st


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
