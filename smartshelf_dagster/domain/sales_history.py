"""A made-up past of tills and shelves whose laws are known: what statistics ought to find in it.

Belongs here: how many events an hour has, what they are about, and the events themselves. Does not
belong here: sending them, and stores whose stock and customers live (`simulator/`).

How often something happens is a product: of the month, the hour, the weekday, and of surges that
are asked for. What happens is a sale, a return or a restock. Nothing depends on anything else,
except where an association or an outage is asked for; so every figure has an expected value. The
same recipe always gives the same events, with the same ids.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from smartshelf_dagster.errors import SmartShelfError

Ints = npt.NDArray[np.int64]

# How much stronger a month, an hour of the day and the weekend are than others.
MONTH_FACTORS = (0.70, 0.75, 0.90, 0.95, 1.00, 1.05, 1.10, 1.05, 1.00, 1.10, 1.50, 1.80)
HOUR_FACTORS = (*[0.2] * 7, 1, 1, *[1.5] * 4, 1.3, 1.3, 1, 1, *[1.7] * 4, 1.2, 1.2, 1)
WEEKEND_FACTOR = 1.4
# Shares of what happens.
MIX = {"sale": 0.90, "return": 0.07, "restock": 0.03}
SALE_QUANTITIES = {1: 0.40, 2: 0.30, 3: 0.15, 4: 0.08, 5: 0.05, 10: 0.02}
RETURN_QUANTITIES = (1, 5)
RESTOCK_QUANTITIES = (10, 100)
LINES_OF_RECEIPT = {1: 0.70, 2: 0.20, 3: 0.10}
# Prices rise by this share of the first one with every month.
PRICE_RISE = 0.005
DISCOUNTS = {1: 0.10, 7: 0.10, 11: 0.15, 12: 0.15}
# Five things an hour may happen, of which three in ten do.
DEFAULT_RATE = 1.5
CATEGORIES = 6
CUSTOMERS = 500
KNOWN_CUSTOMERS = 0.6
PAYMENTS = {"card": 0.6, "cash": 0.25, "mobile": 0.15}
LEAST_OPENING_STOCK = 20
OPENING_LOT = "OPENING"

SALES, SHELVES, WAREHOUSES = "pos_transactions", "shelf_events", "warehouse_events"
_HOUR_S = 3600
_TO_THE_TILL = timedelta(minutes=5)
_FROM_THE_WAREHOUSE = timedelta(minutes=10)
_SATURDAY = 6
_MAX_MONTHS, _MAX_STORES, _MAX_ITEMS = 120, 99, 9_999


class HistoryError(SmartShelfError, ValueError):
    """A history that cannot be made; the message names the field and what was expected."""


@dataclass(frozen=True)
class Surge:
    """Hours that are stronger or weaker than they should be.

    Attributes:
        begin: First of them, UTC.
        hours: How many.
        factor: By how much; 0 is silence.
        store: Number of the store, from 0; every store without.
    """

    begin: datetime
    hours: int
    factor: float
    store: int | None = None


@dataclass(frozen=True)
class Outage:
    """An item that a store with sensors does not have on its shelf for a while.

    Attributes:
        store: Number of the store, from 0.
        item: Number of the item, from 0.
        begin: When the rest is thrown away, UTC.
        end: When the shelf is filled again, UTC.
    """

    store: int
    item: int
    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Association:
    """An item that is bought because of another.

    Attributes:
        item: Number of the one, from 0.
        other: Number of the other.
        probability: That a receipt with the one holds the other.
    """

    item: int
    other: int
    probability: float


@dataclass(frozen=True)
class Recipe:
    """What history is made.

    Attributes:
        begin: First instant, UTC; midnight of the first of a month.
        months: How long it is.
        stores: Number of stores.
        items: Number of items, which all stores carry.
        seed: Of all that is drawn.
        rate: Events that an hour with no factor has in a store.
        sensors: Number of stores, the first ones, whose stock is told too.
        surges: Unusual hours.
        outages: Empty shelves.
        associations: What is bought together.

    Raises:
        HistoryError: A value is out of its range.
    """

    begin: datetime = datetime(2024, 1, 1, tzinfo=UTC)
    months: int = 24
    stores: int = 3
    items: int = 60
    seed: int = 42
    rate: float = DEFAULT_RATE
    sensors: int = 0
    surges: tuple[Surge, ...] = ()
    outages: tuple[Outage, ...] = ()
    associations: tuple[Association, ...] = ()

    def __post_init__(self) -> None:
        moment = self.begin
        is_month = (moment.day, moment.hour, moment.minute, moment.second) == (1, 0, 0, 0)
        _check("begin", moment, is_month and moment.tzinfo is not None, "the first of a month, UTC")
        _check("months", self.months, 1 <= self.months <= _MAX_MONTHS, f"from 1 to {_MAX_MONTHS}")
        _check("stores", self.stores, 1 <= self.stores <= _MAX_STORES, f"from 1 to {_MAX_STORES}")
        _check("items", self.items, 1 <= self.items <= _MAX_ITEMS, f"from 1 to {_MAX_ITEMS}")
        _check("seed", self.seed, self.seed >= 0, "0 or more")
        _check("rate", self.rate, self.rate > 0, "above 0")
        _check("sensors", self.sensors, 0 <= self.sensors <= self.stores, f"0 to {self.stores}")
        for outage in self.outages:
            _check("outages.store", outage.store, outage.store < self.sensors, "one with sensors")
            _check("outages.item", outage.item, outage.item < self.items, f"below {self.items}")
        for pair in self.associations:
            known = max(pair.item, pair.other) < self.items and pair.item != pair.other
            _check("associations", (pair.item, pair.other), known, "two of the items")

    @property
    def end(self) -> datetime:
        """First instant after it."""
        months = self.begin.month - 1 + self.months
        return self.begin.replace(year=self.begin.year + months // 12, month=months % 12 + 1)

    @property
    def digest(self) -> str:
        """Short name of exactly this recipe."""
        return hashlib.blake2s(repr(self).encode(), digest_size=5).hexdigest()

    def store_id(self, store: int) -> str:
        """Return the id of a store, of which there are others with another seed."""
        return f"GEN{self.seed}-{store + 1:02d}"

    def item_id(self, item: int) -> str:
        """Return the id of an item."""
        return f"GEN{self.seed}-{item + 1:04d}"

    def source(self, store: int) -> str:
        """Return the source of the events of a store."""
        return f"/stores/{self.store_id(store)}/{self.digest}/backfill"

    def list_prices(self) -> npt.NDArray[np.float64]:
        """Return the price of each item in the first month."""
        random = np.random.default_rng([self.seed, 0])
        prices: npt.NDArray[np.float64] = np.exp(random.normal(1.2, 0.7, self.items)).round(2) + 0.3
        return prices.round(2)


def _check(name: str, value: object, right: bool, expected: str) -> None:
    if not right:
        raise HistoryError(f"{name}: {value}, expected {expected}")


def hourly_rates(recipe: Recipe, store: int) -> pl.DataFrame:
    """Return how many events are expected in each hour of a store.

    Args:
        recipe: The history.
        store: Number of the store, from 0.

    Returns:
        Columns hour_start (UTC) and expected, by rising time.
    """
    last = recipe.end - timedelta(hours=1)
    hours = pl.datetime_range(recipe.begin, last, "1h", time_unit="us", eager=True)
    frame = pl.DataFrame({"hour_start": hours})
    start = pl.col("hour_start").dt
    factor = (
        pl.lit(recipe.rate)
        * start.month().cast(pl.Int32).replace_strict(dict(enumerate(MONTH_FACTORS, 1)))
        * start.hour().cast(pl.Int32).replace_strict(dict(enumerate(map(float, HOUR_FACTORS))))
        * pl.when(start.weekday() >= _SATURDAY).then(WEEKEND_FACTOR).otherwise(1.0)
    )
    for surge in recipe.surges:
        if surge.store in {None, store}:
            until = surge.begin + timedelta(hours=surge.hours)
            within = pl.col("hour_start").is_between(surge.begin, until, closed="left")
            factor *= pl.when(within).then(surge.factor).otherwise(1.0)
    return frame.with_columns(expected=factor)


def expected_events(recipe: Recipe) -> float:
    """Return how many sales, returns and restocks to expect of all stores, but for outages."""
    return sum(
        float(hourly_rates(recipe, store)["expected"].sum()) for store in range(recipe.stores)
    )


@dataclass(frozen=True)
class StoreHistory:
    """What happened in a store.

    Attributes:
        store_id: The store.
        counts: Number of sales, returns and restocks; a store without sensors does not tell of the
            last.
        events: What tells it, by rising time: topic, event_ts (UTC), payload (the CloudEvent as
            JSON). Of a store with sensors that is also what the shelves saw and staff scanned.
    """

    store_id: str
    counts: dict[str, int]
    events: pl.DataFrame


def generate(recipe: Recipe) -> Iterator[StoreHistory]:
    """Yield the history of each store; the same for the same recipe."""
    for store in range(recipe.stores):
        random = np.random.default_rng([recipe.seed, store + 1])
        happened = _happenings(recipe, store, random)
        lines = _receipt_lines(recipe, happened, random)
        happened, lines = _without_outages(recipe, store, happened, lines)
        parts = [_receipts(recipe, store, happened, lines)]
        if store < recipe.sensors:
            parts += _stock_events(recipe, store, happened, lines)
        counts = dict(happened.group_by("kind").len().iter_rows())
        yield StoreHistory(
            recipe.store_id(store),
            {kind: int(counts.get(kind, 0)) for kind in MIX},
            pl.concat(parts).sort("event_ts", "event_id").drop("event_id"),
        )


def _happenings(recipe: Recipe, store: int, random: np.random.Generator) -> pl.DataFrame:
    """Draw when something happens, what kind it is, and which item it is first about."""
    rates = hourly_rates(recipe, store)
    counts = random.poisson(rates["expected"].to_numpy())
    size = int(counts.sum())
    kinds = random.choice(len(MIX), size, p=list(MIX.values()))
    kind = pl.Series(kinds).cast(pl.Int64).replace_strict(dict(enumerate(MIX)))
    known = random.random(size) < KNOWN_CUSTOMERS
    customers = pl.Series(random.integers(1, CUSTOMERS + 1, size))
    frame = pl.DataFrame(
        {
            "hour_start": rates["hour_start"].gather(np.repeat(np.arange(rates.height), counts)),
            "second": random.integers(0, _HOUR_S, size),
            "kind": kind,
            "item": _draw_items(recipe, random, size),
            "customer": pl.select(pl.when(pl.Series(known)).then(customers)).to_series(),
            "payment": random.choice(list(PAYMENTS), size, p=list(PAYMENTS.values())),
            "return_quantity": random.integers(*RETURN_QUANTITIES, size, endpoint=True),
            "restock_quantity": random.integers(*RESTOCK_QUANTITIES, size, endpoint=True),
        }
    )
    ts = pl.col("hour_start") + pl.duration(seconds="second")
    ordered = frame.with_columns(event_ts=ts).sort("event_ts", maintain_order=True)
    return ordered.with_row_index("number").with_columns(pl.col("number").cast(pl.Int64))


def _draw_items(recipe: Recipe, random: np.random.Generator, size: int) -> Ints:
    """Draw items, of which the first sell more than the last."""
    weights = 1 / (np.arange(recipe.items) + 0.5 * recipe.items)
    return random.choice(recipe.items, size, p=weights / weights.sum())


def _receipt_lines(
    recipe: Recipe, happened: pl.DataFrame, random: np.random.Generator
) -> pl.DataFrame:
    """Draw what the receipts hold: number, item and quantity, each item once."""
    sales = happened.filter(pl.col("kind") == "sale")
    sizes = random.choice(list(LINES_OF_RECEIPT), sales.height, p=list(LINES_OF_RECEIPT.values()))
    more = np.repeat(sales["number"].to_numpy(), sizes - 1)
    lines = pl.concat(
        [
            sales.select("number", "item"),
            pl.DataFrame({"number": more, "item": _draw_items(recipe, random, len(more))}),
        ]
    ).unique(maintain_order=True)
    for pair in recipe.associations:
        because = lines.filter(pl.col("item") == pair.item).select("number")
        other = pl.col("item") == pair.other
        lines = pl.concat(
            [
                lines.filter(~other),
                lines.filter(other).join(because, on="number", how="anti"),
                because.filter(pl.Series(random.random(because.height) < pair.probability))
                .with_columns(item=pl.lit(pair.other, pl.Int64)),
            ]
        )  # fmt: skip
    quantities = random.choice(
        list(SALE_QUANTITIES), lines.height, p=list(SALE_QUANTITIES.values())
    )
    return lines.sort("number", "item").with_columns(quantity=pl.Series(quantities))


def _without_outages(
    recipe: Recipe, store: int, happened: pl.DataFrame, lines: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Leave out what nobody can have bought, nor staff have put on the shelf."""
    lines = lines.join(happened.select("number", "event_ts"), on="number", maintain_order="left")
    for outage in recipe.outages:
        if outage.store == store:
            ts, taken = pl.col("event_ts"), pl.col("event_ts") - _TO_THE_TILL
            missing = (pl.col("item") == outage.item) & (ts >= outage.begin) & (taken < outage.end)
            lines = lines.filter(~missing)
            happened = happened.filter(~(missing & (pl.col("kind") == "restock")))
    sold = lines["number"].unique().implode()
    is_left = (pl.col("kind") != "sale") | pl.col("number").is_in(sold)
    return happened.filter(is_left), lines


