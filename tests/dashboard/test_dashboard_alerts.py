"""The page of alerts: how severe, what to do, what is unusual, how they are handled."""

from datetime import UTC, datetime, timedelta

import pytest
import serving_files as files
from app_support import agree, choose_rows, figure, press, table, words

from dashboard import actions
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


# Acknowledging what was unusual

RISE, DROP = files.unusual()["analytics.sales_anomalies"][:2]


def anomaly_id(row):
    return actions.anomaly_id(actions.anomaly_key(row))


def states(app):
    return dict(table(app, "baseline").set_index("direction")["state"])


def acknowledge(app, *, name="Anna", note="", rows=(RISE,)):
    choose_rows(app, "anomalies", *map(anomaly_id, rows))
    app.text_input(key="actor").input(name)
    app.text_input(key="anomalies:note").input(note)
    return press(app, "Acknowledge")


def test_a_file_from_before_has_nothing_acknowledged(serving, open_page):
    missing = ["ops.anomaly_acknowledgements"]
    files.write(serving, files.catalogue(), files.store(), files.unusual(), leave_out=missing)
    assert not marked(HOURS).get_column("is_acknowledged").any()
    assert signals.signals(["S001"]).filter("is_acknowledged").is_empty()
    app = open_page("anomalies", period="7 days")
    assert not app.exception
    assert states(app) == {"▲ More": "○ Not yet", "▼ Less": "○ Not yet"}


def test_what_is_acknowledged_is_the_hour_in_its_direction(serving, open_page):
    """Not another hour, and not what another method calls more where this one calls it less."""
    looked_at = files.acknowledged(DROP)
    files.write(serving, files.catalogue(), files.store(), files.unusual(), looked_at)
    found = marked(HOURS).select("score", "is_acknowledged", "acknowledged_by", "note").rows()
    assert found == [(4.2, False, None, None), (-6.0, True, "Anna", "fair in town")]
    assert not marked(Method("trailing_z", "hour")).get_column("is_acknowledged").any()
    app = open_page("anomalies", period="7 days")
    assert states(app) == {"▲ More": "○ Not yet", "▼ Less": "✓ Yes"}
    assert (figure(app, "Marked"), figure(app, "Not acknowledged")) == ("2", "1")
    app.button_group(key="acknowledged").set_value(["open"]).run()
    assert list(states(app)) == ["▲ More"]
    assert "**1 of 2 hours** marked" in words(app)
    app.button_group(key="acknowledged").set_value(["ack"]).run()
    assert list(states(app)) == ["▼ Less"]
    assert table(app, "mean_score")["low"].tolist() == [1]
    choose_rows(app, "anomalies", anomaly_id(DROP))
    assert "Nothing to do: the chosen hours are acknowledged" in words(app)
    assert not app.button
    app = open_page("alerts", show="Unusual", kind="Sales below usual")
    assert "Nothing of the kind is unusual." in words(app)
    app.toggle(key="with_acknowledged").set_value(True).run()
    shown = table(app, "kind_label")
    assert shown[["kind_label", "looked_at"]].values.tolist() == [["Sales below usual", "✓ Yes"]]


def test_an_hour_is_acknowledged_at_once_and_marked_until_it_has_come_back(
    strange_sales, open_page, fake_broker
):
    app = acknowledge(open_page("anomalies", period="7 days"), note=" fair in town ")
    assert not app.exception
    [(stream, event)] = fake_broker.entries
    assert stream == "operator_events:S001"
    assert event["type"] == "com.smartshelf.operator.anomaly_acknowledged.v1"
    assert event["data"] == {
        "store_id": "S001",
        "scope_type": "store",
        "scope_id": "S001",
        "currency": "EUR",
        "grain": "hour",
        "bucket_start": f"{RISE['bucket_start']:%Y-%m-%dT%H:%M:%S.%fZ}",
        "direction": "high",
        "actor": "Anna",
        "note": "fair in town",
    }
    assert "Sent: 1 hour acknowledged. It takes effect with the next micro-batch" in words(app)
    assert states(app) == {"▲ More": "⏳ acknowledging", "▼ Less": "○ Not yet"}
    files.write(
        strange_sales, files.catalogue(), files.store(), files.unusual(),
        files.acknowledged(RISE, event_id=event["id"]),
        published_at=datetime.now(UTC) + timedelta(seconds=1),
    )  # fmt: skip
    app.run()
    assert states(app) == {"▲ More": "✓ Yes", "▼ Less": "○ Not yet"}
    assert table(app, "baseline")["acknowledged_by"].tolist()[0] == "Anna"


@pytest.mark.usefixtures("strange_sales")
def test_several_hours_are_asked_about_and_a_name_is_needed(open_page, fake_broker):
    app = acknowledge(open_page("anomalies", period="7 days"), name=" ")
    assert "Your name is missing" in words(app)
    acknowledge(app, rows=(RISE, DROP))
    assert "**2 hours** of 1 series will no longer count" in words(app)
    assert not fake_broker.entries
    agree(app)
    directions = [event["data"]["direction"] for _, event in fake_broker.entries]
    assert directions == ["high", "low"]
    assert set(states(app).values()) == {"⏳ acknowledging"}


@pytest.mark.usefixtures("strange_sales")
def test_the_day_of_an_item_is_acknowledged_for_all_stores(open_page, fake_broker):
    day = files.unusual()["analytics.nightly_anomalies"][0]
    acknowledge(open_page("anomalies", metric="Pieces"), rows=(day,))
    [(stream, event)] = fake_broker.entries
    assert (stream, event["data"]["store_id"]) == ("operator_events", "ALL")
    assert event["data"]["grain"] == "day"


def test_the_audit_trail_tells_what_was_looked_at(serving, open_page):
    day = files.unusual()["analytics.nightly_anomalies"][0]
    of_day = files.acknowledged(day, event_id="of-a-day")["ops.operator_actions"]
    looked_at = files.acknowledged(RISE)
    looked_at["ops.operator_actions"] += of_day
    files.write(serving, files.catalogue(), files.store(), files.unusual(), looked_at)
    app = open_page("audit")
    assert not app.exception
    told = table(app, "action_label")
    assert set(told["action_label"]) == {"Anomaly acknowledged"}
    assert sorted(told["anomaly"]) == [
        "MEABEE0001, Fri 2 Jan 2026: ▲ More",
        "S001, Sat 3 Jan 2026, 11:48: ▲ More",
    ]
