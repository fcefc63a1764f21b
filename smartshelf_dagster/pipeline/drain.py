"""Draining: from Redis streams into the raw Delta tables, exactly once.

Belongs here: the order in which rejections, rows and offsets are written, and what a restart does.
Does not belong here: decoding (`streaming/`), Delta (`storage/`).

How nothing is lost and nothing comes twice, whatever is killed when:

1. The rows of a chunk and the offset of its last entry are one Delta commit. A restart reads on
   from there.
2. Rejections go to another table, first, under the same offset. After a crash between the two
   commits the entries are read again; what was refused stays refused and is not written twice,
   even if the clock or the reference data would now let it pass.
3. A second drain at the same time fails at its first commit: Delta sees that its offset moved.
4. Streams are trimmed only below the offset that the table shows.
"""

import base64
import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from smartshelf_dagster.contracts.tables import (
    QUARANTINE,
    UTC_MICROSECONDS,
    arrow_schema,
    raw_tables,
)
from smartshelf_dagster.domain.plausibility import Assortment, find_implausible
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.reference import read_reference
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.decode import (
    Decoded,
    RejectedEvent,
    decode_entries,
    event_payload,
)
from smartshelf_dagster.streaming.reader import Chunk, Segment, read_ahead, read_chunks
from smartshelf_dagster.streaming.topics import (
    COMMANDS,
    app_id,
    to_offset,
    to_stream_id,
    topic_streams,
    topics,
)

# Commands are read by staff as well; they stay on the stream for this long.
_COMMAND_RETENTION = timedelta(days=7)
_COMMITS_QUEUED = 2


@dataclass
class TopicReport:
    """What was drained from one topic.

    Attributes:
        events: Events received.
        rows: Rows added to the raw table.
        rejected: Events added to quarantine.
        commits: Commits to the raw table.
        version_before: Version of the raw table before.
        version: Version of the raw table afterwards.
        streams: Last committed id of each stream that had entries.
        kept: The rows added, when they were to be kept.
    """

    events: int = 0
    rows: int = 0
    rejected: int = 0
    commits: int = 0
    version_before: int = 0
    version: int = 0
    streams: dict[str, str] = field(default_factory=dict)
    kept: list[pa.Table] = field(default_factory=list)


@dataclass
class DrainReport:
    """What one drain did.

    Attributes:
        topics: Report of each topic.
        wall_s: Duration, seconds.
        exhausted: Whether all streams were empty at the end.
    """

    topics: dict[str, TopicReport] = field(default_factory=dict)
    wall_s: float = 0.0
    exhausted: bool = True

    @property
    def events(self) -> int:
        """Events received over all topics."""
        return sum(report.events for report in self.topics.values())

    @property
    def rejected(self) -> int:
        """Events added to quarantine over all topics."""
        return sum(report.rejected for report in self.topics.values())


def ensure_raw_tables(settings: Settings) -> dict[str, delta.Table]:
    """Open the raw tables and the quarantine, creating those that are not there."""
    contracts = [*raw_tables().values(), QUARANTINE]
    return {c.name: delta.ensure_table(settings.table_uri(c.table), c) for c in contracts}


def load_assortment(settings: Settings) -> Assortment:
    """Read which stores exist and what they carry."""
    stores = read_reference(settings, "stores")
    return Assortment.build(stores, read_reference(settings, "store_items"))


def drain(
    settings: Settings,
    client: Client,
    clock: Clock,
    *,
    only: Iterable[str] | None = None,
    on_progress: Callable[[int], None] | None = None,
    tables: Mapping[str, delta.Table] | None = None,
    assortment: Assortment | None = None,
    keep_rows: bool = False,
) -> DrainReport:
    """Move what is on the streams into the raw tables.

    Args:
        settings: Where the lake lies; how much to read at once and in all.
        client: Connection to the broker.
        clock: The clock in force.
        only: Topics to drain; all by default.
        on_progress: Called with the number of events after each commit.
        tables: What `ensure_raw_tables` gave, for a process that drains again and again.
        assortment: What `load_assortment` gave, for the same.
        keep_rows: Whether the report holds the rows as well.

    Raises:
        ConcurrentWriteError: Another drain runs on this lake.
        StreamRewoundError: A stream ends before its committed offset.
    """
    started = time.perf_counter()
    if tables is None:
        tables = ensure_raw_tables(settings)
    else:
        for table in tables.values():
            table.update_incremental()
    if assortment is None:
        assortment = load_assortment(settings)
    context = _Context(settings, client, clock, assortment, on_progress, keep_rows=keep_rows)
    report = DrainReport()
    left = settings.max_run_events
    for topic in only or topics():
        done = _TopicDrain(context, topic, tables[topic], tables[QUARANTINE.name]).run(left)
        report.topics[topic] = done
        left -= done.events
        if left <= 0:
            report.exhausted = False
            break
    report.wall_s = time.perf_counter() - started
    return report


