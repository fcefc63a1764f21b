"""Reporting what was counted: an item at a place, or one of its lots."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import actions, pending, text
from dashboard.components import confirm, sending
from dashboard.components.confirm import Question
from dashboard.page import PageContext
from smartshelf_dagster.domain.access import Deed
from smartshelf_dagster.streaming.operator import StockCount

_MAX_PIECES = 100_000


def count_form(
    item: dict[str, Any],
    lots: pl.DataFrame,
    chosen: tuple[str, str | None],
    row_id: str,
    context: PageContext,
) -> None:
    """Draw the form that reports a stock count.

    Args:
        item: Row of `data.states.item`.
        lots: Rows of `data.lots.of_item`.
        chosen: Location and lot that are proposed; without a lot, the whole item.
        row_id: Row of the lot that was chosen; the form is one of its own for each.
        context: Of the page.
    """
    sending.show_result()
    books = _books(item, lots)
    item_id, store_id = item["item_id"], row_id.partition("/")[0]
    if not sending.is_allowed(Deed.CARE, [store_id]):
        return
    with st.form(f"count:{row_id}", enter_to_submit=False, border=True):
        place, lot = st.selectbox(
            "What was counted",
            list(books),
            index=list(books).index(chosen) if chosen in books else 0,
            format_func=lambda counted: _words(counted, books[counted]),
            key=f"count:what:{row_id}",
        )
        pieces, who = st.columns([2, 3])
        counted = pieces.number_input(
            "Pieces counted",
            min_value=0,
            max_value=_MAX_PIECES,
            value=None,
            step=1,
            placeholder="none is 0",
            key=f"count:pieces:{row_id}",
        )
        actor = sending.actor_field(who)
        note = st.text_input(
            "Note (optional)", key=f"count:note:{row_id}", max_chars=sending.MAX_NOTE
        )
        is_sent = st.form_submit_button("Send count", icon=":material/checklist:", type="primary")
        st.caption(
            "The difference to the books as shown here is posted as a correction with the next "
            "micro-batch; what is sold or brought meanwhile stays right."
        )
    form_key = f"count:{row_id}"
    if is_sent:
        if not _is_complete(actor, counted):
            st.rerun()
        # The books as they are shown now: what is sold before the answer is no difference.
        count = StockCount(store_id, place, item_id, counted or 0, books[place, lot], lot)
        confirm.ask(form_key, Question(count, (row_id,), actor, note))
    if question := confirm.asked(form_key):
        _confirm(question, context, form_key)
    sent = pending.actions("count")
    on_the_way = [name for name in sent if name.split("/")[::2] == [store_id, item_id]]
    if on_the_way:
        st.caption(f"⏳ {text.plural(len(on_the_way), 'count')} of this item on the way.")


def _books(item: dict[str, Any], lots: pl.DataFrame) -> dict[tuple[str, str | None], int]:
    """Return what can be counted, with the pieces it has in the books."""
    books: dict[tuple[str, str | None], int] = {
        ("shelf", None): item["shelf_stock"],
        ("warehouse", None): item["warehouse_stock"],
    }
    for lot in lots.filter(pl.col("batch_code").is_not_null()).iter_rows(named=True):
        books[lot["location"], lot["batch_code"]] = lot["quantity"]
    return books


def _words(counted: tuple[str, str | None], pieces: int) -> str:
    location, lot = counted
    return f"{text.label(location)}, {_lot(lot)}: {text.number(pieces)} pcs in the books"


def _lot(lot: str | None) -> str:
    return f"lot {lot}" if lot else "the whole item"


def _is_complete(actor: str, counted: int | None) -> bool:
    """Return whether nothing is missing; keeps a message if something is."""
    if not sending.is_named(actor):
        return False
    if counted is None:
        sending.refuse("The number of pieces is missing: 0 means that there are none.")
    return counted is not None


def _confirm(question: Question, context: PageContext, form_key: str) -> None:
    """Show what a count would correct."""
    count: StockCount = question.action
    difference = count.counted_quantity - count.book_quantity
    row = pl.DataFrame(
        {"store_id": [count.store_id], "shelf_id": [count.shelf_id], "qty": [abs(difference)]}
    )
    where = f"{text.label(count.location)}, {_lot(count.batch_code)}"
    found = (
        f"**{count.shelf_id}** in {confirm.places(row, context)} ({where}): the books have "
        f"{text.number(count.book_quantity)}, counted were "
        f"**{text.number(count.counted_quantity)}**."
    )
    corrected = f"{'Added' if difference > 0 else 'Taken off'}: "
    corrected += f"{confirm.pieces(row, 'qty', context)}."
    confirm.show(
        form_key,
        f"Send a count of {text.plural(count.counted_quantity, 'piece')}?",
        [found, corrected if difference else "The books are right: nothing is corrected."],
        "Yes, send it",
        lambda: _send(count, question, context),
    )


def _send(count: StockCount, question: Question, context: PageContext) -> None:
    """Send a count and keep the message about it."""
    outcome = actions.count(count, actor=question.actor, note=question.note)
    what = count.batch_code or "all lots"
    pieces = text.plural(count.counted_quantity, "piece")
    sending.report(
        "count",
        outcome,
        "counted",
        context=context,
        wanted=1,
        sent=f"{pieces} of {count.shelf_id} ({what}, {count.location})",
    )
