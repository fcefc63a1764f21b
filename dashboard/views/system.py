"""System: how fresh the data are, what the streams brought, and what was refused."""

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import downloads, tables
from dashboard.data import system
from dashboard.page import Page, PageContext
from smartshelf_dagster.settings import load_settings

_REFUSED = "refused_event"


def render(context: PageContext) -> None:
    """Draw the page."""
    streams = system.streams()
    refusals = system.refusals()
    _publication(streams, refusals, context)
    _links()
    left, right = st.columns([55, 45], gap="medium")
    with left:
        _streams(streams, context)
        _refusals(refusals, context)
    with right:
        _tables()
    _latest_refusals(context)
    _benchmarks(context)


def _publication(streams: pl.DataFrame, refusals: pl.DataFrame, context: PageContext) -> None:
    publication = context.publication
    shown: dict[str, tuple[str | int, str]] = {
        "Time of the data": (
            text.local_time(publication.as_of, context.timezone),
            "By the clock of the stores, which a simulator may run.",
        ),
        "Published (wall time, UTC)": (
            text.local_time(publication.published_at, "UTC"),
            "Wall time at which the serving file was put in place.",
        ),
        "Events kept": (int(streams.get_column("rows").sum()), "Rows of all raw tables."),
        "Events refused": (
            int(refusals.get_column("events").sum()),
            "In quarantine, with the reason.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (value, meaning)) in zip(
            st.columns([3, 3, 2, 2]), shown.items(), strict=True
        ):
            place.metric(name, value, help=meaning, format="localized")


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


def _streams(streams: pl.DataFrame, context: PageContext) -> None:
    downloads.heading("Streams", streams, "streams")
    config = st.column_config
    tables.show(
        streams.with_columns(
            pl.col("lag_s").map_elements(text.duration, return_dtype=pl.String).alias("lag")
        ),
        hide_index=True,
        placeholder="none",
        column_order=["topic", "rows", "last_event_ts", "lag", "files", "size_bytes", "version"],
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
        column_order=["topic", "reason_code", "events", "last_ts"],
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
        column_order=["table", "role", "rows", "version"],
        column_config={
            "table": config.TextColumn("Table"),
            "role": config.TextColumn("Role", width="small"),
            "rows": config.NumberColumn("Rows", format="localized"),
            "version": config.NumberColumn("Delta version", format="localized", width="small"),
        },
    )


def _latest_refusals(context: PageContext) -> None:
    latest = system.latest_refusals()
    if latest.is_empty():
        return
    downloads.heading("Latest refused events", latest, "refused_events")
    config = st.column_config
    frame = latest.with_columns(
        pl.concat_str("stream", "stream_id", "entry_index", separator="/").alias("row_id")
    )
    chosen = tables.table(
        frame,
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
    event = frame.filter(pl.col("row_id") == chosen[0]).row(0, named=True)
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
        column_order=[
            *("name", "figure", "unit", "bound", "target", "verdict", "measured_at"),
            *("method", "machine"),
        ],
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
