"""The forecast page: what is told of an item, of accuracy and of models."""

import json
from datetime import UTC, date, datetime, timedelta

import duckdb
import numpy as np
import polars as pl
import pytest
import serving_files as files
from app_support import figure, table, words

from dashboard import text
from dashboard.charts.forecast import Demand, demand_fan, trends_of_items
from dashboard.charts.models import (
    MEASURES,
    accuracy_by_week,
    drift_of_features,
    drift_over_time,
    feature_importance,
)
from dashboard.components import forecast_words
from dashboard.data import forecasts, supply
from dashboard.theme import DARK, LIGHT
from smartshelf_dagster.forecasting import metrics, tables
from smartshelf_dagster.forecasting.baselines import METHODS, Forecast
from smartshelf_dagster.forecasting.features import CLASSES, FEATURES

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
WINE, LAGER = "WINRED0004", "BEELAG0003"
ML_TABLES = [name for name in files.TABLES if name.startswith("ml.")]


def day(number):
    return date(2026, 1, 1) + timedelta(days=number)


# What the words and spans stand for


def test_words_are_those_of_the_forecasts():
    assert set(METHODS) <= set(forecast_words.METHODS)
    assert set(CLASSES) <= set(forecast_words.CLASSES)
    assert set(forecast_words.FAMILIES) == set(tables.WINDOWS)
    known = {forecast_words.feature(name) for name in FEATURES}
    assert len(known) == len(FEATURES)
    assert forecast_words.feature("mean_28") == "Mean of 28 days"
    assert not [name for name in FEATURES if text.label(name) in known - {"Store", "Category"}]


def test_spans_are_windows_of_their_family():
    assert set(forecast_words.SPANS) == set(forecasts.SPANS)
    names = {name for windows in tables.WINDOWS.values() for name in windows}
    assert all({span, span.partition("_")[0]} & names for span in forecasts.SPANS)


# Queries


@pytest.mark.usefixtures("two_stores")
def test_origins_and_items_are_those_of_the_store():
    assert forecasts.origins("S002") == [files.LAST_CUTOFF, files.CUTOFF_BEFORE]
    assert forecasts.items("S001").rows() == [
        (LAGER, "BEERS", "Lager"),
        (WINE, "WINES", "Red wines"),
    ]
    assert forecasts.origins("S003") == []


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("item", "low_80", "high_80", "low_95", "high_95"),
    [(WINE, 2.0, 6.4, 0.8, 8.0), (LAGER, 0.0, 6.0, 0.0, 10.0)],
)
def test_bands_of_a_day(item, low_80, high_80, low_95, high_95):
    row = forecasts.of_item("S001", item, files.LAST_CUTOFF).filter(window="day", horizon=2)
    assert row["business_date"].to_list() == [day(2)]
    shown = row.select("low_80", "high_80", "low_95", "high_95", "median", "mean").row(0)
    assert shown == pytest.approx((low_80, high_80, low_95, high_95, 4.0, 4.4))


@pytest.mark.parametrize("item", [WINE, LAGER])
def test_bands_are_those_that_forecasts_are_judged_by(one_store, item):
    with duckdb.connect(str(one_store), read_only=True) as connection:
        kept = connection.execute(
            f"""
            select {", ".join(tables.QUANTILE_COLUMNS)} from ml.predictions
            where item_id = ? and "window" = 'next_7' and origin_ts = ?
            """,
            [item, files.LAST_CUTOFF],
        ).fetchone()
    told = forecasts.of_item("S001", item, files.LAST_CUTOFF).filter(window="next_7")
    forecast = Forecast(np.zeros(1), np.array([kept]))
    for share, name in ((0.8, "80"), (0.95, "95")):
        low, high = forecast.band(share)
        bounds = told.select(f"low_{name}", f"high_{name}").row(0)
        assert bounds == pytest.approx((low[0], high[0]))


