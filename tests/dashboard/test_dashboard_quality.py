"""The quality page: checks, what they measured, runs of jobs, tables."""

import json

import pytest
import serving_files as files
from app_support import choose_rows, figure, table, words


@pytest.fixture
def checked(serving):
    """A publication whose data were checked twice."""
    files.write(serving, files.catalogue(), files.store(), files.quality())


def test_data_that_were_never_checked_are_explained(open_page, one_store):
    app = open_page("quality")
    assert not app.exception
    assert "have not been checked yet" in words(app)
    assert "`smartshelf quality`" in words(app)


@pytest.mark.usefixtures("checked")
def test_the_newest_run_is_shown_what_is_worst_first(open_page):
    app = open_page("quality")
    assert not app.exception
    assert [figure(app, name) for name in ("Score", "Fail", "Warn", "Hold")] == [
        "100", "0", "1", "2",
    ]  # fmt: skip
    assert figure(app, "Newest sale") == "20 s"
    assert table(app, "observed")["state"].tolist() == [
        "◆ Warns", "✓ Holds", "✓ Holds", "○ Not measured",
    ]  # fmt: skip
    [trend] = app.get("plotly_chart")
    assert json.loads(trend.proto.spec)["data"][0]["y"] == [60.0, 100.0]


@pytest.mark.usefixtures("checked")
def test_a_chosen_check_tells_its_story_and_samples(open_page):
    app = choose_rows(
        open_page("quality"), "quality_result", "prices_are_steady/analytics/fact_sales/ALL"
    )
    assert not app.exception
    assert "Prices are steady" in [title.value for title in app.subheader]
    assert "WINRED0004" in app.code[0].value
    bound, measured = json.loads(app.get("plotly_chart")[1].proto.spec)["data"]
    assert (bound["y"], measured["y"]) == ([0.0, 0.0], [2.0, 3.0])


@pytest.mark.usefixtures("checked")
def test_a_check_that_was_not_measured_says_so(open_page):
    app = choose_rows(
        open_page("quality"), "quality_result", "volume_is_as_usual/cleansed/sales_lines/ALL"
    )
    assert not app.exception
    assert "It has not been measured" in words(app)


@pytest.mark.usefixtures("checked")
def test_checks_are_filtered_by_status(open_page):
    app = open_page("quality")
    app.button_group(key="quality_status").set_value(["warn"]).run()
    assert table(app, "observed")["check_name"].tolist() == ["prices_are_steady"]
    app.button_group(key="quality_status").set_value(["fail"]).run()
    assert "No check has that status." in words(app)


@pytest.mark.usefixtures("checked")
def test_runs_of_jobs_and_tables_stand_below(open_page):
    app = open_page("quality")
    assert "**2 runs** of jobs in the last days, **1** failed." in words(app)
    runs = table(app, "duration_s")
    assert runs["state"].tolist() == ["▲ Failed", "✓ Done"]
    assert runs["error"].iloc[0] == "the disk is full"
    found = table(app, "partitions")
    assert found["table"].tolist() == ["analytics/fact_sales", "raw/quarantine"]
