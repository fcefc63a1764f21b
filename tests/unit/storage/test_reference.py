"""Master data: loaded as a whole when it satisfies its contracts, else refused by name."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import MasterDataError, load_master_data, read_reference


@pytest.fixture
def folder(master_data: Path, tmp_path: Path) -> Path:
    """A copy of good master data, to be changed."""
    return shutil.copytree(master_data, tmp_path / "changed")


def change(folder: Path, name: str, *columns: pl.Expr, **more: pl.Expr) -> None:
    file = folder / f"{name}.parquet"
    pl.read_parquet(file).select(*columns, **more).write_parquet(file)


def assert_refused(settings: Settings, folder: Path, message: str) -> None:
    before = {name: read_reference(settings, name) for name in ("items", "weekly_discounts")}
    with pytest.raises(MasterDataError, match=message):
        load_master_data(settings, folder)
    for name, frame in before.items():
        assert read_reference(settings, name).equals(frame)


def test_d12_columns_of_another_name_are_refused(settings: Settings, folder: Path) -> None:
    """The first generation swallowed the error, and its shoppers knew of no promotion."""
    names = {"week_start_date": "week_start", "discount": "discount_pct"}
    change(folder, "weekly_discounts", pl.all().name.map(lambda name: names.get(name, name)))
    assert_refused(settings, folder, r"weekly_discounts\.parquet: lacks the columns .*discount")


def test_values_of_another_type_are_refused(settings: Settings, folder: Path) -> None:
    change(folder, "weekly_discounts", pl.all().exclude("discount"), discount=pl.lit("much"))
    assert_refused(settings, folder, "discount: expected decimal")


def test_a_row_that_stands_twice_is_refused(settings: Settings, folder: Path) -> None:
    file = folder / "items.parquet"
    rows = pl.read_parquet(file)
    pl.concat([rows, rows.head(1)]).write_parquet(file)
    assert_refused(settings, folder, "stands twice")


def test_a_file_that_is_missing_is_refused(settings: Settings, folder: Path) -> None:
    (folder / "items.parquet").unlink()
    assert_refused(settings, folder, r"items\.parquet: missing")


def test_a_store_that_is_open_past_midnight_tells_no_hours(
    settings: Settings, folder: Path
) -> None:
    change(
        folder, "stores", pl.all().exclude("opens_at", "closes_at"),
        opens_at=pl.lit("22:00"), closes_at=pl.lit("06:00"),
    )  # fmt: skip
    assert_refused(settings, folder, "store S001: opens_at='22:00', closes_at='06:00': expected")
