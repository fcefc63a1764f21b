"""Taking a table along: as CSV, for Excel, or as Parquet.

Belongs here: how a value is written in each format. CSV and Parquet have times in UTC. Excel knows
no time zones, so its times are those of the store, with the zone in the name of the column; text
never becomes a formula there. The name of a file has the stores, the days and categories if they
are not the usual ones, and the instant of the data; a second sheet for Excel says the rest: the
other filters, the version of the publication.
"""

from collections.abc import Callable, Mapping
from datetime import UTC
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import polars as pl
import polars.selectors as cs
import streamlit as st
import xlsxwriter

from dashboard import access, text
from dashboard.components import filters
from dashboard.page import Page, PageContext
from dashboard.period import USUAL

# Of the format itself; the first row holds the names.
SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_ABOUT_WIDTH = 30
_SCOPE = "download_scope"
# Choices that the second sheet tells by themselves.
_TOLD = {"store", filters.PERIOD, filters.DAYS, filters.CATEGORY}
_ALL = "all-stores"
# Longer names of files are a nuisance.
_MOST_NAMED = 3
# Text stays text: no formula, link or number is made of it.
_AS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


class _Kind(NamedTuple):
    """A format: its name on the button, ending and MIME type."""

    name: str
    suffix: str
    mime: str


_CSV = _Kind("CSV", ".csv", "text/csv")
_EXCEL = _Kind(
    "Excel", ".xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)
_PARQUET = _Kind("Parquet", ".parquet", "application/vnd.apache.parquet")


class _Scope(NamedTuple):
    """What is told of every download of a page.

    Attributes:
        timezone: In which a sheet tells times.
        suffix: What the names of files end in: the stores, and the instant of the data.
        about: What the second sheet says, by what it is called.
    """

    timezone: str
    suffix: str
    about: dict[str, str]


def begin(page: Page, context: PageContext) -> None:
    """Remember what the page is about, for the downloads on it."""
    publication = context.publication
    as_of = publication.as_of.astimezone(UTC)
    about = {
        "Page": page.title,
        "Stores": "all"
        if page.is_of_all_stores
        else ", ".join(f"{store.name} ({store.store_id})" for store in context.chosen),
        "As of (UTC)": f"{as_of:%Y-%m-%d %H:%M:%S}",
        "Published (UTC)": f"{publication.published_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "Version": publication.version,
        "Times in": context.timezone,
        "Address": f"/{page.path}",
    }
    shown, parts = filters.of(page), [_stores(page, context)]
    if shown.periods:
        about["Period"] = context.period.label
        parts += _days(context)
    if shown.by_category:
        labels = [text.category_label(category) for category in context.categories]
        about["Categories"] = ", ".join(labels) or "all"
        parts += _categories(labels)
    suffix = "".join(f"_{part}" for part in (*parts, f"{as_of:%Y%m%dT%H%MZ}"))
    st.session_state[_SCOPE] = _Scope(context.timezone, suffix, about)


def _filters() -> dict[str, str]:
    """Return what is chosen on the page, where it is not the default: so the address has it."""
    return {
        f"Filter: {name}": ", ".join(st.query_params.get_all(name))
        for name in sorted(st.query_params)
        if name not in _TOLD
    }


def _stores(page: Page, context: PageContext) -> str:
    """Return which stores a page is about, for the name of a file."""
    ids = context.store_ids
    if page.is_of_all_stores or (len(ids) > 1 and access.principal().scope.has_all):
        return _ALL
    return "-".join(ids) if len(ids) <= _MOST_NAMED else f"{len(ids)}-stores"


def _days(context: PageContext) -> list[str]:
    """Return the days a page is about, for the name of a file; nothing of the usual ones."""
    period = context.period
    if period.days:
        return ["--".join(str(day) for day in period.days)]
    return [] if period.name == USUAL else [period.name]


def _categories(labels: list[str]) -> list[str]:
    """Return which categories a page is about, for the name of a file; nothing of all."""
    if len(labels) > _MOST_NAMED:
        return [f"{len(labels)}-categories"]
    words = ["".join(char for char in label if char.isalnum()) for label in labels]
    return ["-".join(words)] if words else []


def csv(frame: pl.DataFrame) -> bytes:
    """Return rows as CSV."""
    return _flat(frame).write_csv().encode()


def parquet(frame: pl.DataFrame) -> bytes:
    """Return rows as Parquet."""
    written = BytesIO()
    frame.write_parquet(written)
    return written.getvalue()


def excel(frame: pl.DataFrame, timezone: str, about: Mapping[str, str]) -> bytes:
    """Return rows as a workbook, with a second sheet that says what they are.

    Args:
        frame: Fewer rows than `SHEET_ROWS`.
        timezone: In which times are told; it stands in the names of their columns.
        about: What the second sheet says, by what it is called.
    """
    written = BytesIO()
    with xlsxwriter.Workbook(written, _AS_TEXT) as book:
        _for_a_sheet(_flat(frame), timezone).write_excel(
            book,
            "rows",
            dtype_formats={pl.Datetime: "yyyy-mm-dd hh:mm:ss", pl.Date: "yyyy-mm-dd"},
            autofit=len(frame) > 0,
            freeze_panes=(1, 0),
        )
        sheet = book.add_worksheet("about")
        sheet.set_column(0, 1, _ABOUT_WIDTH)
        for row, (name, told) in enumerate(about.items()):
            sheet.write_string(row, 0, name[:_CELL_CHARACTERS])
            sheet.write_string(row, 1, told[:_CELL_CHARACTERS])
    return written.getvalue()


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows whose lists have become text."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(
        pl.col(name).cast(pl.List(pl.String)).list.join(" + ") for name in lists
    )


