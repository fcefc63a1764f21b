"""Tables of the forecasts: what is kept of models, predictions and how they turned out.

Belongs here: schemas, and what their columns mean. Does not belong here: filling them.

Times are UTC. `store_id` and `item_id` are those of the reference tables, quantities are pieces.
"""

import pyarrow as pa

from smartshelf_dagster.contracts.tables import UTC_MICROSECONDS
from smartshelf_dagster.forecasting.baselines import LEVELS

# Models: one for windows that begin at the cutoff, which orders need, one for whole days, which
# people look at.
ORDERS, DAYS = "orders", "days"
# Windows from the cutoff on: until the goods ordered arrive, until those of the next cutoff do, and
# to the end of the 7th and 30th day after.
DELIVERY, COVER, WEEK, MONTH = "delivery", "cover", "week", "month"
# Whole days after the day of the cutoff: each of them, and the first 7 and 30 together.
DAY, NEXT_7, NEXT_30 = "day", "next_7", "next_30"
WINDOWS = {ORDERS: (DELIVERY, COVER, WEEK, MONTH), DAYS: (DAY, NEXT_7, NEXT_30)}


def quantile_column(level: float) -> str:
    """Return the name of the column of a quantile.

    >>> quantile_column(0.1), quantile_column(0.025)
    ('q10', 'q025')
    """
    digits = f"{level:.3f}".removeprefix("0.")
    return f"q{digits[:2] if digits.endswith('0') else digits}"


QUANTILE_COLUMNS = tuple(quantile_column(level) for level in LEVELS.tolist())

_METHOD = [("model_version", pa.string()), ("method", pa.string()), ("demand_class", pa.string())]
_KEY = [
    ("origin_ts", UTC_MICROSECONDS),
    ("store_id", pa.string()),
    ("item_id", pa.string()),
    ("window", pa.string()),
    ("horizon", pa.int32()),
]

# One row per trained model. The boosters are XGBoost's own UBJ, `about` the JSON beside them.
MODELS = pa.schema(
    [
        ("model_version", pa.string()),
        ("family", pa.string()),
        ("trained_ts", UTC_MICROSECONDS),
        ("first_day", pa.date32()),
        ("last_day", pa.date32()),
        ("rows", pa.int64()),
        ("items", pa.int64()),
        ("fingerprint", pa.string()),
        ("about", pa.string()),
        ("quantiles", pa.binary()),
        ("mean", pa.binary()),
    ]
)

# One row per decision on a trained model: promoted, kept (the one before stays) or baseline (no
# model is good enough). `methods` is JSON: who forecasts each demand class from now on. Losses are
# pinball losses of the judged quantiles over demand, on origins that neither had seen.
PROMOTIONS = pa.schema(
    [
        ("decided_ts", UTC_MICROSECONDS),
        ("family", pa.string()),
        ("model_version", pa.string()),
        ("champion_version", pa.string()),
        ("decision", pa.string()),
        ("reason", pa.string()),
        ("methods", pa.string()),
        ("origins", pa.int32()),
        ("loss_challenger", pa.float64()),
        ("loss_champion", pa.float64()),
        ("best_baseline", pa.string()),
        ("loss_baseline", pa.float64()),
        ("gain", pa.float64()),
        ("gain_low", pa.float64()),
        ("gain_high", pa.float64()),
        ("coverage_80", pa.float64()),
        ("coverage_95", pa.float64()),
    ]
)

# How every method did on the origins that decided on a model; demand_class is a class, or `all`.
BACKTESTS = pa.schema(
    [
        ("model_version", pa.string()),
        ("family", pa.string()),
        ("method", pa.string()),
        ("demand_class", pa.string()),
        ("n", pa.int64()),
        ("wape", pa.float64()),
        ("bias", pa.float64()),
        ("pinball", pa.float64()),
        ("coverage_80", pa.float64()),
        ("coverage_95", pa.float64()),
    ]
)

# Forecasts as they were made: grain origin, store, item, window, horizon. `horizon` is the first
# whole day ahead for single days, the number of whole days for sums. `model_version` is null when
# a baseline spoke.
PREDICTIONS = pa.schema(
    [
        *_KEY,
        ("from_ts", UTC_MICROSECONDS),
        ("until_ts", UTC_MICROSECONDS),
        *_METHOD,
        ("mean", pa.float64()),
        *((name, pa.float64()) for name in QUANTILE_COLUMNS),
    ]
)

# Forecasts whose window has ended, beside what came. `actual` is demand, stock-outs made up for;
# is_censored where more than half of the window was out of stock: not judged.
ACCURACY = pa.schema(
    [
        *_KEY,
        ("until_ts", UTC_MICROSECONDS),
        *_METHOD,
        ("actual", pa.float64()),
        ("sold", pa.float64()),
        ("mean", pa.float64()),
        ("median", pa.float64()),
        ("pinball", pa.float64()),
        ("in_80", pa.bool_()),
        ("in_95", pa.bool_()),
        ("is_censored", pa.bool_()),
    ]
)

# Is the model still looking at the world it learnt? metric psi has a feature; error_ratio (loss of
# the newest forecasts over that of the promotion's origins) and coverage_80 have none.
DRIFT = pa.schema(
    [
        ("as_of_ts", UTC_MICROSECONDS),
        ("family", pa.string()),
        ("model_version", pa.string()),
        ("metric", pa.string()),
        ("feature", pa.string()),
        ("value", pa.float64()),
        ("threshold", pa.float64()),
        ("is_alarm", pa.bool_()),
    ]
)

# Shares, each of which adds up to 1 for a model.
FEATURE_IMPORTANCE = pa.schema(
    [
        ("model_version", pa.string()),
        ("family", pa.string()),
        ("feature", pa.string()),
        ("gain_share", pa.float64()),
        ("shap_share", pa.float64()),
    ]
)

TABLES = {
    "ml/models": MODELS,
    "ml/promotions": PROMOTIONS,
    "ml/backtests": BACKTESTS,
    "ml/predictions": PREDICTIONS,
    "ml/accuracy": ACCURACY,
    "ml/drift": DRIFT,
    "ml/feature_importance": FEATURE_IMPORTANCE,
}
