"""Steps that follow each other, as a time line."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl
import streamlit as st

from dashboard import text

_MARKS = {
    "open": ("▲", "ss-critical"),
    "ack": ("◆", "ss-caution"),
    "resolved": ("✓", "ss-good"),
    "dismissed": ("✕", "ss-muted"),
}


@dataclass(frozen=True)
class Step:
    """A step of a trail.

    Attributes:
        title: What happened, in a word or two.
        detail: The rest of the sentence.
        note: What somebody said about it.
        mark: Its sign.
        tone: Class of the style sheet that colours the sign.
    """

    title: str
    detail: str = ""
    note: str | None = None
    mark: str = "●"
    tone: str = "ss-muted"


def steps(trail: Iterable[Step]) -> None:
    """Draw a trail."""
    st.html(f'<ol class="ss-trail">{"".join(map(_html, trail))}</ol>')


def trail(transitions: pl.DataFrame, timezone: str) -> None:
    """Draw the rows of `data.alerts.transitions`: the audit trail of an alert."""
    steps(_transition(row, timezone) for row in transitions.iter_rows(named=True))


def _transition(row: dict[str, Any], timezone: str) -> Step:
    mark, tone = _MARKS.get(row["to_status"], ("●", "ss-muted"))
    moment = text.local_time(row["transition_ts"], timezone)
    return Step(
        text.label(row["to_status"]), f"{moment} by {row['actor']}", row["note"], mark, tone
    )


def _html(step: Step) -> str:
    note = f'<br><span class="ss-muted">{escape(step.note)}</span>' if step.note else ""
    return (
        f'<li class="ss-step"><i class="{step.tone}">{step.mark}</i>'
        f"<strong>{escape(step.title)}</strong> {escape(step.detail)}{note}</li>"
    )
