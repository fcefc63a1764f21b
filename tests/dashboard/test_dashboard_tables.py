"""Chosen rows stay chosen by what they are, not by where they stand."""

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import tables

SCRIPT = """
import polars as pl
import streamlit as st

from dashboard.components import tables

frame = pl.DataFrame({"name": st.session_state.get("names", ["a", "b", "c"])})
columns = {"name": st.column_config.TextColumn("Name")}
chosen = tables.table(
    frame, key="t", id_column="name", columns=columns, rows="multi-row", height=200
)
st.write("chosen: " + ", ".join(chosen))
"""


def shown(app):
    assert not app.exception
    return app.markdown[0].value


def test_rows_that_move_stay_chosen():
    app = AppTest.from_string(SCRIPT).run()
    app.session_state["t"] = ["b"]
    assert shown(app.run()) == "chosen: b"
    app.session_state["names"] = ["x", "y", "a", "b"]
    assert shown(app.run()) == "chosen: b"
    app.session_state["names"] = ["x", "y"]
    assert shown(app.run()) == "chosen:"


def test_a_table_starts_anew_when_its_rows_differ():
    first = tables._widget_key("t", ["a", "b"])
    assert tables._widget_key("t", ["a", "b"]) == first
    assert tables._widget_key("t", ["b", "a"]) != first
    assert tables._widget_key("t", ["a"]) != first


def test_a_click_is_remembered_by_id(monkeypatch):
    state = {"w": {"selection": {"rows": [2, 0]}}}
    monkeypatch.setattr(tables.st, "session_state", state)
    told = []
    tables._remember("t", "w", ["a", "b", "c"], told.append)
    assert tables.chosen_ids("t") == ["c", "a"]
    assert told == [["c", "a"]]


def test_choosing_from_outside_starts_the_table_anew(monkeypatch):
    monkeypatch.setattr(tables.st, "session_state", {})
    before = tables._widget_key("t", ["a"])
    tables.choose("t", ["a"])
    assert tables.chosen_ids("t") == ["a"]
    assert tables._widget_key("t", ["a"]) != before


@pytest.mark.parametrize(("rows", "pixels"), [(0, 73), (1, 73), (4, 178), (50, 300)])
def test_short_tables_are_short(rows, pixels):
    assert tables.height_of(rows, most=300) == pixels
