"""Recommendations: the order of the reasons, what is never recommended, and real last baskets."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.baskets import sold_merchandise
from smartshelf_dagster.analytics.baskets import BasketError, MiningSettings, mine
from smartshelf_dagster.analytics.recommendations import (
    RECOMMENDATIONS,
    RecommendationSettings,
    recommend,
)


def of_baskets(*baskets: str) -> pl.DataFrame:
    rows = [("S", f"{n:04d}", item) for n, word in enumerate(baskets) for item in word]
    columns = ["store_id", "transaction_id", "item_id"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def offered(**categories: str) -> pl.DataFrame:
    """One letter per product."""
    rows = [(item, category) for category, items in categories.items() for item in items]
    return pl.DataFrame(rows, schema={"item_id": pl.String, "category": pl.String}, orient="row")


# A => B is a rule; A and C are alike, but too seldom for a rule; D shares the category only.
SALES = of_baskets(
    *["AB"] * 30, *["AC"] * 5, *["C"] * 5, *["D"] * 40, *["E"] * 50, "AZ", "AZ", "AZ"
)
GOODS = offered(food="ABCDEF")


def rows(frame: pl.DataFrame, item: str) -> list[tuple[str, str]]:
    chosen = frame.filter(item_id=item).sort("rank")
    assert chosen["rank"].to_list() == list(range(1, chosen.height + 1))
    return chosen.select("recommended_item_id", "reason").rows()


def test_rules_come_before_similar_goods_and_those_before_top_sellers() -> None:
    found = recommend(SALES, mine(SALES).rules, GOODS)
    assert found.schema == pl.Schema(RECOMMENDATIONS)
    assert rows(found, "A") == [
        ("B", "rule"), ("C", "cosine"),
        ("E", "popular_in_category"), ("D", "popular_in_category"),
    ]  # fmt: skip
    assert [item for item, _ in rows(found, "F")] == ["E", "D", "A", "B", "C"]


def test_scores_are_those_of_their_reason() -> None:
    found = recommend(SALES, mine(SALES).rules, GOODS).filter(item_id="A")
    rule, similar, popular = (found.row(index, named=True) for index in range(3))
    lift = 133 / 38
    assert rule["lift"] == pytest.approx(lift)
    assert rule["confidence"] == pytest.approx(30 / 38)
    # ln 3.5 is above 1, where it ends.
    assert rule["score"] == pytest.approx(30 / 38)
    assert similar["score"] == pytest.approx(5 / np.sqrt(38 * 10))
    assert similar["lift"] == pytest.approx(5 * 133 / (38 * 10))
    assert similar["confidence"] == pytest.approx(5 / 38)
    assert popular["score"] == pytest.approx(50 / 133)
    assert (popular["lift"], popular["confidence"]) == (None, None)


def test_score_of_a_weak_rule_is_lowered_by_its_lift() -> None:
    sales = of_baskets(*["AB"] * 400, *["A"] * 200, *["B"] * 200, *["C"] * 200)
    found = recommend(sales, mine(sales, MiningSettings(min_lift=1.1)).rules, offered(food="AB"))
    lift = 400 * 1000 / (600 * 600)
    assert found["score"][0] == pytest.approx(2 / 3 * np.log(lift))


def test_a_redundant_rule_or_one_of_two_goods_recommends_nothing() -> None:
    sales = of_baskets(*["ABC"] * 30, *["C"] * 10, *["D"] * 60)
    rules = mine(sales).rules
    no_similar = RecommendationSettings(min_together=10**6)
    goods = pl.DataFrame({"item_id": list("ABC"), "category": [None] * 3},
                         schema={"item_id": pl.String, "category": pl.String})  # fmt: skip
    assert recommend(sales, rules, goods, no_similar).height == 6
    of_two = rules.filter(pl.col("antecedent").list.len() == 2)
    assert of_two.height > 0
    assert recommend(sales, of_two.with_columns(is_redundant=False), goods, no_similar).is_empty()
    redundant = rules.with_columns(is_redundant=True)
    assert recommend(sales, redundant, goods, no_similar).is_empty()


def test_a_rule_of_two_consequents_recommends_both_and_the_better_rule_counts() -> None:
    sales = of_baskets(*["ABC"] * 30, *["AB"] * 10, *["C"] * 10, *["D"] * 60)
    rules = mine(sales).rules
    both = rules.filter(pl.col("rule_id") == "A=>B|C")
    settings = RecommendationSettings(min_together=10**6)
    found = recommend(sales, both, GOODS.with_columns(category=pl.lit(None, pl.String)), settings)
    assert rows(found, "A") == [("B", "rule"), ("C", "rule")]
    every = recommend(sales, rules, GOODS).filter(item_id="A", recommended_item_id="B")
    assert every["confidence"].to_list() == [1]


def test_itself_what_is_not_offered_and_what_met_too_seldom_is_never_recommended() -> None:
    found = recommend(SALES, mine(SALES).rules, GOODS)
    assert found.filter(pl.col("item_id") == pl.col("recommended_item_id")).is_empty()
    assert set(found["item_id"]) | set(found["recommended_item_id"]) <= set(GOODS["item_id"])
    with_bags = recommend(SALES, mine(SALES).rules, offered(food="ABCDEF", bags="Z"))
    assert ("Z", "cosine") in rows(with_bags, "A")
    seldom = RecommendationSettings(min_together=4)
    fewer = recommend(SALES, mine(SALES).rules, offered(food="ABCDEF", bags="Z"), seldom)
    assert "Z" not in set(fewer["recommended_item_id"])
    rule_of_z = recommend(of_baskets(*["AZ"] * 30, *["B"] * 60), mine(
        of_baskets(*["AZ"] * 30, *["B"] * 60)).rules, GOODS)  # fmt: skip
    assert "Z" not in set(rule_of_z["recommended_item_id"]) | set(rule_of_z["item_id"])


def test_at_most_ten_each_once_and_any_order_gives_the_same() -> None:
    random = np.random.default_rng(5)
    bought = random.random((400, 26)) < random.uniform(0.02, 0.5, 26)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    sales = of_baskets(*["".join(letters[row]) for row in bought])
    goods = offered(food="ABCDEFGHIJKLM", drinks="NOPQRSTUVWXYZ")
    found = recommend(sales, mine(sales).rules, goods)
    assert found.group_by("item_id").len()["len"].to_list() == [10] * 26
    assert not found.select("item_id", "recommended_item_id").is_duplicated().any()
    shuffled = sales.sample(fraction=1, shuffle=True, seed=1)
    turned = recommend(shuffled, mine(shuffled).rules, goods.reverse())
    assert turned.equals(found)


def test_equals_stand_by_name() -> None:
    others = "ZYXWVUTSRQPONMLKJIHGFEDCB"
    sales = of_baskets(*[f"A{other}" for other in others] * 5)
    found = recommend(sales, mine(sales).rules, offered(food="A" + others))
    assert [item for item, _ in rows(found, "A")] == list("BCDEFGHIJK")


def test_more_goods_than_a_block_of_the_matrix() -> None:
    rows_ = [("S", f"T{n}", f"I{n + k:04d}") for n in range(0, 1_200, 2) for k in (0, 1)]
    columns = ["store_id", "transaction_id", "item_id"]
    sales = pl.DataFrame(rows_, schema=dict.fromkeys(columns, pl.String), orient="row")
    goods = sales.select("item_id", category=pl.lit(None, pl.String))
    found = recommend(sales, mine(sales).rules, goods, RecommendationSettings(min_together=1))
    assert found.height == 1_200
    assert (found["score"] == 1).all()
    number = pl.col("item_id", "recommended_item_id").str.slice(1).cast(pl.Int64) // 2
    pairs = found.select(number)
    assert (pairs["item_id"] == pairs["recommended_item_id"]).all()


def test_nothing_sold_gives_no_rows() -> None:
    nothing = SALES.clear()
    assert recommend(nothing, mine(nothing).rules, GOODS).schema == pl.Schema(RECOMMENDATIONS)
    assert recommend(nothing, mine(nothing).rules, GOODS).is_empty()


def test_missing_column_is_named() -> None:
    rules = mine(SALES).rules
    with pytest.raises(BasketError, match="products: columns category are missing"):
        recommend(SALES, rules, GOODS.drop("category"))
    with pytest.raises(BasketError, match="rules: columns lift are missing"):
        recommend(SALES, rules.drop("lift"), GOODS)


def test_real_last_baskets_are_hit_more_often_than_by_the_best_sellers(shared_data: Path) -> None:
    sales = sold_merchandise(shared_data / "online_retail" / "online_retail.parquet")
    by_customer = sales.drop_nulls("customer_id").sort("sold_at", "transaction_id")
    last = by_customer.group_by("customer_id", maintain_order=True).agg(
        pl.col("transaction_id").last(), purchases=pl.col("transaction_id").n_unique()
    )
    last = last.filter(pl.col("purchases") > 1)
    known = sales.join(last, on="transaction_id", how="anti")
    held_out = sales.join(last, on="transaction_id", how="semi")
    goods = known.select("item_id", category=pl.lit(None, pl.String)).unique()
    found = recommend(known, mine(known).rules, goods)
    best = (
        known.unique(["transaction_id", "item_id"]).group_by("item_id").len()
        .sort("len", "item_id", descending=[True, False]).head(11)
    )  # fmt: skip
    popular = (
        goods.join(best.select(recommended_item_id="item_id", sold="len"), how="cross")
        .filter(pl.col("item_id") != pl.col("recommended_item_id"))
        .group_by("item_id").agg(pl.col("recommended_item_id").sort_by("sold").tail(10))
        .explode("recommended_item_id")
    )  # fmt: skip
    ours, baseline = (hit_rate(held_out, each) for each in (found, popular))
    assert ours > baseline + 0.05
    assert ours > 0.65


def hit_rate(held_out: pl.DataFrame, recommended: pl.DataFrame) -> float:
    """Share of bought goods beside which another of the same basket is recommended."""
    bought = held_out.select("transaction_id", "item_id").unique()
    beside = bought.join(bought, on="transaction_id", suffix="_beside").filter(
        pl.col("item_id") != pl.col("item_id_beside")
    )
    key = ["item_id", "recommended_item_id"]
    hits = beside.join(recommended, left_on=["item_id", "item_id_beside"], right_on=key, how="semi")
    asked, hit = (
        each.select("transaction_id", "item_id").unique().height for each in (beside, hits)
    )
    return hit / asked
