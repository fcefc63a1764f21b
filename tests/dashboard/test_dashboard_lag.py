"""How long receipts take from the till to the lake: what is asked, the chart, the pages."""

import json
from datetime import timedelta

import analytics_files as analysed
import polars as pl
import pytest
import serving_files as files
from app_support import table, words

from dashboard.charts.lag import lag
from dashboard.data import live, quality
from dashboard.theme import DARK, LIGHT


def receipt(name, minutes, took, store_id="S001", lines=1, source="stream"):
    """Return the lines of a receipt that came so many minutes ago, and took so many seconds."""
    came = files.ago(minutes)
    return [
        {"event_id": f"{name}/{line}", "receipt_event_id": name, "store_id": store_id,
         "ingest_ts": came, "event_ts": came - timedelta(seconds=took), "source": source}
        for line in range(lines)
    ]  # fmt: skip


# 11:48 is now: three receipts since 11:30, one before, and one of another store.
RECEIPTS = {
    "cleansed.sales_lines": [
        *receipt("a", 5, 10),
        *receipt("b", 6, 20, lines=9),
        *receipt("c", 7, 40),
        *receipt("d", 20, 300),
        *receipt("e", 5, 7_000, store_id="S002"),
        *receipt("f", 90, 60),
    ]
}
CHECKS = {
    "dq.reports": [
        {"run_id": run, "run_ts": files.ago(minutes), "dq_score": 100.0, "clock_speed": speed}
        for run, minutes, speed in (("q-1", 60, 1.0), ("q-2", 30, 10.0), ("q-3", 0, None))
    ],
    "dq.results": [
        {"run_id": run, "run_ts": files.ago(minutes), "check_name": name, "observed": observed}
        for run, minutes, name, observed in (
            ("q-2", 30, "events_arrive_in_time", 80.0),
            ("q-1", 60, "events_arrive_in_time", 70.0),
            ("q-3", 0, "events_arrive_in_time", None),
            ("q-1", 60, "sales_are_fresh", 3.0),
        )
    ],
}


def publish(path, *parts, **options):
    return files.write(path, files.catalogue(), files.store(), *parts, **options)


def test_receipts_count_once_and_by_when_they_came(serving):
    publish(serving, RECEIPTS)
    found = live.lags(["S001"], minutes=60, step=30)
    assert found.get_column("receipts").to_list() == [1, 3]
    assert found.get_column("p50_s").to_list() == [300, 20]
    assert found.get_column("p95_s").to_list() == pytest.approx([300, 38])
    assert found.get_column("at")[-1] == files.ago(18)
    assert live.lags(["S002"], minutes=60, step=30).get_column("p95_s").to_list() == [None, 7_000]


def test_bounds_grant_the_wait_for_a_batch_on_the_clock_in_force(serving, monkeypatch):
    monkeypatch.setenv("SMARTSHELF_MICRO_BATCH_INTERVAL_S", "60")
    assert quality.arrival_bounds(1.0) == quality.arrival_bounds(None) == (65, 90)
    assert quality.arrival_bounds(10.0) == (650, 900)
    publish(serving, CHECKS)
    found = quality.arrivals()
    assert found.select("p95_s", "warn_s", "fail_s").rows() == [
        (70, 65, 90),
        (80, 650, 900),
        (None, 65, 90),
    ]


