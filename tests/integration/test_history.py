"""A past that is loaded at once: the system goes on from its end as if it had been there."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import read_served
from tests.helpers.warehouse import give_warehouse
from tests.integration.test_cli import last_json, smartshelf

BEGIN = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 3
TO = "2025-03-04"


@pytest.fixture(scope="module")
def past(
    lake_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, dict[str, object]]:
    """Three days of a store in March, by the command line, in two steps."""
    lake = tmp_path_factory.mktemp("history") / "lake"
    give_warehouse(lake, lake_template)
    events = 0
    for end in ("2025-03-02", TO):
        result = smartshelf(
            *("history", "--from", f"{BEGIN:%Y-%m-%d}", "--to", end, "--seed", "3"),
            *("--lake", str(lake), "--json"),
        )
        assert result.returncode == 0, result.stderr
        figures = last_json(result)
        events += figures["events"]
    return load_settings(lake=str(lake)), figures | {"events": events}


def how_the_stream_is(settings: Settings) -> tuple[str, set[str]]:
    """Return the state of the way from the till, and the ways in which receipts have come."""
    told = read_served(settings.serving_path, "live/system_status").to_pylist()
    lines = delta.read(settings.table_uri("cleansed/sales_lines"), ["source"])
    [state] = [row["status"] for row in told if row["component"] == "stream"]
    return state, set(lines["source"].to_pylist())


@pytest.mark.timeout(300)
def test_history_brings_every_event_and_the_audit_is_clean(
    past: tuple[Settings, dict[str, object]],
) -> None:
    settings, figures = past
    assert figures["sim_days"] == DAYS
    assert figures["quarantined"] == 0
    assert figures["sold_units"] > 10_000
    assert 0.9 < figures["fill_rate"] <= 1
    sold = delta.read(
        settings.table_uri("cleansed/sales_lines"), ["qty", "event_type", "business_date"]
    ).to_pylist()
    # In Rome the day on which the system takes over has begun.
    last = date.fromisoformat(TO) - timedelta(days=1)
    ended = [r for r in sold if r["event_type"] == "SALE" and r["business_date"] <= last]
    assert sum(r["qty"] for r in ended) == figures["sold_units"]
    assert how_the_stream_is(settings) == ("off", {"backfill"})
    report = audit(settings)
    assert report.clean, report.details
    assert rebuild(settings).differences == 0


def test_history_orders_have_a_policy_of_their_own(
    past: tuple[Settings, dict[str, object]],
) -> None:
    settings, _ = past
    cutoffs = delta.read(
        settings.table_uri("ops/supplier_cutoffs"), ["status", "policy", "cutoff_ts"]
    )
    closed = [r for r in cutoffs.to_pylist() if r["status"] == "closed"]
    # 1 March 2025 is a Saturday: the cutoff of Sunday is the only one.
    assert [(r["policy"], r["cutoff_ts"]) for r in closed] == [
        ("standing-rules", BEGIN + timedelta(days=1, hours=12))
    ]


@pytest.mark.timeout(300)
def test_history_the_system_goes_on_from_its_end(
    past: tuple[Settings, dict[str, object]],
) -> None:
    settings, figures = past
    world = json.loads((Path(settings.lake) / "_state/simulator/world.json").read_text("utf-8"))
    result = smartshelf("run", "--days", "0.6", "--lake", settings.lake, "--json")
    assert result.returncode == 0, result.stderr
    run = last_json(result)
    assert world == {"stores": 1, "seed": 3}
    assert run["events"] > 0
    assert run["restock_tasks"] > 0
    state, sources = how_the_stream_is(settings)
    assert state != "off"
    assert sources == {"backfill", "stream"}
    sold = delta.read(settings.table_uri("cleansed/sales_lines"), ["event_ts"])["event_ts"]
    days = {moment.date() for moment in sold.to_pylist()}
    assert days == {(BEGIN + timedelta(days=n)).date() for n in range(DAYS + 1)}
    assert figures["events"] + run["events"] == sum(
        delta.read(settings.table_uri(f"raw/{topic}"), ["event_id"]).num_rows
        for topic in ("shelf_events", "pos_transactions", "foot_traffic", "warehouse_events",
                      "operator_events", "commands")
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--from", "2025-02-30"), "expected a date such as 2025-01-01"),
        (("--from", "2025-03-04", "--to", "2025-03-04"), "expected a day after 2025-03-04"),
    ],
)
def test_history_bad_dates_are_named(arguments: tuple[str, ...], message: str) -> None:
    result = smartshelf("history", *arguments)
    assert result.returncode == 2
    assert message in " ".join(result.stderr.split())


def test_history_of_another_begin_is_refused(past: tuple[Settings, dict[str, object]]) -> None:
    settings, _ = past
    result = smartshelf("history", "--from", "2025-01-01", "--lake", settings.lake)
    assert result.returncode == 2
    assert "--from is 2025-01-01T00:00:00Z" in result.stderr
    assert "holds a world with 2025-03-01T00:00:00Z" in result.stderr
