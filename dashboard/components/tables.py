"""Tables in which rows can be chosen, and what is chosen stays chosen.

Streamlit remembers the numbers of chosen rows. When a new publication brings other rows, the same
numbers mean other things, and somebody would dismiss an alert nobody has looked at. So the ids
are remembered, and the table starts anew, with them chosen, whenever its rows differ.
"""

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from typing import Any, Literal

import polars as pl
import streamlit as st


def chosen_ids(key: str) -> list[str]:
    """Return the ids that are chosen in a table."""
    return list(st.session_state.get(key, []))


def choose(key: str, ids: list[str]) -> None:
    """Choose rows by id; the table shows it when it is drawn next."""
    st.session_state[key] = ids
    st.session_state[_edition_key(key)] = st.session_state.get(_edition_key(key), 0) + 1


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
    widget_key = _widget_key(key, ids)
    st.dataframe(
        frame,
        key=widget_key,
        hide_index=True,
        placeholder="",
        column_order=list(columns),
        column_config=columns,
        height=height_of(len(ids), most=height),
        on_select=partial(_remember, key, widget_key, ids, on_choice),
        selection_mode=rows,
        selection_default={
            "selection": {
                "rows": [place for place, name in enumerate(ids) if name in chosen],
                "columns": [],
                "cells": [],
            }
        },
    )
    return [name for name in ids if name in set(chosen_ids(key))]


def _remember(
    key: str,
    widget_key: str,
    ids: list[str],
    on_choice: Callable[[list[str]], None] | None,
) -> None:
    rows = st.session_state[widget_key]["selection"]["rows"]
    chosen = [ids[row] for row in rows]
    st.session_state[key] = chosen
    if on_choice:
        on_choice(chosen)


def _widget_key(key: str, ids: list[str]) -> str:
    digest = blake2b("\n".join(ids).encode(), digest_size=8).hexdigest()
    return f"{key}:{st.session_state.get(_edition_key(key), 0)}:{digest}"


def _edition_key(key: str) -> str:
    return f"{key}:edition"


def height_of(rows: int, *, most: int) -> int:
    """Return the height at which a table shows all its rows, or the most it may take."""
    return min(38 + 35 * max(rows, 1), most)
