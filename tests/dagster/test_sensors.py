"""Sensors ask for runs when something is due, and only then."""

import csv
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest

from smartshelf_dagster.defs import schedules
from smartshelf_dagster.defs.cutoffs import CUTOFFS
from smartshelf_dagster.defs.sensors import (
    cutoff_sensor,
    event_sensor,
    run_failure_sensor,
    simulated_clock_sensor,
    training_sensor,
)
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.streaming.client import BrokerUnavailableError, Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from smartshelf_dagster.transform.runner import DBT_PROJECT_DIR
from tests.helpers.events import encode, pickup


@pytest.fixture
def lake(settings: Settings, broker: EmbeddedRedis) -> LakeResource:
    return LakeResource(lake=settings.lake, redis_url=broker.url)


def evaluate(sensor: Any, lake: LakeResource, cursor: str | None = None, **options: Any) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(
            instance=options.get("instance", instance), cursor=cursor, resources={"lake": lake}
        )
        return sensor(context)


def test_event_sensor_new_entries_request_one_run(lake: LakeResource, client: Client) -> None:
    send_batches(client, "shelf_events:S001", [encode(pickup("a"))], 1)
    first = evaluate(event_sensor, lake)
    assert len(first.run_requests) == 1
    again = evaluate(event_sensor, lake, first.cursor)
    assert isinstance(again, dg.SkipReason)
    send_batches(client, "shelf_events:S001", [encode(pickup("b"))], 1)
    assert len(evaluate(event_sensor, lake, first.cursor).run_requests) == 1


def test_event_sensor_quiet_store_is_published_now_and_then(
    lake: LakeResource, client: Client
) -> None:
    cursor = json.loads(evaluate(event_sensor, lake).cursor)
    cursor["requested_at"] = (datetime.now(UTC) - timedelta(minutes=11)).isoformat()
    assert len(evaluate(event_sensor, lake, json.dumps(cursor)).run_requests) == 1


def test_event_sensor_waits_while_a_micro_batch_is_under_way(
    lake: LakeResource, client: Client
) -> None:
    send_batches(client, "shelf_events:S001", [encode(pickup("a"))], 1)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(
            dg.DagsterRun(job_name="micro_batch", run_id=dg._core.utils.make_new_run_id(),
                          status=dg.DagsterRunStatus.STARTED)
        )  # fmt: skip
        assert isinstance(evaluate(event_sensor, lake, instance=instance), dg.SkipReason)


def test_event_sensor_without_broker_is_red_not_silent(settings: Settings) -> None:
    lake = LakeResource(lake=settings.lake, redis_url="redis://127.0.0.1:1/0")
    with pytest.raises(BrokerUnavailableError, match=r"redis://127\.0\.0\.1:1/0"):
        evaluate(event_sensor, lake)


def test_simulated_clock_sensor_requests_what_has_become_due(
    lake: LakeResource, client: Client
) -> None:
    client.set(SIM_NOW_KEY, "2026-01-01T07:10:00Z")
    first = evaluate(simulated_clock_sensor, lake)
    assert first.run_requests == []
    client.set(SIM_NOW_KEY, "2026-01-01T07:31:00Z")
    second = evaluate(simulated_clock_sensor, lake, first.cursor)
    assert [r.job_name for r in second.run_requests] == ["data_quality"]
    client.set(SIM_NOW_KEY, "2026-01-01T08:05:00Z")
    hour = evaluate(simulated_clock_sensor, lake, first.cursor)
    assert sorted(r.job_name for r in hour.run_requests) == ["data_quality", "hourly_pipeline"]
    # A jump over several due times is one run: it looks at everything there is.
    client.set(SIM_NOW_KEY, "2026-01-02T12:00:00Z")
    third = evaluate(simulated_clock_sensor, lake, first.cursor)
    daily = [
        "business_reports", "customer_insights", "data_quality", "forecast_watch",
        "hourly_pipeline", "maintenance",
    ]  # fmt: skip
    assert sorted(r.job_name for r in third.run_requests) == daily
    # Models are trained on Sundays at two.
    client.set(SIM_NOW_KEY, "2026-01-04T01:59:00Z")
    eve = evaluate(simulated_clock_sensor, lake, first.cursor)
    assert sorted(r.job_name for r in eve.run_requests) == daily
    client.set(SIM_NOW_KEY, "2026-01-04T02:00:00Z")
    sunday = evaluate(simulated_clock_sensor, lake, first.cursor)
    assert sorted(r.job_name for r in sunday.run_requests) == [*daily, "model_training"]


