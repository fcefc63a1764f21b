"""Charts of stock: its state, what stock-outs cost, where goods went, how long they stay."""

from dataclasses import dataclass

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart
from dashboard.charts.pareto import Ranked, pareto
from dashboard.theme import Palette, translucent

_SHOWN_CATEGORIES = 14
_SHOWN_ITEMS = 15
_LONGEST_NAME = 30
# Days that still differ to the eye; what lasts longer lies on the edge.
_LONGEST_COVER = 365
_AGES = ("0-7", "8-30", "31-60", "61-90", ">90", "unknown")
# Places goods come from or go to, by the type of movement that has only one leg in the store.
_OUTSIDE = {
    "WH_IN": "Suppliers",
    "RETURN": "Returned at tills",
    "SALE": "Sold",
    "REMOVAL": "Wasted",
    "COUNT": "Counts",
}
_PLACES = {
    "warehouse": "Warehouse",
    "transit": "On the way to shelves",
    "shelf": "Shelves",
    "cart": "Carts",
}


@dataclass(frozen=True)
class State:
    """How a stock state is told.

    Attributes:
        words: What it is called.
        sign: Stands before the words, so that the colour is not needed.
        pattern: Of bars, for the same reason.
    """

    words: str
    sign: str
    pattern: str


STATES = {
    "OUT": State("Out of stock", "▲", ""),
    "CRITICAL": State("Nearly out", "◆", "/"),
    "LOW": State("To be filled", "▽", "."),
    "NORMAL": State("As it should be", "✓", ""),
    "OVERSTOCK": State("Above its room", "■", "x"),
}


def _state_colours(palette: Palette) -> dict[str, str]:
    return {
        "OUT": palette.critical,
        "CRITICAL": palette.reds[1],
        "LOW": palette.amber_edge,
        "NORMAL": palette.calm_edge,
        "OVERSTOCK": palette.warehouse,
    }


