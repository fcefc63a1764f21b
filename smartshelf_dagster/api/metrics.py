"""KPIs over HTTP: which there are, by what they may be told, and from which table.

Belongs here: what may be asked of KPIs, and what of it adds up. Does not belong here: what a ratio
is made of, which the publication says itself (`meta/metrics`); SQL (`storage/serving.py`); HTTP
(`app.py`).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import polars as pl

from smartshelf_dagster.api.access import Scope
from smartshelf_dagster.api.queries import MAX_PAGE_ROWS, BadRequestError, read_date
from smartshelf_dagster.domain.access import STORE_COLUMN
from smartshelf_dagster.storage.serving import (
    Condition,
    Key,
    Ratio,
    Selection,
    ServingVersion,
    Summary,
)

METRICS = "meta/metrics"
DIMENSIONS = ("day", "week", "month", "store", "category")
_SPANS = ("day", "week", "month")
_BY_DAY, _BY_CATEGORY = "analytics/kpi_daily", "analytics/daily_sales_summary"
_BY_CALENDAR = "analytics/kpi_calendar"
_TOTAL = "ALL"
_DEFAULT_DAYS = 30
_MAX_STORES = 1_000

Adds = Literal["everywhere", "receipts", "nowhere"]


@dataclass(frozen=True)
class Metric:
    """A KPI.

    Attributes:
        name: Its name.
        numerator: Measure that is added up, or divided.
        denominator: Measure that it is divided by; `None` for a measure itself.
        factor: What a quotient is multiplied by.
        adds: Over what its measures add up.
    """

    name: str
    numerator: str
    denominator: str | None
    factor: int
    adds: Adds


@dataclass(frozen=True)
class Asked:
    """What was asked for, as text.

    Attributes:
        kpi: Name of a KPI.
        by: Dimensions with commas between.
        first: First business date.
        last: Last business date.
        stores: Stores with commas between; all that are open by default.
    """

    kpi: str
    by: str | None = None
    first: str | None = None
    last: str | None = None
    stores: str | None = None


def metrics(opened: ServingVersion) -> dict[str, Metric]:
    """Return the KPIs of a publication, by name.

    Raises:
        UnknownTableError: It is of an older version, and does not say.
    """
    table = opened.table(METRICS)
    rows = [
        row
        for batch in opened.read(Selection(METRICS, tuple(table.columns)))
        for row in batch.to_pylist()
    ]
    return {
        row["metric"]: Metric(
            row["metric"], row["numerator"], row["denominator"], row["factor"], row["adds_up"]
        )
        for row in rows
    }


def read_metric(opened: ServingVersion, scope: Scope, asked: Asked) -> dict[str, Any]:
    """Return a KPI by what was asked for.

    Args:
        opened: Of which publication.
        scope: The stores that are open.
        asked: What.

    Raises:
        BadRequestError: There is no such KPI or dimension, or it does not add up to what was
            asked for.
        UnknownTableError: No analytics were published.
    """
    known = metrics(opened)
    if asked.kpi not in known:
        raise BadRequestError("kpi", asked.kpi, f"one of {', '.join(known)}")
    metric = known[asked.kpi]
    by = _dimensions(asked.by)
    stores = _stores(asked.stores)
    first, last = _span(opened, asked)
    if metric.adds == "nowhere":
        summary = _distinct(metric, by, stores, (first, last), scope)
    else:
        summary = _added(metric, by, stores, (first, last))
    table = opened.table(summary.table)
    allowed = scope.conditions(table)
    found = opened.summarise(
        Summary(
            summary.table,
            summary.keys,
            summary.sums,
            summary.ratios,
            (*allowed, *summary.conditions),
            limit=MAX_PAGE_ROWS + 1,
        )
    )
    if found.num_rows > MAX_PAGE_ROWS:
        raise BadRequestError(
            "by", asked.by, f"what gives at most {MAX_PAGE_ROWS} rows, or a shorter span"
        )
    rows = pl.DataFrame(pl.from_arrow(found)).rename({metric.name: "value"})
    return {
        "kpi": metric.name,
        "numerator": metric.numerator,
        "denominator": metric.denominator,
        "by": list(by),
        "from": first,
        "to": last,
        "version": opened.version,
        "as_of": opened.as_of,
        "rows": rows.to_dicts(),
    }


def _dimensions(text: str | None) -> tuple[str, ...]:
    names = tuple(text.split(",")) if text else ()
    if not set(names) <= set(DIMENSIONS) or len(set(names)) < len(names):
        raise BadRequestError("by", text, f"each at most once of {', '.join(DIMENSIONS)}")
    if len(set(names) & set(_SPANS)) > 1:
        raise BadRequestError("by", text, f"one of {', '.join(_SPANS)} at most")
    return names


def _stores(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(text.split(","))
    if _TOTAL in names or not 1 <= len(names) <= _MAX_STORES or "\0" in text:
        raise BadRequestError(
            "store_id", text, f"1 to {_MAX_STORES} stores with commas between; none for all"
        )
    return names


def _span(opened: ServingVersion, asked: Asked) -> tuple[date, date]:
    """Return the first and the last day; no day that is not over."""
    newest = Selection(_BY_DAY, ("date_key",), order=(("date_key", True),), limit=1)
    opened.table(_BY_DAY)
    ends: list[date] = [
        day for batch in opened.read(newest) for day in batch["date_key"].to_pylist()
    ]
    over = ends[0] if ends else opened.as_of.date()
    last = min(read_date("to", asked.last), over) if asked.last else over
    first = read_date("from", asked.first) if asked.first else last - timedelta(_DEFAULT_DAYS - 1)
    if asked.first and asked.last and first > read_date("to", asked.last):
        raise BadRequestError("from", asked.first, f"a date up to {asked.last}")
    return first, last


def _key(dimension: str, date_column: str) -> Key:
    if dimension == "day":
        return Key("day", date_column)
    if dimension in {"week", "month"}:
        return Key(dimension, date_column, "week" if dimension == "week" else "month")
    return Key(STORE_COLUMN, STORE_COLUMN) if dimension == "store" else Key("category", "category")


def _summary(
    metric: Metric, table: str, keys: tuple[Key, ...], *conditions: Condition | None
) -> Summary:
    ratios = (
        (Ratio(metric.name, metric.numerator, metric.denominator, metric.factor),)
        if metric.denominator
        else ()
    )
    return Summary(
        table,
        (*keys, Key("currency", "currency")),
        sums=() if ratios else (metric.name,),
        ratios=ratios,
        conditions=tuple(condition for condition in conditions if condition),
    )


def _of_stores(stores: tuple[str, ...] | None) -> Condition:
    if stores is None:
        return Condition(STORE_COLUMN, "ne", _TOTAL)
    return Condition(STORE_COLUMN, "in", stores)


def _added(
    metric: Metric, by: tuple[str, ...], stores: tuple[str, ...] | None, span: tuple[date, date]
) -> Summary:
    """Return how a KPI is added up, from the rows of stores: never from totals."""
    table = _BY_CATEGORY if "category" in by else _BY_DAY
    keys = tuple(_key(name, "date_key") for name in by)
    return _summary(
        metric, table, keys, _of_stores(stores),
        Condition("date_key", "ge", span[0]), Condition("date_key", "le", span[1]),
    )  # fmt: skip


def _distinct(
    metric: Metric,
    by: tuple[str, ...],
    stores: tuple[str, ...] | None,
    days: tuple[date, date],
    scope: Scope,
) -> Summary:
    """Return where a count of distinct things stands, for it does not add up."""
    span = next((name for name in by if name in _SPANS), None)
    is_total = "store" not in by
    if span is None or "category" in by or (is_total and (stores or scope.stores is not None)):
        raise BadRequestError(
            "by",
            ",".join(by),
            "one of day, week, month; and store, unless for all stores: "
            f"{metric.name} does not add up over days, stores or categories",
        )
    of_stores = Condition(STORE_COLUMN, "eq", _TOTAL) if is_total else _of_stores(stores)
    column = "date_key" if span == "day" else "period_start"
    keys = tuple(Key(span, column) if name == span else _key(name, column) for name in by)
    return _summary(
        metric, _BY_DAY if span == "day" else _BY_CALENDAR, keys, of_stores,
        Condition(column, "ge", days[0]), Condition(column, "le", days[1]),
        None if span == "day" else Condition("period_type", "eq", span),
    )  # fmt: skip
