"""Colours: one palette for light pages and one for dark ones.

Belongs here: every colour the charts and our own HTML use, and the arithmetic of contrast. The
colours of Streamlit's own widgets are in `.streamlit/config.toml`.

Red and amber differ in lightness as well as in hue, so that people who see no red or no green
tell them apart; no state is told by colour alone.
"""

from dataclasses import dataclass
from itertools import pairwise

import streamlit as st

FONT = '"Source Sans", "Source Sans Pro", system-ui, sans-serif'

_BLACK = "#14191d"
_WHITE = "#ffffff"


@dataclass(frozen=True)
class Palette:
    """Colours of one theme, as #rrggbb.

    Attributes:
        name: light or dark.
        page: Behind everything.
        floor: Floor of the map, tracks of bars.
        tile: Lines between floor tiles, grid lines of charts.
        wall: Walls of the map.
        text: Text.
        muted: Less important text; readable on page and floor.
        calm: A zone without alerts.
        calm_edge: Its border.
        amber: A zone whose alerts are all taken care of.
        amber_edge: Its border and hatching.
        reds: Zones with open alerts, weakest first.
        red_edge: Their border.
        critical: Marks and text that say that something is wrong.
        caution: Marks and text that say that something is being dealt with.
        good: Marks and text that say that all is well.
        accent: Selection, links between a chart and its control.
        shelf: The shelf's line in charts.
        warehouse: The warehouse's line in charts.
        on_primary: Text on Streamlit's primary buttons.
        series: Bars that stand for different things of one kind, in order of their weight.
    """

    name: str
    page: str
    floor: str
    tile: str
    wall: str
    text: str
    muted: str
    calm: str
    calm_edge: str
    amber: str
    amber_edge: str
    reds: tuple[str, ...]
    red_edge: str
    critical: str
    caution: str
    good: str
    accent: str
    shelf: str
    warehouse: str
    on_primary: str
    series: tuple[str, ...]


LIGHT = Palette(
    name="light",
    page="#ffffff",
    floor="#f6f8f9",
    tile="#e9eef0",
    wall="#5b6b76",
    text="#1d2830",
    muted="#566570",
    calm="#dfe7ea",
    calm_edge="#b4c2c9",
    amber="#ffd98a",
    amber_edge="#b97a00",
    reds=("#f7c0b2", "#ee8d79", "#cf4030", "#97160f"),
    red_edge="#97160f",
    critical="#b3261e",
    caution="#8a5a00",
    good="#0b6e4f",
    accent="#0b6e6e",
    shelf="#0b6e6e",
    warehouse="#5b4bb5",
    on_primary="#ffffff",
    series=("#0b6e6e", "#b3541e", "#5b4bb5", "#a3326b", "#2f6fb3", "#66701b"),
)

DARK = Palette(
    name="dark",
    page="#11171c",
    floor="#171f25",
    tile="#1e2830",
    wall="#8496a2",
    text="#e5ebef",
    muted="#a3b1bb",
    calm="#2a363f",
    calm_edge="#43525d",
    amber="#6b4c10",
    amber_edge="#f0b440",
    reds=("#54262a", "#7f2a2b", "#b8342d", "#ff6a55"),
    red_edge="#ff8a78",
    critical="#ff8a78",
    caution="#f0b440",
    good="#66d0a5",
    accent="#5ccabf",
    shelf="#5ccabf",
    warehouse="#b3a5ff",
    on_primary="#0b1417",
    series=("#5ccabf", "#f0a35e", "#b3a5ff", "#f08bbb", "#7ab8f5", "#c3cf6b"),
)


def current_palette() -> Palette:
    """Return the palette of the theme the browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0 to 1, as WCAG 2 defines it."""
    channels = [int(colour[start:end], 16) / 255 for start, end in pairwise((1, 3, 5, 7))]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]  # noqa: PLR2004 - sRGB
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21, as WCAG 2 defines it."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def text_on(background: str) -> str:
    """Return black or white, whichever is easier to read on a colour."""
    return max((_BLACK, _WHITE), key=lambda colour: contrast(colour, background))


def between(low: str, high: str, share: float) -> str:
    """Return the colour that lies a share of the way, 0 to 1, from one colour to another."""
    ends = [
        [int(colour[start:end], 16) for start, end in pairwise((1, 3, 5, 7))]
        for colour in (low, high)
    ]
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(*ends, strict=True))


def translucent(colour: str, opacity: float) -> str:
    """Return a colour as rgba()."""
    red, green, blue = (int(colour[start:end], 16) for start, end in pairwise((1, 3, 5, 7)))
    return f"rgba({red}, {green}, {blue}, {opacity})"
