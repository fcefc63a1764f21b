"""Where the goods are: pieces per lot at one place of a store, first expired first.

Every movement takes pieces from one place and puts them into another; a place refuses to give what
it does not hold. That is all there is to keep stock conserved.
"""

from bisect import insort
from collections.abc import Iterable

from simulator.lots import LotBook

Load = list[tuple[int, int]]
"""Goods on the move: (lot number, pieces), first expired first."""


class LotStock:
    """Pieces per lot at a place that keeps its items apart (shelf, warehouse).

    Args:
        lots: Master data of the lots.
        item_count: Number of items.
        rows: (lot number, pieces) of what lies there.
    """

    def __init__(
        self, lots: LotBook, item_count: int, rows: Iterable[tuple[int, int]] = ()
    ) -> None:
        self._item = lots.item
        self._rank = lots.fefo_rank.__getitem__
        self._quantity: dict[int, int] = {}
        self._on_hand = [0] * item_count
        self._present: list[list[int]] = [[] for _ in range(item_count)]
        for lot, quantity in rows:
            if quantity:
                self.put(lot, quantity)

    def on_hand(self, item: int) -> int:
        """Pieces of an item."""
        return self._on_hand[item]

    def present(self, item: int) -> list[int]:
        """Lots of an item with pieces left, first expired first. Not to be changed."""
        return self._present[item]

    def quantity(self, lot: int) -> int:
        """Pieces of a lot."""
        return self._quantity.get(lot, 0)

    def put(self, lot: int, quantity: int) -> None:
        """Adds pieces of a lot."""
        item = self._item[lot]
        held = self._quantity.get(lot, 0)
        if not held:
            insort(self._present[item], lot, key=self._rank)
        self._quantity[lot] = held + quantity
        self._on_hand[item] += quantity

    def take(self, lot: int, wanted: int) -> int:
        """Removes up to `wanted` pieces of a lot; returns how many there were."""
        held = self._quantity.get(lot, 0)
        taken = min(wanted, held)
        if not taken:
            return 0
        item = self._item[lot]
        self._on_hand[item] -= taken
        if taken == held:
            del self._quantity[lot]
            self._present[item].remove(lot)
        else:
            self._quantity[lot] = held - taken
        return taken

    def rows(self) -> list[tuple[int, int]]:
        """(lot number, pieces) of all lots with pieces, by number."""
        return sorted(self._quantity.items())


class Cart:
    """What a customer carries, by item in the order of the first pickup.

    Args:
        loads: Lots by item number, the last taken last.
    """

    __slots__ = ("_loads",)

    def __init__(self, loads: dict[int, Load] | None = None) -> None:
        self._loads: dict[int, Load] = loads or {}

    def put(self, item: int, lot: int, quantity: int) -> None:
        """Adds pieces of a lot."""
        load = self._loads.setdefault(item, [])
        for index, (held_lot, held) in enumerate(load):
            if held_lot == lot:
                load[index] = (lot, held + quantity)
                return
        load.append((lot, quantity))

    def item_at(self, share: float) -> int:
        """The item at a share of the way through the cart, fraction below 1."""
        items = list(self._loads)
        return items[int(share * len(items))]

    def pieces(self, item: int) -> int:
        """Pieces of an item."""
        return sum(quantity for _, quantity in self._loads[item])

    def take(self, item: int, wanted: int) -> Load:
        """Removes up to `wanted` pieces of an item, the last taken first."""
        load = self._loads[item]
        taken: Load = []
        while wanted and load:
            lot, held = load.pop()
            moved = min(wanted, held)
            taken.append((lot, moved))
            wanted -= moved
            if held > moved:
                load.append((lot, held - moved))
        if not load:
            del self._loads[item]
        return taken

    def lines(self) -> list[tuple[int, int, int]]:
        """(item number, lot number, pieces) of all that is in the cart."""
        return [(item, lot, held) for item, load in self._loads.items() for lot, held in load]

    def loads(self) -> list[tuple[int, Load]]:
        """(item number, its lots) in the order of the first pickup."""
        return list(self._loads.items())

    def __bool__(self) -> bool:
        return bool(self._loads)
