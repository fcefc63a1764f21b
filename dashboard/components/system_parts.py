"""The parts of the system: how each of them is, in words and as tiles."""

from html import escape
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text

_STATES = {"ok": "✓ Well", "warn": "◆ Look", "fail": "▲ Failed", "off": "○ Not in use"}
_TONES = {"ok": "good", "warn": "caution", "fail": "critical", "off": "muted"}
_PARTS = {
    "raw": "Events",
    "cleansed": "Cleansing",
    "analytics": "Analytics",
    "stream": "Way from the till",
    "serving": "Publication",
    "model": "Forecast model",
    "disk": "Disk",
}

# A part that is not in use for a reason of its own.
_OFF = {"stream": "○ Loaded, not live"}

# What the latency of a part says; of the others it is the age of a decision, or none.
_BEHIND = {"raw": "{} behind", "analytics": "{} behind", "stream": "{}"}


def verdict(parts: pl.DataFrame) -> str:
    """Say in a sentence whether all parts are well.

    Args:
        parts: Rows of `data.system.parts`.
    """
    bad = parts.filter(pl.col("status").is_in(["warn", "fail"]))
    return (
        f"▲ {text.plural(len(bad), 'part')} of {len(parts)} to look at."
        if len(bad)
        else "✓ All parts are well."
    )


def readable(parts: pl.DataFrame) -> pl.DataFrame:
    """Return parts with their states and names in words."""
    states = [
        _state(component, status)
        for component, status in parts.select("component", "status").iter_rows()
    ]
    return parts.with_columns(
        pl.Series("status", states, pl.String), pl.col("component").replace(_PARTS)
    )


def tiles(parts: pl.DataFrame, timezone: str) -> None:
    """Draw a tile for each part, with its state, what is known, and since when it is not well.

    Args:
        parts: Rows of `data.system.parts`.
        timezone: In which times are told.
    """
    drawn = "".join(_tile(part, timezone) for part in parts.iter_rows(named=True))
    st.html(f'<ul class="ss-parts">{drawn}</ul>')


def _tile(part: dict[str, Any], timezone: str) -> str:
    status, name = part["status"], part["component"]
    tone = _TONES.get(status, "muted")
    return (
        f'<li class="ss-part ss-{tone}"><span>{escape(_PARTS.get(name, name))}</span>'
        f"<strong>{escape(_state(name, status))}</strong>"
        f"<small>{escape('; '.join(_notes(part, timezone)))}</small></li>"
    )


def _state(component: str, status: str) -> str:
    """Return how a part is, in words."""
    off = _OFF.get(component) if status == "off" else None
    return off or _STATES.get(status, status)


def _notes(part: dict[str, Any], timezone: str) -> list[str]:
    """Return how far a part is behind with what is known of it, and when it was last well."""
    behind = _BEHIND.get(part["component"]) if part["latency_s"] else None
    told = f"{behind.format(text.duration(part['latency_s']))}: " if behind else ""
    notes = [told + part["message"]]
    if part["status"] in ("warn", "fail"):
        well = part["last_ok_ts"]
        notes.append(
            f"last well {text.local_time(well, timezone)}" if well else "never well so far"
        )
    return notes
