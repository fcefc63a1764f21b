"""Which models of a selection would say something else than they do.

A table has two short texts: its stamp, which changes when its rows do, and its origin, which tells
what it was made from: the project, the stamps of its inputs and, if it looks at the time, the
time. A model whose origin is the same, and whose table nobody has touched, is left as it is. One
that was made anew and holds the rows that it held changes nothing for those that read it: so the
periods of whole days, told every hour, move no summary until a day is over.

Belongs here: origins, and what follows from them. Does not belong here: building.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from graphlib import TopologicalSorter

import orjson

_AS_OF = "macro.smartshelf.as_of"


@dataclass(frozen=True)
class Made:
    """What a table was made from, and what it held then."""

    origin: str
    stamp: str


class Changes:
    """What has changed since the tables of a selection were made.

    Attributes:
        order: Tables and views, each after those it is computed from.
    """

    def __init__(
        self,
        *,
        inputs: Mapping[str, AbstractSet[str]],
        views: AbstractSet[str],
        base: str,
        times: Mapping[str, datetime | None],
        stamp_of: Callable[[str], str],
        made: Mapping[str, Made],
    ) -> None:
        """Compare nothing yet.

        Args:
            inputs: What is to be up to date, and what each is computed from.
            views: Those of them that hold no rows of their own.
            base: What all of them are made by, such as a digest of the project.
            times: The time that a table is built for; those that do not look at it are left out.
            stamp_of: Returns the stamp of a table or view, empty when it is not there.
            made: What tables were made from, as far as is known.
        """
        within = {table: read & inputs.keys() for table, read in inputs.items()}
        self.order = tuple(TopologicalSorter(within).static_order())
        self._inputs = inputs
        self._views = views
        self._base = base
        self._times = times
        self._stamp_of = stamp_of
        self._stamps: dict[str, str] = {}
        self._made = dict(made)

    @property
    def made(self) -> Mapping[str, Made]:
        """What tables were made from, as is known now."""
        return self._made

    def is_stale(self, table: str) -> bool:
        """Whether a table has to be built; what it is computed from is as it should be."""
        made = self._made.get(table)
        return made is None or made != Made(self._origin(table), self._stamp(table))

    def concerned(self) -> list[str]:
        """Return the tables that are stale or may become so, each after what it reads."""
        found: list[str] = []
        for table in self.order:
            follows = not self._inputs[table].isdisjoint(found)
            if follows or (table not in self._views and self.is_stale(table)):
                found.append(table)
        return [table for table in found if table not in self._views]

    def was_built(self, table: str) -> None:
        """Note that a table was built from what its inputs hold now."""
        self._forget(table)
        self._made[table] = Made(self._origin(table), self._stamp(table))

    def _forget(self, table: str) -> None:
        """Look up anew what a table holds, and what is seen through it."""
        self._stamps.pop(table, None)
        for view in self._views:
            if table in self._inputs[view]:
                self._forget(view)

    def _stamp(self, table: str) -> str:
        if table not in self._stamps:
            self._stamps[table] = self._stamp_of(table)
        return self._stamps[table]

    def _origin(self, table: str) -> str:
        time = self._times.get(table)
        return digest(
            self._base,
            time.isoformat() if time else None,
            {name: self._stamp(name) for name in self._inputs[table]},
        )


def digest(*parts: object) -> str:
    """Return a short text that differs when any part does; parts are what JSON can tell."""
    text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:32]


def timely(
    models: Mapping[str, Iterable[str]], macros: Mapping[str, Iterable[str]]
) -> frozenset[str]:
    """Return the models that look at the time, by themselves or through a macro.

    Args:
        models: Macros that each model calls.
        macros: Macros that each macro calls.
    """
    looking: set[str] = {_AS_OF}
    while (
        more := {name for name, called in macros.items() if looking.intersection(called)} - looking
    ):
        looking |= more
    return frozenset(name for name, called in models.items() if looking.intersection(called))
