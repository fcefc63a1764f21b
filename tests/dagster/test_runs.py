"""Runs of the jobs on a real lake: what they make, and checks that turn red when they should."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.storage.runs.schema import RunsTable

from smartshelf_dagster.definitions import build_definitions
from smartshelf_dagster.domain.quality import CHECKS
from smartshelf_dagster.forecasting import promotion
from smartshelf_dagster.forecasting.model import ModelSettings
from smartshelf_dagster.pipeline import forecast, micro_batch
from smartshelf_dagster.pipeline.drain import drain
from smartshelf_dagster.pipeline.publish import IncompleteBuildError, read_publication
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.archive import read_whole
from smartshelf_dagster.streaming.client import Client, Clock
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import encode, pickup
from tests.helpers.runs import run, send_some
from tests.helpers.sales import lake_panel


def test_micro_batch_drains_builds_decides_and_publishes(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_some(client)
    result = run(definitions, instance, "micro_batch")
    assert result.success
    made = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert made["raw/shelf_events"]["rows_added"].value == 9
    assert made["raw/shelf_events"]["events_refused"].value == 1
    assert made["raw/shelf_events"]["delta_version"].value == 1
    assert made["cleansed/stock_movements"]["dagster/row_count"].value == 20
    assert made["decisions/task_commands"]["commands_sent"].value == 1
    assert client.xlen("commands:S001") == 1
    publication = read_publication(settings)
    assert publication is not None
    assert made["serving/smartshelf"]["as_of"].value == publication.as_of.isoformat()
    assert all(check.passed for check in result.get_asset_check_evaluations())


def test_micro_batch_publishes_every_time(
    broker: EmbeddedRedis, instance: dg.DagsterInstance, client: Client, new_settings: Settings
) -> None:
    """Also when nothing had to be prepared any more, neither in this process nor in another."""
    settings = new_settings
    definitions = build_definitions(LakeResource(lake=settings.lake, redis_url=broker.url))
    for version in (1, 2):
        send_batches(client, "shelf_events:S001", [encode(pickup(f"p{version}"))], 1)
        result = run(definitions, instance, "micro_batch")
        assert "serving__smartshelf" in {e.step_key for e in result.get_step_success_events()}
        publication = read_publication(settings)
        assert publication is not None
        assert publication.raw_versions["raw/shelf_events"] == version


def test_micro_batch_table_that_left_its_contract_stops_everything_after(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    uri = settings.table_uri("raw/foot_traffic")
    extra = pa.table({"unplanned": pa.array([], pa.string())})
    delta.write_deltalake(uri, extra, mode="append", schema_mode="merge")
    send_some(client)
    result = run(definitions, instance, "micro_batch")
    assert not result.success
    red = [c for c in result.get_asset_check_evaluations() if not c.passed]
    assert [(c.asset_key.to_user_string(), c.check_name) for c in red] == [
        ("raw/foot_traffic", "rows_match_contract")
    ]
    assert read_publication(settings) is None


def test_micro_batch_row_that_stands_twice_turns_its_check_red(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_some(client)
    assert run(definitions, instance, "micro_batch").success
    uri = settings.table_uri("raw/shelf_events")
    delta.write_deltalake(uri, delta.read(uri).slice(0, 1), mode="append")
    result = run(definitions, instance, "micro_batch")
    red = [(c.asset_key.path[-1], c.check_name) for c in result.get_asset_check_evaluations() if not c.passed]  # fmt: skip
    assert red == [("shelf_events", "no_event_twice")]


def test_data_quality_shows_every_check_and_one_more_is_red_after_tampering(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    def red(result: dg.ExecuteInProcessResult) -> set[str]:
        return {c.check_name for c in result.get_asset_check_evaluations() if not c.passed}

    nothing_yet = run(definitions, instance, "data_quality")
    assert nothing_yet.success, nothing_yet.get_step_failure_events()
    assert not delta.table_exists(settings.table_uri("dq/results"))
    send_some(client)
    run(definitions, instance, "micro_batch")
    result = run(definitions, instance, "data_quality")
    assert result.success, result.get_step_failure_events()
    checks = {check.check_name for check in result.get_asset_check_evaluations()}
    assert {check.name for check in CHECKS} < checks
    assert len(checks) > 60
    # Nothing is sold in this world, and one event of twelve is junk.
    assert red(result) == {"sales_are_fresh", "events_are_accepted"}
    told = delta.read(settings.table_uri("dq/results"))
    assert set(told["run_id"].to_pylist()) == {result.run_id}

    uri = settings.table_uri("raw/shelf_events")
    delta.open_table(uri).delete("event_id = 'p3'")
    send_batches(client, "shelf_events:S001", [encode(pickup("p9"))], 1)
    again = run(definitions, instance, "micro_batch")
    assert again.success, again.get_step_failure_events()
    assert red(run(definitions, instance, "data_quality")) - red(result) == {"raw_is_reconciled"}


def test_every_run_has_a_row(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_some(client)
    run(definitions, instance, "micro_batch")
    delta.write_deltalake(
        settings.table_uri("raw/foot_traffic"),
        pa.table({"unplanned": pa.array([], pa.string())}),
        mode="append",
        schema_mode="merge",
    )
    run(definitions, instance, "micro_batch")
    only = [dg.AssetKey(["ops", "job_runs"])]
    for _ in range(2):
        assert run(definitions, instance, "data_quality", asset_selection=only).success
    rows = {
        row["run_id"]: row for row in delta.read(settings.table_uri("ops/job_runs")).to_pylist()
    }
    assert set(rows) == {of.run_id for of in instance.get_runs()}
    drained, broken, looked, looking = sorted(rows.values(), key=lambda row: row["started_ts"])
    assert (drained["job"], drained["status"], drained["records_processed"]) == (
        "micro_batch", "SUCCESS", 12,
    )  # fmt: skip
    assert drained["checkpoint"] == "2026-01-01T07:30:00+00:00"
    assert drained["duration_s"] > 0
    assert drained["error"] is None
    assert (broken["status"], looked["status"], looking["status"]) == (
        "FAILURE", "SUCCESS", "STARTED",
    )  # fmt: skip
    assert broken["error"]


def test_one_model_can_be_made_alone_but_then_not_published(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_some(client)
    assert run(definitions, instance, "micro_batch").success
    alone = [dg.AssetKey(["ops", "alerts"])]
    result = run(definitions, instance, "micro_batch", asset_selection=alone)
    assert result.success
    assert [e.asset_key for e in result.get_asset_materialization_events()] == alone
    published = run(
        definitions,
        instance,
        "micro_batch",
        asset_selection=[dg.AssetKey(["serving", "smartshelf"])],
    )
    assert not published.success
    failure = published.get_step_failure_events()[0].step_failure_data.error.cause
    assert failure.cls_name == IncompleteBuildError.__name__


def test_maintenance_compacts_small_files_and_drains_go_on(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    uri = settings.table_uri("raw/shelf_events")
    for i in range(60):
        send_batches(client, "shelf_events:S001", [encode(pickup(f"p{i}"))], 1)
        drain(settings, client, Clock(client), only=["shelf_events"])
    assert len(delta.open_table(uri).file_uris()) == 60
    assert run(definitions, instance, "maintenance").success
    assert len(delta.open_table(uri).file_uris()) == 1
    assert delta.read(uri).num_rows == 60
    send_batches(client, "shelf_events:S001", [encode(pickup("after"))], 1)
    assert run(definitions, instance, "micro_batch").success
    assert delta.read(uri).num_rows == 61


def test_maintenance_archives_days_that_are_old_by_the_clock_in_force(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_some(client)
    assert run(definitions, instance, "micro_batch").success
    uri = settings.table_uri("raw/shelf_events")
    assert run(definitions, instance, "maintenance").success
    assert delta.read(uri).num_rows == 9
    client.set(SIM_NOW_KEY, "2026-04-15T00:00:00Z")
    assert run(definitions, instance, "micro_batch").success
    result = run(definitions, instance, "maintenance")
    assert result.success
    told = next(
        event.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key.to_user_string() == "maintenance/archive"
    )
    assert told["by_table"].value == {
        "raw/commands": 1, "raw/shelf_events": 1, "raw/warehouse_events": 1, "raw/quarantine": 1,
    }  # fmt: skip
    assert delta.read(uri).num_rows == 0
    assert read_whole(settings.lake, "raw/shelf_events").num_rows == 9
    # The next turns see no difference.
    send_batches(client, "shelf_events:S001", [encode(pickup("p0"))], 1)
    assert run(definitions, instance, "micro_batch").success
    assert delta.read(settings.table_uri("cleansed/stock_movements")).num_rows == 20


def test_maintenance_deletes_runs_beyond_their_retention(
    definitions: dg.Definitions, instance: dg.DagsterInstance, settings: Settings
) -> None:
    first = run(definitions, instance, "maintenance")
    age_run(instance, first.run_id, days=settings.run_retention_days + 1)
    second = run(definitions, instance, "maintenance")
    assert {r.run_id for r in instance.get_runs()} == {second.run_id}


def age_run(instance: dg.DagsterInstance, run_id: str, days: int) -> None:
    """Let a run have been created days ago."""
    storage = instance.run_storage
    with storage.connect() as connection:
        created = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=days)
        connection.execute(
            RunsTable.update().where(RunsTable.c.run_id == run_id).values(create_timestamp=created)
        )


def test_supplier_cutoff_partition_orders_once_and_again_changes_nothing(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SMARTSHELF_ORDER_POLICY", "rule")
    send_some(client)
    client.set(SIM_NOW_KEY, "2026-01-01T12:00:30Z")
    found = []
    for _ in range(2):
        result = run(definitions, instance, "supplier_cutoff", partition_key="2026-01-01-12:00")
        assert result.success
        made = {
            event.asset_key.to_user_string(): event.materialization.metadata
            for event in result.get_asset_materialization_events()
        }
        # A store of one morning cannot be forecast.
        assert made["ml/predictions"]["dagster/row_count"].value == 0
        orders = made["decisions/supplier_orders"]
        found.append({k: v.value for k, v in orders.items()})
    assert found[0]["stores_closed"] == 2
    assert found[0]["order_lines"] > 1_000
    assert found[0]["policy"] == "rule"
    assert (found[1]["stores_closed"], found[1]["order_lines"]) == (0, 0)
    commands = delta.read(settings.table_uri("raw/commands"), ["event_type"])
    kinds = commands["event_type"].to_pylist()
    assert kinds.count("supplier_order") == found[0]["order_lines"]
    assert kinds.count("supplier_cutoff") == 2
    # It leaves a warehouse that can be published.
    assert run(definitions, instance, "micro_batch").success


def test_supplier_cutoff_ahead_of_the_clock_is_refused(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client
) -> None:
    result = run(definitions, instance, "supplier_cutoff", partition_key="2026-01-04-12:00")
    assert not result.success


def test_forecasts_are_trained_made_and_watched(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    client: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The demand is made up; everything that stores and reports is real."""
    panel = lake_panel(date(2025, 10, 9))
    monkeypatch.setattr(forecast, "read_panel", lambda _reader, _as_of: panel)
    monkeypatch.setattr(promotion, "ModelSettings", lambda: ModelSettings(rounds=5))
    client.set(SIM_NOW_KEY, "2026-01-04T02:00:00Z")
    trained = run(definitions, instance, "model_training")
    assert trained.success
    [event] = [
        e
        for e in trained.get_asset_materialization_events()
        if e.asset_key.path == ["ml", "models"]
    ]
    assert event.materialization.metadata["models"].value == 2
    assert "orders-20260104T020000Z-" in event.materialization.metadata["decisions"].value
    client.set(SIM_NOW_KEY, "2026-01-04T12:01:00Z")
    ordered = run(definitions, instance, "supplier_cutoff", partition_key="2026-01-04-12:00")
    assert ordered.success
    said = pa.table(delta.read(settings.table_uri("ml/predictions")))
    assert said.num_rows == 20 * 36
    [made] = ordered.get_asset_check_evaluations()
    assert (made.check_name, made.passed) == ("forecast_was_made", True)
    client.set(SIM_NOW_KEY, "2026-01-08T03:00:00Z")
    watched = run(definitions, instance, "forecast_watch")
    assert watched.success
    [check] = watched.get_asset_check_evaluations()
    assert check.check_name == "models_still_fit"
    assert delta.read(settings.table_uri("ml/accuracy")).num_rows == 20 * (2 + 3)
    metrics = set(delta.read(settings.table_uri("ml/drift"))["metric"].to_pylist())
    assert {"error_ratio", "coverage_80"} <= metrics


def test_a_forecast_that_fails_turns_red_and_holds_no_order_up(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the model is broken")

    monkeypatch.setattr(micro_batch, "forecast_cutoffs", fail)
    client.set(SIM_NOW_KEY, "2026-01-01T12:01:00Z")
    ordered = run(definitions, instance, "supplier_cutoff", partition_key="2026-01-01-12:00")
    assert ordered.success
    [made] = ordered.get_asset_check_evaluations()
    assert not made.passed
    assert made.metadata["error"].value == "the model is broken"
    [orders] = [
        e
        for e in ordered.get_asset_materialization_events()
        if e.asset_key.path == ["decisions", "supplier_orders"]
    ]
    assert orders.materialization.metadata["stores_closed"].value == 2