@dataclass(frozen=True)
class _Context:
    """What all topics of one drain share."""

    settings: Settings
    client: Client
    clock: Clock
    assortment: Assortment
    on_progress: Callable[[int], None] | None
    keep_rows: bool


class _TopicDrain:
    """Drains the streams of one topic."""

    def __init__(
        self, context: _Context, topic: str, table: delta.Table, quarantine: delta.Table
    ) -> None:
        self._context = context
        self._topic = topic
        self._table = table
        self._quarantine = quarantine
        self._streams = topic_streams(topic, context.assortment.stores.to_pylist())
        self._report = TopicReport(version_before=table.version(), version=table.version())
        self._offsets: dict[str, int | None] = {}
        self._refused: dict[str, int | None] = {}
        self._decided: set[tuple[str, str, int]] = set()

    def run(self, max_events: int) -> TopicReport:
        self._read_offsets()
        chunks = read_chunks(
            self._context.client,
            self._context.clock,
            self._topic,
            self._offsets,
            chunk_events=self._context.settings.max_batch_events,
            max_events=max_events,
        )
        with _CommitThread(self._commit, self._context.on_progress) as commits:
            for chunk in read_ahead(chunks):
                commits.put(self._decode(chunk))
        self._trim()
        return self._report

    def _read_offsets(self) -> None:
        ids = {stream: app_id(stream) for stream in self._streams}
        rows = delta.read_offsets(self._table, ids.values())
        refused = delta.read_offsets(self._quarantine, ids.values())
        self._offsets = {stream: rows[i] for stream, i in ids.items()}
        self._refused = {stream: refused[i] for stream, i in ids.items()}
        unfinished = [s for s in ids if (self._refused[s] or 0) > (self._offsets[s] or 0)]
        if unfinished:
            self._decided = self._read_decisions(unfinished)

    def _read_decisions(self, streams: list[str]) -> set[tuple[str, str, int]]:
        """Read what was refused by a drain that died before it committed the rows."""
        dataset, _ = archive.open_whole(self._context.settings.lake, QUARANTINE.table)
        rows = dataset.to_table(
            columns=["stream", "stream_id", "entry_index"],
            filter=pc.field("stream").isin(streams),
        ).to_pylist()
        return {
            (row["stream"], row["stream_id"], row["entry_index"])
            for row in rows
            if to_offset(row["stream_id"]) > (self._offsets[row["stream"]] or 0)
        }

    def _decode(self, chunk: Chunk) -> "_Commit":
        parts = [self._decode_segment(segment, chunk.now) for segment in chunk.segments]
        return _Commit(
            rows=pa.concat_tables([rows for rows, _, _ in parts]),
            rejected=[row for _, rejected, _ in parts for row in rejected],
            events=sum(events for _, _, events in parts),
            last_ids={segment.stream: segment.last_id for segment in chunk.segments},
            now=chunk.now,
        )

    def _decode_segment(
        self, segment: Segment, now: datetime
    ) -> tuple[pa.Table, list[dict[str, Any]], int]:
        decoded = decode_entries(self._topic, segment.entries)
        self._refuse_implausible(decoded, segment, now)
        events = decoded.events
        rejected = [r for r in decoded.rejected if self._place(segment, r) not in self._decided]
        rows = decoded.rows
        if self._decided:
            places = rows.select(["stream_id", "entry_index"]).to_pylist()
            decided = [(segment.stream, *place.values()) in self._decided for place in places]
            rows = rows.filter(pc.invert(pa.array(decided, pa.bool_())))
        ingested = rows.append_column("stream", pa.repeat(segment.stream, rows.num_rows))
        return ingested, [self._rejected_row(segment, r, now) for r in rejected], events

    @staticmethod
    def _place(segment: Segment, rejected: RejectedEvent) -> tuple[str, str, int]:
        return segment.stream, rejected.stream_id, rejected.entry_index

    def _refuse_implausible(self, decoded: Decoded, segment: Segment, now: datetime) -> None:
        ahead = timedelta(seconds=self._context.settings.max_clock_ahead_s)
        findings = find_implausible(decoded.rows, self._context.assortment, now, ahead)
        if not findings:
            return
        entries = {entry_id.decode("ascii"): fields for entry_id, fields in segment.entries}
        for finding in findings:
            stream_id = decoded.rows["stream_id"][finding.row].as_py()
            index = decoded.rows["entry_index"][finding.row].as_py()
            payload = event_payload(entries[stream_id], index)
            decoded.rejected.append(RejectedEvent(stream_id, index, payload, finding.rejection))
        refused = pa.array([finding.row for finding in findings], pa.int64())
        positions = pa.array(range(decoded.rows.num_rows), pa.int64())
        decoded.rows = decoded.rows.filter(pc.invert(pc.is_in(positions, refused)))

    def _rejected_row(
        self, segment: Segment, event: RejectedEvent, now: datetime
    ) -> dict[str, Any]:
        try:
            payload, encoding = event.payload.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            payload, encoding = base64.b64encode(event.payload).decode("ascii"), "base64"
        return {
            "topic": self._topic,
            "stream": segment.stream,
            "stream_id": event.stream_id,
            "entry_index": event.entry_index,
            "reason_code": event.rejection.code.value,
            "reason": event.rejection.reason,
            "event_id": event.rejection.event_id,
            "payload": payload,
            "payload_encoding": encoding,
            "ingest_ts": now,
            "ingest_date": now.date(),
        }

    def _commit(self, commit: "_Commit") -> int:
        offsets = {stream: to_offset(last) for stream, last in commit.last_ids.items()}
        if commit.rejected:
            self._append_rejected(commit.rejected, offsets)
        self._append_rows(commit, offsets)
        self._report.events += commit.events
        self._report.rejected += len(commit.rejected)
        self._report.commits += 1
        self._report.streams |= commit.last_ids
        return commit.events

    def _append_rejected(self, rejected: list[dict[str, Any]], offsets: dict[str, int]) -> None:
        batch = self._quarantine.version() + 1
        rows = [row | {"ingest_batch": batch} for row in rejected]
        # A chunk after a crash may be shorter than the one before it: never move backwards.
        reached = {s: max(o, self._refused[s] or 0) for s, o in offsets.items()}
        delta.append(
            self._quarantine,
            pa.Table.from_pylist(rows, schema=arrow_schema(QUARANTINE)),
            {app_id(stream): offset for stream, offset in reached.items()},
        )
        self._refused |= reached

    def _append_rows(self, commit: "_Commit", offsets: dict[str, int]) -> None:
        schema = arrow_schema(raw_tables()[self._topic])
        count = commit.rows.num_rows
        constant = {
            "ingest_ts": pa.repeat(pa.scalar(commit.now, UTC_MICROSECONDS), count),
            "ingest_batch": pa.repeat(pa.scalar(self._table.version() + 1, pa.int64()), count),
        }
        columns = [
            constant[name] if name in constant else commit.rows[name] for name in schema.names
        ]
        batch = {
            "events": commit.events,
            "rows": count,
            "from": {s: to_stream_id(self._offsets[s] or 0) for s in offsets},
            "to": commit.last_ids,
        }
        rows = pa.Table.from_arrays(columns, schema=schema)
        info = delta.append(
            self._table,
            rows,
            {app_id(stream): offset for stream, offset in offsets.items()},
            {"smartshelf.drain": orjson.dumps(batch).decode()},
        )
        self._offsets |= offsets
        self._report.rows += count
        if self._context.keep_rows:
            self._report.kept.append(rows)
        self._report.version = info.version

    def _trim(self) -> None:
        """Give back the memory of entries that the table holds."""
        keep_from = None
        if self._topic == COMMANDS:
            seconds, _ = self._context.client.time()
            keep_from = to_offset(f"{int((seconds - _COMMAND_RETENTION.total_seconds()) * 1000)}-0")
        for stream in self._report.streams:
            first_kept = (self._offsets[stream] or 0) + 1
            if keep_from is not None:
                first_kept = min(first_kept, keep_from)
            self._context.client.xtrim(stream, minid=to_stream_id(first_kept), approximate=False)


@dataclass(frozen=True)
class _Commit:
    """A decoded chunk, ready to be written."""

    rows: pa.Table
    rejected: list[dict[str, Any]]
    events: int
    last_ids: dict[str, str]
    now: datetime


class _CommitThread:
    """Writes commits in order while the next chunk is being decoded."""

    def __init__(
        self, commit: Callable[[_Commit], int], on_progress: Callable[[int], None] | None
    ) -> None:
        self._commit = commit
        self._on_progress = on_progress
        self._queue: queue.Queue[_Commit | None] = queue.Queue(_COMMITS_QUEUED)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._queue.put(None)
        self._thread.join()
        if self._error and kind is None:
            raise self._error

    def put(self, commit: _Commit) -> None:
        """Queue a commit.

        Raises:
            BaseException: What an earlier commit failed with; nothing after it is written.
        """
        if self._error:
            raise self._error
        self._queue.put(commit)

    def _work(self) -> None:
        while (commit := self._queue.get()) is not None:
            if self._error:
                continue
            try:
                events = self._commit(commit)
            except BaseException as error:  # noqa: BLE001 - raised in the thread that decodes
                self._error = error
                continue
            if self._on_progress:
                self._on_progress(events)