def _for_a_sheet(frame: pl.DataFrame, timezone: str) -> pl.DataFrame:
    """Return rows as cells hold them: local times, finite numbers, texts that fit."""
    times = [
        name
        for name, kind in frame.schema.items()
        if isinstance(kind, pl.Datetime) and kind.time_zone
    ]
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    too_long = pl.col(texts).str.len_chars() > _CELL_CHARACTERS
    return frame.with_columns(
        pl.when(cs.float().is_finite()).then(cs.float()).name.keep(),
        pl.col(times).dt.convert_time_zone(timezone).dt.replace_time_zone(None),
        pl.when(too_long)
        .then(pl.col(texts).str.head(_CELL_CHARACTERS - 1) + "…")
        .otherwise(pl.col(texts))
        .name.keep(),
    ).rename({name: f"{name} ({timezone})" for name in times})


def menu(frame: pl.DataFrame, name: str) -> None:
    """Draw the menu that downloads rows; they are written when a format is chosen.

    Args:
        frame: The rows.
        name: What the name of the file begins with; an ending is not needed.
    """
    stem = Path(name).stem
    scope: _Scope = st.session_state[_SCOPE]
    about = {"Table": stem, "Rows": str(len(frame)), **scope.about, **_filters()}
    file = f"{stem}{scope.suffix}"
    fits = len(frame) < SHEET_ROWS
    with st.popover(
        "Download", icon=":material/download:", type="tertiary", key=f"download:{stem}"
    ):
        _button(_CSV, file, stem, lambda: csv(frame), "Times are UTC.")
        _button(
            _EXCEL,
            file,
            stem,
            lambda: excel(frame, scope.timezone, about),
            f"Times are those of {scope.timezone}; a second sheet says what the rows are."
            if fits
            else f"A sheet has {text.number(SHEET_ROWS)} rows; filter the table first.",
            disabled=not fits,
        )
        _button(_PARQUET, file, stem, lambda: parquet(frame), "Types are kept; times are UTC.")


def _button(
    kind: _Kind,
    file: str,
    stem: str,
    data: Callable[[], bytes],
    about: str,
    *,
    disabled: bool = False,
) -> None:
    st.download_button(
        f"Download as {kind.name}",
        data=data,
        file_name=f"{file}{kind.suffix}",
        mime=kind.mime,
        help=about,
        key=f"download:{stem}{kind.suffix}",
        type="tertiary",
        on_click="ignore",
        disabled=disabled,
    )


def summary(
    sentence: str, frame: pl.DataFrame, file_name: str, *, shown_rows: int | None = None
) -> None:
    """Draw what a table counts, with the menu that downloads all of it.

    Args:
        sentence: What it counts; Markdown.
        frame: The rows.
        file_name: Name of the download; an ending is not needed.
        shown_rows: How many rows are drawn at most; `None` for all.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        if shown_rows is not None and len(frame) > shown_rows:
            some = f"first {text.number(shown_rows)} are shown"
            leads_on = sentence.endswith(":")
            sentence = f"{sentence[:-1]}; the {some}:" if leads_on else f"{sentence} The {some}."
        st.markdown(sentence)
        menu(frame, file_name)


def heading(title: str, frame: pl.DataFrame, name: str) -> None:
    """Draw the heading of a table, with the menu that downloads it.

    Args:
        title: What is in it.
        frame: The rows.
        name: Of the file.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(title, anchor=False, width="content")
        menu(frame, name)
