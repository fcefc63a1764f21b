"""Tables: numbers as the reader writes them, and rows that can be chosen and stay chosen.

Columns say by printf how many decimals they have, as in `%.1f`. Streamlit writes that with the
English point, so `show` asks for the reader's own way instead.

Streamlit remembers the numbers of chosen rows. When a new publication brings other rows, the same
numbers mean other things, and somebody would dismiss an alert nobody has looked at. So the ids
are remembered, and the table is told anew which of its rows they are whenever its rows differ. It
stays the same table all the while: scrolled to where it was, and sorted as it was.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple

import polars as pl
import streamlit as st

from dashboard import text

# How many rows a page shows of a table, where it has many; its download has all of them.
SHOWN_ROWS = 2_000
# Of shelves and lots: all shelves of ten stores, or six times the lots of a large one. They take
# 2 to 3 MB to the browser.
SHOWN_PLACES = 20_000

# So many rows are small, whatever they say.
_FEW_ROWS = 500

# Decimals, or digits that count.
_PRINTF = re.compile(r"%(\+?),?\.(\d+)([fg])")


def show(
    frame: pl.DataFrame,
    *,
    column_config: Mapping[str, Any],
    column_order: Sequence[str] | None = None,
    **options: Any,
) -> None:
    """Draw a table whose numbers are written as the reader's language does.

    Args:
        frame: The rows.
        column_config: Of the columns, by name.
        column_order: The columns to show, by default those of `column_config`; others are not sent.
        **options: Of `st.dataframe`.
    """
    frame = visible(frame, list(column_config) if column_order is None else column_order)
    rounded, columns = [], dict(column_config)
    for name, column in column_config.items():
        kind = column.get("type_config") or {}
        found = _PRINTF.fullmatch(kind.get("format") or "")
        if found is None or name not in frame.columns:
            continue
        sign, digits, way = found[1], int(found[2]), found[3]
        # Streamlit writes a plus before English decimals only; others go without.
        if sign and text.separators()[0] == ".":
            continue
        value = pl.col(name).cast(pl.Float64)
        if way == "g":
            kind = kind | {"format": "localized"}
            value = value.round_sig_figs(digits)
        else:
            # Streamlit has as many decimals as the step, and cuts what is beyond.
            kind = kind | {"format": "localized", "step": 10**-digits}
            value = value.round(digits, mode="half_away_from_zero")
        columns[name] = column | {"type_config": kind}
        # A zero has no sign.
        rounded.append(pl.when(value == 0).then(0.0).otherwise(value).alias(name))
    st.dataframe(_words_once(frame).with_columns(rounded), column_config=columns, **options)


def visible(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return what a table shows of its rows: a browser has no use for the rest."""
    return frame.select(columns)


