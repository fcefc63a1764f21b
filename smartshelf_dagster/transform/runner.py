"""Running dbt in this process, against one lake.

Belongs here: parsing once, invoking many times, the single writer of the warehouse, and errors
that say which model failed. Does not belong here: SQL.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.dataset as pds
import yaml

from smartshelf_dagster.contracts.tables import raw_tables, reference_tables
from smartshelf_dagster.domain.customer_ids import hmac_keys, salt_check
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import (
    Build,
    StatementError,
    WarehouseReader,
    WarehouseWriter,
    list_tables,
    open_warehouse,
    read_preparation,
    read_salt_check,
    record_build,
    record_preparation,
    record_salt_check,
)
from smartshelf_dagster.transform.changes import Changes, Made, digest, timely
from smartshelf_dagster.transform.recorded import (
    RecordedModel,
    RecordedRun,
    read_models,
    recorded,
    set_time,
    write_models,
)
from smartshelf_dagster.transform.sources import open_source, opened_versions, session_variables

DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
TICK = "tag:tick"
# What forecasts are made from; nothing of it is published with a tick.
FORECAST = "tag:forecast"
# What people analyse; published on its own.
ANALYTICS = "tag:analytics"
# What they analyse of customers and baskets; built by the day.
CUSTOMERS = "tag:customers"
# What the checks of data quality measure; built when they run.
QUALITY = "tag:quality"
# What depends on reference data alone.
REFERENCE = "tag:reference"
# What builds note in the warehouse for those that follow: what tables were made from, how, which
# tables selections build, and what their runs execute.
_MADE, _STATEMENTS, _SELECTIONS, _RUNS = "made", "statements", "selections", "runs"


class TransformError(SmartShelfError, RuntimeError):
    """A model or test failed; the message names it and what the database said."""


class CustomerSaltError(SmartShelfError, RuntimeError):
    """Customers of a warehouse are told by another salt than the one that is set."""


class OutdatedWarehouseError(SmartShelfError, RuntimeError):
    """The warehouse was built by another version, which this one cannot go on from."""


class WarehouseBusyError(SmartShelfError, RuntimeError):
    """Another process builds in the warehouse of this lake."""


@dataclass(frozen=True)
class NodeResult:
    """What became of one model, seed or test.

    Attributes:
        unique_id: dbt's name of the node.
        status: success, pass, fail, error, skipped.
        seconds: Duration.
        message: What the database said.
        failures: Rows that fail a test.
        table: `<layer>/<name>` of a model.
    """

    unique_id: str
    status: str
    seconds: float
    message: str
    failures: int
    table: str = ""

    @property
    def ok(self) -> bool:
        """Whether the node did what it should."""
        return self.status in {"success", "pass", "no-op", "warn"}


@dataclass(frozen=True)
class FreshRows:
    """By which rows a table has grown.

    Attributes:
        rows: The rows.
        version: Version of the table that holds them.
    """

    rows: pa.Table
    version: int


@contextmanager
def exclusive_lock(settings: Settings, name: str, *, wait: bool = False) -> Iterator[None]:
    """Hold a right that one process of a lake has at a time.

    The kernel gives the lock back when the process ends, however it ends.

    Args:
        settings: Which lake.
        name: Which right.
        wait: Wait for the other process instead of failing.

    Raises:
        WarehouseBusyError: Another process holds it.
    """
    path = settings.state_path / "locks" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WarehouseBusyError(
                f"another process works on {settings.lake} ({path}); wait for it, or stop "
                "`smartshelf up` first"
            ) from error
        yield


def warehouse_lock(settings: Settings, *, wait: bool = False) -> AbstractContextManager[None]:
    """Hold the right to write: one process drains, builds and publishes at a time."""
    return exclusive_lock(settings, "writer", wait=wait)


class Transformer:
    """dbt for one lake. Parsing is done once and shared by all runs of this process."""

    _parsed: Any = None

    def __init__(
        self,
        settings: Settings,
        warehouse: Path | None = None,
        versions: Mapping[str, int] | None = None,
    ) -> None:
        """Describe where to build, and from what.

        Args:
            settings: Which lake.
            warehouse: DuckDB file to build in; the lake's own by default.
            versions: Versions of source tables to hold to; the newest by default.
        """
        self._settings = settings
        self._versions = dict(versions or {})
        self._reference: dict[str, int] = {}
        self._tables: dict[str, frozenset[str]] = {}
        self._recorded: dict[str, RecordedRun] = {}
        self._writer: WarehouseWriter | None = None
        self._is_held = False
        salt = settings.customer_id_salt
        self._salt = salt.get_secret_value() if salt else None
        self._is_salt_checked = False
        self.warehouse = warehouse or settings.warehouse_path
        self.target = settings.state_path / "dbt"

    def _environment(self) -> dict[str, str]:
        return {
            "SMARTSHELF_DBT_LAKE": self._settings.lake,
            "SMARTSHELF_DBT_VERSIONS": orjson.dumps(self._versions).decode(),
            "SMARTSHELF_DBT_WAREHOUSE": str(self.warehouse),
            "SMARTSHELF_DBT_MEMORY": self._settings.duckdb_memory,
            "SMARTSHELF_DBT_DUCKDB_THREADS": str(self._settings.duckdb_threads),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
        }

    def _variables(self) -> dict[str, str]:
        """Return what every session has to know and no file may hold."""
        return hmac_keys(self._salt) if self._salt else {}

    @contextmanager
    def _environ(self) -> Iterator[None]:
        before = {name: os.environ.get(name) for name in self._environment()}
        os.environ.update(self._environment())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the warehouse open between builds; nobody else may want it meanwhile.

        Opening and closing the file takes a fifth of a turn that does little else.
        """
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
            self.release()

    def release(self) -> None:
        """Close the warehouse, should it be open; the next build opens it again."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    @contextmanager
    def reading(self) -> Iterator[WarehouseReader]:
        """Read what has been built."""
        if self._writer is not None:
            yield self._writer.reader()
            return
        with open_warehouse(self.warehouse) as reader:
            yield reader

    def invoke(
        self,
        command: str,
        arguments: Sequence[str],
        before_close: Callable[[], None] | None = None,
    ) -> Any:
        """Run a dbt command in this process.

        Args:
            command: First word of the command.
            arguments: The rest.
            before_close: Called when it is done and the warehouse is still open.

        Raises:
            TransformError: dbt refused the project or the arguments.
        """
        # Imported here: every process pays for it, and most never run dbt.
        from dbt.cli.main import dbtRunner  # noqa: PLC0415

        session_variables[self._settings.lake] = self._variables()
        self.release()
        self.warehouse.parent.mkdir(parents=True, exist_ok=True)
        options = [
            *("--log-level", "none", "--log-level-file", "none", "--quiet", "--no-use-colors"),
            *("--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)),
            *("--target-path", str(self.target), "--log-path", str(self.target)),
        ]
        manifest = None if command == "parse" else self.parse()
        if manifest is not None and command != "list":
            # A run marks the nodes of its manifest as compiled; the next one needs a fresh copy.
            manifest = manifest.deepcopy()
        with self._environ():
            try:
                outcome = dbtRunner(manifest=manifest).invoke([command, *arguments, *options])
                if before_close:
                    before_close()
            finally:
                _close_warehouse()
        if outcome.exception:
            raise TransformError(f"dbt {command}: {outcome.exception}") from outcome.exception
        if command == "parse":
            Transformer._parsed = outcome.result
        return outcome.result

    def build_once(self, select: str, as_of: datetime) -> list[NodeResult]:
        """Build models, and record in the warehouse what those of a tick were built from.

        Args:
            select: dbt selection.
            as_of: The time the run computes for; UTC.

        Raises:
            TransformError: A model failed, with the database's message.
        """
        results = self.build(select, as_of)
        self._record_build(select, as_of, results)
        return results

    def build_again(
        self, select: str, as_of: datetime, fresh: Mapping[str, FreshRows] | None = None
    ) -> list[NodeResult]:
        """Build models as `build_once` does, in less time when that is done again and again.

        What dbt executed stands in the warehouse, so that the next process knows it too.

        Args:
            select: dbt selection.
            as_of: The time the run computes for; UTC.
            fresh: The rows by which each raw table has grown since the last build of this
                selection, `<layer>/<name>`, where they are at hand, and nothing else has changed;
                else the tables are read, and every model is built.

        Raises:
            TransformError: A model failed, with the database's message.
        """
        run = self._recorded_run(select)
        if run is None:
            return self._build_recording(select, as_of)
        changed = (
            None if fresh is None else {t for t, grown in fresh.items() if grown.rows.num_rows}
        )
        sources = self._raw_sources({name for model in run.models for name in model.inputs}, fresh)
        concerns_tick = any(model.table in self._tables_of(TICK) for model in run.models)
        with self._writing() as writer:
            with writer.sources(sources):
                seconds = run.execute(writer, as_of, changed)
            if concerns_tick:
                writer.record_build(self._build_of(as_of, select))
        return _executed(seconds)

    def build_changed(self, select: str, as_of: datetime) -> list[NodeResult]:
        """Build those models of a selection that would say something else than they do.

        What was built from what stands in the warehouse, so that the next process knows it too.

        Args:
            select: dbt selection, of models that no tick builds.
            as_of: The time the run computes for; UTC.

        Returns:
            One result per model; `no-op` for one that was left as it is.

        Raises:
            TransformError: A model failed, with the database's message.
        """
        tables, views = self._selected(select)
        with self._writing() as writer:
            changes = self._changes(tables, views, as_of, writer.reader())
            concerned = changes.concerned()
            statements = self._known_statements(writer.reader())
            if statements.keys() >= set(concerned):
                built = self._build_concerned(writer, changes, concerned, as_of)
                # Views are left as they are, and may come after what was built: Dagster minds.
                return _executed({table: built.get(table) for table in changes.order})
        results = self._build_noting([*concerned, *views], as_of)
        with self._writing() as writer:
            changes = self._changes(tables, views, as_of, writer.reader())
            for table in concerned:
                changes.was_built(table)
            self._note_made(writer, changes)
        left = tables - set(concerned)
        return [*_executed(dict.fromkeys(sorted(left))), *results]

    def _build_concerned(
        self, writer: WarehouseWriter, changes: Changes, concerned: Sequence[str], as_of: datetime
    ) -> dict[str, float | None]:
        """Execute what is known to build some tables, those that turn out to be stale."""
        statements = self._known_statements(writer.reader())
        seconds: dict[str, float | None] = dict.fromkeys(concerned)
        read = {name for table in concerned for name in statements[table].inputs}
        with writer.sources(self._raw_sources(read)):
            set_time(writer, as_of)
            for table in concerned:
                if changes.is_stale(table):
                    started = time.perf_counter()
                    statements[table].execute(writer)
                    changes.was_built(table)
                    seconds[table] = time.perf_counter() - started
        if any(spent is not None for spent in seconds.values()):
            self._note_made(writer, changes)
        return seconds

    def _build_noting(self, tables: Sequence[str], as_of: datetime) -> list[NodeResult]:
        """Build by dbt, and note what it executes for the tables that were there before."""
        from smartshelf_dagster.transform.lake_plugin import (  # noqa: PLC0415
            executed_statements,
            recording,
        )

        there = list_tables(self.warehouse)
        log: list[str] = []
        with recording():
            results = self.build(
                " ".join(table.split("/")[1] for table in tables),
                as_of,
                before_close=lambda: log.extend(executed_statements()),
            )
        run = recorded(log, self._inputs())
        with self._writing() as writer:
            known = self._known_statements(writer.reader())
            # A run that creates a table executes other statements than those that follow.
            known.update((model.table, model) for model in run.models if model.table in there)
            told = {"base": self._base(), "models": write_models(known.values())}
            writer.remember(_STATEMENTS, orjson.dumps(told).decode())
        return results

    def _known_statements(self, reader: WarehouseReader) -> dict[str, RecordedModel]:
        """Return how tables are built by the project and engines at hand, as far as was noted."""
        told = orjson.loads(reader.note(_STATEMENTS) or "{}")
        if told.get("base") != self._base():
            return {}
        return {model.table: model for model in read_models(told["models"])}

    def _selected(self, select: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return the tables and the views that a selection builds; dbt is asked once."""
        with self.reading() as reader:
            told = orjson.loads(reader.note(_SELECTIONS) or "{}")
        known = told["known"] if told.get("base") == self._base() else {}
        if select not in known:
            known[select] = [sorted(names) for names in self._listed(select)]
            with self._writing() as writer:
                noted = {"base": self._base(), "known": known}
                writer.remember(_SELECTIONS, orjson.dumps(noted).decode())
        tables, views = known[select]
        return frozenset(tables), frozenset(views)

    def _base(self) -> str:
        """Return what every table is made by: another project or engine may make another one."""
        engines = [version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb")]
        return digest(_project_digest(), engines)

    def _changes(
        self,
        tables: frozenset[str],
        views: frozenset[str],
        as_of: datetime,
        reader: WarehouseReader,
    ) -> Changes:
        """Return what has changed since tables were built."""
        manifest = self.manifest()
        models = self.models()
        sources = {table_of(source) for source in manifest["sources"].values()}
        looking = timely(
            {table: models[table]["depends_on"]["macros"] for table in tables},
            {name: macro["depends_on"]["macros"] for name, macro in manifest["macros"].items()},
        )
        there = reader.relations()

        def stamp_of(table: str) -> str:
            if table in sources:
                return str(delta.open_table(self._settings.table_uri(table)).version())
            grows = table in models and _grows(models[table])
            return reader.stamp(table, grows=grows) if table in there else ""

        inputs = self._inputs()
        made = orjson.loads(reader.note(_MADE) or "{}")
        return Changes(
            inputs={table: inputs[table] for table in tables | views},
            views=views,
            base=self._base(),
            times=dict.fromkeys(looking, as_of),
            stamp_of=stamp_of,
            made={table: Made(*told) for table, told in made.items()},
        )

    def _note_made(self, writer: WarehouseWriter, changes: Changes) -> None:
        told = {table: (made.origin, made.stamp) for table, made in changes.made.items()}
        writer.remember(_MADE, orjson.dumps(told).decode())

    @contextmanager
    def _writing(self) -> Iterator[WarehouseWriter]:
        """Open the warehouse to execute statements, should it not be open."""
        options: dict[str, str | int | bool] = {
            "memory_limit": self._settings.duckdb_memory,
            "threads": self._settings.duckdb_threads,
            "preserve_insertion_order": False,
        }
        if self._writer is None:
            self._writer = WarehouseWriter(self.warehouse, options, self._variables())
        try:
            yield self._writer
        except StatementError as error:
            raise TransformError(str(error)) from error
        finally:
            if not self._is_held:
                self.release()

    def _raw_sources(
        self, read: Collection[str], fresh: Mapping[str, FreshRows] | None = None
    ) -> dict[str, pds.Dataset | pa.Table]:
        """Return the raw tables among those that are read, by registered name; note versions."""
        lake = self._settings.lake
        sources: dict[str, pds.Dataset | pa.Table] = {}
        for table in (contract.table for contract in raw_tables().values()):
            if table not in read:
                continue
            if fresh is None:
                sources[_registered_name(table)] = open_source(lake, table, self._versions)
            else:
                sources[_registered_name(table)] = fresh[table].rows
                opened_versions[lake][table] = fresh[table].version
        return sources

    def _build_of(self, as_of: datetime, select: str) -> Build:
        return Build(as_of, self.source_versions(), complete=select == TICK)

    def _record_build(self, select: str, as_of: datetime, results: Sequence[NodeResult]) -> None:
        # Tables of a tick have to fit those that are published together.
        if not self.models(TICK).keys().isdisjoint(result.table for result in results):
            record_build(self.warehouse, self._build_of(as_of, select))

    def _inputs(self) -> dict[str, set[str]]:
        """Return the tables that each model is computed from, looking through staging views."""
        manifest = self.manifest()
        nodes = {**manifest["nodes"], **manifest["sources"]}

        def names(unique_id: str) -> set[str]:
            node = nodes[unique_id]
            if node["schema"] == "staging" and node["config"].get("materialized") == "view":
                return parents(node)
            return {table_of(node)}

        def parents(node: Mapping[str, Any]) -> set[str]:
            return {name for parent in node["depends_on"]["nodes"] for name in names(parent)}

        return {table: parents(node) for table, node in self.models().items()}

    def _recorded_run(self, select: str) -> RecordedRun | None:
        """Return how a selection is built; once all models were recorded, any part of them is."""
        if select not in self._recorded and TICK in self._recorded and self._is_of_tick(select):
            self._recorded[select] = self._recorded[TICK].only(self._tables_of(select))
        return self._recorded.get(select)

    def _is_of_tick(self, select: str) -> bool:
        return self._tables_of(select) <= self._tables_of(TICK)

    def _tables_of(self, select: str) -> frozenset[str]:
        """Return the tables that a selection builds."""
        if select not in self._tables:
            self._tables[select] = self._selected(select)[0]
        return self._tables[select]

    def _listed(self, select: str) -> tuple[frozenset[str], frozenset[str]]:
        """Ask dbt for the tables and the views that a selection builds."""
        options = ("--resource-type", "model", "--output", "name")
        names = set(self.invoke("list", ["--select", *select.split(), *options]))
        views = {
            table: node["config"]["materialized"] == "view"
            for table, node in self.models().items()
            if node["name"] in names
        }
        return (
            frozenset(table for table, is_view in views.items() if not is_view),
            frozenset(table for table, is_view in views.items() if is_view),
        )

    def _build_recording(self, select: str, as_of: datetime) -> list[NodeResult]:
        """Build by dbt, and write down what it executes when that will be the same next time.

        What is asked for first stands for all that will be: recording all models takes little
        longer than recording some.
        """
        from smartshelf_dagster.transform.lake_plugin import (  # noqa: PLC0415
            executed_statements,
            recording,
        )

        whole = TICK if self._is_of_tick(select) else select
        wanted = self._tables_of(whole)
        with self.reading() as reader:
            there = reader.tables()
        # A run that creates tables executes other statements than those that follow.
        if not wanted <= there:
            return self.build_once(whole, as_of)
        log: list[str] = []
        with recording():
            results = self.build(
                whole, as_of, before_close=lambda: log.extend(executed_statements())
            )
        self._recorded[whole] = recorded(log, self._inputs())
        self._record_build(whole, as_of, results)
        self._note_run(whole)
        return results

    def _note_run(self, select: str) -> None:
        """Note what a run executes, beside the runs of other selections that were noted."""
        with self._writing() as writer:
            told = orjson.loads(writer.reader().note(_RUNS) or "{}")
            runs = told["runs"] if told.get("base") == self._runs_base() else {}
            runs[select] = write_models(self._recorded[select].models)
            noted = {"base": self._runs_base(), "runs": runs}
            writer.remember(_RUNS, orjson.dumps(noted).decode())

    def _noted_runs(self) -> dict[str, RecordedRun]:
        """Return what runs execute, as far as was noted, and their tables are there."""
        with self.reading() as reader:
            told = orjson.loads(reader.note(_RUNS) or "{}")
            there = reader.tables()
        if told.get("base") != self._runs_base():
            return {}
        runs = {select: RecordedRun(tuple(read_models(of))) for select, of in told["runs"].items()}
        return {
            select: run
            for select, run in runs.items()
            if {model.table for model in run.models} <= there
        }

    def _runs_base(self) -> str:
        """Return what all runs follow from: the project, the engines and the reference data."""
        return digest(self._base(), sorted(self._reference.items()))

    @staticmethod
    def manifest() -> dict[str, Any]:
        """Return what the project consists of: `manifest.json`, read once by a process."""
        return _manifest()

    @staticmethod
    def models(tag: str = "") -> dict[str, Any]:
        """Return the models of the project: their nodes in the manifest, by `<layer>/<name>`.

        Args:
            tag: Only those with this tag, told as dbt selects it, `tag:<name>`.
        """
        return {
            table_of(node): node
            for node in Transformer.manifest()["nodes"].values()
            if node["resource_type"] == "model"
            and (not tag or tag.removeprefix("tag:") in node["tags"])
        }

    @staticmethod
    def parse() -> Any:
        """Return the project as dbt needs it, parsed when that was not done in this process."""
        if Transformer._parsed is None:
            with _parsing() as transformer:
                transformer.invoke("parse", ["--no-write-json"])
        return Transformer._parsed

    def build(
        self,
        select: str,
        as_of: datetime,
        *,
        command: str = "run",
        full_refresh: bool = False,
        variables: Mapping[str, Any] | None = None,
        before_close: Callable[[], None] | None = None,
    ) -> list[NodeResult]:
        """Build models for a point in time.

        Args:
            select: dbt selection, such as `tag:tick`.
            as_of: The time the run computes for; UTC.
            command: `run` builds, `test` checks, `build` does both, `seed` loads seeds.
            full_refresh: Forget what incremental models have.
            variables: More variables for the models.
            before_close: Called when it is done and the warehouse is still open.

        Returns:
            One result per node.

        Raises:
            TransformError: A model failed, with the database's message.
        """
        moment = as_of.astimezone(UTC).isoformat(timespec="microseconds")
        values = {"as_of": moment.replace("+00:00", "Z"), **(variables or {})}
        options = ("--vars", orjson.dumps(values).decode(), "--no-write-json")
        arguments = ["--select", *select.split(), *options]
        if full_refresh:
            arguments.append("--full-refresh")
        outcome = self.invoke(command, arguments, before_close)
        results = [_to_result(r) for r in outcome.results if r.node.resource_type != "operation"]
        failed = [r for r in results if r.status in {"error", "fail", "runtime error"}]
        if failed and command != "test":
            names = "; ".join(f"{r.unique_id}: {r.message}" for r in failed)
            raise TransformError(f"dbt {command} --select {select}: {names}")
        return results

    def prepare(self, as_of: datetime) -> list[NodeResult]:
        """Bring seeds and staging models up to the project and the reference data.

        Returns:
            What was built; nothing when the warehouse is up to both already.

        Raises:
            CustomerSaltError: Another salt is set than the warehouse was built with.
            OutdatedWarehouseError: Tables that grow lack columns of this version.
        """
        self._check_salt()
        self._reference = {
            contract.table: self._versions.get(contract.table)
            or delta.open_table(self._settings.table_uri(contract.table)).version()
            for contract in reference_tables().values()
        }
        wanted = f"{_project_digest()} {orjson.dumps(self._reference).decode()}"
        results = []
        if read_preparation(self.warehouse) != wanted:
            self.refuse_outdated(
                {
                    table: node
                    for table, node in self.models().items()
                    if node["config"]["materialized"] == "incremental"
                }
            )
            results += self.build("resource_type:seed", as_of, command="seed")
            results += self.build(f"staging {REFERENCE}", as_of)
            record_preparation(self.warehouse, wanted)
            record_salt_check(self.warehouse, salt_check(self._salt))
        self._recorded = self._noted_runs()
        return results

    def refuse_outdated(self, models: Mapping[str, Any], *, missing: bool = False) -> None:
        """Refuse a warehouse whose tables do not have what this version reads of them.

        Args:
            models: The models of these tables, as `models` returns them.
            missing: Refuse one without such a table, too.

        Raises:
            OutdatedWarehouseError: It names the first table, what it lacks, and what to do.
        """
        if not self.warehouse.exists():
            return
        with self.reading() as reader:
            there = reader.columns()
        for table, node in models.items():
            if table not in there:
                lacks = {"the table"} if missing else set()
            else:
                lacks = node["columns"].keys() - there[table]
            if lacks:
                raise OutdatedWarehouseError(
                    f"{self.warehouse}: {table} lacks {', '.join(sorted(lacks))}, as another "
                    "version built it; run `smartshelf rebuild`"
                )

    def _check_salt(self) -> None:
        """Refuse a salt with which a customer would be told by two names."""
        if self._is_salt_checked or read_preparation(self.warehouse) is None:
            return
        # A warehouse from before there were salts has none.
        if (read_salt_check(self.warehouse) or "") != salt_check(self._salt):
            raise CustomerSaltError(
                f"SMARTSHELF_CUSTOMER_ID_SALT is not the one that {self.warehouse} was built with; "
                "set that one, or tell all customers anew with `smartshelf rebuild`"
            )
        self._is_salt_checked = True

    def source_versions(self) -> dict[str, int]:
        """Return the version of every source table that the warehouse was built from."""
        return self._reference | opened_versions[self._settings.lake]


def table_of(node: Mapping[str, Any]) -> str:
    """Return the table of a node of dbt's manifest, `<layer>/<name>`."""
    return f"{node['schema']}/{node['name']}"


@cache
def project_variables() -> dict[str, Any]:
    """Return the variables of the dbt project, as it sets them."""
    project = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text("utf-8"))
    variables: dict[str, Any] = project["vars"]
    return variables


