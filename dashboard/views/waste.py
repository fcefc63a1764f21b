"""Waste and markdowns: what was thrown away, what was sold for less, and what is still to do."""

from datetime import date
from typing import Any, Literal
from zoneinfo import ZoneInfo

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts.waste import Measure, waste_by_day, waste_by_item
from dashboard.components import downloads, explain, figure, item_links, pickers, tables
from dashboard.components.lot_list import NO_LOT
from dashboard.data import waste
from dashboard.data.waste import Wanted
from dashboard.page import EVERY_PERIOD, Filters, Page, PageContext, Sections
from dashboard.serving import RUN_A_DAY, START

_MOST = 0.8
_SECTIONS = Sections("waste", {"markdowns": "Markdowns", "removals": "Removals"}, "markdowns")
_MARKDOWN_STATES = {"pending": "○ Planned", "active": "● In force", "ended": "✓ Ended"}
_REMOVAL_STATES = {"pending": "○ Planned", "issued": "◆ Issued", "completed": "✓ Done"}
_DIFFERS = "▲ Done, differs"


def render(context: PageContext) -> None:
    """Draw the page."""
    if not any(store.tracks_stock for store in context.chosen):
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so nothing can be said about its waste.",
        )
        return
    totals = waste.count(context.store_ids)
    if not any(totals.values()):
        explain.nothing(
            "Nothing was wasted or marked down so far",
            "No lot has come near its last day yet.",
            START,
            RUN_A_DAY,
        )
        return
    today = context.publication.as_of.astimezone(ZoneInfo(context.timezone)).date()
    since, until = context.period.span(today)
    wanted = Wanted(
        tuple(context.store_ids),
        since,
        until if context.period.days else None,
        context.categories,
    )
    currencies = {store.currency for store in context.chosen}
    currency = currencies.pop() if len(currencies) == 1 else None
    _figures(wanted, currency)
    _by_day(wanted, until, currency, context)
    if pickers.section(_SECTIONS) == "removals":
        _removals(wanted, totals["removals"], context)
    else:
        _markdowns(wanted, totals["markdowns"], context)


def _figures(wanted: Wanted, currency: str | None) -> None:
    figures = waste.figures(wanted).row(0, named=True)
    shown = {
        "Wasted (pcs)": ("wasted_units", "Pieces that were taken out as waste."),
        "Sold marked down (pcs)": ("marked_down_units", "Pieces sold with a markdown."),
    }
    if currency:
        shown = {
            "Wasted (pcs)": shown["Wasted (pcs)"],
            f"Wasted ({currency})": ("wasted_value", "Their value at list price."),
            "Sold marked down (pcs)": shown["Sold marked down (pcs)"],
            f"Sold marked down ({currency})": ("marked_down_net", "What the tills took for them."),
            f"Cost of markdowns ({currency})": (
                "markdown_cost",
                "What was not earned because of the markdowns.",
            ),
        }
    with st.container(border=True, key="figures"):
        for place, (name, (column, meaning)) in zip(
            st.columns(len(shown)), shown.items(), strict=True
        ):
            place.metric(name, round(figures[column]), help=meaning, format="localized")
    if not currency:
        st.caption(
            "The chosen stores have different currencies, so money is not added up: choose a store "
            "to see it."
        )


def _by_day(wanted: Wanted, last: date, currency: str | None, context: PageContext) -> None:
    daily = waste.daily(wanted)
    if daily.is_empty():
        st.info("Nothing was wasted or sold marked down in this period.", icon=":material/info:")
        return
    measures = (
        (
            Measure("wasted_value", f"Waste ({currency})", currency),
            Measure("markdown_cost", f"Markdowns ({currency})", currency),
        )
        if currency
        else (
            Measure("wasted_units", "Waste (pcs)", "pcs"),
            Measure("marked_down_units", "Marked down (pcs)", "pcs"),
        )
    )
    downloads.summary("By business day and category:", daily, "waste_daily.csv")
    first = wanted.since or daily.get_column("business_date")[0]
    figure.draw(
        lambda: waste_by_day(daily, measures, (first, last), context.palette),
        "waste_by_day",
        "Waste and cost of markdowns by business day and category",
    )
    _by_item(wanted, measures[0], context)


def _by_item(wanted: Wanted, measure: Measure, context: PageContext) -> None:
    """Draw which items make most of the waste."""
    by: Literal["wasted_value", "wasted_units"] = (
        "wasted_value" if measure.column == "wasted_value" else "wasted_units"
    )
    found = waste.items(wanted, by)
    if found.is_empty():
        return
    most = int((found.get_column("share") < _MOST).sum()) + 1
    downloads.summary(
        f"**{text.plural(most, 'item')}** of {text.number(len(found))} that were thrown away made "
        f"{text.percent(_MOST)} of the waste ({measure.unit}):",
        found,
        "waste_by_item.csv",
    )
    figure.draw(
        lambda: waste_by_item(found, measure, context.palette),
        "waste_by_item",
        "Waste of the items of which most was thrown away, with their share added up",
    )


