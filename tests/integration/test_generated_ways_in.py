"""A made-up history says the same whichever way it came: as a stream, as a backfill, or as both."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.domain.sales_history import HistoryError, Outage, Recipe, generate
from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.analytics import VERSIONS, build_analytics
from smartshelf_dagster.pipeline.generate import HistoryReport, add_master_data, generate_history
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY, store_stream
from tests.helpers.warehouse import give_warehouse

pytestmark = pytest.mark.timeout(400)

OUTAGE = Outage(0, 2, datetime(2025, 1, 9, 9, tzinfo=UTC), datetime(2025, 1, 11, 9, tzinfo=UTC))
RECIPE = Recipe(
    begin=datetime(2025, 1, 1, tzinfo=UTC),
    months=1,
    stores=2,
    items=6,
    sensors=1,
    outages=(OUTAGE,),
)
HALF = RECIPE.begin + timedelta(days=15)
# What tells of the loading, not of what was loaded.
OF_THE_LOAD = {VERSIONS}

Event = tuple[str, datetime, bytes]


def events() -> list[Event]:
    """Stream, time and payload of every event, by rising time."""
    told = [
        (store_stream(topic, history.store_id), ts, payload.encode())
        for history in generate(RECIPE)
        for ts, topic, payload in history.events.select("event_ts", "topic", "payload").iter_rows()
    ]
    return sorted(told, key=lambda event: event[1])


@pytest.fixture(scope="module")
def sessions(
    broker: EmbeddedRedis, analysed_template: Path, tmp_path_factory: pytest.TempPathFactory
):
    """Give a system on a new lake of the given name; the broker is emptied before."""
    clients = []

    def build(name: str) -> LakeSession:
        folder: Path = tmp_path_factory.mktemp(name)
        client = connect(broker.url, 10)
        clients.append(client)
        client.flushall()
        client.set(SIM_NOW_KEY, RECIPE.end.strftime("%Y-%m-%dT%H:%M:%SZ"))
        return LakeSession(give_warehouse(folder / "lake", analysed_template), client)

    yield build
    for client in clients:
        client.close()


def stream(session: LakeSession, part: Sequence[Event], turns: int) -> None:
    """Send events one by one, with turns of the system and of the analytics in between."""
    add_master_data(session.settings, RECIPE)
    size = -(-len(part) // turns)
    for start in range(0, len(part), size):
        for name, _, payload in part[start : start + size]:
            send_batches(session.client, name, [payload], 1)
        session.turn(publish_now=False)
        build_analytics(session.transformer, RECIPE.end)


def gold(session: LakeSession) -> dict[str, pl.DataFrame]:
    session.build(RECIPE.end)
    session.publish()
    analyse(session.settings, RECIPE.end)
    told = delta.read(session.settings.table_uri(VERSIONS))["table"].to_pylist()
    return {
        table: pl.DataFrame(pl.from_arrow(delta.read(session.settings.table_uri(table))))
        for table in told
        if table not in OF_THE_LOAD
    }


@pytest.fixture(scope="module")
def backfilled(sessions) -> tuple[dict[str, pl.DataFrame], list[HistoryReport]]:
    """What is told of a history that was loaded twice."""
    session = sessions("backfilled")
    reports = [generate_history(session, RECIPE) for _ in range(2)]
    return gold(session), reports


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for table, rows in one.items():
        assert_frame_equal(rows, other[table], check_row_order=False, rel_tol=1e-9, abs_tol=1e-9)


def test_a_range_that_is_there_already_adds_nothing(backfilled) -> None:
    first, second = backfilled[1]
    assert (first.quarantined, second.quarantined) == (0, 0)
    assert first.new_lines > first.sales + first.returns
    assert second.new_lines == 0
    assert (second.events, second.sent) == (first.events, first.sent)
    assert first.expected_events == pytest.approx(first.events, rel=0.1)


def test_a_stream_says_what_a_backfill_says(sessions, backfilled) -> None:
    session = sessions("streamed")
    stream(session, events(), 2)
    told = gold(session)
    assert told["analytics/fact_sales"].height == backfilled[1][0].new_lines
    same(told, backfilled[0])


def test_a_backfill_beside_a_stream_says_the_same(sessions, backfilled) -> None:
    session = sessions("mixed")
    stream(session, [event for event in events() if event[1] >= HALF], 1)
    report = generate_history(session, RECIPE)
    assert 0 < report.new_lines < backfilled[1][0].new_lines
    same(gold(session), backfilled[0])


def test_another_past_of_the_same_stores_is_refused(sessions) -> None:
    session = sessions("refused")
    generate_history(session, RECIPE)
    longer = Recipe(begin=RECIPE.begin, months=1, stores=2, items=7, sensors=1)
    with pytest.raises(HistoryError, match="seed: 42, expected another one: store GEN42-01 has"):
        generate_history(session, longer)
    with pytest.raises(HistoryError, match="months: 2 from 2025-01-01, expected an end by"):
        generate_history(session, Recipe(begin=RECIPE.begin, months=2, stores=1))
