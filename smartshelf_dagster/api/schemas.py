"""The shapes of the answers of the API, for its OpenAPI description.

Belongs here: names, types and meaning of what an answer holds. Does not belong here: how it is
found out (`app.py`).
"""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The publication in place."""

    version: str = Field(description="Name of the version: when it was published.")
    as_of: datetime = Field(description="The time its content was computed for, UTC.")
    published_at: datetime = Field(description="Wall time of the publication, UTC.")
    age_s: float = Field(description="Seconds since then.")


class ColumnInfo(BaseModel):
    """A column."""

    name: str = Field(description="Name; units are part of it where it has one.")
    type: str = Field(description="Type in DuckDB, such as DECIMAL(18,2).")
    description: str = Field(description="What it means; empty when the file does not say.")


class TableInfo(BaseModel):
    """A table that the token opens."""

    name: str = Field(description="<layer>/<name>.")
    description: str = Field(description="One row per what; empty when the file does not say.")
    rows: int = Field(description="Rows that the token opens.")
    columns: list[ColumnInfo] = Field(description="Columns, in order.")


class Tables(BaseModel):
    """What can be read."""

    version: str = Field(description="Version of the serving file.")
    as_of: datetime = Field(description="The time its content was computed for, UTC.")
    tables: list[TableInfo] = Field(description="By layer and name.")


class Page(BaseModel):
    """Rows of a table."""

    table: str = Field(description="<layer>/<name>.")
    version: str = Field(description="Version of the serving file that the rows are from.")
    as_of: datetime = Field(description="The time its content was computed for, UTC.")
    rows: list[dict[str, Any]] = Field(
        description="One object per row. Decimals are strings, times RFC 3339 in UTC; a number "
        "that is not finite is null."
    )
    next: str | None = Field(description="Where the next page of the same version is; null: none.")


class MetricInfo(BaseModel):
    """A KPI."""

    name: str = Field(description="Its name.")
    numerator: str = Field(description="Measure that is added up, or divided.")
    denominator: str | None = Field(description="Measure it is divided by; null for a measure.")
    factor: int = Field(description="What a quotient is multiplied by: 100 for percent.")
    adds: str = Field(
        description="Over what its measures add up: everywhere, receipts (not over categories), "
        "nowhere."
    )


class MetricRows(BaseModel):
    """A KPI by what was asked for."""

    kpi: str = Field(description="Its name.")
    numerator: str = Field(description="Measure that is added up, or divided.")
    denominator: str | None = Field(description="Measure it is divided by; null for a measure.")
    by: list[str] = Field(description="Dimensions, as asked for.")
    first: date = Field(alias="from", description="First business date.")
    last: date = Field(alias="to", description="Last business date; never one that is not over.")
    version: str = Field(description="Version of the serving file.")
    as_of: datetime = Field(description="The time its content was computed for, UTC.")
    rows: list[dict[str, Any]] = Field(
        description="One object per cell: the dimensions (store as store_id; weeks and months by "
        "their first day), currency, and value. Money is a string, null a division by zero."
    )


class ReportInfo(BaseModel):
    """A business report."""

    report_date: date = Field(description="Last business date it is about.")
    report_type: str = Field(description="DAILY_REPORT, WEEKLY_ANALYSIS or MONTHLY_SUMMARY.")
    store_id: str = Field(description="Store, or ALL.")
    currency: str = Field(description="ISO 4217.")
    period_start: date = Field(description="First business date it is about.")
    as_of_ts: datetime = Field(description="The time of the publication it was made from, UTC.")
    narrative: str = Field(description="The report in a few sentences.")
    created_at: datetime = Field(description="When it was made, wall time, UTC.")
    html: str = Field(description="Address of its page.")


class Reports(BaseModel):
    """The business reports that the token opens."""

    version: str = Field(description="Version of the serving file.")
    as_of: datetime = Field(description="The time its content was computed for, UTC.")
    reports: list[ReportInfo] = Field(description="Newest first.")


class ErrorDetail(BaseModel):
    """What is wrong."""

    message: str = Field(description="One sentence for people.")
    field: str | None = Field(default=None, description="Which part of the request.")
    value: str | None = Field(default=None, description="What it was.")
    expected: str | None = Field(default=None, description="What it should be.")


class Problem(BaseModel):
    """An answer without rows."""

    error: ErrorDetail
