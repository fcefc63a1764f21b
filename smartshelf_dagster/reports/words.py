"""What a report says in sentences; the same figures give the same words.

Belongs here: numbers, dates and sentences for people. Does not belong here: which figures
(`content.py`), where they stand on a page (`page.py`).
"""

from datetime import date, datetime
from typing import Any

from smartshelf_dagster.reports.content import Report
from smartshelf_dagster.reports.periods import Period, ReportType

_MINUS, _NONE = "\N{MINUS SIGN}", "\N{EN DASH}"
TITLES = {
    ReportType.DAILY: "Morning report",
    ReportType.WEEKLY: "Weekly report",
    ReportType.MONTHLY: "Monthly report",
}
_COMPARED = {
    ReportType.DAILY: "the same weekday a week before",
    ReportType.WEEKLY: "the week before",
    ReportType.MONTHLY: "the month before",
}
# A change below this is none that people would speak of, in percent.
_STEADY_PCT = 1.0
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_LABELS = {
    "refill_request": "shelf to refill",
    "supplier_request": "low in the warehouse",
    "near_expiry": "near expiry",
    "net_sales": "net sales",
    "sales_revenue": "sales",
    "units_sold": "pieces sold",
    "transactions": "receipts",
}


def label(code: str) -> str:
    """Return the words for a code of the tables."""
    return _LABELS.get(code, code.replace("_", " "))


def category(name: str) -> str:
    """Return a category as a title.

    >>> category("PASTA AND RICE")
    'Pasta and rice'
    """
    return name.capitalize()


def number(value: float | str | None, decimals: int = 0) -> str:
    """Return a number with commas between thousands; a dash for none.

    >>> number("1234.5", 2)
    '1,234.50'
    """
    return _NONE if value is None else f"{float(value):,.{decimals}f}".replace("-", _MINUS)


def money(value: float | str | None, currency: str, decimals: int = 0) -> str:
    """Return an amount of money.

    >>> money("1234.50", "EUR", 2)
    '1,234.50 EUR'
    """
    return _NONE if value is None else f"{number(value, decimals)} {currency}"


def signed_pct(change: float | None) -> str:
    """Return a change in percent with its sign; a dash for none.

    >>> signed_pct(3.25)
    '+3.2 %'
    """
    if change is None:
        return _NONE
    sign = _MINUS if change < 0 else "+"
    return f"{sign}{abs(change):,.1f} %"


def difference(now: str, before: str | None) -> str:
    """Return by how much money there is more, with its sign.

    >>> difference("100.50", "90.00"), difference("90.00", None)
    ('+10.50', 'new')
    """
    if before is None:
        return "new"
    more = float(now) - float(before)
    return f"{_MINUS if more < 0 else '+'}{abs(more):,.2f}"


def weekday(value: date) -> str:
    """Return a weekday in three letters."""
    return _DAYS[value.weekday()][:3]


def day(value: date) -> str:
    """Return a date.

    >>> day(date(2026, 1, 2))
    'Friday 2 January 2026'
    """
    return f"{_DAYS[value.weekday()]} {value.day} {_MONTHS[value.month - 1]} {value.year}"


def short_day(value: date) -> str:
    """Return a date in a few letters.

    >>> short_day(date(2026, 1, 2))
    'Fri 2 Jan'
    """
    return f"{weekday(value)} {value.day} {_MONTHS[value.month - 1][:3]}"


def when(text: str) -> str:
    """Return an instant as a day and a time of the day, in the time zone it is told in.

    >>> when("2026-01-02T08:00:00+01:00")
    'Fri 2 Jan, 08:00'
    """
    moment = datetime.fromisoformat(text)
    return f"{short_day(moment.date())}, {moment:%H:%M}"


def span(period: Period) -> str:
    """Return what a period is called."""
    if period.report_type is ReportType.DAILY:
        return day(period.last)
    if period.report_type is ReportType.WEEKLY:
        iso = period.first.isocalendar()
        return (
            f"Week {iso.week}, {short_day(period.first)} to {short_day(period.last)} "
            f"{period.last.year}"
        )
    return f"{_MONTHS[period.first.month - 1]} {period.first.year}"


def compared_with(report: Report) -> str:
    """Return what the figures of a report are compared with."""
    return _COMPARED[report.period.report_type]


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun.

    >>> plural(1, "item"), plural(1200, "item")
    ('1 item', '1,200 items')
    """
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def narrative(report: Report) -> str:
    """Return a report in a few sentences, the most important first."""
    sentences = [
        _sales(report),
        _receipts(report),
        _best_hour(report),
        _best_seller(report),
        _leading_store(report),
        _stock(report),
        _unusual(report),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _sales(report: Report) -> str:
    figures = report.figures
    took = f"{span(report.period)}: net sales {money(figures['net_sales'], report.scope.currency)}"
    change = report.change_pct("net_sales")
    if change is None:
        return f"{took}; there is nothing to compare with yet."
    if abs(change) < _STEADY_PCT:
        return f"{took}, about the same as {compared_with(report)} ({signed_pct(change)})."
    word = "more" if change > 0 else "less"
    return f"{took}, {abs(change):,.1f} % {word} than {compared_with(report)}."


def _receipts(report: Report) -> str:
    figures = report.figures
    if not figures["transactions"]:
        return "Nothing was sold."
    atv = money(figures["atv"], report.scope.currency, 2)
    said = f"{plural(figures['transactions'], 'receipt')} of {atv} on average"
    if figures["margin_pct"] is not None:
        said += f"; margin {figures['margin_pct']:.1f} %"
    return f"{said}."


def _best_hour(report: Report) -> str:
    hours: list[dict[str, Any]] = report.kpis["hours"]
    best = max(hours, key=lambda hour: (hour["transactions"], -hour["hour"]), default=None)
    if best is None or not best["transactions"]:
        return ""
    return (
        f"The busiest hour began at {best['hour']:02d}:00, with "
        f"{plural(best['transactions'], 'receipt')}."
    )


def _best_seller(report: Report) -> str:
    if not report.top_products:
        return ""
    best = report.top_products[0]
    sold = money(best["net_sales"], report.scope.currency)
    said = f"{best['product_name']} ({best['item_id']}) sold best, {sold}"
    if not report.falling_products:
        return f"{said}."
    worst = report.falling_products[0]
    lost = float(worst["net_sales_before"]) - float(worst["net_sales"])
    return (
        f"{said}; {worst['product_name']} ({worst['item_id']}) lost most, "
        f"{money(lost, report.scope.currency)}."
    )


def _leading_store(report: Report) -> str:
    if len(report.top_stores) < 2:  # noqa: PLR2004 - nobody leads alone
        return ""
    first = report.top_stores[0]
    sold = money(first["net_sales"], report.scope.currency)
    return f"{first['store_name']} sold most, {sold}."


def _stock(report: Report) -> str:
    if report.stock is None:
        return ""
    stock = report.stock
    return (
        f"{number(stock['out_of_stock_items'])} of {plural(stock['items_total'], 'item')} "
        f"({stock['out_of_stock_rate_pct']:.1f} %) are out of stock."
    )


def _unusual(report: Report) -> str:
    hours = report.anomalies["hours"]
    if not hours:
        return ""
    verb = "was" if hours == 1 else "were"
    return (
        f"{plural(hours, 'hour')} {verb} unusual: {report.anomalies['high']} high, "
        f"{report.anomalies['low']} low."
    )
