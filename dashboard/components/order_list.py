"""Planned supplier orders in a table, and what a person can decide about those that are chosen."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import actions, pending, text
from dashboard.components import confirm, item_links, sending, tables
from dashboard.components.confirm import Question
from dashboard.page import PageContext
from smartshelf_dagster.domain.access import Deed

BOUNDS = {
    "none": "Nothing",
    "batch": "Whole batches",
    "capacity": "Room",
    "shelf_life": "Shelf life",
}
DECISIONS = {
    "none": "As planned",
    "approved": "✓ Approved",
    "held": "✕ Held back",
    "changed": "◆ Changed",
}
_ON_THE_WAY = {"approved": "⏳ approving", "held": "⏳ holding back", "changed": "⏳ changing"}
_MAX_PIECES = 100_000


def readable(frame: pl.DataFrame) -> pl.DataFrame:
    """Add words to rows of ops.supplier_plan: row_id, state, bound_label, category_label.

    A line with a decision on its way says so in its state.
    """
    ids = [actions.order_id(actions.order_key(line)) for line in frame.iter_rows(named=True)]
    on_the_way = {
        row_id: _ON_THE_WAY.get(action, "⏳") for row_id, action in pending.actions("order").items()
    }
    decision = pl.col("decision").fill_null("none")
    bound = pl.col("bound").fill_null("none")
    return frame.with_columns(pl.Series("row_id", ids, dtype=pl.String)).with_columns(
        pl.coalesce(
            pl.col("row_id").replace_strict(on_the_way, default=None, return_dtype=pl.String),
            decision.replace_strict(DECISIONS, default=decision, return_dtype=pl.String),
        ).alias("state"),
        bound.replace_strict(BOUNDS, default=bound, return_dtype=pl.String).alias("bound_label"),
        text.category_labels().alias("category_label"),
    )


def columns(*, with_store: bool) -> dict[str, Any]:
    """Return the configuration of the columns of a plan."""
    config = st.column_config

    def pieces(label: str, meaning: str | None = None) -> Any:
        return config.NumberColumn(f"{label} (pcs)", format="localized", help=meaning)

    store = {"store_name": config.TextColumn("Store")} if with_store else {}
    return {
        "state": config.TextColumn("Decision", width=122),
        **store,
        **item_links.column(),
        "subcategory": config.TextColumn("Item", width=140),
        "category_label": config.TextColumn("Category", width=150),
        "stock_qty": pieces("Stock", "Pieces that can be sold, on the shelf and behind it."),
        "on_order_qty": pieces("On order", "Ordered before and not there yet."),
        "target_qty": pieces("Target", "Quantity to order up to."),
        "needed_qty": pieces("Needed", "Before rounding and limits."),
        "planned_qty": pieces("Planned", "What the policy says."),
        "order_qty": pieces("To order", "After what people decided."),
        "bound_label": config.TextColumn(
            "Bound by", help="What made the plan differ from what is needed."
        ),
        "actor": config.TextColumn("Decided by"),
        "note": config.TextColumn("Note", width="medium"),
    }


def decision_form(chosen: pl.DataFrame, context: PageContext, *, table_key: str) -> None:
    """Draw the form that approves, holds back or changes the chosen lines, and asks before it does.

    Args:
        chosen: Lines of the plan of a cutoff to come, as `readable` returns them.
        context: Of the page.
        table_key: Table whose choice is emptied when a decision was sent.
    """
    sending.show_result()
    free = chosen.filter(~pl.col("row_id").is_in(list(pending.actions("order"))))
    if free.is_empty():
        confirm.forget(table_key)
    if chosen.is_empty():
        st.caption("Choose lines in the table to approve them, hold them back or change them.")
        return
    if free.is_empty():
        st.caption("Nothing to do: decisions about the chosen lines are on their way.")
        return
    if not sending.is_allowed(Deed.ORDER, free.get_column("store_id")):
        return
    to_approve = free.filter(pl.col("decision").ne_missing("approved"))
    to_hold = free.filter(pl.col("decision").ne_missing("held"))
    single = free.row(0, named=True) if len(free) == 1 else None
    with st.form(f"{table_key}:form", enter_to_submit=False, border=True):
        who, why, left, right, pieces, last = st.columns(
            [3, 5, 2, 2, 2, 2], vertical_alignment="bottom"
        )
        actor = sending.actor_field(who)
        note = why.text_input(
            "Note; the reason if a quantity is changed",
            key=f"{table_key}:note",
            max_chars=sending.MAX_NOTE,
        )
        approve = left.form_submit_button(
            f"Approve {len(to_approve)}",
            icon=":material/check:",
            type="primary",
            disabled=to_approve.is_empty(),
            width="stretch",
        )
        hold = right.form_submit_button(
            f"Hold {len(to_hold)}",
            icon=":material/pause:",
            disabled=to_hold.is_empty(),
            width="stretch",
        )
        quantity = pieces.number_input(
            "Pieces",
            min_value=0,
            max_value=_MAX_PIECES,
            step=max(single["batch_size"] or 1, 1) if single else 1,
            value=min(max(single["order_qty"], 0), _MAX_PIECES) if single else None,
            placeholder="one line",
            disabled=single is None,
            key=f"{table_key}:pieces:{single['row_id'] if single else ''}",
        )
        change = last.form_submit_button(
            "Change", icon=":material/edit:", disabled=single is None, width="stretch"
        )
        st.caption(_hint(free, single))
    wanted = {"approved": approve, "held": hold, "changed": change}
    action = next((action for action, is_wanted in wanted.items() if is_wanted), None)
    if action:
        lines = {"approved": to_approve, "held": to_hold, "changed": free}[action]
        if not _is_complete(action, actor, note, quantity):
            st.rerun()
        ids = tuple(lines.get_column("row_id"))
        confirm.ask(table_key, Question(action, ids, actor, note, quantity or 0))
    _confirm(free, context, table_key)


def _is_complete(action: str, actor: str, note: str, quantity: int | None) -> bool:
    """Return whether nothing is missing; keeps a message if something is."""
    if not sending.is_named(actor):
        return False
    if action == "changed" and not note.strip():
        sending.refuse("The reason is missing: whoever reads the order later needs it.")
        return False
    if action == "changed" and quantity is None:
        sending.refuse("The quantity is missing: 0 orders nothing.")
        return False
    return True


def _confirm(free: pl.DataFrame, context: PageContext, table_key: str) -> None:
    """Show the question that stands, about those of its lines that can still be decided."""
    question = confirm.asked(table_key)
    if question is None:
        return
    lines = confirm.of(free, "row_id", question.ids)
    if lines.is_empty():
        confirm.forget(table_key)
        return
    counted = text.plural(len(lines), "line")
    of_stores = f"**{counted}** of the next order of {confirm.places(lines, context)}"
    planned = confirm.pieces(lines, "order_qty", context)
    does, becomes = {
        "approved": ("Approve", f"will be ordered as planned: {planned}."),
        "held": ("Hold", f"will not be ordered at this cutoff: {planned} fewer."),
        "changed": ("Change", f"will be changed from {planned}"),
    }[question.action]
    if question.action == "changed":
        changed = lines.with_columns(order_qty=pl.lit(question.quantity))
        becomes += f" to {confirm.pieces(changed, 'order_qty', context)}."
    confirm.show(
        table_key,
        f"{does} {counted}?",
        [f"{of_stores} {becomes}"],
        f"Yes, {does.lower()} {text.number(len(lines))}",
        lambda: _send(lines, question, context, table_key),
    )


def _hint(free: pl.DataFrame, single: dict[str, Any] | None) -> str:
    if single:
        return (
            f"{single['shelf_id']} comes in batches of {text.number(single['batch_size'] or 1)} "
            "pcs. Decisions take effect with the next micro-batch and hold for this cutoff."
        )
    return (
        f"{text.plural(len(free), 'line')} chosen; to change a quantity, choose one. Decisions "
        "take effect with the next micro-batch and hold for this cutoff."
    )


def _send(lines: pl.DataFrame, question: Question, context: PageContext, table_key: str) -> None:
    """Send a decision and keep the message about it; lines it was sent for are not chosen then."""
    keys = [actions.order_key(line) for line in lines.iter_rows(named=True)]
    actor, note = question.actor, question.note
    if question.action == "changed":
        outcome = actions.change(keys, question.quantity, actor=actor, note=note)
    else:
        outcome = actions.decide(keys, question.action, actor=actor, note=note)
    if sending.report(
        "order",
        outcome,
        question.action,
        context=context,
        wanted=len(keys),
        sent=text.plural(len(outcome.events), "line"),
    ):
        tables.choose(table_key, [])
