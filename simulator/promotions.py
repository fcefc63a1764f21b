"""Weekly promotions and the discount a shelf shows on a day."""

from datetime import date, timedelta
from typing import Final

import numpy as np
import polars as pl

from simulator.catalogue import PRICE_DECIMALS, FloatArray, ItemDraw
from simulator.parameters import PricingParameters, PromotionParameters
from simulator.rng import Concern, substream

WEEK: Final = timedelta(weeks=1)
LAST_DAY: Final = timedelta(days=6)
DISCOUNT_DECIMALS: Final = 4


def draw_promotions(seed: int, items: ItemDraw, parameters: PromotionParameters) -> pl.DataFrame:
    """Rotates the promotions through all items without replacement.

    Args:
        seed: Seed of the world.
        items: Items of the chain.
        parameters: Weeks, items a week and range of the discount.
    """
    rng = substream(seed, Concern.PROMOTIONS)
    chosen = _rotation(rng, len(items.item_id), parameters.weeks, parameters.items_per_week)
    week = np.repeat(np.arange(parameters.weeks), parameters.items_per_week)
    discount = np.round(rng.uniform(*parameters.discount, size=len(chosen)), DISCOUNT_DECIMALS)
    price = items.list_price[chosen]
    starts = [parameters.first_monday + WEEK * int(index) for index in week]
    return pl.DataFrame(
        {
            "week_index": week,
            "week_start_date": starts,
            "week_end_date": [start + LAST_DAY for start in starts],
            "item_id": [items.item_id[index] for index in chosen],
            "discount": discount,
            "list_price": price,
            "discounted_price": np.round(price * (1 - discount), PRICE_DECIMALS),
        }
    )


def _rotation(rng: np.random.Generator, item_count: int, weeks: int, per_week: int) -> list[int]:
    """Item numbers week by week; an item waits for all others before it returns."""
    chosen: list[int] = []
    deck: list[int] = []
    for _ in range(weeks):
        week = deck[:per_week]
        deck = deck[per_week:]
        if missing := per_week - len(week):
            shuffled = [int(index) for index in rng.permutation(item_count)]
            # Items already on promotion this week wait, so that no item is on it twice.
            fresh = [index for index in shuffled if index not in week]
            deck = fresh[missing:] + week
            week = week + fresh[:missing]
        chosen += week
    return chosen


class PriceBook:
    """List prices and the discounts of a day.

    Args:
        list_price: By item number, currency.
        weekly: Discount by item number, fraction, for each Monday with promotions.
        parameters: Cap and decimals of discounts.
    """

    def __init__(
        self,
        list_price: list[float],
        weekly: dict[date, FloatArray],
        parameters: PricingParameters,
    ) -> None:
        self.list_price = list_price
        self._weekly = weekly
        self._parameters = parameters
        self._none = np.zeros(len(list_price))

    def discounts(self, day: date) -> FloatArray:
        """Effective discount of each item on a business date, fraction."""
        monday = day - timedelta(days=day.weekday())
        return self.compound(self._weekly.get(monday, self._none))

    def attraction(self, day: date, elasticity: float) -> FloatArray:
        """By how much the price of a day multiplies the demand for each item."""
        kept: FloatArray = 1 - self.discounts(day)
        return kept**-elasticity

    def compound(self, *discounts: FloatArray) -> FloatArray:
        """Discounts one upon the other, capped and rounded as a receipt shows them."""
        kept = np.prod([1.0 - discount for discount in discounts], axis=0)
        capped = np.clip(1.0 - kept, 0.0, self._parameters.max_discount)
        rounded: FloatArray = np.round(capped, self._parameters.discount_decimals)
        return rounded
