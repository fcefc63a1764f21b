"""The archive: days of a table in files of their own, read as if they had never left it.

Belongs here: the files, their manifests, moving a day there and back, and reading a table together
with its archive. Does not belong here: which days go, and when (`domain/retention.py`,
`pipeline/retention.py`).

How nothing is lost and nothing comes twice, whatever is killed when:

1. The rows of a day become a file with a manifest beside it, under the next number of the table.
   Nobody counts them yet.
2. The file is read back and compared, row by row, with what the table holds.
3. One Delta commit takes the day out of the table and moves the application transaction `archive`
   to that number. From this commit on the rows count there and no longer here. A reader of an
   older version sees the older number, and finds the day in the table.
4. What an interrupted run left behind has a number that no commit reached. The next run removes it.

A restore goes the same way: the manifests say with which number the day goes back, and one commit
adds its rows and moves to that number.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from pathlib import PurePosixPath
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.storage import delta

FOLDER = "archive"
# All parts there are, in one table: what the manifests say, in one reading.
LOG = "ops/retention_log"
# Application transaction of a table: the number of its last move to the archive or back.
APP_ID = "archive"
METADATA = "smartshelf.archive"
# Every archived table has this column; builds ask for what lies above a value of it.
ARRIVAL = "ingest_batch"
_ORDER = (ARRIVAL, "stream", "stream_id", "entry_index")
# Written once and kept for good: worth some time.
_COMPRESSION_LEVEL = 15
_UNFINISHED = ".new"

_TIME = pa.timestamp("us", tz="UTC")
LOG_SCHEMA = pa.schema(
    [
        ("table", pa.string()),
        ("partition", pa.string()),
        ("number", pa.int64()),
        ("rows", pa.int64()),
        ("pieces", pa.int64()),
        ("bytes", pa.int64()),
        ("hot_bytes", pa.int64()),
        ("checksum", pa.string()),
        ("fingerprint", pa.string()),
        ("delta_version", pa.int64()),
        ("first_batch", pa.int64()),
        ("last_batch", pa.int64()),
        ("archived_at", _TIME),
        ("deleted_at", _TIME),
        ("restored_number", pa.int64()),
        ("restored_at", _TIME),
    ]
)


class ArchiveDamagedError(SmartShelfError, RuntimeError):
    """A part of the archive is missing or is not what was put there; the message names it."""


class NotArchivedError(SmartShelfError, LookupError):
    """The archive holds nothing of what was asked for."""


@dataclass(frozen=True)
class Part:
    """What was moved at once: the rows of one day of one table.

    Attributes:
        table: `<layer>/<name>`.
        partition: Such as `event_date=2026-01-01`.
        number: Number of the move, counted by table.
        rows: Rows.
        pieces: Pieces of goods that the rows tell of; `None` for a table without.
        bytes: Size of the file.
        hot_bytes: Size of the files it had in the table.
        checksum: SHA-256 of the file.
        fingerprint: SHA-256 of names and types of the columns.
        delta_version: Version of the table that the rows were read from.
        first_batch: Smallest `ingest_batch`.
        last_batch: Largest.
        archived_at: When, by the clock in force.
        restored_number: Number of the move with which it went back, if it did.
        restored_at: When it went back.
    """

    table: str
    partition: str
    number: int
    rows: int
    pieces: int | None
    bytes: int
    hot_bytes: int
    checksum: str
    fingerprint: str
    delta_version: int
    first_batch: int
    last_batch: int
    archived_at: datetime
    restored_number: int | None = None
    restored_at: datetime | None = None

    @property
    def path(self) -> str:
        """Where its file lies, from the folder of the lake on."""
        return f"{FOLDER}/{self.table}/{self.partition}/{self.number:08}.parquet"

    @property
    def manifest_path(self) -> str:
        """Where its manifest lies."""
        return self.path.replace(".parquet", ".json")

    @property
    def day(self) -> date:
        """The day whose rows it holds."""
        return date.fromisoformat(self.partition.partition("=")[2])

    def up_to(self, number: int) -> "Part":
        """Return what is known of it when its table has come to a number."""
        if self.restored_number is None or self.restored_number <= number:
            return self
        return replace(self, restored_number=None, restored_at=None)

    def counts_at(self, number: int) -> bool:
        """Say whether its rows are in the archive when a table has come to a number."""
        return self.number <= number and (
            self.restored_number is None or self.restored_number > number
        )


def open_whole(
    lake: str, table: str, version: int | None = None, without: Collection[Part] = ()
) -> tuple[pds.Dataset, int]:
    """Return a version of a table together with what was in the archive then, and which it is.

    Args:
        lake: Location of the lake.
        table: `<layer>/<name>`.
        version: Version of the table; the newest by default.
        without: Parts to leave out.

    Raises:
        ArchiveDamagedError: The archive does not know all that was moved there.
    """
    opened = delta.open_table(f"{lake}/{table}", version)
    hot = opened.to_pyarrow_dataset()
    parts = [part for part in _counted(lake, table, opened) if part not in without]
    if parts:
        return pds.dataset([hot, _open_parts(lake, parts, hot.schema)]), opened.version()
    return hot, opened.version()


def read_whole(
    lake: str,
    table: str,
    columns: Sequence[str] | None = None,
    *,
    version: int | None = None,
    without: Collection[Part] = (),
) -> pa.Table:
    """Read a version of a table together with its archive: whole, or some of its columns."""
    dataset, _ = open_whole(lake, table, version, without)
    return dataset.to_table(columns=list(columns) if columns else None)


def archived_parts(lake: str, table: str, version: int | None = None) -> list[Part]:
    """Return what of a table is in the archive, at the newest version by default."""
    return _counted(lake, table, delta.open_table(f"{lake}/{table}", version))


def find_damage(lake: str, parts: Collection[Part]) -> dict[Part, str]:
    """Compare files with their manifests.

    Returns:
        What is wrong with each part that is not as it was written.
    """
    found = {}
    for part in parts:
        content = _read_file(lake, part.path)
        if content is None:
            found[part] = f"{part.path} is missing"
        elif hashlib.sha256(content).hexdigest() != part.checksum:
            found[part] = f"{part.path} is not what was written: its SHA-256 differs"
    return found


class TableArchive:
    """The archive of one table, to be written to; the caller holds the writer lock."""

    def __init__(self, lake: str, table: str, partition_by: str) -> None:
        """Open a table; the first move removes what an interrupted one has left behind.

        Args:
            lake: Location of the lake.
            table: `<layer>/<name>`.
            partition_by: Column by which it is partitioned, a date.
        """
        self._lake = lake
        self._table = table
        self._column = partition_by
        self._opened = delta.open_table(f"{lake}/{table}")
        self._number = _number_of(self._opened)
        self._is_tidy = False
        known = _known_parts(lake, table, self._number) if self._number else []
        self._parts = [p.up_to(self._number) for p in known if p.number <= self._number]
        # Opened once for all days: the rows of the others stay as they are while one is moved.
        self._hot: pds.Dataset = self._opened.to_pyarrow_dataset()

    @property
    def parts(self) -> list[Part]:
        """All that was ever moved, also what went back."""
        return self._parts

    def days(self) -> list[delta.PartitionStats]:
        """Return the days that are in the table."""
        return delta.partition_stats(self._opened, self._column)

    def last_batch(self, day: date) -> int:
        """Return the newest `ingest_batch` among the rows of a day that is in the table."""
        batches = self._hot.to_table(columns=[ARRIVAL], filter=self._of(day))
        return int(pc.max(batches[ARRIVAL]).as_py())

    def archive(
        self,
        day: delta.PartitionStats,
        at: datetime,
        pieces: Callable[[pa.Table], int | None],
    ) -> Part:
        """Move a day into the archive.

        Args:
            day: One of `days`.
            at: The clock in force.
            pieces: Counts the pieces of goods that rows tell of.

        Raises:
            ArchiveDamagedError: What was written does not read as it was; the day stays.
            ConcurrentWriteError: Somebody else writes to the table; the day stays.
        """
        self._tidy()
        found = self._hot.to_table(filter=self._of(day.value))
        rows = found.sort_by([(name, "ascending") for name in _ORDER])
        part = self._write(rows, day, at, pieces)
        verify(self._lake, part, rows, pieces)
        told = {"partition": part.partition, "rows": part.rows, "file": part.path}
        delta.delete_partition(
            self._opened, self._column, day.value, {APP_ID: part.number}, _metadata(told)
        )
        self._number = part.number
        self._parts.append(part)
        return part

    def restore(self, day: date, at: datetime) -> list[Part]:
        """Bring a day back into the table.

        Args:
            day: The day.
            at: The clock in force.

        Returns:
            The parts that went back.

        Raises:
            NotArchivedError: Nothing of this day is in the archive.
            ArchiveDamagedError: A file is missing or is not what was written; nothing went back.
            ConcurrentWriteError: Somebody else writes to the table; nothing went back.
        """
        chosen = [p for p in self._parts if p.day == day and p.counts_at(self._number)]
        if not chosen:
            days = sorted({str(p.day) for p in self._parts if p.counts_at(self._number)})
            held = f"one of {days[0]} to {days[-1]}" if days else "a table with archived days"
            raise NotArchivedError(
                f"{self._table} {day.isoformat()}: nothing is archived, expected {held}"
            )
        self._tidy()
        _refuse_damage(self._lake, chosen)
        rows = _open_parts(self._lake, chosen, self._hot.schema).to_table()
        number = self._number + 1
        back = [replace(part, restored_number=number, restored_at=at) for part in chosen]
        for part in back:
            _write_manifest(self._lake, part)
        told = {"partition": chosen[0].partition, "rows": rows.num_rows, "restored": True}
        delta.append(self._opened, rows, {APP_ID: number}, _metadata(told))
        self._number = number
        self._parts = [part for part in self._parts if part not in chosen] + back
        return back

    def _of(self, day: date) -> pc.Expression:
        return pc.field(self._column) == pa.scalar(day)

    def _write(
        self,
        rows: pa.Table,
        day: delta.PartitionStats,
        at: datetime,
        pieces: Callable[[pa.Table], int | None],
    ) -> Part:
        content = _to_parquet(rows)
        batches = pc.min_max(rows[ARRIVAL]).as_py()
        part = Part(
            table=self._table,
            partition=f"{self._column}={day.value.isoformat()}",
            number=self._number + 1,
            rows=rows.num_rows,
            pieces=pieces(rows),
            bytes=len(content),
            hot_bytes=day.size_bytes,
            checksum=hashlib.sha256(content).hexdigest(),
            fingerprint=_fingerprint(rows.schema),
            delta_version=self._opened.version(),
            first_batch=batches["min"],
            last_batch=batches["max"],
            archived_at=at,
        )
        _write_file(self._lake, part.path, content)
        _write_manifest(self._lake, part)
        return part

    def _tidy(self) -> None:
        """Remove what an interrupted move has left behind."""
        if self._is_tidy:
            return
        files = _files(self._lake)
        for path in _list_files(self._lake, self._table):
            name = PurePosixPath(path).name
            if int(name.partition(".")[0]) > self._number or name.endswith(_UNFINISHED):
                files.delete_file(path)
        for part in _from_manifests(self._lake, self._table):
            if part != part.up_to(self._number):
                _write_manifest(self._lake, part.up_to(self._number))
        self._is_tidy = True


def verify(lake: str, part: Part, rows: pa.Table, pieces: Callable[[pa.Table], int | None]) -> None:
    """Read a part back and compare it with what it was made from.

    Raises:
        ArchiveDamagedError: It does not read as it was.
    """
    _refuse_damage(lake, [part])
    back = _open_parts(lake, [part], rows.schema).to_table()
    same = back.equals(rows) and (back.num_rows, pieces(back)) == (part.rows, part.pieces)
    if not same:
        raise ArchiveDamagedError(
            f"{part.path}: reads otherwise than it was written; {part.partition} stays in "
            f"{part.table}"
        )


def write_log(lake: str, table: str, parts: Sequence[Part]) -> None:
    """Write what the manifests of a table say into `ops/retention_log`, if it is not there.

    Args:
        lake: Location of the lake.
        table: `<layer>/<name>`.
        parts: All its parts.
    """
    uri = f"{lake}/{LOG}"
    known = delta.read(uri).to_pylist() if delta.table_exists(uri) else []
    rows = [row for row in known if row["table"] != table] + [_to_row(part) for part in parts]
    rows.sort(key=lambda row: (row["table"], row["number"]))
    if rows != known:
        delta.replace(uri, pa.Table.from_pylist(rows, schema=LOG_SCHEMA), name=LOG)


def _to_row(part: Part) -> dict[str, Any]:
    # A part counts once the commit that deleted its day is there, made in the same run.
    return asdict(part) | {"deleted_at": part.archived_at}


def _counted(lake: str, table: str, opened: delta.Table) -> list[Part]:
    number = _number_of(opened)
    known = _known_parts(lake, table, number) if number else []
    return [part for part in known if part.counts_at(number)]


def _number_of(opened: delta.Table) -> int:
    return delta.read_offsets(opened, [APP_ID])[APP_ID] or 0


def _known_parts(lake: str, table: str, number: int) -> list[Part]:
    """Return all parts of a table up to a number: as logged, else as the manifests say.

    The log is written after the moves. It is complete when it knows every number.
    """
    known = _from_log(lake, table)
    if _lacks(known, number):
        known = _from_manifests(lake, table)
        if missing := _lacks(known, number):
            raise ArchiveDamagedError(
                f"{FOLDER}/{table}: nothing is known of move {min(missing)} of {number}, expected "
                "its manifest; restore the folder from a backup"
            )
    return known


def _lacks(parts: Sequence[Part], number: int) -> set[int]:
    known = {part.number for part in parts} | {part.restored_number for part in parts}
    return set(range(1, number + 1)) - known


def _from_log(lake: str, table: str) -> list[Part]:
    uri = f"{lake}/{LOG}"
    if not delta.table_exists(uri):
        return []
    rows = delta.as_dataset(uri).to_table(filter=pc.field("table") == table).to_pylist()
    names = {field.name for field in fields(Part)}
    return [Part(**{name: row[name] for name in names}) for row in rows]


def _from_manifests(lake: str, table: str) -> list[Part]:
    paths = [path for path in _list_files(lake, table) if path.endswith(".json")]
    return sorted(
        (_from_manifest(_read_file(lake, path) or b"{}") for path in paths),
        key=lambda part: part.number,
    )


def _from_manifest(content: bytes) -> Part:
    told = orjson.loads(content)
    for name in ("archived_at", "restored_at"):
        told[name] = datetime.fromisoformat(told[name]) if told[name] else None
    return Part(**told)


def _write_manifest(lake: str, part: Part) -> None:
    content = orjson.dumps(asdict(part), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    _write_file(lake, part.manifest_path, content)


def _metadata(told: Mapping[str, object]) -> dict[str, str]:
    return {METADATA: orjson.dumps(told).decode()}


def _refuse_damage(lake: str, parts: Collection[Part]) -> None:
    for what in find_damage(lake, parts).values():
        raise ArchiveDamagedError(f"{what}; restore it from a backup")


def _fingerprint(schema: pa.Schema) -> str:
    columns = "\n".join(f"{field.name} {field.type}" for field in schema)
    return hashlib.sha256(columns.encode()).hexdigest()


def _to_parquet(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    repeated = [name for name in rows.column_names if name not in delta.DISTINCT_COLUMNS]
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=repeated,
    )
    return bytes(sink.getvalue().to_pybytes())


def _open_parts(lake: str, parts: Sequence[Part], schema: pa.Schema) -> pds.Dataset:
    """Return parts as a dataset; files that a condition rules out are not opened."""
    files, form = _files(lake), pds.ParquetFileFormat()
    fragments = [
        form.make_fragment(
            part.path,
            filesystem=files,
            partition_expression=(
                (pc.field(part.partition.partition("=")[0]) == pa.scalar(part.day))
                & (pc.field(ARRIVAL) >= part.first_batch)
                & (pc.field(ARRIVAL) <= part.last_batch)
            ),
        )
        for part in parts
    ]
    return pds.FileSystemDataset(fragments, schema, form, files)


def _files(lake: str) -> pafs.FileSystem:
    system, path = pafs.FileSystem.from_uri(lake)
    return pafs.SubTreeFileSystem(path, system)


def _list_files(lake: str, table: str) -> list[str]:
    chosen = pafs.FileSelector(f"{FOLDER}/{table}", recursive=True, allow_not_found=True)
    found = _files(lake).get_file_info(chosen)
    return sorted(info.path for info in found if info.type == pafs.FileType.File)


def _read_file(lake: str, path: str) -> bytes | None:
    try:
        with _files(lake).open_input_stream(path) as stream:
            return bytes(stream.read())
    except FileNotFoundError:
        return None


def _write_file(lake: str, path: str, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    files = _files(lake)
    files.create_dir(str(PurePosixPath(path).parent), recursive=True)
    with files.open_output_stream(path + _UNFINISHED) as stream:
        stream.write(content)
    files.move(path + _UNFINISHED, path)