def _moves(happened: pl.DataFrame, kind: str) -> pl.DataFrame:
    """Return what was returned or restocked: number, item, event_ts, quantity."""
    own = happened.filter(pl.col("kind") == kind)
    return own.select("number", "item", "event_ts", quantity=f"{kind}_quantity")


def _receipts(
    recipe: Recipe, store: int, happened: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Return sales and returns as events of tills."""
    returned = _moves(happened, "return")
    month = pl.col("event_ts").dt.month().cast(pl.Int64)
    age = (pl.col("event_ts").dt.year() - recipe.begin.year) * 12 + month - recipe.begin.month
    first_price = pl.Series(recipe.list_prices()).gather
    goods = pl.concat([lines.select(returned.columns), returned])
    line = pl.struct(
        line_no=pl.int_range(1, pl.len() + 1).over("number"),
        item_id=_item_id(recipe),
        quantity="quantity",
        unit_price=(first_price(goods["item"]) * (1 + PRICE_RISE * age)).round(2),
        discount=month.replace_strict(DISCOUNTS, default=0.0),
    )
    receipts = goods.select("number", line=line).group_by("number").agg(items="line")
    frame = happened.join(receipts, on="number", maintain_order="left").drop_nulls("items")
    number = pl.col("number").cast(pl.String).str.zfill(8)
    data = pl.struct(
        store_id=pl.lit(recipe.store_id(store)),
        transaction_id=pl.format("{}-{}", pl.lit(recipe.digest), number),
        customer_id=pl.format("C{}", pl.col("customer").cast(pl.String).str.zfill(4)),
        payment_method="payment",
        items="items",
    )
    kind = pl.format("pos.{}", "kind")
    return _events(recipe, store, frame, topic=SALES, kind=kind, name=number, data=data)


def _stock_events(
    recipe: Recipe, store: int, happened: pl.DataFrame, lines: pl.DataFrame
) -> list[pl.DataFrame]:
    """Return what shelves and warehouse saw of it.

    A shelf begins with as much as lets it never run out by itself, and the warehouse with what
    staff will take from it.
    """
    returned, restocked = _moves(happened, "return"), _moves(happened, "restock")
    taken = lines.select(
        "number", "item", event_ts=pl.col("event_ts") - _TO_THE_TILL, quantity="quantity"
    )
    ledger = pl.concat(
        [
            taken.select("item", "event_ts", change=-pl.col("quantity")),
            restocked.select("item", "event_ts", change="quantity"),
        ]
    ).sort("item", "event_ts", "change")
    lowest = ledger.group_by("item").agg(lowest=pl.col("change").cum_sum().min())
    items = pl.DataFrame({"item": np.arange(recipe.items)}).join(lowest, on="item", how="left")
    spare = pl.lit(LEAST_OPENING_STOCK)
    items = items.with_columns(shelf=spare - pl.min_horizontal(0, pl.col("lowest").fill_null(0)))
    removed = _removed(recipe, store, items, ledger)
    refilled = removed.with_columns(event_ts="end")
    filled = pl.concat([restocked, refilled.select(restocked.columns)])
    needed = filled.group_by("item").agg(needed=pl.col("quantity").sum())
    items = items.join(needed, on="item", how="left").with_columns(
        warehouse=spare + pl.col("needed").fill_null(0)
    )
    opened = items.unpivot(["shelf", "warehouse"], index="item", variable_name="location").select(
        "item", "location", quantity="value", event_ts=pl.lit(recipe.begin - timedelta(hours=1)),
        number=pl.int_range(pl.len()),
    )  # fmt: skip
    where = {"store_id": pl.lit(recipe.store_id(store)), "shelf_id": _item_id(recipe)}
    lot = {
        "batch_code": pl.lit(OPENING_LOT),
        "received_date": pl.lit((recipe.begin - timedelta(days=1)).date().isoformat()),
        "expiry_date": pl.lit(recipe.begin.replace(year=recipe.begin.year + 10).date().isoformat()),
    }
    task = pl.format("task-{}-{}-{}", pl.lit(recipe.digest), pl.lit(store), "number")
    code = {"batch_code": lot["batch_code"], "quantity": pl.col("quantity")}
    picked = filled.with_columns(event_ts=pl.col("event_ts") - _FROM_THE_WAREHOUSE)
    shelf, quantity = {"location": pl.lit("shelf")}, {"quantity": pl.col("quantity")}
    moved = {**code, "command_id": task}
    thrown_away = {"removed_quantity": pl.col("quantity"), "reason": pl.lit("damaged")}
    told: list[tuple[pl.DataFrame, str, dict[str, pl.Expr]]] = [
        (opened, "warehouse.opening", {"location": pl.col("location"), **quantity, **lot}),
        (taken, "shelf.pickup", quantity),
        (picked, "warehouse.pick", {**moved, "reason": pl.lit("restock")}),
        (filled, "shelf.putback", {**moved, "actor_role": pl.lit("staff")}),
        (returned, "warehouse.receipt", {**quantity, "reason": pl.lit("restock_return"), **lot}),
        (removed, "warehouse.removal", {**shelf, **thrown_away, "batch_code": lot["batch_code"]}),
    ]
    return [
        _events(
            recipe,
            store,
            frame,
            topic=SHELVES if kind.startswith("shelf") else WAREHOUSES,
            kind=pl.lit(kind),
            name=pl.format("{}-{}-{}", pl.lit(kind), "number", "item"),
            data=pl.struct(*(value.alias(key) for key, value in {**where, **data}.items())),
        )
        for frame, kind, data in told
    ]


def _removed(recipe: Recipe, store: int, items: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Return what is on the shelf when an outage begins: number, item, event_ts, quantity, end."""
    begun = dict(items.select("item", "shelf").iter_rows())
    rows = []
    for number, outage in enumerate(recipe.outages):
        if outage.store == store:
            before = (pl.col("item") == outage.item) & (pl.col("event_ts") < outage.begin)
            left = begun[outage.item] + int(ledger.filter(before)["change"].sum())
            rows.append((-1 - number, outage.item, outage.begin, left, outage.end))
    moment = pl.Datetime("us", "UTC")
    schema: dict[str, pl.DataType] = {"number": pl.Int64(), "item": pl.Int64(), "event_ts": moment}
    schema |= {"quantity": pl.Int64(), "end": moment}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _item_id(recipe: Recipe) -> pl.Expr:
    number = (pl.col("item") + 1).cast(pl.String).str.zfill(4)
    return pl.format("{}-{}", pl.lit(f"GEN{recipe.seed}"), number)


def _events(
    recipe: Recipe,
    store: int,
    frame: pl.DataFrame,
    *,
    topic: str,
    kind: pl.Expr,
    name: pl.Expr,
    data: pl.Expr,
) -> pl.DataFrame:
    """Return rows as CloudEvents: topic, event_ts, event_id, payload."""
    event_id = pl.format("{}-{}-{}", pl.lit(recipe.digest), pl.lit(store), name)
    event = pl.struct(
        specversion=pl.lit("1.0"),
        id="event_id",
        source=pl.lit(recipe.source(store)),
        type=pl.format("com.smartshelf.{}.v1", kind),
        time=pl.col("event_ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        data=data,
    )
    return frame.with_columns(event_id=event_id).select(
        "event_ts", "event_id", topic=pl.lit(topic), payload=event.struct.json_encode()
    )
