"""Turns without dbt: the statements of a run, noted in the warehouse and executed again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import DECISIONS, LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from smartshelf_dagster.transform import runner
from smartshelf_dagster.transform.runner import NodeResult, Transformer, TransformError
from tests.conftest import OPENED
from tests.helpers.events import encode, pickup


def turn(session: LakeSession, client: Client, number: int, *, publish: bool = False) -> int:
    """Send an event and take a turn; returns the number of models built."""
    now = OPENED + (2 + number) * timedelta(minutes=30)
    client.set(SIM_NOW_KEY, now.isoformat().replace("+00:00", "Z"))
    send_batches(client, "shelf_events:S001", [encode(pickup(f"p{number}"))], 1)
    return session.turn(publish_now=publish).models


def received(session: LakeSession) -> int:
    """Count the shelf events; commands of the system's own come back as well."""
    return delta.read(session.settings.table_uri("raw/shelf_events"), ["event_id"]).num_rows


@pytest.mark.timeout(120)
def test_recorded_third_turn_needs_no_dbt_and_gives_the_same_rows(
    new_session: LakeSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = new_session
    by_dbt = [turn(session, client, number) for number in (0, 1)]
    with monkeypatch.context() as patch:
        patch.setattr(Transformer, "invoke", no_dbt)
        recorded = [turn(session, client, number) for number in (2, 3)]
        # What a pickup does not concern is left as it is.
        assert 0 < max(recorded) < min(by_dbt)
        # Nor does the next process need it.
        session = LakeSession(session.settings, client)
        assert turn(session, client, 4) > max(recorded)
    turn(session, client, 5, publish=True)
    report = audit(session.settings)
    assert report.clean, report.details
    assert received(session) == 6
    assert rebuild(session.settings).differences == 0


def no_dbt(*_: object, **__: object) -> None:
    pytest.fail("dbt was asked")


def test_recorded_is_forgotten_when_reference_data_or_the_project_change(
    session: LakeSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asks_dbt() -> bool:
        again = LakeSession(session.settings, client)
        with monkeypatch.context() as patch:
            patch.setattr(Transformer, "invoke", no_dbt)
            try:
                turn(again, client, 0)
            except pytest.fail.Exception:
                return True
        return False

    assert not asks_dbt()
    uri = session.settings.table_uri("ref/items")
    delta.replace(uri, delta.read(uri), name="ref/items")
    assert asks_dbt()
    session.turn(publish_now=False)
    session.turn(publish_now=False)
    assert not asks_dbt()
    with monkeypatch.context() as patch:
        patch.setattr(runner, "_project_digest", lambda: "another")
        assert asks_dbt()


@pytest.mark.timeout(120)
def test_recorded_another_writer_in_between_is_noticed(
    session: LakeSession, client: Client
) -> None:
    """What another process drained is not at hand; then the tables are read."""
    for number in range(3):
        turn(session, client, number)
    send_batches(client, "shelf_events:S001", [encode(pickup("other"))], 1)
    LakeSession(session.settings, client).drain()
    turn(session, client, 3)
    turn(session, client, 4, publish=True)
    report = audit(session.settings)
    assert report.clean, report.details
    assert received(session) == 6


@pytest.mark.timeout(120)
def test_recorded_failure_names_the_table(session: LakeSession, client: Client) -> None:
    for number in range(3):
        turn(session, client, number)
    run = session.transformer._recorded[DECISIONS]
    broken = [
        replace(m, statements=("selekt",)) if m.table == "cleansed/stock_movements" else m
        for m in run.models
    ]
    session.transformer._recorded[DECISIONS] = replace(run, models=tuple(broken))
    with pytest.raises(TransformError, match="cleansed/stock_movements: Parser Error"):
        turn(session, client, 3)


@pytest.mark.timeout(120)
def test_recorded_quiet_turn_builds_only_what_looks_at_the_time(
    session: LakeSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        turn(session, client, number)
    built: list[str] = []
    build = session.transformer.build_again

    def observed(*arguments: Any) -> list[NodeResult]:
        results = build(*arguments)
        built[:] = [r.table for r in results if r.status == "success"]
        return results

    monkeypatch.setattr(session.transformer, "build_again", observed)
    # The commands of the last turn come back as events, then nothing happens any more.
    for moment in ("10:30", "10:40"):
        client.set(SIM_NOW_KEY, f"2026-01-01T{moment}:00Z")
        report = session.turn(publish_now=False)
    assert report.drained.events == 0
    assert report.models == len(built)
    timely = {m.table for m in session.transformer._recorded[DECISIONS].models if m.looks_at_time}
    assert timely <= set(built)
    assert not {"cleansed/stock_movements", "cleansed/stock_levels"} & set(built)
