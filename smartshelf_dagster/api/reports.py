"""Business reports over HTTP: which there are, and the page of one.

Belongs here: finding the reports that somebody may read. Does not belong here: making them
(`pipeline/business_reports.py`), HTTP (`app.py`).
"""

from datetime import date
from pathlib import Path
from typing import Any

from smartshelf_dagster.api.access import Scope
from smartshelf_dagster.api.formats import json_rows
from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.storage.serving import Condition, Selection, ServingVersion

BUSINESS_REPORTS = "ops/business_reports"
_LISTED = (
    "report_date", "report_type", "store_id", "currency", "period_start", "as_of_ts", "narrative",
    "created_at",
)  # fmt: skip


class UnknownReportError(SmartShelfError, LookupError):
    """There is no such report, or not for who asks."""


def address(row: dict[str, Any]) -> str:
    """Return where the page of a report is."""
    key = "/".join(str(row[name]) for name in ("report_type", "report_date", "store_id"))
    return f"/v1/reports/{key}?currency={row['currency']}"


def list_reports(
    opened: ServingVersion, scope: Scope, conditions: tuple[Condition, ...], limit: int
) -> list[dict[str, Any]]:
    """Return the reports that are open, newest first, each with the address of its page.

    Args:
        opened: Of which publication.
        scope: The stores that are open.
        conditions: Which reports.
        limit: How many at most.
    """
    if BUSINESS_REPORTS not in opened.tables:
        return []
    selection = Selection(
        BUSINESS_REPORTS,
        _LISTED,
        (*scope.conditions(opened.table(BUSINESS_REPORTS)), *conditions),
        order=(("report_date", True), ("report_type", False), ("store_id", False)),
        limit=limit,
    )
    rows = [row for batch in opened.read(selection) for row in json_rows(batch)]
    return [{**row, "html": address(row)} for row in rows]


def read_page(
    opened: ServingVersion,
    scope: Scope,
    root: Path,
    *,
    report_type: str,
    report_date: date,
    store_id: str,
    currency: str | None,
) -> bytes:
    """Return the page of a report.

    Args:
        opened: Of which publication.
        scope: The stores that are open.
        root: Where paths of pages begin.
        report_type: Type of the report.
        report_date: Its date.
        store_id: Its store, or `ALL`.
        currency: Of a total, where there are several.

    Raises:
        UnknownReportError: There is no such report, or it is not open.
    """
    wanted = f"{report_type} of {report_date} for {store_id}"
    paths: list[str] = []
    if BUSINESS_REPORTS in opened.tables:
        equal = {"report_type": report_type, "report_date": report_date, "store_id": store_id}
        if currency:
            equal["currency"] = currency
        conditions = (Condition(name, "eq", value) for name, value in equal.items())
        allowed = scope.conditions(opened.table(BUSINESS_REPORTS))
        selection = Selection(
            BUSINESS_REPORTS,
            ("html_path",),
            (*allowed, *conditions),
            order=(("currency", False),),
            limit=1,
        )
        paths = [
            path for batch in opened.read(selection) for path in batch["html_path"].to_pylist()
        ]
    try:
        return (root / paths[0]).read_bytes()
    except (IndexError, FileNotFoundError) as error:
        raise UnknownReportError(
            f"report {wanted}: expected one of those that /v1/reports lists"
        ) from error
