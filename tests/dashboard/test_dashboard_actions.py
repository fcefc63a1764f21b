"""Acting on alerts: the right event, or a clear message; and the wait for its effect."""

from datetime import UTC, datetime, timedelta

import pytest
import serving_files as files
from app_support import SIM_NOW, URL, FakeRedis, agree, choose_rows, press, table, words

from dashboard import actions, pending
from dashboard.components import confirm
from dashboard.pending import PendingAction


def key(alert_id="open-meat", **more):
    return actions.alert_key(files.alert(alert_id, "MEABEE0001", "MEAT", "open", **more))


def test_acknowledging_sends_exactly_this_event(fake_broker):
    outcome = actions.act([key()], "acknowledged", actor=" Anna ", note=" on it ")
    [(stream, event)] = fake_broker.entries
    assert stream == "operator_events:S001"
    assert event["id"].startswith("S001-operator-")
    assert outcome == actions.Outcome({"open-meat": event.pop("id")})
    assert event == {
        "specversion": "1.0",
        "source": "/stores/S001/report-app",
        "type": "com.smartshelf.operator.alert_acknowledged.v1",
        "time": SIM_NOW,
        "data": {
            "store_id": "S001",
            "alert_id": "open-meat",
            "alert_type": "refill_request",
            "location": "shelf",
            "shelf_id": "MEABEE0001",
            "actor": "Anna",
            "note": "on it",
        },
    }
    assert fake_broker.closed


def test_dismissing_without_a_note(fake_broker):
    actions.act([key()], "dismissed", actor="Anna")
    [(_, event)] = fake_broker.entries
    assert event["type"] == "com.smartshelf.operator.alert_dismissed.v1"
    assert "note" not in event["data"]


def test_without_redis_the_reader_is_told_what_to_do():
    outcome = actions.act([key()], "acknowledged", actor="Anna")
    assert outcome.sent == ()
    assert "`make up`" in outcome.problem
    assert "SMARTSHELF_REDIS_URL" in outcome.problem


def test_an_unreachable_redis_is_named(monkeypatch):
    monkeypatch.setenv("SMARTSHELF_REDIS_URL", "redis://127.0.0.1:1/0")
    outcome = actions.act([key()], "acknowledged", actor="Anna")
    assert outcome.sent == ()
    assert "cannot be reached" in outcome.problem
    assert "127.0.0.1:1" in outcome.problem


def test_a_connection_lost_on_the_way_tells_what_was_sent(monkeypatch):
    fake = FakeRedis(fails_after=1)
    monkeypatch.setenv("SMARTSHELF_REDIS_URL", URL)
    monkeypatch.setattr(actions, "connect", lambda url, timeout_s: fake)
    outcome = actions.act([key("a"), key("b")], "dismissed", actor="Anna")
    assert outcome.sent == ("a",)
    assert "cannot be reached" in outcome.problem
    assert fake.closed


def test_a_name_the_contract_refuses_is_explained(fake_broker):
    outcome = actions.act([key()], "acknowledged", actor="An\tna")
    assert not fake_broker.entries
    assert "not accepted" in outcome.problem
    assert "actor" in outcome.problem


def test_a_missing_simulated_clock_is_explained(fake_broker, monkeypatch):
    monkeypatch.setenv("SMARTSHELF_CLOCK", "simulated")
    monkeypatch.setattr(fake_broker, "get", lambda key: None)
    outcome = actions.act([key()], "acknowledged", actor="Anna")
    assert not fake_broker.entries
    assert "start the simulator" in outcome.problem


# The form


def fill_and_press(app, button, *, name="Anna", note=""):
    app.text_input(key="actor").input(name)
    app.text_input(key="alerts_table:note").input(note)
    next(b for b in app.button if b.label.startswith(button)).click()
    return app.run()


