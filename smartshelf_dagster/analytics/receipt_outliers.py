"""Receipts unlike others: how soon random cuts part one from the rest.

Belongs here: what of a receipt is looked at, and the forest. Does not belong here: which receipts
are judged.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from smartshelf_dagster.errors import SmartShelfError

FEATURES = ("value", "pieces", "items", "discount_rate", "hour")
RECEIPT_COLUMNS = ("currency", "store_id", "transaction_id", "date_key", *FEATURES)
ISOLATION_SCORES = {
    "currency": pl.String(),
    "store_id": pl.String(),
    "transaction_id": pl.String(),
    "date_key": pl.Date(),
    "hour": pl.Int8(),
    "value": pl.Decimal(18, 2),
    "pieces": pl.Int64(),
    "items": pl.Int64(),
    "discount_rate": pl.Float64(),
    "score": pl.Float64(),
    "rank": pl.Int64(),
    "is_outlier": pl.Boolean(),
}
# Sizes of receipts differ by factors; the forest cuts evenly between the least and the most.
_BY_FACTOR = ("value", "pieces", "items")
# A receipt that is parted from others as late as the mean one has a score of one half.
_OUTLIER = 0.5


class ReceiptError(SmartShelfError, ValueError):
    """Receipts or settings that cannot be used; the message names field and the expected."""


@dataclass(frozen=True)
class ForestSettings:
    """How a forest is grown.

    Attributes:
        trees: How many trees.
        seed: Of the cuts.
        min_receipts: With fewer receipts nothing is said.

    Raises:
        ReceiptError: A value is out of its range.
    """

    trees: int = 200
    seed: int = 42
    min_receipts: int = 100

    def __post_init__(self) -> None:
        for name, least in (("trees", 1), ("seed", 0), ("min_receipts", 2)):
            value = getattr(self, name)
            if value < least:
                raise ReceiptError(f"{name}: {value}, expected at least {least}")


def isolation_scores(
    receipts: pl.DataFrame, settings: ForestSettings | None = None
) -> pl.DataFrame:
    """Say of each receipt how unlike the others of its currency it is.

    Source: Liu, Ting and Zhou, Isolation Forest, ICDM 2008.

    Args:
        receipts: One row per sale, columns `RECEIPT_COLUMNS`, any order.
        settings: The defaults without.

    Returns:
        Columns `ISOLATION_SCORES`, most unlike first: score above 0 to 1, rank from 1 in its
        currency. The same receipts have the same scores, in whichever order they come.

    Raises:
        ReceiptError: A column is missing.
    """
    settings = settings or ForestSettings()
    missing = [name for name in RECEIPT_COLUMNS if name not in receipts.columns]
    if missing:
        raise ReceiptError(
            f"receipts: columns {', '.join(missing)} are missing, expected "
            f"{', '.join(RECEIPT_COLUMNS)}"
        )
    ordered = receipts.sort("currency", "store_id", "transaction_id")
    scored = [
        _score(own, settings)
        for own in ordered.partition_by("currency", maintain_order=True)
        if own.height >= settings.min_receipts
    ]
    return pl.concat([pl.DataFrame(schema=ISOLATION_SCORES), *scored])


def _score(receipts: pl.DataFrame, settings: ForestSettings) -> pl.DataFrame:
    # Imported here: every process pays for it, and only the nightly one grows forests.
    from sklearn.ensemble import IsolationForest  # noqa: PLC0415

    seen = receipts.select(pl.col(name).cast(pl.Float64) for name in FEATURES)
    points = seen.with_columns(pl.col(*_BY_FACTOR).clip(lower_bound=0).log1p()).to_numpy()
    forest = IsolationForest(n_estimators=settings.trees, random_state=settings.seed)
    scores = -forest.fit(points).score_samples(np.ascontiguousarray(points))
    scored = receipts.with_columns(score=pl.Series(scores))
    ranked = scored.sort("score", "store_id", "transaction_id", descending=[True, False, False])
    return ranked.with_columns(
        rank=pl.int_range(1, pl.len() + 1), is_outlier=pl.col("score") > _OUTLIER
    ).select(pl.col(name).cast(dtype) for name, dtype in ISOLATION_SCORES.items())
