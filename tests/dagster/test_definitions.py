"""What Dagster loads: complete, described, and wired from the streams to what readers open."""

from datetime import timedelta

import dagster as dg
import pytest

from smartshelf_dagster.contracts.tables import raw_tables
from smartshelf_dagster.definitions import defs
from smartshelf_dagster.defs.cutoffs import upstream_of_orders
from smartshelf_dagster.domain.cadence import CADENCES
from smartshelf_dagster.lineage import LINEAGE_FILE, build_lineage
from smartshelf_dagster.transform.runner import ensure_manifest

GRAPH = defs.resolve_asset_graph()
# Sorted: processes that share the tests must agree on their order.
OURS = sorted(key for key in GRAPH.get_all_asset_keys() if GRAPH.get(key).is_materializable)


def test_definitions_load() -> None:
    dg.Definitions.validate_loadable(defs)


def test_lineage_is_as_reviewed() -> None:
    """A changed lineage shows as a difference; `make docs` accepts it."""
    assert LINEAGE_FILE.read_text("utf-8") == build_lineage(defs)


@pytest.mark.parametrize("key", OURS, ids=lambda key: key.to_user_string())
def test_asset_has_description_owner_group_and_kinds(key: dg.AssetKey) -> None:
    node = GRAPH.get(key)
    assert node.description
    assert node.owners
    assert node.group_name not in {None, "default"}
    assert node.kinds


def test_lineage_leads_from_every_stream_to_the_serving_file() -> None:
    reached: set[dg.AssetKey] = set()
    frontier = {dg.AssetKey(["serving", "smartshelf"])}
    while frontier:
        reached |= frontier
        frontier = {p for key in frontier for p in GRAPH.get(key).parent_keys} - reached
    assert {dg.AssetKey(["streams", topic]) for topic in raw_tables()} <= reached
    assert dg.AssetKey(["ref", "stores"]) in reached


def test_a38_nothing_is_read_that_nobody_makes() -> None:
    """What comes from outside are the streams and the master data."""
    missing = {
        parent
        for key in OURS
        for parent in GRAPH.get(key).parent_keys
        if not GRAPH.get(parent).is_materializable
    }
    assert {key.path[0] for key in missing} == {"streams", "ref"}


def test_a36_recurring_jobs_end_and_only_the_weekly_one_trains() -> None:
    """The hourly one asks neither for models nor for the streams."""
    made = {
        job.name: set(job.asset_layer.selected_asset_keys) for job in defs.resolve_all_job_defs()
    }
    models = dg.AssetKey(["ml", "models"])
    assert {name for name, keys in made.items() if models in keys} - {"__ASSET_JOB"} == {
        "model_training"
    }
    every = {cadence.job: cadence.every for cadence in CADENCES}
    assert every["model_training"] == timedelta(days=7)
    assert not any(key.path[0] in {"streams", "raw"} for key in made["hourly_pipeline"])


def test_every_dbt_model_is_an_asset_under_its_layer() -> None:
    models = {
        dg.AssetKey([node["schema"], node["name"]])
        for node in ensure_manifest()["nodes"].values()
        if node["resource_type"] == "model"
    }
    assert models <= set(OURS)


def test_demand_history_has_a_job_of_its_own() -> None:
    """A tick must not wait for it: it is asked for three times a week."""
    demand = dg.AssetKey(["curated", "demand_history"])
    assert GRAPH.get(demand).group_name == "curated"
    with_it = {
        job.name
        for job in defs.resolve_all_job_defs()
        if job.asset_layer and demand in job.asset_layer.selected_asset_keys
    }
    assert "micro_batch" not in with_it
    assert "demand_history" in with_it
    serving = GRAPH.get(dg.AssetKey(["serving", "smartshelf"]))
    assert demand not in serving.parent_keys


def test_orders_of_a_cutoff_wait_for_its_forecast_if_they_follow_from_it() -> None:
    assert ["ml", "predictions"] in upstream_of_orders("forecast")
    assert ["ml", "predictions"] not in upstream_of_orders("order-up-to")


def test_orders_of_a_cutoff_never_wait_for_training() -> None:
    job = defs.resolve_job_def("supplier_cutoff")
    chosen = {key.to_user_string() for key in job.asset_layer.selected_asset_keys}
    assert chosen == {"ml/predictions", "decisions/supplier_orders"}


def test_contract_checks_block_what_comes_after() -> None:
    blocking = {
        key.asset_key.to_user_string() for key in GRAPH.asset_check_keys if GRAPH.get(key).blocking
    }
    assert blocking == {f"raw/{topic}" for topic in raw_tables()}


def test_sensors_and_schedules_run_without_being_switched_on() -> None:
    repository = defs.get_repository_def()
    sensors = {s.name: s.default_status.value for s in repository.sensor_defs}
    schedules = {s.name: s.default_status.value for s in repository.schedule_defs}
    assert sensors == dict.fromkeys(
        [
            *("event_sensor", "simulated_clock_sensor", "cutoff_sensor", "training_sensor"),
            "run_failure_sensor",
        ],
        "RUNNING",
    )
    recurring = (
        *("data_quality", "hourly_pipeline", "maintenance", "model_training"),
        *("forecast_watch", "customer_insights", "business_reports"),
    )
    assert schedules == dict.fromkeys([f"{job}_schedule" for job in recurring], "RUNNING")


def test_jobs_share_the_writers_lane_and_one_process() -> None:
    for name in (
        *("micro_batch", "supplier_cutoff", "demand_history", "data_quality", "maintenance"),
        *("model_training", "forecast_watch", "customer_insights", "business_reports"),
    ):
        job = defs.resolve_job_def(name)
        assert job.tags["smartshelf/lane"] == "writer"
        assert job.executor_def.name == "in_process"


def test_orders_and_then_micro_batches_go_before_what_else_waits() -> None:
    priority = {
        job.name: int(job.tags.get("dagster/priority", "0")) for job in defs.resolve_all_job_defs()
    }
    order, batch = priority.pop("supplier_cutoff"), priority.pop("micro_batch")
    assert order > batch > max(priority.values())
