"""Charts of stock policies: cost of an order quantity, the stock to come, priorities, levels."""

import numpy as np
import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart
from dashboard.theme import Palette, translucent
from smartshelf_dagster.analytics.replenishment import annual_cost

_POINTS = 200
_SHOWN_ITEMS = 15
PRIORITIES = ("High", "Normal", "Low")
RECOMMENDATIONS = {
    "HIGH_DEMAND": "Much more than usual",
    "MODERATE_INCREASE": "More than usual",
    "NORMAL": "As usual",
    "LOW_DEMAND": "Less than usual",
    None: "No forecast",
}
_SYMBOLS = {"High": "triangle-up", "Normal": "circle", "Low": "triangle-down"}


def cost_of_quantities(
    item: dict[str, float], order_cost: float, holding_rate: float, currency: str, palette: Palette
) -> go.Figure:
    """Draw what ordering and holding an item cost in a year, by the pieces of an order.

    Args:
        item: demand_mean_d, unit_cost, eoq, and round_qty: pieces asked for from one order to the
            next.
        order_cost: Money per order.
        holding_rate: Cost of holding goods for a year, of their cost.
        currency: ISO 4217.
        palette: Colours.
    """
    annual, holding = np.array(item["demand_mean_d"] * 365), item["unit_cost"] * holding_rate
    marks = {
        "Least cost": (item["eoq"], "diamond", palette.accent),
        "One round's demand": (item["round_qty"], "circle", palette.caution),
    }
    most = 2.2 * max(quantity for quantity, _, _ in marks.values())
    quantity = np.linspace(most / _POINTS, most, _POINTS)
    held, nothing = np.array(holding), np.array(0.0)
    parts = (
        ("Ordering", annual_cost(quantity, annual, order_cost, nothing), palette.warehouse, "dash"),
        ("Holding", annual_cost(quantity, nothing, order_cost, held), palette.caution, "dot"),
        ("Both", annual_cost(quantity, annual, order_cost, held), palette.shelf, "solid"),
    )
    traces = [
        go.Scatter(
            name=name,
            x=quantity.tolist(),
            y=cost.tolist(),
            mode="lines",
            line={"color": colour, "dash": dash, "width": 2},
            hovertemplate="%{y:,.0f} " + currency,
        )
        for name, cost, colour, dash in parts
    ]
    marked = [
        float(annual_cost(np.array(float(pieces)), annual, order_cost, held))
        for pieces, _, _ in marks.values()
    ]
    least, most_marked = marked[0], max(marked)
    traces += [
        go.Scatter(
            name=f"{name}: {text.number(pieces)} pcs",
            x=[pieces],
            y=[cost],
            mode="markers",
            marker={"symbol": symbol, "size": 12, "color": colour},
            hovertemplate="%{y:,.0f} " + currency,
        )
        for (name, (pieces, symbol, colour)), cost in zip(marks.items(), marked, strict=True)
    ]
    return chart(
        traces,
        palette,
        height=330,
        showlegend=True,
        legend=LEGEND,
        xaxis={"title": "Pieces of an order", "rangemode": "tozero"},
        yaxis={
            "title": f"{currency} a year",
            "range": [0, min(max(2.5 * least, 1.15 * most_marked), 8 * least)],
        },
    )


