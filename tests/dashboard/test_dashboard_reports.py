"""Business reports in the app: which are offered to whom, and the page that is downloaded."""

import json
from datetime import date

import analytics_files as analysed
import pytest
import serving_files as files
import streamlit as st
from app_support import words

from smartshelf_dagster.settings import load_settings

TURKU = "Smart Shelf Turku (S002)"
SHARED = {
    "meta.catalog": [
        {"table": name, "is_shared": True}
        for name in ("ref/items", "ref/zones", "analytics/versions", "analytics/dim_product")
    ]
}
FRIDAY, THURSDAY = date(2026, 1, 2), date(2026, 1, 1)


def report(store_id, day, report_type="DAILY_REPORT"):
    """Return the row of a report, whose page says whose it is."""
    kind = report_type.lower()
    return {
        "report_date": day,
        "report_type": report_type,
        "store_id": store_id,
        "currency": "EUR",
        "narrative": f"{report_type} of {store_id}, {day}.",
        "html_path": f"reports/{kind}/{day}/{kind}_{day}_{store_id}.html",
    }


def write_page(row, says=None):
    path = load_settings().local_root / row["html_path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(says or f"<p>{row['narrative']}</p>", encoding="utf-8")


@pytest.fixture
def publish(serving):
    """Publish two stores and reports about them, with their pages."""

    def write(*rows, pages=True):
        turku = files.store("S002", name="Smart Shelf Turku", timezone="Europe/Helsinki")
        if pages:
            for row in rows:
                write_page(row)
        return files.write(
            serving, files.catalogue(), files.store(), turku, analysed.versions(),
            *(analysed.kpis(whose) for whose in ("S001", "S002", "ALL")),
            {"ops.business_reports": list(rows)}, SHARED, more_tables=analysed.TABLES,
        )  # fmt: skip

    return write


@pytest.fixture
def whole(publish):
    """Reports of both stores and of all."""
    return publish(
        *(report(store, day) for store in ("S001", "S002", "ALL") for day in (FRIDAY, THURSDAY)),
        report("S001", date(2025, 12, 28), "WEEKLY_ANALYSIS"),
        report("S001", date(2025, 12, 31), "MONTHLY_SUMMARY"),
    )


@pytest.fixture
def offered(monkeypatch):
    """What the buttons for reports would download: name of the file, and what it says."""
    found = []
    button = st.download_button

    def remember(label, **more):
        if more["mime"] == "text/html":
            found.append((more["file_name"], more["data"]().decode()))
        return button(label, **more)

    monkeypatch.setattr(st, "download_button", remember)
    return found


@pytest.mark.usefixtures("whole")
def test_the_newest_morning_report_is_told_and_can_be_kept(open_page, offered):
    app = open_page()
    assert not app.exception
    assert "DAILY_REPORT of S001, 2026-01-02." in words(app)
    assert offered == [
        ("daily_report_2026-01-02_S001.html", "<p>DAILY_REPORT of S001, 2026-01-02.</p>")
    ]
    # Nothing leads to a port of the machine that the app runs on.
    assert not app.get("link_button")


@pytest.mark.usefixtures("whole")
@pytest.mark.parametrize(
    ("name", "title", "kept"),
    [
        ("Thu 1 Jan 2026", "Morning report", "daily_report_2026-01-01_S001.html"),
        ("Week up to 28 Dec 2025", "Report of a week", "weekly_analysis_2025-12-28_S001.html"),
        ("December 2025", "Report of a month", "monthly_summary_2025-12-31_S001.html"),
    ],
)
def test_older_reports_can_be_chosen(open_page, offered, name, title, kept):
    app = open_page()
    assert list(app.selectbox(key="report").options) == [
        "Fri 2 Jan 2026", "Thu 1 Jan 2026", "December 2025", "Week up to 28 Dec 2025",
    ]  # fmt: skip
    offered.clear()
    app.selectbox(key="report").set_value(name).run()
    assert not app.exception
    assert title in [heading.value for heading in app.subheader]
    assert [name for name, _ in offered] == [kept]


@pytest.mark.usefixtures("whole")
def test_a_report_that_another_store_has_not_gives_way_to_its_newest(open_page, offered):
    app = open_page()
    app.selectbox(key="report").set_value("December 2025").run()
    offered.clear()
    app.selectbox(key="store").set_value("S002").run()
    assert not app.exception
    assert offered[-1][0] == "daily_report_2026-01-02_S002.html"


@pytest.mark.usefixtures("whole")
def test_reports_of_a_store_are_offered_to_who_may_see_it(
    open_page, offered, tmp_path, monkeypatch
):
    people = tmp_path / "people.json"
    people.write_text(
        json.dumps(
            {
                "contact": "Maria",
                "people": {
                    "mina@example.com": {"role": "manager", "stores": ["S001"]},
                    "vera@example.com": {"role": "viewer", "stores": "*"},
                },
            }
        )
    )
    monkeypatch.setenv("SMARTSHELF_PEOPLE", str(people))
    mina = {"is_logged_in": True, "email": "mina@example.com"}
    for address in ({}, {"store": TURKU}, {"store": "All stores"}):
        app = open_page(user=mina, **address)
        assert not app.exception
        assert "S002, 2026" not in words(app)
        assert "of ALL" not in words(app)
    assert {name for name, _ in offered} == {"daily_report_2026-01-02_S001.html"}
    offered.clear()
    open_page(user=mina | {"email": "vera@example.com"}, store="All stores")
    assert offered == [
        ("daily_report_2026-01-02_ALL.html", "<p>DAILY_REPORT of ALL, 2026-01-02.</p>")
    ]


def test_a_page_that_is_not_here_is_said_and_not_offered(open_page, publish, offered):
    publish(report("S001", FRIDAY), pages=False)
    app = open_page()
    assert not app.exception
    assert "DAILY_REPORT of S001, 2026-01-02." in words(app)
    assert "Its page is not on this machine" in words(app)
    assert not offered


def test_only_files_in_the_folder_of_reports_are_offered(open_page, publish, offered):
    row = report("S001", FRIDAY) | {"html_path": "reports/../secret.html"}
    publish(row)
    assert (load_settings().local_root / "secret.html").is_file()
    app = open_page()
    assert not app.exception
    assert not offered


def test_before_the_first_morning_report_nothing_is_offered(open_page, publish, offered):
    publish(report("S001", date(2025, 12, 28), "WEEKLY_ANALYSIS"))
    app = open_page()
    assert not app.exception
    assert not offered
    assert "WEEKLY_ANALYSIS" not in words(app)
