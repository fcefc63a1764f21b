"""Baskets: hand-checked figures, known counts of real sales, and what must hold of any sales."""

from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.baskets import sold_merchandise
from smartshelf_dagster.analytics.baskets import (
    EDGES,
    ITEMSETS,
    LARGE_BASKETS,
    NODES,
    RULES,
    BasketError,
    Incidence,
    Mined,
    MiningSettings,
    association_rules,
    build_incidence,
    find_itemsets,
    itemset_rows,
    mine,
)

# Everything that a sale allows, so that each measure can be looked at.
ALL = MiningSettings(
    min_support=1e-9, min_baskets=1, min_confidence=0, min_lift=0, max_q_value=1.1, max_len=3
)
G1 = [
    ("S1", "T1", "P1"), ("S1", "T1", "P2"), ("S1", "T2", "P1"), ("S2", "T3", "P3"),
    ("S1", "T4", "P2"), ("S1", "T4", "P3"), ("S2", "T6", "P1"), ("S2", "T6", "P2"),
]  # fmt: skip


def lines(rows: list[tuple[str, str, str]]) -> pl.DataFrame:
    columns = ["store_id", "transaction_id", "item_id"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def of_baskets(*baskets: str) -> pl.DataFrame:
    """One basket per word, one item per letter."""
    return lines([("S", f"{n:04d}", item) for n, word in enumerate(baskets) for item in word])


def rule(mined: Mined, rule_id: str) -> dict[str, object]:
    return mined.rules.row(by_predicate=pl.col("rule_id") == rule_id, named=True)


def test_measures_of_five_hand_checked_baskets() -> None:
    mined = mine(lines(G1), ALL)
    found = rule(mined, "P1=>P2")
    assert (mined.baskets, found["n_baskets"], found["support_count"]) == (5, 5, 2)
    assert (found["antecedent_count"], found["consequent_count"], found["k"]) == (3, 3, 2)
    expected = {
        "support": 0.4, "confidence": 0.6667, "lift": 1.1111, "leverage": 0.04,
        "conviction": 1.2, "zhang": 0.25, "jaccard": 0.5,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=5e-5)
    other = rule(mined, "P2=>P3")
    assert [other["confidence"], other["lift"]] == pytest.approx([0.3333, 0.8333], abs=5e-5)


def test_measures_without_a_value_are_null() -> None:
    mined = mine(of_baskets("AB", "AB", "B"), ALL)
    found = rule(mined, "A=>B")
    assert found["confidence"] == 1
    assert (found["conviction"], found["zhang"], found["chi2"]) == (None, 0, None)
    assert rule(mined, "B=>A")["conviction"] == pytest.approx(1)
    assert rule(mine(of_baskets("AB", "AB"), ALL), "A=>B")["zhang"] is None


def test_p_value_and_chi2_are_those_of_scipy() -> None:
    random = np.random.default_rng(3)
    bought = random.random((120, 6)) < [0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
    bought[:, 1] |= bought[:, 0] & (random.random(120) < 0.5)
    words = ["".join(np.array(list("ABCDEF"))[row]) for row in bought]
    rules = mine(of_baskets(*words), ALL).rules
    assert rules.height > 30
    baskets = len([word for word in words if word])
    for row in rules.iter_rows(named=True):
        both, with_a, with_c = (
            row["support_count"],
            row["antecedent_count"],
            row["consequent_count"],
        )
        table = [[both, with_a - both], [with_c - both, baskets - with_a - with_c + both]]
        fisher = stats.fisher_exact(table, alternative="greater")
        assert row["p_value"] == pytest.approx(fisher.pvalue, rel=1e-9)
        chi2 = stats.chi2_contingency(table, correction=False)
        assert row["chi2"] == pytest.approx(chi2.statistic, rel=1e-9)


def test_q_value_is_over_all_rules_of_frequent_itemsets_before_others_are_dropped() -> None:
    sales = of_baskets(*["AB"] * 12, *["C"] * 10, *["AC", "BD", "D", "CD", "A", "B"] * 2)
    every = mine(sales, ALL).rules
    expected = stats.false_discovery_control(every["p_value"].to_numpy())
    assert every["q_value"].to_numpy() == pytest.approx(expected)
    few = mine(sales, MiningSettings(min_support=1e-9, min_baskets=1, min_lift=1.2)).rules
    assert set(few["rule_id"]) == {"A=>B", "B=>A"}
    both = few.join(every, on="rule_id")
    assert both["q_value"].equals(both["q_value_right"])
    p, q = few["p_value"][0], few["q_value"][0]
    assert p < q
    between = MiningSettings(min_support=1e-9, min_baskets=1, max_q_value=(p + q) / 2)
    assert mine(sales, between).rules.is_empty()


def test_filters_are_those_of_the_settings() -> None:
    sales = of_baskets(*["AB"] * 30, *["AC"] * 20, *["C"] * 60, *["D"] * 90)
    assert set(mine(sales).rules["rule_id"]) == {"A=>B", "B=>A"}
    assert set(mine(sales, MiningSettings(min_confidence=0.7)).rules["rule_id"]) == {"B=>A"}
    assert mine(sales, MiningSettings(min_lift=4.1)).rules.is_empty()
    loose = MiningSettings(min_confidence=0, min_lift=0)
    # A meets C more rarely than by chance: no lift, and no significance either.
    assert set(mine(sales, loose).rules["rule_id"]) == {"A=>B", "B=>A"}
    assert mine(sales, MiningSettings(max_q_value=1e-30)).rules.is_empty()


def test_least_count_is_the_larger_of_share_and_number_and_not_lost_by_rounding() -> None:
    sales = of_baskets(*["A"] * 7, *["B"] * 93)
    assert mine(sales, MiningSettings(min_support=0.07, min_baskets=1)).itemsets.height == 2
    assert mine(sales, MiningSettings(min_support=0.07, min_baskets=8)).itemsets.height == 1
    assert mine(sales, MiningSettings(min_support=0.0701, min_baskets=1)).itemsets.height == 1


def test_redundant_is_a_rule_that_a_more_general_one_implies() -> None:
    implied = mine(of_baskets(*["ABC"] * 4, *["AC"] * 4, "B", "D"), ALL)
    assert rule(implied, "A|B=>C")["confidence"] == rule(implied, "A=>C")["confidence"] == 1
    assert rule(implied, "A|B=>C")["is_redundant"] is True
    assert rule(implied, "A=>B|C")["is_redundant"] is False
    surer = mine(of_baskets(*["DEF"] * 4, *["D", "E"] * 3), ALL)
    assert rule(surer, "D|E=>F")["confidence"] > rule(surer, "D=>F")["confidence"]
    assert rule(surer, "D|E=>F")["is_redundant"] is False


def test_rank_goes_by_lift_then_confidence_then_count_then_name() -> None:
    rules = mine(of_baskets(*["AB"] * 9, *["CD"] * 9, *["EF"] * 6, "E", *["G"] * 30), ALL).rules
    assert rules["rank"].to_list() == list(range(1, rules.height + 1))
    assert rules["rule_id"].to_list() == ["F=>E", "E=>F", "A=>B", "B=>A", "C=>D", "D=>C"]
    assert rules["lift"].is_sorted(descending=True)


def test_itemsets_of_one_to_four_items() -> None:
    sales = of_baskets(*["ABCD"] * 3, "ABC", "AB", "E")
    frequent = MiningSettings(min_support=0.5, min_baskets=1, max_len=4)
    rows = mine(sales, frequent).itemsets
    assert rows["itemset_id"].to_list() == [
        "A", "B", "C", "D", "A|B", "A|C", "B|C", "A|D", "B|D", "C|D",
        "A|B|C", "A|B|D", "A|C|D", "B|C|D", "A|B|C|D",
    ]  # fmt: skip
    assert rows["count"].to_list() == [5, 5, 4, 3, 5, 4, 4, 3, 3, 3, 4, 3, 3, 3, 3]
    assert rows["support"][0] == pytest.approx(5 / 6)
    assert rows["items"][-1].to_list() == ["A", "B", "C", "D"]
    assert mine(sales, MiningSettings(min_support=0.5, min_baskets=1)).itemsets["k"].max() == 3


def test_a_transaction_number_of_two_stores_is_two_baskets() -> None:
    mined = mine(lines([("S1", "T", "A"), ("S2", "T", "B")]), ALL)
    assert mined.baskets == 2
    assert mined.rules.is_empty()


def test_large_baskets_are_reported_and_count() -> None:
    many = [("S1", "T1", f"I{n}") for n in range(201)]
    pairs = MiningSettings(min_support=1, min_baskets=2, max_len=2)
    mined = mine(lines([*many, *[("S1", "T2", f"I{n}") for n in range(200)]]), pairs)
    assert mined.large_baskets.rows() == [("S1", "T1", 201)]
    assert mined.baskets == 2
    assert mined.itemsets.filter(k=2).height == 200 * 199 / 2


def test_nothing_sold_gives_empty_frames_of_the_same_columns() -> None:
    for sales in (lines([]), of_baskets("A", "B")):
        mined = mine(sales)
        assert mined.itemsets.schema == pl.Schema(ITEMSETS)
        assert mined.rules.schema == pl.Schema(RULES)
        assert mined.nodes.schema == pl.Schema(NODES)
        assert mined.edges.schema == pl.Schema(EDGES)
        assert mined.large_baskets.schema == pl.Schema(LARGE_BASKETS)
        assert mined.rules.is_empty()


def test_columns_are_the_same_with_rows() -> None:
    mined = mine(of_baskets(*["AB"] * 30, *["C"] * 60))
    assert mined.itemsets.schema == pl.Schema(ITEMSETS)
    assert mined.rules.schema == pl.Schema(RULES)
    assert mined.nodes.schema == pl.Schema(NODES)
    assert mined.edges.schema == pl.Schema(EDGES)


def test_graph_has_the_pairs_with_the_highest_lift_and_two_communities() -> None:
    sales = of_baskets(*["ABC"] * 30, *["DE"] * 40, *["A"] * 5, *["F"] * 100, *["FG"] * 40)
    mined = mine(sales)
    assert mined.edges.select("a", "b").rows() == [
        ("B", "C"), ("A", "B"), ("A", "C"), ("D", "E"), ("F", "G"),
    ]  # fmt: skip
    first = mined.edges.row(1, named=True)
    assert first["confidence_ab"] == pytest.approx(30 / 35)
    assert first["confidence_ba"] == 1
    assert first["support"] == pytest.approx(30 / 215)
    assert first["lift"] == pytest.approx(215 / 35)
    nodes = {row["item"]: row for row in mined.nodes.iter_rows(named=True)}
    assert list(nodes) == ["A", "B", "C", "D", "E", "F", "G"]
    assert [nodes[item]["community"] for item in "ABCDEFG"] == [0, 0, 0, 1, 1, 2, 2]
    assert nodes["A"]["degree"] == 2
    assert nodes["A"]["weighted_degree"] == pytest.approx(2 * 215 / 35)
    assert nodes["A"]["support"] == pytest.approx(35 / 215)
    assert mined.nodes.select((pl.col("x", "y").abs() <= 1).all()).row(0) == (True, True)
    few = mine(sales, MiningSettings(graph_pairs=1))
    assert few.edges.select("a", "b").rows() == [("B", "C")]
    assert few.nodes["item"].to_list() == ["B", "C"]


def test_graph_keeps_a_pair_of_which_one_direction_is_a_rule() -> None:
    sales = of_baskets(*["AB"] * 20, *["A"] * 80, *["C"] * 200)
    mined = mine(sales)
    assert mined.rules["rule_id"].to_list() == ["B=>A"]
    edge = mined.edges.row(0, named=True)
    assert (edge["a"], edge["confidence_ab"], edge["confidence_ba"]) == ("A", 0.2, 1)


def test_graph_seed_moves_the_layout() -> None:
    sales = of_baskets(*["AB"] * 30, *["DE"] * 40)
    assert not mine(sales).nodes.equals(mine(sales, MiningSettings(seed=1)).nodes)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("min_support", 0), ("min_support", 1.1), ("min_baskets", 0), ("min_confidence", 1.1),
        ("min_lift", -1), ("max_len", 0),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(BasketError, match=f"{field}: {value}, expected"):
        MiningSettings(**{field: value})


def test_missing_column_is_named() -> None:
    with pytest.raises(BasketError, match="columns item_id are missing, expected store_id"):
        mine(lines(G1).drop("item_id"))


WORDS = st.lists(st.text("ABCDEF", min_size=1, max_size=6), min_size=1, max_size=25)


@given(WORDS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_any_order_of_lines_and_any_repeated_scan_gives_the_same(words, random) -> None:
    sales = of_baskets(*words).unique(maintain_order=True).rows()
    again = sales + random.choices(sales, k=5)
    random.shuffle(again)
    first, second = mine(lines(sales), ALL), mine(lines(again), ALL)
    assert first.itemsets.equals(second.itemsets)
    assert first.rules.equals(second.rules)
    assert first.nodes.equals(second.nodes)
    assert first.edges.equals(second.edges)


@given(WORDS, st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_itemsets_are_those_that_counting_all_sets_finds(words, least) -> None:
    baskets = [set(word) for word in words]
    chosen = MiningSettings(min_support=1e-9, min_baskets=least, max_len=4)
    found = mine(of_baskets(*words), chosen).itemsets
    expected = {
        items: count
        for size in range(1, 5)
        for items in combinations("ABCDEF", size)
        if (count := sum(basket.issuperset(items) for basket in baskets)) >= least
    }
    rows = found.select("items", "count", "k", "support").iter_rows()
    assert {tuple(items): count for items, count, _, _ in rows} == expected
    assert found["k"].to_list() == found["items"].list.len().to_list()


@given(WORDS)
@settings(max_examples=60, deadline=None)
def test_rules_are_symmetric_where_their_measure_is(words) -> None:
    rules = mine(of_baskets(*words), ALL).rules
    turned = rules.select(
        *("lift", "leverage", "jaccard", "chi2", "p_value", "q_value", "support"),
        antecedent="consequent",
        consequent="antecedent",
    )
    both = rules.join(turned, on=["antecedent", "consequent"])
    assert both.height == rules.height
    for name in ("lift", "p_value", "q_value", "support"):
        assert (both[name] == both[f"{name}_right"]).all()
    for name in ("leverage", "jaccard"):
        assert both[name].to_numpy() == pytest.approx(both[f"{name}_right"].to_numpy())
    counts = rules.select(least=pl.min_horizontal("antecedent_count", "consequent_count"))["least"]
    assert (rules["support_count"] <= counts).all()


def test_an_injected_association_is_the_rule_with_the_highest_lift() -> None:
    random = np.random.default_rng(42)
    bought = random.random((3_000, 20)) < 0.08
    bought[:, 7] |= bought[:, 3] & (random.random(3_000) < 0.6)
    names = [f"I{n:02d}" for n in range(20)]
    rows = [("S", str(r), names[c]) for r, c in zip(*np.nonzero(bought), strict=True)]
    rules = mine(lines(rows)).rules
    assert {rules["rule_id"][0], rules["rule_id"][1]} == {"I03=>I07", "I07=>I03"}
    assert rule(mine(lines(rows)), "I03=>I07")["confidence"] == pytest.approx(0.63, abs=0.05)


@pytest.fixture(scope="module")
def retail(shared_data: Path) -> Incidence:
    return build_incidence(
        sold_merchandise(shared_data / "online_retail" / "online_retail.parquet")
    )


@pytest.mark.parametrize(
    ("support", "least", "itemsets", "pair_rules"),
    [(0.01, 198, [829, 910, 261, 25], [767, 252, 59]), (0.02, 396, [302, 90, 3], [153, 49, 6])],
)
def test_real_sales_have_the_known_itemsets_and_rules(
    retail: Incidence, support: float, least: int, itemsets: list[int], pair_rules: list[int]
) -> None:
    assert (retail.baskets, len(retail.items)) == (19_773, 3_798)
    found = find_itemsets(retail, MiningSettings(min_support=support, max_len=4))
    rows = itemset_rows(found)
    assert rows.group_by("k").len().sort("k")["len"].to_list() == itemsets
    assert rows["count"].min() >= least
    for confidence, expected in zip((0.3, 0.5, 0.7), pair_rules, strict=True):
        chosen = MiningSettings(min_support=support, min_confidence=confidence)
        assert association_rules(found, chosen).filter(k=2).height == expected


def test_real_sales_have_the_known_strongest_pairs(retail: Incidence) -> None:
    found = find_itemsets(retail, MiningSettings())
    rules = association_rules(found, MiningSettings())
    cakes = rules.row(by_predicate=pl.col("rule_id") == "22916=>22917", named=True)
    assert cakes["support_count"] == 221
    expected = {
        "support": 0.011177, "confidence": 0.932489, "lift": 76.8255, "leverage": 0.011031,
    }  # fmt: skip
    for name, value in expected.items():
        assert cakes[name] == pytest.approx(value, abs=5e-5 if name == "lift" else 5e-7)
    pair = itemset_rows(found).filter(k=2).row(0, named=True)
    assert (pair["items"], pair["count"]) == (["22386", "85099B"], 825)
    bags = rules.row(by_predicate=pl.col("rule_id") == "22386=>85099B", named=True)
    assert bags["lift"] == pytest.approx(6.4112, abs=5e-5)
