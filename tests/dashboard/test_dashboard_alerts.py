"""The page of alerts: how severe, what to do, what is unusual, how they are handled."""

from datetime import timedelta

import pytest
import serving_files as files
from app_support import table, words

from dashboard.charts.alerts import handling_by_day
from dashboard.components import alert_list
from dashboard.data import alerts, anomalies, signals
from dashboard.data.anomalies import Method, Series
from dashboard.theme import LIGHT

HOURS = Method("seasonal_mad", "hour")


def row(**more):
    return files.alert("a", "MEABEE0001", "MEAT", "open") | {"order_qty": None} | more


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        (row(), "Refill 16"),
        (row(suggested_qty=0), "Check the shelf"),
        (row(alert_type="supplier_request", order_qty=1_050), "Reorder 1,050"),
        (row(alert_type="supplier_request"), "Nothing to order"),
        (row(alert_type="near_expiry"), "Sell or remove lots"),
        (row(is_active=False), ""),
    ],
)
def test_what_to_do_is_told_in_words(alert, expected):
    assert alert_list.action(alert) == expected


@pytest.mark.usefixtures("one_store")
def test_the_order_of_an_alert_is_that_of_the_next_cutoff():
    found = alerts.alerts(["S001"], alerts.AlertFilter())
    planned = dict(found.select("alert_id", "order_qty").iter_rows())
    # The plan of wine was for a cutoff that has passed.
    assert planned == {"wh-chicken": 0, "open-meat": 24, "resolved-meat": 24, "ack-wine": None}


def test_the_most_severe_come_first(serving, open_page):
    rows = [
        files.alert(
            "medium", "MEABEE0001", "MEAT", "open", severity="MEDIUM", opened_ts=files.ago(1)
        ),
        files.alert("high", "MEACHI0002", "MEAT", "ack", severity="HIGH", opened_ts=files.ago(2)),
        files.alert("critical", "BEELAG0003", "BEERS", "open", opened_ts=files.ago(60 * 24 * 400)),
        files.alert("closed", "BEELAG0003", "BEERS", "resolved", opened_ts=files.ago(60 * 24 * 40)),
    ]
    files.write(serving, files.catalogue(), files.store(), {"ops.alerts": rows})
    app = open_page("alerts", status=["open", "ack", "resolved"])
    assert not app.exception
    shown = table(app, "severity_label")
    # Active however old; what is closed only if it was opened within the period.
    assert shown["severity_label"].tolist() == ["▲ Critical", "◆ High", "● Medium"]
    assert "Active: Refill shelf 3." in words(app)
    app.button_group(key="severity").set_value(["HIGH"]).run()
    assert table(app, "severity_label")["alert_id"].tolist() == ["high"]


def test_times_are_means_over_alerts_not_over_days(serving):
    files.write(serving, files.catalogue(), files.store(), files.handled_alerts())
    [expiry, order] = [
        alerts.handling_by_type(["S001"], [kind], None)
        for kind in ("near_expiry", "refill_request")
    ]
    assert expiry.is_empty()
    times = order.row(0, named=True)
    assert times["mtta_minutes"] == pytest.approx(80 / 4)
    assert times["mttr_minutes"] == pytest.approx(360 / 6)
    newest = alerts.handling(["S001"], [], files.TODAY)
    assert newest.select("opened", "resolved", "dismissed", "backlog").rows() == [(6, 2, 1, 8)]
    assert alerts.handling(["S009"], [], None).is_empty()


def test_handling_is_drawn_and_told(serving, open_page):
    files.write(serving, files.catalogue(), files.store(), files.stock(), files.handled_alerts())
    app = open_page("alerts", show="How they are handled")
    assert not app.exception
    assert "**12** opened, **6** resolved, **1** dismissed; **8** stand now." in words(app)
    told = table(app, "to_acknowledge")
    assert told["to_acknowledge"].fillna("").tolist() == ["20 min", ""]
    assert told["to_resolve"].fillna("").tolist() == ["1 h 0 min", ""]
    opened, closed, standing = handling_by_day(alerts.handling(["S001"], [], None), LIGHT).data
    assert (list(opened.y), list(closed.y), list(standing.y)) == ([6, 6], [4, 3], [5, 8])


@pytest.mark.usefixtures("one_store")
def test_handling_that_is_still_to_come_is_explained(open_page):
    app = open_page("alerts", show="How they are handled")
    assert "How alerts are handled are not computed yet" in words(app)


