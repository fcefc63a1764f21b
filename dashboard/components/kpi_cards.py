"""KPIs as cards: what they are, how they changed, and whether that is good."""

from base64 import b64encode
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dashboard import text
from dashboard.theme import Palette

POINTS = "points"
# Of the picture of a course, which is then drawn as wide as its card.
_WIDTH, _HEIGHT = 100.0, 32.0
_COLOURS: dict[bool | None, Literal["normal", "inverse", "off"]] = {
    True: "normal",
    False: "inverse",
    None: "off",
}
# KPIs of kpi_comparison and kpi_daily: what to call them, what they say, decimals.
KPIS = {
    "net_sales": ("Net sales ({currency})", "Sales less what was paid back for returns.", 0),
    "gross_profit": ("Gross profit ({currency})", "Net sales less the cost of these goods.", 0),
    "transactions": ("Receipts", "Receipts with at least one sale.", 0),
    "units_sold": ("Sold (pcs)", "Pieces sold.", 0),
    "atv": ("Per receipt ({currency})", "Sales over receipts.", 2),
    "upt": ("Pieces per receipt", "Pieces sold over receipts.", 1),
    "margin_pct": ("Margin (%)", "Gross profit over net sales.", 1),
    "customers": ("Known customers", "Customers whom the tills know, counted once each.", 0),
    "stock_value": (
        "Stock at cost ({currency})",
        "Goods on the shelves and in the warehouse when the last business day ended.",
        0,
    ),
    "turns_annualised": (
        "Stock turns a year",
        "How often the goods in stock would be sold in a year at the pace of the period.",
        1,
    ),
    "oos_time_rate_pct": (
        "Shelves empty (%)",
        "Share of the opening hours in which a shelf had nothing on it.",
        2,
    ),
    "return_rate_value_pct": ("Returned (% of sales)", "Paid back for returns, over sales.", 2),
}


@dataclass(frozen=True)
class Card:
    """A figure with its change.

    Attributes:
        name: Over it, with its unit.
        value: What it is.
        meaning: What it says, for who asks.
        decimals: After the point, at most.
        change: Against the time before; `None` where that is not known.
        change_unit: %, or points for the difference of two percentages.
        is_more_better: Whether it should rise; `None` where neither is better.
        course: Its values day by day.
    """

    name: str
    value: float
    meaning: str
    decimals: int = 0
    change: float | None = None
    change_unit: str = "%"
    is_more_better: bool | None = True
    course: tuple[float, ...] = ()


def judgement(change: float | None, *, is_more_better: bool | None) -> str | None:
    """Return in a word whether a change is good; `None` where there is nothing to say."""
    if not change or is_more_better is None:
        return None
    return "better" if (change > 0) == is_more_better else "worse"


def course(values: tuple[float, ...], colour: str) -> str:
    """Return a course as a picture: SVG of one line over a pale ground.

    Streamlit's own would bring a library for charts along, to a page that is opened often.

    Args:
        values: Two at least.
        colour: As #rrggbb.
    """
    low, span = min(values), (max(values) - min(values)) or 1.0
    step = _WIDTH / (len(values) - 1)
    points = " ".join(
        f"{place * step:.1f},{_HEIGHT - (value - low) / span * _HEIGHT:.1f}"
        for place, value in enumerate(values)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 -1 {_WIDTH:.0f} {_HEIGHT + 2:.0f}" '
        f'preserveAspectRatio="none"><g fill="{colour}" stroke="none" fill-opacity="0.08">'
        f'<polygon points="0,{_HEIGHT:.0f} {points} {_WIDTH:.0f},{_HEIGHT:.0f}"/></g>'
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def _picture(values: tuple[float, ...], colour: str) -> str:
    """Return the HTML of a course; Streamlit lets SVG through as an image only."""
    coded = b64encode(course(values, colour).encode()).decode()
    return f'<img class="ss-course" alt="" src="data:image/svg+xml;base64,{coded}">'


def row(cards: list[Card], per_row: int, palette: Palette) -> None:
    """Draw cards beside each other.

    Args:
        cards: What to draw; one at least.
        per_row: For how many there is room; fewer are drawn as wide as if there were all.
        palette: Colours.
    """
    for place, card in zip(st.columns(per_row), cards, strict=False):
        # Points have the decimals of what they are of; what is rounded away has not changed.
        decimals = max(card.decimals, 1) if card.change_unit == POINTS else 1
        change = None if card.change is None else round(card.change, decimals)
        told = judgement(change, is_more_better=card.is_more_better)
        place.metric(
            card.name,
            round(card.value, card.decimals) if card.decimals else round(card.value),
            delta=None if change is None else f"{text.signed(change, decimals)} {card.change_unit}",
            delta_color=_COLOURS[card.is_more_better if change else None],
            delta_arrow="auto" if change else "off",
            delta_description=told,
            help=card.meaning,
            format="localized",
        )
        if len(card.course) > 1:
            colours = {"better": palette.good, "worse": palette.critical}
            place.html(_picture(card.course, colours.get(told or "", palette.muted)))
