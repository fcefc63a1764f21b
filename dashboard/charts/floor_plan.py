"""The floor plan of a store: 29 zones, walls, entrance, tills, carts.

Belongs here: geometry and looks of the map, and what a click on it means. The zones come from
ref.zones as shares of width and height, y growing downward; the rest of the building is drawn
around them.

A zone is a bar, since a bar is a rectangle that can be clicked, patterned and rounded.
"""

from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go
import polars as pl

from dashboard.charts.base import chart
from dashboard.theme import FONT, Palette, text_on

HEIGHT = 632

State = Literal["open", "acknowledged", "calm"]

# Walls as in the survey of the store; the right one has the doors.
_WALLS = (0.0239, 0.0258, 0.9811, 0.9635)
_ENTRANCE = (0.150, 0.215)
_EXIT = (0.255, 0.320)
_TILLS = (0.6436, 0.3223, 0.8249, 0.3936)
_TILL_COUNT = 4
_CARTS = (0.7050, 0.0500, 0.8750, 0.1000)
_CART_COUNT = 9
_MARGIN = 0.012

# Share of a zone's shelves with an open alert from which the next stronger red is used.
SHARES = (0.0, 0.05, 0.15, 0.30)

# Zones lower than this share of the height have no room for a badge beside their label: it sits
# on their upper edge.
_LOW_ZONE = 0.07
_BADGE = 0.021
# From one badge to the next beside it, in a wide zone.
_BESIDE = 0.038
_PIXELS_PER_SHARE = HEIGHT / (_WALLS[3] - _WALLS[1] + 2 * _MARGIN)
_PIXELS_PER_LETTER = 6.2


@dataclass(frozen=True)
class Zone:
    """A zone and what is wrong in it.

    Attributes:
        zone_id: Its id.
        label: Text on the map.
        box: x0, y0, x1, y1 as shares.
        shelves: Shelves in it.
        low_shelves: Those that are low.
        empty_shelves: Those with nothing on them.
        open_alerts: Alerts nobody takes care of yet.
        acknowledged_alerts: Alerts that somebody takes care of.
    """

    zone_id: str
    label: str
    box: tuple[float, float, float, float]
    shelves: int
    low_shelves: int
    empty_shelves: int
    open_alerts: int
    acknowledged_alerts: int

    @property
    def state(self) -> State:
        """The state its colour, pattern and badge tell."""
        if self.open_alerts:
            return "open"
        return "acknowledged" if self.acknowledged_alerts else "calm"

    @property
    def strength(self) -> int:
        """Which of the reds: 0 is the weakest."""
        share = self.open_alerts / max(self.shelves, 1)
        return sum(share >= limit for limit in SHARES) - 1

    @property
    def is_upright(self) -> bool:
        """Whether it is drawn taller than wide, so that its label is turned."""
        x0, y0, x1, y1 = self.box
        return y1 - y0 > 1.3 * (x1 - x0)

    @property
    def is_small(self) -> bool:
        """Whether label and badge have to share little room."""
        x0, y0, x1, y1 = self.box
        return y1 - y0 < _LOW_ZONE and x1 - x0 < 2 * _LOW_ZONE


def zones_of(frame: pl.DataFrame) -> list[Zone]:
    """Read the rows of `data.store_map.zones`."""
    return [
        Zone(
            zone_id=row["zone_id"],
            label=row["label"],
            box=(row["x0"], row["y0"], row["x1"], row["y1"]),
            shelves=row["shelves"],
            low_shelves=row["low_shelves"],
            empty_shelves=row["empty_shelves"],
            open_alerts=row["open_alerts"],
            acknowledged_alerts=row["acknowledged_alerts"],
        )
        for row in frame.iter_rows(named=True)
    ]


