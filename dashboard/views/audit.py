"""Audit trail: who did what, when, to what, and why."""

from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.components import anomaly_list, downloads, explain, item_links, pickers, tables
from dashboard.data import audit
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext


def render(context: PageContext) -> None:
    """Draw the page."""
    known = audit.people_and_kinds(context.store_ids)
    if known.is_empty():
        explain.nothing(
            "Nobody has done anything so far",
            "What people do in this report is listed here as soon as it has come through the "
            "pipeline: alerts they take care of, orders they decide about, stock they count, "
            "unusual sales they have looked at.",
        )
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        actors = st.multiselect(
            "Who",
            known.get_column("actor").unique().sort().to_list(),
            placeholder="Everybody",
            key="audit_actor",
            bind="query-params",
        )
        kinds = st.multiselect(
            "What",
            known.get_column("action").unique().sort().to_list(),
            format_func=text.label,
            placeholder="Everything",
            key="audit_action",
            bind="query-params",
        )
        search = pickers.search("Shelf, item, alert, lot, series or note", "audit_search")
    today = context.publication.as_of.astimezone(ZoneInfo(context.timezone)).date()
    since, until = context.period.span(today)
    found = audit.actions(
        context.store_ids,
        actors=actors,
        kinds=kinds,
        since=since,
        until=until if context.period.days else None,
        text=search,
    )
    total = int(known.get_column("times").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'action')}, done "
        f"{context.period.when}.",
        found,
        "operator_actions.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No action fits the filters.", icon=":material/filter_alt_off:")
        return
    _table(found.head(tables.SHOWN_ROWS), context)


def _table(found: pl.DataFrame, context: PageContext) -> None:
    config = st.column_config
    store = {"store_name": config.TextColumn("Store")} if len(context.chosen) > 1 else {}
    has_anomalies = found.get_column("scope_type").count() > 0
    anomaly = {"anomaly": config.TextColumn("Unusual sales", width=270)} if has_anomalies else {}
    columns = {
        "event_ts": config.DatetimeColumn(
            "When", format="ddd D MMM YYYY, HH:mm:ss", timezone=context.timezone
        ),
        "actor": config.TextColumn("Who", width=140),
        "action_label": config.TextColumn("What", width=180),
        **store,
        **item_links.column(),
        "subcategory": config.TextColumn("Item", width=140),
        "place": config.TextColumn("Where", width=90),
        "quantity": config.NumberColumn("Pieces", format="localized"),
        **anomaly,
        "note": config.TextColumn("Note", width="medium"),
        "cutoff_ts": config.DatetimeColumn(
            "Cutoff", format="ddd D MMM, HH:mm", timezone=context.timezone
        ),
        "batch_code": config.TextColumn("Lot", width=130),
        "alert_id": config.TextColumn("Alert"),
    }
    tables.show(
        item_links.with_addresses(found, context).with_columns(
            pl.col("action").map_elements(text.label, return_dtype=pl.String).alias("action_label"),
            pl.col("location").map_elements(text.label, return_dtype=pl.String).alias("place"),
            pl.struct("scope_type", "scope_id", "currency", "grain", "bucket_start", "direction")
            .map_elements(
                lambda row: anomaly_list.sentence(row, context.timezone), return_dtype=pl.String
            )
            .alias("anomaly"),
        ),
        hide_index=True,
        height=tables.height_of(len(found), most=600),
        placeholder="",
        column_config=columns,
        key="audit",
    )


PAGE = Page(
    "Audit trail",
    ":material/history_edu:",
    "audit",
    render,
    allows_all_stores=True,
    filters=Filters(EVERY_PERIOD, takes_days=True),
)
