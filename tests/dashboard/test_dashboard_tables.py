"""Numbers are the reader's; chosen rows stay chosen by what they are, not by where they stand."""

import json

import polars as pl
import pytest
import streamlit as st
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


NUMBERS = """
from decimal import Decimal

import polars as pl
import streamlit as st

from dashboard.components import tables

config = st.column_config
tables.show(
    pl.DataFrame(
        {
            "mean": [1234.56, -0.04, None],
            "change": [4.35, -2.05, 0.0],
            "price": [Decimal("0.125"), Decimal("4.350"), None],
            "measured": [1234567.0, 0.98765, 12.0],
            "share": [12.345, 0.5, 0.0],
            "plain": [0.125, 2.5, 3.0],
        }
    ),
    column_config={
        "mean": config.NumberColumn("Mean", format="%.1f"),
        "change": config.NumberColumn("Change", format="%+.1f"),
        "price": config.NumberColumn("Price", format="%.2f"),
        "measured": config.NumberColumn("Measured", format="%.4g"),
        "share": config.ProgressColumn("Share", format="%.0f %%", max_value=100),
        "plain": config.NumberColumn("Plain", format="localized"),
        "absent": config.NumberColumn("Absent", format="%.1f"),
        "hidden": None,
    },
)
"""


def formats(app):
    """Return the format and the step of each column of the first table."""
    columns = json.loads(app.dataframe[0].proto.columns)
    kinds = {name: (column or {}).get("type_config", {}) for name, column in columns.items()}
    return {name: (kind.get("format"), kind.get("step")) for name, kind in kinds.items() if kind}


@pytest.mark.parametrize(
    ("locale", "change"), [("en-GB", ("%+.1f", None)), ("de-DE", ("localized", 0.1))]
)
def test_decimals_are_the_readers(monkeypatch, locale, change):
    monkeypatch.setattr(type(st.context), "locale", locale)
    app = AppTest.from_string(NUMBERS).run()
    assert not app.exception
    assert formats(app) == {
        "mean": ("localized", 0.1),
        "change": change,
        "price": ("localized", 0.01),
        "measured": ("localized", None),
        "share": ("%.0f %%", None),
        "plain": ("localized", None),
        "absent": ("%.1f", None),
    }
    shown = pl.from_pandas(app.dataframe[0].value)
    # Streamlit cuts what is beyond the decimals, so they are rounded before.
    assert shown["mean"].to_list() == [1234.6, 0.0, None]
    assert str(shown["mean"][1]) == "0.0"
    assert shown["price"].to_list() == [0.13, 4.35, None]
    assert shown["measured"].to_list() == [1_235_000, 0.9877, 12]
    assert shown["plain"].to_list() == [0.125, 2.5, 3.0]
