"""The same models on another engine: compiled and run by Sail (Spark SQL), they say the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smartshelf_dagster.settings import PROJECT_ROOT
from tests.helpers.world import Recording


@pytest.mark.timeout(240)
def test_models_give_the_same_rows_on_spark_sql(recorded: Recording, tmp_path: Path) -> None:
    """In a process of its own: dbt and the Spark session are global."""
    result = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "tests.helpers.spark_engine"),
            *(recorded.settings.lake, recorded.now.isoformat()),
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["failed"] == []
    assert report["differences"] == dict.fromkeys(report["differences"], 0)
    assert len(report["differences"]) >= 17
    assert report["rows"] > 10_000
