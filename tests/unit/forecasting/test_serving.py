"""Forecasts of a cutoff: every item in every window, in order, and who spoke."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.forecasting.baselines import Forecast
from smartshelf_dagster.forecasting.calendar import protection_intervals
from smartshelf_dagster.forecasting.features import CLASSES, FEATURES, Examples
from smartshelf_dagster.forecasting.model import Model, ModelSettings
from smartshelf_dagster.forecasting.panel import Panel
from smartshelf_dagster.forecasting.promotion import Champion, Trained, train_family
from smartshelf_dagster.forecasting.serving import (
    MIN_HISTORY_DAYS,
    STALE_DAYS,
    Speaker,
    forecast_cutoff,
    speaker_of,
)
from smartshelf_dagster.forecasting.tables import DAYS, ORDERS, PREDICTIONS, QUANTILE_COLUMNS
from smartshelf_dagster.forecasting.windows import Cutoff
from tests.helpers.sales import FIRST_DAY, market, panel_of

SETTINGS = ModelSettings(rounds=8, learning_rate=0.2)
ORIGIN = date(2025, 4, 20)  # a Sunday
CUTOFF = Cutoff(
    datetime(2025, 4, 20, 12, tzinfo=UTC),
    datetime(2025, 4, 21, 8, tzinfo=UTC),
    datetime(2025, 4, 23, 8, tzinfo=UTC),
)
NESTED = ("delivery", "cover", "week", "month")


def keyed(sales: pl.DataFrame) -> pl.DataFrame:
    return sales.with_columns(unique_id=pl.format("{}/{}", "store", pl.col("unique_id")))


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(keyed(market(items=24, days=112)))


@pytest.fixture(scope="module")
def trained(panel: Panel) -> Trained:
    known = panel.truncated(panel.column(ORIGIN))
    cutoffs = protection_intervals(panel.first_day, ORIGIN)
    return train_family(known, cutoffs, ORDERS, SETTINGS)


@pytest.fixture(scope="module")
def said(panel: Panel, trained: Trained) -> pl.DataFrame:
    methods = ("xgboost", "xgboost+ets", "tsb", "moving_average", "croston")
    speakers = {
        ORDERS: Speaker(methods, "orders-1", trained.model),
        DAYS: Speaker(("ets",) * len(CLASSES)),
    }
    return forecast_cutoff(panel, CUTOFF, speakers).predictions


def test_every_item_is_forecast_in_every_window(panel: Panel, said: pl.DataFrame) -> None:
    assert said.columns == PREDICTIONS.names
    key = ["origin_ts", "store_id", "item_id", "window", "horizon"]
    assert said.select(key).n_unique() == said.height == 24 * (4 + 30 + 2)
    items = said.select(pl.concat_str("store_id", "item_id", separator="/")).to_series()
    assert set(items) == set(panel.items["unique_id"])
    assert set(said["origin_ts"]) == {CUTOFF.cutoff_ts}


def test_quantiles_rise_and_windows_contain_one_another(said: pl.DataFrame) -> None:
    quantiles = said.select(QUANTILE_COLUMNS).to_numpy()
    assert (np.diff(quantiles, axis=1) >= 0).all()
    assert (quantiles >= 0).all()
    ordered = said.filter(pl.col("window").is_in(NESTED)).sort("item_id", "horizon")
    by_item = ordered.select("mean", *QUANTILE_COLUMNS).to_numpy().reshape(24, 4, -1)
    assert ordered["window"].to_list()[:4] == list(NESTED)
    assert (np.diff(by_item, axis=1) >= 0).all()


def test_crossing_windows_are_repaired(panel: Panel, trained: Trained) -> None:
    class Upside(Model):
        def predict(self, examples: Examples) -> Forecast:
            forecast = super().predict(examples)
            return replace(forecast, quantiles=forecast.quantiles[:, ::-1] / examples.days[:, None])

    model = Upside(**{name: getattr(trained.model, name) for name in Model.__dataclass_fields__})
    speakers = {ORDERS: Speaker(("xgboost",) * len(CLASSES), "upside", model)}
    said = forecast_cutoff(panel, CUTOFF, speakers).predictions.sort("item_id", "horizon")
    table = said.select(QUANTILE_COLUMNS).to_numpy().reshape(24, 4, -1)
    assert (np.diff(table, axis=1) >= 0).all()
    assert (np.diff(table, axis=2) >= 0).all()


def test_a18_seven_days_are_the_seven_after_the_day_of_the_cutoff(said: pl.DataFrame) -> None:
    of_item = said.filter(item_id=said["item_id"][0])
    single = of_item.filter(pl.col("window") == "day").sort("horizon")
    assert single["horizon"].to_list() == list(range(1, 31))
    # What is left of the day of the cutoff belongs to none of them.
    midnights = [
        datetime(2025, 4, 21, tzinfo=UTC) + timedelta(days=ahead) for ahead in range(1, 31)
    ]
    assert single["until_ts"].to_list() == midnights
    sums = of_item.filter(pl.col("window").is_in(["next_7", "next_30"])).sort("horizon")
    assert sums.select("horizon", "until_ts").rows() == [(7, midnights[6]), (30, midnights[29])]


def test_a17_version_is_that_of_the_model_and_only_where_it_spoke(said: pl.DataFrame) -> None:
    orders = said.filter(pl.col("window").is_in(NESTED))
    spoke = orders.filter(pl.col("method").str.starts_with("xgboost"))
    assert set(spoke["model_version"]) == {"orders-1"}
    assert (
        orders.filter(~pl.col("method").str.starts_with("xgboost"))["model_version"].null_count()
        == orders.height - spoke.height
    )
    assert said.filter(~pl.col("window").is_in(NESTED))["model_version"].null_count() == 24 * 32


def test_methods_follow_the_class_of_goods(said: pl.DataFrame) -> None:
    expected = dict(
        zip(
            CLASSES,
            ("xgboost", "xgboost+ets", "tsb", "moving_average", "croston"),
            strict=True,
        )
    )
    orders = said.filter(pl.col("window").is_in(NESTED))
    found = set(orders.select("demand_class", "method").unique().iter_rows())
    assert found <= set(expected.items())
    assert len(found) > 1


def test_what_comes_after_the_cutoff_is_not_seen(panel: Panel, trained: Trained) -> None:
    speakers = {ORDERS: Speaker(("xgboost+ets",) * len(CLASSES), "v", trained.model)}
    known = panel.truncated(panel.column(ORIGIN))
    with_future, without = (
        forecast_cutoff(each, CUTOFF, speakers).predictions for each in (panel, known)
    )
    assert with_future.equals(without)


def test_item_that_has_just_come_is_forecast(trained: Trained) -> None:
    sales = keyed(market(items=24, days=112))
    name = sales["unique_id"][0]
    late = pl.col("ds") >= ORIGIN - timedelta(days=3)
    panel = panel_of(sales.filter((pl.col("unique_id") != name) | late))
    speakers = {ORDERS: Speaker(("xgboost",) * len(CLASSES), "v", trained.model)}
    said = forecast_cutoff(panel, CUTOFF, speakers).predictions
    new = said.filter(pl.col("item_id") == name.split("/")[1])
    assert new["demand_class"].unique().to_list() == ["new"]
    assert (new["mean"] > 0).all()


def test_features_are_those_of_the_time_an_order_has_to_last(
    panel: Panel, trained: Trained
) -> None:
    speakers = {ORDERS: Speaker(("xgboost",) * len(CLASSES), "v", trained.model)}
    features = forecast_cutoff(panel, CUTOFF, speakers).features
    assert features is not None
    assert features.columns == [
        *("origin_ts", "store_id", "item_id", "demand_class", "days", "level"), *FEATURES,
    ]  # fmt: skip
    assert features.height == 24
    assert features["first_ahead"].unique().to_list() == [0]
    assert 2 < features["days"][0] < 3


def test_nobody_speaks_without_history() -> None:
    assert speaker_of(None, ORIGIN, MIN_HISTORY_DAYS - 1) is None


def test_smoothing_speaks_before_anything_was_decided() -> None:
    speaker = speaker_of(None, ORIGIN, MIN_HISTORY_DAYS)
    assert speaker == Speaker(("ets",) * len(CLASSES))


def test_stale_model_is_not_asked(trained: Trained) -> None:
    champion = Champion(
        "v", trained.model, FIRST_DAY, ("xgboost",) * len(CLASSES), "moving_average"
    )
    fresh = speaker_of(champion, FIRST_DAY + timedelta(days=STALE_DAYS), 100)
    stale = speaker_of(champion, FIRST_DAY + timedelta(days=STALE_DAYS + 1), 100)
    assert fresh == Speaker(champion.methods, "v", trained.model)
    assert stale == Speaker(("moving_average",) * len(CLASSES))


def test_champions_that_are_baselines_do_not_get_stale() -> None:
    methods = ("tsb", "ets", "tsb", "ets", "ets")
    champion = Champion(None, None, None, methods, "ets")
    assert speaker_of(champion, ORIGIN, 300) == Speaker(methods)
