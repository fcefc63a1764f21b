"""Acting on alerts: the right event, or a clear message; and the wait for its effect."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import redis
import serving_files as files
from app_support import choose_rows, table, words

from dashboard import actions, pending
from dashboard.pending import PendingAction
from smartshelf_dagster.streaming.topics import EVENT_FIELD

URL = "redis://127.0.0.1:6399/0"
SIM_NOW = "2026-01-03T11:50:00.000000Z"


class FakeRedis:
    """As much of Redis as sending an event needs; remembers what was added to which stream."""

    def __init__(self, fails_after=None):
        self.entries = []
        self.closed = False
        self._fails_after = fails_after

    def get(self, key):
        return SIM_NOW.encode() if key == "sim:now" else None

    def pipeline(self, *, transaction):
        assert transaction
        return self

    def xadd(self, stream, fields):
        if len(self.entries) == self._fails_after:
            raise redis.ConnectionError("gone")
        self.entries.append((stream, json.loads(fields[EVENT_FIELD])))

    def execute(self):
        pass

    def close(self):
        self.closed = True


@pytest.fixture
def broker(monkeypatch):
    fake = FakeRedis()
    monkeypatch.setenv("SMARTSHELF_REDIS_URL", URL)
    monkeypatch.setattr(actions, "connect", lambda url, timeout_s: fake)
    return fake


def key(alert_id="open-meat", **more):
    return actions.alert_key(files.alert(alert_id, "MEABEE0001", "MEAT", "open", **more))


def test_acknowledging_sends_exactly_this_event(broker):
    outcome = actions.act([key()], "acknowledged", actor=" Anna ", note=" on it ")
    assert outcome == actions.Outcome(("open-meat",))
    [(stream, event)] = broker.entries
    assert stream == "operator_events:S001"
    assert event.pop("id").startswith("S001-operator-")
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
    assert broker.closed


def test_dismissing_without_a_note(broker):
    actions.act([key()], "dismissed", actor="Anna")
    [(_, event)] = broker.entries
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


def test_a_name_the_contract_refuses_is_explained(broker):
    outcome = actions.act([key()], "acknowledged", actor="Anna\x07Rossi")
    assert not broker.entries
    assert "not accepted" in outcome.problem
    assert "actor" in outcome.problem


def test_a_missing_simulated_clock_is_explained(broker, monkeypatch):
    monkeypatch.setenv("SMARTSHELF_CLOCK", "simulated")
    monkeypatch.setattr(broker, "get", lambda key: None)
    outcome = actions.act([key()], "acknowledged", actor="Anna")
    assert not broker.entries
    assert "start the simulator" in outcome.problem


# The form


def fill_and_press(app, button, *, name="Anna", note=""):
    app.text_input(key="actor").input(name)
    app.text_input(key="alerts_table:note").input(note)
    next(b for b in app.button if b.label.startswith(button)).click()
    return app.run()


@pytest.mark.usefixtures("one_store")
def test_the_form_sends_for_the_chosen_alerts_and_marks_them(open_page, broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat", "wh-chicken")
    assert [button.label for button in app.button] == ["Acknowledge 2", "Dismiss 2"]
    fill_and_press(app, "Acknowledge", note="restocking now")
    assert not app.exception
    sent = {event["data"]["alert_id"]: event["data"] for _, event in broker.entries}
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
def test_only_open_alerts_can_be_acknowledged(open_page, broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "ack-wine")
    labels = {button.label: button.disabled for button in app.button}
    assert labels == {"Acknowledge 0": True, "Dismiss 1": False}
    fill_and_press(app, "Dismiss")
    [(_, event)] = broker.entries
    assert event["type"] == "com.smartshelf.operator.alert_dismissed.v1"
    assert event["data"]["alert_id"] == "ack-wine"


@pytest.mark.usefixtures("one_store")
def test_closed_alerts_offer_nothing(open_page):
    app = open_page("alerts")
    app.button_group(key="status").set_value([]).run()
    choose_rows(app, "alerts_table", "resolved-meat")
    assert not app.button
    assert "Nothing to do" in words(app)


@pytest.mark.usefixtures("one_store")
def test_a_name_is_asked_for(open_page, broker):
    app = choose_rows(open_page("alerts"), "alerts_table", "open-meat")
    fill_and_press(app, "Acknowledge", name="  ")
    assert "Your name is missing" in words(app)
    assert not broker.entries
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
def test_the_map_offers_the_same(open_page, broker):
    app = choose_rows(open_page("map", zone="Meat"), "map_alerts", "open-meat")
    app.text_input(key="actor").input("Anna")
    next(b for b in app.button if b.label == "Acknowledge 1").click().run()
    assert [event["data"]["alert_id"] for _, event in broker.entries] == ["open-meat"]
    assert "takes effect with the next micro-batch" in words(app)


def test_the_mark_goes_when_the_pipeline_has_taken_the_action(open_page, one_store, broker):
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
    waiting = PendingAction(action, SHOWN)
    assert (waiting.seen(SHOWN, status) is None) is is_done


def test_an_action_without_effect_is_given_up_at_the_second_publication():
    waiting = PendingAction("acknowledged", SHOWN)
    waiting = waiting.seen(SHOWN, "open")
    waiting = waiting.seen(NEXT, "open")
    assert waiting.seen(NEXT, "open") == waiting
    assert waiting.seen(AFTER, "open") is None


def test_settling_forgets_only_what_is_done(monkeypatch):
    monkeypatch.setattr(pending.st, "session_state", {})
    pending.add(["a", "b"], "acknowledged", SHOWN)
    pending.settle(NEXT, {"a": ("ack", NEXT), "b": ("open", SHOWN)})
    assert pending.actions() == {"b": "acknowledged"}