@pytest.mark.usefixtures("one_store")
def test_what_each_cutoff_said_of_the_day_after():
    past = forecasts.day_ahead("S001", WINE, files.LAST_CUTOFF)
    assert past["business_date"].to_list() == [day(-1), day(1)]
    assert past.select("median", "low_80", "high_80").row(0) == pytest.approx((4, 2, 6.4))
    assert len(forecasts.day_ahead("S001", WINE, files.CUTOFF_BEFORE)) == 1


def at(number, hour):
    return datetime(2026, 1, 1, hour, tzinfo=UTC) + timedelta(days=number)


def test_days_tell_how_long_the_shelf_was_empty(serving):
    def line(number, hour, item, qty, kind="SALE"):
        return {
            "store_id": "S001",
            "event_type": kind,
            "event_ts": at(number, hour),
            "business_date": day(number),
            "item_id": item,
            "qty": qty,
        }

    def moved(number, hour, pieces):
        return {
            "source_table": "shelf_events",
            "event_id": f"{number}-{hour}",
            "leg": 1,
            "store_id": "S001",
            "item_id": WINE,
            "location": "shelf",
            "qty_signed": pieces,
            "event_ts": at(number, hour),
        }

    # Trade from 8 to 18; empty 10 to 12, from 17 to the next day 13, and from then on never.
    sales = [line(number, hour, LAGER, 1) for number in (0, 1, 2) for hour in (8, 18)]
    sales += [line(0, 9, WINE, 3), line(0, 16, WINE, 4), line(0, 17, WINE, 9, kind="RETURN")]
    stock = [(-5, 8, 3), (0, 10, -3), (0, 12, 4), (0, 17, -4), (1, 13, 9)]
    files.write(
        serving,
        files.store(),
        {
            "cleansed.sales_lines": sales,
            "cleansed.stock_movements": [moved(*each) for each in stock],
        },
    )
    # The 3rd of January is not over.
    assert forecasts.sold("S001", WINE, day(-9), day(9)).rows() == [
        (day(0), 7, pytest.approx(0.3)),
        (day(1), 0, pytest.approx(0.5)),
    ]
    assert forecasts.sold("S001", LAGER, day(1), day(1)).rows() == [(day(1), 2, 0.0)]


ERRORS = {
    "all": ([10, 0, 5, 20, 15.0], [12, 1, 5, 15, 18.0]),
    "smooth": ([10, 0, 5.0], [12, 1, 5.0]),
    "lumpy": ([20, 15.0], [15, 18.0]),
}


@pytest.mark.usefixtures("two_stores")
def test_accuracy_by_window():
    [row] = forecasts.accuracy("S001", by="span").rows(named=True)
    assert row == {
        "span": "cover",
        "n": 5,
        "censored": 1,
        "wape": pytest.approx(0.22),
        "bias": pytest.approx(0.02),
        "pinball": pytest.approx(0.08),
        "mae": pytest.approx(11 / 5),
        "rmse": pytest.approx((39 / 5) ** 0.5),
        # Squared errors of 39, against 250 of always forecasting the mean.
        "r2": pytest.approx(1 - 39 / 250),
        "coverage_80": pytest.approx(0.6),
        "coverage_95": pytest.approx(0.8),
    }


@pytest.mark.usefixtures("one_store")
def test_accuracy_by_class_is_that_of_the_backtests():
    found = forecasts.accuracy("S001", by="demand_class")
    assert found["demand_class"].to_list() == ["lumpy", "smooth"]
    for row in found.rows(named=True):
        actual, forecast = (np.array(values) for values in ERRORS[row["demand_class"]])
        assert row["wape"] == pytest.approx(metrics.wape(actual, forecast))
        assert row["bias"] == pytest.approx(metrics.bias(actual, forecast))
    assert found["censored"].to_list() == [1, 0]


