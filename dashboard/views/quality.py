"""Quality: which checks of the data hold, what is wrong where they do not, and how jobs went."""

import json

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.quality import measured, score
from dashboard.components import downloads, explain, figure, tables
from dashboard.data import quality
from dashboard.page import Page, PageContext

_RESULT = "quality_result"
_STATES = {"fail": "▲ Fails", "warn": "◆ Warns", "pass": "✓ Holds", "skipped": "○ Not measured"}
_JOB_STATES = {"SUCCESS": "✓ Done", "FAILURE": "▲ Failed", "STARTED": "● Under way"}
_SHOWN_RUNS = 500


def render(context: PageContext) -> None:
    """Draw the page."""
    if not quality.is_checked():
        explain.nothing(
            "The data have not been checked yet",
            "They are checked every half hour of the stores.",
            ("smartshelf quality", "checks them now"),
        )
        return
    reports = quality.reports()
    newest = reports.row(0, named=True)
    results = quality.results(newest["run_id"])
    _figures(newest, results, context)
    left, right = st.columns([62, 38], gap="large")
    with left:
        chosen = _checks(results)
    with right:
        _trend(reports, context)
        if chosen:
            _story(results.filter(pl.col("result_id") == chosen).row(0, named=True), context)
        else:
            st.caption("Choose a check to see what it measured, and samples of what is wrong.")
    _job_runs(context)
    _tables(newest["run_id"], context)


def _figures(newest: dict[str, float], results: pl.DataFrame, context: PageContext) -> None:
    states = results.get_column("status")
    freshness = newest["data_freshness_seconds"]
    shown: dict[str, tuple[str | int, str]] = {
        "Score": (
            f"{newest['dq_score']:.0f}",
            "Share of the checks that did not fail, of 100; critical ones count three times.",
        ),
        "Fail": (int((states == "fail").sum()), "Checks that do not hold."),
        "Warn": (int((states == "warn").sum()), "Checks that somebody should look at."),
        "Hold": (int((states == "pass").sum()), "Checks that hold."),
        "Newest sale": (
            "-" if freshness is None else text.duration(freshness),
            "Before the time of the check, by the clock of the stores.",
        ),
        "Checked": (
            text.local_time(newest["run_ts"], context.timezone),  # type: ignore[arg-type]
            "Time of the newest run, by the clock of the stores.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns([2, 2, 2, 2, 2, 4]), shown.items(), strict=True
        ):
            place.metric(name, value, help=meaning, format="localized")


def _words(check_name: str) -> str:
    return check_name.replace("_", " ").capitalize()


def _checks(results: pl.DataFrame) -> str | None:
    """Draw the checks; returns the id of the chosen one."""
    wanted = st.pills(
        "Status",
        list(_STATES),
        selection_mode="multi",
        format_func=lambda state: _STATES[state].partition(" ")[2],
        key="quality_status",
        bind="query-params",
    )
    found = results.filter(pl.col("status").is_in(wanted)) if wanted else results
    downloads.summary(
        f"**{text.plural(len(found), 'check')}**, what is worst first.", found, "quality.csv"
    )
    if found.is_empty():
        st.info("No check has that status.", icon=":material/filter_alt_off:")
        return None
    config = st.column_config
    chosen = tables.table(
        found.with_columns(
            pl.col("status").replace(_STATES).alias("state"),
            pl.col("check_name").map_elements(_words, return_dtype=pl.String).alias("check"),
            where=pl.concat_str("asset", "scope", separator=", ", ignore_nulls=True),
        ),
        key=_RESULT,
        id_column="result_id",
        columns={
            "state": config.TextColumn("State", width=105),
            "check": config.TextColumn("Check"),
            "where": config.TextColumn("Where"),
            "observed": config.NumberColumn("Measured", format="%.4g"),
            "threshold": config.NumberColumn("Bound", format="%.4g"),
            "severity": config.TextColumn("Severity", width=70),
            "check_no": config.TextColumn("No.", width=50),
        },
        rows="single-row",
        height=650,
    )
    return chosen[0] if chosen else None


def _trend(reports: pl.DataFrame, context: PageContext) -> None:
    downloads.summary("**Score** of the last days:", reports, "quality_reports.csv")
    figure.draw(
        lambda: score(reports, context.palette),
        "score",
        "Score of the data by run",
    )


def _story(row: dict[str, str], context: PageContext) -> None:
    """Draw what a check measured, and what it found wrong last."""
    st.subheader(_words(row["check_name"]), anchor=False)
    past = quality.history(row["check_name"], row["asset"], row["scope"]).drop_nulls("observed")
    if past.is_empty():
        st.info("It has not been measured in the last days.", icon=":material/info:")
        return
    figure.draw(
        lambda: measured(past, context.palette),
        "measured",
        "What the check measured by run, with its bound",
    )
    samples = json.loads(row["sample_json"]) if row["sample_json"] else []
    if samples:
        st.markdown("What it found, in part:")
        st.code(
            "\n".join(json.dumps(sample, ensure_ascii=False) for sample in samples)
            if isinstance(samples, list)
            else json.dumps(samples, ensure_ascii=False, indent=2),
            language="json",
            wrap_lines=True,
        )


def _job_runs(context: PageContext) -> None:
    runs = quality.job_runs()
    if runs.is_empty():
        return
    failed = int((runs.get_column("status") == "FAILURE").sum())
    downloads.summary(
        f"**{text.plural(len(runs), 'run')}** of jobs in the last days, "
        f"**{text.number(failed)}** failed.",
        runs,
        "job_runs.csv",
        shown_rows=_SHOWN_RUNS,
    )
    config = st.column_config
    tables.show(
        runs.head(_SHOWN_RUNS).with_columns(
            pl.col("status").replace(_JOB_STATES).alias("state"),
            pl.col("job").map_elements(_words, return_dtype=pl.String),
        ),
        key="job_runs",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(runs), most=318),
        column_config={
            "state": config.TextColumn("State", width=105),
            "job": config.TextColumn("Job"),
            "started_ts": config.DatetimeColumn(
                "Started (wall time)", format="ddd D MMM, HH:mm:ss", timezone=context.timezone
            ),
            "duration_s": config.NumberColumn("Took (s)", format="%.1f"),
            "records_processed": config.NumberColumn("Records", format="localized"),
            "error": config.TextColumn("What was wrong", width="large"),
        },
    )


def _tables(run_id: str, context: PageContext) -> None:
    found = quality.tables(run_id)
    size = float(found.get_column("size_bytes").sum())
    downloads.summary(
        f"**{text.plural(len(found), 'table')}** with "
        f"{text.formatted(size / 1e6, ',.1f')} MB, the largest first.",
        found,
        "tables.csv",
    )
    config = st.column_config
    tables.show(
        found.with_columns(
            pl.col("status").replace({"HAS_DATA": "✓ Has rows", "EMPTY": "○ Empty"})
        ),
        key="table_monitoring",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=388),
        column_config={
            "table": config.TextColumn("Table"),
            "status": config.TextColumn("State", width=105),
            "rows": config.NumberColumn("Rows", format="localized"),
            "size_bytes": config.NumberColumn("Size", format="bytes"),
            "files": config.NumberColumn("Files", format="localized"),
            "partitions": config.NumberColumn("Partitions", format="localized"),
            "delta_version": config.NumberColumn("Delta version", format="localized"),
            "last_modified_ts": config.DatetimeColumn(
                "Written (wall time)", format="ddd D MMM, HH:mm:ss", timezone=context.timezone
            ),
        },
    )


PAGE = Page("Quality", ":material/verified:", "quality", render, is_of_all_stores=True)
