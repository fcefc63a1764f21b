"""Customers: who comes when, what they want, and when they leave.

A day's customers follow from (seed, store, day) alone; neither stock nor staff nor noise changes
them. So two policies can be compared on the very same people (common random numbers), and a
restart finds them again instead of loading them.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np

from simulator.catalogue import FloatArray, IntArray
from simulator.clock import MINUTE_MS, SECOND_MS, Moment
from simulator.parameters import Band, TrafficParameters
from simulator.reference import StoreReference
from simulator.rng import Concern, key_of, substream

ONE_DAY: Final = timedelta(days=1)
# Visits are numbered within their day; the day stands before the number.
VISITS_PER_DAY: Final = 1_000_000
# The number of a receipt line that no receipt has.
NO_LINE: Final = 1_000_000
END_OF_TIME: Final = Moment(2**62, "")
# A putback needs a draw for the item and one for the pieces.
PUTBACK_CHANCES: Final = 2


class Step(IntEnum):
    """What a customer does next."""

    ENTER = 0
    PICKUP = 1
    PUTBACK = 2
    LEAVE = 3


class Visit(NamedTuple):
    """What a customer shows at the doors and at the till; no card, no customer_id.

    Some customers bring back the goods of a line: the `return_line`-th of those that do not perish,
    if the receipt has so many.
    """

    customer_id: str | None
    till_id: str
    payment_method: str
    entry_gate: str
    exit_gate: str
    return_line: int
    return_ms: int


class Impulse(NamedTuple):
    """An item that a customer may take because some of it is marked down.

    Attributes:
        at_ms: When, ms.
        visit: Who.
        item: Item number.
        quantity: Most pieces.
        chance: Uniform draw; below the share of the largest uplift that is in force, he takes it.
    """

    at_ms: int
    visit: int
    item: int
    quantity: int
    chance: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """All steps of one business day in order of time, ended by a sentinel.

    Attributes:
        day: Business date.
        moment: When.
        step: What.
        visit: Whose.
        item: Item wanted (pickups only).
        quantity: Pieces wanted (pickups only).
        chance: Uniform draws for choices that depend on what is there then.
        visits: Details of the visits, by number.
    """

    day: date
    moment: list[Moment]
    step: list[int]
    visit: list[int]
    item: list[int]
    quantity: list[int]
    chance: list[list[float]]
    visits: dict[int, Visit]


@dataclass(frozen=True, slots=True)
class _Steps:
    """Steps as arrays, in order of time."""

    time_ms: IntArray
    step: IntArray
    visit: IntArray
    item: IntArray
    quantity: IntArray
    chance: FloatArray

    def where(self, mask: np.ndarray) -> "_Steps":
        """Some of the steps."""
        return _Steps(*(getattr(self, name)[mask] for name in self.__slots__))

    def then(self, other: "_Steps") -> "_Steps":
        """Both, merged by time."""
        merged = [
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in self.__slots__
        ]
        order = np.argsort(merged[0], kind="stable")
        return _Steps(*(column[order] for column in merged))


@dataclass(frozen=True, slots=True)
class _DayPlan:
    day: date
    steps: _Steps
    visits: dict[int, Visit]
    arrival: IntArray
    leave: IntArray


class Customers:
    """The people of one store, day by day.

    Args:
        reference: Store, calendar, parameters and prices.
    """

    def __init__(self, reference: StoreReference) -> None:
        self._reference = reference
        self._parameters = reference.parameters
        self._seed = reference.world.seed
        self._store_key = key_of(reference.store_id)
        self._visibility = np.array(reference.visibility)
        self._last_plan: _DayPlan | None = None
        self._plans: tuple[_DayPlan, ...] = ()
        self._candidates: dict[date, list[IntArray | FloatArray]] = {}

        loyalty = self._parameters.loyalty
        rates = substream(self._seed, Concern.LOYALTY_RATES, self._store_key).gamma(
            loyalty.visit_rate_shape, size=loyalty.members_per_store
        )
        self._member_share = _cumulative(rates)

    def schedule(self, day: date) -> Schedule:
        """All steps of a business day, with those of late visits of the day before."""
        before, plan = self._plan(day - ONE_DAY), self._plan(day)
        self._last_plan = plan
        self._plans = (before, plan)
        calendar = self._reference.calendar
        begin, end = calendar.instant(day), calendar.instant(day + ONE_DAY)
        steps = before.steps.where(before.steps.time_ms >= begin).then(
            plan.steps.where(plan.steps.time_ms < end)
        )
        instants = steps.time_ms.tolist()
        texts = np.datetime_as_string(steps.time_ms.astype("datetime64[ms]")).tolist()
        return Schedule(
            day=day,
            moment=[
                *(Moment(ms, f"{text}Z") for ms, text in zip(instants, texts, strict=True)),
                END_OF_TIME,
            ],
            step=steps.step.tolist(),
            visit=steps.visit.tolist(),
            item=steps.item.tolist(),
            quantity=steps.quantity.tolist(),
            chance=steps.chance.tolist(),
            visits=before.visits | plan.visits,
        )

    def impulses(self, items: Collection[int], from_ms: int) -> list[Impulse]:
        """Impulses of the scheduled day from an instant on, in order of time.

        Args:
            items: Items with something marked down.
            from_ms: The first instant, ms.
        """
        _, plan = self._plans
        end_ms = self._reference.calendar.instant(plan.day + ONE_DAY)
        known, self._candidates = self._candidates, {}
        found: list[Impulse] = []
        for of_day in self._plans:
            columns = known.get(of_day.day) or self._draw_impulses(of_day)
            self._candidates[of_day.day] = columns
            time_ms, _, item, *_ = columns
            wanted = np.isin(item, list(items)) & (time_ms >= from_ms) & (time_ms < end_ms)
            rows = zip(*(column[wanted].tolist() for column in columns), strict=True)
            found += map(Impulse._make, rows)
        return sorted(found)

    def _draw_impulses(self, plan: _DayPlan) -> list[IntArray | FloatArray]:
        """What the customers of a day would take if everything were marked down the most."""
        trips, demand = self._parameters.trips, self._parameters.demand
        rng = substream(self._seed, Concern.IMPULSES, self._store_key, plan.day.toordinal())
        mean = trips.mean_actions * (1 - trips.putback_probability)
        counts = rng.poisson(mean * demand.uplift(demand.largest_markdown), len(plan.arrival))
        visit = np.repeat(np.arange(len(counts)), counts)
        time_ms = self._action_times(rng, plan.arrival[visit], plan.leave[visit])
        item = _choose(rng, self._appeal(plan.day), len(visit))
        quantity = 1 + _choose(rng, np.array(trips.quantity_shares), len(visit))
        number = plan.day.toordinal() * VISITS_PER_DAY + visit
        return [time_ms, number, item, quantity, rng.random(len(visit))]

    def _action_times(
        self, rng: np.random.Generator, arrival: IntArray, leave: IntArray
    ) -> IntArray:
        trips = self._parameters.trips
        first = arrival + trips.first_action_after_seconds * SECOND_MS
        last = leave - trips.last_action_before_exit_seconds * SECOND_MS
        return rng.integers(first, last, endpoint=True)

    def _appeal(self, day: date) -> FloatArray:
        """Weight of each item in the choice of a customer on a day."""
        elasticity = self._parameters.demand.price_elasticity
        return self._visibility * self._reference.prices.attraction(day, elasticity)

    def _plan(self, day: date) -> _DayPlan:
        if self._last_plan is not None and self._last_plan.day == day:
            return self._last_plan
        rng = substream(self._seed, Concern.CUSTOMERS, self._store_key, day.toordinal())
        arrival = self._arrivals(rng, day)
        leave = arrival + _draw_bands(rng, self._parameters.trips.minutes, len(arrival)) * MINUTE_MS
        # The numbers come before the cut at the opening, so that an opening at noon does not
        # change the afternoon.
        numbers = day.toordinal() * VISITS_PER_DAY + np.arange(len(arrival))
        actions = self._actions(rng, day, arrival, leave)
        doors = [
            _Steps(
                time_ms=time_ms,
                step=np.full(len(numbers), step),
                visit=np.arange(len(numbers)),
                item=np.zeros(len(numbers), np.int64),
                quantity=np.zeros(len(numbers), np.int64),
                chance=np.zeros((len(numbers), actions.chance.shape[1])),
            )
            for time_ms, step in ((arrival, Step.ENTER), (leave, Step.LEAVE))
        ]
        steps = doors[0].then(actions).then(doors[1])
        steps = steps.where((arrival >= self._reference.start_ms)[steps.visit])
        steps = _Steps(
            steps.time_ms,
            steps.step,
            numbers[steps.visit],
            steps.item,
            steps.quantity,
            steps.chance,
        )
        visits = dict(zip(numbers.tolist(), self._visits(day, len(numbers)), strict=True))
        return _DayPlan(day, steps, visits, arrival, leave)

    def _arrivals(self, rng: np.random.Generator, day: date) -> IntArray:
        """Instants of arrival in order, ms."""
        traffic, calendar = self._parameters.traffic, self._reference.calendar
        total = daily_customers(rng, traffic, day)
        bounds = [calendar.instant(day, hour) for hour in traffic.slot_start_hours]
        bounds.append(calendar.instant(day + ONE_DAY))
        counts = spread(total, traffic.weekday_slot_weights[day.weekday()])
        low = np.repeat(bounds[:-1], counts)
        high = np.repeat(bounds[1:], counts)
        return np.sort(rng.integers(low, high))

    def _actions(
        self, rng: np.random.Generator, day: date, arrival: IntArray, leave: IntArray
    ) -> _Steps:
        trips = self._parameters.trips
        visit = np.repeat(np.arange(len(arrival)), _draw_bands(rng, trips.actions, len(arrival)))
        count = len(visit)
        time_ms = self._action_times(rng, arrival[visit], leave[visit])
        putback = rng.random(count) < trips.putback_probability
        item = _choose(rng, self._appeal(day), count)
        quantity = 1 + _choose(rng, np.array(trips.quantity_shares), count)
        # A pickup needs a draw per lot, and each lot gives at least one piece.
        put_chance = rng.random((count, max(len(trips.quantity_shares), PUTBACK_CHANCES)))
        lot_chance = substream(
            self._seed, Concern.LOT_CHOICE, self._store_key, day.toordinal()
        ).random(put_chance.shape)
        steps = _Steps(
            time_ms=time_ms,
            step=np.where(putback, Step.PUTBACK, Step.PICKUP),
            visit=visit,
            item=item,
            quantity=quantity,
            chance=np.where(putback[:, None], put_chance, lot_chance),
        )
        return steps.where(np.argsort(time_ms, kind="stable"))

    def _visits(self, day: date, count: int) -> list[Visit]:
        keys = (self._store_key, day.toordinal())
        checkout, loyalty = self._parameters.checkout, self._parameters.loyalty
        rng = substream(self._seed, Concern.CHECKOUT, *keys)
        methods = list(checkout.payment_shares)
        payment = _choose(rng, np.array(list(checkout.payment_shares.values())), count)
        tills = rng.integers(1, checkout.tills, size=count, endpoint=True)
        entries, exits = rng.integers(1, checkout.gates, size=(2, count), endpoint=True)

        rng = substream(self._seed, Concern.LOYALTY_VISITS, *keys)
        with_card = rng.random(count) < loyalty.visit_share
        member = np.searchsorted(self._member_share, rng.random(count), side="right")
        return_line, return_ms = self._returns(day, count)
        return [
            Visit(
                customer_id=f"{self._reference.store_id}-L{number + 1:06d}" if card else None,
                till_id=f"{till:02d}",
                payment_method=methods[method],
                entry_gate=f"G{entry}",
                exit_gate=f"G{exit_}",
                return_line=line,
                return_ms=back_ms,
            )
            for card, number, till, method, entry, exit_, line, back_ms in zip(
                with_card.tolist(),
                member.tolist(),
                tills.tolist(),
                payment.tolist(),
                entries.tolist(),
                exits.tolist(),
                return_line.tolist(),
                return_ms.tolist(),
                strict=True,
            )
        ]

    def _returns(self, day: date, count: int) -> tuple[IntArray, IntArray]:
        """Which line each customer of a day brings back, and when, ms."""
        returns, calendar = self._parameters.returns, self._reference.calendar
        rng = substream(self._seed, Concern.RETURNS, self._store_key, day.toordinal())
        # Line after line comes back with the same chance: how many do not is geometric.
        line = np.full(count, NO_LINE)
        chance = rng.random(count)
        if returns.line_share:
            kept = np.log1p(-chance) / np.log1p(-returns.line_share)
            line = np.minimum(kept, NO_LINE).astype(np.int64)
        first, last = returns.days_later
        days = [day + timedelta(days=later) for later in range(first, last + 1)]
        opens, closes = (
            np.array([calendar.instant(later, hour) for later in days]) for hour in returns.hours
        )
        later = rng.integers(0, len(days), size=count)
        return line, rng.integers(opens[later], closes[later])


def daily_customers(rng: np.random.Generator, traffic: TrafficParameters, day: date) -> int:
    """Customers of a day: the mean of the weekday times the level and the noise of the day.

    Args:
        rng: Source of the noise.
        traffic: Schedule.
        day: Business date.
    """
    mean = traffic.mean_customers(day.weekday()) * traffic.level(day)
    return max(1, round(mean * rng.uniform(*traffic.noise)))


def spread(total: int, weights: tuple[int, ...]) -> IntArray:
    """Splits a total by weights into integers, largest remainders first."""
    quotas = total * np.array(weights) / sum(weights)
    counts = np.floor(quotas).astype(np.int64)
    order = np.argsort(counts - quotas, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def _draw_bands(rng: np.random.Generator, bands: tuple[Band, ...], count: int) -> IntArray:
    shares = np.array([band.share for band in bands])
    band = _choose(rng, shares, count)
    low = np.array([band.low for band in bands])[band]
    high = np.array([band.high for band in bands])[band]
    return rng.integers(low, high, endpoint=True)


def _choose(rng: np.random.Generator, weights: FloatArray, count: int) -> IntArray:
    """Draws indices by weight."""
    return np.searchsorted(_cumulative(weights), rng.random(count), side="right")


def _cumulative(weights: FloatArray) -> FloatArray:
    """Upper bounds of the weights' shares; the last is 1 exactly, above every draw."""
    bounds = np.cumsum(weights)
    bounds /= bounds[-1]
    return bounds
