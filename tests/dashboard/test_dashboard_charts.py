"""Charts: the right lines at the right times."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import serving_files as files

from dashboard.charts.stock import Window, stock_over_time
from dashboard.charts.traffic import people_over_the_day
from dashboard.components.shelf_list import _bar, _state
from dashboard.data import states, stores
from dashboard.theme import DARK, LIGHT


def local(minutes_ago):
    """Return what a clock in Rome says in winter."""
    return (files.ago(minutes_ago) + timedelta(hours=1)).replace(tzinfo=None)


@pytest.fixture
def draw(one_store):
    def run(start=None, palette=LIGHT):
        window = Window(start, files.AS_OF, "Europe/Rome")
        return stock_over_time(
            states.trajectory("S001", "MEABEE0001", start),
            states.thresholds("S001", "MEABEE0001"),
            window,
            palette,
        )

    return run


def trace(figure, name):
    return next(t for t in figure.data if t.name == name)


def test_stock_is_level_between_movements_and_until_now(draw):
    line = trace(draw(), "Shelf stock")
    assert list(line.x) == [local(m) for m in (2_880, 2_000, 290, 100, 0)]
    assert list(line.y) == [18, 5, 15, 0, 0]
    assert line.line.shape == "hv"


def test_restocks_are_marked_with_what_they_brought(draw):
    marks = trace(draw(), "Restock")
    assert list(marks.x) == [local(290)]
    assert list(marks.y) == [15]
    assert list(marks.customdata) == [10]
    assert marks.mode == "markers"


def test_threshold_and_target_span_what_is_shown(draw):
    figure = draw()
    low, target = trace(figure, "Low below"), trace(figure, "Target")
    assert list(low.x) == [local(2_880), local(0)]
    assert list(low.y) == [6, 6]
    assert list(target.y) == [16, 16]
    assert low.line.dash != target.line.dash
    assert list(trace(figure, "Reorder point").y) == [5, 5]


def test_a_shorter_period_is_cut_out(draw):
    figure = draw(start=files.ago(200))
    assert tuple(figure.layout.xaxis.range) == (local(200), local(0))
    assert list(trace(figure, "Restock").x) == []


def test_a_period_longer_than_the_history_begins_with_it(draw):
    figure = draw(start=files.ago(100_000))
    assert figure.layout.xaxis.range[0] == local(2_880)


def test_a_change_of_policy_is_a_step(one_store):
    early, late = files.ago(1_000), files.ago(500)
    thresholds = pl.DataFrame(
        {
            "location": ["shelf", "shelf"],
            "capacity": [20, 20],
            "low_below_qty": [6, 9],
            "target_qty": [16, 16],
            "valid_from_ts": [early, late],
            "valid_to_ts": [late, datetime(9999, 12, 31, tzinfo=UTC)],
        }
    )
    figure = stock_over_time(
        states.trajectory("S001", "MEABEE0001", None),
        thresholds,
        Window(None, files.AS_OF, "Europe/Rome"),
        LIGHT,
    )
    line = trace(figure, "Low below")
    assert list(line.x) == [local(1_000), local(500), local(500), local(0)]
    assert list(line.y) == [6, 6, 9, 9]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_charts_wear_the_theme(draw, palette):
    figure = draw(palette=palette)
    assert figure.layout.template.layout.font.color == palette.text
    assert trace(figure, "Shelf stock").line.color == palette.shelf


def test_people_are_drawn_in_local_time(one_store):
    figure = people_over_the_day(stores.people_today("S001"), "Europe/Rome", LIGHT)
    assert list(figure.data[0].x) == [local(12 * 60 + 18), local(60), local(5)]
    assert list(figure.data[0].y) == [9, 12, 30]


def shelf(**more):
    values = {
        "current_stock": 5,
        "shelf_capacity": 20,
        "fill_rate": 0.25,
        "low_below_qty": 6,
        "is_low": True,
    }
    return values | more


def test_a_bar_shows_fill_and_low_mark():
    bar = _bar(shelf())
    assert 'width:25.0%"' in bar
    assert 'left:30.0%"' in bar
    assert "ss-low" in bar


@pytest.mark.parametrize(("fill", "width"), [(-0.2, "0.0%"), (1.4, "100.0%")])
def test_a_bar_never_leaves_its_track(fill, width):
    assert f"width:{width}" in _bar(shelf(fill_rate=fill))


@pytest.mark.parametrize(
    ("stock", "is_low", "word"), [(0, True, "Empty"), (-2, True, "Empty"), (3, True, "Low")]
)
def test_a_shelf_says_what_is_wrong(stock, is_low, word):
    assert word in _state(shelf(current_stock=stock, is_low=is_low))


def test_a_full_shelf_says_nothing():
    assert "▲" not in _state(shelf(is_low=False))
