"""A past period again, under another ordering policy: what would have been?

Belongs here: to bring a copy of a simulated world to the begin of the period by the lake's own
records, to make sure that it is the world that was, and to play two branches from there. Does not
belong here: how a branch is played (`services/closed_loop.py`), and the policies.

What was is compared with neither branch: in both, staff go by standing rules, so that all that
differs is what was ordered.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, cast

import polars as pl

from smartshelf_dagster.contracts.tables import ENVELOPE_FIELDS, INGEST_FIELDS
from smartshelf_dagster.domain.ordering import parameters_of, policy_named
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.drain import ensure_raw_tables
from smartshelf_dagster.pipeline.micro_batch import ORDERING, LakeSession
from smartshelf_dagster.services.closed_loop import (
    ALL_GOODS,
    ALL_RULES,
    FIGURES,
    PERISHABLES,
    copy_lake,
    expect_folder,
    loop_figures,
    play_closed_loop,
    read_ledger,
    settings_of_scratch,
)
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.simulator import LockstepSimulator, state_dir, world_start
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive
from smartshelf_dagster.storage.reference import load_master_data
from smartshelf_dagster.streaming.client import Client, connect
from smartshelf_dagster.streaming.producer import Event
from smartshelf_dagster.streaming.topics import COMMANDS, EVENT_FIELD, store_stream

# Figures shown for each category.
_BY_CATEGORY = ("fill_rate", "lost_units", "wasted_value", "average_stock", "profit")
SUPPLIER_FAULTS = ("short", "late", "damaged")
_FAULT_PREFIX = "supplier_faults."
# How stores that went by their own rules sign their commands.
_RULES = "/standing-rules"
# Between two drains of a past that is played again.
_DRAIN_EVERY = timedelta(days=2)
_HOUR = timedelta(hours=1)


class WhatIfError(SmartShelfError, ValueError):
    """The question cannot be asked of this lake."""


class ReplayMismatchError(SmartShelfError, RuntimeError):
    """The past could not be played again as it was."""


@dataclass(frozen=True)
class Branch:
    """How suppliers are ordered from in a branch, and how they deliver.

    Attributes:
        policy: Name of the ordering policy.
        parameters: Its parameters that differ from their defaults.
        supplier_faults: Chances of faults that differ from those of the world.
    """

    policy: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    supplier_faults: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        faults = {f"{_FAULT_PREFIX}{name}": chance for name, chance in self.supplier_faults.items()}
        changes = ", ".join(f"{name}={v:g}" for name, v in {**self.parameters, **faults}.items())
        return f"{self.policy} ({changes})" if changes else self.policy


@dataclass(frozen=True)
class WhatIfReport:
    """What came of two branches.

    Attributes:
        begin: First day of the branches.
        end: The day after the last.
        baseline: What the alternative is compared with.
        alternative: What was asked about.
        figures: Of each branch as `loop_figures` gives them: baseline, alternative.
    """

    begin: datetime
    end: datetime
    baseline: Branch
    alternative: Branch
    figures: tuple[pl.DataFrame, pl.DataFrame]

    def differences(self) -> pl.DataFrame:
        """Return alternative less baseline: `group`, and the figures."""
        before, after = self.figures
        joined = after.join(before, on="group", suffix="_before", maintain_order="left")
        return joined.select(
            "group",
            *(pl.col(n) - pl.col(f"{n}_before") for n in before.columns if n != "group"),
        )

    def to_markdown(self) -> str:
        """Return the figures as Markdown tables: all goods, perishables, categories."""
        days = (self.end - self.begin).days
        last = self.end - timedelta(days=1)
        lines = [
            f"{self.begin:%Y-%m-%d} to {last:%Y-%m-%d}, {days} days.",
            f"Baseline: {self.baseline}. Alternative: {self.alternative}.",
        ]
        lines += [self._table(group) for group in (ALL_GOODS, PERISHABLES)]
        return "\n\n".join([*lines, self._categories()])

    def _table(self, group: str) -> str:
        before, after, change = (_by_group(f) for f in (*self.figures, self.differences()))
        lines = [
            f"| {group} | baseline | alternative | difference |",
            "|---|---:|---:|---:|",
        ]
        lines += [
            f"| {figure.label} | {figure.text(before[group][name])} "
            f"| {figure.text(after[group][name])} | {figure.text(change[group][name], sign='+')} |"
            for name, figure in FIGURES.items()
        ]
        return "\n".join(lines)

    def _categories(self) -> str:
        change = _by_group(self.differences())
        shown = {name: FIGURES[name] for name in _BY_CATEGORY}
        heads = " | ".join(figure.label for figure in shown.values())
        lines = [f"| difference | {heads} |", "|---|" + "---:|" * len(shown)]
        lines += [
            f"| {group} | {' | '.join(f.text(row[n], sign='+') for n, f in shown.items())} |"
            for group, row in change.items()
            if group not in (ALL_GOODS, PERISHABLES)
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as one object, by group of goods."""
        baseline, alternative = (_by_group(frame) for frame in self.figures)
        differences = _by_group(self.differences())
        return {
            "from": f"{self.begin:%Y-%m-%d}",
            "to": f"{self.end:%Y-%m-%d}",
            "baseline": str(self.baseline),
            "alternative": str(self.alternative),
            "groups": {
                group: {
                    "baseline": baseline[group],
                    "alternative": alternative[group],
                    "difference": differences[group],
                }
                for group in baseline
            },
        }


