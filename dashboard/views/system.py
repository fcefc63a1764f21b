"""System: whether all parts are well, what jobs did, what came in, and what was refused."""

from dataclasses import replace

import polars as pl
import streamlit as st

from dashboard import links, text
from dashboard.charts.lag import lag
from dashboard.components import (
    arrivals,
    downloads,
    explain,
    figure,
    frame,
    running,
    system_parts,
    tables,
)
from dashboard.data import quality, stores, system
from dashboard.page import Page, PageContext
from smartshelf_dagster.settings import load_settings

_REFUSED = "refused_event"
_SHOWN_FAILURES = 10
# Of the chart of arrivals, minutes.
_DAY, _STEP = 1_440, 30


def render(context: PageContext) -> None:
    """Draw the page."""
    streams = system.streams()
    refusals = system.refusals()
    _parts(context)
    _publication(streams, refusals, context)
    _links()
    _lags(context)
    _failures(context)
    left, right = st.columns([55, 45], gap="medium")
    with left:
        _streams(streams, context)
        _refusals(refusals, context)
        _archive(context)
    with right:
        _tables()
    _latest_refusals(context)
    _benchmarks(context)
    with explain.what_is_missing():
        running.box(frame.REFRESH_SECONDS, frame.old_after_s())


def _parts(context: PageContext) -> None:
    """Draw how every part of the system is, what is said of all of them first."""
    with explain.what_is_missing():
        found = system.parts()
        if found.is_empty():
            st.info("What was published does not say how the parts are.", icon=":material/info:")
            return
        downloads.heading(system_parts.verdict(found), found, "system_status")
        system_parts.tiles(found, context.timezone)