@pytest.mark.usefixtures("one_store")
def test_the_form_sends_for_the_chosen_alerts_and_marks_them(open_page, fake_broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat", "wh-chicken")
    assert [button.label for button in app.button] == ["Acknowledge 2", "Dismiss 2"]
    fill_and_press(app, "Acknowledge", note="restocking now")
    assert not fake_broker.entries
    agree(app)
    assert not app.exception
    sent = {event["data"]["alert_id"]: event["data"] for _, event in fake_broker.entries}
    assert set(sent) == {"open-meat", "wh-chicken"}
    assert sent["wh-chicken"]["location"] == "warehouse"
    assert sent["wh-chicken"]["alert_type"] == "supplier_request"
    assert {data["note"] for data in sent.values()} == {"restocking now"}
    assert "Sent: 2 alerts acknowledged. It takes effect with the next micro-batch" in words(app)
    shown = table(app, "state").set_index("alert_id")["state"]
    assert shown["open-meat"] == "⏳ acknowledging"
    assert shown["ack-wine"] == "◆ Acknowledged"
    # What was sent is not chosen any more.
    assert not app.button


@pytest.mark.usefixtures("one_store")
def test_only_open_alerts_can_be_acknowledged(open_page, fake_broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "ack-wine")
    labels = {button.label: button.disabled for button in app.button}
    assert labels == {"Acknowledge 0": True, "Dismiss 1": False}
    agree(fill_and_press(app, "Dismiss"))
    [(_, event)] = fake_broker.entries
    assert event["type"] == "com.smartshelf.operator.alert_dismissed.v1"
    assert event["data"]["alert_id"] == "ack-wine"


@pytest.mark.usefixtures("two_stores")
def test_what_a_dismissal_does_is_said_before_it_is_done(open_page, fake_broker):
    app = open_page("alerts", store="All stores")
    choose_rows(app, "alerts_table", "open-meat", "S002-open-meat", "ack-wine")
    fill_and_press(app, "Dismiss", name="A*nna")
    told = words(app)
    assert (
        "**3 alerts** in **Smart Shelf Scandiano** and **Smart Shelf Turku** will be closed" in told
    )
    # 16 pieces each, at 3.49.
    assert "Asked for: **48 pieces**, **168 EUR** at list prices" in told
    assert "written to the audit trail under the name A\\*nna." in told
    assert not fake_broker.entries
    press(app, "Cancel")
    assert not fake_broker.entries
    assert "audit trail" not in words(app)
    # The choice is kept.
    assert "Dismiss 3" in [button.label for button in app.button]


def test_a_question_is_about_what_is_still_open(open_page, one_store, fake_broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat", "wh-chicken")
    fill_and_press(app, "Acknowledge")
    assert "**2 alerts**" in words(app)
    changed = files.stock()
    changed["ops.alerts"][0]["status"] = "ack"
    files.write(one_store, files.catalogue(), files.store(), changed)
    assert "**1 alert**" in words(app.run())
    agree(app)
    assert [event["data"]["alert_id"] for _, event in fake_broker.entries] == ["wh-chicken"]


def test_a_question_goes_with_what_it_was_about(open_page, one_store, fake_broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat")
    fill_and_press(app, "Dismiss")
    assert "**1 alert**" in words(app)
    changed = files.stock()
    changed["ops.alerts"][0] |= {"status": "resolved", "is_active": False}
    files.write(one_store, files.catalogue(), files.store(), changed)
    app.run()
    files.write(one_store, files.catalogue(), files.store(), files.stock())
    assert "audit trail" not in words(app.run())
    assert not fake_broker.entries


def test_a_second_click_on_the_same_answer_does_nothing(monkeypatch):
    monkeypatch.setattr(confirm.st, "session_state", {})
    monkeypatch.setattr(confirm.st, "dialog", lambda *args, **more: lambda function: function)
    monkeypatch.setattr(confirm.st, "button", lambda label, **more: label == "Yes")
    monkeypatch.setattr(confirm.st, "rerun", lambda: None)
    done = []
    for _ in range(2):
        confirm.show("t", "Sure?", [], "Yes", lambda: done.append(1))
    assert not done
    confirm.ask("t", confirm.Question("dismissed", ("a",), "Anna"))
    for _ in range(2):
        confirm.show("t", "Sure?", [], "Yes", lambda: done.append(1))
    assert done == [1]


@pytest.mark.usefixtures("one_store")
def test_closed_alerts_offer_nothing(open_page):
    app = open_page("alerts")
    app.button_group(key="status").set_value([]).run()
    choose_rows(app, "alerts_table", "resolved-meat")
    assert not app.button
    assert "Nothing to do" in words(app)


@pytest.mark.usefixtures("one_store")
def test_a_name_is_asked_for(open_page, fake_broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat")
    fill_and_press(app, "Acknowledge", name="  ")
    assert "Your name is missing" in words(app)
    assert not fake_broker.entries
    assert table(app, "state").set_index("alert_id")["state"]["open-meat"] == "▲ Open"


@pytest.mark.usefixtures("one_store")
def test_failure_is_shown_and_the_page_stays_readable(open_page, monkeypatch):
    monkeypatch.setenv("SMARTSHELF_REDIS_URL", "redis://127.0.0.1:1/0")
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat")
    fill_and_press(app, "Acknowledge")
    assert not app.exception
    assert "Nothing was sent. The event streams cannot be reached" in app.error[0].value
    assert "127.0.0.1:1" in app.error[0].value
    shown = table(app, "state").set_index("alert_id")["state"]
    assert shown["open-meat"] == "▲ Open"
    # The choice is kept for another try.
    assert [button.label for button in app.button] == ["Acknowledge 1", "Dismiss 1"]


@pytest.mark.usefixtures("one_store")
def test_the_map_offers_the_same(open_page, fake_broker):
    app = choose_rows(open_page("map", zone="Meat"), "map_alerts", "open-meat")
    app.text_input(key="actor").input("Anna")
    next(b for b in app.button if b.label == "Acknowledge 1").click().run()
    assert [event["data"]["alert_id"] for _, event in fake_broker.entries] == ["open-meat"]
    assert "takes effect with the next micro-batch" in words(app)


def test_the_mark_goes_when_the_pipeline_has_taken_the_action(open_page, one_store, fake_broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat")
    fill_and_press(app, "Acknowledge")
    assert table(app, "state").set_index("alert_id")["state"]["open-meat"] == "⏳ acknowledging"
    later = datetime.now(UTC) + timedelta(seconds=1)
    changed = files.stock()
    changed["ops.alerts"][0]["status"] = "ack"
    files.write(one_store, files.catalogue(), files.store(), changed, published_at=later)
    app.run()
    assert table(app, "state").set_index("alert_id")["state"]["open-meat"] == "◆ Acknowledged"


# The wait

SHOWN = datetime(2026, 1, 1, 12, tzinfo=UTC)
NEXT, AFTER = SHOWN + timedelta(minutes=1), SHOWN + timedelta(minutes=2)


@pytest.mark.parametrize(
    ("action", "status", "is_done"),
    [
        ("acknowledged", "open", False),
        ("acknowledged", "ack", True),
        ("acknowledged", "resolved", True),
        ("acknowledged", None, True),
        ("dismissed", "open", False),
        ("dismissed", "ack", False),
        ("dismissed", "dismissed", True),
    ],
)
def test_an_action_waits_until_the_status_has_changed(action, status, is_done):
    assert pending.has_left(action, status) is is_done


def test_an_action_without_effect_is_given_up_at_the_second_publication():
    waiting = PendingAction("acknowledged", "e-1", SHOWN)
    waiting = waiting.seen(SHOWN, has_arrived=False)
    waiting = waiting.seen(NEXT, has_arrived=False)
    assert waiting.seen(NEXT, has_arrived=False) == waiting
    assert waiting.seen(AFTER, has_arrived=False) is None
    assert waiting.seen(NEXT, has_arrived=True) is None


def test_settling_forgets_only_what_is_done(monkeypatch):
    monkeypatch.setattr(pending.st, "session_state", {})
    pending.add("alert", {"a": "e-1", "b": "e-2"}, "acknowledged", SHOWN)
    pending.add("order", {"a": "e-3", "b": "e-4"}, "held", SHOWN)
    pending.settle_alerts(NEXT, {"a": "ack", "b": "open"})
    assert pending.actions("alert") == {"b": "acknowledged"}
    assert pending.actions("order") == {"a": "held", "b": "held"}
    pending.settle_events("order", NEXT, ["e-4"])
    assert pending.actions("order") == {"a": "held"}
    assert pending.events("order") == ["e-3"]
