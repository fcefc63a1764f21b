"""Unusual hours and days of sales in words, and what a person can do with those chosen."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import actions, pending, text
from dashboard.components import confirm, sending, tables
from dashboard.components.confirm import Question
from dashboard.data.anomalies import Series
from dashboard.page import PageContext
from smartshelf_dagster.domain.access import Deed

DIRECTIONS = {"high": "▲ More", "low": "▼ Less"}
_STATES = {False: "○ Not yet", True: "✓ Yes"}
_ON_THE_WAY = "⏳ acknowledging"


def series_name(of: Series, names: dict[str, str], currencies: list[str] | None = None) -> str:
    """Return what a series is called.

    Args:
        of: The series.
        names: Of items, by id; those unknown are called by their id.
        currencies: Of all series; where there are several, each series tells its own.
    """
    if of.scope_type == "store_category":
        store_id, _, category = of.scope_id.partition("/")
        words: str | None = f"{text.category_label(category)}, {store_id}"
    else:
        words = {
            "all": "All stores",
            "store": of.scope_id,
            "item": names.get(of.scope_id, of.scope_id),
        }.get(of.scope_type)
    words = words or text.category_label(of.scope_id)
    return f"{words} ({of.currency})" if len(currencies or []) > 1 else words


def sentence(anomaly: dict[str, Any], timezone: str) -> str:
    """Return in words which hour or day of which series is meant; nothing for a row without."""
    if anomaly["scope_type"] is None:
        return ""
    series = Series(anomaly["scope_type"], anomaly["scope_id"], anomaly["currency"])
    when = text.local_time(anomaly["bucket_start"], timezone)
    if anomaly["grain"] == "day":
        # Its first instant is when the shop's day begins.
        when = when.rpartition(",")[0]
    direction = DIRECTIONS.get(anomaly["direction"], anomaly["direction"])
    return f"{series_name(series, {})}, {when}: {direction}"


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Add to rows of `data.anomalies.flagged` an id and the state in words: row_id, state.

    An hour or day whose acknowledgement is on its way says so.
    """
    ids = [actions.anomaly_id(actions.anomaly_key(row)) for row in frame.iter_rows(named=True)]
    sent = list(pending.actions("anomaly"))
    return frame.with_columns(pl.Series("row_id", ids, dtype=pl.String)).with_columns(
        state=pl.when(pl.col("row_id").is_in(sent))
        .then(pl.lit(_ON_THE_WAY))
        .otherwise(
            pl.col("is_acknowledged").replace_strict(_STATES, default=None, return_dtype=pl.String)
        )
    )


def action_form(chosen: pl.DataFrame, context: PageContext, *, grain: str, table_key: str) -> None:
    """Draw the form that acknowledges the chosen hours or days.

    One is acknowledged at once; before several are, it is asked whether that is meant.

    Args:
        chosen: Rows as `readable` returns them.
        context: Of the page.
        grain: hour or day.
        table_key: Table whose choice is emptied when it was sent.
    """
    sending.show_result()
    sent = list(pending.actions("anomaly"))
    free = chosen.filter(~pl.col("is_acknowledged") & ~pl.col("row_id").is_in(sent))
    if free.is_empty():
        confirm.forget(table_key)
    if chosen.is_empty():
        st.caption(f"Choose {grain}s in the table to acknowledge that somebody has looked at them.")
        return
    if free.is_empty():
        st.caption(f"Nothing to do: the chosen {grain}s are acknowledged, or about to be.")
        return
    stores = {actions.anomaly_key(row).store_id for row in free.iter_rows(named=True)}
    if not sending.is_allowed(Deed.CARE, stores):
        return
    with st.form(f"{table_key}:form", enter_to_submit=False, border=True):
        who, why, right = st.columns([3, 6, 3], vertical_alignment="bottom")
        actor = sending.actor_field(who)
        note = why.text_input(
            "Note (optional), such as the reason",
            key=f"{table_key}:note",
            max_chars=sending.MAX_NOTE,
        )
        is_sent = right.form_submit_button(
            f"Acknowledge {len(free)}",
            icon=":material/check:",
            type="primary",
            width="stretch",
        )
        st.caption(
            f"{text.plural(len(free), grain)} chosen. It takes effect with the next micro-batch, "
            "for all figures and methods that mark it so."
        )
    if is_sent:
        question = Question("acknowledged", tuple(free.get_column("row_id")), actor, note)
        if not sending.is_named(actor):
            st.rerun()
        elif len(free) == 1:
            _send(free, question, context, grain, table_key)
            st.rerun()
        else:
            confirm.ask(table_key, question)
    _confirm(free, context, grain, table_key)


def _confirm(free: pl.DataFrame, context: PageContext, grain: str, table_key: str) -> None:
    """Show the question that stands, about those that are not acknowledged meanwhile."""
    question = confirm.asked(table_key)
    if question is None:
        return
    rows = confirm.of(free, "row_id", question.ids)
    if rows.is_empty():
        confirm.forget(table_key)
        return
    counted = text.plural(len(rows), grain)
    series = rows.select("scope_type", "scope_id", "currency").n_unique()
    becomes = "will no longer count as something to look at, for everybody"
    confirm.show(
        table_key,
        f"Acknowledge {counted}?",
        [f"**{counted}** of {text.plural(series, 'series', 'series')} {becomes}."],
        f"Yes, acknowledge {text.number(len(rows))}",
        lambda: _send(rows, question, context, grain, table_key),
    )


def _send(
    rows: pl.DataFrame, question: Question, context: PageContext, grain: str, table_key: str
) -> None:
    """Send it and keep the message about it; what it was sent for is not chosen then."""
    keys = [actions.anomaly_key(row) for row in rows.iter_rows(named=True)]
    outcome = actions.acknowledge(keys, actor=question.actor, note=question.note)
    if sending.report(
        "anomaly",
        outcome,
        question.action,
        context=context,
        wanted=len(keys),
        sent=text.plural(len(outcome.events), grain),
    ):
        tables.choose(table_key, [])
