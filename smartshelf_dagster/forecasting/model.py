"""One gradient-boosted model for all items, stores and horizons.

Belongs here: training, calibration, prediction, and the files a model is kept in. Does not belong
here: what a model is shown (`features.py`), and whether it is any good (`backtest.py`).

The target is the demand of a window relative to the item's usual demand of such a window. A row
weighs as much as the usual demand, which turns the relative loss back into pieces; among windows of
about the same length.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import orjson

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.forecasting.baselines import LEVELS, Forecast
from smartshelf_dagster.forecasting.calibration import (
    Offsets,
    conformal_offsets,
    length_bucket,
)
from smartshelf_dagster.forecasting.features import FEATURES, MIN_IN_STOCK, Examples
from smartshelf_dagster.forecasting.panel import Ints

# A second of every process that loads it; most of them forecast nothing.
if TYPE_CHECKING:
    import xgboost

_QUANTILES_FILE, _MEAN_FILE, _ABOUT_FILE = "quantiles.ubj", "mean.ubj", "about.json"
_FORMAT = 2
# A window's demand above this many times the usual is as good as this: one wholesale order must
# not move the mean of everything.
_LARGEST_RATIO = 50.0
# Windows that end this many days after their origin or earlier are held out by origin.
_SHORT_REACH_DAYS = 7


class ModelError(SmartShelfError, ValueError):
    """A model cannot be trained or read; the message says why."""


@dataclass(frozen=True)
class ModelSettings:
    """How to train.

    Attributes:
        rounds: Trees; each has a leaf value for every quantile.
        learning_rate: Of each tree.
        depth: Of each tree.
        min_leaf_weight: Least sum of weights in a leaf; the mean weight is 1.
        subsample: Share of rows of each tree.
        columns: Share of features of each tree.
        bins: Of each feature.
        max_rows: More rows than this are sampled.
        weight_power: Weight of a row as a power of the usual demand; 1 is loss in pieces.
        tweedie_power: Of the mean's head: 1 is Poisson, 2 is gamma.
        calibration_origins: Newest origins that the offsets are measured on, at most half.
        seed: Of all sampling.
        threads: Of XGBoost; the same number gives the same model.
    """

    rounds: int = 60
    learning_rate: float = 0.12
    depth: int = 6
    min_leaf_weight: float = 30.0
    subsample: float = 0.8
    columns: float = 0.7
    bins: int = 64
    max_rows: int = 100_000
    weight_power: float = 1.0
    tweedie_power: float = 1.3
    calibration_origins: int = 8
    seed: int = 1
    threads: int = 1


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes:
        quantiles: All quantiles of the relative demand at once.
        mean: Its mean.
        offsets: Calibration.
        vocabulary: Stores and categories by their numbers.
        settings: How it was trained.
        fingerprint: Of the rows it was trained on.
        rows: Number of those.
    """

    quantiles: "xgboost.Booster"
    mean: "xgboost.Booster"
    offsets: Offsets
    vocabulary: dict[str, list[str]]
    settings: ModelSettings
    fingerprint: str
    rows: int

    def predict(self, examples: Examples) -> Forecast:
        """Forecast the demand of windows.

        Args:
            examples: Made with this model's vocabulary; targets are not looked at.

        Returns:
            In pieces, of shape (n,).
        """
        raw = _predict(self.quantiles, self.mean, examples)
        return _calibrate(self.offsets, raw, examples)

    def contributions(self, examples: Examples) -> dict[str, float]:
        """Return each feature's share of what moves the means of some rows, SHAP values.

        Args:
            examples: Made with this model's vocabulary.

        Returns:
            Mean absolute contributions to the logarithm of the mean, adding up to 1.
        """
        import xgboost  # noqa: PLC0415

        data = xgboost.DMatrix(examples.features, feature_names=list(FEATURES), nthread=1)
        # The last column is the same for all rows.
        moved = np.abs(self.mean.predict(data, pred_contribs=True)[:, :-1]).mean(axis=0)
        shares = moved / (moved.sum() or 1.0)
        return dict(zip(FEATURES, shares.tolist(), strict=True))

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the gain of all splits of both heads, the largest first.

        Features that were never used are left out.
        """
        total = dict.fromkeys(FEATURES, 0.0)
        for booster in (self.quantiles, self.mean):
            gains = booster.get_score(importance_type="total_gain")
            whole = sum(float(np.sum(gain)) for gain in gains.values()) or 1.0
            for name, gain in gains.items():
                total[name] += float(np.sum(gain)) / whole / 2
        used = {name: gain for name, gain in total.items() if gain > 0}
        return dict(sorted(used.items(), key=lambda entry: -entry[1]))

    def to_bytes(self) -> "ModelBytes":
        """Return the model as XGBoost's own UBJ, and what belongs to it as JSON."""
        about = {
            "format": _FORMAT,
            "features": FEATURES,
            "levels": LEVELS.tolist(),
            "vocabulary": self.vocabulary,
            "settings": asdict(self.settings),
            "offsets": self.offsets.by_group.tolist(),
            "fingerprint": self.fingerprint,
            "rows": self.rows,
        }
        return ModelBytes(
            quantiles=bytes(self.quantiles.save_raw("ubj")),
            mean=bytes(self.mean.save_raw("ubj")),
            about=orjson.dumps(about, option=orjson.OPT_INDENT_2),
        )

    def save(self, folder: Path) -> None:
        """Write the model into a folder: two UBJ files of XGBoost, and what belongs to them."""
        folder.mkdir(parents=True, exist_ok=True)
        saved = self.to_bytes()
        (folder / _QUANTILES_FILE).write_bytes(saved.quantiles)
        (folder / _MEAN_FILE).write_bytes(saved.mean)
        (folder / _ABOUT_FILE).write_bytes(saved.about)


