"""Taking a table along."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import polars as pl
import streamlit as st

from dashboard import text


def csv_button(frame: pl.DataFrame, file_name: str) -> None:
    """Draw the button that downloads rows as CSV; they are written when it is pressed."""
    _button("CSV", lambda: frame.write_csv().encode(), file_name, "text/csv")


def parquet_button(frame: pl.DataFrame, file_name: str) -> None:
    """Draw the button that downloads rows as Parquet; they are written when it is pressed."""
    _button("Parquet", lambda: _parquet(frame), file_name, "application/vnd.apache.parquet")


def _parquet(frame: pl.DataFrame) -> bytes:
    written = BytesIO()
    frame.write_parquet(written)
    return written.getvalue()


def _button(kind: str, data: Callable[[], bytes], file_name: str, mime: str) -> None:
    st.download_button(
        f"Download as {kind}",
        data=data,
        file_name=file_name,
        mime=mime,
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def summary(
    sentence: str,
    frame: pl.DataFrame,
    file_name: str,
    *,
    shown_rows: int | None = None,
    with_parquet: bool = False,
) -> None:
    """Draw what a table counts, with the button that downloads all of it.

    Args:
        sentence: What it counts; Markdown.
        frame: The rows.
        file_name: Name of the download, as CSV.
        shown_rows: How many rows are drawn at most; `None` for all.
        with_parquet: Whether it can be had as Parquet, too.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        more = ""
        if shown_rows is not None and len(frame) > shown_rows:
            more = f" The first {text.number(shown_rows)} are shown."
        st.markdown(sentence + more)
        csv_button(frame, file_name)
        if with_parquet:
            parquet_button(frame, str(Path(file_name).with_suffix(".parquet")))
