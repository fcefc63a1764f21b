"""Colours one can read, words one can understand."""

import tomllib
from datetime import UTC, datetime, timedelta

import pytest
import serving_files as files

from dashboard import text, theme
from dashboard.theme import DARK, LIGHT, contrast

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
CONFIG = tomllib.loads((files.ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast("#336699", "#336699") == 1


@PALETTES
@pytest.mark.parametrize(
    "ink", ["text", "muted", "critical", "caution", "good", "accent", "shelf", "warehouse"]
)
def test_text_is_readable_on_page_and_floor(palette, ink):
    for ground in (palette.page, palette.floor):
        assert contrast(getattr(palette, ink), ground) >= 4.5


@PALETTES
def test_widgets_and_links_are_readable_on_both_grounds_of_streamlit(palette):
    configured = CONFIG["theme"][palette.name]
    for ground in (configured["backgroundColor"], configured["secondaryBackgroundColor"]):
        for ink in ("textColor", "linkColor"):
            assert contrast(configured[ink], ground) >= 4.5
        assert contrast(palette.muted, ground) >= 4.5


@PALETTES
def test_words_on_a_zone_of_the_map_are_readable_whatever_its_state(palette):
    for ground in (palette.calm, palette.amber, *palette.reds):
        assert contrast(theme.text_on(ground), ground) >= 4.5


@PALETTES
def test_words_on_cells_that_are_coloured_by_a_scale_are_readable(palette):
    for step in range(21):
        ground = theme.between(palette.floor, palette.shelf, step / 20)
        # As good as black or white can be on what lies between them.
        assert contrast(theme.text_on(ground), ground) >= 4.2
    assert theme.between(palette.floor, palette.shelf, 0) == palette.floor
    assert theme.between(palette.floor, palette.shelf, 1) == palette.shelf


@PALETTES
def test_marks_that_tell_a_state_can_be_seen(palette):
    for mark in ("critical", "caution", "good", "accent", "red_edge", "amber_edge", "wall"):
        assert contrast(getattr(palette, mark), palette.page) >= 3


# How people without red or green receptors see linear RGB (Machado, Oliveira and Fernandes 2009).
_SEEN = {
    "protan": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deutan": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}


def seen(colour, matrix):
    """Return the linear RGB that somebody sees."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return [sum(w * c for w, c in zip(row, linear, strict=True)) for row in matrix]


@PALETTES
@pytest.mark.parametrize("matrix", _SEEN.values(), ids=_SEEN)
def test_shelf_and_warehouse_are_told_apart_without_red_or_green(palette, matrix):
    # States have signs; these are lines that only their colour tells apart.
    pair = [seen(colour, matrix) for colour in (palette.shelf, palette.warehouse)]
    assert max(abs(a - b) for a, b in zip(*pair, strict=True)) >= 0.1


@PALETTES
def test_series_can_be_seen_on_the_page(palette):
    assert len(set(palette.series)) == 6
    assert all(contrast(colour, palette.page) >= 3 for colour in palette.series)


@PALETTES
def test_red_and_amber_differ_in_lightness(palette):
    strongest = palette.reds[-1]
    assert contrast(strongest, palette.amber) >= 2
    steps = [contrast(one, palette.calm) for one in palette.reds]
    assert steps == sorted(steps)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_streamlit_has_the_same_ground_and_readable_buttons(palette):
    configured = CONFIG["theme"][palette.name]
    assert configured["backgroundColor"] == palette.page
    assert configured["textColor"] == palette.text
    assert contrast(palette.on_primary, configured["primaryColor"]) >= 4.5
    assert contrast(configured["primaryColor"], palette.page) >= 4.5


def test_nothing_is_sent_to_third_parties():
    assert CONFIG["browser"]["gatherUsageStats"] is False
    assert CONFIG["server"]["headless"] is True
    assert CONFIG["server"]["address"] == "127.0.0.1"


def test_the_configuration_holds_wherever_the_app_is_started():
    # Streamlit looks in the working folder and beside the entry; the latter is always there.
    beside_entry = files.ROOT / "dashboard" / ".streamlit" / "config.toml"
    assert tomllib.loads(beside_entry.read_text(encoding="utf-8")) == CONFIG


def test_translucent():
    assert theme.translucent("#0b6e6e", 0.5) == "rgba(11, 110, 110, 0.5)"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h 0 min"),
        (12_000, "3 h 20 min"),
        (86_399, "23 h 59 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds, expected):
    assert text.duration(seconds) == expected


def test_age_is_never_negative():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert text.age(now + timedelta(seconds=9), now) == "0 s"
    assert text.age(now - timedelta(seconds=9), now) == "9 s"


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en-GB", "1,234,567"),
        ("it-IT", "1.234.567"),
        ("fi-FI", "1\N{NARROW NO-BREAK SPACE}234\N{NARROW NO-BREAK SPACE}567"),
    ],
)
def test_numbers_are_grouped_as_the_reader_does(locale, expected):
    assert text.number(1_234_567, locale) == expected


@pytest.mark.parametrize(
    ("value", "locale", "expected"),
    [
        (0.42, "en-GB", "0.4"),
        (0.42, "it-IT", "0,4"),
        (0.42, "fi-FI", "0,4"),
        (3.0, "en-GB", "3"),
        (9.96, "en-GB", "10"),
        (31.26, "en-GB", "31"),
        (1_234.5, "it-IT", "1.234"),
        (-0.04, "en-GB", "0"),
    ],
)
def test_pieces_that_need_not_be_whole(value, locale, expected):
    assert text.quantity(value, locale) == expected


@pytest.mark.parametrize(
    ("locale", "expected", "marks"),
    [
        ("en-GB", "1,234.50", ".,"),
        ("de-DE", "1.234,50", ",."),
        ("de-CH", "1'234.50", ".'"),
        ("es-MX", "1,234.50", ".,"),
        ("es-ES", "1.234,50", ",."),
        ("fr", "1\N{NARROW NO-BREAK SPACE}234,50", ",\N{NARROW NO-BREAK SPACE}"),
        ("en-ZA", "1\N{NARROW NO-BREAK SPACE}234,50", ",\N{NARROW NO-BREAK SPACE}"),
    ],
)
def test_decimals_are_marked_as_the_reader_does(locale, expected, marks):
    assert text.formatted(1_234.5, ",.2f", locale) == expected
    assert text.separators(locale) == marks


def test_a40_shares_are_shares_however_small():
    assert text.percent(0.223) == "22 %"
    assert text.percent(0.008) == "1 %"
    assert text.percent(1) == "100 %"
    assert text.percent(None) == "-"


def test_numbers_without_a_known_reader():
    assert text.number(1_234) == "1,234"


def test_times_are_those_of_the_store():
    moment = datetime(2026, 6, 30, 23, 30, tzinfo=UTC)
    assert text.local_time(moment, "Europe/Rome") == "Wed 1 Jul 2026, 01:30"
    assert text.short_time(moment, "America/New_York") == "Tue 19:30"


@pytest.mark.parametrize(
    ("code", "expected"),
    [("ack", "Acknowledged"), ("new_kind", "New kind"), (None, ""), ("in_transit", "On its way")],
)
def test_labels(code, expected):
    assert text.label(code) == expected


def test_categories_are_titles():
    assert text.category_label("BATH AND PERSONAL CARE") == "Bath and Personal Care"


def test_plurals():
    assert text.plural(1, "shelf", "shelves") == "1 shelf"
    assert text.plural(2, "shelf", "shelves") == "2 shelves"
    assert text.plural(0, "alert") == "0 alerts"
