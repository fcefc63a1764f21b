"""Words for what the forecasts' tables call methods, windows, classes, decisions and features."""

import polars as pl

from dashboard import text

METHODS = {
    "xgboost": "XGBoost",
    "xgboost+ets": "XGBoost and ETS",
    "champion": "Champion",
    "last_same_window": "Same window a week ago",
    "mean_same_window": "Mean of the same windows",
    "moving_average_normal": "28-day mean, normal",
    "moving_average": "28-day mean",
    "croston": "Croston",
    "tsb": "TSB",
    "ets": "ETS",
    "first_generation": "First generation",
    "order-up-to": "28-day demand (order-up-to)",
}
SPANS = {
    "cover": "Until the delivery after next",
    "day_1": "Day 1",
    "day_7": "Day 7",
    "next_7": "Next 7 days",
}
FAMILIES = {"orders": "Orders", "days": "Days"}
CLASSES = {
    "all": "All",
    "smooth": "Smooth",
    "erratic": "Erratic",
    "intermittent": "Intermittent",
    "lumpy": "Lumpy",
    "new": "New",
}
DECISIONS = {
    "promoted": "✓ Promoted",
    "kept": "○ Not promoted",
    "baseline": "◆ Baseline speaks",
}
IN_FORCE = "● In force"

FEATURES = {
    "level_log": "Usual demand",
    "sd_28": "Spread in 28 days",
    "max_same": "Most in same windows",
    "min_same": "Least in same windows",
    "last_same": "Same window a week ago",
    "mean_same_4": "Mean of 4 same windows",
    "mean_same_8": "Mean of 8 same windows",
    "sd_same_8": "Spread of 8 same windows",
    "ets": "Exponential smoothing",
    "ets_sd": "Its spread",
    "tsb": "TSB smoothing",
    "zero_share_28": "Days without a sale in 28",
    "zero_share_91": "Days without a sale in 91",
    "days_since_sale": "Days since the last sale",
    "age": "Age of the item",
    "sale_size": "Pieces a selling day",
    "morning": "Sold this morning",
    "origin_weekday": "Weekday of the cutoff",
    "first_weekday": "Weekday of the first day",
    "first_ahead": "Days ahead",
    "trading_days": "Length in days of trade",
    "month_day": "Day of the month",
    "in_stock_7": "In stock, 7 days",
    "in_stock_28": "In stock, 28 days",
    "category_trend": "Trend of the category",
    "store_trend": "Trend of the store",
    "store_trend_long": "Long trend of the store",
    "store_same": "Same windows of the store",
    "category_same": "Same windows of the category",
    "price_log": "Price",
    "price_relative": "Price beside the usual one",
    "promo": "Promotion",
    "promo_change": "Change of promotion",
    "promo_past": "Past promotions",
    "holiday": "Holidays",
    "holiday_past": "Past holidays",
    "store": "Store",
    "category": "Category",
}
_MEAN = "mean_"


def method(name: str | None) -> str:
    """Return the words for a method of forecasting; unknown ones keep their name."""
    return METHODS.get(name or "", text.label(name))


def feature(name: str) -> str:
    """Return the words for a feature; unknown ones become a sentence.

    >>> feature("mean_28")
    'Mean of 28 days'
    """
    days = name.removeprefix(_MEAN)
    if name.startswith(_MEAN) and days.isdigit():
        return f"Mean of {days} days" if days != "1" else "The day before"
    return FEATURES.get(name, text.label(name))


def say(frame: pl.DataFrame, **words: dict[str, str]) -> pl.DataFrame:
    """Return a frame in which the codes of columns have become words.

    Args:
        frame: The rows.
        words: Words by code, by column; a code without words stays.
    """
    return frame.with_columns(
        pl.col(column).replace_strict(known, default=pl.col(column), return_dtype=pl.String)
        for column, known in words.items()
    )
