"""KPIs as cards: what they are, how they changed, and whether that is good."""

from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dashboard import text

POINTS = "points"
_COLOURS: dict[bool | None, Literal["normal", "inverse", "off"]] = {
    True: "normal",
    False: "inverse",
    None: "off",
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


def row(cards: list[Card], per_row: int) -> None:
    """Draw cards beside each other.

    Args:
        cards: What to draw; one at least.
        per_row: For how many there is room; fewer are drawn as wide as if there were all.
    """
    for place, card in zip(st.columns(per_row), cards, strict=False):
        # Points have the decimals of what they are of; what is rounded away has not changed.
        decimals = max(card.decimals, 1) if card.change_unit == POINTS else 1
        change = None if card.change is None else round(card.change, decimals)
        place.metric(
            card.name,
            round(card.value, card.decimals) if card.decimals else round(card.value),
            delta=None if change is None else f"{text.signed(change, decimals)} {card.change_unit}",
            delta_color=_COLOURS[card.is_more_better if change else None],
            delta_arrow="auto" if change else "off",
            delta_description=judgement(change, is_more_better=card.is_more_better),
            help=card.meaning,
            format="localized",
            chart_data=list(card.course) or None,
            chart_type="area",
        )
