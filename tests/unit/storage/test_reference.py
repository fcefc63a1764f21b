"""Master data: loaded as a whole when it satisfies its contracts, else refused by name."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import (
    MasterDataError,
    add_rows,
    load_master_data,
    read_reference,
)

OPENED = datetime(2026, 1, 1, tzinfo=UTC)


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


def test_rows_are_added_whose_keys_are_not_there_and_the_others_stay(settings: Settings) -> None:
    first = {"item_id": "A", "valid_from_ts": OPENED, "list_price": 6.71}
    assert add_rows(settings, "item_prices", [first]) == 1
    more = [
        {"item_id": item, "valid_from_ts": OPENED, "list_price": price, "unit_cost": 0.3}
        for item, price in (("A", 999.0), ("B", 6.71))
    ]
    assert add_rows(settings, "item_prices", more) == 1
    assert add_rows(settings, "item_prices", [first]) == 0
    rows = read_reference(settings, "item_prices").sort("item_id")
    told = rows.select(pl.col("item_id"), pl.col("list_price", "unit_cost").cast(str)).rows()
    assert told == [("A", "6.7100", None), ("B", "6.7100", "0.3000")]


def test_a_store_that_is_open_past_midnight_tells_no_hours(
    settings: Settings, folder: Path
) -> None:
    change(
        folder, "stores", pl.all().exclude("opens_at", "closes_at"),
        opens_at=pl.lit("22:00"), closes_at=pl.lit("06:00"),
    )  # fmt: skip
    assert_refused(settings, folder, "store S001: opens_at='22:00', closes_at='06:00': expected")
