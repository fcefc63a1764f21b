"""What is derived depends on the events, not on how they came in batches, nor on restarts."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline import drain as drains
from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.demand import DEMAND_HISTORY, build_demand
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.publish import published_models
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.world import Entry, Recording

DRAINED = ("ingest_ts", "latest_ingest_ts", "lag_p50_ms", "lag_p95_ms")


def published(settings: Settings, session: LakeSession) -> dict[str, pl.DataFrame]:
    return {
        model.table: pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri(model.table))))
        for model in published_models(session.transformer)
    }


def demand(session: LakeSession) -> pl.DataFrame:
    with session.transformer.reading() as reader:
        rows = pl.DataFrame(pl.from_arrow(reader.rows(DEMAND_HISTORY)))
    return rows.drop("sales_seq", "stock_seq")


def replay(
    settings: Settings, client: Client, entries: list[Entry], now: datetime, chance: random.Random
) -> LakeSession:
    """Feed the entries in random portions, with a turn after each and restarts now and then."""
    session = LakeSession(settings, client)
    client.set(SIM_NOW_KEY, now.isoformat().replace("+00:00", "Z"))
    cuts = sorted(chance.sample(range(1, len(entries)), 7))
    for start, stop in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        for entry_id, stream, fields in entries[start:stop]:
            client.execute_command("XADD", stream, entry_id, *fields)
        if chance.random() < 0.3:
            session = LakeSession(settings, client)
        session.drain()
        session.build(session.as_of())
        build_demand(session.transformer, session.as_of())
    session.publish()
    return session


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_random_batches_and_restarts_give_the_same_tables(
    recorded: Recording, client: Client, tmp_path: Path, seed: int
) -> None:
    original, entries, now = recorded.settings, recorded.entries, recorded.now
    lake = tmp_path / "lake"
    shutil.copytree(Path(original.lake) / "ref", lake / "ref")
    settings = load_settings(lake=str(lake))
    drains.ensure_raw_tables(settings)
    session = replay(settings, client, entries, now, random.Random(seed))
    assert audit(settings).clean
    expected = published(original, session)
    assert expected["cleansed/stock_movements"].height > 1000
    assert expected["ops/alerts"].height > 5
    for table, frame in published(settings, session).items():
        # When an event was drained is the one thing that does depend on the batch.
        left, right = (f.drop(DRAINED, strict=False) for f in (frame, expected[table]))
        assert_frame_equal(left, right, check_row_order=False)
    at_once = demand(LakeSession(original, client))
    assert at_once["units"].sum() > 1000
    assert_frame_equal(demand(session), at_once, check_row_order=False, check_exact=True)


@pytest.mark.timeout(300)
def test_rebuild_after_noise_finds_no_difference_and_reads_the_same(
    recorded: Recording, recorded_copy: Settings, client: Client
) -> None:
    settings, now = recorded_copy, recorded.now
    before = published(settings, LakeSession(settings, client))
    report = rebuild(settings)
    assert report.by_table == {}
    assert report.tables == len(before)
    assert audit(settings, as_of=now.astimezone(UTC) - timedelta(hours=2)).clean
    for table, frame in published(settings, LakeSession(settings, client)).items():
        assert_frame_equal(frame, before[table], check_row_order=False)


@pytest.mark.timeout(300)
def test_rebuild_from_raw_alone_brings_everything_back(
    recorded_copy: Settings, client: Client
) -> None:
    """Warehouse, published tables and serving file are a cache; so is what they say of time."""
    before = published(recorded_copy, LakeSession(recorded_copy, client))
    for layer in Path(recorded_copy.lake).iterdir():
        if layer.name not in {"raw", "ref"}:
            shutil.rmtree(layer)
    assert rebuild(recorded_copy).differences == 0
    after = published(recorded_copy, LakeSession(recorded_copy, client))
    assert after.keys() == before.keys()
    for table in ("cleansed/stock_movements", "cleansed/shelf_state", "ops/alert_transitions"):
        assert_frame_equal(after[table], before[table], check_row_order=False)
    assert audit(recorded_copy).clean
