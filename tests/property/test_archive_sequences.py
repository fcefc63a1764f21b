"""Whatever is received, archived, restored and interrupted, in whatever order: all is there once."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import archive, delta
from smartshelf_dagster.storage.archive import NotArchivedError, TableArchive, read_whole
from tests.helpers.visitors import STREAM, TABLE, files_of, frame, receive

DAYS = [date(2026, 1, day) for day in (1, 2, 3)]
AT = datetime(2026, 4, 10, tzinfo=UTC)
STEPS = [
    (archive, "_write_file"),
    (archive, "_write_manifest"),
    (archive, "verify"),
    (delta, "delete_partition"),
    (delta, "append"),
    (archive, "write_log"),
]


class Killed(BaseException):
    """The process ends here."""


actions = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(DAYS), st.integers(1, 4)),
    st.tuples(
        st.sampled_from(["archive", "restore"]),
        st.sampled_from(DAYS),
        st.one_of(st.none(), st.tuples(st.sampled_from(STEPS), st.booleans())),
    ),
)


def move(settings: Settings, what: str, day: date) -> None:
    kept = TableArchive(settings.lake, TABLE, "event_date")
    if what == "restore":
        kept.restore(day, AT)
    for held in kept.days() if what == "archive" else []:
        if held.value == day:
            kept.archive(held, AT, lambda rows: rows.num_rows)
    archive.write_log(settings.lake, TABLE, kept.parts)


def move_and_die(settings: Settings, what: str, day: date, step: tuple, *, after: bool) -> None:
    place, name = step
    done = getattr(place, name)

    def killed(*arguments: object, **more: object) -> None:
        if after:
            done(*arguments, **more)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, killed)
        try:
            move(settings, what, day)
        except (Killed, NotArchivedError):
            return


@pytest.mark.timeout(300)
@hypothesis_settings(max_examples=15, deadline=None, database=None)
@given(sequence=st.lists(actions, min_size=4, max_size=9))
def test_table_and_archive_together_are_what_was_received(
    tmp_path_factory: pytest.TempPathFactory, sequence: list[tuple]
) -> None:
    folder = tmp_path_factory.mktemp("lake")
    settings = load_settings(lake=str(folder))
    received = [receive(settings, DAYS[0], 2)]
    for what, day, detail in sequence:
        count = sum(rows.num_rows for rows in received)
        if what == "receive":
            received.append(receive(settings, day, detail, count))
        elif detail:
            move_and_die(settings, what, day, detail[0], after=detail[1])
        else:
            try:
                move(settings, what, day)
            except NotArchivedError:
                assert not any(
                    part.day == day for part in archive.archived_parts(settings.lake, TABLE)
                )
        everything = pa.concat_tables(received)
        assert_frame_equal(frame(read_whole(settings.lake, TABLE)), frame(everything))
        offsets = delta.read_offsets(delta.open_table(settings.table_uri(TABLE)), [STREAM])
        assert offsets == {STREAM: everything.num_rows}
    for day in DAYS:
        move(settings, "archive", day)
    parts = archive.archived_parts(settings.lake, TABLE)
    assert sum(part.rows for part in parts) == sum(rows.num_rows for rows in received)
    assert delta.read(settings.table_uri(TABLE)).num_rows == 0
    assert {Path(settings.lake, part.path) for part in parts} <= set(files_of(settings))
    shutil.rmtree(folder)