@pytest.mark.usefixtures("one_store")
def test_accuracy_by_item_begins_with_what_was_missed_most():
    found = forecasts.accuracy("S001", by="item")
    assert found["item_id"].to_list() == [LAGER, WINE]
    assert found["n"].to_list() == [2, 3]
    assert found["censored"].to_list() == [1, 0]
    assert found["mae"].to_list() == pytest.approx([6 / 2, 5 / 3])
    assert found["rmse"].to_list() == pytest.approx([(26 / 2) ** 0.5, (13 / 3) ** 0.5])
    assert found["r2"].to_list() == pytest.approx([1 - 26 / 200, 1 - 13 / 50])


def test_what_has_no_meaning_is_not_told(serving):
    """Of one outcome there is no variance, and of none that is judged nothing at all."""
    wine, *_, censored = (
        row for row in files.forecasts()["ml.accuracy"] if row["window"] == "cover"
    )
    files.write(serving, files.store(), {"ml.accuracy": [wine, censored]})
    by_item = {row["item_id"]: row for row in forecasts.accuracy("S001", by="item").to_dicts()}
    assert (by_item[WINE]["mae"], by_item[WINE]["rmse"], by_item[WINE]["r2"]) == (2, 2, None)
    assert by_item[LAGER]["n"] == 0
    assert [by_item[LAGER][name] for name in ("mae", "rmse", "r2")] == [None] * 3
    # Whatever is not judged comes last.
    assert list(by_item) == [WINE, LAGER]


@pytest.mark.usefixtures("one_store")
def test_trends_go_on_from_what_was_sold_to_what_is_forecast():
    found = forecasts.trends("S001", [WINE, LAGER], files.LAST_CUTOFF, 56)
    wine, lager = (found.filter(item_id=item) for item in (WINE, LAGER))
    sold = wine.filter(is_forecast=False)
    # Sold on the four days before the cutoff; the day of the cutoff is over, without a sale.
    assert sold["business_date"].to_list() == [day(-number) for number in (4, 3, 2, 1)] + [
        day(0), day(1),
    ]  # fmt: skip
    assert sold["units"].to_list() == [4, 3, 2, 1, 0, 0]
    assert sold["mean_7d"].null_count() == 6
    ahead = wine.filter(is_forecast=True)
    assert ahead["business_date"].to_list() == [day(number) for number in range(2, 31)]
    assert ahead["units"].to_list() == pytest.approx([4.4] * 29)
    # The first mean is of the seventh day: ten pieces sold, and the first that is forecast.
    assert ahead["mean_7d"][0] == pytest.approx((10 + 4.4) / 7)
    assert ahead["mean_7d"][-1] == pytest.approx(4.4)
    assert lager["is_forecast"].all()
    # Of fewer days only those, with the same means.
    short = forecasts.trends("S001", [WINE], files.LAST_CUTOFF, 2).filter(is_forecast=False)
    assert short["business_date"].to_list() == [day(-2), day(-1), day(0), day(1)]
    assert forecasts.trends("S001", [], files.LAST_CUTOFF, 56).is_empty()


@pytest.mark.usefixtures("one_store")
def test_what_is_wanted_most_is_shown_first():
    assert forecasts.most_wanted("S001", files.LAST_CUTOFF, 5, (LAGER, WINE)) == [LAGER, WINE]
    assert forecasts.most_wanted("S001", files.LAST_CUTOFF, 1, (LAGER, WINE)) == [LAGER]
    assert forecasts.most_wanted("S001", files.LAST_CUTOFF, 5, (WINE,)) == [WINE]


@pytest.mark.usefixtures("one_store")
def test_accuracy_by_week_of_the_cutoff():
    found = forecasts.accuracy("S001", by="week")
    assert found["week"].to_list() == [date(2025, 12, 22), date(2025, 12, 29)]
    assert found["n"].to_list() == [1, 4]
    assert found["wape"].to_list() == pytest.approx([3 / 15, 8 / 35])