def _publication(streams: pl.DataFrame, refusals: pl.DataFrame, context: PageContext) -> None:
    publication = context.publication
    took = system.last_batch_s()
    shown: dict[str, tuple[str | int, str]] = {
        "Time of the data": (
            text.local_time(publication.as_of, context.timezone),
            "By the clock of the stores, which a simulator may run.",
        ),
        "Published (wall time, UTC)": (
            text.local_time(publication.published_at, "UTC"),
            "Wall time at which the serving file was put in place.",
        ),
        "Newest micro-batch took": (
            "-" if took is None else f"{text.formatted(took, '.1f')} s",
            "From the first event drained to the end of the publication, in the newest run known",
        ),
        "Events kept": (int(streams.get_column("rows").sum()), "Rows of all raw tables."),
        "Events refused": (
            int(refusals.get_column("events").sum()),
            "In quarantine, with the reason.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns([3, 3, 3, 2, 2]), shown.items(), strict=True
        ):
            place.metric(name, value, help=meaning, format="localized")
    st.caption(f"Version of the data: `{publication.version}`, as the HTTP API names it.")


def _links() -> None:
    """Draw the ways to the pages that run beside this report, where it was told of them."""
    settings = load_settings()
    pages = (
        ("Dagster: runs, schedules, checks", settings.dagster_url, ":material/account_tree:"),
        ("dbt docs: tables and their columns", settings.docs_url, ":material/menu_book:"),
    )
    known = [(name, url, icon) for name, url, icon in pages if url]
    if not known:
        return
    with st.container(horizontal=True):
        for name, url, icon in known:
            st.link_button(name, url, icon=icon)


def _lags(context: PageContext) -> None:
    """Draw how long receipts take to get here: of the last day, and as the checks found it."""
    left, right = st.columns(2, gap="large")
    everywhere = replace(context, chosen=tuple(stores.stores()))
    with left, explain.what_is_missing():
        arrivals.of_receipts(_DAY, _STEP, "24 hours", everywhere)
    with right:
        checked = quality.arrivals()
        if not checked.get_column("p95_s").count():
            st.caption("No check of the data has measured it in the last days.")
            return
        downloads.summary(
            "**The same** in the last days, by check of the data:",
            checked,
            "lag_checked",
        )
        figure.draw(
            lambda: lag(checked, context.timezone, context.palette),
            "lag_checked",
            "Time that 95 % of the receipts took from the till to the lake, by check of the data",
        )


def _failures(context: PageContext) -> None:
    """Draw the newest runs of jobs that failed."""
    runs = quality.job_runs()
    if runs.is_empty():
        st.caption("No run of a job is known yet: they are told by the check of the data.")
        return
    failed = runs.filter(pl.col("status") == "FAILURE")
    if failed.is_empty():
        st.success(
            f"No run of a job failed, of {text.number(len(runs))} in the last days.",
            icon=":material/check_circle:",
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        downloads.summary(
            f"**▲ {text.number(len(failed))}** of {text.plural(len(runs), 'run')} of jobs in the "
            "last days failed.",
            failed,
            "failed_runs",
            shown_rows=_SHOWN_FAILURES,
        )
        links.link("quality", "Quality")
    config = st.column_config
    tables.show(
        failed.head(_SHOWN_FAILURES),
        key="failed_runs",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(failed), most=213),
        column_config={
            "started_ts": config.DatetimeColumn(
                "Started (wall time)", format="ddd D MMM, HH:mm:ss", timezone=context.timezone
            ),
            "job": config.TextColumn("Job"),
            "error": config.TextColumn("What was wrong", width="large"),
            "duration_s": config.NumberColumn("Took (s)", format="%.1f"),
        },
    )


def _streams(streams: pl.DataFrame, context: PageContext) -> None:
    downloads.heading("Streams", streams, "streams")
    config = st.column_config
    tables.show(
        streams.with_columns(
            pl.col("lag_s").map_elements(text.duration, return_dtype=pl.String).alias("lag")
        ),
        hide_index=True,
        placeholder="none",
        column_config={
            "topic": config.TextColumn("Topic"),
            "rows": config.NumberColumn("Events", format="localized"),
            "last_event_ts": config.DatetimeColumn(
                "Newest event", format="ddd D MMM, HH:mm:ss", timezone=context.timezone
            ),
            "lag": config.TextColumn(
                "Behind", help="From the newest event to the time of the data."
            ),
            "files": config.NumberColumn("Files", format="localized"),
            "size_bytes": config.NumberColumn("Size", format="bytes"),
            "version": config.NumberColumn("Delta version", format="localized"),
        },
    )


def _refusals(refusals: pl.DataFrame, context: PageContext) -> None:
    if refusals.is_empty():
        st.subheader("Refused events by reason", anchor=False)
        st.success("None: every event that came in was accepted.", icon=":material/check_circle:")
        return
    downloads.heading("Refused events by reason", refusals, "refused_by_reason")
    config = st.column_config
    tables.show(
        refusals,
        hide_index=True,
        column_config={
            "topic": config.TextColumn("Topic"),
            "reason_code": config.TextColumn("Reason"),
            "events": config.ProgressColumn(
                "Events",
                format="%d",
                min_value=0,
                max_value=int(refusals.get_column("events").sum()),
            ),
            "last_ts": config.DatetimeColumn(
                "Last refused", format="ddd D MMM, HH:mm", timezone=context.timezone
            ),
        },
    )


def _tables() -> None:
    roles = {"published": "Published", "source": "Read"}
    found = system.tables().with_columns(pl.col("role").replace(roles))
    downloads.heading("Tables", found, "tables")
    config = st.column_config
    tables.show(
        found,
        hide_index=True,
        height=tables.height_of(len(found), most=480),
        placeholder="",
        column_config={
            "table": config.TextColumn("Table"),
            "role": config.TextColumn("Role", width="small"),
            "rows": config.NumberColumn("Rows", format="localized"),
            "version": config.NumberColumn("Delta version", format="localized", width="small"),
        },
    )


def _archive(context: PageContext) -> None:
    """Draw what the nights moved to the archive."""
    found = system.archive()
    if found.is_empty():
        st.subheader("Archive", anchor=False)
        st.caption("Nothing has been moved there so far.")
        return
    downloads.heading("Archive", found, "archive")
    config = st.column_config
    tables.show(
        found,
        key="archive",
        hide_index=True,
        placeholder="",
        column_order=["table", "days", "last_day", "rows", "bytes", "hot_bytes", "archived_at"]
        + (["restored"] if found.get_column("restored").sum() else []),
        column_config={
            "table": config.TextColumn("Table"),
            "days": config.NumberColumn("Days", format="localized", help="That lie there now."),
            "last_day": config.TextColumn("Newest day"),
            "rows": config.NumberColumn("Rows", format="localized"),
            "bytes": config.NumberColumn("Size", format="bytes"),
            "hot_bytes": config.NumberColumn(
                "Was", format="bytes", help="Size of the files that held the rows before."
            ),
            "archived_at": config.DatetimeColumn(
                "Last moved", format="ddd D MMM, HH:mm", timezone=context.timezone
            ),
            "restored": config.NumberColumn(
                "Brought back", format="localized", help="Days that were put back into the table."
            ),
        },
    )


def _latest_refusals(context: PageContext) -> None:
    latest = system.latest_refusals()
    if latest.is_empty():
        return
    downloads.heading("Latest refused events", latest, "refused_events")
    config = st.column_config
    events = latest.with_columns(
        pl.concat_str("stream", "stream_id", "entry_index", separator="/").alias("row_id")
    )
    chosen = tables.table(
        events,
        key=_REFUSED,
        id_column="row_id",
        columns={
            "ingest_ts": config.DatetimeColumn(
                "Refused", format="ddd D MMM, HH:mm:ss", timezone=context.timezone
            ),
            "topic": config.TextColumn("Topic"),
            "reason_code": config.TextColumn("Reason"),
            "reason": config.TextColumn("What was wrong", width="large"),
            "event_id": config.TextColumn("Event"),
        },
        rows="single-row",
        height=300,
    )
    if not chosen:
        st.caption("Choose a row to see the event as it was received.")
        return
    event = events.filter(pl.col("row_id") == chosen[0]).row(0, named=True)
    st.markdown(f"{event['stream']}, entry {event['stream_id']}, {event['payload_encoding']}")
    st.code(event["payload"], language="json", wrap_lines=True)


def _benchmarks(context: PageContext) -> None:
    """Draw what was measured beside its targets, in a lake that figures were kept in."""
    found = system.benchmarks()
    if found.is_empty():
        return
    downloads.heading("Benchmarks", found, "benchmarks")
    shown = found.with_columns(
        verdict=pl.when("is_met").then(pl.lit("✓ met")).otherwise(pl.lit("▲ missed")),
        bound=pl.when("is_at_least").then(pl.lit("at least")).otherwise(pl.lit("at most")),
    )
    config = st.column_config
    tables.show(
        shown,
        hide_index=True,
        column_config={
            "name": config.TextColumn("What"),
            "figure": config.NumberColumn("Figure", format="localized"),
            "unit": config.TextColumn("Unit"),
            "bound": config.TextColumn("Wanted"),
            "target": config.NumberColumn("Target", format="localized"),
            "verdict": config.TextColumn("Verdict"),
            "measured_at": config.DatetimeColumn(
                "Measured", format="ddd D MMM, HH:mm", timezone=context.timezone
            ),
            "method": config.TextColumn("How", width="large"),
            "machine": config.TextColumn("On", width="large"),
        },
    )


PAGE = Page("System", ":material/monitor_heart:", "system", render, is_of_all_stores=True)
