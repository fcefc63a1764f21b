"""UCI Online Retail as till events of one store.

Belongs here: what a row of that data set means. Does not belong here: reading files, sending.

The data set has no line numbers, and 5,268 of its rows are exact copies of another: a repeated
scan is legal. So a row is identified by its content and its number among identical rows, and the
same file sent twice gives the same events.

Source: data/SOURCES.md, UCI Online Retail.
"""

import hashlib

import polars as pl

from smartshelf_dagster.errors import SmartShelfError

STORE_ID = "UCI-ONLINE"
SOURCE = f"/stores/{STORE_ID}/replay/uci"
COLUMNS = (
    "InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID",
    "Country",
)  # fmt: skip
TIME_ZONE = "Europe/London"
# Spreadsheet exports write 12/1/2010 8:26 where others write 2010-12-01 08:26:00.
_DATE_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %H:%M")


class OnlineRetailError(SmartShelfError, ValueError):
    """The file is not UCI Online Retail; the message names the column and what was expected."""


def normalise(rows: pl.DataFrame) -> pl.DataFrame:
    """Bring the columns to one type, however the file has them.

    Args:
        rows: One row per invoice line, with the columns of the data set.

    Returns:
        The same rows: InvoiceNo, StockCode, Description, CustomerID, Country as text (null where
        empty), Quantity as integer pieces, InvoiceDate as local time, UnitPrice as GBP.

    Raises:
        OnlineRetailError: A column is missing or holds something else.
    """
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        raise OnlineRetailError(
            f"columns {', '.join(missing)} are missing, expected {', '.join(COLUMNS)}"
        )
    try:
        return rows.select(
            _text("InvoiceNo"),
            _text("StockCode"),
            _text("Description"),
            pl.col("Quantity").cast(pl.Float64).cast(pl.Int64),
            _local_time(rows.schema["InvoiceDate"]),
            pl.col("UnitPrice").cast(pl.Float64),
            pl.col("CustomerID").cast(pl.Float64).cast(pl.Int64).cast(pl.String),
            _text("Country"),
        )
    except pl.exceptions.InvalidOperationError as error:
        raise OnlineRetailError(f"a value has the wrong type: {error}") from error


def _text(name: str) -> pl.Expr:
    text = pl.col(name).cast(pl.String).str.strip_chars()
    return pl.when(text != "").then(text).alias(name)


def _local_time(dtype: pl.DataType) -> pl.Expr:
    if dtype != pl.String:
        return pl.col("InvoiceDate").cast(pl.Datetime("us"))
    parsed = [
        pl.col("InvoiceDate").str.to_datetime(pattern, time_unit="us", strict=False)
        for pattern in _DATE_FORMATS
    ]
    return pl.coalesce(parsed).alias("InvoiceDate")


def classify() -> pl.Expr:
    """Say what a row is; the first rule that fits decides.

    Returns:
        adjustment: bad debt (`A…`), price 0 or negative, or negative without a credit note;
        return: credit note (`C…`) with negative quantity; sale: the rest.
    """
    credit_note = pl.col("InvoiceNo").str.starts_with("C")
    positive_price = pl.col("UnitPrice") > 0
    return (
        pl.when(pl.col("InvoiceNo").str.starts_with("A"))
        .then(pl.lit("adjustment"))
        .when(credit_note & (pl.col("Quantity") < 0) & positive_price)
        .then(pl.lit("return"))
        .when(~credit_note & (pl.col("Quantity") > 0) & positive_price)
        .then(pl.lit("sale"))
        .otherwise(pl.lit("adjustment"))
        .alias("kind")
    )


def _event_ids(rows: pl.DataFrame) -> pl.Series:
    identity = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    number = pl.int_range(pl.len()).over(identity)
    content = rows.select(
        pl.concat_str(
            *(pl.col(name).cast(pl.String).fill_null("") for name in identity),
            number.cast(pl.String),
            separator="|",
        )
    ).to_series()
    digests = [hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in content]
    return pl.Series("event_id", digests)


def build_events(rows: pl.DataFrame) -> pl.DataFrame:
    """Turn normalised rows into CloudEvents.

    Args:
        rows: What `normalise` returns.

    Returns:
        One row per input row, in order: event_ts (UTC), kind, payload (the event as JSON).
    """
    kinds = rows.select(classify())["kind"]
    utc = (
        pl.col("InvoiceDate")
        .dt.replace_time_zone(TIME_ZONE, ambiguous="earliest")
        .dt.convert_time_zone("UTC")
    )
    event_ids = _event_ids(rows)
    frame = rows.with_columns(event_ids, kinds, utc.alias("event_ts"))
    is_return = pl.col("kind") == "return"
    line = pl.struct(
        pl.lit(1).alias("line_no"),
        pl.col("event_id").alias("line_id"),
        pl.col("StockCode").str.to_uppercase().alias("item_id"),
        pl.col("Description").alias("description"),
        pl.when(is_return).then(-pl.col("Quantity")).otherwise("Quantity").alias("quantity"),
        pl.col("UnitPrice").alias("unit_price"),
        pl.when(pl.col("kind") != "adjustment").then(pl.lit(0)).alias("discount"),
    )
    event = pl.struct(
        pl.lit("1.0").alias("specversion"),
        pl.col("event_id").alias("id"),
        pl.lit(SOURCE).alias("source"),
        pl.format("com.smartshelf.pos.{}.v1", "kind").alias("type"),
        pl.col("event_ts").dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("time"),
        pl.struct(
            pl.lit(STORE_ID).alias("store_id"),
            pl.col("InvoiceNo").alias("transaction_id"),
            pl.col("CustomerID").alias("customer_id"),
            pl.col("Country").alias("country"),
            pl.concat_list(line).alias("items"),
        ).alias("data"),
    )
    return frame.select("event_ts", "kind", event.struct.json_encode().alias("payload"))