def test_sums_of_days_are_not_compared_with_single_days(open_page, serving):
    outcomes = files.forecasts()["ml.accuracy"]
    sums = [row | {"window": "next_7", "horizon": 7} for row in outcomes if row["window"] == "day"]
    days = [row | {"horizon": 1} for row in outcomes if row["window"] == "day"]
    found = {"ml.accuracy": [*days, *sums]}
    files.write(serving, files.store(), files.models(), found)
    app = open_page("forecast", forecast="Accuracy")
    assert not app.exception
    shown = table(app, "span").set_index("span")["best_baseline"]
    assert shown["Day 1"] == "28-day mean"
    assert shown.isna()["Next 7 days"]


def test_nothing_asked_for_has_no_relative_error(serving):
    outcomes = files.forecasts()["ml.accuracy"][2:3]
    files.write(serving, files.store(), {"ml.accuracy": outcomes})
    [row] = forecasts.accuracy("S001", by="span").rows(named=True)
    assert (row["wape"], row["bias"], row["pinball"]) == (None, None, None)
    assert row["coverage_95"] == 1


@pytest.mark.usefixtures("one_store")
def test_the_best_baseline_is_that_of_the_champions_backtest():
    shown = forecasts.best_baselines().select("family", "demand_class", "method", "pinball")
    assert shown.rows() == [
        ("days", "all", "moving_average", 0.25),
        ("orders", "all", "ets", 0.12),
        ("orders", "lumpy", "tsb", 0.21),
    ]
    assert forecasts.backtest("orders").select("method", "is_baseline").rows() == [
        ("xgboost", False),
        ("ets", True),
        ("tsb", True),
    ]


@pytest.mark.usefixtures("one_store")
def test_the_champion_is_the_one_the_newest_decision_names():
    columns = ("model_version", "is_champion", "last_day", "rows")
    assert forecasts.decisions().select(columns).rows() == [
        ("days-2", False, None, None),
        ("orders-2", False, None, None),
        ("orders-1", True, date(2025, 12, 23), 12_345),
    ]
    assert forecasts.methods().rows() == [
        ("days", "smooth", "ets"),
        ("days", "new", "tsb"),
        ("orders", "smooth", "xgboost+ets"),
    ]
    assert forecasts.importance("orders")["feature"].to_list() == ["promo", "mean_28"]
    assert forecasts.importance("days").is_empty()


def test_a_model_that_was_promoted_speaks_from_then_on(serving):
    known = files.models()
    known["ml.promotions"][1] |= {"decision": "promoted"}
    files.write(serving, known)
    shown = forecasts.decisions().select("model_version", "is_champion", "speaking_version")
    assert shown.rows()[1:] == [("orders-2", True, "orders-2"), ("orders-1", False, "orders-2")]
    assert forecasts.importance("orders")["feature"].to_list() == ["age"]
    assert forecasts.backtest("orders")["method"].to_list() == ["croston"]


@pytest.mark.usefixtures("one_store")
def test_drift_is_the_newest_of_features_and_all_of_errors():
    features = forecasts.drift_of_features("orders").select("feature", "value", "is_alarm")
    assert features.rows() == [("promo", 0.31, True), ("mean_7", 0.04, False)]
    measured = forecasts.drift_over_time("orders").select("metric", "value")
    assert measured.rows() == [("coverage_80", 0.78), ("error_ratio", 1.1), ("error_ratio", 1.7)]


@pytest.mark.usefixtures("one_store")
def test_the_line_of_an_item_is_that_of_the_cutoff():
    assert supply.line_of_item("S001", WINE) is None
    assert supply.line_of_item("S001", WINE, files.LAST_CUTOFF)["source"] == "forecast"
    assert supply.line_of_item("S001", LAGER)["order_qty"] == 12
    assert supply.line_of_item("S001", "LAG") is None


# Charts


def trace(figure, name):
    return next(each for each in figure.data if each.name == name)


