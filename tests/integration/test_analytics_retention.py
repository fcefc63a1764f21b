"""Retention of a whole lake: nobody notices that old days have left the raw tables."""

import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.contracts.tables import QUARANTINE, raw_tables
from smartshelf_dagster.domain.retention import POLICY, RULES, RetentionError
from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.analytics import VERSIONS
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.publish import read_publication
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.pipeline.registry import append_rows, read_rows
from smartshelf_dagster.pipeline.retention import (
    NothingToArchiveError,
    archive_lake,
    restore_day,
    retain,
)
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.archive import LOG, archived_parts, read_whole
from smartshelf_dagster.storage.warehouse import read_serving
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.golden import END, line, receipt
from tests.helpers.predictions import cutoff_at, predictions
from tests.helpers.visitors import files_of

RAW = [*(contract.table for contract in raw_tables().values()), QUARANTINE.table]
FIRST, SECOND, THIRD = (date(2025, 3, day) for day in (3, 4, 5))


@pytest.fixture
def lake(golden: tuple[Settings, DrainReport], tmp_path: Path) -> Settings:
    """A copy of the golden days, published and analysed."""
    shutil.copytree(golden[0].lake, tmp_path / "golden")
    return load_settings(lake=str(tmp_path / "golden"))


def rows(settings: Settings, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(table))))


def received(settings: Settings) -> dict[str, pl.DataFrame]:
    """All rows of the raw tables, with the archive."""
    key = ["stream", "stream_id", "entry_index"]
    return {
        table: pl.DataFrame(pl.from_arrow(read_whole(settings.lake, table))).sort(key)
        for table in RAW
    }


def hot_days(settings: Settings, table: str) -> set[date]:
    return set(rows(settings, table)["event_date"])


def analysed(settings: Settings) -> dict[str, pl.DataFrame]:
    return {table: rows(settings, table) for table in rows(settings, VERSIONS)["table"]}


def assert_same(left: dict[str, pl.DataFrame], right: dict[str, pl.DataFrame]) -> None:
    assert left.keys() == right.keys()
    for table, frame in left.items():
        assert_frame_equal(frame, right[table], check_row_order=False)


def test_a37_old_days_are_archived_whole_before_they_go_and_the_newer_stay(lake: Settings) -> None:
    before = received(lake)
    lines = rows(lake, "raw/pos_transactions").height
    report = retain(lake, older_than=1)
    assert report.by_table == {
        "raw/shelf_events": 2, "raw/pos_transactions": 2, "raw/warehouse_events": 1,
    }  # fmt: skip
    assert hot_days(lake, "raw/pos_transactions") == {THIRD}
    parts = archived_parts(lake.lake, "raw/pos_transactions")
    assert [(part.day, part.pieces) for part in parts] == [(FIRST, 11), (SECOND, 6)]
    kept = rows(lake, "raw/pos_transactions").height
    assert kept + sum(part.rows for part in parts) == lines
    assert_same(received(lake), before)


def test_summaries_of_archived_days_are_the_same_also_when_built_anew(lake: Settings) -> None:
    before, audited = analysed(lake), audit(lake)
    archive_lake(lake, older_than=1)
    after = audit(lake)
    assert after.clean, after.details
    assert after == audited
    analyse(lake, END)
    assert_same(analysed(lake), before)
    assert rebuild(lake).by_table == {}
    analyse(lake, END)
    assert_same(analysed(lake), before)
    assert audit(lake) == audited


