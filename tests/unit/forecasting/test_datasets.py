"""Data sets of others become tidy, or say what is wrong with them."""

import datetime as dt

import polars as pl
import pytest

from smartshelf_dagster.forecasting.datasets import (
    DatasetError,
    from_freshretail,
    from_online_retail,
    tidy,
)

MONDAY = dt.date(2025, 1, 6)
ROW = {"unique_id": "a", "ds": MONDAY, "y": 3.0}


def test_tidy_takes_text_dates_and_whole_numbers_and_drops_what_it_does_not_know() -> None:
    rows = pl.DataFrame([{"unique_id": 7, "ds": "2025-01-06", "y": 3, "colour": "red"}])
    assert tidy(rows).to_dicts() == [{"unique_id": "7", "ds": MONDAY, "y": 3.0}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ds": "06/01/2025"}, "ds: '06/01/2025' at a, 06/01/2025, expected a date"),
        ({"y": -1.0}, "y: -1.0 at a, 2025-01-06, expected pieces sold"),
        ({"y": float("nan")}, "y: nan"),
        ({"y": "many"}, "y: 'many'"),
        ({"lost_share": 1.2}, "lost_share: 1.2 at a, 2025-01-06, expected share"),
        ({"y_late": 4.0}, "y_late: 4.0 at a, 2025-01-06, expected part of y"),
        ({"unique_id": None}, "unique_id: empty"),
    ],
)
def test_tidy_names_field_value_and_expectation(changes: dict[str, object], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        tidy(pl.DataFrame([ROW | changes]))


def test_tidy_names_a_missing_column() -> None:
    with pytest.raises(DatasetError, match="y: missing, expected pieces sold"):
        tidy(pl.DataFrame([ROW]).drop("y"))


def test_freshretail_row_becomes_a_day_with_its_lost_share() -> None:
    sold = [0.0] * 24
    sold[9] = sold[15] = 1.0
    row = {
        "store_id": 1, "product_id": 2, "first_category_id": 3, "dt": "2025-01-06",
        "hours_sale": sold, "hours_stock_status": [0] * 18 + [1] * 6, "discount": 0.8,
        "holiday_flag": 1, "activity_flag": 0,
    }  # fmt: skip
    day = from_freshretail(pl.DataFrame([row]).with_columns(pl.col("dt").str.to_date())).row(
        0, named=True
    )
    assert (day["unique_id"], day["store"], day["category"]) == ("1-2", "1", "3")
    assert (day["y"], day["y_late"], day["holiday"]) == (2, 1, 1)
    assert day["promo"] == pytest.approx(0.2)
    # Nothing is known to be sold in the evening.
    assert day["lost_share"] == 0


def test_freshretail_without_its_columns_is_refused() -> None:
    with pytest.raises(DatasetError, match="hours_sale"):
        from_freshretail(pl.DataFrame([ROW]))


def line(invoice: str, code: str, pieces: int, time: str) -> dict[str, object]:
    return {
        "InvoiceNo": invoice, "StockCode": code, "Description": "", "Quantity": pieces,
        "InvoiceDate": time, "UnitPrice": 1.0, "CustomerID": 12345, "Country": "UK",
    }  # fmt: skip


def test_online_retail_sums_sales_by_day_without_cancelled_lines() -> None:
    rows = pl.DataFrame(
        [
            line("1", "85123a", 6, "2011-01-06 09:00:00"),
            line("2", "85123A", 4, "2011-01-06 12:00:00"),
            line("3", "85123A", 900, "2011-01-06 10:00:00"),
            line("C4", "85123A", -900, "2011-01-06 10:12:00"),
            line("5", "85123A", 2, "2011-01-07 10:00:00"),
            line("C6", "85123A", -4, "2011-01-07 10:12:00"),
            line("7", "POST", 1, "2011-01-07 10:00:00"),
        ]
    )
    days = from_online_retail(rows).select("unique_id", "y", "y_late", "category").rows()
    assert days == [("85123A", 10, 4, "85"), ("85123A", 2, 0, "85")]