def troubled_categories(categories: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw how many items of each category are not as they should be, by what is wrong.

    Args:
        categories: Rows of `data.inventory.categories`, most trouble first.
        palette: Colours.
    """
    shown = categories.filter(pl.col("troubled_items") > 0).head(_SHOWN_CATEGORIES)
    colours = _state_colours(palette)
    columns = {
        "OUT": "out_of_stock_items",
        "CRITICAL": "critical_items",
        "LOW": "low_stock_items",
        "OVERSTOCK": "overstock_items",
    }
    bars = [
        go.Bar(
            name=STATES[code].words,
            orientation="h",
            x=shown.get_column(column).to_list(),
            y=[text.category_label(name) for name in shown.get_column("category")],
            customdata=shown.get_column("items_total").to_list(),
            marker={
                "color": colours[code],
                "pattern": {"shape": STATES[code].pattern},
            },
            hovertemplate="%{x} of %{customdata}",
        )
        for code, column in columns.items()
        if shown.get_column(column).sum()
    ]
    return chart(
        bars,
        palette,
        height=80 + 24 * max(len(shown), 4),
        barmode="stack",
        showlegend=True,
        legend=LEGEND,
        bargap=0.3,
        hovermode="y unified",
        xaxis={"title": "Items", "nticks": 6, "tickformat": "d"},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def lost_sales_pareto(items: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw what the items that lost most lost, and their share in all that was lost.

    Args:
        items: Rows of `data.inventory.stockout_items`, what lost most first.
        currency: ISO 4217.
        palette: Colours.
    """
    shown = items.filter(pl.col("est_lost_revenue") > 0).head(_SHOWN_ITEMS)
    return pareto(
        Ranked(
            _names(shown),
            shown.get_column("est_lost_revenue").cast(pl.Float64).to_list(),
            shown.get_column("lost_share").to_list(),
        ),
        "Lost sales",
        currency,
        palette,
    )


def _names(items: pl.DataFrame) -> list[str]:
    """Return what to call items on an axis; names that are shared get the item beside them."""
    return [
        f"{_short(name)} ({item})" if name else item
        for item, name in items.select("item_id", "product_name").iter_rows()
    ]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def goods_flow(flows: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw where goods came from and where they went.

    What went to and fro between two places counts as the difference.

    Args:
        flows: Rows of `data.inventory.flows`.
        palette: Colours.
    """
    links: dict[tuple[str, str], int] = {}
    for (kind,), legs in flows.group_by("movement_type", maintain_order=True):
        told: dict[str, int] = dict(legs.select("location", "units").iter_rows())
        if str(kind) in _OUTSIDE:
            ends = [(_OUTSIDE[str(kind)], _PLACES[place], told[place]) for place in told]
        else:
            source, target = sorted(told, key=told.__getitem__)
            ends = [(_PLACES[source], _PLACES[target], told[target])]
        for source, target, units in ends:
            links[source, target] = links.get((source, target), 0) + units
    net = _net(links)
    nodes = list(dict.fromkeys(place for link in net for place in link))
    colours = {
        "Wasted": palette.critical,
        "Sold": palette.good,
        "Shelves": palette.shelf,
        "Warehouse": palette.warehouse,
    }
    streams = go.Sankey(
        arrangement="snap",
        textfont={"color": palette.text, "size": 12, "shadow": "none"},
        node={
            "label": nodes,
            "color": [colours.get(node, palette.muted) for node in nodes],
            "pad": 24,
            "thickness": 14,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,} pcs<extra></extra>",
        },
        link={
            "source": [nodes.index(source) for source, _ in net],
            "target": [nodes.index(target) for _, target in net],
            "value": list(net.values()),
            "color": [translucent(colours.get(target, palette.muted), 0.3) for _, target in net],
            "hovertemplate": "%{source.label} → %{target.label}: %{value:,} pcs<extra></extra>",
        },
    )
    return chart([streams], palette, height=340, hovermode="closest")


def _net(links: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """Return links with what came back taken off, all of them positive."""
    net: dict[tuple[str, str], int] = {}
    for (source, target), units in links.items():
        whole = units - links.get((target, source), 0)
        if whole > 0:
            net[source, target] = whole
        elif whole < 0:
            net[target, source] = -whole
    return net


def net_movement(days: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw by how many pieces shelves and warehouses changed on each day.

    Args:
        days: Rows of `data.inventory.net_movement`.
        palette: Colours.
    """
    x = days.get_column("date_key").to_list()
    bars = [
        go.Bar(
            name=name,
            x=x,
            y=days.get_column(column).to_list(),
            marker={"color": colour, "pattern": {"shape": pattern}},
            hovertemplate="%{y:+,} pcs",
        )
        for name, column, colour, pattern in (
            ("Warehouse", "warehouse", palette.warehouse, "/"),
            ("Shelves", "shelf", palette.shelf, ""),
        )
    ]
    return chart(
        bars,
        palette,
        height=300,
        barmode="relative",
        showlegend=True,
        legend=LEGEND,
        bargap=0.25,
        xaxis={"type": "date", "tickformat": "%-d %b", "nticks": 10},
        yaxis={"title": "Pieces more or less"},
    )


def turnover_by_category(categories: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw how long goods of each category stay, beside what the money in them earns.

    Args:
        categories: Rows of `data.inventory.turnover_categories`, what stays longest first.
        palette: Colours.
    """
    shown = categories.filter(pl.col("days_inventory_outstanding").is_not_null()).head(
        _SHOWN_CATEGORIES
    )
    names = [text.category_label(name) for name in shown.get_column("category")]
    parts = (
        ("days_inventory_outstanding", "Days that a piece stays", palette.warehouse, "%{x:.1f} d"),
        ("gmroi", "Gross profit per unit of money in stock", palette.shelf, "%{x:.2f}"),
    )
    bars = [
        go.Bar(
            name=title,
            orientation="h",
            x=shown.get_column(name).to_list(),
            y=names,
            xaxis=axes[0],
            yaxis=axes[1],
            text=[text.formatted(value, ",.1f") for value in shown.get_column(name)],
            textposition="outside",
            cliponaxis=False,
            marker={"color": colour},
            hovertemplate="%{y}<br>" + shape + "<extra></extra>",
        )
        for (name, title, colour, shape), axes in zip(
            parts, (("x", "y"), ("x2", "y2")), strict=True
        )
    ]
    # Room for the words at the ends of the bars.
    days, profit = (
        {
            "title": title,
            "range": [0, 1.15 * max([float(v) for v in shown.get_column(name)], default=1.0)],
            "nticks": 5,
        }
        for name, title, _, _ in parts
    )
    y = {"autorange": "reversed", "showgrid": False}
    return chart(
        bars,
        palette,
        height=80 + 24 * max(len(names), 4),
        hovermode="closest",
        xaxis=days | {"anchor": "y", "domain": [0, 0.5225]},
        xaxis2=profit | {"anchor": "y2", "domain": [0.5725, 1]},
        yaxis=y | {"anchor": "x"},
        yaxis2=y | {"anchor": "x2", "matches": "y", "showticklabels": False},
    )


def cover_by_sales(items: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw how long the stock of each item lasts against how fast it sells.

    Args:
        items: Rows of `data.inventory.items`.
        palette: Colours.
    """
    colours = _state_colours(palette)
    symbols = {
        "OUT": "triangle-up",
        "CRITICAL": "diamond",
        "LOW": "triangle-down-open",
        "NORMAL": "circle",
        "OVERSTOCK": "square",
    }
    known = items.filter((pl.col("avg_daily_units") > 0) & pl.col("days_of_cover").is_not_null())
    dots = [
        go.Scattergl(
            name=STATES[code].words,
            x=here.get_column("avg_daily_units").to_list(),
            y=here.get_column("days_of_cover").clip(upper_bound=_LONGEST_COVER).to_list(),
            customdata=[
                f"{name or item} · {store}"
                for item, name, store in here.select(
                    "item_id", "product_name", "store_id"
                ).iter_rows()
            ],
            mode="markers",
            marker={
                "color": colours[code],
                "symbol": symbols[code],
                "size": 6 if code == "NORMAL" else 9,
                "opacity": 0.6 if code == "NORMAL" else 0.95,
            },
            hovertemplate="%{customdata}<br>%{x:.1f} pcs a day<br>lasts %{y:.1f} d<extra></extra>",
        )
        for code in ("NORMAL", "OVERSTOCK", "LOW", "CRITICAL", "OUT")
        if not (here := known.filter(pl.col("stock_status") == code)).is_empty()
    ]
    return chart(
        dots,
        palette,
        height=380,
        showlegend=True,
        legend=LEGEND,
        hovermode="closest",
        xaxis={
            "type": "log",
            "title": "Pieces sold a day",
            "tickvals": [step * 10**power for power in range(-2, 5) for step in (1, 2, 5)],
        },
        yaxis={"title": "Days that the shelf lasts", "rangemode": "tozero"},
    )


def class_matrix(classes: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw how many items there are of each class of revenue and of variation.

    Args:
        classes: Rows of `data.inventory.classes`.
        currency: ISO 4217.
        palette: Colours.
    """
    told = {
        (abc, xyz): (items, float(revenue or 0))
        for abc, xyz, items, revenue in classes.select(
            "abc_class", "xyz_class", "items", "revenue"
        ).iter_rows()
    }
    whole = sum(revenue for _, revenue in told.values()) or 1.0
    rows, columns = ("A", "B", "C"), ("X", "Y", "Z")
    cells = [[told.get((row, column), (0, 0.0)) for column in columns] for row in rows]
    squares = go.Heatmap(
        x=["X: steady", "Y: varies", "Z: erratic"],
        y=["A: first 80 %", "B: next 15 %", "C: last 5 %"],
        z=[[revenue / whole for _, revenue in row] for row in cells],
        customdata=[[revenue for _, revenue in row] for row in cells],
        text=[
            [
                f"{text.plural(items, 'item')}<br>"
                f"{text.formatted(revenue / whole, '.1%')} of revenue"
                if items
                else "none"
                for items, revenue in row
            ]
            for row in cells
        ],
        texttemplate="%{text}",
        textfont={"color": palette.text},
        colorscale=[[0, palette.floor], [1, translucent(palette.shelf, 0.4)]],
        showscale=False,
        xgap=3,
        ygap=3,
        hovertemplate="%{y}, %{x}<br>%{customdata:,.0f} " + currency + "<extra></extra>",
    )
    return chart(
        [squares],
        palette,
        height=300,
        hovermode="closest",
        xaxis={"title": "By week"},
        yaxis={"title": "By revenue", "autorange": "reversed", "showgrid": False},
    )


def ages_by_category(ages: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw the cost of the stock of each category by how long ago it was received.

    Args:
        ages: Rows of `data.inventory.ages`, what is worth most first.
        currency: ISO 4217.
        palette: Colours.
    """
    names = ages.get_column("category").unique(maintain_order=True).to_list()[:_SHOWN_CATEGORIES]
    strength = dict(zip(_AGES, (0.35, 0.5, 0.65, 0.8, 1.0, 1.0), strict=True))
    bars = []
    for age in _AGES:
        here = dict(
            ages.filter(pl.col("age_bucket") == age).select("category", "value").iter_rows()
        )
        if not here:
            continue
        colour = palette.muted if age == "unknown" else palette.caution
        bars.append(
            go.Bar(
                name="Unknown" if age == "unknown" else f"{age} days",
                orientation="h",
                x=[float(here.get(name) or 0) for name in names],
                y=[text.category_label(name) for name in names],
                marker={
                    "color": palette.shelf if age == "0-7" else translucent(colour, strength[age]),
                },
                hovertemplate="%{x:,.0f} " + currency,
            )
        )
    return chart(
        bars,
        palette,
        height=80 + 24 * max(len(names), 4),
        barmode="stack",
        showlegend=True,
        legend=LEGEND,
        bargap=0.3,
        hovermode="y unified",
        xaxis={"title": f"At cost ({currency})", "nticks": 6},
        yaxis={"autorange": "reversed", "showgrid": False},
    )
