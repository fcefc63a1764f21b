"""One turn of the system: drain, build, decide, publish.

Belongs here: the order of the steps, and what one turn reports. Does not belong here: the steps.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

import polars as pl
import pyarrow as pa

from smartshelf_dagster.contracts.tables import arrow_schema, raw_tables
from smartshelf_dagster.domain.ordering import FORECAST, policy_named
from smartshelf_dagster.domain.plausibility import Assortment
from smartshelf_dagster.forecasting.windows import Cutoff
from smartshelf_dagster.pipeline.decide import issue_commands
from smartshelf_dagster.pipeline.drain import DrainReport, drain, ensure_raw_tables, load_assortment
from smartshelf_dagster.pipeline.forecast import (
    FAMILIES,
    Decision,
    forecast_cutoffs,
    is_training_due,
    track_accuracy,
    train_models,
    watch_drift,
)
from smartshelf_dagster.pipeline.order import (
    ClosedCutoff,
    Planner,
    close_cutoffs,
    cutoffs_at,
    due_cutoffs,
)
from smartshelf_dagster.pipeline.publish import Publication, publish
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.transform.runner import TICK, FreshRows, NodeResult, Transformer

_LOG = logging.getLogger(__name__)
# What has to be up to date before anything can be decided; the rest may wait for publication.
_DECIDED = ("restocks_due", "markdowns_due", "removals_due", "supplier_cutoffs")
DECISIONS = " ".join(f"+{model},{TICK}" for model in _DECIDED)
# What ordering needs beyond that; it is due three times a week.
POSITIONS = "order_receipts daily_sales supplier_orders supplier_positions supplier_order_decisions"
# All that ordering needs, and nothing else.
ORDERING = " ".join(f"+{model},{TICK}" for model in ("supplier_cutoffs", *POSITIONS.split()))


@dataclass
class MicroBatchReport:
    """What one turn did.

    Attributes:
        as_of: The time it was computed for.
        drained: What came in.
        models: Models built; those whose inputs were the same are not.
        commands: Commands issued.
        closed_cutoffs: Supplier cutoffs whose orders were sent.
        publication: What was published, if it was.
        seconds: Duration of each step.
    """

    as_of: datetime
    drained: DrainReport
    models: int = 0
    commands: int = 0
    closed_cutoffs: list[ClosedCutoff] = field(default_factory=list)
    publication: Publication | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class LakeSession:
    """The system at work on one lake: connections and the parsed project, kept between turns.

    Attributes:
        settings: Which lake.
        client: Connection to the broker.
        clock: The clock in force.
        transformer: dbt for this lake.
        events: Events received so far, by all its drains.
        refused: How many of them went to quarantine.
    """

    def __init__(
        self, settings: Settings, client: Client, families: Sequence[str] = FAMILIES
    ) -> None:
        """Set up; the first turn prepares the warehouse.

        Args:
            settings: Which lake.
            client: Connection to the broker.
            families: Which forecasts to make where orders follow from them.

        Raises:
            UnknownPolicyError: There is no ordering policy of the name that is set.
            PolicyParameterError: The policy has no such parameter, or a value is out of range.
        """
        policy_named(settings.order_policy, settings.order_parameters)
        self.settings = settings
        self.client = client
        self.clock = Clock(client, settings.clock)
        self.transformer = Transformer(settings)
        self.events = 0
        self.refused = 0
        self._prepared = False
        self._last_as_of: datetime | None = None
        self._raw: dict[str, delta.Table] = {}
        self._assortment: Assortment | None = None
        self._families = families
        self._looked_at: date | None = None
        # Rows are worth keeping in a process that takes turns, one after the other.
        self._keeps_rows = False
        self._built_from: dict[str, int] = {}

    def drain(self) -> DrainReport:
        """Move what is on the streams into the raw tables."""
        self._raw = self._raw or ensure_raw_tables(self.settings)
        self._assortment = self._assortment or load_assortment(self.settings)
        report = drain(
            self.settings,
            self.client,
            self.clock,
            tables=self._raw,
            assortment=self._assortment,
            keep_rows=self._keeps_rows,
        )
        self.events += report.events
        self.refused += report.rejected
        return report

    def as_of(self) -> datetime:
        """Return the time to compute for: the clock in force, never earlier than before."""
        now = self.clock.now()
        self._last_as_of = max(now, self._last_as_of or now)
        return self._last_as_of

    def prepare(self, as_of: datetime) -> list[NodeResult]:
        """Load reference data and seeds into the warehouse, once; returns what was built."""
        if self._prepared:
            return []
        ensure_reference_tables(self.settings)
        results = self.transformer.prepare(as_of)
        self._prepared = True
        return results

    def forget_reference(self) -> None:
        """Load reference data again at the next turn: it has changed."""
        self._prepared = False
        self._assortment = None

    def build(self, as_of: datetime, select: str = TICK) -> list[NodeResult]:
        """Build models, and record what they were built from."""
        self.prepare(as_of)
        return self.transformer.build_again(select, as_of)

    def publish(self) -> Publication:
        """Publish what was built."""
        return publish(self.settings, self.transformer)

    def turn(self, *, publish_now: bool = True) -> MicroBatchReport:
        """Take one turn.

        Args:
            publish_now: Publish as well; else only what decisions need is built.
        """
        marks = [time.perf_counter()]
        drained = self.drain()
        marks.append(time.perf_counter())
        report = MicroBatchReport(self.as_of(), drained)
        prepared = self.prepare(report.as_of)
        fresh = None if publish_now or prepared else self._fresh_rows(drained)
        select = TICK if publish_now else DECISIONS
        results = self.transformer.build_again(select, report.as_of, fresh)
        report.models = sum(result.status != "no-op" for result in results)
        self._built_from = {topic: done.version for topic, done in drained.topics.items()}
        self._keeps_rows = True
        marks.append(time.perf_counter())
        report.commands = issue_commands(self.client, self.transformer)
        report.closed_cutoffs = self.close_cutoffs(report.as_of, has_positions=publish_now)
        if report.closed_cutoffs and publish_now:
            self.transformer.build_again(TICK, report.as_of)
        marks.append(time.perf_counter())
        if publish_now:
            report.publication = self.publish()
        marks.append(time.perf_counter())
        steps = ("drain", "build", "decide", "publish")
        report.seconds = {
            step: round(end - start, 4)
            for step, start, end in zip(steps, marks, marks[1:], strict=False)
        }
        return report

    def close_cutoffs(
        self,
        as_of: datetime,
        *,
        has_positions: bool = False,
        until: datetime | None = None,
        afterwards: str = DECISIONS,
    ) -> list[ClosedCutoff]:
        """Send the orders of cutoffs that are due.

        After the clock jumped over several, the oldest comes first, and each further one sees the
        orders before it.

        Args:
            as_of: The time to compute for.
            has_positions: Whether everything is built for it already.
            until: Only cutoffs up to this one.
            afterwards: What to build again before further cutoffs: `ORDERING` at least, less
                `POSITIONS`.
        """
        closed: list[ClosedCutoff] = []
        while True:
            with self.transformer.reading() as reader:
                waiting = due_cutoffs(reader, until)
            if waiting.is_empty():
                return closed
            due = waiting.unique("store_id", keep="first", maintain_order=True)
            if closed or not has_positions:
                self.transformer.build_again(POSITIONS, as_of)
            said = self._try_to_forecast(as_of, due) if self._forecasts else None
            planner = Planner(
                self.settings.order_policy, as_of, self.settings.order_parameters, said
            )
            with self.transformer.reading() as reader:
                closed += close_cutoffs(reader, self.client, due, planner)
            self.drain()
            if due.height == waiting.height:
                # Nobody needs to see these orders before the next build.
                return closed
            self.transformer.build_again(afterwards, as_of)

    @property
    def _forecasts(self) -> bool:
        return self.settings.order_policy == FORECAST

    def _try_to_forecast(self, as_of: datetime, cutoffs: pl.DataFrame) -> pl.DataFrame | None:
        """Return the forecasts of cutoffs; `None` if that fails, as suppliers do not wait."""
        try:
            return self.forecast(as_of, cutoffs)
        except Exception:  # noqa: BLE001 - whatever it is, shelves would stay empty
            _LOG.exception(
                "no forecast of the cutoffs %s; their orders go out as if there had never been one",
                ", ".join(str(moment) for moment in cutoffs["cutoff_ts"].unique().sort()),
            )
            return None

    def forecast(self, as_of: datetime, cutoffs: pl.DataFrame) -> pl.DataFrame:
        """Return the forecasts of cutoffs, each made once.

        Args:
            as_of: The time that positions are built for.
            cutoffs: store_id, cutoff_ts, delivery_ts, covers_until_ts.

        Returns:
            Rows of `forecasting.tables.PREDICTIONS` of these stores and cutoffs.
        """
        times = cutoffs.select("cutoff_ts", "delivery_ts", "covers_until_ts").unique()
        rounds = [Cutoff(*row) for row in times.sort("cutoff_ts").iter_rows()]
        said = forecast_cutoffs(self.settings, self.transformer, as_of, rounds, self._families)
        wanted = cutoffs.select("store_id", origin_ts="cutoff_ts")
        return said.join(wanted, on=["store_id", "origin_ts"], how="semi")

    def forecast_cutoff(self, as_of: datetime, cutoff: datetime) -> pl.DataFrame:
        """Return the forecasts of one cutoff for all stores; everything is built for `as_of`."""
        with self.transformer.reading() as reader:
            rows = cutoffs_at(reader, cutoff)
        return self.forecast(as_of, rows)

    def train_if_due(self) -> list[Decision]:
        """Train models when they are due, and look first at how the forecasts turned out.

        Only where orders follow from forecasts; takes minutes. Looked at once a day.

        Returns:
            What was decided.
        """
        as_of = self.as_of()
        if not self._forecasts or self._looked_at == as_of.date():
            return []
        self._looked_at = as_of.date()
        if not is_training_due(self.settings, as_of):
            return []
        self.drain()
        self.build(as_of)
        track_accuracy(self.settings, self.transformer, as_of)
        watch_drift(self.settings, as_of)
        return train_models(self.settings, self.transformer, as_of, families=self._families)

    def _fresh_rows(self, drained: DrainReport) -> dict[str, FreshRows] | None:
        """Return what the raw tables have grown by since the last turn, if it is all at hand."""
        before = {topic: done.version_before for topic, done in drained.topics.items()}
        if not self._keeps_rows or before != self._built_from:
            return None
        contracts = raw_tables()
        return {
            contracts[topic].table: FreshRows(
                pa.concat_tables(done.kept or [arrow_schema(contracts[topic]).empty_table()]),
                done.version,
            )
            for topic, done in drained.topics.items()
        }
