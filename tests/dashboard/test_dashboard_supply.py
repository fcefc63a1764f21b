"""The supply page: what is planned, why, what was decided, and what came."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
import serving_files as files
from app_support import agree, choose_rows, figure, press, table, words

from dashboard.charts.deliveries import deliveries_by_day
from dashboard.charts.supply_timeline import timeline
from dashboard.components.order_story import story
from dashboard.data import supply
from dashboard.theme import DARK, LIGHT

LINE = "S001/{}/20260104T1100Z"
BEEF, CHICKEN, LAGER = (LINE.format(item) for item, *_ in files.ITEMS[:3])


def lines(**wanted):
    return supply.plan(["S001"], **wanted).get_column("shelf_id").to_list()


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["MEABEE0001", "BEELAG0003", "MEACHI0002"]),
        ({"categories": ["MEAT"]}, ["MEABEE0001", "MEACHI0002"]),
        ({"bounds": ["capacity", "shelf_life"]}, ["BEELAG0003", "MEACHI0002"]),
        ({"decisions": ["none"]}, ["MEABEE0001"]),
        ({"decisions": ["held", "none"]}, ["MEABEE0001", "MEACHI0002"]),
        ({"text": " lager "}, ["BEELAG0003"]),
        ({"text": "' or 1 = 1 --"}, []),
        ({"cutoff_ts": files.LAST_CUTOFF}, ["WINRED0004"]),
        ({"cutoff_ts": files.LAST_CUTOFF - timedelta(days=2)}, []),
    ],
)
def test_plan_filters(wanted, expected):
    assert lines(**wanted) == expected


@pytest.mark.usefixtures("two_stores")
def test_figures_add_up_the_chosen_stores():
    one = supply.figures(["S001"]).row(0, named=True)
    assert one == {
        "planned_lines": 2,
        "planned_pieces": 36,
        "held_lines": 1,
        "ordered_lines": 2,
        "ordered_pieces": 48,
        "overdue_lines": 1,
        "overdue_pieces": 12,
    }
    both = supply.figures(["S001", "S002"]).row(0, named=True)
    assert both == {name: 2 * value for name, value in one.items()}
    assert set(supply.figures([]).row(0)) == {0}


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["o-3", "o-4", "o-1", "o-2"]),
        ({"statuses": ["delivered"]}, ["o-1", "o-2"]),
        ({"categories": ["MEAT"], "statuses": ["overdue"]}, ["o-3"]),
        ({"only_differences": True}, ["o-1"]),
        ({"text": "red wines"}, ["o-1"]),
        ({"text": "o-4"}, ["o-4"]),
    ],
)
def test_order_filters(wanted, expected):
    assert supply.orders(["S001"], **wanted).get_column("order_id").to_list() == expected


@pytest.mark.usefixtures("two_stores")
def test_orders_of_an_item_are_those_of_its_store():
    found = supply.of_item("S002", "WINRED0004")
    assert found.get_column("order_id").to_list() == ["S002-o-1"]
    assert supply.of_item("S001", "WINRED").is_empty()


@pytest.mark.usefixtures("two_stores")
def test_deliveries_add_up_by_day_of_the_store():
    names = ("ordered", "received", "damaged", "missing", "outstanding", "delay_minutes")
    assert supply.deliveries(["S001"]).select("delivery_date", "lines", *names).rows() == [
        (date(2025, 12, 31), 1, 12, 12, 0, 0, 0, 0),
        (date(2026, 1, 2), 2, 36, 20, 3, 1, 12, 90),
        (date(2026, 1, 5), 1, 36, 0, 0, 0, 36, None),
    ]
    both = supply.deliveries(["S001", "S002"])
    assert both.get_column("ordered").to_list() == [24, 72, 72]


@pytest.mark.usefixtures("two_stores")
def test_coming_cutoffs_first_and_orders_of_chosen_stores():
    cutoffs = supply.cutoffs(["S002"])
    assert cutoffs.get_column("status").to_list() == ["next", "closed", "closed"]
    assert cutoffs.get_column("store_name").unique().to_list() == ["Smart Shelf Turku"]
    assert supply.count_orders(["S001"]) == 4


# Why a line has its quantity


def told(**more):
    steps = story(files.planned("MEABEE0001", **({"decision": None} | more)), "Europe/Rome")
    return [f"{step.title} {step.detail}".strip() for step in steps], steps


def test_a_line_tells_target_need_rounding_decision_and_outcome():
    assert told()[0] == [
        "60 pcs are the target by the policy base-stock",
        "20 are needed with 40 in stock and 0 on order",
        "24 are planned because it comes in whole batches of 12",
        "Nobody decided otherwise",
        "24 pcs will be ordered at the cutoff (Sun 4 Jan 2026, 12:00)",
    ]


@pytest.mark.parametrize(
    ("bound", "words_of_it"),
    [
        ("none", "as nothing limits them"),
        ("capacity", "no more fits in"),
        ("shelf_life", "would expire before it is sold"),
    ],
)
def test_a_line_tells_what_bound_it(bound, words_of_it):
    assert words_of_it in told(bound=bound)[0][2]


@pytest.mark.parametrize(
    ("more", "decided", "outcome"),
    [
        ({"decision": "held", "order_qty": 0}, "Held back by Anna", "None will be ordered"),
        ({"decision": "changed", "order_qty": 36}, "Changed to 36 by Anna", "36 pcs will be"),
        ({"decision": "approved", "status": "completed"}, "Approved by Anna", "have come"),
        ({"decision": "held", "order_qty": 0, "status": "canceled"}, "Held", "None were ordered"),
    ],
)
def test_a_line_tells_who_decided_what(more, decided, outcome):
    sentences, steps = told(actor="Anna", note="because", **more)
    assert sentences[3].startswith(decided)
    assert steps[3].note == "because"
    assert outcome in sentences[4]


FORECAST = files.EXPLAINED | {"policy": "forecast"}


def test_a_line_tells_what_was_forecast_and_what_is_to_be_expected():
    sentences, steps = told(**FORECAST)
    assert sentences[0] == (
        "31 pcs are expected to be asked for until the delivery after next, by XGBoost"
    )
    assert sentences[1] == "60 pcs are the target by the policy forecast"
    assert steps[0].note == "orders-1"
    assert sentences[4] == "Enough in 94 % of cases until then; margin and cost ask for 97 %"
    assert sentences[5] == (
        "To be expected: 0.3 will be asked for in vain, 1.2 of the stock will expire (pcs)"
    )
    assert sentences[6] == "Nobody decided otherwise"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        # What spoke when no model did.
        ({"source": "ets", "forecast_method": None}, "after next, by ETS"),
        ({"forecast_method": "tsb"}, "after next, by TSB"),
        ({"forecast_method": None}, "until the delivery after next"),
        (
            {"source": "order-up-to", "demand_mean": None},
            "No forecast for this item ordered up to 28-day demand",
        ),
    ],
)
def test_a_line_tells_who_forecast(more, sentence):
    assert told(**FORECAST | more)[0][0].endswith(sentence)


def test_a_line_without_a_risk_says_so():
    nothing = dict.fromkeys(("expected_lost", "expected_outdated", "expected_order_outdated"), 0.01)
    assert "Nothing will be missing or expire" in told(**FORECAST | nothing)[0][5]


@pytest.mark.usefixtures("one_store")
def test_a_line_that_was_ordered_tells_what_is_kept_of_its_plan():
    line = supply.line_of_item("S001", "WINRED0004", files.LAST_CUTOFF)
    assert line["target_qty"] is None
    assert line["policy"] == "base-stock"
    assert [step.title for step in story(line, "Europe/Rome")] == [
        "31 pcs are expected to be asked for",
        "Enough in 94 % of cases",
        "To be expected:",
        "Approved",
        "24 pcs were ordered at the cutoff and have come",
    ]


def test_another_policy_says_nothing_of_forecasts():
    assert len(told(source="order-up-to", policy="order-up-to")[0]) == 5


# The chart


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_parts_of_a_day_add_up_to_what_was_ordered(one_store, palette):
    chart = deliveries_by_day(supply.deliveries(["S001"]), palette)
    parts = {trace.name: list(trace.y) for trace in chart.data}
    names = ("Received", "Damaged", "Missing", "Not there yet")
    assert [sum(day) for day in zip(*(parts[name] for name in names), strict=True)] == [12, 36, 36]
    assert parts["Ordered"] == [12, 36, 36]
    assert parts["Delay"] == [0, 90, None]
    assert list(chart.data[0].x) == ["Wed 31 Dec", "Fri 2 Jan", "Mon 5 Jan"]
    patterns = [trace.marker.pattern.shape for trace in chart.data[:4]]
    assert len(set(patterns)) == 4
    assert chart.layout.template.layout.font.color == palette.text


def clock(moment):
    """Return what a clock in Rome says in winter."""
    return (moment + timedelta(hours=1)).replace(tzinfo=None)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_orders_go_from_cutoff_over_due_to_receipt(one_store, palette):
    found = supply.timeline(["S001"], by_store=True, cutoffs=9)
    chart = timeline(found, files.AS_OF, "Europe/Rome", palette)
    marks = {trace.name: trace for trace in chart.data if trace.mode == "markers+text"}
    cutoff, hour = files.LAST_CUTOFF, timedelta(hours=1)
    # From the top: the next cutoff, one that is to come, one with an overdue order, one that came.
    assert list(marks["Cutoff"].x) == [
        clock(moment) for moment in (files.NEXT_CUTOFF, cutoff, cutoff, cutoff - 48 * hour)
    ]
    assert list(marks["All received"].x) == [clock(cutoff - 27 * hour)]
    assert [text.strip() for text in marks["All received"].text] == ["1 order"]
    assert list(marks["Due"].x) == [
        clock(files.NEXT_CUTOFF + 20 * hour), clock(cutoff + 92 * hour),
    ]  # fmt: skip
    assert [text.strip() for text in marks["Due"].text] == ["to come", "1 order"]
    assert [text.strip() for text in marks["Late"].text] == ["▲ 1 of 2 orders late"]
    assert marks["Late"].marker.symbol == "triangle-up"
    # What is still to come is late up to now.
    late = next(t for t in chart.data if t.name == "Late" and t.mode == "lines")
    assert list(late.x) == [clock(cutoff + 20 * hour), clock(files.AS_OF), None]
    [now] = [shape for shape in chart.layout.shapes if shape.type == "line"]
    assert now.x0 == clock(files.AS_OF)
    assert next(iter(chart.layout.yaxis.ticktext)) == "Sun 4 Jan"


def test_stores_have_lines_of_their_own_or_share_them(two_stores):
    own = supply.timeline(["S001", "S002"], by_store=True, cutoffs=1)
    assert own.get_column("store_name").to_list() == ["Smart Shelf Scandiano", "Smart Shelf Turku"]
    names = timeline(own, files.AS_OF, "Europe/Rome", LIGHT).layout.yaxis.ticktext
    assert list(names) == ["Sun 4 Jan, Smart Shelf Scandiano", "Sun 4 Jan, Smart Shelf Turku"]
    shared = supply.timeline(["S001", "S002"], by_store=False, cutoffs=9)
    assert shared.select("stores", "orders", "late", "late_stores").rows() == [
        (2, 0, 0, 0), (2, 4, 2, 2), (2, 2, 0, 0), (2, 2, 0, 0),
    ]  # fmt: skip
    chart = timeline(shared, files.AS_OF, "Europe/Rome", LIGHT)
    assert next(iter(chart.layout.yaxis.ticktext)) == "Sun 4 Jan, 2 stores"
    assert [text.strip() for text in chart.data[-1].text] == ["▲ 2 of 4 orders late in 2 stores"]


# The page


@pytest.mark.usefixtures("one_store")
def test_deliveries_begin_with_how_orders_came(open_page):
    app = open_page("supply", supply="Deliveries")
    assert not app.exception
    assert "**From cutoff to receipt**: ▲ **1 order** of the last cutoffs late." in words(app)


def test_an_older_lake_that_does_not_know_what_is_late_shows_the_rest(open_page, serving):
    columns = files.TABLES["ops.supplier_orders"].replace("is_late BOOLEAN,", "")
    orders = files.supply()
    for order in orders["ops.supplier_orders"]:
        del order["is_late"]
    files.write(
        serving, files.catalogue(), files.store(), files.stock(), orders,
        more_tables={"ops.supplier_orders": columns},
    )  # fmt: skip
    app = open_page("supply", supply="Deliveries")
    assert not app.exception
    assert "another version of Smart Shelf" in words(app)
    assert "**3 delivery days**" in words(app)


@pytest.mark.usefixtures("one_store")
def test_figures_count_down_in_the_time_of_the_data(open_page):
    app = open_page("supply")
    assert not app.exception
    assert figure(app, "Next cutoff") == "Sun 12:00"
    assert figure(app, "Next delivery") == "Mon 08:00"
    deltas = {metric.label: metric.delta for metric in app.metric}
    assert deltas["Next cutoff"] == "in 23 h 12 min"
    assert deltas["Next delivery"] == "in 1 d 19 h"
    assert figure(app, "Planned lines") == "2"
    assert figure(app, "Planned (pcs)") == "36"
    assert figure(app, "Held back") == "1"
    assert figure(app, "On order") == "48"
    assert figure(app, "Overdue") == "1"
    assert "**3** of 3 lines, **36** pcs to order." in words(app)


@pytest.mark.usefixtures("one_store")
def test_the_plan_tells_decisions_by_signs_as_well(open_page):
    app = open_page("supply")
    shown = table(app, "bound_label").set_index("shelf_id")
    assert shown["state"].to_dict() == {
        "MEABEE0001": "As planned",
        "BEELAG0003": "◆ Changed",
        "MEACHI0002": "✕ Held back",
    }
    assert shown["bound_label"]["MEACHI0002"] == "Room"
    app.multiselect(key="decision").set_value(["held"]).run()
    assert "**1** of 3 lines, **0** pcs to order." in words(app)
    app.multiselect(key="bound").set_value(["batch"]).run()
    assert "No line fits the filters." in words(app)


@pytest.mark.usefixtures("one_store")
def test_the_line_of_the_address_is_explained(open_page):
    app = open_page("supply", line=LAGER)
    assert not app.exception
    shown = words(app)
    assert "BEELAG0003, Lager" in shown
    assert "more would expire before it is sold" in shown
    assert "fair in &lt;town&gt;" in shown
    assert table(app, "missing_qty")["order_id"].tolist() == ["o-4"]


@pytest.mark.usefixtures("two_stores")
def test_all_stores_together(open_page):
    app = open_page("supply", store="All stores")
    assert not app.exception
    assert figure(app, "Planned (pcs)") == "72"
    assert set(table(app, "bound_label")["store_name"]) == {
        "Smart Shelf Scandiano",
        "Smart Shelf Turku",
    }


@pytest.mark.usefixtures("one_store")
def test_orders_tell_what_differs(open_page):
    app = open_page("supply", supply="Orders")
    assert not app.exception
    shown = table(app, "damaged_qty").set_index("order_id")
    assert shown["state"].to_dict() == {
        "o-3": "▲ Overdue",
        "o-4": "● Issued",
        "o-1": "◆ Delivered, differs",
        "o-2": "✓ Delivered",
    }
    app.toggle(key="differences").set_value(True).run()
    assert "**1** of 4 orders, **24** pcs, due in the last 30 days or still to come." in words(app)
    app.text_input(key="order_search").input("lager").run()
    assert "No order fits the filters." in words(app)


@pytest.mark.usefixtures("one_store")
def test_deliveries_are_drawn_and_listed(open_page):
    app = open_page("supply", supply="Deliveries")
    assert not app.exception
    _, chart = app.get("plotly_chart")
    assert "Not there yet" in [trace["name"] for trace in json.loads(chart.proto.spec)["data"]]
    assert table(app, "outstanding")["ordered"].tolist() == [36, 36, 12]


@pytest.mark.usefixtures("one_store")
def test_a_past_cutoff_shows_its_lines(open_page):
    app = open_page("supply", supply="Past cutoffs")
    closed = table(app, "order_pieces")
    assert closed["order_pieces"].tolist() == [72, 12]
    choose_rows(app, "supply_cutoffs", closed["row_id"].tolist()[0])
    assert not app.exception
    assert table(app, "bound_label")["shelf_id"].tolist() == ["WINRED0004"]
    choose_rows(app, "supply_cutoffs:lines", "S001/WINRED0004/20260101T1100Z")
    assert "were ordered at the cutoff and have come" in words(app)
    choose_rows(app, "supply_cutoffs", closed["row_id"].tolist()[1])
    assert "not kept any more" in words(app)


def test_nothing_to_order_and_nothing_ordered_yet(open_page, serving):
    coming = {"ops.supplier_cutoffs": files.supply()["ops.supplier_cutoffs"][:1]}
    files.write(serving, files.catalogue(), files.store(), coming)
    assert "Nothing needs to be ordered" in words(open_page("supply"))
    for section in ("Orders", "Deliveries"):
        assert "Nothing has been ordered so far" in words(open_page("supply", supply=section))
    assert "No cutoff has passed" in words(open_page("supply", supply="Past cutoffs"))


# Decisions


def fill(app, *, name="Anna", note=""):
    app.text_input(key="actor").input(name)
    app.text_input(key="supply_plan:note").input(note)
    return app


@pytest.mark.usefixtures("one_store")
def test_chosen_lines_are_held_back_and_marked(open_page, fake_broker):
    app = choose_rows(open_page("supply"), "supply_plan", BEEF, CHICKEN, LAGER)
    labels = {button.label: button.disabled for button in app.button}
    # What is held back already cannot be held back again.
    assert labels == {"Approve 3": False, "Hold 2": False, "Change": True}
    press(fill(app, note="fridge is broken"), "Hold")
    assert "**2 lines** of the next order of **Smart Shelf Scandiano** will not be" in words(app)
    assert not fake_broker.entries
    agree(app)
    assert not app.exception
    assert [stream for stream, _ in fake_broker.entries] == ["operator_events:S001"] * 2
    events = {event["data"]["shelf_id"]: event for _, event in fake_broker.entries}
    assert set(events) == {"MEABEE0001", "BEELAG0003"}
    assert events["MEABEE0001"]["type"] == "com.smartshelf.operator.supplier_order_held.v1"
    assert events["MEABEE0001"]["data"] == {
        "store_id": "S001",
        "shelf_id": "MEABEE0001",
        "cutoff_ts": "2026-01-04T11:00:00.000000Z",
        "actor": "Anna",
        "note": "fridge is broken",
    }
    assert "Sent: 2 lines held. It takes effect with the next micro-batch" in words(app)
    shown = table(app, "bound_label").set_index("shelf_id")["state"]
    assert shown["MEABEE0001"] == "⏳ holding back"
    assert shown["MEACHI0002"] == "✕ Held back"
    assert not app.button


@pytest.mark.usefixtures("one_store")
def test_a_held_line_can_be_approved(open_page, fake_broker):
    app = choose_rows(open_page("supply"), "supply_plan", CHICKEN)
    press(fill(app), "Approve 1")
    assert not fake_broker.entries
    agree(app)
    [(_, event)] = fake_broker.entries
    assert event["type"] == "com.smartshelf.operator.supplier_order_approved.v1"
    assert "note" not in event["data"]
    assert table(app, "bound_label").set_index("shelf_id")["state"]["MEACHI0002"] == "⏳ approving"


@pytest.mark.usefixtures("one_store")
def test_a_quantity_is_changed_with_a_reason(open_page, fake_broker):
    app = choose_rows(open_page("supply"), "supply_plan", BEEF)
    quantity = app.number_input(key=f"supply_plan:pieces:{BEEF}")
    assert quantity.value == 24
    quantity.set_value(36)
    press(fill(app), "Change")
    assert "The reason is missing" in words(app)
    assert not fake_broker.entries
    app.number_input(key=f"supply_plan:pieces:{BEEF}").set_value(36)
    press(fill(app, note="fair in town"), "Change")
    told = words(app)
    assert "will be changed from **24 pieces**, **84 EUR** at list prices to **36 pieces**" in told
    assert not fake_broker.entries
    agree(app)
    [(_, event)] = fake_broker.entries
    assert event["data"]["order_quantity"] == 36
    assert event["data"]["note"] == "fair in town"
    assert table(app, "bound_label").set_index("shelf_id")["state"]["MEABEE0001"] == "⏳ changing"


@pytest.mark.usefixtures("one_store")
def test_a_decision_needs_a_name(open_page, fake_broker):
    app = choose_rows(open_page("supply"), "supply_plan", BEEF)
    press(fill(app, name=" "), "Approve")
    assert "Your name is missing" in words(app)
    assert not fake_broker.entries


def test_the_mark_goes_when_the_decision_has_come_back(open_page, one_store, fake_broker):
    app = choose_rows(open_page("supply"), "supply_plan", BEEF)
    agree(press(fill(app), "Hold"))
    [(_, event)] = fake_broker.entries
    changed = files.loop()
    changed["ops.supplier_plan"][0] |= {"decision": "held", "order_qty": 0, "actor": "Anna"}
    changed["ops.operator_actions"].append(
        {"event_id": event["id"], "store_id": "S001", "action": "supplier_order_held"}
    )
    later = datetime.now(UTC) + timedelta(seconds=1)
    files.write(
        one_store, files.catalogue(), files.store(), files.stock(), changed, published_at=later
    )
    app.run()
    assert not app.exception
    assert table(app, "bound_label").set_index("shelf_id")["state"]["MEABEE0001"] == "✕ Held back"


# What came into the warehouse


def scanned(minutes, item, lot, pieces=12, store_id="S001", kind="WH_IN", **more):
    """Return the movement of a lot into the warehouse."""
    return {
        "source_table": "warehouse_events",
        "event_id": f"{store_id}-in-{minutes}",
        "movement_type": kind,
        "location": "warehouse",
        "store_id": store_id,
        "item_id": item,
        "batch_code": lot,
        "ref_id": f"order-{lot}",
        "qty_signed": pieces,
        "event_ts": files.ago(minutes),
        "event_date": files.ago(minutes).date(),
        "received_date": files.ago(minutes).date(),
    } | more


def restocked(serving, *movements, stores=("S001",)):
    turku = files.store("S002", name="Smart Shelf Turku", timezone="Europe/Helsinki")
    shelves = [part for store in stores for part in (files.stock(store), files.loop(store))]
    return files.write(
        serving, files.catalogue(), files.store(), *([turku] if len(stores) > 1 else []), *shelves,
        {"cleansed.stock_movements": list(movements)},
    )  # fmt: skip


DAY = 24 * 60
OF_ONE_STORE = (
    scanned(60, "MEABEE0001", "L-B1"),
    scanned(70, "MEABEE0001", "L-B2"),
    scanned(80, "MEACHI0002", "L-C1", 5, kind="RESTOCK_RETURN"),
    scanned(2 * DAY, "WINRED0004", "L-W1", 30),
    scanned(40 * DAY, "WINRED0004", "L-W0", 99),
    # Neither is a lot that came in.
    scanned(50, "MEABEE0001", "L-B1", -3, kind="WH_OUT"),
    scanned(55, "MEACHI0002", "L-C1", -5, kind="RESTOCK_RETURN", location="transit"),
)


def test_days_on_which_goods_came_into_the_warehouse(serving):
    restocked(serving, *OF_ONE_STORE)
    found = supply.restocks(["S001"], files.TODAY - timedelta(days=29), files.TODAY)
    told = found.select("day", "shelves", "lots", "pieces", "returned_pieces").rows()
    assert told == [
        (files.TODAY, 2, 3, 29, 5),
        (files.TODAY - timedelta(days=2), 1, 1, 30, 0),
    ]
    assert found.row(0, named=True)["last_ts"] == files.ago(60)
    assert found.row(0, named=True)["first_ts"] == files.ago(80)


def test_a_day_is_that_of_the_store(serving):
    """22:30 UTC is half past midnight in Turku, and half past eleven in Rome."""
    late = datetime(2026, 1, 1, 22, 30, tzinfo=UTC)
    restocked(
        serving,
        *(
            scanned(1, "MEABEE0001", "L-1", store_id=store, event_ts=late, event_date=late.date())
            for store in ("S001", "S002")
        ),
        stores=("S001", "S002"),
    )
    found = supply.restocks(["S001", "S002"], date(2025, 12, 30), date(2026, 1, 3))
    assert dict(found.select("store_id", "day").iter_rows()) == {
        "S001": date(2026, 1, 1),
        "S002": date(2026, 1, 2),
    }
    assert len(supply.restocks(["S001", "S002"], date(2026, 1, 2), date(2026, 1, 2))) == 1
    assert supply.restocked_lots("S002", date(2026, 1, 1)).is_empty()
    assert supply.restocked_lots("S002", date(2026, 1, 2))["batch_code"].to_list() == ["L-1"]


def test_the_warehouse_tells_its_last_restock_and_the_lots(open_page, serving):
    restocked(serving, *OF_ONE_STORE)
    app = open_page("supply", supply="Warehouse")
    assert not app.exception
    assert "**29** pcs of 3 lots for 2 shelves on that day" in words(app)
    lots = table(app, "came_for")
    assert lots["batch_code"].tolist() == ["L-B1", "L-B2", "L-C1"]
    assert lots["reason"].tolist() == ["Delivered", "Delivered", "Did not fit on the shelf"]
    assert lots["came_for"].tolist()[0] == "order-L-B1"
    older = files.TODAY - timedelta(days=2)
    app = choose_rows(app, "supply_restocks", f"S001/{older}")
    assert not app.exception
    assert table(app, "came_for")["batch_code"].tolist() == ["L-W1"]
    # What was told of the last restock stays.
    assert "**29** pcs of 3 lots" in words(app)


def test_pieces_of_a_lot_that_are_left_stand_beside_what_came(serving):
    restocked(serving, scanned(60, "MEABEE0001", "L-M1"), scanned(61, "MEABEE0001", "L-GONE"))
    found = supply.restocked_lots("S001", files.TODAY)
    assert found.select("batch_code", "left_now").rows() == [("L-M1", 40), ("L-GONE", 0)]


def test_a_warehouse_that_got_nothing_says_so(open_page, serving):
    restocked(serving, scanned(40 * DAY, "WINRED0004", "L-W0"))
    app = open_page("supply", supply="Warehouse")
    assert not app.exception
    assert "Nothing came into the warehouse in the last 30 days" in words(app)


def test_restocks_of_all_stores_name_theirs(open_page, serving):
    restocked(
        serving,
        scanned(90, "MEABEE0001", "L-1"),
        scanned(60, "WINRED0004", "L-2", store_id="S002"),
        stores=("S001", "S002"),
    )
    app = open_page("supply", supply="Warehouse", store="All stores")
    assert not app.exception
    assert "in Smart Shelf Turku, with **12** pcs of 1 lot for 1 shelf" in words(app)
    assert table(app, "lots")["store_id"].tolist() == ["S002", "S001"]
    assert table(app, "came_for")["store_id"].tolist() == ["S002"]