@pytest.fixture
def fan(one_store):
    def run(palette=LIGHT, *, with_past=True):
        past = forecasts.day_ahead("S001", WINE, files.LAST_CUTOFF)
        demand = Demand(
            sold=pl.DataFrame(
                {
                    "business_date": [day(-2), day(-1)],
                    "units": [3, 0],
                    "empty_share": [0.01, 0.4],
                }
            ),
            days=forecasts.of_item("S001", WINE, files.LAST_CUTOFF).filter(window="day"),
            past=past if with_past else past.clear(),
            orders=pl.concat([supply.of_item("S001", item) for item in (WINE, LAGER)]),
            origin_ts=files.LAST_CUTOFF,
            timezone="Europe/Rome",
        )
        return demand_fan(demand, (day(-56), day(30)), palette)

    return run


@PALETTES
def test_the_fan_has_sales_before_and_bands_after_the_cutoff(fan, palette):
    figure = fan(palette)
    assert list(trace(figure, "Sold").y) == [3, 0]
    assert list(trace(figure, "Shelf was empty").x) == [day(-1)]
    median, band = trace(figure, "Median"), trace(figure, "80 % band")
    assert (median.x[0], median.x[-1], len(median.x)) == (day(1), day(30), 30)
    assert band.y[0] == pytest.approx(6.4)
    assert band.customdata[0] == pytest.approx(2.0)
    lower = figure.data[list(figure.data).index(band) - 1]
    assert list(lower.y) == list(band.customdata)
    assert band.fill == "tonexty"
    assert median.line.color == palette.shelf
    assert median.line.dash != trace(figure, "Mean").line.dash
    assert figure.layout.template.layout.font.color == palette.text


def test_the_fan_has_orders_and_deliveries_with_quantities(fan):
    figure = fan()
    ordered = trace(figure, "Ordered at a cutoff")
    assert (list(ordered.x), list(ordered.y)) == ([day(0)], [60])
    delivered, to_come = trace(figure, "Delivered"), trace(figure, "To be delivered")
    assert (list(delivered.x), list(delivered.y)) == ([day(1)], [20])
    assert (list(to_come.x), list(to_come.y)) == ([day(4)], [36])
    assert to_come.marker.pattern.shape


def test_earlier_forecasts_are_drawn_when_asked_for(fan):
    past = trace(fan(), "Day-ahead forecasts")
    assert list(past.x) == [day(-1), day(1)]
    assert list(past.error_y.array) == pytest.approx([2.4, 2.4])
    assert list(past.error_y.arrayminus) == pytest.approx([2, 2])
    names = [each.name for each in fan(with_past=False).data]
    assert "Day-ahead forecasts" not in names


@PALETTES
def test_trends_have_a_line_for_each_item_that_goes_on_dashed(one_store, palette):
    trends = forecasts.trends("S001", [WINE, LAGER], files.LAST_CUTOFF, 56)
    figure = trends_of_items(trends, {WINE: "Red", LAGER: "Lager"}, day(0), palette)
    assert [each.name for each in figure.data if each.showlegend] == ["Red", "Lager"]
    sold, ahead, *_ = figure.data
    assert (sold.line.dash, ahead.line.dash) == ("solid", "dash")
    assert sold.line.color == ahead.line.color == palette.series[0]
    # The dashed line begins where the other one ends.
    assert (ahead.x[0], ahead.y[0]) == (sold.x[-1], sold.y[-1])
    assert figure.layout.shapes[0].x0 == "2026-01-01"


@PALETTES
def test_accuracy_has_a_line_for_each_window_and_measure(one_store, palette):
    weeks = forecasts.accuracy("S001", by="week")
    figure = accuracy_by_week(weeks, forecast_words.SPANS, palette)
    assert len(figure.data) == len(MEASURES) * len(forecast_words.SPANS)
    cover = figure.data[0]
    assert cover.name == "Until the delivery after next"
    assert list(cover.y) == pytest.approx([3 / 15, 8 / 35])
    # Windows without outcomes are not named.
    assert [each.name for each in figure.data if each.showlegend] == [cover.name]
    assert len({each.line.dash for each in figure.data}) == 4


