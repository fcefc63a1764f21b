"""Ground truth: what customers wanted, got and missed, whatever the sensors say.

`demand` is what customers reached for, `lost` the part that was not on the shelf, `putback` what
they put back, `sold` what they paid for. At any instant

    demand = lost + putback + sold + in carts

and the fill rate is sold / (sold + lost): of the pieces that were sold or would have been had the
shelf been full, the share that was. (Some of the lost pieces would have been put back, so it is
a slightly strict measure.)

`ordered` is what suppliers were asked for, `delivered` what was taken into the warehouse,
`returned` what customers brought back, `wasted` what was thrown away. Of every lot, at any instant,

    opening + delivered + returned = sold + wasted + on hand

`revenue` is what customers paid, at the prices of the till, less what they were paid back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

import polars as pl

ITEM_COUNTERS: Final = (
    "demand_units",
    "lost_units",
    "putback_units",
    "sold_units",
    "returned_units",
    "ordered_units",
    "delivered_units",
    "wasted_units",
)
VALUE_DECIMALS: Final = 2


@dataclass(slots=True)
class Totals:
    """Counters of a store since the start.

    Units are pieces; wasted_value is at list prices, revenue at prices paid, less refunds.
    """

    customers: int = 0
    receipts: int = 0
    demand_units: int = 0
    lost_units: int = 0
    putback_units: int = 0
    sold_units: int = 0
    returned_units: int = 0
    ordered_units: int = 0
    delivered_units: int = 0
    wasted_units: int = 0
    wasted_value: float = 0.0
    revenue: float = 0.0


def fill_rate(sold_units: float, lost_units: float) -> float:
    """Share of sold and lost pieces that were sold; 1 when nothing was wanted."""
    asked = sold_units + lost_units
    return sold_units / asked if asked else 1.0


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """Truth of one business day of a store.

    Attributes:
        day: Business date.
        items: One row per item.
        store: One row.
    """

    day: date
    items: pl.DataFrame
    store: pl.DataFrame


class Ledger:
    """Counts of one store: since the start, and by item for the open day.

    Args:
        store_id: Store.
        item_id: Item by number.
        list_price: Price of a piece by item number, currency.
        state: What `state` gave earlier; empty at the start.
    """

    def __init__(
        self, store_id: str, item_id: list[str], list_price: list[float], state: Mapping[str, Any]
    ) -> None:
        self._store_id = store_id
        self._item_id = item_id
        self._list_price = list_price
        self.totals = Totals(**state.get("totals", {}))
        self._at_opening: dict[str, float] = state.get("at_opening", {})
        self._day: dict[str, list[int]] = state.get("day") or self._no_counts()
        self._revenue: list[float] = state.get("revenue") or [0.0] * len(item_id)

    def _no_counts(self) -> dict[str, list[int]]:
        return {name: [0] * len(self._item_id) for name in ITEM_COUNTERS}

    def entered(self) -> None:
        """A customer came in."""
        self.totals.customers += 1

    def wanted(self, item: int, quantity: int, taken: int) -> None:
        """A customer reached for pieces and took those that were there."""
        self._day["demand_units"][item] += quantity
        self.totals.demand_units += quantity
        if taken < quantity:
            self._day["lost_units"][item] += quantity - taken
            self.totals.lost_units += quantity - taken

    def put_back(self, item: int, quantity: int) -> None:
        """A customer put pieces back."""
        self._day["putback_units"][item] += quantity
        self.totals.putback_units += quantity

    def sold(self, goods: list[tuple[int, int, int]], discounts: Sequence[float]) -> None:
        """A receipt was paid: (item number, lot number, pieces), and the discount of each."""
        self.totals.receipts += 1
        counts = self._day["sold_units"]
        for (item, _, quantity), discount in zip(goods, discounts, strict=True):
            counts[item] += quantity
            self.totals.sold_units += quantity
            self._paid(item, quantity, discount)

    def returned(self, item: int, quantity: int, discount: float) -> None:
        """A customer brought pieces back to the till and got back what was paid for them."""
        self._day["returned_units"][item] += quantity
        self.totals.returned_units += quantity
        self._paid(item, -quantity, discount)

    def _paid(self, item: int, quantity: int, discount: float) -> None:
        # A line is paid in whole cents.
        paid = round(quantity * self._list_price[item] * (1 - discount), VALUE_DECIMALS)
        self._revenue[item] = round(self._revenue[item] + paid, VALUE_DECIMALS)
        self.totals.revenue = round(self.totals.revenue + paid, VALUE_DECIMALS)

    def ordered(self, item: int, quantity: int) -> None:
        """A supplier was asked for pieces."""
        self._day["ordered_units"][item] += quantity
        self.totals.ordered_units += quantity

    def delivered(self, item: int, quantity: int) -> None:
        """Pieces of a supplier were taken into the warehouse."""
        self._day["delivered_units"][item] += quantity
        self.totals.delivered_units += quantity

    def wasted(self, item: int, quantity: int) -> None:
        """Pieces were thrown away."""
        self._day["wasted_units"][item] += quantity
        self.totals.wasted_units += quantity
        value = self.totals.wasted_value + quantity * self._list_price[item]
        self.totals.wasted_value = round(value, VALUE_DECIMALS)

    def close_day(
        self, day: date, emitted: Mapping[str, int], stock: Mapping[str, list[int]]
    ) -> ClosedDay:
        """Gives the truth of the day that ends and opens the next.

        Args:
            day: Business date that ends.
            emitted: Events made since the start, by topic.
            stock: Pieces at the end of the day by item number, by place.
        """
        key = {"store_id": self._store_id, "date": day}
        items = pl.DataFrame(
            {
                "item_id": self._item_id,
                **self._day,
                "wasted_value": [
                    round(quantity * price, VALUE_DECIMALS)
                    for quantity, price in zip(
                        self._day["wasted_units"], self._list_price, strict=True
                    )
                ],
                "revenue": self._revenue,
                **{f"{place}_units": pieces for place, pieces in stock.items()},
            }
        ).select(*(pl.lit(value).alias(name) for name, value in key.items()), pl.all())
        so_far = self._so_far(emitted)
        counts = {
            name: round(count - self._at_opening.get(name, 0), VALUE_DECIMALS)
            for name, count in so_far.items()
        }
        self._at_opening = so_far
        self._day = self._no_counts()
        self._revenue = [0.0] * len(self._item_id)
        return ClosedDay(day, items, pl.DataFrame([{**key, **counts}]))

    def _so_far(self, emitted: Mapping[str, int]) -> dict[str, float]:
        return asdict(self.totals) | {f"{topic}_emitted": emitted[topic] for topic in emitted}

    def state(self) -> dict[str, Any]:
        """What a later `Ledger` needs to go on, as JSON."""
        return {
            "totals": asdict(self.totals),
            "at_opening": self._at_opening,
            "day": self._day,
            "revenue": self._revenue,
        }
