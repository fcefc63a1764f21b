"""The heap of things that will happen in a store besides what its customers do."""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import NamedTuple


class Entry(NamedTuple):
    """Something due; entries of the same instant come in the order they were made.

    Attributes:
        at_ms: When, ms.
        number: Running number.
        what: Kind of event.
        subject: What it is about.
    """

    at_ms: int
    number: int
    what: str
    subject: str


class Agenda:
    """Entries by time.

    Args:
        entries: What is due already.
        last: Number of the last entry made.
    """

    def __init__(self, entries: Iterable[tuple[int, int, str, str]] = (), last: int = 0) -> None:
        self._heap = [Entry(*entry) for entry in entries]
        heapify(self._heap)
        self.last = last

    def add(self, at_ms: int, what: str, subject: str = "") -> None:
        """Puts something on the agenda."""
        self.last += 1
        heappush(self._heap, Entry(at_ms, self.last, what, subject))

    @property
    def next_ms(self) -> int:
        """When the next entry is due, ms. The agenda of a store is never empty."""
        return self._heap[0].at_ms

    def pop(self) -> Entry:
        """Removes and returns the next entry."""
        return heappop(self._heap)

    def entries(self) -> list[Entry]:
        """All entries in order."""
        return sorted(self._heap)
