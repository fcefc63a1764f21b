"""What dbt executed for a selection, kept to be executed again without dbt.

A dbt run of some twenty small models costs about a second around half a second of SQL. In a
process that takes many turns, the second incremental run of a selection is written down from
DuckDB's own query log, and the following turns execute those statements. They are the same each
time: what differs between runs stands in variables (`macros/increment.sql`).

Belongs here: writing down and executing. Does not belong here: SQL of its own.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as pds

from smartshelf_dagster.storage.warehouse import execute_all

# What our materializations execute, and the macros before it (macros/materializations.sql).
_BUILDS = re.compile(
    r'(?:create or replace table|insert into|merge into)\s+"\w+"\."(\w+)"\."(\w+)"'
)
_SETS_BOUND = "set variable seen_"


@dataclass(frozen=True)
class RecordedRun:
    """The statements of a run, in order.

    Attributes:
        statements: Table that it builds, `<layer>/<name>`, and the SQL.
    """

    statements: tuple[tuple[str, str], ...]

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables that are built, in order."""
        return tuple(dict.fromkeys(table for table, _ in self.statements))

    def execute(
        self,
        warehouse: Path,
        sources: Mapping[str, pds.Dataset | pa.Table],
        as_of: datetime,
        options: Mapping[str, str | int | bool],
    ) -> dict[str, float]:
        """Execute the statements for a time.

        Args:
            warehouse: DuckDB file.
            sources: Source tables or the part of them that is needed, `<layer>/<name>`.
            as_of: The time to compute for.
            options: Settings of DuckDB.

        Returns:
            Seconds by table.

        Raises:
            StatementError: A statement failed; the message names the table.
        """
        moment = f"set variable as_of = cast('{as_of.isoformat()}' as timestamp with time zone)"
        return execute_all(
            warehouse,
            {_registered_name(table): dataset for table, dataset in sources.items()},
            [("as_of", moment), *self.statements],
            options,
        )


def _registered_name(table: str) -> str:
    """Return the name under which dbt-duckdb registers a source, and its view looks for it."""
    return f"smartshelf_{table.replace('/', '_')}_df"


def recorded(log: Iterable[str]) -> RecordedRun:
    """Pick out of everything that was executed what builds models.

    Args:
        log: Statements in the order in which they were executed.
    """
    statements: list[tuple[str, str]] = []
    bounds: list[str] = []
    for message in log:
        if message.startswith(_SETS_BOUND):
            bounds.append(message)
        elif match := _BUILDS.match(message):
            table = f"{match[1]}/{match[2]}"
            statements += [(table, statement) for statement in [*bounds, message]]
            bounds.clear()
    return RecordedRun(tuple(statements))
