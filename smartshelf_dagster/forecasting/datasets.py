"""Sales of other shops, brought to the form the forecasts work on.

Belongs here: what the columns of a data set mean. Does not belong here: reading files.

The tidy form has one row per `unique_id` (an item in a store) and `ds` (a day), with `y` (pieces
sold) and, where known, the other columns of `COLUMNS`. Days without a row are days without a sale.
"""

from collections.abc import Callable

import polars as pl

from smartshelf_dagster.domain import online_retail
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.demand import KEY, shares_of_hours

COLUMNS: dict[str, str] = {
    "unique_id": "an item in a store",
    "ds": "a date",
    "y": "pieces sold, 0 or more; empty for days to come",
    "store": "name of the store",
    "category": "name of the category",
    "price": "planned price",
    "promo": "planned discount or promotion, 0 for none",
    "holiday": "1 on holidays, else 0",
    "y_late": "part of y sold after the cutoff, from 0 to y",
    "y_in_stock": "part of y sold while flagged in stock, from 0 to y",
    "lost_share": "share of a day's trade out of stock, from 0 to 1",
    "lost_share_late": "part of lost_share after the cutoff, from 0 to 1",
}
_TEXT = ("unique_id", "store", "category")
_TYPES: dict[str, type[pl.DataType]] = dict.fromkeys(_TEXT, pl.String) | {"ds": pl.Date}
_SHARES = ("lost_share", "lost_share_late")
_CUTOFF_HOUR = 12


class DatasetError(SmartShelfError, ValueError):
    """A data set cannot be used; the message names field, value and what was expected."""


def tidy(rows: pl.DataFrame) -> pl.DataFrame:
    """Check a tidy frame, and bring its columns to their types.

    Args:
        rows: At least unique_id, ds and y. Other columns than those of `COLUMNS` are left out.

    Returns:
        The rows with the columns of `COLUMNS` that they have.

    Raises:
        DatasetError: A column is missing, or a value is not what it should be.
    """
    for name in (*KEY, "y"):
        if name not in rows.columns:
            raise DatasetError(
                f"{name}: missing, expected {COLUMNS[name]}; there are {', '.join(rows.columns)}"
            )
    typed = rows.select(_typed(rows, name).alias(name) for name in COLUMNS if name in rows.columns)
    for name in KEY:
        if typed[name].null_count():
            raise DatasetError(f"{name}: empty in a row, expected {COLUMNS[name]}")
    amounts = {name for name in typed.columns if name not in (*_TEXT, "ds")}
    for name in sorted(amounts):
        allowed = pl.col(name).is_finite() & (pl.col(name) >= 0)
        if name in _SHARES:
            allowed &= pl.col(name) <= 1
        elif name in ("y_late", "y_in_stock"):
            allowed &= pl.col(name) <= pl.col("y") + 1e-6
        _refuse(typed.filter(~allowed), name)
    return typed


def _typed(rows: pl.DataFrame, name: str) -> pl.Expr:
    kind = rows.schema[name]
    wanted = _TYPES.get(name, pl.Float64)
    if name == "ds" and kind == pl.String:
        # A date may come with a time behind it.
        converted = pl.col(name).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    else:
        converted = pl.col(name).cast(wanted, strict=False)
    try:
        broken = rows.filter(pl.col(name).is_not_null() & converted.is_null())
    except pl.exceptions.PolarsError as error:
        raise DatasetError(f"{name}: of type {kind}, expected {COLUMNS[name]}") from error
    _refuse(broken, name)
    return converted


def _refuse(broken: pl.DataFrame, name: str) -> None:
    if broken.height:
        key = ", ".join(str(broken[column][0]) for column in KEY)
        raise DatasetError(f"{name}: {broken[name][0]!r} at {key}, expected {COLUMNS[name]}")


def from_freshretail(rows: pl.DataFrame) -> pl.DataFrame:
    """Turn FreshRetailNet-50K into the tidy form.

    Its discount is the price paid over the list price of the day, and taken as planned. Weather
    is left out: the data set has what came, and nobody knew that before.

    Args:
        rows: One row per store, product and day, with the columns of the data set.

    Returns:
        The tidy frame; amounts in the unit of the data set.

    Raises:
        DatasetError: A column is missing.

    Source: FreshRetailNet-50K (2025), arXiv 2505.16319, CC BY 4.0.
    """
    needed = ("store_id", "product_id", "first_category_id", "dt", "hours_sale",
              "hours_stock_status", "discount", "holiday_flag")  # fmt: skip
    _require(rows, needed, "FreshRetailNet-50K")
    named = rows.select(
        unique_id=pl.format("{}-{}", "store_id", "product_id"),
        ds=pl.col("dt").cast(pl.Date),
        store=pl.col("store_id").cast(pl.String),
        category=pl.col("first_category_id").cast(pl.String),
        promo=(1 - pl.col("discount")).clip(0, 1),
        holiday=pl.col("holiday_flag").cast(pl.Float64),
        sold="hours_sale",
        is_out="hours_stock_status",
    )
    shares = shares_of_hours(named, _CUTOFF_HOUR)
    return tidy(named.drop("sold", "is_out").join(shares, on=KEY))


def from_online_retail(rows: pl.DataFrame) -> pl.DataFrame:
    """Turn UCI Online Retail into the tidy form.

    Sales only: a return does not undo a demand. A line that was taken back whole on its own day
    was a mistake, and no demand either; two of them are the largest in the data. There are no
    categories; the first two characters of the stock code, a family of goods, stand for them.
    Prices depend on the quantity bought, which nobody knew before, and are left out.

    Args:
        rows: The columns of the data set.

    Returns:
        The tidy frame, in pieces.

    Raises:
        OnlineRetailError: A column is missing or holds something else.
    """
    lines = online_retail.normalise(rows).with_columns(online_retail.classify())
    item = pl.col("StockCode").str.to_uppercase()
    keyed = lines.with_columns(
        unique_id=item, ds=pl.col("InvoiceDate").dt.date(), pieces=pl.col("Quantity").abs()
    )
    # Merchandise has numbers; postage, fees and samples have words.
    sold = keyed.filter((pl.col("kind") == "sale") & pl.col("StockCode").str.contains(r"^\d{5}"))
    line = (*KEY, "CustomerID", "pieces")
    number = pl.int_range(pl.len()).over(line).alias("number")
    cancelled = keyed.filter(pl.col("kind") == "return").with_columns(number)
    sales = sold.with_columns(number).join(cancelled, on=(*line, "number"), how="anti")
    late = pl.col("InvoiceDate").dt.hour() >= _CUTOFF_HOUR
    return (
        sales.group_by(KEY)
        .agg(
            y=pl.col("Quantity").sum().cast(pl.Float64),
            y_late=pl.col("Quantity").filter(late).sum().cast(pl.Float64),
        )
        .with_columns(
            store=pl.lit(online_retail.STORE_ID), category=pl.col("unique_id").str.slice(0, 2)
        )
        .sort(KEY)
    )


def _require(rows: pl.DataFrame, needed: tuple[str, ...], name: str) -> None:
    missing = [column for column in needed if column not in rows.columns]
    if missing:
        raise DatasetError(f"columns {', '.join(missing)} are missing, expected {name}")


ADAPTERS: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "freshretail": from_freshretail,
    "online-retail": from_online_retail,
    "tidy": tidy,
}
