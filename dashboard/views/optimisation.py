"""Optimisation: how much of each item to keep and to order, also under other terms."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import links, text
from dashboard.charts import optimisation as charts
from dashboard.charts.optimisation import PRIORITIES, RECOMMENDATIONS
from dashboard.components import analysis, downloads, explain, figure, item_links, pickers, tables
from dashboard.data import optimisation
from dashboard.data.analysis import Scope
from dashboard.page import Filters, Page, PageContext, Sections
from smartshelf_dagster.analytics.replenishment import (
    SERVICE_LEVELS,
    Cycle,
    PolicyTerms,
    projected_stock,
)

_TABLE = "policies"
_ITEM_PARAMETER = "policy_item"
_PROJECTED_DAYS = 28.0
_SECTIONS = Sections(
    "optimisation",
    {
        "policy": "Policies",
        "orders": "Orders",
        "priority": "Priorities",
        "levels": "Optimal stock",
    },
    "policy",
)
_METHODS = {
    "forecast_quantile": "Forecast",
    "negative_binomial": "Sells seldom",
    "normal": "Sales of 4 weeks",
    "fallback": "Rule of thumb",
}
_BOUNDS = {
    "none": "Nothing",
    "pack": "Whole packs",
    "capacity": "Room",
    "shelf_life": "Shelf life",
}
# What binds orders and not the stock that is projected.
_LEFT_OUT = ("capacity", "shelf_life")
_PRIORITY_WORDS = {"High": "▲ High", "Normal": "● Normal", "Low": "▽ Low"}
_BY_CLASS = "By class"
_USUAL = PolicyTerms()
_LEVELS = {_BY_CLASS: _USUAL.service_levels} | {
    f"{level:.1%}".replace(".0%", "%"): (level, level, level) for level in SERVICE_LEVELS
}


def render(context: PageContext) -> None:
    """Draw the page."""
    if not any(store.tracks_stock for store in context.chosen):
        explain.nothing(
            "This store has no shelf sensors",
            "Only its sales are known, so there is no stock to plan.",
        )
        return
    if not analysis.is_built("inventory_policy", "Policies", context):
        return
    scope = analysis.scope(context)
    published = optimisation.policies(scope)
    if published.is_empty():
        explain.nothing(
            "No order can be planned yet",
            "Policies need stock on shelves and a cutoff of the supplier that is to come.",
        )
        return
    published = _of_categories(published, context)
    section = pickers.section(_SECTIONS)
    if section == "priority":
        _priorities(scope, context)
    elif section == "levels":
        _optimal(scope, context)
    else:
        terms = _terms(scope.currency)
        asked = optimisation.under(published, terms)
        _figures(optimisation.under(published, _USUAL), asked, scope)
        if section == "orders":
            _orders(asked, scope, context)
        else:
            _policies(asked, terms, scope, context)


def _of_categories(rows: pl.DataFrame, context: PageContext) -> pl.DataFrame:
    return rows.filter(pl.col("category").is_in(context.categories) if context.categories else True)


def _terms(currency: str) -> PolicyTerms:
    """Draw the sliders of what is taken for granted, and return it; the URL keeps them."""
    with st.container(border=True, key="what_if"):
        st.markdown(
            "**What if** — the published policies stay as they are until the terms in force change."
        )
        places = st.columns(4, gap="medium")
        level = places[0].select_slider(
            "Service level",
            list(_LEVELS),
            value=_BY_CLASS,
            key="service",
            bind="query-params",
            help="Probability of no shortage until the goods of the order after the next come. "
            "By class: A {:.0%}, B {:.0%}, C {:.0%} of revenue.".format(*_USUAL.service_levels),
        )
        later = places[1].slider(
            "Goods come later by (days)",
            0.0,
            7.0,
            _USUAL.lead_time_extra_d,
            0.5,
            format="localized",
            key="later",
            bind="query-params",
        )
        cost = places[2].slider(
            f"An order line costs ({currency})",
            1.0,
            100.0,
            _USUAL.order_cost,
            1.0,
            format="%.0f",
            key="order_cost",
            bind="query-params",
            help="Work of ordering, receiving and putting away; decides the quantity of least "
            "cost.",
        )
        rate = places[3].slider(
            "Holding goods for a year (% of cost)",
            5.0,
            60.0,
            100 * _USUAL.holding_rate,
            1.0,
            format="%.0f",
            key="holding",
            bind="query-params",
        )
    return PolicyTerms(
        service_levels=_LEVELS[str(level)],
        order_cost=float(cost),
        holding_rate=float(rate) / 100,
        lead_time_extra_d=float(later),
    )


def _figures(usual: pl.DataFrame, asked: pl.DataFrame, scope: Scope) -> None:
    """Show sums over all items, and how they differ from those under the terms in force."""
    money = f"({scope.currency})"
    sums = {
        "Safety stock (pcs)": (pl.col("safety_stock").sum(), "Pieces kept for chance."),
        f"Safety stock {money}": (
            (pl.col("safety_stock") * pl.col("unit_cost")).sum(),
            "The same at cost.",
        ),
        "Order up to (pcs)": (
            pl.col("reorder_point").sum(),
            "Pieces that orders fill up to, on hand and on order together.",
        ),
        "Items to order": ((pl.col("recommended_qty") > 0).sum(), "Items below that level."),
        "To order now (pcs)": (
            pl.col("recommended_qty").sum(),
            "In whole packs, as far as life and room allow.",
        ),
        f"To order now {money}": (pl.col("order_value").sum(), "The same at cost."),
        f"Cost a year {money}": (
            pl.col("total_cost_pa").sum(),
            "Ordering in quantities of least cost, and holding these and the safety stock.",
        ),
    }
    with st.container(border=True, key="figures"):
        for place, (name, (figure, meaning)) in zip(
            st.columns(len(sums)), sums.items(), strict=True
        ):
            now, before = (round(float(rows.select(figure).item() or 0)) for rows in (asked, usual))
            place.metric(
                name,
                now,
                delta=None if now == before else now - before,
                delta_color="off",
                help=meaning,
                format="localized",
            )


def _policies(asked: pl.DataFrame, terms: PolicyTerms, scope: Scope, context: PageContext) -> None:
    found = _filtered(asked, "policy_search")
    in_force = asked.get_column("planned_by").drop_nulls().unique().sort().to_list()
    if in_force:
        st.caption(
            f"For comparison: the next orders are planned by {' and '.join(in_force)}, which has "
            "reorder points of its own."
        )
    downloads.summary(
        f"**{text.plural(len(found), 'item')}**, the dearest first; choose one to see its stock "
        "and its costs.",
        found.drop("demand_quantiles"),
        "stock_policies.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No item fits the filters.", icon=":material/filter_alt_off:")
        return
    shown = item_links.with_addresses(_readable(found).head(tables.SHOWN_ROWS), context, "item_id")
    tables.restore(_TABLE, _ITEM_PARAMETER)
    chosen = tables.table(
        shown,
        key=_TABLE,
        id_column="row_id",
        columns=_policy_columns(with_store=len(context.chosen) > 1),
        rows="single-row",
        height=388,
    )
    tables.keep(_ITEM_PARAMETER, chosen)
    row_id = chosen[0] if chosen else shown.get_column("row_id")[0]
    _item(shown.row(by_predicate=pl.col("row_id") == row_id, named=True), terms, scope, context)


def _filtered(frame: pl.DataFrame, search_key: str) -> pl.DataFrame:
    search = pickers.search("Item or name", search_key).strip().lower()
    named = pl.concat_str("item_id", "product_name", separator=" ", ignore_nulls=True)
    return frame.filter(named.str.to_lowercase().str.contains(search, literal=True))


def _readable(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.concat_str("store_id", "item_id", separator="/").alias("row_id"),
        text.category_labels().alias("category_label"),
        pl.col("method").replace(_METHODS).alias("method_label"),
        pl.col("binding_constraint").replace(_BOUNDS).alias("bound_label"),
        (100 * pl.col("service_level")).alias("service_pct"),
        (100 * pl.col("expected_fill_rate")).alias("fill_pct"),
        (pl.col("lead_time_mean_d") + pl.col("review_period_d")).alias("protection_d"),
        pl.col("total_cost_pa", "order_value").round(0),
        pl.col("stock_out_risk_score").round(2),
    )


def _policy_columns(*, with_store: bool) -> dict[str, Any]:
    config = st.column_config

    def pieces(name: str, meaning: str | None = None) -> Any:
        return config.NumberColumn(name, format="localized", help=meaning)

    store = {"store_id": config.TextColumn("Store", width=60)} if with_store else {}
    return {
        **store,
        **item_links.column("Item", 100),
        "product_name": config.TextColumn("Name", width=130),
        "demand_mean_d": config.NumberColumn(
            "A day", format="%.1f", help="Pieces expected to be asked for."
        ),
        "protection_d": config.NumberColumn(
            "Covers (d)",
            format="%.1f",
            help="Days until the goods of the order after the next come.",
        ),
        "service_pct": config.NumberColumn("Service (%)", format="%.1f"),
        "safety_stock": pieces("Safety", "Pieces kept for chance."),
        "reorder_point": pieces("Order up to", "At a cutoff, on hand and on order together."),
        "warehouse_reorder_point": pieces(
            "In force", "Reorder point of the warehouse by the policy in force."
        ),
        "eoq": pieces("Least cost", "Order quantity of least cost in whole packs (EOQ)."),
        "inventory_position": pieces("Has", "On hand and on order."),
        "recommended_qty": pieces("To order", "Whole packs, as far as life and room allow."),
        "planned_qty": pieces("Planned", "What will be ordered at the next cutoff."),
        "method_label": config.TextColumn("By", width=110, help="Where the demand comes from."),
    }


def _item(item: dict[str, Any], terms: PolicyTerms, scope: Scope, context: PageContext) -> None:
    with st.container(border=True):
        st.subheader(f"{item['item_id']}, {item['product_name'] or ''}", anchor=False)
        mean, deviation, lead_time, review = (
            text.formatted(item[column], ",.1f")
            for column in ("demand_mean_d", "demand_sd_d", "lead_time_mean_d", "review_period_d")
        )
        st.caption(
            f"Class {item['abc_class']} · {mean} ± {deviation} pcs a day · "
            f"{lead_time} days to the next goods, {review} to those after · "
            f"fill rate {text.formatted(item['fill_pct'], '.2f')} % · "
            f"bound by: {item['bound_label'].lower()}"
        )
        left, right = st.columns(2, gap="large")
        with left:
            _projection(item, context)
        with right:
            _costs(item, terms, scope, context)


def _projection(item: dict[str, Any], context: PageContext) -> None:
    if not item["review_period_d"]:
        st.info("No two deliveries are known to come.", icon=":material/info:")
        return
    projected = projected_stock(
        item["on_hand"],
        item["inventory_position"] - item["on_hand"],
        Cycle(
            daily=item["demand_mean_d"],
            level=item["order_up_to"],
            pack=item["pack_size"] or 1,
            lead_time_d=item["lead_time_mean_d"],
            review_period_d=item["review_period_d"],
        ),
        _PROJECTED_DAYS,
    )
    bound = item["binding_constraint"]
    unbound = f" ({_BOUNDS[bound].lower()} left out)" if bound in _LEFT_OUT else ""
    downloads.summary(
        f"Its stock, if demand were as expected every day{unbound}:",
        projected,
        "projected_stock.csv",
    )
    figure.draw(
        lambda: charts.stock_to_come(
            projected, item["reorder_point"], item["safety_stock"], context.palette
        ),
        "stock_to_come",
        "Stock of the item in the days to come, as a saw-tooth between deliveries",
    )


def _costs(item: dict[str, Any], terms: PolicyTerms, scope: Scope, context: PageContext) -> None:
    if not item["unit_cost"] or not item["demand_mean_d"]:
        st.info(
            "Without a cost of the item, or demand for it, no quantity costs least.",
            icon=":material/info:",
        )
        return
    round_qty = item["demand_mean_d"] * item["review_period_d"]
    st.markdown(
        f"What orders of a size cost in a year; least at **{text.number(item['eoq'])}** pcs:"
    )
    figure.draw(
        lambda: charts.cost_of_quantities(
            item | {"round_qty": max(round_qty, 1.0)},
            terms.order_cost,
            terms.holding_rate,
            scope.currency,
            context.palette,
        ),
        "cost_of_quantities",
        "Cost of ordering and of holding in a year by the quantity of an order",
    )


def _orders(asked: pl.DataFrame, scope: Scope, context: PageContext) -> None:
    found = _filtered(asked.filter(pl.col("recommended_qty") > 0), "order_search")
    found = found.sort("order_value", descending=True, nulls_last=True, maintain_order=True)
    pieces = int(found.get_column("recommended_qty").sum())
    differs = int((found.get_column("recommended_qty") != found.get_column("planned_qty")).sum())
    downloads.summary(
        f"**{text.plural(len(found), 'recommended order')}**, **{text.number(pieces)}** pcs; "
        f"{text.number(differs)} differ from what is planned for the next cutoff.",
        found.drop("demand_quantiles"),
        "recommended_orders.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    with st.container(horizontal=True):
        links.link("supply", "Decide on orders in Supply")
        links.link("alerts", "Alerts of what has run low")
    if found.is_empty():
        st.success("Nothing needs to be ordered now.", icon=":material/check_circle:")
        return
    config = st.column_config
    tables.show(
        item_links.with_addresses(_readable(found).head(tables.SHOWN_ROWS), context, "item_id"),
        key="recommended_orders",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=598),
        column_order=[
            *(["store_id"] if len(context.chosen) > 1 else []),
            *("item_address", "product_name", "category_label", "inventory_position"),
            *("order_up_to", "recommended_qty", "planned_qty", "bound_label", "order_value"),
            "stock_out_risk_score",
        ],
        column_config={
            "store_id": config.TextColumn("Store", width=60),
            **item_links.column("Item"),
            "product_name": config.TextColumn("Name"),
            "category_label": config.TextColumn("Category"),
            "inventory_position": config.NumberColumn("Has (pcs)", format="localized"),
            "order_up_to": config.NumberColumn("Order up to (pcs)", format="localized"),
            "recommended_qty": config.NumberColumn("To order (pcs)", format="localized"),
            "planned_qty": config.NumberColumn("Planned (pcs)", format="localized"),
            "bound_label": config.TextColumn("Bound by", width=100),
            "order_value": config.NumberColumn(f"At cost ({scope.currency})", format="localized"),
            "stock_out_risk_score": config.ProgressColumn(
                "Risk to run out", min_value=0, max_value=1, format="percent"
            ),
        },
    )


def _priorities(scope: Scope, context: PageContext) -> None:
    everything = optimisation.priorities(scope, [], context.categories)
    downloads.summary(
        "What to restock first: stock at its reorder point, a risk above 80 %, or demand about to "
        "rise by a fifth make a **high** priority.",
        everything,
        "restock_priorities.csv",
    )
    figure.draw(
        lambda: charts.priority_matrix(everything, context.palette),
        "priority_matrix",
        "Number of items by priority and by what is expected of their demand",
    )
    told = everything.filter(pl.col("forecast_7d").is_not_null())
    if told.is_empty():
        st.info(
            "No forecast of the next week is there yet, so the stock alone decides.",
            icon=":material/info:",
        )
    else:
        figure.draw(
            lambda: charts.weeks_compared(told, context.palette),
            "weeks_compared",
            "Pieces expected next week against an average week, by priority",
        )
    chosen = st.pills(
        "Priority",
        list(PRIORITIES),
        selection_mode="multi",
        default=["High"],
        format_func=_PRIORITY_WORDS.__getitem__,
        key="priority",
        bind="query-params",
    )
    found = optimisation.priorities(scope, chosen, context.categories)
    downloads.summary(
        f"**{text.plural(len(found), 'item')}**, the most likely to run out first.",
        found,
        "restock.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    if found.is_empty():
        st.info("No item fits the filters.", icon=":material/filter_alt_off:")
        return
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context, "item_id").with_columns(
            pl.col("priority").replace(_PRIORITY_WORDS),
            pl.col("recommendation").replace_strict(
                RECOMMENDATIONS, default=RECOMMENDATIONS[None], return_dtype=pl.String
            ),
            pl.col("reason").str.slice(0, 1).str.to_uppercase() + pl.col("reason").str.slice(1),
            pl.col("stock_out_risk_score").round(2),
        ),
        key="restock",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_order=[
            *(["store_id"] if len(context.chosen) > 1 else []),
            *("item_address", "product_name", "priority", "reason", "on_hand", "days_of_cover"),
            *("stock_out_risk_score", "trailing_avg_7d", "forecast_7d", "recommendation"),
            "recommended_qty",
        ],
        column_config={
            "store_id": config.TextColumn("Store", width=60),
            **item_links.column("Item", 110),
            "product_name": config.TextColumn("Name"),
            "priority": config.TextColumn("Priority", width=90),
            "reason": config.TextColumn("Because"),
            "on_hand": config.NumberColumn("In stock", format="localized"),
            "days_of_cover": config.NumberColumn("Lasts (days)", format="%.1f"),
            "stock_out_risk_score": config.ProgressColumn(
                "Risk to run out", min_value=0, max_value=1, format="percent"
            ),
            "trailing_avg_7d": config.NumberColumn("Usual week", format="%.0f"),
            "forecast_7d": config.NumberColumn("Next week", format="%.0f"),
            "recommendation": config.TextColumn("Demand", width=150),
            "recommended_qty": config.NumberColumn("To order", format="localized"),
        },
    )


def _optimal(scope: Scope, context: PageContext) -> None:
    found = _of_categories(optimisation.levels(scope), context)
    few, many = (int((sign * found.get_column("delta_units") > 0).sum()) for sign in (1, -1))
    saving = float(found.get_column("saving").sum())
    downloads.summary(
        f"Stock of least expected cost would save **{text.number(saving)} {scope.currency}** until "
        f"the goods of the order after the next come: {text.plural(few, 'item')} with too little, "
        f"{text.number(many)} with too much.",
        found,
        "optimal_stock.csv",
        shown_rows=tables.SHOWN_ROWS,
    )
    st.caption(
        "A piece too few costs its margin and the customer's goodwill; one too many the money in "
        "it, or all of it where it expires. The stock is that quantile of demand that the two ask "
        "for."
    )
    figure.draw(
        lambda: charts.levels_compared(found, context.palette),
        "levels_compared",
        "Stock of the items that could save most, beside that of least expected cost",
    )
    config = st.column_config
    tables.show(
        item_links.with_addresses(found.head(tables.SHOWN_ROWS), context, "item_id").with_columns(
            pl.col("critical_ratio").mul(100),
            pl.col("chosen").replace({"optimal": "Optimal", "policy": "Policy"}),
        ),
        key="optimal_stock",
        hide_index=True,
        placeholder="",
        height=tables.height_of(len(found), most=458),
        column_order=[
            *(["store_id"] if len(context.chosen) > 1 else []),
            *("item_address", "product_name", "current_stock", "optimal_stock", "delta_units"),
            *("policy_stock", "critical_ratio", "expected_cost_current"),
            *("expected_cost_optimal", "saving", "chosen"),
        ],
        column_config={
            "store_id": config.TextColumn("Store", width=60),
            **item_links.column("Item", 110),
            "product_name": config.TextColumn("Name"),
            "current_stock": config.NumberColumn("Has (pcs)", format="localized"),
            "optimal_stock": config.NumberColumn("Optimal (pcs)", format="%.0f"),
            "delta_units": config.NumberColumn("Difference", format="%+.0f"),
            "policy_stock": config.NumberColumn(
                "By policy (pcs)", format="localized", help="Level that orders fill up to."
            ),
            "critical_ratio": config.NumberColumn(
                "Quantile (%)", format="%.1f", help="Of demand: what the costs ask for."
            ),
            "expected_cost_current": config.NumberColumn("Cost now", format="%.2f"),
            "expected_cost_optimal": config.NumberColumn("Cost then", format="%.2f"),
            "saving": config.NumberColumn(f"Saves ({scope.currency})", format="%.2f"),
            "chosen": config.TextColumn("Better", width=80),
        },
    )


PAGE = Page(
    "Optimisation",
    ":material/tune:",
    "optimisation",
    render,
    allows_all_stores=True,
    filters=Filters(by_category=True, needs="inventory_policy"),
    sections=_SECTIONS,
)
