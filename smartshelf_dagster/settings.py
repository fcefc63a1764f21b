"""Settings of the system, and the only reader of the environment.

Belongs here: every `SMARTSHELF_*` variable, its default, its check, and the paths that follow
from them. Does not belong here: anything that opens a file or a connection.
"""

import os
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from smartshelf_dagster.errors import SmartShelfError

PROJECT_ROOT = Path(__file__).resolve().parents[1]
# Not repeated where their value cannot be used.
_SECRETS = {"SMARTSHELF_API_TOKEN", "SMARTSHELF_CUSTOMER_ID_SALT"}


class SettingsError(SmartShelfError, ValueError):
    """A setting has a value that cannot be used; the message names it and what was expected."""


class Settings(BaseSettings):
    """All settings. Each field is read from `SMARTSHELF_<FIELD>`.

    Paths are made absolute, so that a process started in another folder finds the same lake.
    """

    model_config = SettingsConfigDict(env_prefix="SMARTSHELF_", frozen=True)

    lake: str = Field(
        default=str(PROJECT_ROOT / "lake"),
        description="Folder of the lake, or an object-store URI such as s3://bucket/lake.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Local folder for what is not a table: locks, logs, Redis and Dagster data. "
        "Default: `_state` in a local lake, else `.smartshelf` in the working folder.",
    )
    redis_url: str | None = Field(
        default=None,
        description="Redis, Valkey or a managed service; without it an own server is started.",
    )
    clock: Literal["auto", "wall", "simulated"] = Field(
        default="auto",
        description="The clock in force. auto: simulated while a simulator publishes one.",
    )
    micro_batch_interval_s: int = Field(
        default=60, ge=5, le=3600, description="Least seconds between two micro-batches."
    )
    max_batch_events: int = Field(
        default=50_000, ge=1, le=5_000_000, description="Events in one Delta commit, at most."
    )
    max_run_events: int = Field(
        default=1_000_000,
        ge=1,
        description="Events one micro-batch drains, at most; the next one goes on.",
    )
    order_policy: str = Field(
        default="order-up-to",
        pattern=r"^[a-z][a-z0-9-]*$",
        description="How much is ordered from suppliers: order-up-to, rule or forecast.",
    )
    order_parameters: Annotated[dict[str, float], NoDecode] = Field(
        default={},
        description="Parameters of that policy that differ from their defaults, such as "
        "`safety_factor=1.5`; with commas between several.",
    )
    redis_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Socket timeout of every Redis call."
    )
    bind_host: str = Field(default="127.0.0.1", description="Address the servers listen on.")
    max_clock_ahead_s: int = Field(
        default=300,
        ge=0,
        description="An event stamped later than the clock plus this is impossible.",
    )
    run_retention_days: int = Field(
        default=7, ge=1, description="Finished Dagster runs are deleted after this many days."
    )
    vacuum_retention_hours: int = Field(
        default=48,
        ge=24,
        description="Files no longer in a Delta table are deleted after this many hours.",
    )
    retention_days: Annotated[dict[str, float], NoDecode] = Field(
        default={},
        description="Days that events, quarantine, forecasts and features stay at hand, where not "
        "as usual, such as `events=30`; with commas between several.",
    )
    duckdb_threads: int = Field(default=2, ge=1, description="Threads of the DuckDB warehouse.")
    duckdb_memory: str = Field(
        default="2GB", pattern=r"^[0-9]+(MB|GB)$", description="Memory of the DuckDB warehouse."
    )
    dagster_url: str | None = Field(
        default=None, description="Where Dagster's pages are; `smartshelf up` tells its processes."
    )
    docs_url: str | None = Field(
        default=None,
        description="Where the docs of the tables are; `smartshelf up` tells its processes.",
    )

    api_token: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="Token that opens everything in the HTTP API; without tokens it asks for none.",
    )
    api_tokens: Path | None = Field(
        default=None,
        description="JSON file of SHA-256 hashes of tokens, each with the stores it opens.",
    )

    people: Path | None = Field(
        default=None,
        description="JSON file of who may see and do what in the report app; with it people log "
        "in, without it the app is open to whoever reaches it.",
    )

    customer_id_salt: SecretStr | None = Field(
        default=None,
        min_length=16,
        description="With it customers are told by HMAC-SHA256 of their ids in everything that is "
        "made from raw events; without, by the ids of the tills.",
    )

    @field_validator("lake")
    @classmethod
    def _absolute_lake(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("expected a folder or an object-store URI, got an empty string")
        return value.rstrip("/") if "://" in value else str(Path(value).expanduser().resolve())

    @field_validator("order_parameters", "retention_days", mode="before")
    @classmethod
    def _parse_parameters(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        for pair in pairs:
            if not pair[0].strip() or not _is_number(pair[2]):
                example = (
                    "events=30" if info.field_name == "retention_days" else "safety_factor=1.5"
                )
                raise ValueError(f"expected name=number, such as {example}, got {''.join(pair)!r}")
        return {name.strip(): float(number) for name, _, number in pairs}

    @field_validator("state_dir", "api_tokens", "people")
    @classmethod
    def _absolute_path(cls, value: Path | None) -> Path | None:
        return value.expanduser().resolve() if value else None

    @property
    def lake_is_local(self) -> bool:
        """Whether the lake is a folder of this machine."""
        return "://" not in self.lake

    @property
    def has_api_tokens(self) -> bool:
        """Whether the HTTP API asks for a token."""
        return self.api_token is not None or self.api_tokens is not None

    @cached_property
    def state_path(self) -> Path:
        """Local folder for locks, logs, Redis and Dagster data."""
        if self.state_dir:
            return self.state_dir
        return Path(self.lake) / "_state" if self.lake_is_local else Path.cwd() / ".smartshelf"

    @cached_property
    def local_root(self) -> Path:
        """Where DuckDB files live: the lake itself, or the state folder of a remote lake."""
        return Path(self.lake) if self.lake_is_local else self.state_path

    @property
    def warehouse_path(self) -> Path:
        """The DuckDB file in which dbt builds; nobody else opens it."""
        return self.local_root / "warehouse" / "smartshelf.duckdb"

    @property
    def serving_path(self) -> Path:
        """The DuckDB file that readers open; replaced by rename at each publication."""
        return self.local_root / "serving" / "smartshelf.duckdb"

    @property
    def dagster_home(self) -> Path:
        """Folder of the Dagster instance."""
        return self.state_path / "dagster"

    @property
    def log_dir(self) -> Path:
        """Folder of the log files of the processes that `up` starts."""
        return self.state_path / "logs"

    def table_uri(self, table: str) -> str:
        """Return where a Delta table lies.

        Args:
            table: `<layer>/<name>`, the same as its Dagster asset key.
        """
        return f"{self.lake}/{table}"


def _is_number(text: str) -> bool:
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; they are remembered as long as it stays as it is.

    Args:
        overrides: Fields that win over the environment; `None` values are passed over.

    Raises:
        SettingsError: A value is not usable; the message names the variable and the value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if given:
        return _read(given)
    return _remembered(Path.cwd(), frozenset(_variables()))


def _variables() -> Iterator[tuple[str, str]]:
    prefix = Settings.model_config["env_prefix"]
    return ((k, v) for k, v in os.environ.items() if k.upper().startswith(prefix))


@lru_cache(maxsize=4)
def _remembered(folder: Path, variables: frozenset[tuple[str, str]]) -> Settings:  # noqa: ARG001 - the key
    return _read({})


def _read(given: Mapping[str, object]) -> Settings:
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "SMARTSHELF_" + "_".join(str(part) for part in first["loc"]).upper()
        shown = "(hidden)" if name in _SECRETS else repr(first.get("input"))
        message = f"{name}={shown}: {first['msg']}"
        raise SettingsError(message) from error
