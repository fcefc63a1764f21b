"""The question before something is sent: what will happen, and whether that is meant.

The page may be drawn again while somebody reads the question, so it is remembered that it stands,
and it is asked again with the rows as they are by then.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.data import items
from dashboard.page import PageContext


class Question(NamedTuple):
    """What somebody wants to do.

    Attributes:
        action: Which of the actions of the form, or what it would send.
        ids: To what.
        actor: Who wants it.
        note: What they say of it.
        quantity: Pieces, if the action has any.
    """

    action: Any
    ids: tuple[str, ...]
    actor: str
    note: str = ""
    quantity: int = 0


def ask(key: str, question: Question) -> None:
    """Let a question stand until it is answered."""
    st.session_state[_key(key)] = question


def asked(key: str) -> Question | None:
    """Return the question that stands in a form."""
    question: Question | None = st.session_state.get(_key(key))
    return question


def forget(key: str) -> None:
    """Let no question stand in a form."""
    st.session_state.pop(_key(key), None)


def show(key: str, title: str, sentences: list[str], button: str, act: Callable[[], None]) -> None:
    """Show the question that stands.

    Args:
        key: Of the form; nothing is shown if no question stands there.
        title: The question.
        sentences: What will happen; Markdown.
        button: What to press if that is meant.
        act: Does it; the page is drawn again afterwards.
    """
    question = asked(key)
    if question is None:
        return

    @st.dialog(title, icon=":material/help:", on_dismiss=partial(forget, key))
    def dialog() -> None:
        if asked(key) is not question:
            # Answered already: a second click on the same button.
            st.rerun()
        for sentence in [*sentences, _trail(question)]:
            st.markdown(sentence)
        with st.container(horizontal=True):
            is_meant = st.button(button, type="primary", key=f"{key}:is_meant")
            is_refused = st.button("Cancel", key=f"{key}:is_refused")
        if is_meant or is_refused:
            forget(key)
            if is_meant:
                act()
            st.rerun()

    dialog()


def _trail(question: Question) -> str:
    return (
        "It takes effect with the next micro-batch and is written to the audit trail under "
        f"the name {_plain(question.actor)}."
    )


def places(frame: pl.DataFrame, context: PageContext) -> str:
    """Return in words which stores rows are about.

    Args:
        frame: Rows with store_id.
        context: Of the page.
    """
    found = frame.get_column("store_id").unique().to_list()
    names = [f"**{_plain(s.name)}**" for s in context.chosen if s.store_id in found]
    return " and ".join([part for part in (", ".join(names[:-1]), *names[-1:]) if part])


def pieces(frame: pl.DataFrame, column: str, context: PageContext) -> str:
    """Return in words how many pieces rows are about and what they sell for, without markdowns.

    Args:
        frame: Rows with store_id and shelf_id.
        column: The pieces of each.
        context: Of the page.
    """
    counted = int(frame.get_column(column).sum())
    told = f"**{text.plural(counted, 'piece')}**"
    found = frame.get_column("store_id").unique().to_list()
    currencies = {store.currency for store in context.chosen if store.store_id in found}
    priced = frame.join(
        items.list_prices(), left_on="shelf_id", right_on="item_id", how="left"
    ).filter(pl.col(column) > 0)
    if len(currencies) != 1 or priced.is_empty() or priced["list_price"].null_count():
        return told
    value = float((priced[column] * priced["list_price"].cast(pl.Float64)).sum())
    return f"{told}, **{text.number(value)} {currencies.pop()}** at list prices"


def of(frame: pl.DataFrame, column: str, ids: Collection[str]) -> pl.DataFrame:
    """Return the rows that a question is about and that are still there."""
    return frame.filter(pl.col(column).is_in(list(ids)))


def _plain(words: str) -> str:
    """Return words in which Markdown sees no marks."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]()<>#$:~|" else sign for sign in words)


def _key(key: str) -> str:
    return f"{key}:asked"
