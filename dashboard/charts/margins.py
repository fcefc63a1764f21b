"""How much room the words beside a chart take.

Plotly draws a chart to see what its words take, and draws it again when that was more than there
was: a third of all its time. So it is told what they take as a rule; what turns out to be too
little still grows (`automargin`). The figures are those of the font of the app at its size.
"""

from typing import Any

from plotly.basedatatypes import BaseTraceType

# Pixels: of an edge with nothing beside it, and what is added where no edge is such a one.
_EDGE, _WIDE = 8.0, 4.0
# Of a line of ticks below, another line of them, and a title.
_X_TICKS, _X_LINE, _X_TITLE = 31.0, 16.0, 25.0
# Of numbers at the left, the gap between words and axis, and a title.
_Y_NUMBERS, _Y_GAP, _Y_TITLE = 18.0, 5.0, 27.0
# Of an axis at the right with a title, of a bar of colours, and of a line of names above.
_Y2_AXIS, _COLOURS, _NAMES = 50.0, 72.0, 38.0

_LETTERS = {
    letter: pixels
    for letters, pixels in ((" ", 2.4), ("iljI.,:;'|!", 3.1), ("ftr()[]-/", 3.9), ("mwMW%@&▲", 9.3))
    for letter in letters
}
_CAPITAL, _SMALL = 7.0, 6.0


def beside(traces: list[BaseTraceType], height: int, layout: dict[str, Any]) -> dict[str, float]:
    """Return margins that hold axes, their titles, a line of names and a bar of colours.

    Args:
        traces: What is drawn.
        height: Of the figure, in pixels.
        layout: Of the figure: `xaxis`, `yaxis` and further ones, `showlegend`, `legend`.

    Returns:
        `l`, `r`, `t` and `b`, in pixels.
    """
    axes = [
        (name[0], axis)
        for name, axis in layout.items()
        if name.startswith(("xaxis", "yaxis"))
        and axis.get("visible", True)
        and axis.get("showticklabels", True)
    ]
    at_the_right = any(axis.get("side") == "right" for _, axis in axes)
    has_colours = any(trace.type == "heatmap" and trace.showscale is not False for trace in traces)
    room = {
        "l": max([_left(axis, traces) for kind, axis in axes if kind == "y"], default=_EDGE),
        "r": _COLOURS if has_colours else _Y2_AXIS if at_the_right else _EDGE,
        "t": _EDGE,
        "b": max([_below(axis) for kind, axis in axes if kind == "x"], default=_EDGE),
    }
    if layout.get("showlegend"):
        # It hangs above by a share of the height of what is drawn.
        share = layout["legend"]["y"] - 1
        room["t"] = (_NAMES + share * (height - room["b"])) / (1 + share)
    # Plotly keeps its distance from words by what the narrowest edge is, up to a limit.
    wider = _WIDE if min(room.values()) > _EDGE else 0.0
    return {edge: pixels + wider for edge, pixels in room.items()}


def _below(axis: dict[str, Any]) -> float:
    if axis.get("side") == "top":
        return _EDGE
    # Plotly's own words for dates have two lines.
    words = axis.get("tickformat") or ("\n" if axis.get("type") == "date" else "")
    return _X_TICKS + _X_LINE * ("\n" in words) + _X_TITLE * ("title" in axis)


def _left(axis: dict[str, Any], traces: list[BaseTraceType]) -> float:
    if axis.get("side") == "right":
        return _EDGE
    labels = axis.get("ticktext") or _names(traces)
    widest = max(map(_width, labels), default=_Y_NUMBERS)
    return _EDGE + widest + _Y_GAP + _Y_TITLE * ("title" in axis)


def _names(traces: list[BaseTraceType]) -> list[str]:
    """Return what stands beside the y axis, if that is names."""
    places = [getattr(trace, "y", None) for trace in traces]
    return [
        name for place in places if place is not None for name in place if isinstance(name, str)
    ]


def _width(label: str) -> float:
    """Return about how many pixels a label takes."""
    return sum(_LETTERS.get(letter, _CAPITAL if letter.isupper() else _SMALL) for letter in label)
