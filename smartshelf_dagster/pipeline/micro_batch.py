"""One turn of the system: drain, build, decide, publish.

Belongs here: the order of the steps, and what one turn reports. Does not belong here: the steps.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime

from smartshelf_dagster.pipeline.decide import issue_commands
from smartshelf_dagster.pipeline.drain import DrainReport, drain
from smartshelf_dagster.pipeline.publish import Publication, publish
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.storage.warehouse import Build, record_build
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.transform.runner import TICK, NodeResult, Transformer

# What has to be up to date before anything can be decided; the rest may wait for publication.
DECISIONS = f"+shelf_restock_plan,{TICK}"


def build_models(
    transformer: Transformer, as_of: datetime, select: str = TICK, *, again: bool = False
) -> list[NodeResult]:
    """Build models, and record in the warehouse what they were built from.

    Args:
        transformer: dbt for the lake.
        as_of: The time to compute for.
        select: dbt selection.
        again: Whether this process builds them again and again.
    """
    build = transformer.build_again if again else transformer.build
    results = build(select, as_of)
    versions = transformer.source_versions()
    record_build(transformer.warehouse, Build(as_of, versions, complete=select == TICK))
    return results


@dataclass
class MicroBatchReport:
    """What one turn did.

    Attributes:
        as_of: The time it was computed for.
        drained: What came in.
        models: Models built.
        commands: Commands issued.
        publication: What was published, if it was.
        seconds: Duration of each step.
    """

    as_of: datetime
    drained: DrainReport
    models: int = 0
    commands: int = 0
    publication: Publication | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class LakeSession:
    """The system at work on one lake: connections and the parsed project, kept between turns.

    Attributes:
        settings: Which lake.
        client: Connection to the broker.
        clock: The clock in force.
        transformer: dbt for this lake.
    """

    def __init__(self, settings: Settings, client: Client) -> None:
        """Set up; the first turn prepares the warehouse."""
        self.settings = settings
        self.client = client
        self.clock = Clock(client, settings.clock)
        self.transformer = Transformer(settings)
        self._prepared = False
        self._last_as_of: datetime | None = None

    def drain(self) -> DrainReport:
        """Move what is on the streams into the raw tables."""
        return drain(self.settings, self.client, self.clock)

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

    def build(self, as_of: datetime, select: str = TICK) -> list[NodeResult]:
        """Build models, and record what they were built from."""
        self.prepare(as_of)
        return build_models(self.transformer, as_of, select, again=True)

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
        report.models = len(self.build(report.as_of, TICK if publish_now else DECISIONS))
        marks.append(time.perf_counter())
        report.commands = issue_commands(self.client, self.transformer)
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
