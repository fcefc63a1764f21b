"""Numbers are the reader's; chosen rows stay chosen by what they are, not by where they stand."""

import json
from datetime import UTC, datetime, timedelta

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


MANY = """
import polars as pl
import streamlit as st

from dashboard.components import tables

number = range(st.session_state["rows"])
frame = pl.DataFrame({
    "id": [str(row) for row in number],
    "store": [f"Store {row % 3}" for row in number],
    "qty": list(number),
    "secret": ["known to the page alone" for _ in number],
})
names = ["qty", "store", "id"]
columns = {name: st.column_config.Column(name.title()) for name in names}
tables.show(frame, key="t", column_config=columns)
tables.show(frame, key="u", column_config=columns, column_order=["store"])
"""


@pytest.mark.parametrize("rows", [0, 3, 600])
def test_only_what_is_shown_goes_to_the_browser(rows):
    app = AppTest.from_string(MANY)
    app.session_state["rows"] = rows
    app.run()
    assert not app.exception
    by_columns, by_order = (table.value for table in app.dataframe)
    assert list(by_columns) == ["qty", "store", "id"]
    assert list(by_order) == ["store"]
    assert list(by_columns["qty"]) == list(range(rows))
    assert list(by_columns["store"]) == [f"Store {row % 3}" for row in range(rows)]


def test_words_that_come_again_go_to_the_browser_once():
    app = AppTest.from_string(MANY)
    sizes = []
    for rows in (600, 1_200):
        app.session_state["rows"] = rows
        app.run()
        store = app.dataframe[1]
        assert store.value["store"].dtype == "category"
        sizes.append(len(store.proto.arrow_data.data))
    # A row more is the number of its word.
    assert sizes[1] - sizes[0] < 600 * 8


def test_a_table_is_the_same_one_when_its_rows_differ():
    app = AppTest.from_string(SCRIPT).run()
    widget = app.dataframe[0].proto.id
    app.session_state["names"] = ["c", "d"]
    assert app.run().dataframe[0].proto.id == widget


class Drawn:
    """A table as the browser and Streamlit remember it."""

    def __init__(self, monkeypatch):
        self.state, self.now, self.told = {}, datetime(2026, 1, 3, tzinfo=UTC), []
        self.toasts = []
        monkeypatch.setattr(tables.st, "session_state", self.state)
        monkeypatch.setattr(tables.st, "toast", lambda said, icon: self.toasts.append(said))
        monkeypatch.setattr(tables, "_now", lambda: self.now)

    def draw(self, *ids, values=0, after_s=60.0):
        """Draw rows; return the key of the widget, and what the browser is told is chosen."""
        self.now += timedelta(seconds=after_s)
        places = [place for place, name in enumerate(ids) if name in tables.chosen_ids("t")]
        frame = pl.DataFrame({"name": ids, "value": [values] * len(ids)})
        widget = tables._tell("t", list(ids), frame.hash_rows(), places)
        # A widget that is new begins with the chosen rows.
        self.state.setdefault(widget, tables._selection(places))
        return widget, self.state["t:drawn"].sent

    def click(self, *rows, after_s=5.0):
        self.now += timedelta(seconds=after_s)
        widget = tables._widget_key("t")
        self.state[widget] = tables._selection(list(rows))
        tables._remember("t", widget, self.told.append)
        return tables.chosen_ids("t")


@pytest.fixture
def table(monkeypatch):
    return Drawn(monkeypatch)


def test_a_click_is_remembered_by_id(table):
    table.draw("a", "b", "c")
    assert table.click(2, 0) == ["c", "a"]
    assert table.told == [["c", "a"]]


def test_the_browser_is_told_where_the_chosen_rows_have_gone(table):
    widget, sent = table.draw("a", "b", "c")
    assert sent is None
    table.click(1)
    assert table.draw("a", "b", "c") == (widget, None)
    assert table.draw("x", "a", "b", "c") == (widget, [2])
    assert table.state[widget]["selection"]["rows"] == [2]
    assert table.draw("x", "y") == (widget, [])
    assert table.click() == []


def test_other_values_tell_the_chosen_rows_again_for_they_may_be_sorted(table):
    table.draw("a", "b", "c")
    table.click(0, 2)
    widget, sent = table.draw("a", "b", "c", values=1)
    assert sent == [0, 2]
    assert table.draw("a", "b", "c", values=1) == (widget, None)
    assert table.draw("a", "b", "c", values=2) == (widget, [0, 2])


def test_what_the_browser_would_not_heed_a_second_time_starts_the_table_anew(table):
    table.draw("a", "b")
    table.click(1)
    widget, sent = table.draw("a", "b", values=1)
    assert sent == [1]
    anew, sent = table.draw("a", "b", values=2)
    assert anew != widget
    assert sent is None
    assert table.draw("a", "b", values=3) == (anew, [1])
    # A click on the table that is gone comes too late.
    table.state[widget] = tables._selection([0])
    tables._remember("t", widget, None)
    assert tables.chosen_ids("t") == ["b"]


def test_a_message_asks_for_one_more_drawing(table):
    table.draw("a", "b")
    table.click(1)
    table.draw("a", "b")
    assert not tables.have_told()
    table.draw("b", "a")
    assert tables.have_told()
    tables.begin()
    table.draw("b", "a")
    assert not tables.have_told()


def test_a_click_on_a_row_that_has_just_moved_does_not_count(table):
    table.draw("a", "b", "c")
    table.click(0)
    table.draw("x", "a", "b", "c")
    assert table.click(1, 3, after_s=0.3) == ["a"]
    assert table.toasts == ["The rows have just changed. Please choose again."]
    # The browser shows what is chosen, not what was clicked.
    _, sent = table.draw("x", "a", "b", "c", after_s=0)
    assert sent is None
    assert table.state[tables._widget_key("t")]["selection"]["rows"] == [1]
    assert table.click(1, 3) == ["a", "c"]


def test_a_click_on_a_row_that_has_stayed_counts_at_once(table):
    table.draw("a", "b", "c")
    table.draw("a", "b", "x", "c")
    assert table.click(1, after_s=0.1) == ["b"]
    assert not table.toasts


def test_a_click_on_rows_that_are_gone_chooses_nothing(table):
    table.draw("a", "b", "c")
    table.draw("a")
    assert table.click(2) == []


def test_choosing_from_outside_tells_the_browser(table):
    widget, _ = table.draw("a", "b")
    tables.choose("t", ["a"])
    assert table.draw("a", "b") == (widget, [0])
    tables.choose("t", [])
    assert table.draw("a", "b") == (widget, [])


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
    },
    column_order=["mean", "change", "price", "measured", "share", "plain"],
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
