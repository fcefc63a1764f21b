"""Settings: read from the environment, checked, and nowhere else."""

from pathlib import Path

import pytest

from smartshelf_dagster.settings import PROJECT_ROOT, SettingsError, load_settings


def test_settings_defaults_lie_in_the_project() -> None:
    settings = load_settings()
    assert settings.lake == str(PROJECT_ROOT / "lake")
    assert settings.state_path == PROJECT_ROOT / "lake" / "_state"
    assert settings.bind_host == "127.0.0.1"


def test_settings_relative_lake_becomes_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMARTSHELF_LAKE", "here/lake")
    assert load_settings().lake == str(tmp_path / "here" / "lake")


def test_settings_remote_lake_keeps_local_files_in_the_state_folder(tmp_path: Path) -> None:
    settings = load_settings(lake="s3://bucket/lake/", state_dir=tmp_path)
    assert settings.table_uri("raw/shelf_events") == "s3://bucket/lake/raw/shelf_events"
    assert settings.warehouse_path == tmp_path / "warehouse" / "smartshelf.duckdb"
    assert not settings.lake_is_local


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MAX_BATCH_EVENTS", "0", r"SMARTSHELF_MAX_BATCH_EVENTS='0': .*greater than or equal to 1"),
        ("MAX_BATCH_EVENTS", "many", r"SMARTSHELF_MAX_BATCH_EVENTS='many': .*integer"),
        ("CLOCK", "sundial", r"SMARTSHELF_CLOCK='sundial': .*'auto', 'wall' or 'simulated'"),
        ("LAKE", " ", r"SMARTSHELF_LAKE=' ': .*empty"),
        ("DUCKDB_MEMORY", "lots", r"SMARTSHELF_DUCKDB_MEMORY='lots'"),
        (
            "ORDER_PARAMETERS",
            "safety_factor=1.5,prior_days",
            r"SMARTSHELF_ORDER_PARAMETERS=.*expected name=number.*'prior_days'",
        ),
    ],
)
def test_settings_bad_value_names_variable_value_and_expectation(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"SMARTSHELF_{name}", value)
    with pytest.raises(SettingsError, match=message):
        load_settings()


def test_settings_parameters_of_the_policy_are_a_list_of_numbers_with_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert load_settings().order_parameters == {}
    monkeypatch.setenv("SMARTSHELF_ORDER_PARAMETERS", "safety_factor=1.5, prior_days=7")
    assert load_settings().order_parameters == {"safety_factor": 1.5, "prior_days": 7.0}


def test_settings_days_of_retention_are_numbers_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTSHELF_RETENTION_DAYS", "events=30,quarantine=10")
    assert load_settings().retention_days == {"events": 30.0, "quarantine": 10.0}
    with pytest.raises(SettingsError, match=r"RETENTION_DAYS=.*such as events=30, got 'events'"):
        load_settings(retention_days="events")


def test_settings_is_the_only_reader_of_the_environment() -> None:
    allowed = {"settings.py", "runner.py", "up.py"}
    readers = [
        path.name
        for path in (PROJECT_ROOT / "smartshelf_dagster").rglob("*.py")
        if "os.environ" in path.read_text("utf-8") or "getenv" in path.read_text("utf-8")
    ]
    # runner hands dbt's profile its values, up hands the environment to its processes.
    assert set(readers) <= allowed
