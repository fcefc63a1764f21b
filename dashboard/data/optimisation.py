"""What the optimisation page asks: policies, under other terms too, priorities, optimal levels.

The rule is `smartshelf_dagster.analytics.replenishment`, a function of what is published: under the
terms in force it gives the published rows again.
"""

from collections.abc import Sequence

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL, Scope
from smartshelf_dagster.analytics.replenishment import PolicyTerms, policy_under


def policies(scope: Scope) -> pl.DataFrame:
    """Return the policy of each item, what costs most in a year first.

    Beside the columns of `analytics.inventory_policy`: product_name, on_hand, and what is in force
    by now: warehouse_reorder_point, and planned_qty of the next cutoff with its policy,
    planned_by.
    """
    return serving.query(
        """
        with planned as (
            select plan.store_id, plan.shelf_id, plan.order_qty, plan.policy
            from ops.supplier_plan as plan
            inner join ops.supplier_cutoffs as cutoffs
                on plan.store_id = cutoffs.store_id and plan.cutoff_ts = cutoffs.cutoff_ts
            where cutoffs.status = 'next'
        )

        select
            policy.*,
            products.product_name,
            risk.on_hand,
            warehouse.reorder_point as warehouse_reorder_point,
            coalesce(planned.order_qty, 0) as planned_qty,
            planned.policy as planned_by
        from analytics.inventory_policy as policy
        inner join analytics.stock_risk as risk
            on policy.store_id = risk.store_id and policy.item_id = risk.item_id
        left join analytics.dim_product as products
            on policy.item_id = products.item_id and products.is_current
        left join cleansed.warehouse_state as warehouse
            on policy.store_id = warehouse.store_id and policy.item_id = warehouse.shelf_id
        left join planned
            on policy.store_id = planned.store_id and policy.item_id = planned.shelf_id
        where policy.currency = $currency and ($store_id = $all or policy.store_id = $store_id)
        order by policy.total_cost_pa desc nulls last, policy.store_id, policy.item_id
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        all=ALL,
    )


def under(policies: pl.DataFrame, terms: PolicyTerms) -> pl.DataFrame:
    """Return policies as they would be under other terms, with order_value: to order now, at cost.

    Args:
        policies: Rows of `policies`.
        terms: Service levels, times and costs.
    """
    return policy_under(policies, terms).with_columns(
        order_value=pl.col("recommended_qty") * pl.col("unit_cost")
    )


def priorities(scope: Scope, chosen: list[str], categories: Sequence[str]) -> pl.DataFrame:
    """Return what to restock first: by priority, then by risk.

    Args:
        scope: Whose.
        chosen: High, Normal, Low; none means all, as for the other filter.
        categories: Categories.
    """
    return serving.query(
        """
        select restock.*, products.product_name
        from analytics.restock_recommendations as restock
        inner join ref.stores as stores on restock.store_id = stores.store_id
        left join analytics.dim_product as products
            on restock.item_id = products.item_id and products.is_current
        where stores.currency = $currency
            and ($store_id = $all or restock.store_id = $store_id)
            and (len($chosen::varchar[]) = 0 or list_contains($chosen::varchar[], restock.priority))
            and (len($categories::varchar[]) = 0
                or list_contains($categories::varchar[], restock.category))
        order by
            list_position(['High', 'Normal', 'Low'], restock.priority),
            restock.stock_out_risk_score desc, restock.demand_ratio desc nulls last,
            restock.store_id, restock.item_id
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        all=ALL,
        chosen=chosen,
        categories=list(categories),
    )


def levels(scope: Scope) -> pl.DataFrame:
    """Return the stock of least expected cost of each item, what saves most first."""
    return serving.query(
        """
        select levels.*, products.product_name
        from analytics.stock_optimization as levels
        inner join ref.stores as stores on levels.store_id = stores.store_id
        left join analytics.dim_product as products
            on levels.item_id = products.item_id and products.is_current
        where stores.currency = $currency
            and ($store_id = $all or levels.store_id = $store_id)
        order by levels.saving desc, levels.store_id, levels.item_id
        """,
        store_id=scope.store_id,
        currency=scope.currency,
        all=ALL,
    )
