"""Rebuilding: everything derived, made anew from the raw events, and compared with what was.

Belongs here: the proof that the warehouse and the published tables are a cache. Does not belong
here: the raw tables, which are only read.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.tables import raw_tables
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.analytics import forget_analytics
from smartshelf_dagster.pipeline.publish import (
    PublishedModel,
    publish,
    published_models,
    read_publication,
)
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.storage.warehouse import (
    WarehouseReader,
    open_warehouse,
    read_salt_check,
)
from smartshelf_dagster.transform.runner import TICK, Transformer, warehouse_lock


class NothingToRebuildError(SmartShelfError, RuntimeError):
    """The lake holds no events."""


@dataclass
class RebuildReport:
    """What a rebuild did.

    Attributes:
        tables: Tables rebuilt.
        rows: Rows in them.
        differences: Rows that stand only in the old or only in the new version. A table that was
            gone has nothing to differ from.
        wall_s: Duration, seconds.
        by_table: Differences of each table that has any.
    """

    tables: int = 0
    rows: int = 0
    differences: int = 0
    wall_s: float = 0.0
    by_table: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, float]:
        """Return the figures of the public contract."""
        return {
            "tables": self.tables,
            "rows": self.rows,
            "differences": self.differences,
            "wall_s": round(self.wall_s, 2),
        }


def rebuild(settings: Settings) -> RebuildReport:
    """Drop everything derived and build it again from raw, for the same time and the same events.

    The old state is compared, row by row, with the new one before it is replaced. Where the
    publication is gone as well, all events there are count, up to the time of the last one.

    Args:
        settings: Which lake.

    Raises:
        NothingToRebuildError: The lake holds no events.
        WarehouseBusyError: Another process is writing to the lake.
    """
    started = time.perf_counter()
    with warehouse_lock(settings):
        publication = read_publication(settings)
        as_of = publication.as_of if publication else _last_event(settings)
        held = publication.table_versions if publication else {}
        # DuckDB names a database after its file, and the models after that.
        fresh = settings.warehouse_path.parent / "rebuild" / settings.warehouse_path.name
        _remove(fresh)
        versions = publication.raw_versions if publication else {}
        ensure_reference_tables(settings)
        transformer = Transformer(settings, fresh, versions | _with_new_columns(settings))
        transformer.prepare(as_of)
        if read_salt_check(fresh) != (read_salt_check(settings.warehouse_path) or ""):
            # They tell customers by other names; the next analysis tells them anew.
            forget_analytics(settings)
        transformer.build_once(TICK, as_of)
        report = RebuildReport()
        with open_warehouse(fresh) as reader:
            for model in published_models(transformer):
                report.tables += 1
                report.rows += reader.count(model.table)
                uri = settings.table_uri(model.table)
                if not delta.table_exists(uri):
                    continue
                old = delta.read(uri, version=held.get(model.table))
                found = _differences(reader, model, old)
                report.differences += found
                if found:
                    report.by_table[model.table] = found
        _remove(settings.warehouse_path)
        fresh.replace(settings.warehouse_path)
        publish(settings, Transformer(settings))
    report.wall_s = time.perf_counter() - started
    return report


def _with_new_columns(settings: Settings) -> dict[str, int]:
    """Return the versions of raw tables that lacked columns of their contracts, and now have them.

    What was published before did not have them either.
    """
    found = {}
    for contract in raw_tables().values():
        uri = settings.table_uri(contract.table)
        if delta.table_exists(uri):
            before = delta.open_table(uri).version()
            after = delta.ensure_table(uri, contract).version()
            if after != before:
                found[contract.table] = after
    return found


def _differences(reader: WarehouseReader, model: PublishedModel, old: pa.Table) -> int:
    """Count differing rows, by the columns that both have."""
    new = reader.rows(model.table, model.hidden, where="false").column_names
    added = [name for name in new if name not in old.column_names]
    kept = [name for name in new if name in old.column_names]
    return reader.differences(model.table, (*model.hidden, *added), old.select(kept))


def _last_event(settings: Settings) -> datetime:
    """Return the time of the newest event of a lake."""
    names = [contract.table for contract in raw_tables().values()]
    there = [name for name in names if delta.table_exists(settings.table_uri(name))]
    times = [
        delta.read_stats(settings.table_uri(name), latest_of="event_ts").latest for name in there
    ]
    if not any(times):
        # All of it is in the archive.
        read = [archive.read_whole(settings.lake, name, ["event_ts"]) for name in there]
        times = [pc.max(rows["event_ts"]).as_py() for rows in read]
    known = [time for time in times if isinstance(time, datetime)]
    if not known:
        raise NothingToRebuildError(f"{settings.lake}: holds no events; run it first")
    return max(known)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(path.name + ".wal").unlink(missing_ok=True)