def test_simulated_clock_sensor_however_fast_the_clock_leaves_time_between_runs(
    lake: LakeResource, client: Client
) -> None:
    client.set(SIM_NOW_KEY, "2026-01-01T07:10:00Z")
    cursor = evaluate(simulated_clock_sensor, lake).cursor
    client.set(SIM_NOW_KEY, "2026-01-01T07:31:00Z")
    cursor = evaluate(simulated_clock_sensor, lake, cursor).cursor
    client.set(SIM_NOW_KEY, "2026-01-01T08:01:00Z")
    assert evaluate(simulated_clock_sensor, lake, cursor).run_requests == []


def test_training_is_requested_once_there_is_enough_history(
    lake: LakeResource, client: Client
) -> None:
    client.set(SIM_NOW_KEY, "2026-02-26T06:00:00Z")
    assert isinstance(evaluate(training_sensor, lake), dg.SkipReason)
    client.set(SIM_NOW_KEY, "2026-02-26T08:00:00Z")
    request = evaluate(training_sensor, lake)
    assert request.run_key == "model_training:2026-02-26"


def test_training_is_not_requested_while_it_is_under_way(
    lake: LakeResource, client: Client
) -> None:
    client.set(SIM_NOW_KEY, "2026-02-26T08:00:00Z")
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(
            dg.DagsterRun(job_name="model_training", run_id=dg._core.utils.make_new_run_id(),
                          status=dg.DagsterRunStatus.STARTED)
        )  # fmt: skip
        assert isinstance(evaluate(training_sensor, lake, instance=instance), dg.SkipReason)


def test_clocks_one_or_the_other_is_followed(lake: LakeResource, client: Client) -> None:
    def scheduled() -> list[Any]:
        return [
            s.evaluate_tick(dg.build_schedule_context(resources={"lake": lake}))
            for s in schedules.SCHEDULES
        ]

    assert all(not tick.run_requests for tick in scheduled())
    client.delete(SIM_NOW_KEY)
    assert all(len(tick.run_requests) == 1 for tick in scheduled())
    assert isinstance(evaluate(simulated_clock_sensor, lake), dg.SkipReason)


def test_run_failure_sensor_keeps_a_record(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTSHELF_LAKE", settings.lake)

    @dg.op
    def breaks() -> None:
        raise ValueError("broken on purpose")

    @dg.job
    def breaking() -> None:
        breaks()

    with dg.DagsterInstance.ephemeral() as instance:
        result = breaking.execute_in_process(instance=instance, raise_on_error=False)
        context = dg.build_run_status_sensor_context(
            sensor_name="run_failure_sensor",
            dagster_event=result.get_run_failure_event(),
            dagster_instance=instance,
            dagster_run=result.dagster_run,
        ).for_run_failure()
        run_failure_sensor(context)
    record = json.loads((settings.state_path / "failures.jsonl").read_text("utf-8"))
    assert record["job"] == "breaking"
    assert record["run_id"] == result.run_id


def test_cutoff_sensor_requests_every_cutoff_that_has_passed_once(
    lake: LakeResource, client: Client
) -> None:
    """The store opened on Thursday 1 January at seven; cutoffs before that are not its own."""
    assert evaluate(cutoff_sensor, lake).run_requests == []
    client.set(SIM_NOW_KEY, "2026-01-01T12:00:00Z")
    first = evaluate(cutoff_sensor, lake)
    assert [r.partition_key for r in first.run_requests] == ["2026-01-01-12:00"]
    assert evaluate(cutoff_sensor, lake, first.cursor).run_requests == []
    client.set(SIM_NOW_KEY, "2026-01-08T11:59:00Z")
    jumped = evaluate(cutoff_sensor, lake, first.cursor)
    assert [r.partition_key for r in jumped.run_requests] == [
        "2026-01-04-12:00", "2026-01-06-12:00",
    ]  # fmt: skip
    assert [r.run_key for r in jumped.run_requests] == [
        "cutoff:2026-01-04-12:00", "cutoff:2026-01-06-12:00",
    ]  # fmt: skip


def test_cutoff_partitions_are_those_of_the_calendar() -> None:
    """Dagster's partitions and the seed that the models read say the same."""
    seed = DBT_PROJECT_DIR / "seeds" / "supplier_calendar.csv"
    calendar = {
        (int(row["weekday"]), int(row["cutoff_minute"]))
        for row in csv.DictReader(seed.read_text("utf-8").splitlines())
    }
    starts = [
        CUTOFFS.time_window_for_partition_key(key).start
        for key in CUTOFFS.get_partition_keys(current_time=datetime(2025, 3, 1, tzinfo=UTC))
    ]
    assert {(s.isoweekday(), s.hour * 60 + s.minute) for s in starts} == calendar
