"""The audit finds what is wrong, and only that."""

import shutil
from datetime import timedelta

import polars as pl
import pytest

from smartshelf_dagster.pipeline import audit as audits
from smartshelf_dagster.pipeline.audit import AuditReport, NothingToAuditError, audit
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.delta import write_deltalake
from tests.helpers.world import Recording


def break_table(
    settings: Settings, table: str, change: pl.Expr | None = None, **write: object
) -> None:
    """Change a published table and let the publication point at the result."""
    uri = settings.table_uri(table)
    frame = pl.DataFrame(pl.from_arrow(delta.read(uri)))
    if change is not None:
        frame = frame.with_columns(change)
    write_deltalake(uri, frame.to_arrow(), mode="overwrite", **write)


def audit_newest(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AuditReport:
    """Audit the newest versions instead of those that were published together."""
    monkeypatch.setattr(audits._Lake, "_version", lambda *_: None)
    return audit(settings)


def test_audit_living_lake_is_clean(recorded: Recording) -> None:
    report = audit(recorded.settings, as_of=recorded.now - timedelta(hours=3))
    assert report.clean, report.details
    assert report.events > 5_000
    assert report.duplicates > 100


def test_audit_nothing_published_says_so(settings: Settings) -> None:
    with pytest.raises(NothingToAuditError, match="nothing is published yet"):
        audit(settings)


def test_audit_lost_events_are_counted(
    recorded_copy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = recorded_copy.table_uri("raw/foot_traffic")
    frame = pl.DataFrame(pl.from_arrow(delta.read(uri)))
    doomed = frame["stream_id"][0]
    delta.open_table(uri).delete(f"stream_id = '{doomed}' and entry_index = 0")
    report = audit_newest(recorded_copy, monkeypatch)
    assert report.lost == 1
    assert not report.clean


def test_audit_skipped_batch_is_a_gap(
    recorded_copy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that starts later than the one before it ended."""
    uri = recorded_copy.table_uri("raw/foot_traffic")
    rows = delta.read(uri).slice(0, 0)
    skip = (
        '{"events":0,"rows":0,"from":{"foot_traffic:S001":"9-9"},"to":{"foot_traffic:S001":"9-9"}}'
    )
    delta.append(delta.open_table(uri), rows, {}, {"smartshelf.drain": skip})
    assert audit_newest(recorded_copy, monkeypatch).lost == 1


def test_audit_row_that_stands_twice_is_found(
    recorded_copy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = recorded_copy.table_uri("raw/shelf_events")
    write_deltalake(uri, delta.read(uri).slice(0, 1), mode="append")
    report = audit_newest(recorded_copy, monkeypatch)
    assert report.repeated == 1
    assert (report.conservation_errors, report.state_mismatches) == (0, 0)


@pytest.mark.parametrize(
    ("table", "change", "conservation", "mismatches"),
    [
        (
            "cleansed/stock_balances",
            pl.when(pl.int_range(pl.len()) == 0).then(pl.col("qty") + 1).otherwise("qty").alias("qty"),
            1,
            0,
        ),
        (
            "cleansed/shelf_state",
            pl.when(pl.col("shelf_id") == "BEVWAT0001").then(pl.col("current_stock") - 1)
            .otherwise("current_stock").alias("current_stock"),
            0,
            1,
        ),
        (
            "cleansed/warehouse_state",
            pl.when(pl.col("shelf_id") == "BEVWAT0001").then(pl.col("current_stock") + 3)
            .otherwise("current_stock").alias("current_stock"),
            0,
            1,
        ),
        ("ops/commands", (pl.col("qty") + 1).alias("qty"), 0, -1),
    ],
)  # fmt: skip
def test_audit_tampered_state_is_found(
    recorded_copy: Settings,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    change: pl.Expr,
    conservation: int,
    mismatches: int,
) -> None:
    break_table(recorded_copy, table, change)
    report = audit_newest(recorded_copy, monkeypatch)
    assert report.conservation_errors == conservation
    assert report.state_mismatches == mismatches or (mismatches < 0 and report.state_mismatches > 0)
    assert report.details


def test_audit_cent_that_is_missing_is_found(
    recorded_copy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = recorded_copy.table_uri("cleansed/sales_lines")
    event_id = delta.read(uri, ["event_id"])["event_id"][0].as_py()
    delta.open_table(uri).update({"gross": "gross - 0.01"}, predicate=f"event_id = '{event_id}'")
    report = audit_newest(recorded_copy, monkeypatch)
    assert report.state_mismatches == 1
    assert any("sales_lines" in line for line in report.details)


def test_audit_movement_at_the_wrong_time_is_found_at_that_time(
    recorded: Recording, recorded_copy: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = recorded_copy.table_uri("cleansed/stock_movements")
    moment = recorded.now - timedelta(hours=3)
    later = moment + timedelta(hours=1)
    frame = pl.DataFrame(pl.from_arrow(delta.read(uri)))
    chosen = frame.filter((pl.col("event_ts") < moment) & (pl.col("movement_type") == "PICKUP"))[
        "event_id"
    ][0]
    delta.open_table(uri).update(
        {"event_ts": f"timestamp '{later.isoformat()}'"}, predicate=f"event_id = '{chosen}'"
    )
    monkeypatch.setattr(audits._Lake, "_version", lambda *_: None)
    assert audit(recorded_copy).clean
    assert audit(recorded_copy, as_of=moment).state_mismatches == 2


def test_audit_reads_what_was_published_together_while_newer_commits_come_in(
    recorded_copy: Settings,
) -> None:
    uri = recorded_copy.table_uri("raw/shelf_events")
    write_deltalake(uri, delta.read(uri).slice(0, 5), mode="append")
    assert audit(recorded_copy).clean
    shutil.rmtree(recorded_copy.lake)
