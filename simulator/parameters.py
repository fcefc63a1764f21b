"""Business parameters of the world: one JSON file, read into frozen dataclasses.

Every group of the file names its `source`. A key that is missing, unknown or of the wrong type is
an error that names the place, so that a typo never silently changes the world.
"""

import types
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from math import isclose
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import orjson

from simulator.errors import SimulatorError

WEEKDAYS = 7
MONTHS = 12
LAST_HOUR = 23
SOURCE_KEY = "source"
SUPPLIER_FAULTS = ("short", "late", "damaged")

Range = tuple[float, float]
IntRange = tuple[int, int]


def _check_shares(shares: Iterable[float], where: str) -> None:
    total = sum(shares)
    if not isclose(total, 1.0, abs_tol=1e-9):
        raise SimulatorError(f"parameters: shares of {where} add up to {total}, expected 1")


@dataclass(frozen=True, slots=True)
class BatchRule:
    """Supplier batch sizes of the items that match; None matches all.

    Attributes:
        categories: Macro categories the rule is for.
        perishable: Whether it is for perishable items.
        max_unit_weight_g: Heaviest unit the rule is for, g.
        sizes: Sizes to choose from with equal chance, pieces.
    """

    categories: tuple[str, ...] | None
    perishable: bool | None
    max_unit_weight_g: int | None
    sizes: tuple[int, ...]

    def matches(self, category: str, unit_weight_g: int, *, perishable: bool) -> bool:
        """Whether the rule is for an item."""
        return (
            (self.categories is None or category in self.categories)
            and (self.perishable is None or self.perishable == perishable)
            and (self.max_unit_weight_g is None or unit_weight_g <= self.max_unit_weight_g)
        )


@dataclass(frozen=True, slots=True)
class CatalogueParameters:
    """How items are named and packed; the first batch rule that matches decides."""

    perishable_categories: tuple[str, ...]
    id_letters: int
    id_digits: int
    batch_rules: tuple[BatchRule, ...]


@dataclass(frozen=True, slots=True)
class StoreLayoutParameters:
    """Capacities (pieces) and visibility (fraction) of the shelves of a store."""

    capacity_upper_factor: float
    warehouse_min_batches: int
    visibility: Range


@dataclass(frozen=True, slots=True)
class OpeningStockParameters:
    """Stock and lots at the start; fills are shares of capacity, ages and lives are days.

    The index of a lot within its item shortens the range of perishable lives from below and
    moves the whole range of the others, by the step.
    """

    shelf_fill_perishable: Range
    shelf_fill_other: Range
    warehouse_batches: IntRange
    warehouse_floor_frac: float
    received_days_ago: IntRange
    life_days_perishable: IntRange
    life_days_other: IntRange
    life_step_days_perishable: int
    life_step_days_other: int


@dataclass(frozen=True, slots=True)
class CalibrationParameters:
    """Means a generated catalogue must come near to, else it is drawn again.

    Attributes:
        tolerance: Largest relative distance from a mean, fraction.
        max_draws: Draws before giving up.
        item_means: Mean per item column.
        store_means: Means of a store's capacities, stock and lots.
        lot_means: Mean days to expiry of a store's opening lots.
    """

    tolerance: float
    max_draws: int
    item_means: Mapping[str, float]
    store_means: Mapping[str, float]
    lot_means: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class StoresParameters:
    """Master data of the stores; towns are used in turn."""

    name_prefix: str
    towns: tuple[str, ...]
    country: str
    timezone: str
    currency: str


@dataclass(frozen=True, slots=True)
class StockPolicy:
    """One row of stock_policies for all stores, as in its contract."""

    policy_id: str
    location: str
    low_frac: float
    low_qty: int
    clear_frac: float
    target_frac: float
    cooldown_minutes: int


@dataclass(frozen=True, slots=True)
class StockPoliciesParameters:
    """Rules for low stock that the system starts with."""

    rows: tuple[StockPolicy, ...]


