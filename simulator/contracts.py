"""Table schemas of the reference data, read from the contracts shared with the system."""

from pathlib import Path
from typing import Any, Final

import orjson
import polars as pl

from simulator.errors import SimulatorError
from simulator.paths import CONTRACTS_DIR

_SCALARS: Final[dict[str, pl.DataType]] = {
    "integer": pl.Int64(),
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "string": pl.String(),
    "date": pl.Date(),
    "date-time": pl.Datetime("us", "UTC"),
}
_DECIMAL: Final = "decimal("


def table_schema(table: str, contracts_dir: Path = CONTRACTS_DIR) -> pl.Schema:
    """Columns and types of a reference table, in contract order.

    Args:
        table: Name, e.g. `items`.
        contracts_dir: Folder of the contracts.

    Raises:
        SimulatorError: There is no such contract.
    """
    path = contracts_dir / "reference" / f"{table}.v1.json"
    try:
        contract = orjson.loads(path.read_bytes())
        shared = orjson.loads((contracts_dir / "common.v1.json").read_bytes())
    except OSError as error:
        raise SimulatorError(f"contract of {table} not found: {error}") from error
    columns = {}
    for name, column in contract["properties"].items():
        reference = column.get("$ref")
        spec = shared["$defs"][reference.rsplit("/", 1)[1]] if reference else column
        columns[name] = _data_type(spec)
    return pl.Schema(columns)


def _data_type(spec: dict[str, Any]) -> pl.DataType:
    declared = spec.get("x-delta-type", "")
    if declared.startswith(_DECIMAL):
        precision, scale = declared.removeprefix(_DECIMAL).rstrip(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return _SCALARS[spec.get("format", spec["type"])]


def conform(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The frame with exactly the columns and types of the contract; optional ones may be null."""
    schema = table_schema(table)
    absent = [pl.lit(None).alias(name) for name in schema if name not in frame.columns]
    return frame.with_columns(absent).select(schema.names()).cast(schema)


OPENING_LOTS_SCHEMA: Final = pl.Schema(
    {
        "store_id": pl.String(),
        "location": pl.String(),
        "shelf_id": pl.String(),
        "batch_code": pl.String(),
        "quantity": pl.Int64(),
        "received_date": pl.Date(),
        "expiry_date": pl.Date(),
    }
)