def _words_once(frame: pl.DataFrame) -> pl.DataFrame:
    """Let words that come again and again go to the browser once, where there are many rows."""
    if len(frame) <= _FEW_ROWS:
        return frame
    words = [name for name, kind in frame.schema.items() if kind == pl.String]
    repeated = [name for name in words if frame.get_column(name).n_unique() < len(frame) // 4]
    return frame.with_columns(pl.col(repeated).cast(pl.Categorical))


# For so long after its rows have moved a click may have been meant for what was there before.
_SETTLING = timedelta(seconds=1)
_HAVE_TOLD = "tables_have_told"


class _Drawn(NamedTuple):
    """How a table was drawn last.

    Attributes:
        ids: Of its rows.
        before: Of the rows that it had before these.
        moved_at: When these came.
        values: A digest of each row.
        sent: The chosen rows if the browser was told them with this drawing.
    """

    ids: list[str]
    before: list[str]
    moved_at: datetime
    values: pl.Series
    sent: list[int] | None


def chosen_ids(key: str) -> list[str]:
    """Return the ids that are chosen in a table."""
    return list(st.session_state.get(key, []))


def choose(key: str, ids: list[str]) -> None:
    """Choose rows by id; the table shows it when it is drawn next."""
    st.session_state[key] = ids


def restore(key: str, parameter: str) -> None:
    """Take the choice of a table over from the URL, once."""
    named = st.query_params.get(parameter)
    if named and key not in st.session_state:
        choose(key, [named])


def keep(parameter: str, ids: list[str]) -> None:
    """Write a choice of one row into the URL; any other is left out of it."""
    if len(ids) == 1:
        st.query_params[parameter] = ids[0]
    else:
        st.query_params.pop(parameter, None)


def begin() -> None:
    """Begin to draw a page."""
    st.session_state.pop(_HAVE_TOLD, None)


def have_told() -> bool:
    """Return whether a table told the browser which rows are chosen when the page was drawn last.

    The page should be drawn again before the next publication: the browser does not heed a message
    that equals the one before, and the table would have to start anew.
    """
    return _HAVE_TOLD in st.session_state


def table(
    frame: pl.DataFrame,
    *,
    key: str,
    id_column: str,
    columns: dict[str, Any],
    rows: Literal["single-row", "multi-row"],
    height: int,
    on_choice: Callable[[list[str]], None] | None = None,
) -> list[str]:
    """Draw a table and return the ids of the chosen rows, in its order.

    Args:
        frame: The rows.
        key: Under which the choice is remembered.
        id_column: Identifies a row; need not be shown.
        columns: Configuration of the columns to show, in their order.
        rows: Whether one or many can be chosen.
        height: Height at most, pixels.
        on_choice: Called with the chosen ids when the reader changes the choice.
    """
    ids = frame.get_column(id_column).to_list()
    chosen = set(chosen_ids(key))
    places = [place for place, name in enumerate(ids) if name in chosen]
    widget_key = _tell(key, ids, frame.hash_rows(), places)
    show(
        frame,
        key=widget_key,
        hide_index=True,
        placeholder="",
        column_config=columns,
        height=height_of(len(ids), most=height),
        on_select=partial(_remember, key, widget_key, on_choice),
        selection_mode=rows,
        selection_default=_selection(places),
    )
    return [ids[place] for place in places]


def _tell(key: str, ids: list[str], values: pl.Series, places: list[int]) -> str:
    """Let the browser know which rows are chosen, where it might show others.

    Args:
        key: Of the table.
        ids: Of its rows.
        values: A digest of each row.
        places: Numbers of the chosen rows.

    Returns:
        The key of the widget; another one makes the table start anew.
    """
    last: _Drawn | None = st.session_state.get(_drawn_key(key))
    widget_key = _widget_key(key)
    sent = None
    if last and widget_key in st.session_state:
        shown = st.session_state[widget_key]["selection"]["rows"]
        # Where the reader has sorted, other values put other rows to the same places.
        may_have_moved = places and not values.equals(last.values)
        if sorted(shown) != places or may_have_moved:
            if last.sent == places:
                # The browser does not heed a message that equals the one before.
                st.session_state[_edition_key(key)] = _edition(key) + 1
                widget_key = _widget_key(key)
            else:
                sent = places
                st.session_state[widget_key] = _selection(places)
                st.session_state[_HAVE_TOLD] = True
    before, moved_at = (last.ids, _now()) if last else (ids, _now())
    if last and last.ids == ids:
        before, moved_at = last.before, last.moved_at
    st.session_state[_drawn_key(key)] = _Drawn(ids, before, moved_at, values, sent)
    return widget_key


def _remember(key: str, widget_key: str, on_choice: Callable[[list[str]], None] | None) -> None:
    if widget_key != _widget_key(key):
        # A click on a table that has started anew since.
        return
    drawn: _Drawn = st.session_state[_drawn_key(key)]
    rows = st.session_state[widget_key]["selection"]["rows"]
    chosen = _names(drawn.ids, rows)
    is_fresh = _now() - drawn.moved_at < _SETTLING
    if is_fresh and chosen != _names(drawn.before, rows):
        st.toast("The rows have just changed. Please choose again.", icon=":material/update:")
        return
    st.session_state[key] = chosen
    if on_choice:
        on_choice(chosen)


def _now() -> datetime:
    return datetime.now(UTC)


def _names(ids: list[str], rows: list[int]) -> list[str]:
    return [ids[row] for row in rows if row < len(ids)]


def _selection(rows: list[int]) -> Any:
    return {"selection": {"rows": rows, "columns": [], "cells": []}}


def _widget_key(key: str) -> str:
    return f"{key}:{_edition(key)}"


def _edition(key: str) -> int:
    edition: int = st.session_state.get(_edition_key(key), 0)
    return edition


def _edition_key(key: str) -> str:
    return f"{key}:edition"


def _drawn_key(key: str) -> str:
    return f"{key}:drawn"


def height_of(rows: int, *, most: int) -> int:
    """Return the height at which a table shows all its rows, or the most it may take."""
    return min(38 + 35 * max(rows, 1), most)
