"""What to show beside a product: up to ten others, with the reason for each.

Belongs here: who is recommended, in which order and why. Does not belong here: mining the rules
(`baskets.py`), whether a product is in stock, and where the rows are stored.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from smartshelf_dagster.analytics.baskets import BasketError, Incidence, build_incidence

RULE, COSINE, POPULAR = "rule", "cosine", "popular_in_category"
RECOMMENDATIONS = {
    "item_id": pl.String,
    "rank": pl.Int64,
    "recommended_item_id": pl.String,
    "score": pl.Float64,
    "reason": pl.String,
    "lift": pl.Float64,
    "confidence": pl.Float64,
}
PRODUCT_COLUMNS = ("item_id", "category")
RULE_COLUMNS = ("antecedent", "consequent", "lift", "confidence", "is_redundant")
# Rows of the matrix of similarities that are made at a time: 500 x 10,000 items are 40 MB.
_BLOCK = 500
_FOUND = {name: dtype for name, dtype in RECOMMENDATIONS.items() if name != "rank"}


@dataclass(frozen=True)
class RecommendationSettings:
    """How many are recommended, and on what evidence.

    Attributes:
        most: Recommendations of a product, at most.
        min_together: Fewest baskets that hold both, for a similarity: two rare goods that met once
            would be as alike as can be.
    """

    most: int = 10
    min_together: int = 3


def recommend(
    lines: pl.DataFrame,
    rules: pl.DataFrame,
    products: pl.DataFrame,
    settings: RecommendationSettings | None = None,
) -> pl.DataFrame:
    """Return what to recommend beside each product.

    Rules come first, then similar products, then what sells best in the category:

    - rule: the product alone implies the other, and the rule is not redundant; score is the highest
      confidence·min(1, ln lift);
    - cosine: score is n(AB)/sqrt(n(A)·n(B)) with n baskets (Sarwar et al., Item-based collaborative
      filtering, WWW 2001); lift and confidence are those of the pair;
    - popular_in_category: score is the share of baskets with the other; lift and confidence are
      null.

    Args:
        lines: Sold merchandise, as in `baskets.mine`; of one store for recommendations there.
        rules: What `baskets.association_rules` returns, mined from those lines.
        products: item_id, unique, and category (null where it has none) of the merchandise on
            offer; nothing else is recommended or gets recommendations.
        settings: The defaults without.

    Returns:
        Columns `RECOMMENDATIONS`, by item_id and rank from 1; equal scores stand by name. Scores
        of different reasons do not compare.

    Raises:
        BasketError: A column is missing.
    """
    settings = settings or RecommendationSettings()
    for name, frame, expected in (
        ("rules", rules, RULE_COLUMNS),
        ("products", products, PRODUCT_COLUMNS),
    ):
        missing = [column for column in expected if column not in frame.columns]
        if missing:
            raise BasketError(
                f"{name}: columns {', '.join(missing)} are missing, expected {', '.join(expected)}"
            )
    incidence = build_incidence(lines)
    offered = products["item_id"]
    every = pl.concat(
        [
            _by_rules(rules).filter(
                pl.col(name).is_in(offered.to_list()) for name in ("item_id", "recommended_item_id")
            ),
            _by_cosine(incidence, offered, settings),
            _by_popularity(incidence, products, settings.most),
        ]
    )
    reasons = pl.Enum([RULE, COSINE, POPULAR])
    order = ["item_id", pl.col("reason").cast(reasons), "score", "recommended_item_id"]
    return (
        every.sort(order, descending=[False, False, True, False])
        .unique(["item_id", "recommended_item_id"], keep="first", maintain_order=True)
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over("item_id"))
        .filter(pl.col("rank") <= settings.most)
        .select(pl.col(name).cast(dtype) for name, dtype in RECOMMENDATIONS.items())
    )


def _by_rules(rules: pl.DataFrame) -> pl.DataFrame:
    alone = ~pl.col("is_redundant") & (pl.col("antecedent").list.len() == 1) & (pl.col("lift") > 1)
    return (
        rules.filter(alone)
        .select(
            "lift",
            "confidence",
            item_id=pl.col("antecedent").list.first(),
            recommended_item_id=pl.col("consequent"),
            score=pl.col("confidence") * pl.min_horizontal(1.0, pl.col("lift").log()),
            reason=pl.lit(RULE),
        )
        .explode("recommended_item_id")
        .select(pl.col(name).cast(dtype) for name, dtype in _FOUND.items())
    )


def _by_cosine(
    incidence: Incidence, offered: pl.Series, settings: RecommendationSettings
) -> pl.DataFrame:
    columns = np.flatnonzero(pl.Series(incidence.items, dtype=pl.String).is_in(offered.to_list()))
    names = pl.Series(incidence.items, dtype=pl.String).gather(columns)
    matrix = incidence.matrix[:, columns]
    sold = np.asarray(matrix.sum(axis=0)).ravel().astype(np.float64)
    parts = [pl.DataFrame(schema=_FOUND)]
    for begin in range(0, len(columns), _BLOCK):
        block = np.arange(begin, min(begin + _BLOCK, len(columns)))
        met = (matrix[:, block].T @ matrix).toarray().astype(np.float64)
        cosine = met / np.sqrt(np.outer(sold[block], sold))
        cosine[met < settings.min_together] = 0
        cosine[np.arange(len(block)), block] = 0
        # More are never needed: rules before them only take places. Items ascend, so a stable
        # order leaves equals by name.
        best = np.argsort(-cosine, axis=1, kind="stable")[:, : settings.most]
        row, place = np.nonzero(np.take_along_axis(cosine, best, axis=1))
        other = best[row, place]
        one, both = block[row], met[row, other]
        parts.append(
            pl.DataFrame(
                {
                    "item_id": names.gather(one),
                    "recommended_item_id": names.gather(other),
                    "score": cosine[row, other],
                    "reason": [COSINE] * len(one),
                    "lift": both * incidence.baskets / (sold[one] * sold[other]),
                    "confidence": both / sold[one],
                },
                schema=_FOUND,
            )
        )
    return pl.concat(parts)


def _by_popularity(incidence: Incidence, products: pl.DataFrame, most: int) -> pl.DataFrame:
    sold = np.asarray(incidence.matrix.sum(axis=0)).ravel()
    support = pl.DataFrame(
        {"item_id": list(incidence.items), "score": sold / max(incidence.baskets, 1)},
        schema={"item_id": pl.String, "score": pl.Float64},
    )
    known = products.select(PRODUCT_COLUMNS).drop_nulls("category")
    # One more than wanted: a product is not recommended beside itself.
    best = (
        known.join(support, on="item_id")
        .sort("category", "score", "item_id", descending=[False, True, False])
        .group_by("category", maintain_order=True)
        .head(most + 1)
        .rename({"item_id": "recommended_item_id"})
    )
    return (
        known.join(best, on="category")
        .filter(pl.col("item_id") != pl.col("recommended_item_id"))
        .with_columns(
            reason=pl.lit(POPULAR),
            lift=pl.lit(None, pl.Float64),
            confidence=pl.lit(None, pl.Float64),
        )
        .select(pl.col(name).cast(dtype) for name, dtype in _FOUND.items())
    )
