"""Charts of the past: the calendar, months and their growth, seasons, what comes back."""

from datetime import date, timedelta

import plotly.graph_objects as go
import polars as pl

from dashboard import text
from dashboard.charts.base import LEGEND, chart, stacked
from dashboard.charts.sales import WEEKDAYS
from dashboard.theme import Palette

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHOWN_CATEGORIES = 15
_NAMED_WEEKS = 10
# So many points draw the curves of a funnel.
_FUNNEL_POINTS = 100


def _scale(palette: Palette) -> list[list[float | str]]:
    return [[0, palette.floor], [0.5, palette.shelf], [1, palette.text]]


def _colorbar(title: str, palette: Palette) -> dict[str, object]:
    return {
        "title": {"text": title, "font": {"color": palette.muted}},
        "thickness": 10,
        "outlinewidth": 0,
        "tickfont": {"color": palette.muted},
    }


def calendar(daily: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw net sales of days as a calendar: a column for each week.

    Args:
        daily: date_key, net_sales; ordered, one row at least.
        currency: ISO 4217.
        palette: Colours.
    """
    sold = dict(daily.select("date_key", pl.col("net_sales").cast(pl.Float64)).iter_rows())
    first, last = min(sold), max(sold)
    monday = first - timedelta(days=first.weekday())
    weeks = [monday + timedelta(weeks=number) for number in range((last - monday).days // 7 + 1)]
    days = [[week + timedelta(days=weekday) for week in weeks] for weekday in range(7)]
    cells = go.Heatmap(
        x=weeks,
        y=list(WEEKDAYS),
        z=[[sold.get(day) for day in row] for row in days],
        text=[[f"{day:%a} {day.day} {day:%b %Y}" for day in row] for row in days],
        colorscale=_scale(palette),
        xgap=2,
        ygap=2,
        hovertemplate="%{text}<br>%{z:,.0f} " + currency + "<extra></extra>",
        hoverongaps=False,
        colorbar=_colorbar(currency, palette),
    )
    named = weeks[:: len(weeks) // _NAMED_WEEKS + 1]
    return chart(
        [cells],
        palette,
        height=240,
        hovermode="closest",
        xaxis={"type": "date", "tickformat": "%-d %b", "tickvals": named},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def months(found: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw months, and below how they changed on the month and on the year before.

    Args:
        found: period_start, net_sales, mom_growth_pct, yoy_growth_pct, is_complete; ordered.
        currency: ISO 4217.
        palette: Colours.
    """
    starts = found.get_column("period_start").to_list()
    whole = found.get_column("is_complete").to_list()
    traces = [
        go.Bar(
            name="Net sales",
            x=starts,
            y=found.get_column("net_sales").cast(pl.Float64).to_list(),
            # A month that is not over, or began before the first day, is only outlined.
            marker={
                "color": [palette.calm_edge if done else palette.floor for done in whole],
                "line": {"width": 1, "color": palette.calm_edge},
            },
            hovertemplate=f"%{{y:,.0f}} {currency}",
        )
    ]
    on_the_year = found.get_column("yoy_growth_pct")
    if on_the_year.count():
        traces.append(
            go.Bar(
                name="On the year before (%)",
                x=starts,
                y=on_the_year.to_list(),
                xaxis="x2",
                yaxis="y2",
                marker={"color": palette.series[1]},
                hovertemplate="%{y:+.1f} %",
            )
        )
    traces.append(
        go.Scatter(
            name="On the month before (%)",
            x=starts,
            y=found.get_column("mom_growth_pct").to_list(),
            xaxis="x2",
            yaxis="y2",
            mode="lines+markers",
            line={"color": palette.accent, "width": 2},
            hovertemplate="%{y:+.1f} %",
        )
    )
    return chart(
        traces,
        palette,
        height=380,
        showlegend=True,
        legend=LEGEND,
        bargap=0.3,
        **stacked(
            (0.6, 0.4),
            0.08,
            {"type": "date", "tickformat": "%b %Y", "nticks": min(len(starts), 14)},
            (
                {"title": currency, "nticks": 5},
                {"title": "%", "nticks": 5, "rangemode": "tozero"},
            ),
        ),
    )


def category_months(found: pl.DataFrame, currency: str, palette: Palette) -> go.Figure:
    """Draw categories by month, those that sold most at the top.

    Args:
        found: category, month, net_sales.
        currency: ISO 4217.
        palette: Colours.
    """
    sold = found.with_columns(pl.col("net_sales").cast(pl.Float64))
    names = (
        sold.group_by("category")
        .agg(pl.col("net_sales").sum())
        .sort(["net_sales", "category"], descending=[True, False])
        .head(_SHOWN_CATEGORIES)
        .get_column("category")
        .to_list()
    )
    shown: list[date] = sorted(sold.get_column("month").unique().to_list())
    cells = {(row[0], row[1]): row[2] for row in sold.iter_rows()}
    squares = go.Heatmap(
        x=[f"{month:%b %Y}" for month in shown],
        y=[text.category_label(name) for name in names],
        z=[[cells.get((name, month)) for month in shown] for name in names],
        colorscale=_scale(palette),
        xgap=2,
        ygap=2,
        hovertemplate="%{y}, %{x}<br>%{z:,.0f} " + currency + "<extra></extra>",
        hoverongaps=False,
        colorbar=_colorbar(currency, palette),
    )
    return chart(
        [squares],
        palette,
        height=80 + 26 * max(len(names), 3),
        hovermode="closest",
        xaxis={"type": "category", "nticks": min(len(shown), 8)},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def seasons(found: pl.DataFrame, names: tuple[str, ...], palette: Palette) -> go.Figure:
    """Draw how far classes of days stray from the mean day.

    Args:
        found: value (1 is the first of `names`), index, n_periods.
        names: What the values mean.
        palette: Colours.
    """
    above = [100 * (index - 1) for index in found.get_column("index")]
    bars = go.Bar(
        x=[names[value - 1] for value in found.get_column("value")],
        y=above,
        text=[f"{value:+.0f} %" for value in above],
        textposition="outside",
        cliponaxis=False,
        customdata=found.get_column("n_periods").to_list(),
        marker={
            "color": [palette.accent if value >= 0 else palette.calm_edge for value in above],
        },
        hovertemplate="%{x}: %{y:+.1f} %<br>seen %{customdata:,} times<extra></extra>",
    )
    most = max((abs(value) for value in above), default=0) or 1
    # Room for the words at the ends of the bars.
    ends = [1.35 * min(0.0, *above, -0.1 * most), 1.35 * max(0.0, *above, 0.1 * most)]
    return chart(
        [bars],
        palette,
        height=240,
        hovermode="closest",
        xaxis={"type": "category"},
        yaxis={"title": "%", "nticks": 5, "range": ends},
    )


def returned(found: pl.DataFrame, palette: Palette) -> go.Figure:
    """Draw the return rates of items, with what they may be by chance.

    Args:
        found: item_id, product_name, return_rate_units_pct, wilson_low_pct, wilson_high_pct,
            is_flagged, units_sold, units_returned; the surest at the top.
        palette: Colours.
    """
    rates = found.get_column("return_rate_units_pct").to_list()
    bars = go.Bar(
        orientation="h",
        x=rates,
        y=[
            f"{'▲ ' if flagged else ''}{name or item}"
            for item, name, flagged in found.select(
                pl.format("{}", "item_id"), _label(), "is_flagged"
            ).iter_rows()
        ],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [
                high - rate
                for high, rate in zip(found.get_column("wilson_high_pct"), rates, strict=True)
            ],
            "arrayminus": [
                rate - low
                for low, rate in zip(found.get_column("wilson_low_pct"), rates, strict=True)
            ],
            "color": palette.text,
            "thickness": 1.2,
            "width": 4,
        },
        customdata=found.select("units_returned", "units_sold").rows(),
        marker={
            "color": [
                palette.critical if flagged else palette.calm_edge
                for flagged in found.get_column("is_flagged")
            ],
        },
        hovertemplate="%{y}<br>%{x:.1f} %: %{customdata[0]:,} of %{customdata[1]:,} pcs"
        "<extra></extra>",
    )
    return chart(
        [bars],
        palette,
        height=70 + 30 * max(len(rates), 3),
        hovermode="closest",
        xaxis={"title": "% of the pieces sold, with what chance allows", "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "showgrid": False},
    )


def return_funnel(found: pl.DataFrame, rate: float, palette: Palette) -> go.Figure:
    """Draw return rates over pieces sold: the fewer were sold, the wider chance scatters them.

    Args:
        found: item_id, product_name, units_sold, units_returned, return_rate_units_pct,
            chance_low_pct, chance_high_pct, is_flagged.
        rate: Return rate of everything, percent.
        palette: Colours.
    """
    found = found.sort("units_sold", "item_id")
    sold = found.get_column("units_sold")
    # What chance makes of it depends on the pieces alone, and curves gently.
    by_pieces = found.unique("units_sold", keep="first", maintain_order=True)
    step = -(-len(by_pieces) // _FUNNEL_POINTS)
    thinned = pl.concat([by_pieces.gather_every(step), by_pieces.tail(1)])
    bounds = thinned.unique("units_sold", maintain_order=True)
    traces = [
        go.Scatter(
            x=bounds.get_column("units_sold"),
            y=bounds.get_column(bound),
            mode="lines",
            line={"color": palette.calm_edge, "width": 1, "dash": "dot"},
            fill=fill,
            fillcolor=palette.floor,
            hoverinfo="skip",
            showlegend=False,
        )
        for bound, fill in (("chance_high_pct", None), ("chance_low_pct", "tonexty"))
    ]
    traces.append(
        go.Scatter(
            x=[sold.min(), sold.max()],
            y=[rate, rate],
            mode="lines",
            line={"color": palette.muted, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    traces += [
        go.Scatter(
            x=items.get_column("units_sold"),
            y=items.get_column("return_rate_units_pct"),
            mode="markers",
            name=name,
            marker={"color": colour, "symbol": sign, "size": 7 + 3 * flagged, "opacity": 0.8},
            text=items.select(_label())["product_name"],
            customdata=items.get_column("units_returned"),
            hovertemplate="%{text}<br>%{y:.1f} %: %{customdata:,} of %{x:,} pcs<extra></extra>",
        )
        for flagged, name, sign, colour in (
            (False, "Item", "circle", palette.shelf),
            (True, "More often than its category", "triangle-up", palette.critical),
        )
        if not (items := found.filter(pl.col("is_flagged") == flagged)).is_empty()
    ]
    return chart(
        traces,
        palette,
        height=370,
        hovermode="closest",
        showlegend=True,
        legend=LEGEND,
        xaxis={"title": "pieces sold", "type": "log", "nticks": 6},
        yaxis={"title": "%", "rangemode": "tozero"},
    )


def _label() -> pl.Expr:
    """Name and number of an item, as short as fits beside a bar."""
    name = pl.col("product_name").fill_null("").str.slice(0, 24)
    return pl.concat_str(name, pl.format("({})", "item_id"), separator=" ").str.strip_chars()
