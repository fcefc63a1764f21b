"""All stores of a world, advanced tick by tick and made real through Redis.

In a tick every store reads its commands, plays to the same instant and commits. The clock of the
chain moves with the last store, so it never runs ahead of any of them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from simulator import checkpoint
from simulator.clock import HOUR_MS, clock_text
from simulator.commands import Command, parse_commands
from simulator.errors import SimulatorError
from simulator.events import TOPICS
from simulator.ledger import VALUE_DECIMALS, Totals, fill_rate
from simulator.noise import ChannelCounts, Noise
from simulator.reference import StoreReference, load_stores, with_supplier_faults
from simulator.standing import Scope, StandingRules
from simulator.streams import Streams
from simulator.world import StoreWorld, Tick

REFERENCE_FOLDER: Final = "reference"
LEDGER_FOLDER: Final = "ledger"
LEDGER_DAYS_FOLDER: Final = "ledger_days"
# A longer way is gone in ticks of at most this, so that no transaction grows without bound.
MAX_TICK_MS: Final = HOUR_MS
# By standing rules nobody else has to get a word in on the way.
DAY_MS: Final = 24 * HOUR_MS

_STOCK_SCHEMA: Final = pl.Schema(
    {
        "store_id": pl.String(),
        "item_id": pl.String(),
        "batch_code": pl.String(),
        "location": pl.String(),
        "quantity": pl.Int64(),
        "received_date": pl.String(),
        "expiry_date": pl.String(),
    }
)


@dataclass(frozen=True, slots=True)
class TickReport:
    """A committed tick: the new clock, ms, and the events that entered the streams, by topic."""

    now_ms: int
    events: Counter[str]


@dataclass(slots=True)
class _Store:
    reference: StoreReference
    world: StoreWorld
    shelf_number: dict[str, int]
    revision: int
    rules: StandingRules


class Simulation:
    """A world that goes on where its checkpoint stands.

    Args:
        streams: Redis.
        state_dir: Folder with `reference/`; the ledger is written here.
        noise: Noise by topic.
        supplier_faults: Chances of faults that differ from the parameters.
        standing_rules: What the stores do by standing rules: all, without listening to the
            system, or the floor, besides doing what it says; nothing by default.

    Raises:
        SimulatorError: There is no reference data, or Redis holds another world.
    """

    def __init__(
        self,
        streams: Streams,
        state_dir: Path,
        noise: Noise,
        supplier_faults: Mapping[str, float] = MappingProxyType({}),
        *,
        standing_rules: Scope | None = None,
    ) -> None:
        self._streams = streams
        self._state_dir = state_dir
        self._standing_rules = standing_rules
        self._max_tick_ms = DAY_MS if standing_rules else MAX_TICK_MS
        self._stores = [
            self._load(with_supplier_faults(reference, supplier_faults), noise)
            for reference in load_stores(state_dir / REFERENCE_FOLDER)
        ]
        new = [store for store in self._stores if not store.revision]
        for store in new:
            self._commit(store, {}, [], now_ms=self.now_ms if store is new[-1] else None)

    def _load(self, reference: StoreReference, noise: Noise) -> _Store:
        value = self._streams.load(reference.store_id)
        revision, state = checkpoint.decode(value) if value else (0, None)
        if state is not None and state.get("world") != reference.world.fingerprint:
            raise SimulatorError(
                f"Redis holds the checkpoint of another world for {reference.store_id};"
                " use another database, or the state folder it belongs to"
            )
        return _Store(
            reference=reference,
            world=StoreWorld(reference, noise, state, is_past=self._standing_rules is Scope.ALL),
            shelf_number={name: number for number, name in enumerate(reference.item_id)},
            revision=revision,
            rules=StandingRules(reference, self._standing_rules or Scope.ALL),
        )

    @property
    def now_ms(self) -> int:
        """Clock of the chain: everything before it has been emitted by all stores, ms."""
        return min(store.world.clock_ms for store in self._stores)

    def ticks(self, to_ms: int) -> Iterator[TickReport]:
        """Advances to an instant, tick by tick; each one given has been committed.

        Args:
            to_ms: Where to stop, ms. Nothing happens when the clock is there already.
        """
        while (now_ms := self.now_ms) < to_ms:
            next_ms = min(to_ms, (now_ms // self._max_tick_ms + 1) * self._max_tick_ms)
            lagging = [store for store in self._stores if store.world.clock_ms < next_ms]
            events: Counter[str] = Counter()
            # A long tick lies further ahead of the clock than receivers accept, so it goes first.
            due = lagging[0] if self._standing_rules else lagging[-1]
            for store in lagging:
                events += self._tick(store, next_ms, now_ms=next_ms if store is due else None)
            yield TickReport(self.now_ms, events)

    def advance(self, to_ms: int) -> Counter[str]:
        """Advances to an instant; returns the events that entered the streams, by topic."""
        return sum((report.events for report in self.ticks(to_ms)), Counter())

    def _tick(self, store: _Store, until_ms: int, *, now_ms: int | None) -> Counter[str]:
        world = store.world
        given: list[bytes] = []
        done: list[str] = []
        if self._standing_rules is Scope.ALL:
            # What the rules gave in the tick before stands on the stream: known already.
            _, world.cursor = self._streams.commands(world.store_id, world.cursor)
        else:
            # What the rules gave is known by its id.
            commands = self._new_commands(store)
            done = [command.command_id for command in commands]
            world.command(commands)
        if self._standing_rules:
            tick, given, by_rules = self._play_by_rules(store, until_ms)
            done += by_rules
        else:
            tick = world.advance(until_ms)
        # Before the commit: a crash in between writes the same files again.
        for day in tick.closed_days:
            name = f"store={world.store_id}/{day.day.isoformat()}.parquet"
            write_parquet(day.items, self._state_dir / LEDGER_FOLDER / name)
            write_parquet(day.store, self._state_dir / LEDGER_DAYS_FOLDER / name)
        self._commit(store, tick.events, done, now_ms=now_ms, given=given)
        return Counter({topic: len(payloads) for topic, payloads in tick.events.items()})

    @staticmethod
    def _play_by_rules(store: _Store, until_ms: int) -> tuple[Tick, list[bytes], list[str]]:
        """Plays hour by hour; also gives the commands of the rules and their ids."""
        world, given, done = store.world, [], []
        tick = Tick({topic: [] for topic in TOPICS}, [])
        while world.clock_ms < until_ms:
            if world.clock_ms % HOUR_MS == 0:
                payloads = store.rules.decide(world)
                commands = parse_commands(
                    payloads, world.store_id, store.shelf_number, world.commands
                )
                world.commands.accepted += len(commands)
                world.command(commands)
                given += payloads
                done += [command.command_id for command in commands]
            next_ms = min(until_ms, (world.clock_ms // HOUR_MS + 1) * HOUR_MS)
            hour = world.advance(next_ms)
            tick.closed_days.extend(hour.closed_days)
            for topic, events in hour.events.items():
                tick.events[topic] += events
        return tick, given, done

    def _new_commands(self, store: _Store) -> list[Command]:
        world = store.world
        payloads, world.cursor = self._streams.commands(world.store_id, world.cursor)
        commands = parse_commands(payloads, world.store_id, store.shelf_number, world.commands)
        if not commands:
            return []
        known = self._streams.done(world.store_id, [command.command_id for command in commands])
        new: dict[str, Command] = {}
        for command in commands:
            if command.command_id not in known:
                new.setdefault(command.command_id, command)
        world.commands.accepted += len(new)
        world.commands.repeated += len(commands) - len(new)
        return list(new.values())

    def _commit(
        self,
        store: _Store,
        events: dict[str, list[bytes]],
        command_ids: list[str],
        *,
        now_ms: int | None,
        given: Sequence[bytes] = (),
    ) -> None:
        store.revision += 1
        self._streams.commit(
            store.world.store_id,
            revision=store.revision,
            state=store.world.state(),
            events=events,
            command_ids=command_ids,
            now_ms=now_ms,
            commands=given,
        )

    def ledger(self) -> dict[str, Any]:
        """Ground truth of all stores since the start."""
        totals: dict[str, float] = dict.fromkeys(asdict(Totals()), 0)
        commands: Counter[str] = Counter()
        noise = {topic: Counter(asdict(ChannelCounts())) for topic in TOPICS}
        for store in self._stores:
            for name, count in asdict(store.world.ledger.totals).items():
                totals[name] += count
            commands.update(asdict(store.world.commands))
            for topic, channel in store.world.channels.items():
                noise[topic].update(asdict(channel.counts))
        return {
            "sim_now": clock_text(self.now_ms),
            **totals,
            "wasted_value": round(totals["wasted_value"], VALUE_DECIMALS),
            "revenue": round(totals["revenue"], VALUE_DECIMALS),
            "fill_rate": fill_rate(totals["sold_units"], totals["lost_units"]),
            "events": {topic: counts["sent"] for topic, counts in noise.items()},
            "noise": {topic: dict(counts) for topic, counts in noise.items()},
            "commands": dict(commands),
            "by_store": {
                store.world.store_id: asdict(store.world.ledger.totals) for store in self._stores
            },
        }

    def stock(self) -> pl.DataFrame:
        """True stock per store, item, lot and location (shelf, warehouse, transit, cart)."""
        frames = []
        for store in self._stores:
            lots, item_id = store.world.lots, store.reference.item_id
            rows = [
                (
                    store.world.store_id,
                    item_id[lots.item[lot]],
                    lots.batch_code[lot],
                    place,
                    quantity,
                    lots.received_date[lot],
                    lots.expiry_date[lot],
                )
                for place, lot, quantity in store.world.stock()
            ]
            frames.append(pl.DataFrame(rows, schema=_STOCK_SCHEMA, orient="row"))
        keys = [name for name in _STOCK_SCHEMA if name != "quantity"]
        return (
            pl.concat(frames)
            .group_by(keys, maintain_order=True)
            .agg(pl.col("quantity").sum())
            .select(_STOCK_SCHEMA.names())
            .with_columns(pl.col("received_date", "expiry_date").str.to_date())
        )


def write_parquet(frame: pl.DataFrame, path: Path) -> None:
    """Writes a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    frame.write_parquet(part)
    part.replace(path)
