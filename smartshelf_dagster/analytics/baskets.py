"""Which goods are bought together: frequent itemsets, association rules and their network.

Belongs here: counting, the measures of a rule, each with its formula, and where a node of the
network stands. Does not belong here: which period and stores are mined, and storing the rows.

Itemsets are counted by Apriori on a sparse matrix, because at a support of 0.01 that takes 0.4 s of
processor time for the 19,773 baskets of UCI Online Retail and 6 s (1.0 GB) for ten times as many,
where efficient-apriori 2.0.6 takes 3.5 s and 37 s (0.9 GB), and mlxtend 0.25.0 8 s and 15 s
(1.5 GB), for the same counts.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import polars as pl
import scipy

from smartshelf_dagster.errors import SmartShelfError

LINE_COLUMNS = ("store_id", "transaction_id", "item_id")
ITEMSETS = {
    "itemset_id": pl.String(),
    "items": pl.List(pl.String),
    "k": pl.Int64(),
    "count": pl.Int64(),
    "support": pl.Float64(),
}
RULES = {
    "rule_id": pl.String(),
    "antecedent": pl.List(pl.String),
    "consequent": pl.List(pl.String),
    "k": pl.Int64(),
    "n_baskets": pl.Int64(),
    "support_count": pl.Int64(),
    "antecedent_count": pl.Int64(),
    "consequent_count": pl.Int64(),
    "support": pl.Float64(),
    "confidence": pl.Float64(),
    "lift": pl.Float64(),
    "leverage": pl.Float64(),
    "conviction": pl.Float64(),
    "zhang": pl.Float64(),
    "jaccard": pl.Float64(),
    "chi2": pl.Float64(),
    "p_value": pl.Float64(),
    "q_value": pl.Float64(),
    "is_redundant": pl.Boolean(),
    "rank": pl.Int64(),
}
NODES = {
    "item": pl.String(),
    "support": pl.Float64(),
    "degree": pl.Int64(),
    "weighted_degree": pl.Float64(),
    "community": pl.Int64(),
    "x": pl.Float64(),
    "y": pl.Float64(),
}
EDGES = {
    "a": pl.String(),
    "b": pl.String(),
    "lift": pl.Float64(),
    "confidence_ab": pl.Float64(),
    "confidence_ba": pl.Float64(),
    "support": pl.Float64(),
}
LARGE_BASKETS = {
    "store_id": pl.String(),
    "transaction_id": pl.String(),
    "items": pl.Int64(),
}
_SIDES = ("antecedent", "consequent")
_PAIR = 2
# 0.07 of 100 baskets is 7.000000000000001, and still means 7.
_ROUNDING = 1e-9


class BasketError(SmartShelfError, ValueError):
    """Sales or settings that cannot be mined; the message names the field and what was expected."""


@dataclass(frozen=True)
class MiningSettings:
    """What counts as frequent, and as a rule.

    Attributes:
        min_support: Least share of the baskets that hold an itemset, above 0 to 1.
        min_baskets: Least number of them, whatever their share.
        min_confidence: Least share of the baskets with the antecedent that hold the consequent.
        min_lift: Least ratio of that share to the consequent's share of all baskets.
        max_q_value: A rule's q-value lies below this.
        max_len: Most items of an itemset.
        large_basket: Baskets with more items than this are reported; they count like others.
        graph_pairs: Pairs in the network: those with the highest lift.
        seed: Of the communities and the layout of the network.

    Raises:
        BasketError: A value is out of its range.
    """

    min_support: float = 0.01
    min_baskets: int = 20
    min_confidence: float = 0.30
    min_lift: float = 1.2
    max_q_value: float = 0.05
    max_len: int = 3
    large_basket: int = 200
    graph_pairs: int = 50
    seed: int = 42

    def __post_init__(self) -> None:
        _check("min_support", self.min_support, 0 < self.min_support <= 1, "above 0, at most 1")
        _check("min_baskets", self.min_baskets, self.min_baskets >= 1, "at least 1")
        _check(
            *("min_confidence", self.min_confidence), 0 <= self.min_confidence <= 1, "from 0 to 1"
        )
        _check("min_lift", self.min_lift, self.min_lift >= 0, "at least 0")
        _check("max_len", self.max_len, self.max_len >= 1, "at least 1")


def _check(name: str, value: float, right: bool, expected: str) -> None:
    if not right:
        raise BasketError(f"{name}: {value}, expected {expected}")


@dataclass(frozen=True)
class Incidence:
    """Which baskets hold which items.

    Attributes:
        items: Ascending.
        matrix: Sparse, 1 where a basket holds an item, shape (baskets, items).
        large: Baskets with very many items, columns `LARGE_BASKETS`.
    """

    items: tuple[str, ...]
    matrix: Any
    large: pl.DataFrame

    @property
    def baskets(self) -> int:
        """Number of baskets."""
        return int(self.matrix.shape[0])


@dataclass(frozen=True)
class Itemsets:
    """How often the frequent sets of items were bought.

    Attributes:
        baskets: Number of all baskets.
        counts: Baskets that hold all items of a set; the items ascend.
    """

    baskets: int
    counts: Mapping[tuple[str, ...], int]


@dataclass(frozen=True)
class Mined:
    """What the baskets of a period and a scope tell.

    Attributes:
        baskets: Number of them.
        itemsets: Columns `ITEMSETS`, most frequent first.
        rules: Columns `RULES`, best first.
        nodes: Columns `NODES`, by item.
        edges: Columns `EDGES`, highest lift first.
        large_baskets: Columns `LARGE_BASKETS`, largest first.
    """

    baskets: int
    itemsets: pl.DataFrame
    rules: pl.DataFrame
    nodes: pl.DataFrame
    edges: pl.DataFrame
    large_baskets: pl.DataFrame


def mine(lines: pl.DataFrame, settings: MiningSettings | None = None) -> Mined:
    """Find what is bought together.

    Args:
        lines: Sold merchandise, one row per line, any order: store_id, transaction_id, item_id.
            Returns must not be among them. A basket is the distinct items of a transaction.
        settings: The defaults without.

    Returns:
        Itemsets, rules and network; empty frames of the same columns where nothing is frequent.

    Raises:
        BasketError: A column is missing.
    """
    settings = settings or MiningSettings()
    incidence = build_incidence(lines, settings.large_basket)
    itemsets = find_itemsets(incidence, settings)
    rules = association_rules(itemsets, settings)
    nodes, edges = rule_graph(rules, settings)
    found = itemset_rows(itemsets)
    return Mined(incidence.baskets, found, rules, nodes, edges, incidence.large)


def build_incidence(lines: pl.DataFrame, large_basket: int = 200) -> Incidence:
    """Turn sold lines into baskets of distinct items.

    Args:
        lines: As in `mine`.
        large_basket: Baskets with more items than this are reported.

    Raises:
        BasketError: A column is missing.
    """
    missing = [name for name in LINE_COLUMNS if name not in lines.columns]
    if missing:
        raise BasketError(
            f"columns {', '.join(missing)} are missing, expected {', '.join(LINE_COLUMNS)}"
        )
    items = lines["item_id"].unique().sort()
    code = pl.col("item_id").cast(pl.Enum(items)).to_physical()
    baskets = lines.group_by("store_id", "transaction_id").agg(code.unique().alias("codes"))
    sizes = baskets["codes"].list.len().to_numpy()
    columns = baskets["codes"].explode().to_numpy()
    rows = np.repeat(np.arange(baskets.height), sizes)
    matrix = scipy.sparse.csc_array(
        (np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=(baskets.height, len(items))
    )
    large = (
        baskets.select("store_id", "transaction_id", items=pl.Series(sizes, dtype=pl.Int64))
        .filter(pl.col("items") > large_basket)
        .sort("items", "store_id", "transaction_id", descending=[True, False, False])
    )
    return Incidence(tuple(items), matrix, large)


def find_itemsets(incidence: Incidence, settings: MiningSettings) -> Itemsets:
    """Count all sets of up to `max_len` items that enough baskets hold.

    Source: Agrawal and Srikant, Fast algorithms for mining association rules, VLDB 1994.
    """
    wanted = math.ceil(settings.min_support * incidence.baskets - _ROUNDING)
    least = max(wanted, settings.min_baskets)
    sold = np.asarray(incidence.matrix.sum(axis=0)).ravel()
    frequent = np.flatnonzero(sold >= least)
    items = incidence.matrix[:, frequent]
    # Column j of `holds` says which baskets hold the set in row j of `members`.
    holds: Any = items
    members: npt.NDArray[np.integer] = np.arange(len(frequent))[:, None]
    names = [incidence.items[column] for column in frequent]
    counts: dict[tuple[str, ...], int] = {
        (name,): int(sold[column]) for name, column in zip(names, frequent, strict=True)
    }
    for _ in range(1, settings.max_len):
        holds, members, sizes = _grow(holds, members, items, least)
        for row, size in zip(members.tolist(), sizes.tolist(), strict=True):
            counts[tuple(names[item] for item in row)] = size
    return Itemsets(incidence.baskets, counts)


def _grow(
    holds: Any, members: npt.NDArray[np.integer], items: Any, least: int
) -> tuple[Any, npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Add an item to frequent sets; a set with a rare part is rare, so no other can be frequent."""
    together = (holds.T @ items).tocoo()
    # Only an item behind the last: each set is found once, from its first items.
    found = (together.data >= least) & (together.col > members[together.row, -1])
    parts, added = together.row[found], together.col[found]
    grown = holds[:, parts].multiply(items[:, added]).tocsc()
    return grown, np.column_stack([members[parts], added]), together.data[found]


