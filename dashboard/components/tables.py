"""Tables: numbers as the reader writes them, and rows that can be chosen and stay chosen.

Columns say by printf how many decimals they have, as in `%.1f`. Streamlit writes that with the
English point, so `show` asks for the reader's own way instead.

Streamlit remembers the numbers of chosen rows. When a new publication brings other rows, the same
numbers mean other things, and somebody would dismiss an alert nobody has looked at. So the ids
are remembered, and the table starts anew, with them chosen, whenever its rows differ.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from hashlib import blake2b
from typing import Any, Literal

import polars as pl
import streamlit as st

from dashboard import text

# Decimals, or digits that count.
_PRINTF = re.compile(r"%(\+?),?\.(\d+)([fg])")


def show(frame: pl.DataFrame, *, column_config: Mapping[str, Any], **options: Any) -> None:
    """Draw a table whose numbers are written as the reader's language does.

    Args:
        frame: The rows.
        column_config: Of the columns, by name.
        **options: Of `st.dataframe`.
    """
    rounded, columns = [], dict(column_config)
    for name, column in column_config.items():
        kind = (column or {}).get("type_config") or {}
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
    st.dataframe(frame.with_columns(rounded), column_config=columns, **options)


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
    show(
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
