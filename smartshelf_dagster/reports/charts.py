"""Charts of a report as SVG that needs nothing else, readable on paper and by screen readers.

Belongs here: shapes. Does not belong here: colours (classes of `templates/business_report.css`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

# Of a chart that fills half of the page, and one that fills it.
HALF, WHOLE = 480, 980
_HEIGHT = 200
_TOP, _BOTTOM, _SIDE = 20, 36, 8
_LINE = 13
_GAP = 0.24


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes:
        label: Under the bar, in one line or two.
        value: Its height; below 0 it stands below the line.
        text: What it is read out as.
        is_strong: Whether it is what the report is about.
        mark: Over the bar; empty for none.
    """

    label: str
    value: float
    text: str
    is_strong: bool = False
    mark: str = ""


def bars(values: Sequence[Bar], title: str, width: int = HALF) -> Markup:
    """Draw bars.

    Args:
        values: From left to right; at least one.
        title: What they show.
        width: Of the drawing; its height is always the same.
    """
    high = max(0.0, *(bar.value for bar in values)) or 1.0
    low = min(0.0, *(bar.value for bar in values))
    scale = (_HEIGHT - _TOP - _BOTTOM) / (high - low)
    zero = _TOP + high * scale
    step = (width - 2 * _SIDE) / len(values)
    thick = step * (1 - _GAP)
    parts = []
    for place, bar in enumerate(values):
        left = _SIDE + place * step + step * _GAP / 2
        top = zero - max(bar.value, 0) * scale
        height = abs(bar.value) * scale
        middle = left + thick / 2
        kind = "bar strong" if bar.is_strong else "bar"
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{thick:.1f}" '
            f'height="{max(height, 0.5):.1f}" rx="2"><title>{escape(bar.text)}</title></rect>'
        )
        if bar.mark:
            parts.append(
                f'<text class="mark" x="{middle:.1f}" y="{top - 6:.1f}">{escape(bar.mark)}</text>'
            )
        for line, text in enumerate(bar.label.split("\n")):
            y = _HEIGHT - _BOTTOM + 15 + line * _LINE
            parts.append(f'<text class="tick" x="{middle:.1f}" y="{y}">{escape(text)}</text>')
    told = "; ".join(bar.text for bar in values)
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="chart" viewBox="0 0 {width} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}: {escape(told)}">'
        f"{''.join(parts)}"
        f'<line class="axis" x1="0" x2="{width}" y1="{zero:.1f}" y2="{zero:.1f}"/></svg>'
    )


@dataclass(frozen=True)
class Part:
    """A part of a whole.

    Attributes:
        name: What it is.
        kind: Class of its colour.
        value: How much.
    """

    name: str
    kind: str
    value: int


def parts_of_whole(parts: Sequence[Part], title: str) -> Markup:
    """Draw a whole and its parts as one bar."""
    total = sum(part.value for part in parts) or 1
    left = 0.0
    drawn = []
    for part in parts:
        width = WHOLE * part.value / total
        drawn.append(
            f'<rect class="part {part.kind}" x="{left:.1f}" y="0" width="{width:.1f}" height="22">'
            f"<title>{escape(part.name)}: {part.value:,}</title></rect>"
        )
        left += width
    told = "; ".join(f"{part.name} {part.value:,}" for part in parts)
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg class="whole" viewBox="0 0 {WHOLE} 22" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}: {escape(told)}">{"".join(drawn)}</svg>'
    )
