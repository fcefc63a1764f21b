"""Reference tables: what the chain's master data says.

Belongs here: loading and reading `ref/*`. Does not belong here: making master data up.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from smartshelf_dagster.contracts.model import TableContract
from smartshelf_dagster.contracts.tables import arrow_schema, reference_tables
from smartshelf_dagster.domain.opening_hours import hours_problem
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta


class MasterDataError(SmartShelfError, ValueError):
    """Master data cannot be used; the message names file, column, value and what was expected."""


def _read(path: Path, contract: TableContract) -> pa.Table:
    if not path.is_file() and contract.optional:
        return arrow_schema(contract).empty_table()
    if not path.is_file():
        raise MasterDataError(f"{path}: missing, expected the rows of {contract.table}")
    table = pq.read_table(path)
    schema = arrow_schema(contract)
    missing = [f.name for f in contract.fields if f.required and f.name not in table.column_names]
    if missing:
        raise MasterDataError(f"{path}: lacks the columns {', '.join(missing)}")
    columns = []
    for f in schema:
        if f.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, f.type))
            continue
        try:
            columns.append(table[f.name].cast(f.type))
        except pa.ArrowInvalid as error:
            raise MasterDataError(f"{path}: {f.name}: expected {f.type}: {error}") from error
        if not f.nullable and columns[-1].null_count:
            raise MasterDataError(f"{path}: {f.name}: expected no null")
    result = pa.Table.from_arrays(columns, schema=schema)
    keys = pl.DataFrame(result.select(list(contract.grain)))
    if keys.is_duplicated().any():
        first = keys.filter(keys.is_duplicated()).row(0, named=True)
        raise MasterDataError(f"{path}: {first} stands twice, expected one row each")
    return result


def load_master_data(settings: Settings, folder: Path) -> dict[str, int]:
    """Load master data from Parquet files into the reference tables, replacing them.

    Args:
        settings: Where the lake lies.
        folder: One `<table>.parquet` for each reference table; those that are optional may lack.

    Returns:
        Rows loaded per table.

    Raises:
        MasterDataError: A file is missing or does not satisfy its contract; nothing was loaded.
    """
    loaded = {
        name: _read(folder / f"{name}.parquet", contract)
        for name, contract in reference_tables().items()
    }
    _check_hours(loaded["stores"])
    for name, table in loaded.items():
        delta.replace(settings.table_uri(f"ref/{name}"), table, name=f"ref/{name}")
    return {name: table.num_rows for name, table in loaded.items()}


def _check_hours(stores: pa.Table) -> None:
    """Refuse stores whose hours the models cannot tell."""
    for row in stores.select(["store_id", "opens_at", "closes_at"]).to_pylist():
        problem = hours_problem(row["opens_at"], row["closes_at"])
        if problem:
            raise MasterDataError(f"store {row['store_id']}: {problem}")


def add_rows(settings: Settings, name: str, rows: Sequence[Mapping[str, object]]) -> int:
    """Add rows to a reference table whose keys are not there yet; those that are, stay.

    Args:
        settings: Where the lake lies.
        name: Of the table, such as `stores`.
        rows: Its rows, all with the same columns; those that lack are null.

    Returns:
        How many were added.

    Raises:
        MasterDataError: The hours of a store cannot be used.
    """
    contract = reference_tables()[name]
    uri = settings.table_uri(contract.table)
    table = delta.ensure_table(uri, contract)
    schema = arrow_schema(contract)
    key = list(contract.grain)
    known = pl.DataFrame(delta.read(uri, key))
    told = pa.Table.from_pylist(list(rows))
    given = pl.DataFrame(
        pa.table(
            [
                told[f.name].cast(f.type)
                if f.name in told.column_names
                else pa.nulls(told.num_rows, f.type)
                for f in schema
            ],
            schema=schema,
        )
    )
    if name == "stores":
        _check_hours(given.to_arrow())
    new = given.join(known, on=key, how="anti", nulls_equal=True, maintain_order="left")
    if new.height:
        delta.append(table, new.to_arrow().cast(schema), {})
    return new.height


def add_store(settings: Settings, store: Mapping[str, object]) -> bool:
    """Add a store that is not there yet.

    Args:
        settings: Where the lake lies.
        store: One row of `ref/stores`.

    Returns:
        Whether it was added.

    Raises:
        MasterDataError: Its hours cannot be used.
    """
    return bool(add_rows(settings, "stores", [store]))


def read_reference(settings: Settings, name: str) -> pl.DataFrame:
    """Read a reference table; empty when it was never loaded."""
    contract = reference_tables()[name]
    delta.ensure_table(settings.table_uri(contract.table), contract)
    frame = pl.from_arrow(delta.read(settings.table_uri(contract.table)))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - narrows from_arrow's union
    return frame


def ensure_reference_tables(settings: Settings) -> None:
    """Create the reference tables that are not there."""
    for contract in reference_tables().values():
        delta.ensure_table(settings.table_uri(contract.table), contract)
