"""What a page is, and what it is given.

Belongs here: the two types that pages and the frame around them share.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dashboard.data.stores import Publication, Store
from dashboard.period import Period
from dashboard.theme import Palette

_USUAL = Period()
# Periods of pages that sum days by themselves, and of most tables that are summed already.
EVERY_PERIOD = ("7d", "30d", "90d", "all")


@dataclass(frozen=True)
class Filters:
    """Which of the choices that hold on all pages a page, or a part of it, goes by.

    Attributes:
        periods: Periods it can show, by name; none if it is not about a stretch of days.
        takes_days: Whether it can show any days, because it sums them by itself.
        by_category: Whether it can show some categories of goods only.
        needs: Table of the analytics without which there is nothing to filter yet.
    """

    periods: tuple[str, ...] = ()
    takes_days: bool = False
    by_category: bool = False
    needs: str = ""


@dataclass(frozen=True, eq=False)
class Sections:
    """Parts of a page of which one is shown.

    Attributes:
        key: Name of the choice in the URL.
        names: What to call each.
        default: Which is shown at first.
        filters: Those of parts that have others than the page.
    """

    key: str
    names: Mapping[str, str]
    default: str
    filters: Mapping[str, Filters] = field(default_factory=dict)


@dataclass(frozen=True)
class PageContext:
    """What a page may rely on: there is a publication, and at least one store.

    Attributes:
        publication: What the serving file says of itself.
        chosen: The stores the reader has chosen; more than one only if the page allows it, or is
            of all stores.
        palette: Colours of the theme.
        sees_all_stores: Whether the reader may see all stores, and so what is told by none.
        period: The days the reader has chosen, as far as the page can show them.
        categories: The categories the reader has chosen; none where all are meant.
    """

    publication: Publication
    chosen: tuple[Store, ...]
    palette: Palette
    sees_all_stores: bool
    period: Period = _USUAL
    categories: tuple[str, ...] = ()

    @property
    def store(self) -> Store:
        """The store of a page about one store."""
        return self.chosen[0]

    @property
    def store_ids(self) -> list[str]:
        """Ids of the chosen stores."""
        return [store.store_id for store in self.chosen]

    @property
    def timezone(self) -> str:
        """Time zone in which times are shown."""
        return self.chosen[0].timezone


@dataclass(frozen=True)
class Page:
    """A page of the app. Each module of `views/` has one, as `PAGE`.

    Attributes:
        title: Name in the navigation, and the heading.
        icon: Material symbol.
        path: Its place in the URL.
        render: Draws it.
        allows_all_stores: Whether it can show several stores together.
        shows_totals: Whether it then shows what was reckoned over all stores, which only those who
            may see all of them may know.
        is_of_all_stores: Whether nothing on it is told by store, so that it is only for those and
            has no choice of a store.
        filters: Which choices of days and goods it goes by; the frame draws these.
        sections: Its parts, if one of them is shown at a time.
    """

    title: str
    icon: str
    path: str
    render: Callable[[PageContext], None]
    allows_all_stores: bool = False
    shows_totals: bool = False
    is_of_all_stores: bool = False
    filters: Filters = Filters()
    sections: Sections | None = None