def _grows(node: Mapping[str, Any]) -> bool:
    """Say whether a load only adds rows to a model, all of them with its number."""
    config = node["config"]
    is_appended = config["incremental_strategy"] == "append" and "load_seq" in node["columns"]
    return bool(is_appended or config["meta"].get("grows"))


def _executed(seconds: Mapping[str, float | None]) -> list[NodeResult]:
    """Return results of tables, by seconds; `None` for one that was left as it is."""
    return [
        NodeResult(
            unique_id=f"model.smartshelf.{table.split('/')[1]}",
            status="success" if spent is not None else "no-op",
            seconds=spent or 0.0,
            message="",
            failures=0,
            table=table,
        )
        for table, spent in seconds.items()
    ]


def _project_files() -> list[Path]:
    files = [p for p in DBT_PROJECT_DIR.rglob("*") if p.suffix in {".sql", ".yml", ".csv"}]
    return sorted(p for p in files if "target" not in p.parts)


@cache
def _project_digest() -> str:
    """Return a digest of the dbt project."""
    digest = hashlib.sha256()
    for path in _project_files():
        digest.update(path.relative_to(DBT_PROJECT_DIR).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _registered_name(table: str) -> str:
    """Return the name under which dbt-duckdb registers a source, and its view looks for it."""
    return f"smartshelf_{table.replace('/', '_')}_df"


def _close_warehouse() -> None:
    """Give the DuckDB file back, so that others can open it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager  # noqa: PLC0415

    with suppress(Exception):
        DuckDBConnectionManager.env().close()
    DuckDBConnectionManager.close_all_connections()


def _to_result(node: Any) -> NodeResult:
    return NodeResult(
        unique_id=node.node.unique_id,
        status=str(node.status),
        seconds=float(node.execution_time),
        message=str(node.message or ""),
        failures=int(node.failures or 0),
        table=f"{node.node.schema}/{node.node.name}",
    )


@contextmanager
def _parsing() -> Iterator[Transformer]:
    """Give what parses the project: one process after the other, all of them in one place.

    dbt keeps there what it has parsed, and reads only what has changed since.
    """
    # Of no lake: where a lake lies is part of what dbt compares before it trusts what it kept.
    place = DBT_PROJECT_DIR / "target" / "parse"
    settings = load_settings(lake=str(place), state_dir=place)
    with exclusive_lock(settings, "parse", wait=True):
        yield Transformer(settings)


def ensure_manifest() -> dict[str, Any]:
    """Return dbt's manifest, parsing the project when it has changed since the last time.

    Dagster needs it to know the models before anything runs; and what only has to know them needs
    no dbt, which takes three seconds to start.
    """
    path = DBT_PROJECT_DIR / "target" / "manifest.json"
    if _is_stale(path):
        with _parsing() as transformer:
            if _is_stale(path):
                transformer.invoke("parse", [])
                (transformer.target / path.name).replace(path)
    manifest: dict[str, Any] = orjson.loads(path.read_bytes())
    return manifest


@cache
def _manifest() -> dict[str, Any]:
    return ensure_manifest()


def _is_stale(manifest: Path) -> bool:
    files = _project_files()
    # A file that was removed is seen by its folder; the project's own holds what dbt writes.
    folders = {file.parent for file in files} - {DBT_PROJECT_DIR}
    newest = max(source.stat().st_mtime for source in (*files, *folders))
    return not manifest.exists() or manifest.stat().st_mtime < newest
