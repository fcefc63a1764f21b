"""What is bought together: rules, the network of items, what to offer beside an item."""

import polars as pl

from dashboard import serving
from dashboard.data.analysis import ALL


def scope_of(store_ids: list[str]) -> str:
    """Return the scope of the chosen stores in tables of baskets."""
    return store_ids[0] if len(store_ids) == 1 else ALL


def rules(
    period: str, scope: str, *, support: float, confidence: float, lift: float
) -> pl.DataFrame:
    """Return the rules above some thresholds, with names of the items, the strongest first.

    Args:
        period: 90d or 365d.
        scope: A store, or ALL.
        support: Least share of the baskets, 0 to 1.
        confidence: Least share of the baskets with the antecedent, 0 to 1.
        lift: Least lift.
    """
    return serving.query(
        """
        with known as (
            select map_from_entries(list((item_id, product_name))) as names
            from analytics.dim_product
            where is_current and product_name is not null
        )

        select
            rules.rank, rules.rule_id, rules.antecedent, rules.consequent,
            list_transform(rules.antecedent, lambda id: coalesce(names[id], id)) as bought,
            list_transform(rules.consequent, lambda id: coalesce(names[id], id)) as also,
            rules.support, rules.support_count, rules.confidence, rules.lift, rules.conviction,
            rules.q_value, rules.is_redundant
        from analytics.basket_rules as rules
        cross join known
        where rules.period = $period and rules.scope = $scope and rules.support >= $support
            and rules.confidence >= $confidence and rules.lift >= $lift
        order by rules.rank
        """,
        period=period,
        scope=scope,
        support=support,
        confidence=confidence,
        lift=lift,
    )


def nodes(period: str, scope: str) -> pl.DataFrame:
    """Return the items of the network: item, name, place (x, y), community, support."""
    return serving.query(
        """
        select
            nodes.item, coalesce(products.product_name, nodes.item) as product_name,
            products.category, nodes.support, nodes.degree, nodes.community, nodes.x, nodes.y
        from analytics.basket_graph_nodes as nodes
        left join analytics.dim_product as products
            on nodes.item = products.item_id and products.is_current
        where nodes.period = $period and nodes.scope = $scope
        order by nodes.support desc, nodes.item
        """,
        period=period,
        scope=scope,
    )


def edges(period: str, scope: str) -> pl.DataFrame:
    """Return the pairs of the network, the weakest first, so that the strong lie on top."""
    return serving.query(
        """
        select a, b, lift, confidence_ab, confidence_ba, support
        from analytics.basket_graph_edges
        where period = $period and scope = $scope
        order by lift, a, b
        """,
        period=period,
        scope=scope,
    )


def offered_items(period: str, scope: str) -> pl.DataFrame:
    """Return the items for which something can be offered: item_id, product_name."""
    return serving.query(
        """
        select
            offers.item_id, coalesce(any_value(products.product_name), offers.item_id)
                as product_name
        from analytics.product_recommendations as offers
        left join analytics.dim_product as products
            on offers.item_id = products.item_id and products.is_current
        where offers.period = $period and offers.scope = $scope
        group by offers.item_id
        order by offers.item_id
        """,
        period=period,
        scope=scope,
    )


def offers(period: str, scope: str, item_id: str) -> pl.DataFrame:
    """Return what to offer beside an item, the best first."""
    return serving.query(
        """
        select
            offers.rank, offers.recommended_item_id,
            coalesce(products.product_name, offers.recommended_item_id) as product_name,
            offers.reason, offers.score, offers.confidence, offers.lift, offers.in_stock
        from analytics.product_recommendations as offers
        left join analytics.dim_product as products
            on offers.recommended_item_id = products.item_id and products.is_current
        where offers.period = $period and offers.scope = $scope and offers.item_id = $item_id
        order by offers.rank
        """,
        period=period,
        scope=scope,
        item_id=item_id,
    )
