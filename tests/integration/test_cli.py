"""The command line as a person or a script uses it: arguments, exit codes, JSON, one clear line."""

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smartshelf_dagster.cli import app
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.storage.warehouse import read_serving
from tests.helpers.ports import free_ports

pytestmark = pytest.mark.timeout(300)

COMMANDS = (
    "up", "run", "history", "generate", "replay", "what-if", "audit", "rebuild", "bench", "doctor",
    "api", "export", "analyse", "report", "quality", "archive", "restore",
)  # fmt: skip
RUN_KEYS = {
    "events", "quarantined", "events_per_s", "sim_days", "wall_s", "alerts_opened",
    "restock_tasks", "supplier_orders", "fill_rate", "lost_units", "wasted_units",
    "conservation_errors",
}  # fmt: skip


def smartshelf(*arguments: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "smartshelf_dagster.cli", *arguments],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def last_json(result: subprocess.CompletedProcess[str]) -> dict[str, object]:
    return json.loads(result.stdout.splitlines()[-1])


def test_cli_every_command_has_help() -> None:
    overview = smartshelf("--help").stdout
    for command in COMMANDS:
        assert command in overview
        assert CliRunner().invoke(app, [command, "--help"]).exit_code == 0


@pytest.fixture(scope="module")
def morning(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """A lake after a few hours, by the command line alone."""
    lake = tmp_path_factory.mktemp("cli") / "lake"
    result = smartshelf("run", "--days", "0.2", "--seed", "4", "--lake", str(lake), "--json")
    assert result.returncode == 0, result.stderr
    return lake, last_json(result)


def test_run_reports_the_figures_of_the_contract(morning: tuple[Path, dict[str, object]]) -> None:
    figures = morning[1]
    assert set(figures) == RUN_KEYS
    assert figures["sim_days"] == 0.2
    assert figures["events"] > 5_000
    assert figures["restock_tasks"] > 0
    assert 0.9 < figures["fill_rate"] <= 1
    assert (figures["quarantined"], figures["conservation_errors"]) == (0, 0)


def test_published_file_says_what_every_table_and_column_means(
    morning: tuple[Path, dict[str, object]],
) -> None:
    file = load_settings(lake=str(morning[0])).serving_path
    catalog, columns, listed = (
        table.to_pylist()
        for table in read_serving(
            file,
            "from meta.catalog",
            "from meta.columns",
            "select schema_name || '/' || table_name as name, column_name, data_type "
            "from duckdb_columns() where not internal",
        )
    )
    assert {(row["table"], row["column_name"], row["data_type"]) for row in columns} == {
        (row["name"], row["column_name"], row["data_type"]) for row in listed
    }
    assert {row["table"] for row in catalog} == {row["table"] for row in columns}
    assert [row for row in (*catalog, *columns) if not row["description"]] == []
    assert {row["table"] for row in catalog if row["is_shared"]} == {
        "meta/catalog", "meta/columns", "meta/metrics", "meta/publication", "meta/publications",
        "meta/tables", "ref/items", "ref/zones",
    }  # fmt: skip
    # What has no store and is not shared is closed to who may see one store only.
    with_store = {row["table"] for row in columns if row["column_name"] == "store_id"}
    assert {row["table"] for row in catalog if not row["is_shared"]} - with_store == {
        "dq/quarantine_latest", "dq/quarantine_summary", "dq/reports", "dq/results",
        "dq/stream_quality", "dq/table_monitoring", "live/live_country", "live/stream_status",
        "live/system_status", "ml/backtests", "ml/drift", "ml/feature_importance", "ml/models",
        "ml/promotions", "ops/job_runs",
    }  # fmt: skip


def test_api_serves_a_lake_until_it_is_interrupted(
    morning: tuple[Path, dict[str, object]],
) -> None:
    port = free_ports(1)
    command = ["api", "--port", str(port), "--lake", str(morning[0])]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "smartshelf_dagster.cli", *command],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[0]
        assert address == f"http://127.0.0.1:{port}/v1/tables"
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - our own server
            tables = json.load(answer)["tables"]
        second = smartshelf(*command)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert "ops/alerts" in [table["name"] for table in tables]
    assert second.returncode == 2
    assert f"127.0.0.1:{port}" in second.stderr
    assert "--port" in second.stderr


