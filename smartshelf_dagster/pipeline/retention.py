"""Retention: old days of raw go to the archive, old forecasts go for good.

Belongs here: which days of a lake are due by the rules, and what was done, as tables that people
can read. Does not belong here: the rules (`domain/retention.py`), moving a day
(`storage/archive.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.domain.retention import (
    ARCHIVE,
    DELETE,
    POLICY,
    RetentionError,
    Rule,
    is_due,
    rules_with,
)
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.publish import Publication, publish, read_publication
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.archive import TableArchive
from smartshelf_dagster.storage.delta import PartitionStats
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.transform.runner import TICK, Transformer, warehouse_lock

_POLICY_SCHEMA = pa.schema(
    [
        ("subject", pa.string()),
        ("tables", pa.list_(pa.string())),
        ("days", pa.int64()),
        ("then", pa.string()),
        ("dated_by", pa.string()),
        ("least_days", pa.int64()),
        ("reason", pa.string()),
    ]
)


class NothingToArchiveError(SmartShelfError, RuntimeError):
    """Nothing was published yet, so nobody can say what is no longer needed."""


@dataclass
class RetentionReport:
    """What became of old rows.

    Attributes:
        as_of: The time it was reckoned from.
        partitions: Days of tables that were archived, or would be.
        rows: Their rows.
        hot_bytes: What they took in their tables.
        archive_bytes: What they take in the archive; nobody knows before they are there.
        waiting: Days that are old enough and hold events that nothing published contains yet.
        deleted_rows: Rows that went for good, or would.
        by_table: Days by table.
    """

    as_of: datetime
    partitions: int = 0
    rows: int = 0
    hot_bytes: int = 0
    archive_bytes: int = 0
    waiting: int = 0
    deleted_rows: int = 0
    by_table: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, str | int | dict[str, int]]:
        """Return the figures of the command line."""
        return asdict(self) | {"as_of": self.as_of.isoformat()}


@dataclass(frozen=True)
class RestoreReport:
    """What came back from the archive.

    Attributes:
        table: Where it came back to.
        partition: What came back.
        rows: Rows.
    """

    table: str
    partition: str
    rows: int

    def to_json(self) -> dict[str, object]:
        """Return the figures of the command line."""
        return asdict(self)


def archive_lake(
    settings: Settings, *, older_than: int | None = None, dry_run: bool = False
) -> RetentionReport:
    """Do what the rules say with a lake that nobody is at work on, and publish it again.

    What is published names versions of the raw tables, and their files are deleted some time after
    a day has left them.

    Args:
        settings: Which lake.
        older_than: Days that archived tables keep, instead of what the rules say.
        dry_run: Only say what would be done.

    Raises:
        WarehouseBusyError: Another process is writing to the lake.
        NothingToArchiveError: Nothing was published yet.
        RetentionError: A number of days cannot be used.
        ArchiveDamagedError: A day did not read as it was written, or the archive lacks one.
    """
    with warehouse_lock(settings):
        report = retain(settings, older_than=older_than, dry_run=dry_run)
        # Also where a run before this one ended between moving days and publishing.
        if not dry_run and _is_behind(settings):
            _publish_again(settings)
    return report


def retain(
    settings: Settings,
    *,
    as_of: datetime | None = None,
    older_than: int | None = None,
    dry_run: bool = False,
) -> RetentionReport:
    """Do what the rules say with rows that are old enough; the caller holds the writer lock.

    Of the days that ended long enough ago only those go whose every event has been published.

    Args:
        settings: Which lake.
        as_of: The time to reckon from, not later than that of the publication; that by default.
        older_than: Days that archived tables keep, instead of what the rules say.
        dry_run: Only say what would be done.

    Raises:
        NothingToArchiveError: Nothing was published yet.
        RetentionError: A number of days cannot be used, or `as_of` lies after the publication.
        ArchiveDamagedError: A day did not read as it was written, or the archive lacks one.
    """
    rules = _rules(settings, older_than)
    publication = _read_publication(settings)
    report = RetentionReport(as_of or publication.as_of)
    if report.as_of > publication.as_of:
        raise RetentionError(
            f"as_of {report.as_of.isoformat()}: expected {publication.as_of.isoformat()} or "
            "earlier, the time that was published for"
        )
    for rule in rules:
        for table in rule.tables:
            uri = settings.table_uri(table)
            if not delta.table_exists(uri):
                continue
            if rule.then == ARCHIVE:
                _archive_table(settings, rule, table, publication, report, dry_run=dry_run)
            if rule.then == DELETE:
                report.deleted_rows += _delete_old(uri, rule, dry_run=dry_run)
    if not dry_run:
        delta.replace(settings.table_uri(POLICY), _policy(rules), name=POLICY)
    return report


def restore_day(settings: Settings, table: str, day: date) -> RestoreReport:
    """Bring a day of a table back from the archive, and publish again.

    Args:
        settings: Which lake.
        table: `<layer>/<name>`.
        day: The day.

    Raises:
        WarehouseBusyError: Another process is writing to the lake.
        NothingToArchiveError: Nothing was published yet.
        RetentionError: No rule archives such a table.
        NotArchivedError: Nothing of this day is in the archive.
        ArchiveDamagedError: A file is missing or is not what was written.
    """
    archived = {t: rule for rule in _rules(settings) if rule.then == ARCHIVE for t in rule.tables}
    if table not in archived:
        raise RetentionError(f"table {table!r}: expected one of {', '.join(archived)}")
    with warehouse_lock(settings):
        at = _read_publication(settings).as_of
        kept = TableArchive(settings.lake, table, archived[table].dated_by)
        back = kept.restore(day, at)
        archive.write_log(settings.lake, table, kept.parts)
        _publish_again(settings)
    return RestoreReport(table, back[0].partition, sum(part.rows for part in back))


def _rules(settings: Settings, older_than: int | None = None) -> tuple[Rule, ...]:
    rules = rules_with(settings.retention_days)
    if older_than is None:
        return rules
    archived = [rule.subject for rule in rules if rule.then == ARCHIVE]
    return rules_with(settings.retention_days | dict.fromkeys(archived, older_than))


def _read_publication(settings: Settings) -> Publication:
    publication = read_publication(settings)
    if publication is None:
        raise NothingToArchiveError(
            f"{settings.lake}: nothing is published yet, expected a lake that was run"
        )
    return publication


def _archive_table(
    settings: Settings,
    rule: Rule,
    table: str,
    publication: Publication,
    report: RetentionReport,
    *,
    dry_run: bool,
) -> None:
    kept = TableArchive(settings.lake, table, rule.dated_by)
    published = publication.raw_versions.get(table)
    for day in _due_days(kept, rule, report.as_of):
        # No model reads refused events; of the others only what was built from may go.
        if published is not None and kept.last_batch(day.value) > published:
            report.waiting += 1
            continue
        report.partitions += 1
        report.rows += day.rows
        report.hot_bytes += day.size_bytes
        report.by_table[table] = report.by_table.get(table, 0) + 1
        if not dry_run:
            report.archive_bytes += kept.archive(day, report.as_of, pieces_of).bytes
    if not dry_run:
        archive.write_log(settings.lake, table, kept.parts)


def _due_days(kept: TableArchive, rule: Rule, as_of: datetime) -> Iterator[PartitionStats]:
    restored = {part.day: part.restored_at for part in kept.parts if part.restored_at is not None}
    for day in kept.days():
        if is_due(day.value, as_of, rule.span, restored.get(day.value)):
            yield day


def pieces_of(rows: pa.Table) -> int | None:
    """Count the pieces of goods that rows of a raw table tell of; `None` where they tell of none.

    Args:
        rows: Rows of a raw table.
    """
    if "quantity" in rows.column_names:
        quantities = rows["quantity"]
    elif "items" in rows.column_names:
        lines = pc.list_flatten(rows["items"])
        quantities = pc.struct_field(lines, "quantity")
    else:
        return None
    return int(pc.sum(quantities).as_py() or 0)


def _delete_old(uri: str, rule: Rule, *, dry_run: bool) -> int:
    """Delete rows that are too old, as seen from the newest."""
    newest = delta.read_stats(uri, latest_of=rule.dated_by).latest
    if not isinstance(newest, datetime):
        return 0
    bound = newest - rule.span
    if dry_run:
        return delta.count_before(uri, rule.dated_by, bound)
    return delta.delete_before(uri, rule.dated_by, bound)


def _policy(rules: Sequence[Rule]) -> pa.Table:
    rows = [asdict(rule) | {"tables": list(rule.tables)} for rule in rules]
    return pa.Table.from_pylist(rows, schema=_POLICY_SCHEMA)


def _is_behind(settings: Settings) -> bool:
    """Say whether what is published names other versions of the raw tables than the newest."""
    return any(
        delta.open_table(settings.table_uri(table)).version() != version
        for table, version in _read_publication(settings).raw_versions.items()
    )


def _publish_again(settings: Settings) -> None:
    """Publish for the same time, so that readers are pointed at the newest versions."""
    as_of = _read_publication(settings).as_of
    transformer = Transformer(settings)
    ensure_reference_tables(settings)
    transformer.prepare(as_of)
    transformer.build_once(TICK, as_of)
    publish(settings, transformer)