def test_everything_comes_back_from_the_archive_alone(lake: Settings, client: Client) -> None:
    """Four quiet days later every event is archived, the refused one by the day of its refusal."""
    client.set(SIM_NOW_KEY, "2025-03-09T00:00:00Z")
    session = LakeSession(lake, client)
    session.build(session.as_of())
    session.publish()
    before, audited = rows(lake, "cleansed/sales_lines"), audit(lake)
    assert archive_lake(lake, older_than=1).by_table[QUARANTINE.table] == 1
    assert [rows(lake, table).height for table in RAW] == [0] * len(RAW)
    assert audit(lake) == audited
    assert audited.quarantined == 1
    summary, newest = read_serving(
        lake.serving_path, "from dq.quarantine_summary", "from dq.quarantine_latest"
    )
    assert (summary["events"].to_pylist(), newest.num_rows) == ([1], 0)
    for layer in Path(lake.lake).iterdir():
        if layer.name not in {"raw", "ref", "archive"}:
            shutil.rmtree(layer)
    rebuild(lake)
    publication = read_publication(lake)
    assert publication is not None
    assert publication.as_of == END
    assert_frame_equal(rows(lake, "cleansed/sales_lines"), before, check_row_order=False)
    assert audit(lake) == audited


def test_restored_day_has_identical_rows_and_stays_for_a_week(lake: Settings) -> None:
    of_day = pl.col("event_date") == SECOND
    before = rows(lake, "raw/pos_transactions").filter(of_day)
    silver = rows(lake, "cleansed/sales_lines")
    retain(lake, older_than=1)
    assert restore_day(lake, "raw/pos_transactions", SECOND).rows == before.height
    assert hot_days(lake, "raw/pos_transactions") == {SECOND, THIRD}
    after = rows(lake, "raw/pos_transactions").filter(of_day)
    assert_frame_equal(after, before, check_row_order=False)
    assert audit(lake).clean
    assert rebuild(lake).by_table == {}
    assert_frame_equal(rows(lake, "cleansed/sales_lines"), silver, check_row_order=False)
    assert retain(lake, older_than=1).partitions == 0


def test_events_go_on_and_late_ones_reach_days_that_were_archived(
    lake: Settings, client: Client
) -> None:
    retain(lake, older_than=1)
    now = END + timedelta(hours=3)
    client.set(SIM_NOW_KEY, now.strftime("%Y-%m-%dT%H:%M:%SZ"))
    for name, time in (("new", "2025-03-06T02:00:00Z"), ("late", "2025-03-03T11:00:00Z")):
        send_batches(client, *as_sent(receipt(name, "S2", time, [line(1, "P3", 1, 2.5)])))
    session = LakeSession(lake, client)
    session.turn()
    assert hot_days(lake, "raw/pos_transactions") == {FIRST, THIRD, now.date()}
    # Sent again, what is archived counts once all the same.
    send_batches(
        client, *as_sent(receipt("T3", "S2", "2025-03-03T18:15:00Z", [line(1, "P3", 4, 2.5)]))
    )
    session.turn()
    assert retain(lake, older_than=1).by_table == {"raw/pos_transactions": 1}
    report = audit(lake)
    assert report.clean, report.details
    commands = rows(lake, "raw/commands").height
    assert (report.events, report.duplicates) == (13 + 3 + commands, 2)
    assert rebuild(lake).by_table == {}
    sold = rows(lake, "cleansed/sales_lines").filter(pl.col("business_date") == FIRST)
    assert set(sold["transaction_id"]) == {"T1", "T2", "T3", "late"}


def as_sent(event: tuple[str, bytes]) -> tuple[str, list[bytes], int]:
    stream, payload = event
    return stream, [payload], 1


def test_run_that_ended_before_it_published_is_made_good_by_the_next(lake: Settings) -> None:
    retain(lake, older_than=1)
    assert archive_lake(lake, older_than=1).partitions == 0
    publication = read_publication(lake)
    assert publication is not None
    for table in ("raw/pos_transactions", "raw/shelf_events"):
        newest = delta.open_table(lake.table_uri(table)).version()
        assert publication.raw_versions[table] == newest


