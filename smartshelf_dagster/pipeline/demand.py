"""The demand history of a lake: built when a forecast asks for it, read as forecasts need it.

Belongs here: from the dbt model `curated/demand_history` to the tidy frame of
`forecasting/datasets.py`. Does not belong here: how demand is reckoned (dbt), what stock-outs hid
(`forecasting/demand.py`).
"""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.calendar import SupplierRound, protection_intervals
from smartshelf_dagster.forecasting.demand import KEY
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import WarehouseReader
from smartshelf_dagster.transform.runner import FORECAST, NodeResult, Transformer

DEMAND_HISTORY = "curated/demand_history"
# Bookkeeping of the increments; readers of the Delta table have no use for it.
_HIDDEN = ("sales_seq", "stock_seq")


class DemandHistoryError(SmartShelfError, RuntimeError):
    """There is no demand to read; the message says what is missing."""


def build_demand(transformer: Transformer, as_of: datetime) -> list[NodeResult]:
    """Bring the demand history up to a time.

    A process that does it again and again needs dbt for the first two times only.

    Args:
        transformer: dbt of the lake, whose models of a tick are built for `as_of`.
        as_of: The time; UTC.

    Raises:
        TransformError: The model failed, with the database's message.
    """
    return transformer.build_again(FORECAST, as_of)


def publish_demand(settings: Settings, reader: WarehouseReader) -> int:
    """Replace the Delta table of the demand history by what was built last.

    Args:
        settings: Which lake.
        reader: Its warehouse.

    Returns:
        The new version of the table.
    """
    rows = reader.rows(DEMAND_HISTORY, _HIDDEN)
    return delta.replace(settings.table_uri(DEMAND_HISTORY), rows, name=DEMAND_HISTORY).version


def read_demand(reader: WarehouseReader, as_of: datetime, ahead_days: int = 35) -> pl.DataFrame:
    """Read the demand history as a tidy frame, followed by the days that are planned.

    Stores that have ended (`silent_store_days` of the dbt project) are left out.

    Args:
        reader: The warehouse, with the demand history built for `as_of`.
        as_of: The time; UTC.
        ahead_days: Days after the business date of `as_of` that prices and promotions are wanted
            of; 0 or more. Weeks that nobody has planned yet are without a promotion.

    Returns:
        unique_id (`<store>/<item>`), ds, y, y_late, lost_share, lost_share_late, store, category,
        price, promo, as in `datasets.COLUMNS`, by unique_id and ds. On the business date of `as_of`
        y is what was sold so far, and y_late what of it was sold after the cutoff; the days after
        it have neither, nor shares.

    Raises:
        DemandHistoryError: No store has a row on the business date of `as_of`.
    """
    stores = _frame(reader, "staging/stg_stores")
    zones = stores.select("store_id", "timezone").rows()
    today = pl.DataFrame(
        [(store_id, as_of.astimezone(ZoneInfo(zone)).date()) for store_id, zone in zones],
        schema={"store_id": pl.String, "today": pl.Date},
        orient="row",
    )
    told = _frame(reader, DEMAND_HISTORY, _HIDDEN).rename({"business_date": "ds"})
    known = told.join(today, on="store_id").filter(pl.col("ds") <= pl.col("today"))
    current = known.filter(pl.col("ds") == pl.col("today"))
    if current.is_empty():
        raise DemandHistoryError(
            f"{DEMAND_HISTORY}: no item has a row on the business date of {as_of.isoformat()},"
            " expected it to be built for that time, and a store that sells"
        )
    history = known.join(current, on="store_id", how="semi")
    planned = _plan(reader, current, ahead_days)
    return (
        pl.concat([history, planned], how="diagonal")
        .select(
            unique_id=pl.concat_str("store_id", "item_id", separator="/"),
            ds="ds",
            y=pl.col("units").cast(pl.Float64),
            y_late=pl.col("late_units").cast(pl.Float64),
            lost_share="lost_share",
            lost_share_late="lost_share_late",
            store="store_id",
            category="category",
            price="price",
            promo="promo",
        )
        .sort(KEY)
    )


def _plan(reader: WarehouseReader, current: pl.DataFrame, ahead_days: int) -> pl.DataFrame:
    """Return the days after the current ones, with prices and promotions as planned."""
    first: date = current["ds"].min()  # type: ignore[assignment]
    prices = _frame(reader, "staging/stg_items").select(
        "item_id", list_price=pl.col("list_price").cast(pl.Float64)
    )
    weeks = _frame(reader, "staging/stg_weekly_discounts", where=f"week_end_date > '{first}'")
    discounts = weeks.select(
        "item_id",
        "planned_price",
        pl.col("discount").cast(pl.Float64),
        ds=pl.date_ranges("week_start_date", "week_end_date"),
    ).explode("ds")
    ahead = pl.DataFrame({"ahead": pl.int_range(1, ahead_days + 1, eager=True)})
    return (
        current.select("store_id", "item_id", "category", "today")
        .join(ahead, how="cross")
        .with_columns(ds=pl.col("today") + pl.duration(days="ahead"))
        .join(prices, on="item_id", how="left")
        .join(discounts, on=("item_id", "ds"), how="left")
        .select(
            "store_id",
            "item_id",
            "ds",
            "category",
            price=pl.coalesce("planned_price", "list_price"),
            promo=pl.col("discount").fill_null(0.0),
        )
    )


def lake_cutoffs(reader: WarehouseReader, first: date, last: date) -> pl.DataFrame:
    """Return the cutoffs of some days by the supplier calendar of a lake.

    Args:
        reader: The warehouse.
        first: First day.
        last: Last day.

    Returns:
        As `calendar.protection_intervals`.
    """
    rounds = [SupplierRound(**row) for row in reader.rows("seeds/supplier_calendar").to_pylist()]
    return protection_intervals(first, last, rounds)


def whole_days(demand: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of days that are over in every store.

    Args:
        demand: What `read_demand` gives; its newest day with sales is still under way.
    """
    newest = demand.filter(pl.col("y").is_not_null()).group_by("store").agg(pl.col("ds").max())
    return demand.filter(pl.col("ds") < newest["ds"].min())


def _frame(
    reader: WarehouseReader, table: str, hidden: Sequence[str] = (), where: str | None = None
) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(reader.rows(table, hidden, where=where)))
