"""People at the doors, for tests that need rows of many days in a raw table, and no broker."""

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa

from smartshelf_dagster.contracts.tables import arrow_schema, raw_tables
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta

TABLE = "raw/foot_traffic"
STREAM = "drain:foot_traffic:S001"


def receive(settings: Settings, day: date, count: int, first: int = 0) -> pa.Table:
    """Append people as the drain does: rows and offset in one commit.

    Args:
        settings: Which lake.
        day: When they came.
        count: How many.
        first: Number of the first of them.
    """
    contract = raw_tables()["foot_traffic"]
    table = delta.ensure_table(settings.table_uri(TABLE), contract)
    batch = table.version() + 1
    came = datetime.combine(day, time(8), UTC)
    rows = pa.Table.from_pylist(
        [
            {
                "event_id": f"visitor-{number}",
                "event_type": "entry",
                "schema_version": 1,
                "source": "/stores/S001/gates",
                "store_id": "S001",
                "event_ts": came + timedelta(seconds=number - first),
                "gate_id": "G1",
                "ingest_ts": came + timedelta(minutes=1),
                "stream": "foot_traffic:S001",
                "stream_id": f"{number}-0",
                "entry_index": 0,
                "ingest_batch": batch,
                "event_date": day,
            }
            for number in range(first, first + count)
        ],
        schema=arrow_schema(contract),
    )
    delta.append(table, rows, {STREAM: first + count})
    return rows


def frame(rows: pa.Table) -> pl.DataFrame:
    """Return rows in the order of their arrival."""
    return pl.DataFrame(pl.from_arrow(rows)).sort("ingest_batch", "stream_id")


def files_of(settings: Settings) -> list[Path]:
    """Return the files of the archive."""
    return sorted(p for p in (Path(settings.lake) / "archive").rglob("*") if p.is_file())