def parse_changes(texts: Sequence[str]) -> tuple[dict[str, float], dict[str, float]]:
    """Read `name=value` of parameters and of `supplier_faults.<fault>`.

    Args:
        texts: One change each.

    Returns:
        Parameters by name, and chances by fault.

    Raises:
        WhatIfError: A text has another form, or names no fault.
    """
    parameters: dict[str, float] = {}
    faults: dict[str, float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            raise WhatIfError(
                f"--set {text!r}, expected name=number, such as safety_factor=1.5"
            ) from None
        if not name.startswith(_FAULT_PREFIX):
            parameters[name] = number
            continue
        fault = name.removeprefix(_FAULT_PREFIX)
        if fault not in SUPPLIER_FAULTS or not 0 <= number <= 1:
            known = ", ".join(_FAULT_PREFIX + known for known in SUPPLIER_FAULTS)
            raise WhatIfError(f"--set {text!r}, expected one of {known} with a chance of 0 to 1")
        faults[fault] = number
    return parameters, faults


def branches(
    settings: Settings, policy: str, against: str | None, changes: Sequence[str]
) -> tuple[Branch, Branch]:
    """Return the branches of a question: what it is compared with, and what is asked about.

    A policy that the lake is set to keeps the parameters it is set to, but for the changes.

    Args:
        settings: Which lake.
        policy: Policy that is asked about.
        against: Policy to compare it with; the lake's by default.
        changes: As for `parse_changes`; they are those of the alternative alone.

    Raises:
        WhatIfError: A change has another form, or names no fault.
    """
    own = {settings.order_policy: settings.order_parameters}
    parameters, faults = parse_changes(changes)
    compared = against or settings.order_policy
    return (
        Branch(compared, own.get(compared, {})),
        Branch(policy, own.get(policy, {}) | parameters, faults),
    )


def run_what_if(
    settings: Settings,
    begin: datetime,
    end: datetime,
    *,
    baseline: Branch,
    alternative: Branch,
    on_progress: Callable[[str, datetime], None] | None = None,
) -> WhatIfReport:
    """Play a period of a simulated lake under two policies, from the same past.

    The lake is only read; scratch copies are made beside the system's temporary files.

    Args:
        settings: Which lake.
        begin: First day of the period, midnight UTC; the lake must have reached it.
        end: The day after the last, midnight UTC; it may lie beyond the lake's clock.
        baseline: A branch.
        alternative: The other.
        on_progress: Called with what is being played, and how far it is.

    Raises:
        WhatIfError: The lake holds no simulated world, or not the period.
        ReplayMismatchError: Its past could not be played again as it was.
        UnknownPolicyError: There is no such policy.
        PolicyParameterError: A policy does not take a parameter, or not such a value.
    """
    for branch in (baseline, alternative):
        policy_named(branch.policy)
        parameters_of(branch.policy, branch.parameters)
    _check_period(settings, begin, end)
    tell = on_progress or _tell_nobody
    with tempfile.TemporaryDirectory(prefix="smartshelf-what-if-") as folder:
        past = _scratch_world(settings, Path(folder) / "past")
        _replay(settings, past, begin, partial(tell, "past"))
        figures = [
            _play(past, Path(folder) / name, branch, (begin, end), partial(tell, name))
            for name, branch in (("baseline", baseline), ("alternative", alternative))
        ]
    return WhatIfReport(begin, end, baseline, alternative, (figures[0], figures[1]))


def _tell_nobody(_what: str, _now: datetime) -> None:
    """Keep progress to oneself."""


def _check_period(settings: Settings, begin: datetime, end: datetime) -> None:
    expect_folder(settings)
    if not (state_dir(settings) / "world.json").exists():
        raise WhatIfError(f"{settings.lake} holds no simulated world; expected one to play again")
    start, days = world_start(settings), read_ledger(settings)["date"]
    ended = max(days) + timedelta(days=1)
    if not (start < begin and begin.date() <= ended):
        raise WhatIfError(
            f"--from {begin:%Y-%m-%d}, expected a day after {start:%Y-%m-%d} up to {ended}:"
            " the past of the lake"
        )
    if end <= begin:
        raise WhatIfError(f"--to {end:%Y-%m-%d}, expected a day after --from {begin:%Y-%m-%d}")


def _scratch_world(settings: Settings, folder: Path) -> Settings:
    """Make an empty lake with the same world as another, before its first day."""
    scratch = settings_of_scratch(settings, folder)
    source, target = state_dir(settings), state_dir(scratch)
    shutil.copytree(source / "reference", target / "reference")
    shutil.copy(source / "world.json", target / "world.json")
    load_master_data(scratch, target / "reference")
    ensure_raw_tables(scratch)
    return scratch


def _replay(
    settings: Settings, past: Settings, begin: datetime, on_progress: Callable[[datetime], None]
) -> None:
    """Play a world up to an instant as a lake has recorded it, into an empty lake.

    Raises:
        ReplayMismatchError: It came out another world.
    """
    commands = _commands(settings, begin)
    start = world_start(settings)
    rules_end = _end_of_rules(commands, start, begin)
    with EmbeddedRedis(past.state_path / "redis") as server:
        client = connect(server.url, past.redis_timeout_s)
        session = LakeSession(past, client)
        player = _Player(session, start, on_progress)
        if rules_end > start:
            with LockstepSimulator(past, server.url, *ALL_RULES) as simulator:
                player.advance(simulator, rules_end)
        told = commands.filter(pl.col("event_ts") >= rules_end)
        with LockstepSimulator(past, server.url) as simulator:
            for (instant,), rows in told.group_by("event_ts", maintain_order=True):
                player.advance(simulator, cast("datetime", instant))
                _send(client, rows)
            player.advance(simulator, begin)
        session.drain()
        _check_replay(settings, past, begin)
        session.build(session.as_of(), ORDERING)
        client.close()


class _Player:
    """Lets a world go on and brings what it says into the lake, now and then."""

    def __init__(
        self, session: LakeSession, start: datetime, on_progress: Callable[[datetime], None]
    ) -> None:
        self._session = session
        self._now = self._drained = start
        self._on_progress = on_progress

    def advance(self, simulator: LockstepSimulator, to: datetime) -> None:
        while self._now < to:
            self._now = min(to, self._drained + _DRAIN_EVERY)
            simulator.advance(self._now)
            if self._now == self._drained + _DRAIN_EVERY:
                self._session.drain()
                self._drained = self._now
                self._on_progress(self._now)


def _commands(settings: Settings, begin: datetime) -> pl.DataFrame:
    """Return the recorded commands before an instant, in the order they were sent."""
    frame = pl.DataFrame(pl.from_arrow(archive.read_whole(settings.lake, "raw/commands")))
    sent = [
        pl.col("stream_id").str.split("-").list.get(part).cast(pl.Int64).alias(f"_sent_{part}")
        for part in (0, 1)
    ]
    return (
        frame.filter(pl.col("event_ts") < begin)
        .with_columns(sent)
        .sort("event_ts", "_sent_0", "_sent_1", "entry_index")
        .drop("_sent_0", "_sent_1")
    )


def _end_of_rules(commands: pl.DataFrame, start: datetime, begin: datetime) -> datetime:
    """Return until when the standing rules alone spoke; they will say the same again."""
    is_rule = pl.col("source").str.ends_with(_RULES)
    first_other = commands.filter(~is_rule)["event_ts"].min()
    if not isinstance(first_other, datetime):
        return start if commands.is_empty() else begin
    last_rule = commands.filter(is_rule & (pl.col("event_ts") < first_other))["event_ts"].max()
    # They speak at full hours; until the next one they had nothing to say.
    return min(last_rule + _HOUR, first_other) if isinstance(last_rule, datetime) else start


def _send(client: Client, rows: pl.DataFrame) -> None:
    """Put recorded commands on the streams of their stores."""
    pipeline = client.pipeline(transaction=True)
    for row in rows.iter_rows(named=True):
        stream = store_stream(COMMANDS, row["store_id"])
        pipeline.xadd(stream, {EVENT_FIELD: _event(row).to_json()})
    pipeline.execute()


def _event(row: Mapping[str, Any]) -> Event:
    """Return the command that a raw row was made from."""
    around = {field.name for field in (*ENVELOPE_FIELDS, *INGEST_FIELDS)} - {"store_id"}
    return Event(
        event_id=row["event_id"],
        source=row["source"],
        ce_type=f"com.smartshelf.command.{row['event_type']}.v{row['schema_version']}",
        event_ts=row["event_ts"],
        data={
            name: float(value) if isinstance(value, Decimal) else value
            for name, value in row.items()
            if name not in around
        },
    )


def _check_replay(settings: Settings, past: Settings, begin: datetime) -> None:
    """Make sure that what was played again is what the lake's own simulator has on record."""
    keys = ["store_id", "date", "item_id"]
    was, now = (
        read_ledger(each).filter(pl.col("date") < begin.date()).sort(keys)
        for each in (settings, past)
    )
    if was.equals(now):
        return
    same = now.join(was, on=was.columns, how="semi", nulls_equal=True)
    (first,) = was.join(same, on=keys, how="anti").select(pl.min("date")).row(0)
    raise ReplayMismatchError(
        f"the past of {settings.lake} cannot be played again: from {first} on the ledger differs."
        " Only a past made by `smartshelf history` or `smartshelf run` follows from its records;"
        " in one made by `smartshelf up`, when a command reached a store is not on record"
    )


def _play(
    past: Settings,
    folder: Path,
    branch: Branch,
    period: tuple[datetime, datetime],
    on_progress: Callable[[datetime], None],
) -> pl.DataFrame:
    """Play a branch, and return its figures."""
    begin, end = period
    settings = copy_lake(
        past, folder, order_policy=branch.policy, order_parameters=dict(branch.parameters)
    )
    play_closed_loop(
        settings,
        end,
        supplier_faults=branch.supplier_faults,
        on_cutoff=lambda cutoff, _: on_progress(cutoff),
    )
    return loop_figures(settings, begin.date(), (end - timedelta(days=1)).date())


def _by_group(figures: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {row.pop("group"): row for row in figures.iter_rows(named=True)}
