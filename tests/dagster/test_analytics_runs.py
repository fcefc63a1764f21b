"""Runs of the jobs that analyse: what they make, and what readers get when it is wrong."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc
import pytest

from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.quality import CriticalCheckError
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import connect, read_serving
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.events import SHELF, encode, sale
from tests.helpers.runs import run, send_some


@pytest.fixture
def settings(analysed_settings: Settings) -> Settings:
    """A lake whose warehouse has the tables of analytics."""
    return analysed_settings


def test_demand_history_is_built_tested_and_published_beside_the_ticks(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_some(client)
    send_batches(client, "pos_transactions:S001", [encode(sale("s", "2026-01-01T07:25:00Z"))], 1)
    assert run(definitions, instance, "micro_batch").success
    result = run(definitions, instance, "demand_history")
    assert result.success
    checks = result.get_asset_check_evaluations()
    assert len(checks) > 5
    assert all(check.passed for check in checks)
    rows = delta.read(settings.table_uri("curated/demand_history"))
    sold = rows.filter(pc.greater(rows["units"], 0)).to_pylist()
    assert [(row["item_id"], row["units"], row["late_units"]) for row in sold] == [(SHELF, 1, 0)]
    # The warehouse is still one whole: what it holds can be published again.
    served = definitions.resolve_job_def("micro_batch").execute_in_process(
        instance=instance, asset_selection=[dg.AssetKey(["serving", "smartshelf"])]
    )
    assert served.success


def test_customers_are_built_tested_and_published_without_waiting_for_the_hour(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    send_batches(client, "pos_transactions:S001", [encode(sale("s", "2026-01-01T07:25:00Z"))], 1)
    assert run(definitions, instance, "micro_batch").success
    client.set(SIM_NOW_KEY, "2026-01-02T03:30:00Z")
    result = run(definitions, instance, "customer_insights")
    assert result.success
    checks = result.get_asset_check_evaluations()
    assert len(checks) > 10
    assert all(check.passed for check in checks)
    told = delta.read(settings.table_uri("analytics/versions")).to_pylist()
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert {row["table"] for row in told} <= made
    assert {row["as_of_ts"] for row in told} == {datetime(2026, 1, 2, 3, 30, tzinfo=UTC)}
    assert "analytics/fact_sales" not in made


@pytest.mark.timeout(300)
def test_reports_of_the_morning_are_made_of_what_was_published(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    # Before the first publication, and before the first analysis, there is nothing to report.
    for job in ("business_reports", "micro_batch", "business_reports"):
        assert run(definitions, instance, job).success
    assert not delta.table_exists(settings.table_uri("ops/business_reports"))
    send_batches(client, "pos_transactions:S001", [encode(sale("s", "2026-01-01T07:25:00Z"))], 1)
    client.set(SIM_NOW_KEY, "2026-01-02T02:05:00Z")
    assert run(definitions, instance, "micro_batch").success
    analyse(settings, datetime(2026, 1, 2, 2, 5, tzinfo=UTC))
    result = run(definitions, instance, "business_reports")
    assert result.success
    (made,) = result.get_asset_materialization_events()
    # The month is not over; the week is that of 5 January.
    assert made.materialization.metadata["DAILY_REPORT"].value == 2
    rows = delta.read(settings.table_uri("ops/business_reports")).to_pylist()
    assert {(r["store_id"], r["report_date"].isoformat()) for r in rows} == {
        ("S001", "2026-01-01"), ("ALL", "2026-01-01"),
    }  # fmt: skip
    assert all((Path(settings.lake) / row["html_path"]).is_file() for row in rows)
    assert run(definitions, instance, "micro_batch").success
    (served,) = read_serving(settings.serving_path, "from ops.business_reports")
    assert served.num_rows == len(rows)


@pytest.mark.timeout(400)
def test_readers_keep_the_analytics_before_while_a_critical_check_fails(
    definitions: dg.Definitions, instance: dg.DagsterInstance, client: Client, settings: Settings
) -> None:
    def versions() -> dict[str, int]:
        rows = delta.read(settings.table_uri("analytics/versions")).to_pylist()
        return {row["table"]: row["version"] for row in rows}

    send_batches(client, "pos_transactions:S001", [encode(sale("s", "2026-01-01T07:25:00Z"))], 1)
    assert run(definitions, instance, "micro_batch").success
    assert run(definitions, instance, "hourly_pipeline").success
    before = versions()
    with connect(settings.warehouse_path, read_only=False) as connection:
        connection.execute("insert into analytics.fact_sales from analytics.fact_sales")
    refused = run(definitions, instance, "hourly_pipeline")
    assert not refused.success
    error = refused.get_step_failure_events()[0].step_failure_data.error.cause
    assert error.cls_name == CriticalCheckError.__name__
    assert "Q12 nothing_stands_twice: analytics/fact_sales sale_id" in error.message
    assert "Q17 summaries_agree" in error.message
    assert versions() == before
