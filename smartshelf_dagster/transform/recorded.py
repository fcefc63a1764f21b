"""What dbt executed for a selection, kept to be executed again without dbt.

A dbt run of some twenty small models costs about a second around half a second of SQL. In a
process that takes many turns, the second incremental run of a selection is written down from
DuckDB's own query log, and the following turns execute those statements. They are the same each
time: what differs between runs stands in variables (`macros/increment.sql`). A model whose inputs
have not changed since its last turn, and which does not look at the time, is left as it is.

Belongs here: writing down, leaving out and executing. Does not belong here: SQL of its own.
"""

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from smartshelf_dagster.storage.warehouse import WarehouseWriter

# What our materializations execute, and the macros before it (macros/materializations.sql).
_BUILDS = re.compile(r'(create or replace table|insert into|merge into)\s+"\w+"\."(\w+)"\."(\w+)"')
_REPLACES = "create or replace table"
_SETS_BOUND = "set variable seen_"
_AS_OF = "getvariable('as_of')"


@dataclass(frozen=True)
class RecordedModel:
    """How one model is built.

    Attributes:
        table: `<layer>/<name>`.
        statements: SQL, in order; the last one builds, those before set variables for it.
        inputs: Tables that it is computed from.
    """

    table: str
    statements: tuple[str, ...]
    inputs: frozenset[str]

    @property
    def replaces(self) -> bool:
        """Whether the table is made anew each time."""
        return self.statements[-1].startswith(_REPLACES)

    @property
    def looks_at_time(self) -> bool:
        """Whether the result depends on the time the run computes for."""
        return any(_AS_OF in statement for statement in self.statements)

    def execute(self, writer: WarehouseWriter) -> int:
        """Build the table, the time being set, and return how many rows were written."""
        rows = 0
        for statement in self.statements:
            rows = writer.execute(self.table, statement)
        return rows


@dataclass(frozen=True)
class RecordedRun:
    """The models of a run, in order.

    Attributes:
        models: How each is built.
    """

    models: tuple[RecordedModel, ...]

    def only(self, tables: Collection[str]) -> "RecordedRun":
        """Return the run of some of the tables."""
        return RecordedRun(tuple(model for model in self.models if model.table in tables))

    def execute(
        self,
        writer: WarehouseWriter,
        as_of: datetime,
        changed: Iterable[str] | None = None,
    ) -> dict[str, float | None]:
        """Execute the statements for a time.

        Args:
            writer: The warehouse.
            as_of: The time to compute for.
            changed: Source tables that have changed since all these models were built; unknown by
                default, and then all are built.

        Returns:
            Seconds by table; `None` for one that was left as it is.

        Raises:
            StatementError: A statement failed; the message names the table.
        """
        set_time(writer, as_of)
        different = set(changed or ())
        seconds: dict[str, float | None] = {}
        for model in self.models:
            is_same = not model.looks_at_time and different.isdisjoint(model.inputs)
            if changed is not None and is_same:
                seconds[model.table] = None
                continue
            started = time.perf_counter()
            rows = model.execute(writer)
            if rows or model.replaces:
                different.add(model.table)
            seconds[model.table] = time.perf_counter() - started
        return seconds


def set_time(writer: WarehouseWriter, as_of: datetime) -> None:
    """Tell statements the time that they compute for."""
    moment = f"set variable as_of = cast('{as_of.isoformat()}' as timestamp with time zone)"
    writer.execute("as_of", moment)


def write_models(models: Iterable[RecordedModel]) -> list[dict[str, object]]:
    """Return how models are built as what JSON can tell; `read_models` reads it."""
    return [
        {"table": m.table, "statements": m.statements, "inputs": sorted(m.inputs)} for m in models
    ]


def read_models(told: Iterable[Mapping[str, Any]]) -> list[RecordedModel]:
    """Return what `write_models` was given."""
    return [RecordedModel(m["table"], tuple(m["statements"]), frozenset(m["inputs"])) for m in told]


def recorded(log: Iterable[str], inputs: Mapping[str, Collection[str]]) -> RecordedRun:
    """Pick out of everything that was executed what builds models.

    Args:
        log: Statements in the order in which they were executed.
        inputs: Tables that each table is computed from.
    """
    statements: dict[str, list[str]] = defaultdict(list)
    bounds: list[str] = []
    for message in log:
        if message.startswith(_SETS_BOUND):
            bounds.append(message)
        elif match := _BUILDS.match(message):
            statements[f"{match[2]}/{match[3]}"] += [*bounds, message]
            bounds.clear()
    return RecordedRun(
        tuple(
            RecordedModel(table, tuple(parts), frozenset(inputs[table]))
            for table, parts in statements.items()
        )
    )