def itemset_rows(itemsets: Itemsets) -> pl.DataFrame:
    """Return the itemsets with their support, columns `ITEMSETS`, most frequent first."""
    rows = [
        {
            "itemset_id": "|".join(items),
            "items": list(items),
            "k": len(items),
            "count": count,
            "support": count / itemsets.baskets,
        }
        for items, count in itemsets.counts.items()
    ]
    order = ["k", "count", "itemset_id"]
    return pl.DataFrame(rows, schema=ITEMSETS).sort(order, descending=[False, True, False])


def association_rules(itemsets: Itemsets, settings: MiningSettings) -> pl.DataFrame:
    """Return the rules that are frequent, confident, lifted and significant enough.

    With N baskets, n(A) of them holding the antecedent and n(C) the consequent:

    - support n(AC)/N, confidence n(AC)/n(A): Agrawal, Imieliński and Swami 1993;
    - lift confidence/supp(C), conviction (1 - supp(C))/(1 - confidence): Brin et al. 1997;
    - leverage support - supp(A)·supp(C): Piatetsky-Shapiro 1991;
    - zhang leverage/max(support·(1 - supp(A)), supp(A)·(supp(C) - support)): Zhang 2000;
    - jaccard n(AC)/(n(A) + n(C) - n(AC)); chi2 of the 2x2 table, without correction;
    - p_value: Fisher's exact test, one-sided, that they meet more often than by chance;
    - q_value: false discovery rate among all rules that frequent itemsets allow, Benjamini and
      Hochberg 1995.

    A rule is redundant where a part of its antecedent implies the same consequent with at least
    its confidence (Bayardo, Agrawal and Gunopulos 2000).

    Returns:
        Columns `RULES`, ranked from 1 by lift, confidence, support count and name. Conviction is
        null where confidence is 1, chi2 where all baskets hold a side, zhang where they hold both.
    """
    splits = [split for items in itemsets.counts if len(items) > 1 for split in _splits(items)]
    if not splits:
        return pl.DataFrame(schema=RULES)
    counts = itemsets.counts
    frame = pl.DataFrame(
        {
            "antecedent": [list(antecedent) for antecedent, _ in splits],
            "consequent": [list(consequent) for _, consequent in splits],
            "n_baskets": itemsets.baskets,
            "support_count": [counts[tuple(sorted(a + c))] for a, c in splits],
            "antecedent_count": [counts[a] for a, _ in splits],
            "consequent_count": [counts[c] for _, c in splits],
            "is_redundant": [_is_redundant(a, c, counts) for a, c in splits],
        },
        schema_overrides=RULES,
    )
    frame = _with_measures(frame)
    p_values = _fisher(frame)
    kept = frame.with_columns(
        p_value=pl.Series(p_values),
        q_value=pl.Series(scipy.stats.false_discovery_control(p_values)),
    ).filter(
        pl.col("confidence") >= settings.min_confidence,
        pl.col("lift") >= settings.min_lift,
        pl.col("q_value") < settings.max_q_value,
    )
    order = ["lift", "confidence", "support_count", "rule_id"]
    ranked = kept.sort(order, descending=[True, True, True, False])
    return ranked.with_columns(rank=pl.int_range(1, pl.len() + 1)).select(list(RULES))