def stock_to_come(
    projected: pl.DataFrame, reorder_point: float, safety_stock: float, palette: Palette
) -> go.Figure:
    """Draw the stock of the days to come at mean demand, with reorder point and safety stock.

    Args:
        projected: day, stock; the corners.
        reorder_point: Pieces that orders fill up to.
        safety_stock: Pieces that are there for chance.
        palette: Colours.
    """
    days = projected.get_column("day")
    ends = [0, float(days.max() or 0)]  # type: ignore[arg-type]
    stock = go.Scatter(
        name="In stock",
        x=days.to_list(),
        y=projected.get_column("stock").to_list(),
        mode="lines",
        line={"color": palette.shelf, "width": 2.2},
        fill="tozeroy",
        fillcolor=translucent(palette.shelf, 0.12),
        hovertemplate="%{y:.0f} pcs",
    )
    reorder = go.Scatter(
        name=f"Order up to {text.number(reorder_point)}",
        x=ends,
        y=[reorder_point, reorder_point],
        mode="lines",
        line={"color": palette.warehouse, "dash": "dash", "width": 1.5},
        hoverinfo="skip",
    )
    safety = go.Scatter(
        name=f"Safety stock {text.number(safety_stock)}",
        x=ends,
        y=[safety_stock, safety_stock],
        mode="lines",
        line={"color": palette.critical, "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    return chart(
        [stock, reorder, safety],
        palette,
        height=330,
        showlegend=True,
        legend=LEGEND,
        xaxis={"title": "Days from now", "range": ends, "hoverformat": ".1f"},
        yaxis={"title": "Pieces", "rangemode": "tozero"},
    )


def priority_matrix(items: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw how many items have each priority, by what is expected of their demand.

    Args:
        items: Rows of `data.optimisation.priorities`.
        palette: Colours.
    """
    counted = {
        (priority, expected): (count, pieces)
        for priority, expected, count, pieces in items.group_by("priority", "recommendation")
        .agg(pl.len(), pl.col("recommended_qty").sum())
        .iter_rows()
    }
    expected = [code for code in RECOMMENDATIONS if any(told == code for _, told in counted)]
    cells = [
        [counted.get((priority, code), (0, 0)) for code in expected] for priority in PRIORITIES
    ]
    strengths = {"High": 3, "Normal": 1, "Low": 0}
    squares = go.Heatmap(
        x=[RECOMMENDATIONS[code] for code in expected],
        y=[f"{priority} priority" for priority in PRIORITIES],
        z=[
            [strengths[priority] if count else -1 for count, _ in row]
            for priority, row in zip(PRIORITIES, cells, strict=True)
        ],
        zmin=-1,
        zmax=3,
        text=[
            [
                f"{text.plural(count, 'item')}<br>{text.number(pieces)} pcs to order"
                if count
                else "none"
                for count, pieces in row
            ]
            for row in cells
        ],
        texttemplate="%{text}",
        textfont={"color": palette.text},
        colorscale=[
            [0, palette.floor],
            [0.25, translucent(palette.warehouse, 0.25)],
            [0.5, palette.calm],
            [1, translucent(palette.critical, 0.35)],
        ],
        showscale=False,
        xgap=3,
        ygap=3,
        hovertemplate="%{y}, demand %{x}<br>%{text}<extra></extra>",
    )
    return chart(
        [squares],
        palette,
        height=250,
        hovermode="closest",
        xaxis={"title": "Demand of the next week"},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def weeks_compared(items: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw the week to come against an average week of the last four, item by item.

    Args:
        items: Rows of `data.optimisation.priorities` that have a forecast.
        palette: Colours.
    """
    colours = {"High": palette.critical, "Normal": palette.muted, "Low": palette.warehouse}
    dots = [
        go.Scattergl(
            name=f"{priority} priority ({text.number(len(here))})",
            x=here.get_column("trailing_avg_7d").to_list(),
            y=here.get_column("forecast_7d").to_list(),
            customdata=here.get_column("item_id").to_list(),
            mode="markers",
            marker={
                "symbol": _SYMBOLS[priority],
                "color": colours[priority],
                "size": 8,
                "opacity": 0.7,
            },
            hovertemplate=(
                "%{customdata}<br>usually %{x:.0f} pcs a week<br>expected %{y:.0f}<extra></extra>"
            ),
        )
        for priority in PRIORITIES
        if not (here := items.filter(pl.col("priority") == priority)).is_empty()
    ]
    most = max(
        float(items.get_column(column).max() or 1)  # type: ignore[arg-type]
        for column in ("trailing_avg_7d", "forecast_7d")
    )
    same = {
        "type": "line",
        "x0": 0,
        "y0": 0,
        "x1": most,
        "y1": most,
        "line": {"color": palette.wall, "dash": "dot"},
    }
    return chart(
        dots,
        palette,
        height=340,
        showlegend=True,
        legend=LEGEND,
        hovermode="closest",
        shapes=[same],
        xaxis={"title": "Pieces of an average week"},
        yaxis={"title": "Pieces expected next week"},
    )


def levels_compared(levels: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw the stock of the items that could save most beside that of least expected cost.

    Args:
        levels: Rows of `data.optimisation.levels`, what saves most first.
        palette: Colours.
    """
    shown = levels.head(_SHOWN_ITEMS)
    names = [
        f"{name or ''} ({item} · {store})"
        for name, item, store in shown.select("product_name", "item_id", "store_id").iter_rows()
    ]
    spans = [
        go.Scatter(
            name="Demand, 10 to 90 %",
            x=[low, high],
            y=[names[place]] * 2,
            mode="lines",
            line={"color": palette.calm_edge, "width": 8},
            showlegend=place == 0,
            hovertemplate="%{x:.0f} pcs",
        )
        for place, (low, high) in enumerate(shown.select("p10", "p90").iter_rows())
    ]
    marks = [
        go.Scatter(
            name=name,
            x=shown.get_column(column).to_list(),
            y=names,
            mode="markers",
            marker={"symbol": symbol, "size": 11, "color": colour, "line": {"width": 2}},
            hovertemplate="%{x:.0f} pcs",
        )
        for name, column, symbol, colour in (
            ("In stock and on order", "current_stock", "circle-open", palette.caution),
            ("Least expected cost", "optimal_stock", "diamond", palette.shelf),
        )
    ]
    return chart(
        [*spans, *marks],
        palette,
        height=90 + 26 * max(len(names), 4),
        showlegend=True,
        legend=LEGEND,
        hovermode="closest",
        xaxis={"title": "Pieces", "rangemode": "tozero"},
        yaxis={"autorange": "reversed"},
    )