@dataclass(frozen=True, slots=True)
class PromotionParameters:
    """Weekly promotions; the discount is a fraction off the list price."""

    first_monday: date
    weeks: int
    items_per_week: int
    discount: Range


@dataclass(frozen=True, slots=True)
class TrafficParameters:
    """Arrivals: a daily total by weekday (Monday first) and month, over half-open local slots."""

    base_customers_per_day: float
    multiplier: float
    history_until: date
    history_multiplier: float
    noise: Range
    month_factors: tuple[float, ...]
    slot_start_hours: tuple[int, ...]
    weekday_slot_weights: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if len(self.weekday_slot_weights) != WEEKDAYS or any(
            len(weights) != len(self.slot_start_hours) for weights in self.weekday_slot_weights
        ):
            raise SimulatorError("parameters: traffic needs seven rows with one weight per slot")
        if len(self.month_factors) != MONTHS or min(self.month_factors) <= 0:
            raise SimulatorError("parameters: traffic needs twelve month factors above 0")

    def season(self, day: date) -> float:
        """Traffic of a day's month relative to the mean over all days of its year."""
        days = [monthrange(day.year, month)[1] for month in range(1, MONTHS + 1)]
        weighted = (
            length * factor for length, factor in zip(days, self.month_factors, strict=True)
        )
        mean = sum(weighted) / sum(days)
        return self.month_factors[day.month - 1] / mean

    def level(self, day: date) -> float:
        """Traffic of a day relative to the mean of its weekday: season, and whether it is past."""
        before = day < self.history_until
        return self.season(day) * (self.history_multiplier / self.multiplier if before else 1.0)

    def mean_customers(self, weekday: int) -> float:
        """Expected arrivals on a day, customers, in the mean over the year.

        Args:
            weekday: 0 is Monday.
        """
        sums = [sum(weights) for weights in self.weekday_slot_weights]
        return self.base_customers_per_day * self.multiplier * sums[weekday] * WEEKDAYS / sum(sums)


@dataclass(frozen=True, slots=True)
class Band:
    """A range of integers, both ends included, that a share of the draws falls into."""

    share: float
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class TripParameters:
    """What a customer does between the doors.

    Attributes:
        minutes: Duration of a trip, minutes.
        actions: Number of actions in a trip.
        first_action_after_seconds: Shortest time from entry to an action, s.
        last_action_before_exit_seconds: Shortest time from an action to the exit, s.
        putback_probability: Chance that an action puts goods back.
        quantity_shares: Chance to want 1, 2, 3, ... pieces.
    """

    minutes: tuple[Band, ...]
    actions: tuple[Band, ...]
    first_action_after_seconds: int
    last_action_before_exit_seconds: int
    putback_probability: float
    quantity_shares: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_shares((band.share for band in self.minutes), "trips.minutes")
        _check_shares((band.share for band in self.actions), "trips.actions")
        _check_shares(self.quantity_shares, "trips.quantity_shares")

    @property
    def mean_actions(self) -> float:
        """Expected actions in a trip."""
        return sum(band.share * (band.low + band.high) / 2 for band in self.actions)


@dataclass(frozen=True, slots=True)
class DemandParameters:
    """How demand reacts to prices.

    Attributes:
        price_elasticity: Demand is proportional to the price to the power of minus this.
        largest_markdown: Largest markdown that customers react to, fraction.
    """

    price_elasticity: float
    largest_markdown: float

    def __post_init__(self) -> None:
        if self.price_elasticity < 0 or not 0 <= self.largest_markdown < 1:
            raise SimulatorError(
                "parameters: demand needs a price_elasticity of 0 or more"
                " and a largest_markdown of 0 to below 1"
            )

    def uplift(self, markdown: float) -> float:
        """Extra demand at a markdown, as a share of the demand without it."""
        kept = 1 - min(markdown, self.largest_markdown)
        return float(kept**-self.price_elasticity - 1)


@dataclass(frozen=True, slots=True)
class LotChoiceParameters:
    """Chance that a customer takes the lot that expires first."""

    earliest_probability: float