def _splits(items: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield each way to part a set into antecedent and consequent, neither empty."""
    for size in range(1, len(items)):
        for antecedent in combinations(items, size):
            yield antecedent, tuple(item for item in items if item not in antecedent)


def _is_redundant(
    antecedent: tuple[str, ...], consequent: tuple[str, ...], counts: Mapping[tuple[str, ...], int]
) -> bool:
    confidence = _confidence(antecedent, consequent, counts)
    return any(
        _confidence(part, consequent, counts) >= confidence
        for size in range(1, len(antecedent))
        for part in combinations(antecedent, size)
    )


def _confidence(
    antecedent: tuple[str, ...], consequent: tuple[str, ...], counts: Mapping[tuple[str, ...], int]
) -> float:
    return counts[tuple(sorted(antecedent + consequent))] / counts[antecedent]


def _with_measures(frame: pl.DataFrame) -> pl.DataFrame:
    n, both = pl.col("n_baskets").cast(pl.Float64), pl.col("support_count").cast(pl.Float64)
    with_a, with_c = (pl.col(f"{side}_count").cast(pl.Float64) for side in _SIDES)
    supp, conf, supp_a, supp_c = both / n, both / with_a, with_a / n, with_c / n
    leverage = supp - supp_a * supp_c
    zhang_scale = pl.max_horizontal(supp * (1 - supp_a), supp_a * (supp_c - supp))
    variance = with_a * with_c * (n - with_a) * (n - with_c)
    sides = [pl.col(side).list for side in _SIDES]
    return frame.with_columns(
        rule_id=pl.concat_str((side.join("|") for side in sides), separator="=>"),
        k=pl.sum_horizontal(side.len().cast(pl.Int64) for side in sides),
        support=supp,
        confidence=conf,
        # One quotient of counts, so that both directions give the very same number.
        lift=both * n / (with_a * with_c),
        leverage=leverage,
        conviction=_ratio(1 - supp_c, 1 - conf),
        zhang=_ratio(leverage, zhang_scale),
        jaccard=both / (with_a + with_c - both),
        chi2=_ratio(n * (n * both - with_a * with_c) ** 2, variance),
    )


def _ratio(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    return pl.when(denominator != 0).then(numerator / denominator)


def _fisher(frame: pl.DataFrame) -> npt.NDArray[np.floating]:
    """Return P(meetings >= those seen) by chance, from the hypergeometric distribution."""
    both, n, with_a, with_c = (
        frame[name].to_numpy()
        for name in ("support_count", "n_baskets", "antecedent_count", "consequent_count")
    )
    # The test is symmetric; the rarer side has fewer terms to add.
    few, many = np.minimum(with_a, with_c), np.maximum(with_a, with_c)
    chance: npt.NDArray[np.floating] = scipy.stats.hypergeom.sf(both - 1, n, many, few)
    return chance


def rule_graph(rules: pl.DataFrame, settings: MiningSettings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the network of the strongest pairs.

    Communities are found by Louvain's method, which weighs edges by lift; positions by springs that
    are all alike, as strong ones would lay items on top of each other. Both give the same for the
    same rules and seed. Source: Blondel et al. 2008; Fruchterman and
    Reingold 1991.

    Args:
        rules: Columns `RULES`; only those of two items matter.
        settings: `graph_pairs` and `seed` count.

    Returns:
        Nodes, columns `NODES`: community is numbered from 0, largest first, x and y lie within -1
        and 1. Edges, columns `EDGES`, a < b.
    """
    pairs = _strongest_pairs(rules, settings.graph_pairs)
    if pairs.is_empty():
        return pl.DataFrame(schema=NODES), pl.DataFrame(schema=EDGES)
    sides = [pairs.select(item=side, support=f"support_{side}") for side in ("a", "b")]
    items = pl.concat(sides).unique().sort("item")
    number = {item: index for index, item in enumerate(items["item"])}
    # Numbers instead of names: the order of a set of names differs from process to process.
    graph = nx.Graph()
    graph.add_nodes_from(number.values())
    for a, b, lift in pairs.select("a", "b", "lift").iter_rows():
        graph.add_edge(number[a], number[b], weight=lift)
    groups = nx.community.louvain_communities(graph, seed=settings.seed)
    groups = sorted(groups, key=lambda group: (-len(group), min(group)))
    community = {node: index for index, group in enumerate(groups) for node in group}
    position = nx.spring_layout(graph, seed=settings.seed, weight=None)
    nodes = items.with_columns(
        degree=pl.Series([graph.degree(node) for node in graph], dtype=pl.Int64),
        weighted_degree=pl.Series([float(graph.degree(node, "weight")) for node in graph]),
        community=pl.Series([community[node] for node in graph], dtype=pl.Int64),
        x=pl.Series([float(position[node][0]) for node in graph]),
        y=pl.Series([float(position[node][1]) for node in graph]),
    )
    return nodes.select(list(NODES)), pairs.select(list(EDGES))


def _strongest_pairs(rules: pl.DataFrame, most: int) -> pl.DataFrame:
    both, n = pl.col("support_count"), pl.col("n_baskets")
    directed = rules.filter(pl.col("k") == _PAIR).select(
        "lift",
        "support",
        a=pl.col("antecedent").list.first(),
        b=pl.col("consequent").list.first(),
        confidence_ab=both / pl.col("antecedent_count"),
        confidence_ba=both / pl.col("consequent_count"),
        support_a=pl.col("antecedent_count") / n,
        support_b=pl.col("consequent_count") / n,
    )
    there, back = ("a", "confidence_ab", "support_a"), ("b", "confidence_ba", "support_b")
    turned = directed.rename(dict(zip(there + back, back + there, strict=True)))
    turned = turned.select(directed.columns)
    ascending = pl.concat([directed, turned]).filter(pl.col("a") < pl.col("b")).unique()
    return ascending.sort("lift", "a", "b", descending=[True, False, False]).head(most)
