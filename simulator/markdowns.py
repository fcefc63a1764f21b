"""Markdowns: prices of single lots, as the system last asked for."""

from collections.abc import Mapping
from typing import Any

from simulator.commands import Markdown

_Term = tuple[int, int, float]


class Markdowns:
    """Markdowns of one store that are in force or will be.

    Args:
        state: What `state` gave earlier; empty at the start.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        # By item and lot, in the order of arrival: (from, until, discount).
        self._terms: dict[tuple[int, str], list[_Term]] = {
            (item, batch_code): [tuple(term) for term in terms]
            for item, batch_code, terms in state.get("terms", ())
        }
        self.items = {item for item, _ in self._terms}

    def accept(self, command: Markdown) -> None:
        """Takes a markdown; where it overlaps with an earlier one, it wins."""
        key = (command.item, command.batch_code)
        self._terms.setdefault(key, []).append((command.from_ms, command.to_ms, command.discount))
        self.items.add(command.item)

    def in_force(self, item: int, batch_code: str, at_ms: int) -> float:
        """Fraction taken off the price of a lot at an instant."""
        for begin, end, discount in reversed(self._terms.get((item, batch_code), ())):
            if begin <= at_ms < end:
                return discount
        return 0.0

    def forget(self, before_ms: int) -> None:
        """Drops the markdowns that are over."""
        self._terms = {
            key: kept
            for key, terms in self._terms.items()
            if (kept := [term for term in terms if term[1] > before_ms])
        }
        self.items = {item for item, _ in self._terms}

    def state(self) -> dict[str, Any]:
        """What a later `Markdowns` needs to go on, as JSON."""
        return {"terms": [(item, code, terms) for (item, code), terms in self._terms.items()]}
