"""A figure on a page."""

import plotly.graph_objects as go
import streamlit as st

_NO_BAR = {"displayModeBar": False}


def draw(shown: go.Figure, key: str, alt: str) -> None:
    """Draw a figure in the look of the app, without Plotly's bar of tools.

    Args:
        shown: The figure.
        key: Under which Streamlit knows it.
        alt: What it shows, for those who do not see it.
    """
    st.plotly_chart(shown, theme=None, key=key, config=_NO_BAR, alt=alt)
