"""The archive of a table: lossless, exactly once whatever is killed when, and loud when damaged."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.archive import (
    ArchiveDamagedError,
    NotArchivedError,
    Part,
    TableArchive,
    archived_parts,
    find_damage,
    open_whole,
    read_whole,
)
from tests.helpers.visitors import STREAM, TABLE, files_of, frame, receive

DAYS = [date(2026, 1, day) for day in (1, 2, 3)]
AT = datetime(2026, 4, 10, tzinfo=UTC)


class Killed(BaseException):
    """The process ends here."""


def opened(settings: Settings) -> TableArchive:
    return TableArchive(settings.lake, TABLE, "event_date")


def count(rows: pa.Table) -> int:
    return rows.num_rows


def archive_days(settings: Settings, *days: date) -> TableArchive:
    kept = opened(settings)
    for day in kept.days():
        if day.value in days:
            kept.archive(day, AT, count)
    archive.write_log(settings.lake, TABLE, kept.parts)
    return kept


def restore(settings: Settings, day: date) -> list[Part]:
    kept = opened(settings)
    back = kept.restore(day, AT)
    archive.write_log(settings.lake, TABLE, kept.parts)
    return back


@pytest.fixture
def received(settings: Settings) -> pa.Table:
    """Three days, the second of them in two commits."""
    sizes = [(DAYS[0], 5), (DAYS[1], 7), (DAYS[2], 3), (DAYS[1], 2)]
    rows, first = [], 0
    for day, size in sizes:
        rows.append(receive(settings, day, size, first))
        first += size
    return pa.concat_tables(rows)


def test_archived_days_are_in_files_and_nothing_else_has_changed(
    settings: Settings, received: pa.Table
) -> None:
    archive_days(settings, *DAYS[:2])
    hot = delta.read(settings.table_uri(TABLE))
    assert set(hot["event_date"].to_pylist()) == {DAYS[2]}
    parts = archived_parts(settings.lake, TABLE)
    assert [(part.day, part.rows, part.pieces) for part in parts] == [
        (DAYS[0], 5, 5), (DAYS[1], 9, 9),
    ]  # fmt: skip
    files = [pq.ParquetFile(f"{settings.lake}/{part.path}") for part in parts]
    assert [file.metadata.num_rows for file in files] == [5, 9]
    assert files[0].metadata.row_group(0).column(0).compression == "ZSTD"
    assert hot.num_rows + sum(part.rows for part in parts) == received.num_rows
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))


def test_offsets_of_the_drain_survive_with_checkpoint_and_clean_up(
    settings: Settings, received: pa.Table
) -> None:
    archive_days(settings, *DAYS[:2])
    table = delta.open_table(settings.table_uri(TABLE))
    table.create_checkpoint()
    table.cleanup_metadata()
    assert delta.read_offsets(delta.open_table(table.table_uri), [STREAM]) == {STREAM: 17}
    assert archived_parts(settings.lake, TABLE)


def test_commit_says_what_it_was_for(settings: Settings, received: pa.Table) -> None:
    archive_days(settings, DAYS[0])
    told = delta.open_table(settings.table_uri(TABLE)).history(1)[0]
    assert told["operation"] == "DELETE"
    assert orjson.loads(told["smartshelf.archive"]) == {
        "partition": "event_date=2026-01-01",
        "rows": 5,
        "file": "archive/raw/foot_traffic/event_date=2026-01-01/00000001.parquet",
    }


def test_builds_of_what_is_new_open_no_file_of_the_archive(
    settings: Settings, received: pa.Table
) -> None:
    archive_days(settings, *DAYS[:2])
    newest = receive(settings, date(2026, 4, 9), 1, 100)
    for file in files_of(settings):
        if file.suffix == ".parquet":
            file.unlink()
    bound = newest["ingest_batch"][0].as_py() - 1
    dataset, _ = open_whole(settings.lake, TABLE)
    new = dataset.to_table(filter=pc.field("ingest_batch") > bound)
    assert new["event_id"].to_pylist() == ["visitor-100"]


def test_older_versions_read_as_they_were(settings: Settings, received: pa.Table) -> None:
    before = delta.open_table(settings.table_uri(TABLE)).version()
    archive_days(settings, *DAYS)
    receive(settings, DAYS[0], 4, 50)
    archive_days(settings, DAYS[0])
    for version in range(before, delta.open_table(settings.table_uri(TABLE)).version() + 1):
        whole = frame(read_whole(settings.lake, TABLE, version=version))
        known = whole.filter(whole["ingest_batch"] <= before)
        assert_frame_equal(known, frame(received))
        assert whole.height - known.height == (4 if version > before + 3 else 0)


def test_a_day_to_which_events_came_late_has_two_parts(
    settings: Settings, received: pa.Table
) -> None:
    archive_days(settings, DAYS[0])
    late = receive(settings, DAYS[0], 4, 50)
    kept = archive_days(settings, DAYS[0])
    assert [(part.number, part.rows) for part in kept.parts] == [(1, 5), (2, 4)]
    everything = pa.concat_tables([received, late])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(everything))


def test_restored_day_has_the_rows_it_had(settings: Settings, received: pa.Table) -> None:
    uri = settings.table_uri(TABLE)
    of_day = pc.field("event_date") == DAYS[1]
    before = delta.as_dataset(uri).to_table(filter=of_day)
    archive_days(settings, *DAYS[:2])
    back = restore(settings, DAYS[1])
    assert_frame_equal(frame(delta.as_dataset(uri).to_table(filter=of_day)), frame(before))
    assert [(part.restored_number, part.restored_at) for part in back] == [(3, AT)]
    assert [part.day for part in archived_parts(settings.lake, TABLE)] == [DAYS[0]]
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))
    archive_days(settings, DAYS[1])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))


def kill(patch: pytest.MonkeyPatch, place: object, name: str, when: str) -> None:
    """Let a process end before or after a step."""
    step: Callable[..., object] = getattr(place, name)

    def killed(*arguments: object, **more: object) -> object:
        if when == "after":
            step(*arguments, **more)
        raise Killed

    patch.setattr(place, name, killed)


STEPS = [
    (archive, "_to_parquet"),
    (archive, "_write_file"),
    (archive, "_write_manifest"),
    (archive, "verify"),
    (delta, "delete_partition"),
    (archive, "write_log"),
    (delta, "replace"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("place", "name"), STEPS, ids=[name for _, name in STEPS])
def test_archiving_killed_anywhere_loses_and_doubles_nothing(
    settings: Settings, received: pa.Table, place: object, name: str, when: str
) -> None:
    archive_days(settings, DAYS[0])
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place, name, when)
        with pytest.raises(Killed):
            archive_days(settings, DAYS[1])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))
    # Another day has its turn first: what is left of the one before must not be taken for it.
    archive_days(settings, DAYS[2])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))
    kept = archive_days(settings, *DAYS)
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))
    assert delta.read(settings.table_uri(TABLE)).num_rows == 0
    assert len(files_of(settings)) == 2 * len(kept.parts)
    assert delta.read(f"{settings.lake}/{archive.LOG}").num_rows == len(kept.parts)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    ("place", "name"), [(archive, "_write_manifest"), (delta, "append"), (archive, "write_log")]
)
def test_restoring_killed_anywhere_loses_and_doubles_nothing(
    settings: Settings, received: pa.Table, place: object, name: str, when: str
) -> None:
    archive_days(settings, DAYS[1])
    receive(settings, DAYS[1], 1, 90)
    archive_days(settings, *DAYS[:2])
    everything = frame(read_whole(settings.lake, TABLE))
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place, name, when)
        with pytest.raises(Killed):
            restore(settings, DAYS[1])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), everything)
    archive_days(settings, DAYS[2])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), everything)
    archive_days(settings, *DAYS)
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), everything)


def test_restoring_killed_after_an_archive_run_that_never_logged(
    settings: Settings, received: pa.Table
) -> None:
    """What the manifests say of a restore that never was must not become true later."""
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, archive, "write_log", "before")
        with pytest.raises(Killed):
            archive_days(settings, DAYS[1])
        kill(patch, delta, "append", "before")
        with pytest.raises(Killed):
            restore(settings, DAYS[1])
    archive_days(settings, DAYS[0])
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))


def test_raw_table_of_an_older_backup_fits_the_archive(
    settings: Settings, received: pa.Table, tmp_path: Path
) -> None:
    archive_days(settings, DAYS[0])
    shutil.copytree(settings.table_uri(TABLE), tmp_path / "backup")
    archive_days(settings, DAYS[1], DAYS[2])
    shutil.rmtree(settings.table_uri(TABLE))
    shutil.copytree(tmp_path / "backup", settings.table_uri(TABLE))
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))
    for day in (DAYS[2], DAYS[1]):
        kept = archive_days(settings, day)
        assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))
    assert len(files_of(settings)) == 2 * len(kept.parts) == 6


def test_events_that_come_while_a_day_is_moved_stay_in_the_table(
    settings: Settings, received: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock forbids it; the log of the table would not let it pass either."""
    late: list[pa.Table] = []
    verify = archive.verify

    def verify_slowly(*arguments: object) -> None:
        verify(*arguments)
        late.append(receive(settings, DAYS[0], 2, 70))

    monkeypatch.setattr(archive, "verify", verify_slowly)
    kept = opened(settings)
    with pytest.raises(delta.ConcurrentWriteError, match="Nothing was deleted"):
        kept.archive(kept.days()[0], AT, count)
    assert_frame_equal(
        frame(read_whole(settings.lake, TABLE)), frame(pa.concat_tables([received, *late]))
    )


