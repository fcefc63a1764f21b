"""Running dbt in this process, against one lake.

Belongs here: parsing once, invoking many times, the single writer of the warehouse, and errors
that say which model failed. Does not belong here: SQL.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from smartshelf_dagster.settings import PROJECT_ROOT, Settings

DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
TICK = "tag:tick"


class TransformError(RuntimeError):
    """A model or test failed; the message names it and what the database said."""


class WarehouseBusyError(RuntimeError):
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
    """

    unique_id: str
    status: str
    seconds: float
    message: str
    failures: int

    @property
    def ok(self) -> bool:
        """Whether the node did what it should."""
        return self.status in {"success", "pass", "no-op", "warn"}


@contextmanager
def warehouse_lock(settings: Settings, *, wait: bool = False) -> Iterator[None]:
    """Hold the right to write: at most one process drains, builds and publishes at a time.

    The kernel gives the lock back when the process ends, however it ends.

    Args:
        settings: Which lake.
        wait: Wait for the other process instead of failing.

    Raises:
        WarehouseBusyError: Another process holds it.
    """
    path = settings.state_path / "locks" / "writer.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise WarehouseBusyError(
                f"another process is writing to {settings.lake}; wait for it, or stop "
                "`smartshelf up` first"
            ) from error
        yield


class Transformer:
    """dbt for one lake. Parsing is done once and shared by all runs of this object."""

    _manifest: Any = None

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
        self.warehouse = warehouse or settings.warehouse_path
        self._target = settings.state_path / "dbt"

    def _environment(self) -> dict[str, str]:
        return {
            "SMARTSHELF_DBT_LAKE": self._settings.lake,
            "SMARTSHELF_DBT_VERSIONS": orjson.dumps(self._versions).decode(),
            "SMARTSHELF_DBT_WAREHOUSE": str(self.warehouse),
            "SMARTSHELF_DBT_MEMORY": self._settings.duckdb_memory,
            "SMARTSHELF_DBT_DUCKDB_THREADS": str(self._settings.duckdb_threads),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "0",
        }

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

    def invoke(self, command: str, arguments: Sequence[str]) -> Any:
        """Run a dbt command in this process.

        Raises:
            TransformError: dbt refused the project or the arguments.
        """
        # Imported here: every process pays for it, and most never run dbt.
        from dbt.cli.main import dbtRunner  # noqa: PLC0415

        self.warehouse.parent.mkdir(parents=True, exist_ok=True)
        options = [
            *("--log-level", "none", "--log-level-file", "none", "--quiet", "--no-use-colors"),
            *("--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)),
            *("--target-path", str(self._target), "--log-path", str(self._target)),
        ]
        # A run marks the nodes of its manifest as compiled; the next one needs a fresh copy.
        manifest = None if command == "parse" else self.manifest().deepcopy()
        with self._environ():
            try:
                outcome = dbtRunner(manifest=manifest).invoke([command, *options, *arguments])
            finally:
                _close_warehouse()
        if outcome.exception:
            raise TransformError(f"dbt {command}: {outcome.exception}") from outcome.exception
        return outcome.result

    def manifest(self) -> Any:
        """Return the parsed project, parsing it when that was not done in this process."""
        if Transformer._manifest is None:
            Transformer._manifest = self.invoke("parse", [])
        return Transformer._manifest

    def build(
        self,
        select: str,
        as_of: datetime,
        *,
        command: str = "run",
        full_refresh: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> list[NodeResult]:
        """Build models for a point in time.

        Args:
            select: dbt selection, such as `tag:tick`.
            as_of: The time the run computes for; UTC.
            command: `run` builds, `test` checks, `build` does both, `seed` loads seeds.
            full_refresh: Forget what incremental models have.
            variables: More variables for the models.

        Returns:
            One result per node.

        Raises:
            TransformError: A model failed, with the database's message.
        """
        moment = as_of.astimezone(UTC).isoformat(timespec="microseconds")
        values = {"as_of": moment.replace("+00:00", "Z"), **(variables or {})}
        arguments = ["--select", *select.split(), "--vars", orjson.dumps(values).decode()]
        if full_refresh:
            arguments.append("--full-refresh")
        if command in {"run", "build"}:
            arguments.append("--no-write-json")
        results = [_to_result(node) for node in self.invoke(command, arguments).results]
        failed = [r for r in results if r.status in {"error", "fail", "runtime error"}]
        if failed and command != "test":
            names = "; ".join(f"{r.unique_id}: {r.message}" for r in failed)
            raise TransformError(f"dbt {command} --select {select}: {names}")
        return results

    def prepare(self, as_of: datetime) -> None:
        """Bring seeds and staging views up to what the project says; once per process is enough."""
        self.build("resource_type:seed", as_of, command="seed")
        self.build("staging", as_of)

    @staticmethod
    def source_versions() -> dict[str, int]:
        """Return the version of every source table that the last runs opened."""
        from smartshelf_dagster.transform.lake_plugin import opened_versions  # noqa: PLC0415

        return dict(opened_versions)


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
    )
