"""Alerts in a table, and what a person can do with those that are chosen."""

from typing import Any

import polars as pl
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import actions, pending, text
from dashboard.components import confirm, item_links, sending, tables
from dashboard.components.confirm import Question
from dashboard.page import PageContext
from smartshelf_dagster.domain.access import Deed
from smartshelf_dagster.streaming.operator import AlertAction

ACKNOWLEDGED: AlertAction = "acknowledged"
DISMISSED: AlertAction = "dismissed"

_MARKS = {"open": "▲", "ack": "◆", "resolved": "✓", "dismissed": "✕"}
SEVERITIES = {"CRITICAL": "▲ Critical", "HIGH": "◆ High", "MEDIUM": "● Medium"}
_ON_THE_WAY: dict[str, str] = {ACKNOWLEDGED: "⏳ acknowledging", DISMISSED: "⏳ dismissing"}


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Add words to rows of ops.alerts.

    They are state, action, severity_label, type_label, location_label and category_label.

    An alert with an action on its way says so in its state.
    """
    sent = pending.actions("alert")
    on_the_way = {alert_id: _ON_THE_WAY.get(action, "⏳") for alert_id, action in sent.items()}
    words = {code: f"{mark} {text.label(code)}" for code, mark in _MARKS.items()}
    asked = [action(alert) for alert in frame.iter_rows(named=True)]
    return frame.with_columns(
        pl.Series("action", asked, dtype=pl.String),
        pl.col("severity")
        .replace_strict(SEVERITIES, default=None, return_dtype=pl.String)
        .alias("severity_label"),
        pl.coalesce(
            pl.col("alert_id").replace_strict(on_the_way, default=None, return_dtype=pl.String),
            pl.col("status").replace_strict(words, default=pl.col("status")),
        ).alias("state"),
        pl.col("alert_type").map_elements(text.label, return_dtype=pl.String).alias("type_label"),
        pl.col("location").map_elements(text.label, return_dtype=pl.String).alias("location_label"),
        text.category_labels().alias("category_label"),
    )


def action(alert: dict[str, Any]) -> str:
    """Return in words what an active alert asks for: Refill 12, Reorder 50."""
    if not alert["is_active"]:
        return ""
    if alert["alert_type"] == "refill_request":
        pieces = alert["suggested_qty"]
        return f"Refill {text.number(pieces)}" if pieces else "Check the shelf"
    if alert["alert_type"] == "supplier_request":
        pieces = alert["order_qty"]
        return f"Reorder {text.number(pieces)}" if pieces else "Nothing to order"
    return "Sell or remove lots"


def columns(timezone: str, *names: str) -> dict[str, Any]:
    """Return the configuration of columns of an alert table, by name."""
    config = st.column_config
    known = {
        "state": config.TextColumn("State", width=122),
        "severity_label": config.TextColumn(
            "Severity",
            width=92,
            help="Critical: nothing is left; high: below the threshold; medium: about to expire.",
        ),
        "action": config.TextColumn(
            "Action", width=125, help="Refill: up to the target. Reorder: at the next cutoff."
        ),
        **item_links.column(),
        "type_label": config.TextColumn("Type", width=136),
        "location_label": config.TextColumn("Where", width=78),
        "store_name": config.TextColumn("Store"),
        "category_label": config.TextColumn("Category", width=160),
        "subcategory": config.TextColumn("Item", width=140),
        "current_stock": config.NumberColumn("Stock (pcs)", format="localized", width="small"),
        "max_stock": config.NumberColumn("Capacity (pcs)", format="localized"),
        "low_below_qty": config.NumberColumn("Low below (pcs)", format="localized"),
        "suggested_qty": config.NumberColumn(
            "To fill (pcs)", format="localized", help="Pieces up to the target."
        ),
        "episodes": config.NumberColumn(
            "Times", help="How often the condition came, reopenings within the cooldown included."
        ),
        "opened_ts": config.DatetimeColumn("Opened", format="ddd D MMM, HH:mm", timezone=timezone),
        "updated_ts": config.DatetimeColumn(
            "Last change", format="ddd D MMM, HH:mm", timezone=timezone
        ),
        "last_actor": config.TextColumn("Last actor"),
    }
    return {name: known[name] for name in names}


def narrow_columns(timezone: str) -> dict[str, Any]:
    """Return the configuration of the few columns that fit beside the map."""
    config = st.column_config
    return {
        "state": config.TextColumn("State", width=118),
        **item_links.column(width=96),
        "subcategory": config.TextColumn("Item", width=112),
        "opened_ts": config.DatetimeColumn(
            "Opened", format="ddd HH:mm", timezone=timezone, width=78
        ),
        "location_label": config.TextColumn("Where", width=72),
    }


def action_form(
    chosen: pl.DataFrame, context: PageContext, *, table_key: str, is_wide: bool
) -> None:
    """Draw the form that acknowledges or dismisses the chosen alerts.

    One alert is acknowledged at once; before anything else it is asked whether that is meant.

    Args:
        chosen: Rows of ops.alerts.
        context: Of the page.
        table_key: Table whose choice is emptied when the action was sent.
        is_wide: Whether fields and buttons fit into one row.
    """
    sending.show_result()
    sent = list(pending.actions("alert"))
    free = chosen.filter(pl.col("is_active") & ~pl.col("alert_id").is_in(sent))
    opened = free.filter(pl.col("status") == "open")
    if free.is_empty():
        confirm.forget(table_key)
    if chosen.is_empty():
        st.caption("Choose alerts in the table to acknowledge or dismiss them.")
        return
    if free.is_empty():
        st.caption("Nothing to do: the chosen alerts are closed, or an action is on its way.")
        return
    if not sending.is_allowed(Deed.CARE, free.get_column("store_id")):
        return
    with st.form(f"{table_key}:form", enter_to_submit=False, border=True):
        who, why, left, right = _places(is_wide=is_wide)
        actor = sending.actor_field(who)
        note = why.text_input(
            "Note (optional)", key=f"{table_key}:note", max_chars=sending.MAX_NOTE
        )
        acknowledge = left.form_submit_button(
            f"Acknowledge {len(opened)}",
            icon=":material/check:",
            type="primary",
            disabled=opened.is_empty(),
            width="stretch",
        )
        dismiss = right.form_submit_button(
            f"Dismiss {len(free)}", icon=":material/close:", width="stretch"
        )
        st.caption(
            f"{text.plural(len(free), 'alert')} chosen. Actions take effect with the next "
            "micro-batch; a dismissed alert stays closed."
        )
    if acknowledge or dismiss:
        alerts, action = (opened, ACKNOWLEDGED) if acknowledge else (free, DISMISSED)
        ids = tuple(alerts.get_column("alert_id"))
        question = Question(action, ids, actor, note)
        if not sending.is_named(actor):
            st.rerun()
        elif acknowledge and len(ids) == 1:
            _send(alerts, question, context, table_key)
            st.rerun()
        else:
            confirm.ask(table_key, question)
    _confirm(opened, free, context, table_key)


def _confirm(
    opened: pl.DataFrame, free: pl.DataFrame, context: PageContext, table_key: str
) -> None:
    """Show the question that stands, about those of its alerts that can still be acted on."""
    question = confirm.asked(table_key)
    if question is None:
        return
    is_dismissal = question.action == DISMISSED
    alerts = confirm.of(free if is_dismissal else opened, "alert_id", question.ids)
    if alerts.is_empty():
        confirm.forget(table_key)
        return
    counted = text.plural(len(alerts), "alert")
    does, becomes = (
        ("Dismiss", "will be closed for good, and nothing will be planned")
        if is_dismissal
        else ("Acknowledge", "will be shown to all as being taken care of")
    )
    sentences = [f"**{counted}** in {confirm.places(alerts, context)} {becomes}."]
    asks = (
        pl.when(pl.col("alert_type") == "refill_request")
        .then(pl.col("suggested_qty"))
        .when(pl.col("alert_type") == "supplier_request")
        .then(pl.col("order_qty"))
        .fill_null(0)
    )
    alerts = alerts.with_columns(asked_qty=asks)
    if alerts.get_column("asked_qty").sum():
        asked = confirm.pieces(alerts, "asked_qty", context)
        sentences.append(f"Asked for: {asked}, to refill or to order.")
    confirm.show(
        table_key,
        f"{does} {counted}?",
        sentences,
        f"Yes, {does.lower()} {text.number(len(alerts))}",
        lambda: _send(alerts, question, context, table_key),
    )


def _places(*, is_wide: bool) -> list[DeltaGenerator]:
    """Return where name, note and the two buttons go."""
    if is_wide:
        return list(st.columns([3, 5, 2, 2], vertical_alignment="bottom"))
    return [*st.columns([2, 3]), *st.columns(2)]


def _send(alerts: pl.DataFrame, question: Question, context: PageContext, table_key: str) -> None:
    """Send an action and keep the message about it; alerts it was sent for are not chosen then."""
    keys = [actions.alert_key(row) for row in alerts.iter_rows(named=True)]
    outcome = actions.act(keys, question.action, actor=question.actor, note=question.note)
    if sending.report(
        "alert",
        outcome,
        question.action,
        context=context,
        wanted=len(keys),
        sent=text.plural(len(outcome.events), "alert"),
    ):
        tables.choose(table_key, [])