def test_the_speed_of_the_clock_follows_from_the_last_publications(serving):
    publish(serving)
    assert live.clock() == 1.0
    moments = [
        {"as_of_ts": files.ago(minutes), "published_at": files.FOREVER - timedelta(hours=hours)}
        for minutes, hours in ((120, 3), (0, 2))
    ]
    columns = {"meta.publications": "as_of_ts TIMESTAMPTZ, published_at TIMESTAMPTZ"}
    publish(serving, {"meta.publications": moments}, more_tables=columns)
    assert live.clock() == 2.0


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
@pytest.mark.parametrize(
    ("most", "title", "shown"),
    [(30.0, "Seconds", 30.0), (300.0, "Minutes", 5.0), (9_000.0, "Hours", 2.5)],
)
def test_the_axis_has_a_unit_that_fits(palette, most, title, shown):
    times = pl.DataFrame(
        {"at": [files.ago(30), files.ago(0)], "p50_s": [None, 1.0], "p95_s": [None, most],
         "warn_s": [5.0, 5.0], "fail_s": [30.0, 30.0]}
    )  # fmt: skip
    chart = lag(times, "Europe/Rome", palette)
    names = [trace.name for trace in chart.data]
    assert names == ["Half of the receipts", "95 % of them", "Warns from 5 s", "Fails from 30 s"]
    assert list(chart.data[1].y) == [None, shown]
    assert chart.layout.yaxis.title.text == title
    # None is told by its colour alone.
    looks = {(trace.line.dash, trace.marker.symbol) for trace in chart.data}
    assert len(looks) == 4
    assert len(lag(times.drop("p50_s"), "Europe/Rome", palette).data) == 3


def drawn(app):
    charts = [json.loads(chart.proto.spec)["data"] for chart in app.get("plotly_chart")]
    return [[trace.get("name") for trace in chart] for chart in charts]


def test_system_draws_the_last_day_of_all_stores_and_what_checks_measured(
    open_page, serving, monkeypatch
):
    monkeypatch.setenv("SMARTSHELF_MICRO_BATCH_INTERVAL_S", "60")
    publish(serving, files.store("S002"), RECEIPTS, CHECKS)
    app = open_page("system")
    assert not app.exception
    of_day, of_checks = drawn(app)
    assert of_day == [
        "Half of the receipts", "95 % of them", "Warns from 65 s", "Fails from 90 s",
    ]  # fmt: skip
    assert of_checks == ["95 % of them", "Warns from 65 s", "Fails from 90 s"]
    # Minutes: the slow receipt is that of the store that is not chosen.
    slowest = json.loads(app.get("plotly_chart")[0].proto.spec)["data"][1]["y"]
    assert max(minutes for minutes in slowest if minutes is not None) > 90


def test_live_draws_the_chosen_range_of_the_chosen_stores(open_page, serving):
    publish(serving, analysed.live(), RECEIPTS)
    app = open_page("live")
    assert not app.exception
    assert "**From the till to the lake** in the last 24 hours:" in words(app)
    assert drawn(app)[-1][:2] == ["Half of the receipts", "95 % of them"]
    app.button_group(key="range").set_value("1h").run()
    assert "**From the till to the lake** in the last 1 hour:" in words(app)
    ends = json.loads(app.get("plotly_chart")[-1].proto.spec)["data"][1]["y"]
    assert [minutes for minutes in ends if minutes] == [5.0, pytest.approx(38 / 60)]


def test_a_past_that_was_loaded_is_not_late(open_page, serving):
    past = [
        *receipt("g", 5, 90_000, source="backfill", lines=2),
        *receipt("h", 6, 90_000, source="uci"),
    ]
    publish(serving, analysed.live(), analysed.parts(stream="off"), {"cleansed.sales_lines": past})
    [found] = live.lags(["S001"], minutes=30, step=30).drop("at").rows()
    assert found == (0, None, None, 2)
    for path in ("live", "system"):
        shown = words(open_page(path))
        assert "Loaded, not live: the 2 receipts of the last 24 hours" in shown
    assert "○ Loaded, not live" in shown
    assert "○ Loaded, not live" in table(open_page(), "component")["status"].tolist()
    publish(serving, {"cleansed.sales_lines": [*past, *receipt("i", 5, 10)]})
    [found] = live.lags(["S001"], minutes=30, step=30).drop("at").rows()
    assert found == (1, 10, 10, 2)


def test_where_nothing_came_it_is_said(open_page, serving):
    publish(serving)
    shown = words(open_page("system"))
    assert "No receipt came into the lake in the last 24 hours" in shown
    assert "No check of the data has measured it" in shown
