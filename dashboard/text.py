"""Words, numbers and times as people read them.

Belongs here: formatting. Numbers in Streamlit's own metrics and tables are formatted by the
browser; these functions serve sentences, the map and our own HTML.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

# How languages group thousands, as browsers do; a region goes before its language. The others get a
# narrow space, which nobody misreads.
_NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
_GROUPING = (
    dict.fromkeys(("en", "ja", "zh", "ko", "he", "th", "hi", "ms", "fil", "sw"), ",")
    | dict.fromkeys(("es-mx", "es-us", "es-419"), ",")
    | dict.fromkeys(("de", "it", "es", "nl", "pt", "da", "id", "tr", "el"), ".")
    | dict.fromkeys(("ro", "hr", "sr", "sl", "ca", "vi"), ".")
    | dict.fromkeys(("de-ch", "de-li", "it-ch", "en-ch"), "'")
    | dict.fromkeys(("en-za", "de-at", "pt-pt"), _NARROW_SPACE)
)
# Who groups with one of these has the point for decimals, all others the comma.
_BESIDE_A_POINT = ",'"

_LABELS = {
    "refill_request": "Refill shelf",
    "supplier_request": "Order from supplier",
    "near_expiry": "Near expiry",
    "open": "Open",
    "ack": "Acknowledged",
    "resolved": "Resolved",
    "dismissed": "Dismissed",
    "shelf": "Shelf",
    "warehouse": "Warehouse",
    "issued": "Issued",
    "in_transit": "On its way",
    "completed": "Done",
    "short": "Done in part",
    "failed": "Failed",
    "expired": "Expired",
    "overdue": "Overdue",
    "pending": "Planned",
    "canceled": "Cancelled",
    "delivered": "Delivered",
    "next": "To come",
    "closed": "Closed",
    "active": "In force",
    "ended": "Ended",
}

# Pieces from which tenths are left out.
_WHOLE_FROM = 10

_MINUTE = 60
_HOUR = 3_600
_DAY = 86_400


def label(code: str | None) -> str:
    """Return the words for a code of the tables; unknown ones become a sentence."""
    if not code:
        return ""
    return _LABELS.get(code, code.replace("_", " ").capitalize())


def category_label(category: str) -> str:
    """Return a category as a title: PASTA AND RICE is Pasta and Rice."""
    words = category.title().split(" ")
    return " ".join(word.lower() if word == "And" else word for word in words)


def category_labels(column: str = "category") -> pl.Expr:
    """Return the categories in a column as titles, under the name of the column."""
    return pl.col(column).map_elements(category_label, return_dtype=pl.String)


def formatted(value: float, spec: str, locale: str | None = None) -> str:
    """Format a number as Python does, with the marks that the reader's language has.

    Args:
        value: What to format.
        spec: Such as `,.2f` or `.1%`.
        locale: Such as it-IT; default: the browser's.
    """
    return format(value, spec).translate(str.maketrans(".,", separators(locale)))


def separators(locale: str | None = None) -> str:
    """Return what separates decimals, then what separates thousands: `.,` in English.

    Args:
        locale: Such as it-IT; default: the browser's.
    """
    known = (locale or st.context.locale or "en").lower()
    language = known.partition("-")[0]
    group = _GROUPING.get(known, _GROUPING.get(language, _NARROW_SPACE))
    return ("." if group in _BESIDE_A_POINT else ",") + group


def number(value: float, locale: str | None = None) -> str:
    """Format an integer the way the reader's language groups thousands.

    Args:
        value: What to format; fractions are rounded away.
        locale: Such as it-IT; default: the browser's.
    """
    return formatted(value, ",.0f", locale)


def quantity(value: float, locale: str | None = None) -> str:
    """Format pieces that need not be whole: tenths below ten, else whole ones.

    Args:
        value: What to format.
        locale: Such as it-IT; default: the browser's.
    """
    # Adding 0 takes the sign off a zero.
    tenths = round(value, 1) + 0.0
    if abs(tenths) >= _WHOLE_FROM or tenths == round(tenths):
        return number(tenths, locale)
    return formatted(tenths, ".1f", locale)


def signed(value: float, decimals: int = 1, locale: str | None = None) -> str:
    """Format a change with its sign; no change has none.

    Args:
        value: What to format.
        decimals: After the point.
        locale: Such as it-IT; default: the browser's.
    """
    rounded = round(value, decimals) + 0.0
    return formatted(rounded, f"{'+' if rounded else ''},.{decimals}f", locale)


def percent(share: float | None) -> str:
    """Format a share of 1 in per cent; what is unknown is a dash."""
    return "-" if share is None else f"{share * 100:.0f} %"


def duration(seconds: float) -> str:
    """Format a duration to two units at most: 45 s, 12 min, 3 h 20 min, 2 d 4 h."""
    seconds = max(seconds, 0)
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < _DAY:
        hours, rest = divmod(seconds, _HOUR)
        return f"{hours:.0f} h {rest // _MINUTE:.0f} min"
    days, rest = divmod(seconds, _DAY)
    return f"{days:.0f} d {rest // _HOUR:.0f} h"


def age(since: datetime, now: datetime) -> str:
    """Format the time between two instants; never negative."""
    return duration(max(now - since, timedelta(0)).total_seconds())


def local_time(moment: datetime, timezone: str) -> str:
    """Format an instant with its weekday in a time zone: Sat 3 Jan 2026, 12:48."""
    local = moment.astimezone(ZoneInfo(timezone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M}"


def short_time(moment: datetime, timezone: str) -> str:
    """Format an instant of the last days: Sat 12:48."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%a %H:%M}"


def countdown(moment: datetime, now: datetime) -> str:
    """Format how far off an instant is: in 3 h 20 min, or 5 min ago."""
    seconds = (moment - now).total_seconds()
    return f"in {duration(seconds)}" if seconds >= 0 else f"{duration(-seconds)} ago"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: 1 alert, 3 alerts."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