def test_what_is_unusual_comes_from_every_source_that_is_published(serving):
    files.write(
        serving,
        files.catalogue(),
        files.store(),
        files.supply(),
        files.models(),
        files.quality(),
        files.unusual(),
    )
    found = signals.signals(["S001"], files.ago(7 * 24 * 60))
    assert found.select("kind", "subject").rows() == [
        ("MODEL_DRIFT", "orders error_ratio"),
        ("MODEL_DRIFT", "orders psi promo"),
        ("DATA_QUALITY", "Q19 prices_are_steady analytics/fact_sales"),
        ("HIGH_VALUE_SALE", "R-77"),
        ("SALES_SPIKE", "Net sales of an hour"),
        ("SALES_DROP", "Net sales of an hour"),
        ("SUPPLIER_DELAY", "o-3"),
        ("SALES_SPIKE", "Pieces of a day, all stores"),
    ]
    assert signals.signals(["S001"], files.ago(24 * 60)).height == 6
    assert signals.signals([], files.ago(7 * 24 * 60)).is_empty()


@pytest.mark.usefixtures("one_store")
def test_without_analytics_the_other_signals_are_told(open_page):
    app = open_page("alerts", show="Unusual", kind="Delivery overdue")
    assert not app.exception
    shown = table(app, "kind_label")
    assert shown["subject"].tolist() == ["o-3"]
    assert shown["item_address"].tolist()[0].endswith("item=MEACHI0002")


# Anomalies


@pytest.fixture
def strange_sales(serving):
    return files.write(serving, files.catalogue(), files.store(), files.unusual())


def marked(method, metric="net_sales", days=7):
    since = files.AS_OF - timedelta(days=days)
    return anomalies.flagged(["S001"], ["EUR"], metric, method, since)


@pytest.mark.usefixtures("strange_sales")
def test_a_higher_score_marks_less():
    assert marked(HOURS).get_column("score").to_list() == [4.2, -6.0]
    assert marked(Method("seasonal_mad", "hour", 5.0)).get_column("score").to_list() == [-6.0]
    # What the method itself does not mark stays unmarked.
    assert marked(Method("seasonal_mad", "hour", 0.5)).height == 2
    assert marked(HOURS, days=30).height == 3


@pytest.mark.usefixtures("strange_sales")
def test_where_the_score_alone_decides_less_can_be_asked_for():
    def trailing(least):
        return marked(Method("trailing_z", "hour", least, is_graded=True))

    assert trailing(2.0).get_column("score").to_list() == [2.4]
    assert trailing(1.0).select("score", "direction").rows() == [(1.4, "high"), (2.4, "high")]


@pytest.mark.usefixtures("strange_sales")
def test_methods_of_the_night_stand_beside_those_of_the_hour(open_page):
    assert anomalies.methods("units_sold") == [("poisson_tail", "day")]
    assert anomalies.methods("net_sales") == [("seasonal_mad", "hour"), ("trailing_z", "hour")]
    night = Method("poisson_tail", "day")
    assert anomalies.series(["S001"], ["EUR"], "units_sold", night) == [
        Series("item", "BEELAG0003", "EUR"),
        Series("item", "MEABEE0001", "EUR"),
    ]
    app = open_page("anomalies", metric="Pieces")
    assert not app.exception
    # Marked items come first.
    assert app.selectbox(key="series").options[0] == "Beef, MEABEE0001"
    found = table(app, "baseline")
    assert found["series"].tolist() == ["Beef, MEABEE0001"]
    assert found["item_address"].tolist()[0].endswith("item=MEABEE0001")


@pytest.mark.usefixtures("strange_sales")
def test_series_are_counted_by_direction():
    counted = anomalies.by_series(marked(HOURS))
    assert counted.select("scope_id", "marked", "high", "low", "mean_score").rows() == [
        ("S001", 2, 1, 1, pytest.approx(5.1))
    ]


@pytest.mark.usefixtures("strange_sales")
def test_days_and_sensitivity_are_choices_of_the_address(open_page):
    app = open_page("anomalies", period="90 days", score_seasonal_mad="4.5")
    assert not app.exception
    assert app.button_group(key="period").value == "90d"
    assert sorted(table(app, "baseline")["score"]) == [-6.0, 5.0]