@dataclass(frozen=True, slots=True)
class PricingParameters:
    """Largest compounded discount (fraction) and the decimals a receipt shows."""

    max_discount: float
    discount_decimals: int


@dataclass(frozen=True, slots=True)
class LoyaltyParameters:
    """Card holders of a store and their share of its visits."""

    members_per_store: int
    visit_share: float
    visit_rate_shape: float


@dataclass(frozen=True, slots=True)
class CheckoutParameters:
    """Tills and gates of a store, and how receipts are paid."""

    tills: int
    gates: int
    payment_shares: Mapping[str, float]

    def __post_init__(self) -> None:
        _check_shares(self.payment_shares.values(), "checkout.payment_shares")


@dataclass(frozen=True, slots=True)
class StaffParameters:
    """Crew of a store.

    Attributes:
        per_store: Hands.
        pick_minutes: Time to find goods in the warehouse, minutes.
        walk_minutes: One way between warehouse and shelf, minutes.
        removal_minutes: Time to take a lot away, minutes.
        removal_priority: Urgency of a removal, as of a restock command.
        putaway_priority: Urgency of putting returned goods back.
    """

    per_store: int
    pick_minutes: int
    walk_minutes: int
    removal_minutes: int
    removal_priority: float
    putaway_priority: float


@dataclass(frozen=True, slots=True)
class FaultParameters:
    """What suppliers do wrong.

    Attributes:
        short: Chance that a part of an order never comes.
        late: Chance that an order comes later.
        damaged: Chance that a part of what comes is damaged and goes back.
        short_share: Part that never comes, fraction.
        late_hours: Delay, hours.
        damaged_share: Part that is damaged, fraction.
    """

    short: float
    late: float
    damaged: float
    short_share: Range
    late_hours: Range
    damaged_share: Range

    def __post_init__(self) -> None:
        for name in SUPPLIER_FAULTS:
            if not 0 <= getattr(self, name) <= 1:
                raise SimulatorError(
                    f"supplier faults: {name} is {getattr(self, name)}, expected 0 to 1"
                )


@dataclass(frozen=True, slots=True)
class SupplierParameters:
    """How orders become deliveries.

    Attributes:
        life_days: Days from delivery to the last day of sale, by category.
        life_days_other: The same for all other categories.
        check_minutes: Time from arrival until the goods are counted and scanned in, minutes.
        overdue_minutes: An order that is read after its delivery time comes so much after that.
        faults: What goes wrong.
    """

    life_days: Mapping[str, IntRange]
    life_days_other: IntRange
    check_minutes: Range
    overdue_minutes: int
    faults: FaultParameters

    def life_of(self, category: str) -> IntRange:
        """Days from delivery to the last day of sale, range."""
        return self.life_days.get(category, self.life_days_other)


@dataclass(frozen=True, slots=True)
class ReturnParameters:
    """Goods that customers bring back.

    Attributes:
        line_share: Share of the receipt lines of items that do not perish.
        days_later: Days from the visit to the return.
        hours: First hour and hour after the last in which returns are taken.
    """

    line_share: float
    days_later: IntRange
    hours: IntRange

    def __post_init__(self) -> None:
        if not 0 <= self.line_share < 1 or self.days_later[0] < 1:
            raise SimulatorError(
                "parameters: returns needs a line_share of 0 to below 1 and days_later from 1"
            )
        if not 0 <= self.hours[0] < self.hours[1] <= LAST_HOUR:
            raise SimulatorError("parameters: returns needs two hours from 0 to 23, in order")


@dataclass(frozen=True, slots=True)
class StandingRulesParameters:
    """What a store does while no system tells it what to do.

    Attributes:
        morning_hour: When expired goods are removed and others marked down, UTC.
        cutoff_weekdays: Days on which orders are sent, 0 is Monday.
        cutoff_hour: When they are sent, UTC.
        delivery_hour: When the goods come on the next day, UTC.
        basket_units: Mean pieces of a receipt.
        dispersion: Variance of the pieces sold over their mean.
        safety_sigmas: Standard deviations of demand that an order covers besides the mean.
        markdown_day_before: Discount on the day before the last day of sale, fraction.
        markdown_last_day: Discount on the last day of sale, fraction.
    """

    morning_hour: int
    cutoff_weekdays: tuple[int, ...]
    cutoff_hour: int
    delivery_hour: int
    basket_units: float
    dispersion: float
    safety_sigmas: float
    markdown_day_before: float
    markdown_last_day: float