def test_export_writes_a_file_and_says_where(
    morning: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    command = ["export", "ops/alerts", "--format", "json", "--out", str(tmp_path / "out")]
    filters = ["--where", "status.in=open,ack", "--where", "location=shelf"]
    result = smartshelf(*command, *filters, "--lake", str(morning[0]), "--json")
    assert result.returncode == 0, result.stderr
    report = last_json(result)
    path = Path(str(report["path"]))
    document = json.loads(path.read_text("utf-8"))
    assert len(document["rows"]) == report["rows"] > 0
    assert path.name.startswith("ops.alerts_status.in-open-ack-location-shelf_")
    assert {row["location"] for row in document["rows"]} == {"shelf"}
    assert document["version"] == report["version"]


def test_api_does_not_answer_everything_to_other_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine has no such address: with a token that is what is asked next.
    monkeypatch.setenv("SMARTSHELF_BIND_HOST", "192.0.2.1")
    asked = ("api", "--port", str(free_ports(1)), "--lake", str(tmp_path))
    refused = smartshelf(*asked)
    assert refused.returncode == 2
    assert "SMARTSHELF_BIND_HOST=192.0.2.1: expected 127.0.0.1" in refused.stderr
    monkeypatch.setenv("SMARTSHELF_API_TOKEN", "a" * 16)
    with_token = smartshelf(*asked)
    assert "choose another with --port" in with_token.stderr


def test_audit_and_rebuild_of_a_run_find_nothing(morning: tuple[Path, dict[str, object]]) -> None:
    lake, figures = morning
    audit = smartshelf("audit", "--lake", str(lake), "--json")
    assert audit.returncode == 0, audit.stderr
    report = last_json(audit)
    assert report["events"] == figures["events"]
    assert {report[k] for k in ("lost", "repeated", "conservation_errors", "state_mismatches")} == {
        0
    }
    rebuild = smartshelf("rebuild", "--lake", str(lake), "--json")
    assert rebuild.returncode == 0, rebuild.stderr
    assert last_json(rebuild)["differences"] == 0


def test_d32_run_again_goes_on_with_the_same_world(morning: tuple[Path, dict[str, object]]) -> None:
    lake = morning[0]
    other = smartshelf("run", "--days", "0.05", "--seed", "5", "--lake", str(lake))
    assert other.returncode == 2
    assert "--seed is 5" in other.stderr
    again = smartshelf("run", "--days", "0.05", "--lake", str(lake), "--json")
    assert again.returncode == 0, again.stderr
    assert 0 < last_json(again)["events"] < morning[1]["events"]


def test_generate_reports_what_was_to_be_expected(tmp_path: Path) -> None:
    lake = ("--lake", str(tmp_path / "lake"), "--json")
    result = smartshelf("generate", "--months", "1", "--stores", "1", "--items", "5", *lake)
    assert result.returncode == 0, result.stderr
    told = last_json(result)
    assert told.keys() == {
        "expected_events", "events", "sales", "returns", "restocks", "sent", "new_lines",
        "quarantined", "generate_s", "wall_s", "events_per_s",
    }  # fmt: skip
    assert told["quarantined"] == 0
    assert told["sent"] == told["sales"] + told["returns"]
    other = smartshelf("generate", "--from", "2024-01-02", *lake)
    assert other.returncode == 2
    assert "begin: 2024-01-02" in other.stderr
    assert len(other.stderr.splitlines()) == 1


def test_doctor_finds_everything(settings: Settings) -> None:
    result = smartshelf("doctor", "--lake", settings.lake)
    assert result.returncode == 0, result.stdout
    assert "FAIL" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "--lake", "{empty}"], "nothing is published yet"),
        (["rebuild", "--lake", "{empty}"], "holds no events"),
        (["audit", "--lake", " "], "SMARTSHELF_LAKE"),
        (["audit", "--lake", "{empty}", "--as-of", "yesterday"], "yesterday"),
        (["run", "--days", "1", "--tick", "soon"], "60m"),
        (["run", "--days", "0"], "0.01"),
        (["run", "--days", "1", "--policy", "magic"], "expected rule"),
        (["replay", "online-retail", "no-such-file.csv", "--lake", "{empty}"], "no such file"),
        (["up", "--speed", "0"], "0.1"),
        (["bench", "nonsense"], "expected drain"),
        (["export", "ops/alerts", "--out", "{empty}", "--lake", "{empty}"], "nothing has been pub"),
        (["export", "ops/alerts", "--out", "{empty}", "--where", "x"], "expected column=value"),
        (["export", "ops/alerts", "--out", "{empty}", "--format", "pdf"], "xlsx"),
        (["report", "--lake", "{empty}"], "nothing has been published"),
        (["report", "--date", "yesterday"], "such as 2025-01-01"),
        (["report", "--type", "due", "--store", "S1"], "due, expected without"),
    ],
)
def test_cli_bad_usage_is_exit_2_and_one_clear_message(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = smartshelf(*(a.format(empty=tmp_path / "lake") for a in arguments))
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_cli_broker_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMARTSHELF_REDIS_URL", "redis://127.0.0.1:1/0")
    result = smartshelf("run", "--days", "0.1", "--lake", str(tmp_path / "lake"))
    assert result.returncode == 2
    assert "redis://127.0.0.1:1/0" in result.stderr
    assert "SMARTSHELF_REDIS_URL" in result.stderr
