"""Receipts unlike others: injected ones rank first, and the same receipts have the same scores."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.analytics.receipt_outliers import (
    ISOLATION_SCORES,
    ForestSettings,
    ReceiptError,
    isolation_scores,
)


def receipts(size: int = 3_000, outliers: int = 30, seed: int = 1) -> pl.DataFrame:
    """Ordinary receipts; the last ones are wholesale, at night or at giveaway prices."""
    random = np.random.default_rng(seed)
    items = 1 + random.poisson(4, size)
    pieces = items + random.poisson(items)
    value = pieces * random.lognormal(0.8, 0.25, size)
    discount = np.where(random.random(size) < 0.3, 0.1, 0.0)
    hour = np.clip(np.round(random.normal(14, 3, size)), 8, 21)
    odd = np.arange(size) >= size - outliers
    kind = np.arange(size) % 3
    pieces = np.where(odd & (kind == 0), pieces * 60, pieces)
    value = np.where(odd & (kind == 0), value * 60, np.where(odd & (kind == 1), value * 40, value))
    discount = np.where(odd & (kind == 2), 0.9, discount)
    hour = np.where(odd & (kind > 0), 3, hour)
    return pl.DataFrame(
        {
            "currency": "EUR", "store_id": "S", "date_key": date(2026, 1, 5),
            "transaction_id": [f"T{n:05d}" for n in range(size)],
            "value": value, "pieces": pieces, "items": items, "discount_rate": discount,
            "hour": hour,
        }
    )  # fmt: skip


def test_injected_outliers_are_among_the_first_two_percent() -> None:
    scored = isolation_scores(receipts())
    assert scored.schema == pl.Schema(ISOLATION_SCORES)
    assert scored["rank"].to_list() == list(range(1, 3_001))
    assert scored["score"].is_between(0, 1).all()
    first = set(scored.head(60)["transaction_id"])
    injected = {f"T{n:05d}" for n in range(2_970, 3_000)}
    assert len(first & injected) / len(injected) >= 0.8
    assert scored.head(5)["is_outlier"].all()
    assert not scored.tail(1_000)["is_outlier"].any()


def test_the_same_receipts_have_the_same_scores_in_any_order() -> None:
    given = receipts(600, 6)
    told = isolation_scores(given)
    assert isolation_scores(given.sample(fraction=1, shuffle=True, seed=2)).equals(told)
    assert not isolation_scores(given, ForestSettings(seed=7))["score"].equals(told["score"])


def test_currencies_are_apart_and_few_receipts_are_not_judged() -> None:
    dear = receipts(600, 0).with_columns(currency=pl.lit("JPY"), value=pl.col("value") * 160)
    few = receipts(99, 0).with_columns(currency=pl.lit("USD"))
    told = isolation_scores(pl.concat([receipts(600, 0), dear, few]))
    assert told["currency"].unique().sort().to_list() == ["EUR", "JPY"]
    assert told.filter(currency="JPY")["rank"].to_list() == list(range(1, 601))
    alone = isolation_scores(dear)
    assert told.filter(currency="JPY").equals(alone)


def test_what_cannot_be_judged_is_named() -> None:
    assert isolation_scores(receipts().clear()).is_empty()
    with pytest.raises(ReceiptError, match="receipts: columns hour are missing"):
        isolation_scores(receipts(5, 0).drop("hour"))
    with pytest.raises(ReceiptError, match="trees: 0, expected at least 1"):
        ForestSettings(trees=0)
