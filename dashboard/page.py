"""What a page is, and what it is given.

Belongs here: the two types that pages and the frame around them share.
"""

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.data.stores import Publication, Store
from dashboard.theme import Palette


@dataclass(frozen=True)
class PageContext:
    """What a page may rely on: there is a publication, and at least one store.

    Attributes:
        publication: What the serving file says of itself.
        chosen: The stores the reader has chosen; more than one only if the page allows it, or is
            of all stores.
        palette: Colours of the theme.
        sees_all_stores: Whether the reader may see all stores, and so what is told by none.
    """

    publication: Publication
    chosen: tuple[Store, ...]
    palette: Palette
    sees_all_stores: bool

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
    """

    title: str
    icon: str
    path: str
    render: Callable[[PageContext], None]
    allows_all_stores: bool = False
    shows_totals: bool = False
    is_of_all_stores: bool = False
