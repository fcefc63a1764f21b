"""Lots: their master data, from the opening stock and from deliveries.

A lot never changes its dates or its code on its way from warehouse to shelf to basket, so places
hold quantities by lot number and look the rest up here.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import polars as pl

from simulator.calibration import calibrated
from simulator.catalogue import BoolArray, IntArray, ItemDraw, StoreDraw
from simulator.contracts import OPENING_LOTS_SCHEMA
from simulator.parameters import OpeningStockParameters, Parameters
from simulator.rng import Concern, key_of, substream

SHELF: Final = "shelf"
WAREHOUSE: Final = "warehouse"
BATCH_DIGITS: Final = 7


@dataclass(frozen=True, slots=True)
class LotTable:
    """Master data of the opening lots by lot number.

    Attributes:
        item: Item number.
        batch_code: Code printed on the goods.
        received_date: Day of receipt, ISO.
        expiry_date: Last day of sale, ISO.
        fefo_rank: Orders the lots of an item: first expired, first out; ties by code.
    """

    item: list[int]
    batch_code: list[str]
    received_date: list[str]
    expiry_date: list[str]
    fefo_rank: list[tuple[str, str]]

    @classmethod
    def of(
        cls, item: list[int], batch_code: list[str], received: list[date], expiry: list[date]
    ) -> "LotTable":
        """Builds the table from its columns."""
        expiry_date = [day.isoformat() for day in expiry]
        return cls(
            item=item,
            batch_code=batch_code,
            received_date=[day.isoformat() for day in received],
            expiry_date=expiry_date,
            fefo_rank=list(zip(expiry_date, batch_code, strict=True)),
        )

    def __len__(self) -> int:
        return len(self.item)


class LotBook:
    """Master data of all lots of a store: those of the opening stock and those delivered since.

    Numbers are never given twice. The columns are those of `LotTable`, by lot number.

    Args:
        opening: The opening lots; known for ever.
        state: What `state` gave earlier; empty at the start.
    """

    def __init__(self, opening: LotTable, state: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._first_delivered = len(opening)
        self._next: int = state.get("next", self._first_delivered)
        self.item = dict(enumerate(opening.item))
        self.batch_code = dict(enumerate(opening.batch_code))
        self.received_date = dict(enumerate(opening.received_date))
        self.expiry_date = dict(enumerate(opening.expiry_date))
        self.fefo_rank = dict(enumerate(opening.fefo_rank))
        for lot, item, batch_code, received, expiry in state.get("delivered", ()):
            self._write(lot, item, batch_code, received, expiry)

    def add(self, item: int, batch_code: str, received: date, expiry: date) -> int:
        """Enters a lot that was delivered; returns its number."""
        lot = self._next
        self._next += 1
        self._write(lot, item, batch_code, received.isoformat(), expiry.isoformat())
        return lot

    def _write(self, lot: int, item: int, batch_code: str, received: str, expiry: str) -> None:
        self.item[lot] = item
        self.batch_code[lot] = batch_code
        self.received_date[lot] = received
        self.expiry_date[lot] = expiry
        self.fefo_rank[lot] = (expiry, batch_code)

    def forget_all_but(self, needed: Container[int]) -> None:
        """Drops the delivered lots that are gone everywhere.

        Args:
            needed: Lots that are still somewhere.
        """
        for lot in [lot for lot in self._delivered() if lot not in needed]:
            for column in (
                self.item,
                self.batch_code,
                self.received_date,
                self.expiry_date,
                self.fefo_rank,
            ):
                del column[lot]

    def _delivered(self) -> Iterator[int]:
        return (lot for lot in self.item if lot >= self._first_delivered)

    def state(self) -> dict[str, Any]:
        """What a later `LotBook` needs to go on, as JSON."""
        return {
            "next": self._next,
            "delivered": [
                (
                    lot,
                    self.item[lot],
                    self.batch_code[lot],
                    self.received_date[lot],
                    self.expiry_date[lot],
                )
                for lot in self._delivered()
            ],
        }


@dataclass(frozen=True, slots=True)
class _LotDraw:
    """Opening lots, one array element each, in order of location and item."""

    on_shelf: BoolArray
    item: IntArray
    quantity: IntArray
    life_days: IntArray
    age_days: IntArray
    is_perishable: BoolArray

    def means(self) -> dict[str, float]:
        """Mean days to expiry to calibrate by."""
        return {
            f"{place}_life_{kind}": float(self.life_days[in_place & of_kind].mean())
            for place, in_place in ((SHELF, self.on_shelf), (WAREHOUSE, ~self.on_shelf))
            for kind, of_kind in (
                ("perishable", self.is_perishable),
                ("other", ~self.is_perishable),
            )
        }


def draw_opening_lots(
    seed: int,
    store_id: str,
    items: ItemDraw,
    store: StoreDraw,
    *,
    start: date,
    first_code: int,
    parameters: Parameters,
) -> pl.DataFrame:
    """Cuts the opening stock of a store into lots, shelf lots first.

    Args:
        seed: Seed of the world.
        store_id: Store.
        items: Items of the chain.
        store: Stock to cut.
        start: Business date of the start; all dates count from it.
        first_code: Number of the first batch code.
        parameters: Ages, lives and their calibration.
    """
    calibration = parameters.calibration

    def draw(attempt: int) -> _LotDraw:
        rng = substream(seed, Concern.LOTS, key_of(store_id), attempt)
        return _draw_lots(rng, items, store, parameters.opening_stock)

    lots = calibrated(draw, calibration.lot_means, calibration.tolerance, calibration.max_draws)
    return pl.DataFrame(
        {
            "store_id": [store_id] * len(lots.item),
            "location": np.where(lots.on_shelf, SHELF, WAREHOUSE).tolist(),
            "shelf_id": [items.item_id[item] for item in lots.item],
            "batch_code": [
                f"B{first_code + index:0{BATCH_DIGITS}d}" for index in range(len(lots.item))
            ],
            "quantity": lots.quantity,
            "received_date": [start - timedelta(days=age) for age in lots.age_days.tolist()],
            "expiry_date": [start + timedelta(days=life) for life in lots.life_days.tolist()],
        },
        schema=OPENING_LOTS_SCHEMA,
    )


def _draw_lots(
    rng: np.random.Generator,
    items: ItemDraw,
    store: StoreDraw,
    parameters: OpeningStockParameters,
) -> _LotDraw:
    """Full batches and one rest, the newest, per item and location."""
    stock = np.concatenate([store.shelf_stock, store.warehouse_stock])
    size = np.tile(items.batch_size, 2)
    count = -(-stock // size)
    pile = np.repeat(np.arange(len(stock)), count)
    index = np.arange(len(pile)) - np.repeat(np.cumsum(count) - count, count)
    newer = count[pile] - 1 - index
    rest = stock - size * (count - 1)
    item = pile % len(items.item_id)
    perishable = items.is_perishable[item]

    low, high = parameters.life_days_perishable
    step = parameters.life_step_days_perishable
    fresh_life = rng.integers(np.minimum(low + step * index, high), high, endpoint=True)
    low, high = parameters.life_days_other
    shift = parameters.life_step_days_other * index
    other_life = rng.integers(low + shift, high + shift, endpoint=True)
    age = rng.integers(*parameters.received_days_ago, size=len(pile), endpoint=True)
    return _LotDraw(
        on_shelf=pile < len(items.item_id),
        item=item,
        quantity=np.where(newer == 0, rest[pile], size[pile]),
        life_days=np.where(perishable, fresh_life, other_life),
        age_days=age + newer,
        is_perishable=perishable,
    )
