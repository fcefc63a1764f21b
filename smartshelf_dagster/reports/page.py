"""A report as one page of HTML: no script, nothing loaded from elsewhere, fit for paper.

Belongs here: which words and charts stand where. Does not belong here: what the report says
(`content.py`).
"""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any, Literal
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from smartshelf_dagster.reports import words
from smartshelf_dagster.reports.charts import HALF, WHOLE, Bar, Part, bars, parts_of_whole
from smartshelf_dagster.reports.content import Report, change_pct


@dataclass(frozen=True)
class _Figure:
    """How a figure is shown.

    Attributes:
        name: Of the figure.
        title: Over it.
        kind: What it counts.
        decimals: After the point.
        more_is_better: Whether it should rise.
    """

    name: str
    title: str
    kind: Literal["money", "count", "percent"]
    decimals: int = 0
    more_is_better: bool = True


_TILES = (
    _Figure("net_sales", "Net sales", "money"),
    _Figure("transactions", "Receipts", "count"),
    _Figure("atv", "Average receipt", "money", 2),
    _Figure("units_sold", "Pieces sold", "count"),
    _Figure("gross_profit", "Gross profit", "money"),
    _Figure("margin_pct", "Margin", "percent", 1),
    _Figure("customers", "Known customers", "count"),
    _Figure("return_rate_value_pct", "Returned, of sales", "percent", 1, more_is_better=False),
)
_STOCK_PARTS = (
    ("out_of_stock_items", "Out of stock", "out"),
    ("critical_items", "Critical", "critical"),
    ("low_stock_items", "Low", "low"),
    ("normal_items", "Normal", "normal"),
    ("overstock_items", "Too much", "over"),
)
# More days than this have no room for their names.
_NAMED_DAYS = 16


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("smartshelf_dagster.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        number=words.number,
        money=words.money,
        signed_pct=words.signed_pct,
        difference=words.difference,
        change_pct=change_pct,
        label=words.label,
        category=words.category,
        when=words.when,
        short_day=lambda text: words.short_day(date.fromisoformat(text)),
        plural=words.plural,
    )
    return environment.get_template("business_report.html.j2")


def render(report: Report) -> str:
    """Return a report as HTML; the same report gives the same page."""
    moment = report.as_of.astimezone(ZoneInfo(report.scope.timezone))
    return _template().render(
        report=report,
        title=words.TITLES[report.period.report_type],
        span=words.span(report.period),
        compared_with=words.compared_with(report),
        as_of=f"{words.short_day(moment.date())}, {moment:%H:%M}",
        narrative=words.narrative(report),
        tiles=[_tile(report, figure) for figure in _TILES],
        days=_days(report),
        hours=_hours(report),
        stock_parts=_stock_parts(report),
        stock_bar=_stock_bar(report),
    )


def _tile(report: Report, figure: _Figure) -> dict[str, Any]:
    value, before = report.figures[figure.name], report.before.get(figure.name)
    unit = {"money": f" {report.scope.currency}", "count": "", "percent": " %"}[figure.kind]
    # Of a percentage, the difference in points: percent of percent misleads.
    is_percent = figure.kind == "percent"
    known = value is not None and before is not None
    change = (value - before if known else None) if is_percent else report.change_pct(figure.name)
    rounded = 0.0 if change is None else round(change, 1)
    direction = "up" if rounded > 0 else "down" if rounded < 0 else "none"
    return {
        "title": figure.title,
        "text": words.number(value, figure.decimals) + (unit if value is not None else ""),
        "change": f"{abs(rounded):,.1f} {'pt' if is_percent else '%'}",
        "direction": direction,
        "is_good": (direction == "up") == figure.more_is_better,
        "before": None if before is None else words.number(before, figure.decimals),
    }


def _days(report: Report) -> Markup | None:
    days = report.kpis["days"]
    if len(days) < 2:  # noqa: PLR2004 - one bar shows nothing
        return None
    currency = report.scope.currency
    drawn = []
    for row in days:
        day = date.fromisoformat(row["date_key"])
        is_strong = report.period.first <= day <= report.period.last
        value = float(row["net_sales"])
        is_daily = report.period.first == report.period.last
        drawn.append(
            Bar(
                words.weekday(day) + f"\n{day.day}" if len(days) <= _NAMED_DAYS else str(day.day),
                value,
                f"{words.short_day(day)} {words.money(value, currency)}",
                is_strong,
                words.number(value) if is_strong and is_daily else "",
            )
        )
    width = HALF if report.kpis["hours"] else WHOLE
    return bars(drawn, f"Net sales by day, {currency}", width)


def _hours(report: Report) -> Markup | None:
    hours = [hour for hour in report.kpis["hours"] if hour["transactions"]]
    if not hours:
        return None
    told = {hour["hour"]: hour["transactions"] for hour in hours}
    best = max(told.values())
    drawn = [
        Bar(
            f"{hour:02d}",
            told.get(hour, 0),
            f"{hour:02d}:00 {words.plural(told.get(hour, 0), 'receipt')}",
            told.get(hour, 0) == best,
            words.number(best) if told.get(hour, 0) == best else "",
        )
        for hour in range(min(told), max(told) + 1)
    ]
    return bars(drawn, "Receipts by the hour they fell in")


def _stock_parts(report: Report) -> list[Part]:
    if report.stock is None:
        return []
    return [Part(title, kind, report.stock[name]) for name, title, kind in _STOCK_PARTS]


def _stock_bar(report: Report) -> Markup | None:
    parts = _stock_parts(report)
    return parts_of_whole(parts, "Items by stock") if parts else None
