"""Figures of the closed loop, by hand; what is asked of `what-if`."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from smartshelf_dagster.domain.ordering import Economics
from smartshelf_dagster.services.closed_loop import (
    ALL_GOODS,
    FIGURES,
    PERISHABLES,
    NoLedgerError,
    RemoteLakeError,
    copy_lake,
    loop_figures,
)
from smartshelf_dagster.services.simulator import state_dir
from smartshelf_dagster.services.what_if import Branch, WhatIfError, branches, parse_changes
from smartshelf_dagster.settings import Settings, load_settings

QUIET = {
    "store_id": "S001", "sold_units": 0, "lost_units": 0, "returned_units": 0,
    "ordered_units": 0, "wasted_units": 0, "wasted_value": 0.0, "revenue": 0.0,
    "shelf_units": 0, "warehouse_units": 0, "transit_units": 0,
}  # fmt: skip


def lake_with(folder: Path, rows: list[dict[str, object]]) -> Settings:
    """A lake of two items, milk at 2.00 and salt at 1.00, with a ledger."""
    settings = load_settings(lake=str(folder / "lake"))
    reference = state_dir(settings) / "reference"
    reference.mkdir(parents=True)
    pl.DataFrame(
        {
            "item_id": ["MILK", "SALT"],
            "category": ["DAIRY", "SPICES"],
            "is_perishable": [True, False],
            "list_price": [2.0, 1.0],
        }
    ).write_parquet(reference / "items.parquet")
    frame = pl.DataFrame([QUIET | row for row in rows])
    for (day,), rows_of_day in frame.group_by("date"):
        path = state_dir(settings) / "ledger" / "store=S001" / f"{day}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows_of_day.write_parquet(path)
    return settings


def test_figures_of_two_days_by_hand(tmp_path: Path) -> None:
    """Milk costs 1.00 and salt 0.50 here, and holding 365 % a year, so 1 % a day.

    Milk: 15 less 10 pieces of 1.00 sold and kept, less 2 wasted, less 2 days of 3 pieces.
    """
    first, second = date(2026, 1, 5), date(2026, 1, 6)
    milk = {"item_id": "MILK", "shelf_units": 1, "warehouse_units": 2}
    salt = {"item_id": "SALT", "transit_units": 10}
    lake = lake_with(
        tmp_path,
        [
            milk | {"date": first, "sold_units": 11, "revenue": 15.0, "ordered_units": 12},
            milk
            | {
                "date": second,
                "lost_units": 9,
                "returned_units": 1,
                "wasted_units": 2,
                "wasted_value": 4.0,
            },
            salt | {"date": first, "ordered_units": 6},
            salt | {"date": second, "ordered_units": 6},
            salt | {"date": date(2026, 1, 7), "sold_units": 99},
        ],
    )
    figures = loop_figures(lake, first, second, Economics(cost_frac=0.5, holding_rate=3.65))
    assert figures.columns == ["group", *FIGURES]
    assert figures["group"].to_list() == [ALL_GOODS, PERISHABLES, "DAIRY", "SPICES"]
    every, fresh, dairy, spices = figures.iter_rows(named=True)
    assert fresh | {"group": "DAIRY"} == dairy
    assert dairy == pytest.approx(
        {
            "group": "DAIRY", "fill_rate": 0.55, "sold_units": 11, "lost_units": 9,
            "wasted_units": 2, "wasted_value": 4.0, "average_stock": 3.0,
            "average_stock_cost": 3.0, "order_lines": 1, "ordered_units": 12, "revenue": 15.0,
            "holding_cost": 0.06, "profit": 15.0 - 10.0 - 2.0 - 0.06,
        }
    )  # fmt: skip
    assert (spices["fill_rate"], spices["order_lines"]) == (1.0, 2)
    assert spices["holding_cost"] == pytest.approx(0.10)
    assert every["average_stock"] == pytest.approx(13.0)
    assert every["profit"] == pytest.approx(dairy["profit"] + spices["profit"])


def test_a_lake_without_a_ledger_has_no_figures(tmp_path: Path) -> None:
    with pytest.raises(NoLedgerError, match="expected the ledger of simulated stores"):
        loop_figures(load_settings(lake=str(tmp_path)), date(2026, 1, 5), date(2026, 1, 5))


def test_a_lake_that_is_no_folder_is_not_copied(tmp_path: Path) -> None:
    settings = load_settings(lake="s3://bucket/lake", state_dir=tmp_path)
    with pytest.raises(RemoteLakeError, match="s3://bucket/lake is not a folder"):
        copy_lake(settings, tmp_path / "copy")


def test_a_copy_has_its_own_state_and_the_settings_asked_for(tmp_path: Path) -> None:
    lake, state = tmp_path / "lake", tmp_path / "elsewhere"
    for path in (lake / "raw" / "file", state / "simulator" / "file", state / "locks" / "x.lock"):
        path.parent.mkdir(parents=True)
        path.write_text("content")
    settings = load_settings(lake=str(lake), state_dir=state, duckdb_threads=1)
    copy = copy_lake(settings, tmp_path / "copy", order_policy="rule")
    assert (copy.order_policy, copy.duckdb_threads) == ("rule", 1)
    assert copy.state_path == tmp_path / "copy" / "_state"
    assert (Path(copy.lake) / "raw" / "file").exists()
    assert [path.name for path in copy.state_path.iterdir()] == ["simulator"]


def test_changes_are_parameters_and_faults() -> None:
    given = ["safety_factor=1.5", "supplier_faults.late=0.2"]
    assert parse_changes(given) == ({"safety_factor": 1.5}, {"late": 0.2})


@pytest.mark.parametrize("text", ["safety_factor", "safety_factor=much", "supplier_faults.x=0.1",
                                  "supplier_faults.late=2"])  # fmt: skip
def test_changes_that_make_no_sense_are_named(text: str) -> None:
    with pytest.raises(WhatIfError, match=f"--set '{text}', expected"):
        parse_changes([text])


def test_a_policy_keeps_the_parameters_the_lake_is_set_to() -> None:
    settings = load_settings(order_policy="order-up-to", order_parameters={"prior_days": 7.0})
    own = Branch("order-up-to", {"prior_days": 7.0})
    assert branches(settings, "rule", None, []) == (own, Branch("rule"))
    baseline, alternative = branches(settings, "order-up-to", "rule", ["safety_factor=1"])
    assert baseline == Branch("rule")
    assert alternative == Branch("order-up-to", {"prior_days": 7.0, "safety_factor": 1.0})