def _filters(prefix: str, states: dict[str, str]) -> dict[str, Any]:
    """Draw the filters of a table; returns them by the names the queries use."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        statuses = st.pills(
            "Status",
            list(states),
            selection_mode="multi",
            format_func=lambda status: states[status].partition(" ")[2],
            key=f"{prefix}_status",
            bind="query-params",
        )
        search = pickers.search("Shelf, item or lot", f"{prefix}_search")
    return {"statuses": statuses, "text": search}


def _markdowns(wanted: Wanted, total: int, context: PageContext) -> None:
    found = waste.markdowns(wanted, **_filters("markdown", _MARKDOWN_STATES))
    sold = int(found.get_column("sold_qty").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'markdown')}, "
        f"**{text.number(sold)}** pcs sold.",
        found,
        "markdowns.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No markdown fits period and filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    _table(
        found.with_columns(
            pl.col("status").replace(_MARKDOWN_STATES).alias("state"),
            (pl.col("discount").cast(pl.Float64) * 100).round(1).alias("discount_percent"),
        ),
        "markdowns_table",
        {
            "discount_percent": config.NumberColumn("Markdown (%)", format="localized"),
            "valid_from_ts": _moment("From", context),
            "valid_to_ts": _moment("Until", context),
            "sold_qty": config.NumberColumn("Sold (pcs)", format="localized"),
            "sold_net": config.NumberColumn("Sold for", format="%.2f"),
            "currency": config.TextColumn("Currency", width=70),
        },
        context,
    )


def _removals(wanted: Wanted, total: int, context: PageContext) -> None:
    found = waste.removals(wanted, **_filters("removal", _REMOVAL_STATES))
    removed = int(found.get_column("removed_qty").sum())
    downloads.summary(
        f"**{text.number(len(found))}** of {text.plural(total, 'removal')}, "
        f"**{text.number(removed)}** pcs removed.",
        found,
        "removals.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No removal fits period and filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    is_different = (pl.col("status") == "completed") & pl.col("removed_qty").ne_missing(
        pl.col("expected_qty")
    )
    _table(
        found.with_columns(
            pl.when(is_different)
            .then(pl.lit(_DIFFERS))
            .otherwise(pl.col("status").replace(_REMOVAL_STATES))
            .alias("state"),
            pl.col("location").map_elements(text.label, return_dtype=pl.String).alias("place"),
        ),
        "removals_table",
        {
            "place": config.TextColumn("Where", width=90),
            "expected_qty": config.NumberColumn("Expected (pcs)", format="localized"),
            "removed_qty": config.NumberColumn("Removed (pcs)", format="localized"),
            "wasted_value": config.NumberColumn("Value", format="%.2f"),
            "currency": config.TextColumn("Currency", width=70),
            "created_ts": _moment("Planned", context),
            "completed_ts": _moment("Done", context),
        },
        context,
    )


def _moment(label: str, context: PageContext) -> Any:
    return st.column_config.DatetimeColumn(
        label, format="ddd D MMM, HH:mm", timezone=context.timezone
    )


def _table(found: pl.DataFrame, key: str, more: dict[str, Any], context: PageContext) -> None:
    """Draw a table of plans about lots: what they are about, then columns of their own."""
    config = st.column_config
    store = {"store_name": config.TextColumn("Store")} if len(context.chosen) > 1 else {}
    columns = {
        "state": config.TextColumn("State", width=120),
        **store,
        **item_links.column(),
        "subcategory": config.TextColumn("Item", width=140),
        "category": config.TextColumn("Category", width=150),
        "batch_code": config.TextColumn("Lot", width=130),
        "expiry_date": config.DateColumn("Last day", format="ddd D MMM"),
        **more,
    }
    shown = item_links.with_addresses(found.head(tables.SHOWN_ROWS), context).with_columns(
        text.category_labels(),
        pl.col("batch_code").fill_null(NO_LOT),
    )
    tables.show(
        shown,
        hide_index=True,
        height=tables.height_of(len(shown), most=440),
        placeholder="",
        column_config=columns,
        key=key,
    )


PAGE = Page(
    "Waste",
    ":material/delete_sweep:",
    "waste",
    render,
    allows_all_stores=True,
    filters=Filters(EVERY_PERIOD, takes_days=True, by_category=True),
    sections=_SECTIONS,
)
