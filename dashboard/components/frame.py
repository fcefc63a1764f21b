"""The frame around every page: title, store, clock, age of the data, and the watch for news.

Belongs here: what all pages have in common. A fragment looks every few seconds whether the
serving file was replaced, and only then is the page drawn again: nothing flickers, and a form
that is being filled in is left alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import access, asked, links, pending, serving, style, text
from dashboard.components import door, downloads, explain, figure, filters, kept, tables
from dashboard.data import alerts, audit, items, stores
from dashboard.data.stores import Publication, Store
from dashboard.page import Page, PageContext
from dashboard.serving import FileIdentity, ServingUnavailableError
from dashboard.theme import current_palette
from smartshelf_dagster.settings import load_settings

REFRESH_SECONDS = 5
ALL_STORES = "all"
_SEARCHES = "item_searches"

# Publications that may be missed before the data count as old.
_MISSED_PUBLICATIONS = 3


@dataclass(frozen=True)
class Shown:
    """What the page was drawn for; when one of these changes, it is drawn again.

    Attributes:
        file: The serving file, `None` when there was none.
        theme: Name of the theme.
        is_stale: Whether the data counted as old.
    """

    file: FileIdentity | None
    theme: str
    is_stale: bool


def show(page: Page) -> None:
    """Draw a page with its frame, for whoever is let in."""
    if not door.is_open():
        asked.keep(page.path)
        door.explain()
        return
    asked.go_on(page.path)
    kept.enter(page.path)
    tables.begin()
    palette = current_palette()
    file = serving.serving_identity()
    style.apply(palette)
    heading = st.container(horizontal=True, vertical_alignment="center", key="heading")
    heading.title(page.title, anchor=False, width="content")
    with figure.sent_last():
        try:
            publication = stores.publication()
            shown = Shown(file, palette.name, is_stale(publication))
            chosen = _choose_store(heading, page)
            if chosen:
                _find_item(heading)
            with heading:
                _live(publication, chosen[0] if chosen else None, shown)
            door.account(heading)
            sees_all = access.principal().scope.has_all
            _render(page, PageContext(publication, chosen, palette, sees_all), shown)
        except ServingUnavailableError as problem:
            explain.nothing(problem.title, problem.reason, *problem.remedies)
            _live(None, None, Shown(file, palette.name, is_stale=False))


def _render(page: Page, context: PageContext, shown: Shown) -> None:
    if shown.is_stale:
        _stale_banner(context.publication)
    if not context.chosen:
        _no_stores()
        return
    if page.is_of_all_stores and not context.sees_all_stores:
        explain.nothing(
            "Only for who may see all stores",
            "What this page shows is not told by store, and you may see some stores only.",
        )
        return
    _settle(context.publication)
    context = filters.apply(page, context)
    downloads.begin(page, context)
    page.render(context)


def _no_stores() -> None:
    own = access.principal().scope.stores
    if own is not None:
        explain.nothing(
            "None of your stores is here",
            f"You may see {', '.join(own) or 'no store'}; what was published is about others.",
        )
        return
    explain.nothing(
        "No stores",
        "The published data do not name a single store.",
        serving.START,
        serving.RUN_A_DAY,
    )


def _settle(publication: Publication) -> None:
    """Forget the actions whose effect has been published."""
    sent = sorted(pending.actions("alert"))
    if sent:
        pending.settle_alerts(publication.published_at, alerts.statuses(sent))
    kinds: tuple[pending.Kind, ...] = ("order", "count", "anomaly")
    for kind in kinds:
        events = sorted(pending.events(kind))
        if events:
            pending.settle_events(kind, publication.published_at, audit.arrived(events))


def _choose_store(heading: DeltaGenerator, page: Page) -> tuple[Store, ...]:
    """Return the stores to show; there is no choice of a single one, nor where it does nothing."""
    known = stores.stores()
    if len(known) <= 1 or page.is_of_all_stores:
        return tuple(known)
    names = {store.store_id: store.label for store in known}
    if page.allows_all_stores and (access.principal().scope.has_all or not page.shows_totals):
        names[ALL_STORES] = "All stores"
    wanted = kept.wanted("store")
    kept.restore("store", wanted if wanted in names else None)
    _correct_store(names)
    choice = heading.selectbox(
        "Store",
        list(names),
        format_func=names.__getitem__,
        key="store",
        bind="query-params",
        label_visibility="collapsed",
        icon=":material/storefront:",
        width=300,
    )
    stand_in = known[0].store_id if wanted is not None and wanted not in names else None
    kept.keep("store", choice, unless=stand_in)
    links.take_along(names[choice])
    return tuple(known) if choice == ALL_STORES else tuple(s for s in known if s.store_id == choice)


def _correct_store(names: dict[str, str]) -> None:
    """Bring the choice of a store into the form that the widget knows.

    Args:
        names: The stores to choose from, with what they are called.
    """
    if "store" in st.session_state:
        if st.session_state["store"] not in names:
            # "All stores" was chosen on a page that has it.
            del st.session_state["store"]
        return
    named = st.query_params.get("store")
    if named in names:
        # Somebody wrote the id; the URL has what the store is called.
        st.query_params["store"] = names[named]
        st.rerun()


def _find_item(heading: DeltaGenerator) -> None:
    """Draw the search for an item; a choice leads to its page."""
    known = items.catalogue()
    if known.is_empty():
        return
    names = dict(known.select("item_id", "label").iter_rows())
    edition = st.session_state.setdefault(_SEARCHES, 0)
    found: str | None = heading.selectbox(
        "Find an item",
        list(names),
        index=None,
        format_func=names.__getitem__,
        placeholder="Find an item",
        # After a choice the next search begins with an empty field.
        key=f"find_item:{edition}",
        label_visibility="collapsed",
        icon=":material/search:",
        width=260,
    )
    if found:
        st.session_state[_SEARCHES] = edition + 1
        # The store that is chosen stays chosen.
        links.go(links.ITEM, {links.ITEM: found})


@st.fragment(run_every=REFRESH_SECONDS)
def _live(publication: Publication | None, store: Store | None, shown: Shown) -> None:
    """Tell the time of the data and how old they are; draw the page again when it is outdated."""
    stale = publication is not None and is_stale(publication)
    is_outdated = Shown(serving.serving_identity(), current_palette().name, stale) != shown
    if is_outdated or tables.have_told():
        st.rerun()
    if publication and store:
        age = text.age(publication.published_at, datetime.now(UTC))
        sign, tone = ("▲", "stale") if stale else ("●", "live")
        clock = text.local_time(publication.as_of, store.timezone)
        st.html(
            f'<p class="ss-status"><strong title="{store.timezone}">{clock}</strong>'
            f' <span class="ss-muted">in {escape(store.city)}</span>'
            f' <span class="ss-pill ss-{tone}" title="Time since the last publication, version '
            f'{publication.version}">'
            f"{sign} {age} old</span></p>"
        )


def _stale_banner(publication: Publication) -> None:
    """Say that nothing new has come for a while, and what helps."""
    since = text.local_time(publication.published_at, "UTC")
    st.warning(
        f"Nothing new has been published since {since} UTC. `{serving.START[0]}` lets the stores "
        f"go on, `{serving.RUN_A_DAY[0]}` computes one more day.",
        icon=":material/history:",
    )


def is_stale(publication: Publication) -> bool:
    """Return whether publications that should have come by now have not."""
    age = datetime.now(UTC) - publication.published_at
    return age.total_seconds() > old_after_s()


def old_after_s() -> float:
    """Return after how many seconds without a publication the data count as old."""
    return _MISSED_PUBLICATIONS * load_settings().micro_batch_interval_s