def floor_plan(zones: list[Zone], palette: Palette, selected: str | None = None) -> go.Figure:
    """Draw the map.

    Args:
        zones: The zones.
        palette: Colours.
        selected: Id of the zone that is marked.
    """
    axis = {"visible": False, "fixedrange": True}
    return chart(
        [_zone_bars(zones, palette, selected), *_badges(zones, palette)],
        palette,
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        barmode="overlay",
        hovermode="closest",
        shapes=_building(palette),
        annotations=[*_zone_labels(zones, palette), *_building_labels(palette)],
        xaxis=axis | {"range": [_WALLS[0] - _MARGIN, _WALLS[2] + _MARGIN]},
        yaxis=axis | {"range": [_WALLS[3] + _MARGIN, _WALLS[1] - _MARGIN]},
    )


def clicked_zone(event: dict[str, Any] | None) -> str | None:
    """Return the zone that a selection event of the map names, `None` when it names none."""
    points = ((event or {}).get("selection") or {}).get("points") or []
    for point in points:
        data = point.get("customdata")
        if data:
            return str(data[0] if isinstance(data, (list, tuple)) else data)
    return None


def fill_of(zone: Zone, palette: Palette) -> str:
    """Return the colour of a zone."""
    if zone.state == "open":
        return palette.reds[zone.strength]
    return palette.amber if zone.state == "acknowledged" else palette.calm


def _edge_of(zone: Zone, palette: Palette) -> str:
    return {
        "open": palette.red_edge,
        "acknowledged": palette.amber_edge,
        "calm": palette.calm_edge,
    }[zone.state]


