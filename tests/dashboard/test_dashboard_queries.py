"""What the pages ask: the right rows, whatever the filter."""

import re
from datetime import timedelta

import pytest
import serving_files as files
import yaml

from dashboard.data import alerts, audit, states, store_map, stores, system
from dashboard.data.alerts import AlertFilter
from dashboard.data.states import StateFilter

BOTH = ("S001", "S002")
YESTERDAY = files.TODAY - timedelta(days=1)


def shelves(**wanted):
    store_ids = wanted.pop("store_ids", ("S001",))
    return states.states("shelf", StateFilter(store_ids, **wanted))


def ids(frame):
    return frame.get_column("shelf_id").to_list()


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["MEABEE0001", "MEACHI0002", "WINRED0004", "BEELAG0003"]),
        ({"categories": ("MEAT",)}, ["MEABEE0001", "MEACHI0002"]),
        ({"categories": ("MEAT",), "subcategory": "Beef"}, ["MEABEE0001"]),
        ({"categories": ("BEERS",), "subcategory": "Beef"}, []),
        ({"only_low": True}, ["MEABEE0001", "MEACHI0002", "WINRED0004"]),
        ({"text": "  lager "}, ["BEELAG0003"]),
        ({"text": "mea"}, ["MEABEE0001", "MEACHI0002"]),
        ({"text": "RED"}, ["WINRED0004"]),
        ({"text": "%"}, []),
        ({"text": "' or 1 = 1 --"}, []),
        ({"store_ids": ()}, []),
    ],
)
def test_shelf_filters(wanted, expected):
    assert ids(shelves(**wanted)) == expected


@pytest.mark.usefixtures("two_stores")
def test_shelves_of_several_stores():
    assert len(shelves(store_ids=("S002",))) == 4
    assert len(shelves(store_ids=BOTH)) == 8
    assert states.total("shelf", BOTH) == 8
    assert states.total("warehouse", ("S002",)) == 4


@pytest.mark.usefixtures("one_store")
def test_warehouse_filters():
    assert ids(states.states("warehouse", StateFilter(("S001",), only_low=True))) == ["MEACHI0002"]
    assert len(states.states("warehouse", StateFilter(("S001",)))) == 4


@pytest.mark.usefixtures("one_store")
def test_subcategories_follow_their_category():
    assert states.subcategories(("S001",)).rows() == [
        ("BEERS", "Lager"),
        ("MEAT", "Beef"),
        ("MEAT", "Chicken"),
        ("WINES", "Red wines"),
    ]


@pytest.mark.usefixtures("two_stores")
def test_an_item_is_that_of_its_store():
    assert states.item("S002", "MEABEE0001").row(0, named=True)["warehouse_stock"] == 40
    assert states.item("S003", "MEABEE0001").is_empty()


@pytest.mark.usefixtures("two_stores")
def test_the_trajectory_adds_up_all_movements_of_one_store():
    frame = states.trajectory("S001", "MEABEE0001", None)
    by_place = {
        location: rows.get_column("stock").to_list()
        for (location,), rows in frame.group_by("location", maintain_order=True)
    }
    assert by_place == {"shelf": [18, 5, 15, 0], "warehouse": [50, 40]}


@pytest.mark.usefixtures("one_store")
def test_a_shorter_period_starts_from_what_was_there():
    frame = states.trajectory("S001", "MEABEE0001", files.AS_OF - timedelta(minutes=295))
    assert frame.select("location", "stock").rows() == [
        ("shelf", 5),
        ("shelf", 15),
        ("shelf", 0),
        ("warehouse", 40),
    ]


@pytest.mark.usefixtures("one_store")
def test_thresholds_are_those_of_the_item():
    frame = states.thresholds("S001", "BEELAG0003")
    assert frame.select("location", "low_below_qty", "target_qty").rows() == [
        ("shelf", 12, 32),
        ("warehouse", 5, 80),
    ]


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["wh-chicken", "ack-wine", "open-meat", "resolved-meat"]),
        ({"statuses": ("open", "ack")}, ["wh-chicken", "ack-wine", "open-meat"]),
        ({"types": ("supplier_request",)}, ["wh-chicken"]),
        ({"locations": ("shelf",), "statuses": ("open",)}, ["open-meat"]),
        ({"categories": ("WINES", "BEERS")}, ["ack-wine"]),
        ({"severities": ("HIGH",)}, []),
        ({"severities": ("CRITICAL",)}, ["wh-chicken", "ack-wine", "open-meat"]),
        # What is active is shown however old it is, but not of days that end.
        ({"since": files.TODAY}, ["wh-chicken", "ack-wine", "open-meat"]),
        ({"since": YESTERDAY}, ["wh-chicken", "ack-wine", "open-meat", "resolved-meat"]),
        ({"since": YESTERDAY, "until": YESTERDAY}, ["resolved-meat"]),
        ({"text": "chick"}, ["wh-chicken"]),
        ({"text": "red wines"}, ["ack-wine"]),
        ({"text": "resolved-"}, ["resolved-meat"]),
        ({"text": "'; drop"}, []),
    ],
)
def test_alert_filters(wanted, expected):
    found = alerts.alerts(["S001"], AlertFilter(**wanted))
    assert found.get_column("alert_id").to_list() == expected