@dataclass(frozen=True)
class ModelBytes:
    """A model as it is kept.

    Attributes:
        quantiles: Booster of the quantiles, UBJ.
        mean: Booster of the mean, UBJ.
        about: What belongs to them, JSON.
    """

    quantiles: bytes
    mean: bytes
    about: bytes


def model_from_bytes(saved: ModelBytes, name: str) -> Model:
    """Return a model that was kept.

    Args:
        saved: What `Model.to_bytes` returned.
        name: Of where it was kept, for errors.

    Raises:
        ModelError: The model was made for other features or levels.
    """
    import xgboost  # noqa: PLC0415

    about = orjson.loads(saved.about)
    for field, expected in (
        ("format", _FORMAT), ("features", list(FEATURES)), ("levels", LEVELS.tolist())
    ):  # fmt: skip
        if about[field] != expected:
            raise ModelError(f"{name}: {field} is not that of this version; train it again")
    boosters = []
    for raw in (saved.quantiles, saved.mean):
        booster = xgboost.Booster(model_file=bytearray(raw))
        booster.set_param({"nthread": about["settings"]["threads"]})
        boosters.append(booster)
    return Model(
        quantiles=boosters[0],
        mean=boosters[1],
        offsets=Offsets(np.array(about["offsets"])),
        vocabulary=about["vocabulary"],
        settings=ModelSettings(**about["settings"]),
        fingerprint=about["fingerprint"],
        rows=about["rows"],
    )


def load_model(folder: Path) -> Model:
    """Read a model from its folder.

    Raises:
        ModelError: A file is missing, or the model was made for other features or levels.
    """
    parts = []
    for name in (_QUANTILES_FILE, _MEAN_FILE, _ABOUT_FILE):
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name}: missing, expected the files of a saved model")
        parts.append((folder / name).read_bytes())
    return model_from_bytes(ModelBytes(*parts), str(folder / _ABOUT_FILE))


@dataclass(frozen=True)
class HoldOut:
    """Windows that a model forecast before it knew what came of them.

    The offsets of an origin come from the other origins, so that the bands are judged by what
    they had not seen.

    Attributes:
        rows: Which of the examples given for training these are.
        examples: The windows, with what came.
        forecast: What was said of them.
    """

    rows: Ints
    examples: Examples
    forecast: Forecast


def train(
    examples: Examples, vocabulary: dict[str, list[str]], settings: ModelSettings | None = None
) -> Model:
    """Train a model; as `train_and_hold_out`, without what was held out."""
    return train_and_hold_out(examples, vocabulary, settings)[0]