def test_file_that_does_not_read_as_it_was_written_keeps_the_day_in_the_table(
    settings: Settings, received: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_parquet = archive._to_parquet
    monkeypatch.setattr(archive, "_to_parquet", lambda rows: to_parquet(rows.slice(1)))
    kept = opened(settings)
    with pytest.raises(ArchiveDamagedError, match="reads otherwise than it was written"):
        kept.archive(kept.days()[0], AT, count)
    assert delta.read(settings.table_uri(TABLE)).num_rows == received.num_rows


@pytest.mark.parametrize("lose", [True, False])
def test_damage_is_named_and_nothing_comes_back_from_it(
    settings: Settings, received: pa.Table, lose: bool
) -> None:
    kept = archive_days(settings, DAYS[0])
    file = files_of(settings)[1]
    if lose:
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"?")
    part = kept.parts[0]
    wrong = "is missing" if lose else "is not what was written: its SHA-256 differs"
    assert find_damage(settings.lake, kept.parts) == {part: f"{part.path} {wrong}"}
    with pytest.raises(ArchiveDamagedError, match=r"00000001\.parquet is .*backup"):
        kept.restore(DAYS[0], AT)


def test_log_that_is_gone_is_made_good_by_the_manifests(
    settings: Settings, received: pa.Table
) -> None:
    kept = archive_days(settings, *DAYS[:2])
    shutil.rmtree(f"{settings.lake}/{archive.LOG}")
    assert archived_parts(settings.lake, TABLE) == kept.parts
    assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(received))


def test_manifest_that_is_gone_with_the_log_is_named(
    settings: Settings, received: pa.Table
) -> None:
    archive_days(settings, *DAYS[:2])
    shutil.rmtree(f"{settings.lake}/{archive.LOG}")
    files_of(settings)[0].unlink()
    with pytest.raises(ArchiveDamagedError, match="nothing is known of move 1 of 2"):
        read_whole(settings.lake, TABLE)


def test_day_that_is_not_archived_is_refused_with_those_that_are(
    settings: Settings, received: pa.Table
) -> None:
    kept = archive_days(settings, *DAYS[:2])
    message = r"raw/foot_traffic 2026-01-03: nothing is archived, expected .*-01 to 2026-01-02"
    with pytest.raises(NotArchivedError, match=message):
        kept.restore(DAYS[2], AT)