@PALETTES
def test_drift_marks_alarms_by_sign_as_well(one_store, palette):
    features = forecasts.drift_of_features("orders")
    bars, limits = drift_of_features(features, ["Promotion", "Mean"], palette).data
    assert list(bars.y) == ["▲ Promotion", "Mean"]
    assert list(bars.marker.color) == [palette.critical, palette.shelf]
    assert list(limits.x) == [0.25, 0.25]
    figure = drift_over_time(forecasts.drift_over_time("orders"), "Europe/Rome", palette)
    assert list(trace(figure, "Error ratio").y) == [1.1, 1.7]
    alarm = trace(figure, "Alarm")
    assert list(alarm.y) == [1.7]
    assert alarm.x[0] == (files.AS_OF + timedelta(hours=1)).replace(tzinfo=None)


def test_importance_has_both_shares(one_store):
    figure = feature_importance(forecasts.importance("orders"), ["Promotion", "Mean"], LIGHT)
    assert {each.name: list(each.x) for each in figure.data} == {
        "Share in forecasts (SHAP)": [0.6, 0.4],
        "Share in gain": [0.3, 0.7],
    }
    assert len({each.marker.pattern.shape for each in figure.data}) == 2


# The page


def charts(app):
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    return [[each.get("name") for each in spec["data"]] for spec in specs]


def downloads(app):
    return [button.proto.label for button in app.get("download_button")]


@pytest.mark.usefixtures("one_store")
def test_an_item_tells_totals_bands_and_the_order(open_page):
    app = open_page("forecast", forecast_item=f"{WINE}, Red wines")
    assert not app.exception
    assert figure(app, "Next 7 days") == "30"
    assert figure(app, "Next 30 days") == "120"
    assert figure(app, "Until the delivery after next") == "16"
    shown = words(app)
    assert "80 %: 15 to 48, 95 %: 6 to 60" in shown
    assert "31 pcs are expected to be asked for" in shown
    assert "Enough in 94 % of cases" in shown
    # The newest forecast is that of the last cutoff; nothing is planned for the next so far.
    assert "At the next cutoff" in shown
    assert "No line: nothing had to be ordered" in shown
    [fan] = charts(app)
    assert "Day-ahead forecasts" not in fan
    app.toggle(key="forecast_past").set_value(True).run()
    assert "Day-ahead forecasts" in charts(app)[0]
    assert downloads(app) == ["Download as CSV", "Download as Excel", "Download as Parquet"]
    assert len(table(app, "horizon")) == 30


@pytest.mark.usefixtures("one_store")
def test_an_older_cutoff_and_another_category(open_page):
    app = open_page("forecast")
    app.multiselect(key="category").set_value(["WINES"]).run()
    assert app.selectbox(key="forecast_item").value == WINE
    app.selectbox(key="forecast_origin").select(files.CUTOFF_BEFORE).run()
    assert not app.exception
    assert table(app, "horizon")["business_date"].iloc[0].date() == day(-1)
    assert "At the next cutoff" not in words(app)


@pytest.mark.usefixtures("two_stores")
def test_each_store_has_forecasts_of_its_own(open_page):
    app = open_page("forecast", store="Smart Shelf Turku (S002)", forecast="Accuracy")
    assert not app.exception
    assert figure(app, "Judged forecasts") == "5"


@pytest.mark.usefixtures("one_store")
def test_trends_of_chosen_items_are_drawn(open_page):
    app = open_page("forecast", forecast="Trends")
    assert not app.exception
    assert app.multiselect(key="trend_items").value == [LAGER, WINE]
    assert "**2 items**" in words(app)
    [chart] = app.get("plotly_chart")
    assert len(json.loads(chart.proto.spec)["data"]) == 4
    app.multiselect(key="trend_items").set_value([WINE]).run()
    assert "**1 item**" in words(app)
    app.multiselect(key="trend_items").set_value([]).run()
    assert "Choose items to see" in words(app)