def train_and_hold_out(
    examples: Examples, vocabulary: dict[str, list[str]], settings: ModelSettings | None = None
) -> tuple[Model, HoldOut]:
    """Train a model, and calibrate it on forecasts it made before it knew their actuals.

    A first model learns what had ended before the newest origins, and forecasts those: its misses
    give the offsets. The model that is returned learns from everything.

    Args:
        examples: Rows without a target, or with too little stock, are left out.
        vocabulary: That the examples were made with.
        settings: How to train.

    Returns:
        The model, and what the first one said of the newest origins.

    Raises:
        ModelError: There are not enough origins to learn from and to calibrate on.
    """
    settings = settings or ModelSettings()
    is_usable = np.isfinite(examples.target) & (examples.in_stock >= MIN_IN_STOCK)
    usable = examples.take(is_usable)
    origins = np.unique(usable.column)
    # At most half of a short history: a model that has learnt little has misses of its own.
    count = min(settings.calibration_origins, len(origins) // 2)
    newest = origins[len(origins) - count :]
    is_early = usable.ends < newest[0] if count else np.zeros(0, dtype=bool)
    if not is_early.any():
        raise ModelError(
            f"{len(origins)} origins with known demand, expected enough to calibrate on one half"
            " after learning from the other"
        )
    # Windows of a month that have ended began a month ago: they are held out from earlier on.
    reach = np.maximum(usable.ends - usable.column - _SHORT_REACH_DAYS, 0)
    is_late = usable.column >= newest[0] - reach
    early, late = usable.take(is_early), usable.take(is_late)
    raw = _predict(*_fit(early, settings), late)
    held_out = HoldOut(
        np.flatnonzero(is_usable)[is_late], late, _calibrate_each_by_the_others(raw, late)
    )
    quantiles, mean = _fit(usable, settings)
    model = Model(
        quantiles=quantiles,
        mean=mean,
        offsets=_offsets(raw, late),
        vocabulary=vocabulary,
        settings=settings,
        fingerprint=_fingerprint(usable),
        rows=len(usable),
    )
    return model, held_out


def _offsets(raw: Forecast, examples: Examples) -> Offsets:
    return conformal_offsets(
        examples.target,
        raw,
        examples.scale,
        days=examples.days,
        horizon=examples.horizon,
        demand_class=examples.demand_class,
    )


def _calibrate(offsets: Offsets, raw: Forecast, examples: Examples) -> Forecast:
    return offsets.apply(
        raw,
        examples.scale,
        days=examples.days,
        horizon=examples.horizon,
        demand_class=examples.demand_class,
    )


def _calibrate_each_by_the_others(raw: Forecast, examples: Examples) -> Forecast:
    quantiles = raw.quantiles.copy()
    for column in np.unique(examples.column):
        own = examples.column == column
        others = Forecast(raw.mean[~own], raw.quantiles[~own])
        offsets = _offsets(others, examples.take(~own))
        said = Forecast(raw.mean[own], raw.quantiles[own])
        quantiles[own] = _calibrate(offsets, said, examples.take(own)).quantiles
    return Forecast(raw.mean, quantiles)


def _fit(examples: Examples, settings: ModelSettings) -> "tuple[xgboost.Booster, xgboost.Booster]":
    import xgboost  # noqa: PLC0415

    if len(examples) > settings.max_rows:
        random = np.random.default_rng(settings.seed)
        chosen = random.choice(len(examples), settings.max_rows, replace=False)
        examples = examples.take(np.sort(chosen))
    ratio = np.minimum(examples.target / examples.scale, _LARGEST_RATIO)
    # What has been made up for stock-outs teaches less than what was seen.
    weight = examples.scale**settings.weight_power * examples.in_stock
    # Of windows of different lengths a row counts alike: a month must not drown a day.
    lengths = length_bucket(examples.days)
    rows, total = np.bincount(lengths), np.bincount(lengths, weight)
    weight = weight / (total / np.maximum(rows, 1))[lengths]
    data = xgboost.QuantileDMatrix(
        examples.features,
        ratio,
        weight=weight / weight.mean(),
        feature_names=list(FEATURES),
        max_bin=settings.bins,
        nthread=settings.threads,
    )
    common = {
        "tree_method": "hist",
        "max_bin": settings.bins,
        "max_depth": settings.depth,
        "learning_rate": settings.learning_rate,
        "min_child_weight": settings.min_leaf_weight,
        "subsample": settings.subsample,
        "colsample_bytree": settings.columns,
        "seed": settings.seed,
        "nthread": settings.threads,
    }
    # One tree for all quantiles: a fifth of the time of a tree for each, and they agree more.
    quantiles = common | {
        "objective": "reg:quantileerror",
        "quantile_alpha": LEVELS,
        "multi_strategy": "multi_output_tree",
    }
    mean = common | {
        "objective": "reg:tweedie",
        "tweedie_variance_power": settings.tweedie_power,
    }
    return (
        xgboost.train(quantiles, data, settings.rounds),
        xgboost.train(mean, data, settings.rounds),
    )


def _predict(quantiles: "xgboost.Booster", mean: "xgboost.Booster", examples: Examples) -> Forecast:
    import xgboost  # noqa: PLC0415

    if not len(examples):
        return Forecast(np.zeros(0), np.zeros((0, len(LEVELS))))
    data = xgboost.DMatrix(examples.features, feature_names=list(FEATURES), nthread=1)
    scale = examples.scale
    # Quantiles learnt side by side may cross; sorting them never makes the loss larger.
    ordered = np.sort(np.maximum(quantiles.predict(data), 0), axis=1)
    return Forecast(mean.predict(data) * scale, ordered * scale[:, None])


def _fingerprint(examples: Examples) -> str:
    digest = hashlib.sha256()
    for name in ("item", "column", "features", "target"):
        digest.update(np.ascontiguousarray(getattr(examples, name)).tobytes())
    return digest.hexdigest()