def _zone_bars(zones: list[Zone], palette: Palette, selected: str | None) -> go.Bar:
    is_selected = [zone.zone_id == selected for zone in zones]
    return go.Bar(
        name="zones",
        x=[(zone.box[0] + zone.box[2]) / 2 for zone in zones],
        width=[zone.box[2] - zone.box[0] for zone in zones],
        base=[zone.box[1] for zone in zones],
        y=[zone.box[3] - zone.box[1] for zone in zones],
        customdata=[[zone.zone_id] for zone in zones],
        hovertext=[_hover(zone) for zone in zones],
        hovertemplate="%{hovertext}<extra></extra>",
        marker={
            "color": [fill_of(zone, palette) for zone in zones],
            "cornerradius": 5,
            "line": {
                "color": [
                    palette.accent if chosen else _edge_of(zone, palette)
                    for zone, chosen in zip(zones, is_selected, strict=True)
                ],
                "width": [4 if chosen else 1.2 for chosen in is_selected],
            },
            "pattern": {
                "shape": ["/" if zone.state == "acknowledged" else "" for zone in zones],
                "fgcolor": palette.amber_edge,
                "fgopacity": 0.35,
                "size": 7,
                "solidity": 0.2,
                "fillmode": "overlay",
            },
        },
        # The map marks the chosen zone itself; Plotly would fade all the others.
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _hover(zone: Zone) -> str:
    lines = [f"<b>{zone.label}</b>"]
    if zone.open_alerts:
        lines.append(f"▲ {zone.open_alerts} open")
    if zone.acknowledged_alerts:
        lines.append(f"◆ {zone.acknowledged_alerts} acknowledged")
    if zone.state == "calm":
        lines.append("No alerts")
    lines.append(f"{zone.low_shelves} of {zone.shelves} shelves low, {zone.empty_shelves} empty")
    return "<br>".join(lines)


def _zone_labels(zones: list[Zone], palette: Palette) -> list[dict[str, Any]]:
    return [_zone_label(zone, palette) for zone in zones]


def _zone_label(zone: Zone, palette: Palette) -> dict[str, Any]:
    x0, y0, x1, y1 = zone.box
    is_turned = zone.is_upright and not zone.is_small
    badges = bool(zone.open_alerts) + bool(zone.acknowledged_alerts)
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    room = (x1 - x0) * _PIXELS_PER_SHARE
    if is_turned:
        y += badges * _BADGE * 0.9
        room = (y1 - y0 - badges * _BADGE * 1.8) * _PIXELS_PER_SHARE
    elif not zone.is_small:
        x -= badges * _BESIDE / 2
        room -= badges * _BESIDE * _PIXELS_PER_SHARE
    label = _wrapped(zone.label.replace(" and ", " & "), room)
    is_tight = max(map(len, label.split("<br>"))) * _PIXELS_PER_LETTER > 0.9 * room
    return {
        "x": x,
        "y": y,
        "text": label,
        "textangle": -90 if is_turned else 0,
        "showarrow": False,
        "font": {
            "size": 10.5 if zone.is_small else 11.2 if is_tight else 12.5,
            "color": text_on(fill_of(zone, palette)),
            "weight": 600 if zone.state == "open" else 500,
        },
    }


def _wrapped(text: str, room: float) -> str:
    """Break a label that is too long for its zone at the blank that leaves the shortest lines."""
    blanks = [place for place, letter in enumerate(text) if letter == " "]
    if len(text) * _PIXELS_PER_LETTER <= room or not blanks:
        return text
    place = min(blanks, key=lambda blank: max(blank, len(text) - blank - 1))
    # An ampersand reads better at the start of a line.
    if text[place - 1] == "&" and place - 2 in blanks:
        place -= 2
    return f"{text[:place]}<br>{text[place + 1 :]}"


def _badges(zones: list[Zone], palette: Palette) -> list[go.Scatter]:
    """Count of alerts in each zone: a triangle's worth of red, a diamond's worth of amber."""
    opened = [(zone, zone.open_alerts, 0) for zone in zones if zone.open_alerts]
    acknowledged = [
        (zone, zone.acknowledged_alerts, 1 if zone.open_alerts else 0)
        for zone in zones
        if zone.acknowledged_alerts
    ]
    return [
        _badge_trace("open alerts", "circle", opened, palette.page, palette.critical),
        _badge_trace("acknowledged alerts", "square", acknowledged, palette.page, palette.caution),
    ]


def _badge_trace(
    name: str, symbol: str, badges: list[tuple[Zone, int, int]], fill: str, ink: str
) -> go.Scatter:
    places = [_badge_place(zone, slot) for zone, _, slot in badges]
    return go.Scatter(
        name=name,
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers+text",
        text=[str(count) for _, count, _ in badges],
        textfont={"size": 11.5, "color": ink, "weight": 700, "family": FONT},
        textposition="middle center",
        marker={
            "symbol": symbol,
            "size": [17 if zone.is_small else 21 for zone, _, _ in badges],
            "color": fill,
            "line": {"color": ink, "width": 1.6},
            "opacity": 1,
        },
        hoverinfo="skip",
        cliponaxis=False,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )


def _badge_place(zone: Zone, slot: int) -> tuple[float, float]:
    """Return where the first (0) or second (1) badge of a zone sits."""
    x0, y0, x1, y1 = zone.box
    if zone.is_small:
        return (x0 + 0.016 if slot else x1 - 0.016, y0 + 0.003)
    if zone.is_upright:
        return ((x0 + x1) / 2, y0 + _BADGE + slot * 1.75 * _BADGE)
    return (x1 - 0.024 - slot * _BESIDE, (y0 + y1) / 2)


def _building(palette: Palette) -> list[dict[str, Any]]:
    return [
        _rectangle(_WALLS, palette.floor),
        *_tiles(palette),
        *_walls(palette),
        *_doors(palette),
        *_tills(palette),
        *_carts(palette),
    ]


def _rectangle(
    box: tuple[float, float, float, float], fill: str, line: str | None = None, width: float = 1
) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {
        "type": "rect",
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "fillcolor": fill,
        "line": {"color": line, "width": width} if line else {"width": 0},
        "layer": "below",
    }


def _line(
    start: tuple[float, float], end: tuple[float, float], colour: str, width: float
) -> dict[str, Any]:
    return {
        "type": "line",
        "x0": start[0],
        "y0": start[1],
        "x1": end[0],
        "y1": end[1],
        "line": {"color": colour, "width": width},
        "layer": "below",
    }


def _tiles(palette: Palette) -> list[dict[str, Any]]:
    x0, y0, x1, y1 = _WALLS
    across, down = 16, 18
    upright = [x0 + (x1 - x0) * i / across for i in range(1, across)]
    level = [y0 + (y1 - y0) * i / down for i in range(1, down)]
    return [
        *(_line((x, y0), (x, y1), palette.tile, 1) for x in upright),
        *(_line((x0, y), (x1, y), palette.tile, 1) for y in level),
    ]


def _walls(palette: Palette) -> list[dict[str, Any]]:
    """Four walls; the right one is open at the doors."""
    x0, y0, x1, y1 = _WALLS
    around = (
        f"M {x1} {_EXIT[1]} L {x1} {y1} L {x0} {y1} L {x0} {y0} L {x1} {y0} L {x1} {_ENTRANCE[0]}"
    )
    between = f"M {x1} {_ENTRANCE[1]} L {x1} {_EXIT[0]}"
    return [
        {
            "type": "path",
            "path": path,
            "fillcolor": "rgba(0,0,0,0)",
            "line": {"color": palette.wall, "width": 6},
            "layer": "below",
        }
        for path in (around, between)
    ]


def _doors(palette: Palette) -> list[dict[str, Any]]:
    """Sliding doors: two wings, half open."""
    x = _WALLS[2]
    wings = []
    for top, bottom in (_ENTRANCE, _EXIT):
        wing = (bottom - top) * 0.3
        wings += [
            _line((x - 0.004, top), (x - 0.004, top + wing), palette.accent, 2.5),
            _line((x - 0.004, bottom - wing), (x - 0.004, bottom), palette.accent, 2.5),
        ]
    return wings


def _tills(palette: Palette) -> list[dict[str, Any]]:
    """Counters side by side, each with its belt and its register."""
    x0, y0, x1, y1 = _TILLS
    pitch = (x1 - x0) / _TILL_COUNT
    shapes = []
    for number in range(_TILL_COUNT):
        left = x0 + number * pitch
        counter = (left, y0, left + 0.5 * pitch, y1)
        belt = (left + 0.1 * pitch, y0 + 0.006, left + 0.4 * pitch, y0 + 0.045)
        register = (left + 0.12 * pitch, y0 + 0.051, left + 0.38 * pitch, y1 - 0.006)
        shapes += [
            _rectangle(counter, palette.page, palette.wall, 1.4),
            _rectangle(belt, palette.calm),
            _rectangle(register, palette.wall),
        ]
    return shapes


def _carts(palette: Palette) -> list[dict[str, Any]]:
    """A row of nested carts in their bay."""
    x0, y0, x1, y1 = _CARTS
    bay = _rectangle(_CARTS, palette.page, palette.calm_edge, 1.2)
    bay["line"]["dash"] = "dot"
    pitch = (x1 - x0 - 0.03) / _CART_COUNT
    carts = []
    for number in range(_CART_COUNT):
        left = x0 + 0.012 + number * pitch
        top, bottom = y0 + 0.012, y1 - 0.014
        carts.append(
            {
                "type": "path",
                "path": (
                    f"M {left} {top} L {left + 0.022} {top + 0.004} "
                    f"L {left + 0.018} {bottom} L {left + 0.004} {bottom} Z"
                ),
                "fillcolor": palette.page,
                "line": {"color": palette.wall, "width": 1},
                "layer": "below",
            }
        )
    return [bay, *carts]


def _building_labels(palette: Palette) -> list[dict[str, Any]]:
    def note(x: float, y: float, text: str, **more: Any) -> dict[str, Any]:
        font = {"size": 11, "color": palette.muted}
        return {"x": x, "y": y, "text": text, "showarrow": False, "font": font, **more}

    door_x = _WALLS[2] - 0.016
    return [
        note(door_x, sum(_ENTRANCE) / 2, "Entrance ←", xanchor="right"),
        note(door_x, sum(_EXIT) / 2, "Exit →", xanchor="right"),
        note((_TILLS[0] + _TILLS[2]) / 2 - 0.011, _TILLS[3] + 0.013, "Tills"),
        note((_CARTS[0] + _CARTS[2]) / 2, _CARTS[3] + 0.013, "Carts"),
    ]
