"""Taking a table along."""

import polars as pl
import streamlit as st

from dashboard import text


def csv_button(frame: pl.DataFrame, file_name: str) -> None:
    """Draw the button that downloads rows as CSV; they are written when it is pressed."""
    st.download_button(
        "Download as CSV",
        data=lambda: frame.write_csv().encode(),
        file_name=file_name,
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def summary(
    sentence: str, frame: pl.DataFrame, file_name: str, *, shown_rows: int | None = None
) -> None:
    """Draw what a table counts, with the button that downloads all of it.

    Args:
        sentence: What it counts; Markdown.
        frame: The rows.
        file_name: Name of the download.
        shown_rows: How many rows are drawn at most; `None` for all.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        more = ""
        if shown_rows is not None and len(frame) > shown_rows:
            more = f" The first {text.number(shown_rows)} are shown."
        st.markdown(sentence + more)
        csv_button(frame, file_name)
