"""Reporting what was counted: an item at a place, or one of its lots."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import actions, pending, text
from dashboard.components import sending
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
    if is_sent:
        count = StockCount(store_id, place, item_id, counted or 0, books[place, lot], lot)
        _send(count, counted, actor, note, context)
        st.rerun()
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
    what = f"lot {lot}" if lot else "the whole item"
    return f"{text.label(location)}, {what}: {text.number(pieces)} pcs in the books"


def _send(
    count: StockCount, counted: int | None, actor: str, note: str, context: PageContext
) -> None:
    """Send a count and keep the message about it."""
    if not sending.is_named(actor):
        return
    if counted is None:
        sending.refuse("The number of pieces is missing: 0 means that there are none.")
        return
    outcome = actions.count(count, actor=actor, note=note)
    what = count.batch_code or "all lots"
    sending.report(
        "count",
        outcome,
        "counted",
        context=context,
        wanted=1,
        sent=f"{text.plural(counted, 'piece')} of {count.shelf_id} ({what}, {count.location})",
    )
