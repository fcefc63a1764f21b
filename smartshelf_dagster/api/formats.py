"""Rows as bytes: JSON, CSV, Parquet, Arrow; a piece at a time.

Belongs here: how a value is written in each format. Does not belong here: which rows
(`queries.py`), where they go (`app.py`, `export.py`), spreadsheets (`xlsx.py`).

Decimals are strings in JSON, for a JSON number is a double in most readers; in CSV they have all
their decimals. Times are UTC. A null is empty in CSV, an empty text is `""`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson
import polars as pl
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC

Batches = Iterator[pa.RecordBatch]


class _Sink:
    """Keeps what a writer has written until it is taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def to_json(value: object) -> bytes:
    """Write plain values as JSON: times as RFC 3339 in UTC, decimals as strings."""
    return orjson.dumps(value, default=_decimal, option=_OPTIONS)


def _decimal(value: object) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def json_rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Return rows as dictionaries that `to_json` takes."""
    return pl.DataFrame(batch).to_dicts()


def json_pieces(batches: Batches, about: Mapping[str, Any]) -> Iterator[bytes]:
    """Write one object: what is said about the rows, and `rows`.

    Args:
        batches: At least one, for its schema.
        about: What is said about them.
    """
    yield to_json(dict(about))[:-1] + b',"rows":['
    comma = b""
    for batch in batches:
        rows = to_json(json_rows(batch))[1:-1]
        if rows:
            yield comma + rows
            comma = b",\n"
    yield b"]}\n"


def csv_pieces(batches: Batches, about: Mapping[str, Any]) -> Iterator[bytes]:  # noqa: ARG001 - CSV has no place for it
    """Write CSV with a header; nested values as JSON."""
    first = flat(next(batches))
    sink = _Sink()
    with pcsv.CSVWriter(pa.PythonFile(sink, mode="w"), first.schema) as writer:
        writer.write(first)
        yield sink.take()
        for batch in batches:
            writer.write(flat(batch))
            yield sink.take()
    yield sink.take()


def parquet_pieces(batches: Batches, about: Mapping[str, Any]) -> Iterator[bytes]:
    """Write Parquet; what is said about the rows goes into the metadata of the file."""
    first = next(batches)
    schema = _with_metadata(first.schema, about)
    sink = _Sink()
    with pq.ParquetWriter(pa.PythonFile(sink, mode="w"), schema, compression="zstd") as writer:
        for batch in _again(first, batches):
            writer.write_batch(batch.cast(schema))
            yield sink.take()
    yield sink.take()


def arrow_pieces(batches: Batches, about: Mapping[str, Any]) -> Iterator[bytes]:
    """Write an Arrow IPC stream; what is said about the rows goes into the schema's metadata."""
    first = next(batches)
    schema = _with_metadata(first.schema, about)
    sink = _Sink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        for batch in _again(first, batches):
            writer.write_batch(batch.cast(schema))
            yield sink.take()
    yield sink.take()


def _again(first: pa.RecordBatch, rest: Batches) -> Batches:
    yield first
    yield from rest


def _with_metadata(schema: pa.Schema, about: Mapping[str, Any]) -> pa.Schema:
    return schema.with_metadata({b"smartshelf": to_json(dict(about))})


def flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows whose nested values have become JSON."""
    for position, field in enumerate(batch.schema):
        if pa.types.is_nested(field.type):
            values = batch.column(position).to_pylist()
            texts = [None if value is None else to_json(value).decode() for value in values]
            batch = batch.set_column(position, field.name, pa.array(texts, pa.string()))
    return batch


@dataclass(frozen=True)
class Format:
    """A way to write rows.

    Attributes:
        media_type: What HTTP calls it.
        pieces: Writes batches, and what is said about them.
    """

    media_type: str
    pieces: Callable[[Batches, Mapping[str, Any]], Iterator[bytes]]


FORMATS = {
    "json": Format("application/json", json_pieces),
    "csv": Format("text/csv; charset=utf-8", csv_pieces),
    "parquet": Format("application/vnd.apache.parquet", parquet_pieces),
    "arrow": Format("application/vnd.apache.arrow.stream", arrow_pieces),
}
