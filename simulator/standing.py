"""Standing rules: what a store does while no system tells it what to do.

Staff walk round every hour and fill the shelves that are low. Every morning they take away what has
expired and mark down what will soon. Before each delivery they order every item up to what will be
wanted until the delivery after it. The rules know what is there, as people who look do, and what is
wanted in the mean; they know nothing of what customers could not find.

They may be kept to the floor, that is, all but the orders: then somebody else orders, and what he
orders is told apart from what staff do.

They speak as the system does, in commands, so that the world they lead to is of one kind with the
one the system leads to, and so that their orders are on record.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from enum import StrEnum
from math import ceil, sqrt
from typing import Any, Final

import numpy as np
import orjson

from simulator.clock import HOUR_MS, clock_text, to_datetime
from simulator.commands import (
    CUTOFF_COMMAND,
    MARKDOWN_COMMAND,
    ORDER_COMMAND,
    REMOVAL_COMMAND,
    RESTOCK_COMMAND,
)
from simulator.customers import ONE_DAY
from simulator.events import SPEC_VERSION
from simulator.lots import SHELF, WAREHOUSE
from simulator.reference import StoreReference
from simulator.world import StoreWorld

POLICY: Final = "standing-rules"
PRIORITY_DECIMALS: Final = 6


class Scope(StrEnum):
    """How much of a store goes by standing rules."""

    # Everything; nobody is listened to.
    ALL = "all"
    # Shelves, prices and bins; what else there is to do is done on command.
    FLOOR = "floor"


class StandingRules:
    """The rules of one store. They remember nothing: all they do follows from what is there.

    Args:
        reference: Store, calendar, parameters and prices.
        scope: Which of the rules.
    """

    def __init__(self, reference: StoreReference, scope: Scope = Scope.ALL) -> None:
        self._reference = reference
        self._orders = scope is Scope.ALL
        self._parameters = reference.parameters.standing_rules
        self._policy = next(
            row for row in reference.parameters.stock_policies.rows if row.location == SHELF
        )

    def decide(self, world: StoreWorld) -> list[bytes]:
        """Commands for a full hour, encoded.

        Args:
            world: The store, at that hour.
        """
        now, rules = to_datetime(world.clock_ms), self._parameters
        commands = list(self._round(world, now))
        if now.hour == rules.morning_hour:
            commands += self._morning(world, now)
        if (
            self._orders
            and now.hour == rules.cutoff_hour
            and now.weekday() in rules.cutoff_weekdays
        ):
            commands += self._order(world, now)
        return commands

    def _round(self, world: StoreWorld, now: datetime) -> Iterator[bytes]:
        """Restocks of the shelves that are low."""
        reference, policy = self._reference, self._policy
        being_filled = world.staff.being_filled()
        today = reference.calendar.day_of(world.clock_ms).isoformat()
        expiry = world.lots.expiry_date
        for item, capacity in enumerate(reference.shelf_capacity):
            held = world.shelf.on_hand(item)
            if held >= max(policy.low_qty, policy.low_frac * capacity) or item in being_filled:
                continue
            there = sum(
                world.warehouse.quantity(lot)
                for lot in world.warehouse.present(item)
                if expiry[lot] >= today
            )
            quantity = min(there, ceil(policy.target_frac * capacity) - held)
            if quantity > 0:
                yield self._command(
                    RESTOCK_COMMAND,
                    f"restock-{now:%Y%m%d%H}-{reference.item_id[item]}",
                    now,
                    shelf_id=reference.item_id[item],
                    quantity=quantity,
                    priority=round(max(0.0, 1 - held / capacity), PRIORITY_DECIMALS),
                    expires_ts=clock_text(world.clock_ms + HOUR_MS),
                )

    def _morning(self, world: StoreWorld, now: datetime) -> Iterator[bytes]:
        """Removals of what has expired, markdowns of what will today or tomorrow."""
        reference, rules = self._reference, self._parameters
        today = reference.calendar.day_of(world.clock_ms)
        midnight = clock_text(reference.calendar.instant(today + ONE_DAY))
        markdowns = {
            today.isoformat(): rules.markdown_last_day,
            (today + ONE_DAY).isoformat(): rules.markdown_day_before,
        }
        marked_down = set()
        for place, stock in ((SHELF, world.shelf), (WAREHOUSE, world.warehouse)):
            for lot, _ in stock.rows():
                expiry, code = world.lots.expiry_date[lot], world.lots.batch_code[lot]
                goods = {"shelf_id": reference.item_id[world.lots.item[lot]], "batch_code": code}
                if expiry < today.isoformat():
                    name = f"removal-{place[0]}-{now:%Y%m%d}-{code}"
                    goods |= {"location": place, "expiry_date": expiry}
                    yield self._command(REMOVAL_COMMAND, name, now, **goods)
                elif expiry in markdowns and lot not in marked_down:
                    marked_down.add(lot)
                    yield self._command(
                        MARKDOWN_COMMAND,
                        f"markdown-{now:%Y%m%d}-{code}",
                        now,
                        **goods,
                        discount=markdowns[expiry],
                        valid_from_ts=clock_text(world.clock_ms),
                        valid_to_ts=midnight,
                    )

    def _order(self, world: StoreWorld, now: datetime) -> Iterator[bytes]:
        """Orders of every item up to what will be wanted until the delivery after the next."""
        reference, rules = self._reference, self._parameters
        deliveries = (now + timedelta(days=n) for n in range(1, 9))
        first, second = [
            day.replace(hour=rules.delivery_hour)
            for day in deliveries
            if (day - ONE_DAY).weekday() in rules.cutoff_weekdays
        ][:2]
        plan = {"cutoff_ts": _text(now), "delivery_ts": _text(first)}
        coming: Counter[int] = Counter()
        for delivery in world.suppliers.coming():
            coming[delivery.item] += delivery.good
        wanted = self._demand(first.date()) * ((second - now) / ONE_DAY)
        lines = pieces = 0
        for item, expected in enumerate(wanted.tolist()):
            level = expected + rules.safety_sigmas * sqrt(rules.dispersion * expected)
            held = coming[item] + self._lasting(world, item, first.date())
            batch = reference.batch_size[item]
            room = reference.warehouse_capacity[item] - world.warehouse.on_hand(item) - coming[item]
            quantity = min(max(0, ceil((level - held) / batch)) * batch, room)
            if quantity > 0:
                lines, pieces = lines + 1, pieces + quantity
                yield self._command(
                    ORDER_COMMAND,
                    f"order-{now:%Y%m%d}-{reference.item_id[item]}",
                    now,
                    shelf_id=reference.item_id[item],
                    quantity=quantity,
                    batch_size=batch,
                    **plan,
                )
        yield self._command(
            CUTOFF_COMMAND,
            f"cutoff-{now:%Y%m%d}",
            now,
            **plan,
            order_lines=lines,
            order_pieces=pieces,
            policy=POLICY,
            as_of_ts=_text(now),
        )

    def _demand(self, day: date) -> np.ndarray:
        """Pieces of each item that customers take home on a day, in the mean."""
        traffic = self._reference.parameters.traffic
        appeal = np.array(self._reference.visibility) * self._reference.prices.attraction(
            day, self._reference.parameters.demand.price_elasticity
        )
        weekly = [traffic.mean_customers(weekday) for weekday in range(7)]
        customers = sum(weekly) / len(weekly) * traffic.level(day)
        shares: np.ndarray = appeal / appeal.sum()
        return customers * self._parameters.basket_units * shares

    def _lasting(self, world: StoreWorld, item: int, day: date) -> int:
        """Pieces of an item that may still be sold on a day."""
        last, expiry = day.isoformat(), world.lots.expiry_date
        return sum(
            stock.quantity(lot)
            for stock in (world.shelf, world.warehouse)
            for lot in stock.present(item)
            if expiry[lot] >= last
        )

    def _command(self, kind: str, name: str, now: datetime, **data: Any) -> bytes:
        store_id = self._reference.store_id
        return orjson.dumps(
            {
                "specversion": SPEC_VERSION,
                "id": f"{store_id}-{name}",
                "source": f"/stores/{store_id}/{POLICY}",
                "type": kind,
                "time": _text(now),
                "data": {"store_id": store_id, **data},
            }
        )


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
