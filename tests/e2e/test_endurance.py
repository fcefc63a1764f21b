"""A store with faulty deliveries, noisy sensors and people who intervene: the books balance."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from benchmarks.endurance import endure
from smartshelf_dagster.storage import delta
from tests.helpers.warehouse import give_warehouse


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_endurance_a_day_and_a_half_balances_and_rebuilds(
    lake_template: Path, tmp_path: Path
) -> None:
    settings = give_warehouse(tmp_path / "lake", lake_template)
    result = endure(settings, tmp_path, days=1.4, tick=timedelta(hours=3))
    assert result.clean, result.details
    assert result.differences == 0
    assert result.duplicates > 100
    done = pl.DataFrame(delta.read(settings.table_uri("ops/operator_actions")))
    assert done.height == result.interventions
    assert {"alert_acknowledged", "alert_dismissed", "stock_counted"} < set(done["action"])
