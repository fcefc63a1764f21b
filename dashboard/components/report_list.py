"""Business reports: what the newest says, older ones, and their pages to keep or print."""

from pathlib import Path
from typing import Any

import polars as pl
import streamlit as st

from dashboard import reports
from dashboard.data import reports as reports_data
from dashboard.data.analysis import Scope
from dashboard.serving import has_table

_DAILY = "DAILY_REPORT"
_TITLES = {
    _DAILY: "Morning report",
    "WEEKLY_ANALYSIS": "Report of a week",
    "MONTHLY_SUMMARY": "Report of a month",
}


def draw(scope: Scope) -> None:
    """Draw the newest morning report, or one that is chosen, in words, with its page to download.

    Args:
        scope: Whose. Reports of stores that the reader may not see are not found.
    """
    if not has_table("ops", "business_reports"):
        return
    known = reports_data.reports(scope)
    newest = known.filter(pl.col("report_type") == _DAILY).head(1)
    if newest.is_empty():
        return
    by_name = {_name(row): row for row in known.iter_rows(named=True)}
    with st.container(horizontal=True, vertical_alignment="center"):
        heading = st.container(width="content")
        # Without a choice, the newest one: a page that stays open goes on to the next report.
        chosen = st.selectbox(
            "Report",
            list(by_name),
            index=None,
            placeholder="Another report",
            key="report",
            label_visibility="collapsed",
            width=230,
        )
    row = by_name.get(chosen or "") or newest.row(0, named=True)
    heading.subheader(_TITLES[row["report_type"]], anchor=False)
    st.markdown(row["narrative"])
    page = reports.page_file(row["html_path"])
    if page is None:
        st.caption("Its page is not on this machine, but where reports are made.")
        return
    _download(page)


def _name(row: dict[str, Any]) -> str:
    """Return what a report is called among others."""
    day = row["report_date"]
    if row["report_type"] == _DAILY:
        return f"{day:%a} {day.day} {day:%b %Y}"
    if row["report_type"] == "MONTHLY_SUMMARY":
        return f"{day:%B %Y}"
    return f"Week up to {day.day} {day:%b %Y}"


def _download(page: Path) -> None:
    st.download_button(
        "Whole report, to print or keep",
        data=page.read_bytes,
        file_name=page.name,
        mime="text/html",
        key="report_page",
        help="A page that needs nothing but itself: open it in any browser, print it, send it.",
        icon=":material/print:",
        on_click="ignore",
    )