@dataclass(frozen=True, slots=True)
class Parameters:
    """All groups of the file."""

    catalogue: CatalogueParameters
    store_layout: StoreLayoutParameters
    opening_stock: OpeningStockParameters
    calibration: CalibrationParameters
    stores: StoresParameters
    stock_policies: StockPoliciesParameters
    promotions: PromotionParameters
    traffic: TrafficParameters
    trips: TripParameters
    demand: DemandParameters
    lot_choice: LotChoiceParameters
    pricing: PricingParameters
    loyalty: LoyaltyParameters
    checkout: CheckoutParameters
    staff: StaffParameters
    suppliers: SupplierParameters
    returns: ReturnParameters
    standing_rules: StandingRulesParameters


def load_parameters(path: Path) -> Parameters:
    """Reads a parameter file.

    Args:
        path: JSON file with one object per group, each with a `source`.

    Raises:
        SimulatorError: The file is missing, is not JSON or does not fit the dataclasses.
    """
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise SimulatorError(f"{path}: no readable parameters: {error}") from error
    if not isinstance(document, dict):
        raise SimulatorError(f"{path}: expected an object of groups")
    groups = {}
    for name, group in document.items():
        if not isinstance(group, dict) or not group.get(SOURCE_KEY):
            raise SimulatorError(f"{path}: {name}: expected an object with a {SOURCE_KEY}")
        groups[name] = {key: value for key, value in group.items() if key != SOURCE_KEY}
    built = build(Parameters, groups, path.name)
    assert isinstance(built, Parameters)  # noqa: S101  tells the type checker what build returns
    return built


def build(kind: Any, value: Any, where: str) -> Any:
    """Turns parsed JSON into a typed value, strictly.

    Args:
        kind: Type to build: a dataclass, tuple, mapping, union with None, date or scalar.
        value: Parsed JSON.
        where: Place of the value, for messages.

    Raises:
        SimulatorError: The value does not fit the type.
    """
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    if origin is tuple:
        return _build_tuple(get_args(kind), value, where)
    if origin is types.UnionType:
        inner = next(arg for arg in get_args(kind) if arg is not types.NoneType)
        return None if value is None else build(inner, value, where)
    if origin is Mapping:
        _expect(isinstance(value, dict), "an object", value, where)
        inner = get_args(kind)[1]
        return {key: build(inner, item, f"{where}.{key}") for key, item in value.items()}
    return _build_scalar(kind, value, where)


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    _expect(isinstance(value, dict), "an object", value, where)
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    if unknown := sorted(value.keys() - names):
        raise SimulatorError(f"{where}: unknown {', '.join(unknown)}")
    if missing := sorted(names - value.keys()):
        raise SimulatorError(f"{where}: missing {', '.join(missing)}")
    return kind(**{name: build(hints[name], value[name], f"{where}.{name}") for name in names})


def _build_tuple(args: tuple[Any, ...], value: Any, where: str) -> Any:
    _expect(isinstance(value, list), "a list", value, where)
    kinds = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
    _expect(len(kinds) == len(value), f"{len(kinds)} values", value, where)
    return tuple(
        build(inner, item, f"{where}[{index}]")
        for index, (inner, item) in enumerate(zip(kinds, value, strict=True))
    )


def _build_scalar(kind: Any, value: Any, where: str) -> Any:
    if kind is date and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError as error:
            raise SimulatorError(f"{where}: expected a date, got {value!r}") from error
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    _expect(type(value) is kind, kind.__name__, value, where)
    return value


def _expect(fits: bool, what: str, value: Any, where: str) -> None:
    if not fits:
        raise SimulatorError(f"{where}: expected {what}, got {value!r}")
