"""Addresses of pages: how one page leads to another.

Belongs here: the pages as Streamlit knows them, and addresses with choices in them. A link in a
table opens in a tab of its own; all others stay in the reader's session.
"""

from collections.abc import Mapping
from typing import NoReturn
from urllib.parse import quote

import polars as pl
import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard.data.analysis import ALL
from dashboard.data.stores import Store

ITEM = "item"
_PAGES = "pages_by_path"
_STORE = "store_to_take_along"

# Choices of a page, by their names in the URL.
Choices = Mapping[str, str | list[str]]


def remember(pages: Mapping[str, StreamlitPage]) -> None:
    """Remember the pages of the app, by path, for the links between them."""
    st.session_state[_PAGES] = pages


def take_along(store: str) -> None:
    """Let links lead to a store, unless they name another; as it is called in the URL."""
    st.session_state[_STORE] = store


def link(path: str, label: str, icon: str | None = None, choices: Choices | None = None) -> None:
    """Draw a link to a page.

    Args:
        path: Of the page.
        label: What the link says; Markdown.
        icon: Material symbol; default: that of the page.
        choices: What the page shows.
    """
    store = st.session_state.get(_STORE)
    st.page_link(
        st.session_state[_PAGES][path],
        label=label,
        icon=icon,
        query_params=({"store": store} if store else {}) | dict(choices or {}),
    )


def go(path: str, choices: Choices) -> NoReturn:
    """Leave this page for another; the store comes along by itself (`components/kept.py`).

    Args:
        path: Of the page.
        choices: What it shows, but for the store: Streamlit takes none that a widget is bound to.
    """
    st.switch_page(st.session_state[_PAGES][path], query_params=choices)


def is_home(path: str) -> bool:
    """Return whether a page lies at the root."""
    return not st.session_state[_PAGES][path].url_path


def go_home(path: str) -> NoReturn:
    """Go on to the page at the root, with all that the address chooses.

    Args:
        path: Of that page.
    """
    st.switch_page(st.session_state[_PAGES][path], query_params=st.query_params.to_dict())


def to_item(store: Store, item_id: str) -> dict[str, str]:
    """Return the choices of the page about an item."""
    return {"store": store.label, "item": item_id}


def with_item_addresses(frame: pl.DataFrame, stores: tuple[Store, ...], item: str) -> pl.DataFrame:
    """Add the address of each row's item: `item_address`.

    Args:
        frame: Rows of a store_id each, or of none; those of all stores together lead to the first.
        stores: The stores, one at least.
        item: Column with the item.
    """
    begin = {store.store_id: f"{ITEM}?store={quote(store.label)}&item=" for store in stores}
    begin[ALL] = begin[stores[0].store_id]
    store = pl.col("store_id") if "store_id" in frame.columns else pl.lit(ALL)
    of_store = store.replace_strict(begin, default=None, return_dtype=pl.String)
    items = frame.get_column(item).unique().drop_nulls().to_list()
    address = of_store + pl.col(item).replace_strict(
        {item_id: quote(item_id, safe="") for item_id in items},
        default=None,
        return_dtype=pl.String,
    )
    return frame.with_columns(address.alias("item_address"))
