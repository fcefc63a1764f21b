"""What benchmarks have measured, kept beside the data of a lake.

Belongs here: the table, and how rows get into it. Does not belong here: measuring, and what the
figures are held against (`benchmarks/`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from uuid import uuid4

import pyarrow as pa

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta

BENCHMARKS = "ops/benchmarks"
_SCHEMA = pa.schema(
    [
        ("run_id", pa.string()),
        ("name", pa.string()),
        ("unit", pa.string()),
        ("figure", pa.float64()),
        ("least", pa.float64()),
        ("most", pa.float64()),
        ("repetitions", pa.int64()),
        ("target", pa.float64()),
        ("is_at_least", pa.bool_()),
        ("is_met", pa.bool_()),
        ("method", pa.string()),
        ("machine", pa.string()),
        ("commit", pa.string()),
        ("measured_at", UTC_MICROSECONDS),
    ]
)


@dataclass(frozen=True)
class Measured:
    """One figure of a run.

    Attributes:
        name: What was measured; with the unit, unique within the run.
        unit: Unit of the figures.
        figure: Median of the repetitions.
        least: Least of them.
        most: Greatest of them.
        repetitions: Their number.
        target: What it is held against, `None` for one that is only told.
        is_at_least: Whether the target is to be reached, and not to be kept below.
        is_met: Whether it is.
        method: How it was measured, and on what.
    """

    name: str
    unit: str
    figure: float
    least: float
    most: float
    repetitions: int
    target: float | None
    is_at_least: bool | None
    is_met: bool | None
    method: str


def record_benchmarks(
    settings: Settings, figures: Sequence[Measured], *, machine: str, commit: str | None
) -> str:
    """Add the figures of a run; readers get them with the next publication.

    Args:
        settings: Which lake.
        figures: What was measured.
        machine: What it was measured on.
        commit: Of the code that was measured, when it is known.

    Returns:
        Name of the run.
    """
    of_run = {
        "run_id": uuid4().hex,
        "machine": machine,
        "commit": commit,
        "measured_at": datetime.now(UTC),
    }
    rows = pa.Table.from_pylist([asdict(figure) | of_run for figure in figures], schema=_SCHEMA)
    uri = settings.table_uri(BENCHMARKS)
    if delta.table_exists(uri):
        delta.append(delta.open_table(uri), rows, {})
    else:
        delta.replace(uri, rows, name=BENCHMARKS)
    return str(of_run["run_id"])
