"""The audit trail of an alert as a time line."""

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


def trail(transitions: pl.DataFrame, timezone: str) -> None:
    """Draw the rows of `data.alerts.transitions`."""
    steps = "".join(_step(step, timezone) for step in transitions.iter_rows(named=True))
    st.html(f'<ol class="ss-trail">{steps}</ol>')


def _step(step: dict[str, Any], timezone: str) -> str:
    mark, tone = _MARKS.get(step["to_status"], ("●", "ss-muted"))
    note = f'<br><span class="ss-muted">{escape(step["note"])}</span>' if step["note"] else ""
    return (
        f'<li class="ss-step"><i class="{tone}">{mark}</i>'
        f"<strong>{text.label(step['to_status'])}</strong> "
        f"{text.local_time(step['transition_ts'], timezone)} by {escape(step['actor'])}{note}</li>"
    )
