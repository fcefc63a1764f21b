"""Shops that sell goods that expire, to try ordering policies on: vectorised, lost sales.

Goods stand in a matrix (items, days of life left); column 0 expires at the end of the day. All
policies meet the same demand: common random numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import lgamma, log

import numpy as np
import polars as pl

OPENS_H, CLOSES_H, CUTOFF_H = 8, 21, 12
DAY_H = CLOSES_H - OPENS_H
SUNDAY = datetime(2026, 2, 1, tzinfo=UTC)
# Days of a week that begins on Sunday: orders, and deliveries on the next morning.
CUTOFF_DAYS = (0, 2, 4)


def count_distribution(mean: float, dispersion: float = 1.0, size: int = 600) -> np.ndarray:
    """Probabilities of 0, 1, ... pieces: Poisson, or negative binomial of that variance / mean."""
    counts = np.arange(size)
    factorial = np.array([lgamma(k + 1) for k in counts])
    if dispersion == 1:
        return np.exp(counts * log(mean) - mean - factorial)
    shape = mean / (dispersion - 1)
    ways = np.array([lgamma(k + shape) for k in counts]) - factorial - lgamma(shape)
    return np.exp(ways - shape * log(dispersion) + counts * log(1 - 1 / dispersion))


def count_quantiles(mean: float, dispersion: float, levels: tuple[float, ...]) -> list[int]:
    """The smallest counts that are not exceeded with the given probabilities."""
    below = np.cumsum(count_distribution(mean, dispersion))
    return np.searchsorted(below, levels).tolist()


def draw_counts(
    rng: np.random.Generator, mean: np.ndarray, dispersion: float, size: tuple[int, ...]
) -> np.ndarray:
    """Demand of independent periods, pieces."""
    if dispersion == 1:
        return rng.poisson(mean, size)
    return rng.negative_binomial(mean / (dispersion - 1), 1 / dispersion, size)


def issue(lots: np.ndarray, demand: np.ndarray, *, newest_first: bool = False) -> np.ndarray:
    """Take demand from the lots, in place; return the pieces sold."""
    queue = lots[:, ::-1] if newest_first else lots
    held = np.cumsum(queue, axis=1)
    taken = np.minimum(held, demand[:, None])
    queue -= np.diff(taken, axis=1, prepend=0)
    return taken[:, -1]


def cost_per_period(
    order: Callable[[np.ndarray], np.ndarray], demand: np.ndarray, life: int, prices: tuple
) -> float:
    """Mean cost of a period of goods that come at once and live for some periods.

    Args:
        order: From goods carried (shops, life - 1), the oldest first, to pieces ordered.
        demand: Per period and shop.
        life: Periods in which a piece may be sold.
        prices: Of a piece carried over, lost, outdated.
    """
    held, lost, outdated = prices
    lots = np.zeros((demand.shape[1], life), dtype=np.int64)
    costs = []
    for asked in demand:
        lots[:, -1] = order(lots[:, :-1])
        missing = asked - issue(lots, asked)
        waste = lots[:, 0].copy()
        lots = np.roll(lots, -1, axis=1)
        lots[:, -1] = 0
        costs.append((held * lots.sum(axis=1) + lost * missing + outdated * waste).mean())
    return float(np.mean(costs[50:]))


@dataclass(frozen=True)
class Outcome:
    """What came of a policy after the warm-up.

    Attributes:
        fill: Pieces sold of those asked for.
        waste: Pieces expired of those received.
        stock: Mean pieces in the store at the end of a day.
        profit: Margin of what was sold less the cost of what expired, at a cost of 0.7 per piece.
    """

    fill: float
    waste: float
    stock: float
    profit: float


@dataclass(frozen=True)
class Shop:
    """Items of one store, all of the same life.

    Attributes:
        mean: Pieces asked for per day, by item.
        dispersion: Variance of demand over its mean.
        life_days: Days from delivery to the last day of sale.
        batch_size: Pieces in a batch, by item.
        earliest_share: Share of the pieces that customers take from the lot that expires first;
            the others are taken from the newest.
    """

    mean: np.ndarray
    dispersion: float
    life_days: int
    batch_size: np.ndarray
    earliest_share: float = 1.0

    def run(
        self, plan: Callable[["Situation"], np.ndarray], *, days: int, warm_up: int, seed: int
    ) -> Outcome:
        """Sell for some days; `plan` orders at each cutoff."""
        rng = np.random.default_rng(seed)
        hours = np.array([CUTOFF_H - OPENS_H, CLOSES_H - CUTOFF_H])[:, None]
        demand = draw_counts(
            rng, self.mean * hours / DAY_H, self.dispersion, (days, 2, len(self.mean))
        )
        earliest = rng.binomial(demand, self.earliest_share)
        lots = np.zeros((len(self.mean), self.life_days + 1), dtype=np.int64)
        lots[:, -1] = np.ceil(4 * self.mean)
        arriving = np.zeros(len(self.mean), dtype=np.int64)
        sold, waste, received, stock = (np.zeros((days, len(self.mean))) for _ in range(4))
        for day in range(days):
            lots[:, -1] += arriving
            received[day], arriving = arriving, np.zeros_like(arriving)
            for part in range(2):
                if part == 1 and day % 7 in CUTOFF_DAYS:
                    now = SUNDAY + timedelta(days=day, hours=CUTOFF_H)
                    arriving = plan(Situation(self, now, lots, sold[max(day - 28, 0) : day]))
                sold[day] += issue(lots, earliest[day, part])
                sold[day] += issue(lots, (demand - earliest)[day, part], newest_first=True)
            waste[day] = lots[:, 0]
            lots = np.roll(lots, -1, axis=1)
            lots[:, -1] = 0
            stock[day] = lots.sum(axis=1)
        seen = slice(warm_up, None)
        return Outcome(
            fill=sold[seen].sum() / demand[seen].sum(),
            waste=waste[seen].sum() / received[seen].sum(),
            stock=stock[seen].sum(axis=1).mean(),
            profit=0.3 * sold[seen].sum() - 0.7 * waste[seen].sum(),
        )


@dataclass(frozen=True)
class Situation:
    """What a policy may know at a cutoff."""

    shop: Shop
    now: datetime
    lots: np.ndarray
    sales: np.ndarray

    @property
    def delivery(self) -> datetime:
        """The next morning."""
        return self.now + timedelta(hours=20)

    @property
    def covers_until(self) -> datetime:
        """The morning after the next cutoff: 68 hours away, or 92 over the weekend."""
        return self.now + timedelta(hours=92 if self.now.weekday() == 3 else 68)

    def positions(self) -> pl.DataFrame:
        """As for `plan_orders`."""
        stock = self.lots.sum(axis=1)
        room = 10_000_000
        return pl.DataFrame(
            {
                "store_id": "S001",
                "shelf_id": self.items(),
                "category": "FISH",
                "list_price": 1.0,
                "batch_size": self.shop.batch_size,
                "shelf_stock": stock,
                "in_transit": 0,
                "warehouse_stock": 0,
                "warehouse_on_hand": 0,
                "expiring_qty": self.lots[:, :4].sum(axis=1),
                "warehouse_capacity": room,
                "reorder_point": 1,
                "on_order_qty": 0,
                "life_days": float(self.shop.life_days),
                "sales_days": float(len(self.sales)),
                "units_28d": self.sales.sum(axis=0).astype(np.int64),
                "units_squared_28d": (self.sales**2).sum(axis=0).astype(np.int64),
                "as_of_ts": self.now,
                "delivery_ts": self.delivery,
                "covers_until_ts": self.covers_until,
            }
        )

    def lot_table(self) -> pl.DataFrame:
        """Goods on hand by their last day."""
        item, left = np.nonzero(self.lots)
        return pl.DataFrame(
            {
                "store_id": "S001",
                "shelf_id": [self.items()[i] for i in item],
                "expiry_date": [self.now.date() + timedelta(days=int(days)) for days in left],
                "quantity": self.lots[item, left],
            },
            schema={
                "store_id": pl.String,
                "shelf_id": pl.String,
                "expiry_date": pl.Date,
                "quantity": pl.Int64,
            },
        )

    def forecast(self, levels: tuple[float, ...]) -> pl.DataFrame:
        """The true distribution of demand until both deliveries, as quantiles."""
        hours = {
            self.delivery: CLOSES_H - CUTOFF_H,
            self.covers_until: 48 if self.now.weekday() == 3 else 35,
        }
        by_mean = pl.DataFrame(
            [
                {"mean": mean, "until_ts": until, "quantile": level, "demand": float(demand)}
                for mean in np.unique(self.shop.mean).tolist()
                for until, open_h in hours.items()
                for level, demand in zip(
                    levels,
                    count_quantiles(mean * open_h / DAY_H, self.shop.dispersion, levels),
                    strict=True,
                )
            ]
        )
        items = pl.DataFrame({"shelf_id": self.items(), "mean": self.shop.mean})
        return items.join(by_mean, on="mean").with_columns(store_id=pl.lit("S001"))

    def items(self) -> list[str]:
        """Names of the items."""
        return [f"I{number:04}" for number in range(len(self.shop.mean))]