@pytest.mark.usefixtures("two_stores")
def test_alerts_of_chosen_stores_only():
    assert alerts.count(["S001"]) == 4
    assert alerts.count(["S001", "S002"]) == 8
    found = alerts.alerts(["S002"], AlertFilter(statuses=("ack",)))
    assert found.get_column("alert_id").to_list() == ["S002-ack-wine"]
    assert found.get_column("store_name").to_list() == ["Smart Shelf Turku"]


def test_today_is_the_stores_own(serving):
    # 23:30 UTC on the 2nd is the 3rd in Rome, 22:30 is still the 2nd.
    rows = [
        files.alert("new", "BEELAG0003", "BEERS", "resolved", opened_ts=files.ago(12 * 60 + 18)),
        files.alert("old", "BEELAG0003", "BEERS", "open", opened_ts=files.ago(13 * 60 + 18)),
    ]
    files.write(serving, files.catalogue(), files.store(), {"ops.alerts": rows})
    figures = alerts.figures(["S001"]).row(0, named=True)
    assert figures["opened_today"] == 1
    assert figures["resolved_today"] == 1


@pytest.mark.usefixtures("one_store")
def test_trail_and_tasks_of_an_alert():
    assert alerts.transitions("ack-wine").get_column("to_status").to_list() == ["open", "ack"]
    assert alerts.tasks("ack-wine").get_column("command_id").to_list() == ["c-2", "c-1"]
    assert alerts.transitions("nobody").is_empty()


@pytest.mark.usefixtures("one_store")
def test_statuses_of_known_alerts_only():
    assert alerts.statuses(["ack-wine", "gone"]) == {"ack-wine": "ack"}


@pytest.mark.usefixtures("two_stores")
def test_shelves_of_a_zone_show_what_is_planned_before_what_was_done():
    frame = store_map.shelves("S001", "WINES")
    assert frame.select("task_status", "task_qty").rows() == [("in_transit", 16)]
    frame = store_map.shelves("S001", "MEAT")
    assert frame.select("shelf_id", "task_status", "task_qty").rows() == [
        ("MEABEE0001", "pending", 14),
        ("MEACHI0002", None, None),
    ]


@pytest.mark.usefixtures("one_store")
def test_all_alerts_are_on_the_map():
    assert store_map.alerts_off_the_map("S001") == 0


@pytest.mark.usefixtures("one_store")
def test_people_of_today_only():
    assert stores.people_today("S001").get_column("people_in_store").to_list() == [9, 12, 30]


@pytest.mark.usefixtures("one_store")
def test_streams_lag_behind_the_publication():
    frame = system.streams()
    assert dict(frame.select("topic", "lag_s").iter_rows()) == {
        "shelf_events": 120.0,
        "operator_events": None,
    }


@pytest.mark.usefixtures("one_store")
def test_tables_have_their_rows_where_they_are_served():
    rows = {row["table"]: row for row in system.tables().iter_rows(named=True)}
    assert rows["ops/alerts"]["rows"] == 4
    assert rows["raw/shelf_events"]["rows"] is None
    assert system.row_counts([]) == []


@pytest.mark.usefixtures("one_store")
def test_refusals_newest_first():
    assert system.refusals().get_column("events").to_list() == [12]
    newest = system.latest_refusals().get_column("event_id").to_list()
    assert newest == ["till-0", "till-1", "till-2"]


@pytest.mark.usefixtures("two_stores")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2, 3]),
        ({"actors": ["Anna"]}, [0, 2]),
        ({"kinds": ["supplier_order_held", "stock_counted"]}, [0, 2]),
        ({"text": "ACK-wine"}, [3]),
        ({"text": "l-c1"}, [0]),
        ({"text": "lager"}, [1]),
        ({"text": "torn"}, [0]),
        ({"text": "'"}, []),
    ],
)
def test_audit_filters(wanted, expected):
    found = audit.actions(["S001"], **wanted).get_column("event_id").to_list()
    assert found == [f"S001-operator-{number}" for number in expected]


@pytest.mark.usefixtures("one_store")
def test_only_events_that_are_published_have_arrived():
    assert audit.arrived(["S001-operator-1", "S001-operator-lost"]) == ["S001-operator-1"]


def published_columns():
    """Return columns and types of the published models, as dbt declares them."""
    found = {}
    for path in (files.ROOT / "dbt_project" / "models").glob("*/_*__models.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            publish = model.get("config", {}).get("meta", {}).get("publish")
            if publish:
                found[f"{path.parent.name}.{model['name']}"] = {
                    column["name"]: column["data_type"] for column in model["columns"]
                }
    return found


def declared(columns):
    pattern = r'"?(\w+)"? (VARCHAR|TIMESTAMPTZ|[A-Z]+(?:\(\d+,\d+\))?)'
    aliases = {"TIMESTAMPTZ": "timestamp with time zone"}
    return {name: aliases.get(kind, kind.lower()) for name, kind in re.findall(pattern, columns)}


def test_the_fixtures_have_the_columns_that_are_published():
    published = published_columns()
    known = [table for table in files.TABLES if table in published]
    assert len(known) >= 13
    for table in known:
        for name, kind in declared(files.TABLES[table]).items():
            assert published[table].get(name) == kind, f"{table}.{name}"
