"""Figures come when all else of a page is there, in their places."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.components import figure

PAGE = """
import plotly.graph_objects as go
import streamlit as st
from dashboard.components import figure

order = st.session_state["order"] = []

def make():
    order.append("figure")
    return go.Figure()

with figure.sent_last():
    figure.draw(make, "empty", "Nothing")
    order.append("text")
    st.text("Below it")
"""


@pytest.fixture
def waited(monkeypatch):
    seconds = []
    monkeypatch.setattr(figure, "HEAD_START_S", 0.15)
    monkeypatch.setattr(figure, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


def test_a_figure_is_made_last_and_stands_where_it_belongs(waited):
    app = AppTest.from_string(PAGE).run()
    assert not app.exception
    assert app.session_state["order"] == ["text", "figure"]
    place, text = app.main.children.values()
    assert [child.type for child in place.children.values()] == ["plotly_chart"]
    assert text.value == "Below it"


def test_the_browser_has_a_head_start_once(waited):
    app = AppTest.from_string(PAGE).run()
    assert waited == [0.15]
    app.run()
    assert waited == [0.15]


def test_a_page_without_figures_waits_for_nothing(waited):
    without = "from dashboard.components import figure\nwith figure.sent_last():\n    pass"
    assert not AppTest.from_string(without).run().exception
    assert waited == []
