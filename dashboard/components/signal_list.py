"""Unusual things in a table: what, where, since when, and how far out."""

import polars as pl
import streamlit as st

from dashboard import links, text
from dashboard.components import alert_list, downloads, item_links, tables
from dashboard.page import PageContext

KINDS = {
    "HIGH_VALUE_SALE": "Unusually large sale",
    "PRICE_ANOMALY": "Unusual price",
    "DISCOUNT_ANOMALY": "Unplanned discount",
    "SALES_SPIKE": "Sales above usual",
    "SALES_DROP": "Sales below usual",
    "SUPPLIER_DELAY": "Delivery overdue",
    "DATA_QUALITY": "Data quality",
    "MODEL_DRIFT": "Forecast drifts",
}
_SEVERITIES = alert_list.SEVERITIES | {"LOW": "○ Low"}


def draw(found: pl.DataFrame, context: PageContext) -> None:
    """Draw rows of `data.signals.signals`, with filters.

    Args:
        found: The rows.
        context: Of the page.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kinds = st.multiselect(
            "What",
            list(KINDS),
            format_func=KINDS.__getitem__,
            placeholder="All",
            key="kind",
            bind="query-params",
        )
        severities = st.pills(
            "How severe",
            list(_SEVERITIES),
            selection_mode="multi",
            format_func=_SEVERITIES.__getitem__,
            key="signal_severity",
            bind="query-params",
        )
        with_acknowledged = st.toggle(
            "Acknowledged as well",
            key="with_acknowledged",
            bind="query-params",
            help="Unusual hours and days that somebody has looked at, on the page Anomalies.",
        )
    if not with_acknowledged:
        found = found.filter(~pl.col("is_acknowledged"))
    shown = found.filter(
        pl.col("kind").is_in(kinds or list(KINDS)),
        pl.col("severity").is_in(severities or list(_SEVERITIES)),
    )
    downloads.summary(
        f"**{text.number(len(shown))}** of {text.number(len(found))} unusual, the newest first.",
        shown,
        "unusual",
        shown_rows=tables.SHOWN_ROWS,
    )
    if shown.is_empty():
        st.success("Nothing of the kind is unusual.", icon=":material/check_circle:")
        return
    config = st.column_config
    looked_at = {"looked_at": config.TextColumn("Acknowledged")} if with_acknowledged else {}
    columns = {
        "severity_label": config.TextColumn("Severity", width=92),
        "kind_label": config.TextColumn("What", width=160),
        **looked_at,
        "event_ts": config.DatetimeColumn(
            "When", format="ddd D MMM, HH:mm", timezone=context.timezone, width=135
        ),
        "store_name": config.TextColumn("Store"),
        **item_links.column("Item"),
        "subcategory": config.TextColumn("Name", width=140),
        "subject": config.TextColumn("About", width="medium"),
        "value": config.NumberColumn("Value", format="localized"),
        "bound": config.NumberColumn(
            "Bound", format="localized", help="Beyond which it is told; none for what is late."
        ),
    }
    tables.show(
        item_links.with_addresses(
            shown.head(tables.SHOWN_ROWS).with_columns(
                # What is about all stores is looked at in the one that is shown.
                pl.col("store_id").fill_null(context.store.store_id),
                pl.col("store_name").fill_null("All"),
                pl.col("severity")
                .replace_strict(_SEVERITIES, default=None, return_dtype=pl.String)
                .alias("severity_label"),
                pl.col("kind")
                .replace_strict(KINDS, default=pl.col("kind"), return_dtype=pl.String)
                .alias("kind_label"),
                looked_at=pl.when("is_acknowledged").then(pl.lit("✓ Yes")),
            ),
            context,
            "item_id",
        ),
        key="signals",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(shown), most=600),
        column_config=columns,
    )
    links.link(
        "anomalies", "Acknowledge unusual hours and days", choices={"acknowledged": "Not yet"}
    )
