"""Charts have room for their words from the start, so that they are drawn once."""

from datetime import date

import plotly.graph_objects as go
import pytest

from dashboard.charts.base import LEGEND, across, chart, stacked
from dashboard.theme import LIGHT

LINE = go.Scatter(x=[date(2026, 1, 1)], y=[1])


def margin(*traces, **layout):
    """Return the margins of a chart of 300 pixels: left, right, top, bottom."""
    room = chart(traces or [LINE], LIGHT, height=300, **layout).layout.margin
    return room.l, room.r, room.t, room.b


def test_what_has_no_words_beside_it_reaches_to_the_edges():
    hidden = {"visible": False}
    assert margin(xaxis=hidden, yaxis=hidden) == (8, 8, 8, 8)


def test_titles_need_room_beside_ticks():
    left, right, top, bottom = margin(xaxis={}, yaxis={})
    titled = margin(xaxis={"title": "Days"}, yaxis={"title": "Pieces"})
    assert titled[0] > left > 8
    assert titled[3] > bottom > 8
    assert (titled[1], titled[2]) == (right, top) == (8, 8)


def test_dates_in_two_lines_need_room_for_both():
    one = margin(xaxis={"type": "date", "tickformat": "%-d %b"})
    assert margin(xaxis={"type": "date"})[3] > one[3]
    assert margin(xaxis={"tickformat": "%-d %b\n%H:%M"})[3] > one[3]
    for words in (".0%", "", None):
        assert margin(xaxis={"tickformat": words})[3] == one[3]


@pytest.mark.parametrize("which", ["names of bars", "words of ticks"])
def test_longer_names_need_more_room(which):
    def left(name):
        if which == "names of bars":
            return margin(go.Bar(orientation="h", x=[1], y=[name]), yaxis={})[0]
        return margin(yaxis={"tickvals": [1], "ticktext": [name]})[0]

    assert left("Cleaning Products") > left("Cleaning") > left("illi") > 8
    assert left("WWWW") > left("iiii")


def test_gaps_between_names_need_no_room():
    parts = go.Scatter(x=[1, 2, None], y=["Lot 1", "Lot 1", None])
    gap = go.Scatter(x=[None], y=[None])
    assert margin(gap, parts, yaxis={}) == margin(go.Bar(x=[1], y=["Lot 1"]), yaxis={})


def test_a_line_of_names_hangs_above_by_a_share_of_what_is_drawn():
    low = margin(showlegend=True, legend=LEGEND, xaxis={}, yaxis={})[2]
    high = margin(showlegend=True, legend=LEGEND | {"y": 1.1}, xaxis={}, yaxis={})[2]
    drawn = 300 - high - 31
    # Both have the names and the gap to them; the distance differs.
    assert high - 0.1 * drawn == pytest.approx(low - 0.02 * (300 - low - 31))


def test_an_axis_or_a_bar_of_colours_at_the_right_needs_room():
    cells = {"x": ["a"], "y": ["b"], "z": [[1]]}
    right = {"overlaying": "y", "side": "right", "title": "Receipts"}
    assert margin(xaxis={}, yaxis={}, yaxis2=right)[1] > 8
    assert margin(go.Heatmap(**cells))[1] > 8
    assert margin(go.Heatmap(**cells, showscale=False))[1] == 8


def test_no_narrow_edge_makes_all_of_them_wider():
    right = {"overlaying": "y", "side": "right"}
    names = {"showlegend": True, "legend": LEGEND}
    assert margin(xaxis={}, yaxis={}, yaxis2=right, **names)[0] == margin(xaxis={}, yaxis={})[0] + 4


def test_a_chart_may_say_its_margins_itself():
    assert margin(margin=dict.fromkeys("lrtb", 0), yaxis={"title": "Pieces"}) == (0, 0, 0, 0)


def test_panels_share_height_and_the_last_has_the_words_below():
    axes = stacked((0.6, 0.4), 0.1, {"type": "date"}, ({"title": "a"}, {"title": "b"}))
    assert axes["yaxis"]["domain"] == pytest.approx([0.46, 1])
    assert axes["yaxis2"]["domain"] == pytest.approx([0, 0.36])
    assert axes["xaxis"]["matches"] == "x2"
    assert not axes["xaxis"]["showticklabels"]
    assert "showticklabels" not in axes["xaxis2"]
    assert (axes["xaxis2"]["anchor"], axes["yaxis2"]["anchor"]) == ("y2", "x2")
    assert chart([LINE], LIGHT, height=300, **axes).layout.yaxis2.title.text == "b"


def test_a_line_across_reaches_through_each_panel():
    lines = across(date(2026, 1, 1), {"color": "#000000"}, panels=2)
    assert [(line["xref"], line["yref"]) for line in lines] == [
        ("x", "y domain"),
        ("x2", "y2 domain"),
    ]
    assert {(line["y0"], line["y1"]) for line in lines} == {(0, 1)}
