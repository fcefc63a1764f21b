"""Entry of the report app: `streamlit run dashboard/app.py`."""

from functools import partial
from pathlib import Path

import streamlit as st

from dashboard import access, links, memory
from dashboard.components import door, frame
from dashboard.registry import PAGES, SECTIONS

_ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="Smart Shelf", page_icon=str(_ASSETS / "logo.svg"), layout="wide")
st.logo(str(_ASSETS / "wordmark.svg"), size="large")
is_open = door.is_open()
sees_all = access.principal().scope.has_all
_pages = {
    page.path: st.Page(
        partial(frame.show, page),
        title=page.title,
        icon=page.icon,
        # The first page lies at the root.
        url_path="" if page is PAGES[0] else page.path,
        default=page is PAGES[0],
        visibility="hidden" if page.is_of_all_stores and not sees_all else "visible",
    )
    for page in PAGES
}
links.remember(_pages)
# Whoever writes the name of the first page, or kept it, gets there as well.
_by_name = st.Page(
    partial(links.go_home, PAGES[0].path),
    title=PAGES[0].title,
    url_path=PAGES[0].path,
    visibility="hidden",
)
_sections = {section: [_pages[page.path] for page in pages] for section, pages in SECTIONS.items()}
_sections[next(iter(SECTIONS))].append(_by_name)
st.navigation(_sections, position="top" if is_open else "hidden").run()
# By now the first page has loaded what pages need.
memory.keep_what_is_loaded()