@pytest.mark.usefixtures("one_store")
def test_accuracy_is_told_beside_the_best_baseline(open_page):
    app = open_page("forecast", forecast="Accuracy")
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "Judged forecasts": "5",
        "MAE (pcs)": "2.2",
        "RMSE (pcs)": "2.79",
        "R²": "0.84",
        "WAPE": "22 %",
        "Bias": "2 %",
        "In the 80 % band": "60 %",
        "In the 95 % band": "80 %",
    }
    [row] = table(app, "span").to_dict("records")
    assert (row["best_baseline"], row["loss_baseline"]) == ("ETS", 0.12)
    classes = next(t.value for t in app.dataframe if "demand_class" in t.value.columns)
    assert classes.set_index("demand_class")["best_baseline"]["Lumpy"] == "TSB"
    by_item = table(app, "item_address")
    assert by_item["item_id"].tolist() == [LAGER, WINE]
    assert by_item["item_address"].str.endswith(f"item={WINE}").tolist() == [False, True]
    app.button_group(key="accuracy_span").set_value("next_7").run()
    assert not app.exception
    assert len(downloads(app)) == 4 * 3


@pytest.mark.usefixtures("one_store")
def test_models_tell_who_speaks_and_why(open_page):
    app = open_page("forecast", forecast="Model")
    assert not app.exception
    history = table(app, "reason")
    assert history["state"].tolist() == [
        "◆ Baseline speaks",
        "○ Not promoted",
        "● In force",
    ]
    assert table(app, "is_baseline")["method"].tolist() == ["XGBoost", "ETS", "TSB"]
    assert "**1** of 2 are above their threshold" in words(app)
    assert [names[0] for names in charts(app)] == [
        "Share in forecasts (SHAP)",
        "PSI",
        "Error ratio",
    ]
    app.button_group(key="forecast_family").set_value("days").run()
    assert not app.exception
    shown = words(app)
    assert "simple methods speak" in shown
    assert "Not measured yet" in shown


@pytest.mark.parametrize(
    ("tab", "explained"),
    [
        ("Item", "No forecast so far"),
        ("Trends", "No forecast so far"),
        ("Accuracy", "No forecast could be judged yet"),
        ("Model", "No model has been trained yet"),
    ],
)
def test_nothing_forecast_yet_is_explained(open_page, serving, tab, explained):
    files.write(serving, files.catalogue(), files.store(), files.stock(), files.loop())
    app = open_page("forecast", forecast=tab)
    assert not app.exception
    assert explained in words(app)
    assert not app.get("plotly_chart")
    if tab == "Item":
        assert "`model_training`" in words(app)
        assert "--policy forecast" in words(app)


@pytest.mark.parametrize("tab", ["Item", "Trends", "Accuracy", "Model"])
def test_a_file_from_before_the_forecasts_is_explained(open_page, serving, tab):
    files.write(serving, files.store(), files.stock(), leave_out=ML_TABLES)
    app = open_page("forecast", forecast=tab)
    assert not app.exception
    assert "another version of Smart Shelf" in words(app)
    assert not app.get("plotly_chart")


def test_an_item_that_was_not_forecast_then_is_explained(open_page, serving):
    known = files.forecasts()
    known["ml.predictions"] = [
        row
        for row in known["ml.predictions"]
        if (row["item_id"], row["origin_ts"]) != (LAGER, files.LAST_CUTOFF)
    ]
    files.write(serving, files.catalogue(), files.store(), known)
    app = open_page("forecast", forecast_item=f"{LAGER}, Lager")
    assert not app.exception
    assert "Nothing was forecast for this item at this cutoff" in words(app)


def test_a_plan_without_explanations_is_told_as_before(open_page, one_store):
    with duckdb.connect(str(one_store)) as connection:
        for column in files.EXPLAINED:
            connection.execute(f"alter table ops.supplier_plan drop column {column}")
    app = open_page("forecast", forecast_item=f"{LAGER}, Lager")
    assert not app.exception
    shown = words(app)
    assert "130 pcs are the target" in shown
    assert "Enough in" not in shown
