"""Figures come when all else of a page is there, in their places."""

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


PARTS = """
import plotly.graph_objects as go
import streamlit as st
from dashboard.components import figure

@st.fragment
def part():
    with figure.sent_last():
        figure.draw(go.Figure, "inner", "Of the part")

with figure.sent_last():
    part()
    figure.draw(go.Figure, "outer", "Of the page")
"""


def _kinds(block):
    """Return the kinds of the elements of a page, in their order."""
    if not hasattr(block, "children"):
        return [block.type]
    return [kind for child in block.children.values() for kind in _kinds(child)]


def _asked_again(page):
    """Open a page as the first of a visit; the browser asks for it again."""
    return AppTest.from_string(page).run().run()


def test_a_figure_is_made_last_and_stands_where_it_belongs():
    app = _asked_again(PAGE)
    assert not app.exception
    assert app.session_state["order"] == ["text", "figure"]
    place, text = app.main.children.values()
    assert [child.type for child in place.children.values()] == ["plotly_chart"]
    assert text.value == "Below it"


def test_the_first_page_of_a_visit_comes_without_figures():
    app = AppTest.from_string(PAGE).run()
    assert not app.exception
    assert app.session_state["order"] == ["text"]
    assert "plotly_chart" not in _kinds(app.main)
    assert [mark.proto.body for mark in app.get("html")] == [figure._TO_COME]
    assert not app.run().get("html")


def test_figures_of_a_part_wait_with_those_of_its_page():
    app = AppTest.from_string(PARTS).run()
    assert not app.exception
    assert "plotly_chart" not in _kinds(app.main)
    app.run()
    assert _kinds(app.main).count("plotly_chart") == 2


def test_a_page_without_figures_is_not_asked_for_again():
    without = "from dashboard.components import figure\nwith figure.sent_last():\n    pass"
    app = AppTest.from_string(without).run()
    assert not app.exception
    assert figure.HAS_PLOTLY not in app.session_state
