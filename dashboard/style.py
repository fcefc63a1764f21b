"""The style sheet of our own HTML, in the colours of the theme."""

from pathlib import Path

import streamlit as st

from dashboard.theme import Palette

_SHEET = Path(__file__).parent / "assets" / "style.css"


def apply(palette: Palette) -> None:
    """Put the style sheet on the page."""
    colours = {
        "page": palette.page,
        "floor": palette.floor,
        "track": palette.calm,
        "edge": palette.calm_edge,
        "text": palette.text,
        "muted": palette.muted,
        "critical": palette.critical,
        "caution": palette.caution,
        "good": palette.good,
        "accent": palette.accent,
        "on-primary": palette.on_primary,
        "amber": palette.amber,
        "amber-edge": palette.amber_edge,
        **{f"red-{place}": red for place, red in enumerate(palette.reds)},
    }
    variables = "".join(f"--ss-{name}:{colour};" for name, colour in colours.items())
    st.html(f"<style>:root{{{variables}}}{_SHEET.read_text(encoding='utf-8')}</style>")
