"""Fixtures: one broker, one set of master data, a fresh lake for each test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from xdist.scheduler import LoadScopeScheduling

from smartshelf_dagster.pipeline import drain as drains
from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.drain import DrainReport, ensure_raw_tables
from smartshelf_dagster.pipeline.generate import HistoryReport
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.replay import ReplayReport, replay_online_retail
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.simulator import command
from smartshelf_dagster.settings import PROJECT_ROOT, Settings, load_settings
from smartshelf_dagster.storage.reference import load_master_data
from smartshelf_dagster.streaming.client import Client, connect
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from tests.helpers.generated import load_generated
from tests.helpers.golden import END, record_golden
from tests.helpers.made_once import made_once
from tests.helpers.warehouse import analyse_empty, build_empty, give_warehouse
from tests.helpers.world import NOISE, Recording, record_world

# What a developer has set for himself must not reach the tests.
for name in [n for n in os.environ if n.startswith(("SMARTSHELF_", "DAGSTER_"))]:
    if name != "SMARTSHELF_TEST_DATA":
        del os.environ[name]

# The gate draws the same examples each time; `make chaos` looks for new ones.
hypothesis_settings.register_profile("gate", derandomize=True)
hypothesis_settings.register_profile("explore", derandomize=False, print_blob=True)
hypothesis_settings.load_profile("gate")

OPENED = datetime(2026, 1, 1, 7, tzinfo=UTC)

# Files that one process runs, one after the other: those that each keep all processors busy, and
# those that need the recording, or the golden days, so that these are made once.
TOGETHER = {
    "analytics": ("tests/integration/test_analytics_",),
    "e2e": (
        "tests/e2e/",
        "tests/dashboard/test_dashboard_analytics.py",
        "tests/dashboard/test_dashboard_filters.py",
    ),
    "recorded": (
        "tests/dbt/test_engines.py",
        "tests/dbt/test_models.py",
        "tests/integration/test_audit.py",
        "tests/integration/test_batch_splits.py",
        "tests/integration/test_live_windows.py",
    ),
}


class SharingByFile(LoadScopeScheduling):
    """Gives the tests of a file to one process, which makes the file's fixtures once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for name, files in TOGETHER.items() if file.startswith(files)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharingByFile:
    """Tell `pytest -n` how to share the tests among processes."""
    return SharingByFile(config, log)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """A real server for the whole session."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def client(broker: EmbeddedRedis) -> Iterator[Client]:
    """A connection to an empty server, with a simulated clock at half past seven."""
    connection = connect(broker.url, 10)
    connection.flushall()
    connection.set(SIM_NOW_KEY, "2026-01-01T07:30:00Z")
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def master_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Master data of a world with two stores, made once."""
    folder = tmp_path_factory.mktemp("world") / "reference"
    subprocess.run(
        command("bootstrap", "--out", str(folder), "--stores", "2", "--seed", "1"),
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="session")
def new_lake(master_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake with master data and empty raw tables, to be copied."""
    lake = tmp_path_factory.mktemp("new") / "lake"
    settings = load_settings(lake=str(lake))
    load_master_data(settings, master_data)
    ensure_raw_tables(settings)
    return lake


def _copied(lake: str | Path, folder: Path) -> Settings:
    shutil.copytree(lake, folder)
    return load_settings(lake=str(folder))


@pytest.fixture(scope="session")
def lake_template(new_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a warehouse of empty tables, and how dbt builds them noted in it.

    A first turn on a copy is one of many; on `new_lake` it takes nine times as long.
    """

    def make(folder: Path) -> None:
        build_empty(_copied(new_lake, folder / "lake"))

    return made_once(tmp_path_factory, "template", make) / "lake"


@pytest.fixture(scope="session")
def analysed_template(lake_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the tables of analytics."""

    def make(folder: Path) -> None:
        analyse_empty(_copied(lake_template, folder / "lake"))

    return made_once(tmp_path_factory, "analysed", make) / "lake"


@pytest.fixture
def settings(lake_template: Path, tmp_path: Path) -> Settings:
    """Settings of a lake with master data where nothing has happened yet."""
    return _copied(lake_template, tmp_path / "lake")


@pytest.fixture
def analysed_settings(analysed_template: Path, tmp_path: Path) -> Settings:
    """The same for tests that analyse."""
    return _copied(analysed_template, tmp_path / "lake")


@pytest.fixture
def new_settings(new_lake: Path, tmp_path: Path) -> Settings:
    """Settings of such a lake without a warehouse, for tests of how one comes to be."""
    return _copied(new_lake, tmp_path / "lake")


@pytest.fixture
def new_session(new_settings: Settings, client: Client) -> LakeSession:
    """The system on a lake without a warehouse."""
    return LakeSession(new_settings, client)


@pytest.fixture
def session(settings: Settings, client: Client) -> LakeSession:
    """The system on a fresh lake."""
    return LakeSession(settings, client)


@pytest.fixture(scope="session")
def recorded(analysed_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A noisy morning of a store with the system at work; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("recorded")
    give_warehouse(folder / "lake", analysed_template)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drains._TopicDrain, "_trim", lambda _: None)
        return record_world(folder, hours=6, seed=5, noise=NOISE)


@pytest.fixture(scope="session")
def golden(
    broker: EmbeddedRedis, analysed_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, DrainReport]:
    """Three days that were reckoned by hand, analysed; tests leave them as they are."""
    folder = tmp_path_factory.mktemp("golden")
    give_warehouse(folder / "lake", analysed_template)
    settings, drained = record_golden(folder, broker.url)
    analyse(settings, END)
    return settings, drained


@pytest.fixture(scope="session")
def generated_lake(
    broker: EmbeddedRedis, analysed_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Settings, HistoryReport]:
    """Two made-up years whose laws are known, analysed; tests leave them as they are."""
    folder = tmp_path_factory.mktemp("generated")
    give_warehouse(folder / "lake", analysed_template)
    return load_generated(folder, broker.url)


@pytest.fixture
def recorded_copy(recorded: Recording, tmp_path: Path) -> Settings:
    """A copy of the recorded lake, to be changed."""
    return _copied(recorded.settings.lake, tmp_path / "copy")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data, which lies beside the repository or where SMARTSHELF_TEST_DATA says."""
    folder = Path(os.environ.get("SMARTSHELF_TEST_DATA", PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set SMARTSHELF_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def online_retail_replay(
    shared_data: Path, analysed_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LakeSession, ReplayReport, Path]]:
    """The whole of UCI Online Retail, replayed on a new lake; the report, and a copy of the lake."""
    folder = tmp_path_factory.mktemp("online_retail")
    settings = give_warehouse(folder / "lake", analysed_template)
    with EmbeddedRedis(folder / "redis") as server:
        session = LakeSession(settings, connect(server.url, 60))
        file = shared_data / "online_retail" / "online_retail.parquet"
        report = replay_online_retail(session, file)
        shutil.copytree(settings.lake, folder / "copy")
        yield session, report, folder / "copy"


@pytest.fixture(scope="session")
def online_retail_lake(
    online_retail_replay: tuple[LakeSession, ReplayReport, Path],
) -> Settings:
    """The same lake, analysed; tests leave it as it is."""
    settings = load_settings(lake=str(online_retail_replay[2]))
    analyse(settings, datetime(2011, 12, 10, tzinfo=UTC))
    return settings