def test_events_that_nothing_published_contains_stay(lake: Settings, client: Client) -> None:
    client.set(SIM_NOW_KEY, END.strftime("%Y-%m-%dT%H:%M:%SZ"))
    late = receipt("late", "S2", "2025-03-03T11:00:00Z", [line(1, "P3", 1, 2.5)])
    send_batches(client, *as_sent(late))
    LakeSession(lake, client).drain()
    report = retain(lake, older_than=1)
    assert report.waiting == 1
    assert hot_days(lake, "raw/pos_transactions") == {FIRST, THIRD}


def test_dry_run_says_what_would_be_and_changes_nothing(lake: Settings) -> None:
    said = retain(lake, older_than=1, dry_run=True)
    assert files_of(lake) == []
    assert not delta.table_exists(lake.table_uri(POLICY))
    done = retain(lake, older_than=1)
    assert said.archive_bytes == 0 < done.archive_bytes
    assert (said.partitions, said.rows, said.hot_bytes, said.by_table) == (
        done.partitions, done.rows, done.hot_bytes, done.by_table,
    )  # fmt: skip
    assert retain(lake, older_than=1).partitions == 0


def test_ninety_days_stay_unless_something_else_is_set(lake: Settings) -> None:
    assert retain(lake).partitions == 0
    fewer = load_settings(lake=lake.lake, retention_days="events=1")
    assert retain(fewer, dry_run=True).partitions == 5
    earlier = retain(fewer, as_of=END - timedelta(days=1), dry_run=True)
    assert earlier.by_table == {
        "raw/shelf_events": 1, "raw/pos_transactions": 1, "raw/warehouse_events": 1,
    }  # fmt: skip
    with pytest.raises(RetentionError, match=r"as_of 2025-03-06T00:00:01.*the time that was publ"):
        retain(fewer, as_of=END + timedelta(seconds=1))
    with pytest.raises(RetentionError, match="quarantine=0, expected a whole number"):
        retain(load_settings(lake=lake.lake, retention_days="quarantine=0"))


def test_readers_see_the_rules_and_what_was_moved(lake: Settings) -> None:
    archive_lake(lake, older_than=1)
    names = [table.replace("/", ".") for table in (POLICY, LOG)]
    policy, log = read_serving(lake.serving_path, *(f"from {name}" for name in names))
    told = {row["subject"]: row for row in policy.to_pylist()}
    assert told.keys() == {rule.subject for rule in RULES}
    assert (told["events"]["days"], told["forecasts"]["days"]) == (1, 400)
    moved = log.to_pylist()
    assert len(moved) == 5
    assert {(row["archived_at"], row["deleted_at"]) for row in moved} == {(END, END)}
    for row in moved:
        file = f"{lake.lake}/archive/{row['table']}/{row['partition']}/{row['number']:08}.parquet"
        assert Path(file).stat().st_size == row["bytes"]


def test_audit_counts_the_events_of_a_damaged_file_as_lost(lake: Settings) -> None:
    retain(lake, older_than=1)
    part = archived_parts(lake.lake, "raw/pos_transactions")[0]
    (Path(lake.lake) / part.path).write_bytes(b"PAR1")
    report = audit(lake)
    assert report.lost == part.rows == 4
    assert f"{part.path} is not what was written: its SHA-256 differs" in report.details


def test_old_forecasts_go_for_good(lake: Settings) -> None:
    old, new = (cutoff_at(datetime(*day, 12, tzinfo=UTC)) for day in ((2025, 2, 20), (2026, 3, 29)))
    for cutoff in (old, new):
        append_rows(lake, "ml/predictions", predictions(cutoff, {("S001", "A"): 1}))
    assert retain(lake, dry_run=True).deleted_rows == 36
    assert retain(lake).deleted_rows == 36
    assert set(read_rows(lake, "ml/predictions")["origin_ts"]) == {new.cutoff_ts}


def test_lake_that_was_never_published_is_left_alone(settings: Settings) -> None:
    with pytest.raises(NothingToArchiveError, match="nothing is published yet, expected"):
        archive_lake(settings)
