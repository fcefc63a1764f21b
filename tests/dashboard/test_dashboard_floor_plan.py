"""The map: all zones, what their looks mean, and what a click means."""

import polars as pl
import pytest
import serving_files as files

from dashboard.charts import floor_plan as plan
from dashboard.charts.floor_plan import Zone
from dashboard.data import store_map
from dashboard.theme import DARK, LIGHT, contrast, text_on

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)


def zone(**changes):
    values = {
        "zone_id": "meat",
        "label": "Meat",
        "box": (0.1, 0.1, 0.2, 0.4),
        "shelves": 100,
        "low_shelves": 0,
        "empty_shelves": 0,
        "open_alerts": 0,
        "acknowledged_alerts": 0,
    }
    return Zone(**(values | changes))


def bars(figure):
    return next(trace for trace in figure.data if trace.name == "zones")


def badges(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


@pytest.fixture
def real_zones(one_store):
    return plan.zones_of(store_map.zones("S001"))


@PALETTES
def test_all_zones_are_drawn_where_the_survey_says(real_zones, palette):
    trace = bars(plan.floor_plan(real_zones, palette))
    assert len(trace.x) == 29
    surveyed = {row["zone_id"]: row for row in files.zones()["ref.zones"]}
    drawn = zip(trace.customdata, trace.x, trace.width, trace.base, trace.y, strict=True)
    for (zone_id,), middle, width, top, height in drawn:
        row = surveyed[zone_id]
        assert middle - width / 2 == pytest.approx(float(row["x0"]))
        assert middle + width / 2 == pytest.approx(float(row["x1"]))
        assert top == pytest.approx(float(row["y0"]))
        assert top + height == pytest.approx(float(row["y1"]))


def test_the_y_axis_grows_downward(real_zones):
    low, high = plan.floor_plan(real_zones, LIGHT).layout.yaxis.range
    assert low > high


@pytest.mark.parametrize(
    ("opened", "acknowledged", "state"),
    [(0, 0, "calm"), (0, 2, "acknowledged"), (1, 0, "open"), (1, 5, "open")],
)
def test_the_state_of_a_zone(opened, acknowledged, state):
    assert zone(open_alerts=opened, acknowledged_alerts=acknowledged).state == state


@pytest.mark.parametrize(
    ("opened", "strength"), [(1, 0), (4, 0), (5, 1), (14, 1), (15, 2), (29, 2), (30, 3), (100, 3)]
)
def test_red_grows_with_the_share_of_shelves(opened, strength):
    assert zone(open_alerts=opened).strength == strength
    assert plan.fill_of(zone(open_alerts=opened), LIGHT) == LIGHT.reds[strength]


@PALETTES
def test_states_differ_in_colour_pattern_and_badge(palette):
    zones = [
        zone(zone_id="a", open_alerts=7),
        zone(zone_id="b", acknowledged_alerts=3),
        zone(zone_id="c"),
    ]
    figure = plan.floor_plan(zones, palette)
    marker = bars(figure).marker
    assert marker.color == (palette.reds[1], palette.amber, palette.calm)
    assert marker.pattern.shape == ("", "/", "")
    assert badges(figure, "open alerts").text == ("7",)
    assert badges(figure, "open alerts").marker.symbol == "circle"
    assert badges(figure, "acknowledged alerts").text == ("3",)
    assert badges(figure, "acknowledged alerts").marker.symbol == "square"


def test_a_zone_with_both_kinds_of_alerts_counts_both_apart():
    figure = plan.floor_plan([zone(open_alerts=16, acknowledged_alerts=3)], LIGHT)
    first, second = badges(figure, "open alerts"), badges(figure, "acknowledged alerts")
    assert (first.text, second.text) == (("16",), ("3",))
    assert (first.x[0], first.y[0]) != (second.x[0], second.y[0])


def test_badges_lie_within_reach_of_their_zone(real_zones):
    everything = [
        Zone(**(vars(z) | {"open_alerts": 9, "acknowledged_alerts": 9})) for z in real_zones
    ]
    figure = plan.floor_plan(everything, LIGHT)
    for name in ("open alerts", "acknowledged alerts"):
        trace = badges(figure, name)
        for z, x, y in zip(everything, trace.x, trace.y, strict=True):
            assert z.box[0] < x < z.box[2]
            assert z.box[1] < y < z.box[3]


@PALETTES
def test_every_zone_has_its_label_in_readable_ink(real_zones, palette):
    figure = plan.floor_plan(real_zones, palette)
    notes = {note.text.replace("<br>", " "): note for note in figure.layout.annotations}
    for z in real_zones:
        note = notes[z.label.replace(" and ", " & ")]
        assert contrast(note.font.color, plan.fill_of(z, palette)) >= 4.5


def test_badges_of_a_wide_zone_leave_its_label_room():
    wide = zone(
        label="Fruits and Vegetables", box=(0.4, 0.05, 0.64, 0.1), open_alerts=44,
        acknowledged_alerts=12,
    )  # fmt: skip
    figure = plan.floor_plan([wide], LIGHT)
    (note,) = [note for note in figure.layout.annotations if "Vegetables" in note.text]
    (leftmost,) = badges(figure, "acknowledged alerts").x
    letters = max(map(len, note.text.split("<br>")))
    half = letters * plan._PIXELS_PER_LETTER / plan._PIXELS_PER_SHARE / 2
    assert wide.box[0] < note.x - half
    assert note.x + half < leftmost


@PALETTES
def test_ink_is_readable_on_every_fill(palette):
    for fill in (*palette.reds, palette.amber, palette.calm):
        assert contrast(text_on(fill), fill) >= 4.5


def test_building_is_labelled(real_zones):
    notes = {note.text for note in plan.floor_plan(real_zones, LIGHT).layout.annotations}
    assert {"Entrance ←", "Exit →", "Tills", "Carts"} <= notes


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("Meat", 10, "Meat"),
        ("Baby Products", 200, "Baby Products"),
        ("Baby Products", 60, "Baby<br>Products"),
        ("Bread & Breadsticks", 60, "Bread<br>& Breadsticks"),
    ],
)
def test_long_labels_are_broken(text, room, expected):
    assert plan._wrapped(text, room) == expected


def test_the_chosen_zone_is_framed():
    zones = [zone(zone_id="a"), zone(zone_id="b")]
    line = bars(plan.floor_plan(zones, LIGHT, selected="b")).marker.line
    assert line.width[1] > line.width[0]
    assert line.color[1] == LIGHT.accent
    assert line.color[0] != LIGHT.accent


def test_hover_text_tells_everything():
    hover = bars(
        plan.floor_plan(
            [zone(open_alerts=2, acknowledged_alerts=1, low_shelves=3, empty_shelves=1)], LIGHT
        )
    ).hovertext[0]
    assert "2 open" in hover
    assert "1 acknowledged" in hover
    assert "3 of 100 shelves low, 1 empty" in hover


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (None, None),
        ({}, None),
        ({"selection": {"points": []}}, None),
        ({"selection": {"points": [{"x": 1}]}}, None),
        ({"selection": {"points": [{"customdata": ["fish"]}]}}, "fish"),
        ({"selection": {"points": [{"customdata": "fish"}]}}, "fish"),
    ],
)
def test_a_click_names_a_zone(event, expected):
    assert plan.clicked_zone(event) == expected


def test_clicking_a_bar_gives_the_zone_it_shows(real_zones):
    trace = bars(plan.floor_plan(real_zones, LIGHT))
    for z, data in zip(real_zones, trace.customdata, strict=True):
        event = {"selection": {"points": [{"customdata": list(data)}]}}
        assert plan.clicked_zone(event) == z.zone_id


def test_zones_count_shelves_and_alerts_of_their_store_only(two_stores):
    frame = store_map.zones("S002")
    meat = frame.filter(pl.col("zone_id") == "meat").row(0, named=True)
    assert (meat["shelves"], meat["low_shelves"], meat["empty_shelves"]) == (2, 2, 1)
    assert (meat["open_alerts"], meat["acknowledged_alerts"]) == (1, 0)
    assert len(frame) == 29
