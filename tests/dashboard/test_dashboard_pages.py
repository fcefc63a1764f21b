"""Every page in every condition the data may be in."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
import serving_files as files
from app_support import choose_rows, figure, table, words

from dashboard import text
from dashboard.components import tables
from dashboard.registry import PAGES
from dashboard.views import store_map
from smartshelf_dagster.storage.serving import ServingVersion

PATHS = [page.path for page in PAGES]
TITLES = {page.path: page.title for page in PAGES}


def open_cleanly(open_page, path, **query):
    app = open_page(path, **query)
    assert not app.exception
    assert [title.value for title in app.title] == [TITLES[path]]
    return app


@pytest.fixture
def every_page(open_page, at_page):
    """Go from page to page in one session: a new one for each costs ten times as much."""

    def walk():
        app = open_page(PATHS[0])
        for path in PATHS:
            app = at_page(app, path)
            assert not app.exception, path
            assert [title.value for title in app.title] == [TITLES[path]]
            yield path, app

    return walk


def plotted(app, name):
    """Return the plotted figure with a trace of that name."""
    for chart in app.get("plotly_chart"):
        spec = json.loads(chart.proto.spec)
        if any(trace.get("name") == name for trace in spec["data"]):
            return spec
    raise AssertionError(f"no figure with a trace {name}")


def test_a_missing_file_is_explained(every_page):
    for path, app in every_page():
        shown = words(app)
        assert "Nothing has been published yet" in shown, path
        assert "`make up`" in shown, path
        assert "`smartshelf run --days 1`" in shown, path


def test_a_file_without_stores_is_explained(every_page, serving):
    files.write(serving)
    for path, app in every_page():
        shown = words(app)
        assert "do not name a single store" in shown, path
        assert "`make up`" in shown, path


def test_an_unfinished_publication_is_explained(every_page, serving):
    files.write(serving, files.store(), is_described=False)
    for path, app in every_page():
        assert "The publication is not complete" in words(app), path


@pytest.mark.parametrize(
    ("path", "explained"),
    [
        ("map", "no stock of it was counted"),
        ("states", "nothing has been put on their shelves"),
        ("alerts", "No alert so far"),
        ("supply", "Neither a cutoff nor an order"),
        ("lots", "No pieces were put on shelves"),
        ("waste", "No lot has come near its last day"),
    ],
)
def test_a_store_without_stock_yet_is_explained(open_page, serving, path, explained):
    files.write(serving, files.catalogue(), files.store())
    shown = words(open_cleanly(open_page, path))
    assert explained in shown.replace("\n", " ")
    assert "`smartshelf run --days 1`" in shown


def test_a_store_that_has_not_reported_is_explained(open_page, serving):
    files.write(serving, files.catalogue(), {"ref.stores": files.store()["ref.stores"]})
    assert "has not reported yet" in words(open_cleanly(open_page, "map"))


@pytest.mark.parametrize(
    "path", ["map", "states", "alerts", "supply", "inventory", "optimisation", "lots", "waste"]
)
def test_a_store_without_sensors_is_explained(open_page, serving, path):
    files.write(serving, files.catalogue(), files.store(tracks_stock=False))
    app = open_cleanly(open_page, path)
    assert "This store has no shelf sensors" in words(app)
    assert not app.get("plotly_chart")


def test_a_store_without_sensors_shows_its_sales_only(open_page, serving):
    files.write(serving, files.catalogue(), files.store(tracks_stock=False))
    labels = [metric.label for metric in open_page("map").metric]
    assert labels == ["Receipts today", "Units today (pcs)", "Sales today (EUR)"]


@pytest.mark.parametrize(
    ("path", "needed"),
    [
        ("map", "ref.zones"),
        ("map", "live.category_status"),
        ("states", "cleansed.shelf_state"),
        ("item", "cleansed.shelf_state"),
        ("alerts", "ops.alerts"),
        ("supply", "ops.supplier_cutoffs"),
        ("forecast", "ml.predictions"),
        ("lots", "cleansed.shelf_batch_state"),
        ("waste", "live.waste_daily"),
        ("audit", "ops.operator_actions"),
        ("live", "live.live_kpis"),
        ("overview", "live.system_status"),
        ("system", "live.stream_status"),
    ],
)
def test_another_version_is_explained(open_page, serving, path, needed):
    files.write(serving, files.store(), leave_out=[needed])
    shown = words(open_cleanly(open_page, path))
    assert "another version of Smart Shelf" in shown
    assert needed.split(".")[1] in shown
    assert "`smartshelf rebuild`" in shown


@pytest.mark.parametrize(
    "path",
    [
        "overview", "inventory", "optimisation", "sales", "history", "stores", "customers",
        "baskets", "anomalies",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("one_store")
def test_analytics_that_are_still_to_come_are_explained(open_page, path):
    shown = words(open_cleanly(open_page, path))
    assert "are not computed yet" in shown
    assert "`smartshelf analyse`" in shown


def test_a_damaged_file_is_explained(every_page, serving):
    serving.parent.mkdir(parents=True)
    serving.write_bytes(b"not a database" * 1000)
    for path, app in every_page():
        shown = words(app)
        assert "cannot be read" in shown, path
        assert "`smartshelf rebuild`" in shown, path


@pytest.mark.usefixtures("one_store")
def test_a_setting_that_cannot_be_used_is_explained(open_page, monkeypatch):
    monkeypatch.setenv("SMARTSHELF_MICRO_BATCH_INTERVAL_S", "often")
    shown = words(open_cleanly(open_page, "map"))
    assert "A setting cannot be used" in shown
    assert "SMARTSHELF_MICRO_BATCH_INTERVAL_S='often'" in shown


@pytest.mark.usefixtures("one_store")
def test_one_store_needs_no_choice(every_page):
    for path, app in every_page():
        assert "store" not in [box.key for box in app.selectbox], path
        assert "Sat 3 Jan 2026, 12:48" in words(app), path
        assert "in Scandiano" in words(app), path


@pytest.mark.parametrize("path", [page.path for page in PAGES if not page.is_of_all_stores])
@pytest.mark.usefixtures("two_stores")
def test_the_address_names_the_store(open_page, path):
    app = open_cleanly(open_page, path, store="Smart Shelf Turku (S002)")
    assert app.selectbox(key="store").value == "S002"
    assert "Sat 3 Jan 2026, 13:48" in words(app)
    assert app.query_params["store"] == "Smart Shelf Turku (S002)"


@pytest.mark.parametrize("path", [page.path for page in PAGES if page.is_of_all_stores])
@pytest.mark.usefixtures("two_stores")
def test_a_page_told_by_no_store_has_no_choice_of_one_and_keeps_that_of_others(
    open_page, at_page, path
):
    app = open_page("map", store="Smart Shelf Turku (S002)")
    at_page(app, path)
    assert not app.exception
    assert "store" not in [box.key for box in app.selectbox]
    assert "Sat 3 Jan 2026" in words(app)
    assert at_page(app, "map").selectbox(key="store").value == "S002"


@pytest.mark.usefixtures("two_stores")
def test_choosing_a_store_changes_figures(open_page):
    app = open_page("map")
    assert figure(app, "People") == "30"
    app.selectbox(key="store").select("S002").run()
    assert figure(app, "People") == "11"


@pytest.mark.parametrize(
    ("path", "has_all"),
    [
        ("overview", True),
        ("live", True),
        ("map", False),
        ("states", True),
        ("item", False),
        ("alerts", True),
        ("supply", True),
        ("inventory", True),
        ("optimisation", True),
        ("stores", True),
        ("forecast", False),
        ("lots", True),
        ("waste", True),
        ("audit", True),
    ],
)
@pytest.mark.usefixtures("two_stores")
def test_only_pages_with_tables_show_all_stores(open_page, path, has_all):
    names = open_page(path).selectbox(key="store").options
    assert ("All stores" in names) is has_all


@pytest.mark.usefixtures("two_stores")
def test_all_stores_together(open_page, monkeypatch):
    app = open_cleanly(open_page, "states", store="All stores")
    assert set(table(app, "fill_percent")["store_id"]) == {"S001", "S002"}
    assert len(table(app, "fill_percent")) == 8
    monkeypatch.setattr(tables, "SHOWN_PLACES", 3)
    for stock in ("Shelves", "Lots on shelves"):
        app = open_cleanly(open_page, "states", store="All stores", stock=stock)
        assert "The first 3 are shown." in words(app)
        assert len(table(app, "subcategory")) == 3
    app = open_cleanly(open_page, "alerts", store="All stores")
    assert figure(app, "Open") == "4"


@pytest.mark.parametrize("path", PATHS)
def test_old_data_are_announced(open_page, serving, path):
    old = datetime.now(UTC) - timedelta(hours=3, minutes=20)
    files.write(serving, files.catalogue(), files.store(), files.stock(), published_at=old)
    app = open_cleanly(open_page, path)
    banner = app.warning[0].value
    assert f"Nothing new has been published since {text.local_time(old, 'UTC')} UTC" in banner
    assert "`make up`" in banner
    assert "▲ 3 h 20 min old" in words(app)


@pytest.mark.parametrize(("seconds", "is_old"), [(170, False), (190, True)])
def test_data_are_old_after_three_missed_publications(open_page, serving, seconds, is_old):
    moment = datetime.now(UTC) - timedelta(seconds=seconds)
    files.write(serving, files.catalogue(), files.store(), files.stock(), published_at=moment)
    assert bool(open_page("map").warning) is is_old


def test_a_new_publication_is_seen(open_page, one_store):
    app = open_page("map")
    assert figure(app, "People") == "30"
    files.write(one_store, files.catalogue(), files.store(people=44), files.stock())
    assert figure(app.run(), "People") == "44"


# Store map


@pytest.mark.usefixtures("one_store")
def test_the_map_shows_figures_zones_and_where_help_is_needed(open_page):
    app = open_cleanly(open_page, "map")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "People in store": "30",
        "Shelf alerts": "2",
        "Warehouse alerts": "1",
        "Empty shelves": "1",
        "Open tasks": "1",
        "Receipts today": "469",
        "Units today (pcs)": "6650",
        "Sales today (EUR)": "35236",
    }
    bars = next(trace for trace in plotted(app, "zones")["data"] if trace["name"] == "zones")
    assert len(bars["customdata"]) == 29
    needy = table(app, "acknowledged")
    assert needy["label"].tolist() == ["Meat", "Wines"]
    assert needy["open"].tolist() == [1, 0]
    assert needy["acknowledged"].tolist() == [0, 1]


@pytest.mark.usefixtures("one_store")
def test_people_of_the_stores_own_day_are_drawn(open_page):
    charts = [json.loads(c.proto.spec) for c in open_page("map").get("plotly_chart")]
    lines = [trace for spec in charts for trace in spec["data"] if trace.get("fill") == "tozeroy"]
    # Rome is an hour ahead: its day begins at 23:00 UTC.
    assert lines[0]["x"] == [
        "2026-01-03T00:30:00",
        "2026-01-03T11:48:00",
        "2026-01-03T12:43:00",
    ]


@pytest.mark.usefixtures("one_store")
def test_the_zone_of_the_address_is_open(open_page):
    app = open_cleanly(open_page, "map", zone="Meat")
    shown = words(app)
    assert "2 of 2 shelves low, 1 empty" in shown
    assert table(app, "state")["alert_id"].tolist() == ["open-meat", "wh-chicken"]
    shelves = next(e.proto.body for e in app.get("html") if "<tbody>" in e.proto.body)
    assert shelves.index("MEABEE0001") < shelves.index("MEACHI0002")
    assert "0 / 20" in shelves
    assert "▲ Empty" in shelves
    assert "Planned, 14 pcs" in shelves


@pytest.mark.usefixtures("one_store")
def test_the_newest_task_of_a_shelf_is_shown(open_page):
    shown = words(open_page("map", zone="Wines"))
    assert "On its way, 16 pcs" in shown
    assert "Done, 11 pcs" not in shown


@pytest.mark.usefixtures("one_store")
def test_choosing_a_zone_opens_it_and_marks_it(open_page):
    app = open_page("map")
    app.selectbox(key="zone").select("wines").run()
    assert "WINRED0004" in words(app)
    bars = plotted(app, "zones")["data"][0]
    widths = dict(
        zip((name for (name,) in bars["customdata"]), bars["marker"]["line"]["width"], strict=True)
    )
    assert widths["wines"] > widths["meat"]


@pytest.mark.usefixtures("one_store")
def test_a_click_on_the_map_opens_the_zone(open_page, monkeypatch):
    state = {"floor_plan": {"selection": {"points": [{"customdata": ["meat"]}]}}}
    monkeypatch.setattr(store_map.st, "session_state", state)
    store_map._on_click()
    assert state["zone"] == "meat"
    state["floor_plan"] = {"selection": {"points": []}}
    store_map._on_click()
    assert state["zone"] == "meat"


def test_a_row_of_the_list_opens_the_zone(monkeypatch):
    state = {}
    monkeypatch.setattr(store_map.st, "session_state", state)
    store_map._on_needy_zone([])
    assert "zone" not in state
    store_map._on_needy_zone(["meat"])
    assert state["zone"] == "meat"


def test_alerts_off_the_map_are_mentioned(open_page, serving):
    toys = files.category_status("S001", "TOYS", shelves=1, open_shelf_alerts=1, shelf_alerts=1)
    stray = {"live.category_status": [toys]}
    files.write(serving, files.catalogue(), files.store(), files.stock(), stray)
    assert "1 more alert of categories that are not on the map" in words(open_page("map"))


def test_a_calm_store_is_praised(open_page, serving):
    calm = {name: rows for name, rows in files.stock().items() if not name.startswith("ops.")}
    calm["live.category_status"] = [files.category_status("S001", "MEAT", shelves=2)]
    files.write(serving, files.catalogue(), files.store(), calm)
    assert "no zone has an alert" in words(open_cleanly(open_page, "map"))


# States


@pytest.mark.usefixtures("one_store")
def test_states_counts_and_filters(open_page):
    app = open_cleanly(open_page, "states")
    assert "**4** of 4 shelves, **3** low." in words(app)
    app.multiselect(key="category").set_value(["MEAT"]).run()
    assert "**2** of 4 shelves, **2** low." in words(app)
    app.text_input(key="search").input("chick").run()
    assert table(app, "fill_percent")["shelf_id"].tolist() == ["MEACHI0002"]


@pytest.mark.usefixtures("one_store")
def test_states_only_low_and_warehouse(open_page):
    app = open_page("states")
    app.toggle(key="low").set_value(True).run()
    assert table(app, "fill_percent")["shelf_id"].tolist() == [
        "MEABEE0001",
        "MEACHI0002",
        "WINRED0004",
    ]
    app.button_group(key="stock").set_value("warehouse").run()
    assert "**1** of 4 warehouse places, **1** low." in words(app)
    assert table(app, "fill_percent")["shelf_id"].tolist() == ["MEACHI0002"]


@pytest.mark.usefixtures("one_store")
def test_states_lists_lots_by_place_and_a_lot_leads_to_its_item(open_page):
    app = open_cleanly(open_page, "states", stock="Lots on shelves")
    assert "**5** of 5 lots on shelves, **43** pcs" in words(app)
    assert table(app, "lot")["lot"].tolist() == ["L-C1", "L-C2", "L-B1", "L-W1", "no known lot"]
    assert table(app, "lot")["quantity"].sum() == 43
    app.multiselect(key="category").select("MEAT").run()
    app.text_input(key="search").input("l-c2").run()
    assert table(app, "lot")["lot"].tolist() == ["L-C2"]
    app.button_group(key="stock").set_value("warehouse_lots").run()
    assert "**1** of 4 lots in the warehouse, **2** pcs" in words(app)
    choose_rows(app, "states_lot", "S001/warehouse/MEACHI0002/L-C2")
    assert "MEACHI0002, Chicken" in words(app)
    assert app.query_params["lot"] == "S001/warehouse/MEACHI0002/L-C2"
    app.selectbox(key="subcategory").select("Beef").run()
    assert "No row fits the filters." in words(app)
    app.button_group(key="stock").set_value("shelf").run()
    assert "lot" not in app.query_params


@pytest.mark.usefixtures("one_store")
def test_states_filters_that_fit_nothing(open_page):
    app = open_cleanly(open_page, "states", search="nothing like it")
    assert "No row fits the filters." in words(app)
    assert "**0** of 4 shelves" in words(app)


@pytest.mark.usefixtures("one_store")
def test_the_item_of_the_address_is_told(open_page):
    app = open_cleanly(open_page, "states", item="S001/MEABEE0001")
    assert "MEABEE0001, Beef" in words(app)
    assert "List price 3.49 EUR" in words(app)
    assert figure(app, "In the warehouse") == "40"
    assert plotted(app, "Restock")["data"]


@pytest.mark.usefixtures("one_store")
def test_choosing_an_item_writes_the_address(open_page):
    app = choose_rows(open_page("states"), "states_item", "S001/BEELAG0003")
    assert app.query_params["item"] == "S001/BEELAG0003"
    assert "Nothing was moved yet." in words(app)


@pytest.mark.usefixtures("one_store")
def test_an_unknown_item_of_the_address_is_explained(open_page):
    assert "not carried any more" in words(open_cleanly(open_page, "states", item="S001/GONE"))


@pytest.mark.usefixtures("one_store")
def test_an_item_shows_its_lots(open_page):
    app = open_cleanly(open_page, "states", item="S001/MEACHI0002")
    shown = table(app, "lot")
    assert shown["lot"].tolist() == ["L-C1", "L-C2", "L-C2"]
    assert shown["place"].tolist() == ["Shelf", "Shelf", "Warehouse"]
    assert shown["quantity"].tolist() == [2, 3, 2]


def test_an_item_without_lots_says_so(open_page, serving):
    files.write(serving, files.catalogue(), files.store(), files.stock())
    app = open_cleanly(open_page, "states", item="S001/MEACHI0002")
    assert "None in stock." in words(app)


def test_a_file_without_lots_still_tells_the_item(open_page, serving):
    files.write(
        serving,
        files.catalogue(),
        files.store(),
        files.stock(),
        leave_out=["cleansed.shelf_batch_state"],
    )
    app = open_cleanly(open_page, "states", item="S001/MEACHI0002")
    assert figure(app, "On the shelf") == "5"
    assert "another version of Smart Shelf" in words(app)
    assert "`smartshelf rebuild`" in words(app)


NEW_TABLES = [
    *("cleansed.shelf_batch_state", "cleansed.warehouse_batch_state", "live.waste_daily"),
    *("ops.markdowns", "ops.operator_actions", "ops.removals", "ops.stock_corrections"),
    *("ops.supplier_cutoffs", "ops.supplier_orders", "ops.supplier_plan"),
    "ops.supplier_receipts",
]


@pytest.mark.parametrize("path", PATHS)
def test_a_file_from_before_the_loop_was_closed_is_explained_where_it_matters(
    open_page, serving, path
):
    files.write(serving, files.catalogue(), files.store(), files.stock(), leave_out=NEW_TABLES)
    shown = words(open_cleanly(open_page, path))
    needs_them = path in {"overview", "supply", "lots", "waste", "audit"}
    assert ("another version of Smart Shelf" in shown) is needs_them


# Alerts


@pytest.mark.usefixtures("one_store")
def test_alert_figures(open_page):
    shown = {metric.label: metric.value for metric in open_cleanly(open_page, "alerts").metric}
    assert shown == {
        "Critical": "3",
        "High": "0",
        "Medium": "0",
        "Open": "2",
        "Acknowledged": "1",
        "Opened today": "3",
        "Resolved today": "0",
    }


@pytest.mark.usefixtures("one_store")
def test_alert_filters(open_page):
    app = open_page("alerts")
    assert table(app, "state")["alert_id"].tolist() == ["wh-chicken", "ack-wine", "open-meat"]
    app.button_group(key="status").set_value(["resolved"]).run()
    assert table(app, "state")["alert_id"].tolist() == ["resolved-meat"]
    app.button_group(key="status").set_value([]).run()
    app.multiselect(key="where").set_value(["warehouse"]).run()
    assert table(app, "state")["alert_id"].tolist() == ["wh-chicken"]
    assert (
        "**1** of 4 alerts, the most severe first: active, or opened in the last 30 days."
        in words(app)
    )
    app.multiselect(key="category").set_value(["WINES"]).run()
    assert "No alert fits the filters." in words(app)


@pytest.mark.usefixtures("one_store")
def test_the_alert_of_the_address_shows_its_trail_and_tasks(open_page):
    app = open_cleanly(open_page, "alerts", alert="ack-wine")
    trail = next(e.proto.body for e in app.get("html") if "ss-trail" in e.proto.body)
    assert trail.index("stock fell below its threshold") < trail.index("restock-planner")
    assert "restock task c-&lt;2&gt;" in trail
    assert "Sat 3 Jan 2026, 11:15" in trail
    assert table(app, "placed_qty")["status"].tolist() == ["On its way", "Done"]


@pytest.mark.usefixtures("one_store")
def test_an_alert_about_the_warehouse_shows_the_orders_of_its_item(open_page):
    app = open_cleanly(open_page, "alerts", alert="wh-chicken")
    orders = table(app, "missing_qty")
    assert orders["order_id"].tolist() == ["o-3"]
    assert orders["state"].tolist() == ["▲ Overdue"]
    assert "Orders of the item" not in words(open_page("alerts", alert="open-meat"))


@pytest.mark.usefixtures("one_store")
def test_states_are_told_by_signs_as_well(open_page):
    app = open_page("alerts")
    app.button_group(key="status").set_value([]).run()
    assert set(table(app, "state")["state"]) == {"▲ Open", "◆ Acknowledged", "✓ Resolved"}


# System


@pytest.mark.usefixtures("one_store")
def test_system_figures(open_page):
    app = open_cleanly(open_page, "system")
    assert figure(app, "Time of the data") == "Sat 3 Jan 2026, 12:48"
    assert figure(app, "Events kept") == "1234"
    assert figure(app, "Events refused") == "12"
    streams = table(app, "topic")
    assert streams["topic"].tolist() == ["operator_events", "shelf_events"]
    assert streams["lag"].tolist()[1] == "2 min"
    assert table(app, "role")["rows"].tolist()[0] == 4


@pytest.mark.usefixtures("one_store")
def test_a_refused_event_is_shown_in_full(open_page):
    app = open_page("system")
    assert not app.code
    choose_rows(app, "refused_event", "pos_transactions:S001/17-0/0")
    assert app.code[0].value == '{"id": "till"}'


@pytest.mark.parametrize("left_out", [(), ("ops.benchmarks",)])
def test_system_tells_no_benchmarks_where_none_were_kept(open_page, serving, left_out):
    files.write(serving, files.catalogue(), files.store(), leave_out=left_out)
    assert "Benchmarks" not in words(open_cleanly(open_page, "system"))


def test_system_shows_the_newest_figures_beside_their_targets(open_page, serving):
    files.write(serving, files.catalogue(), files.store(), files.benchmarks())
    told = table(open_cleanly(open_page, "system"), "verdict")
    assert told[["name", "figure", "bound", "verdict"]].to_numpy().tolist() == [
        ["micro-batch, at work", 1.5, "at most", "▲ missed"],
        ["drain", 170_000.0, "at least", "✓ met"],
    ]


def tiles(app):
    """Return what the tiles of the parts say, each as name, state and notes."""
    [html] = [e.proto.body for e in app.get("html") if '<ul class="ss-parts' in e.proto.body]
    return re.findall(r"<span>(.*?)</span><strong>(.*?)</strong><small>(.*?)</small>", html)


@pytest.mark.parametrize("path", ["map", "system"])
def test_the_version_is_named_as_the_api_names_it(open_page, one_store, path):
    with closing(ServingVersion(one_store, {"threads": 1})) as opened:
        version = opened.version
    app = open_cleanly(open_page, path)
    [pill] = [e.proto.body for e in app.get("html") if "ss-pill ss-live" in e.proto.body]
    assert f"version {version}" in pill
    assert (f"`{version}`" in words(app)) == (path == "system")


def test_system_tells_first_how_its_parts_are(open_page, serving):
    parts = {
        "live.system_status": [
            {"component": "raw", "status": "ok", "latency_s": 72.0, "last_ok_ts": files.AS_OF,
             "message": "9 events"},
            {"component": "analytics", "status": "warn", "latency_s": 9_000.0,
             "last_ok_ts": files.ago(60), "message": "built <late>"},
            {"component": "stream", "status": "fail", "latency_s": None, "last_ok_ts": None,
             "message": "no receipt"},
            {"component": "model", "status": "ok", "latency_s": 9_000.0, "message": "decided"},
        ]
    }  # fmt: skip
    files.write(serving, files.catalogue(), files.store(), parts)
    app = open_cleanly(open_page, "system")
    assert app.subheader[0].value == "▲ 2 parts of 4 to look at."
    assert tiles(app) == [
        ("Events", "✓ Well", "1 min behind: 9 events"),
        (
            "Analytics",
            "◆ Look",
            "2 h 30 min behind: built &lt;late&gt;; last well Sat 3 Jan 2026, 11:48",
        ),
        ("Way from the till", "▲ Failed", "no receipt; never well so far"),
        ("Forecast model", "✓ Well", "decided"),
    ]


@pytest.mark.usefixtures("one_store")
def test_system_says_where_parts_and_jobs_are_not_told(open_page):
    shown = words(open_cleanly(open_page, "system"))
    assert "does not say how the parts are" in shown
    assert "No run of a job is known yet" in shown
    assert "Nothing has been moved there so far." in shown


def test_system_names_failed_jobs_and_how_long_a_micro_batch_takes(open_page, serving):
    runs = files.quality()["ops.job_runs"] + [
        {"run_id": f"b-{place}", "job": "micro_batch", "status": "SUCCESS",
         "started_ts": files.ago(start), "ended_ts": ended, "duration_s": took,
         "updated_ts": files.ago(start)}
        for place, (start, ended, took) in enumerate(
            [(9, files.ago(8), 61.0), (5, files.ago(4), 4.25), (3, None, None)]
        )
    ]  # fmt: skip
    files.write(serving, files.catalogue(), files.store(), {"ops.job_runs": runs})
    app = open_cleanly(open_page, "system")
    assert figure(app, "Newest micro-batch took") == "4.2 s"
    assert "**▲ 1** of 5 runs of jobs in the last days failed." in words(app)
    assert table(app, "error")[["job", "error"]].to_numpy().tolist() == [
        ["micro_batch", "the disk is full"]
    ]
    files.write(serving, files.catalogue(), files.store(), {"ops.job_runs": runs[:1]})
    app = open_cleanly(open_page, "system")
    assert figure(app, "Newest micro-batch took") == "-"
    assert "No run of a job failed, of 1 in the last days." in words(app)


def test_system_tells_what_lies_in_the_archive(open_page, serving):
    files.write(serving, files.catalogue(), files.store(), files.archived())
    told = table(open_cleanly(open_page, "system"), "hot_bytes")
    columns = ["table", "days", "rows", "bytes", "last_day", "restored"]
    assert told[columns].to_numpy().tolist() == [
        ["raw/pos_transactions", 1, 200, 2_000, "2025-10-02", 1]
    ]


@pytest.mark.usefixtures("one_store")
def test_system_tells_what_the_app_runs_with_but_no_secret(open_page, monkeypatch, serving):
    monkeypatch.setenv(
        "SMARTSHELF_REDIS_URL", "redis://anna:hunter2@broker:6379/0?password=hunter3"
    )
    monkeypatch.setenv("SMARTSHELF_API_TOKEN", "hunter4-is-long-enough")
    monkeypatch.setenv("SMARTSHELF_RETENTION_DAYS", "events=30")
    app = open_cleanly(open_page, "system")
    told = table(app, "is_set").set_index("setting")
    assert told.loc["SMARTSHELF_REDIS_URL", "value"] == "redis://broker:6379/0"
    assert told.loc["SMARTSHELF_API_TOKEN", "value"] == "(hidden)"
    assert told.loc["SMARTSHELF_RETENTION_DAYS", "value"] == "events=30"
    assert told.loc["SMARTSHELF_API_TOKEN", "is_set"]
    assert not told.loc["SMARTSHELF_CUSTOMER_ID_SALT", "is_set"]
    assert not [t for t in app.dataframe if "hunter" in t.value.to_csv()]
    shown = words(app)
    assert f"Serving file: `{serving}`" in shown
    assert "A micro-batch every: `60 s at least`" in shown
    assert "Data count as old after: `180 s without a publication`" in shown
    assert table(app, "timezone")["timezone"].tolist() == ["Europe/Rome"]


def test_nothing_refused_is_praised(open_page, serving):
    files.write(serving, files.catalogue(), files.store(), files.stock())
    assert "every event that came in was accepted" in words(open_page("system"))


@pytest.mark.usefixtures("one_store")
def test_the_system_page_leads_to_the_pages_beside_it(open_page, monkeypatch):
    monkeypatch.setenv("SMARTSHELF_DAGSTER_URL", "http://127.0.0.1:5000")
    monkeypatch.setenv("SMARTSHELF_DOCS_URL", "http://127.0.0.1:5002")
    links = [link.proto.url for link in open_cleanly(open_page, "system").get("link_button")]
    assert links == ["http://127.0.0.1:5000", "http://127.0.0.1:5002"]


@pytest.mark.usefixtures("one_store")
def test_no_links_where_nothing_runs_beside_it(open_page, monkeypatch):
    monkeypatch.delenv("SMARTSHELF_DAGSTER_URL", raising=False)
    monkeypatch.setenv("SMARTSHELF_DOCS_URL", "http://127.0.0.1:5002")
    links = [link.proto.url for link in open_cleanly(open_page, "system").get("link_button")]
    assert links == ["http://127.0.0.1:5002"]


# Audit trail


@pytest.mark.usefixtures("one_store")
def test_the_audit_trail_tells_who_did_what(open_page):
    app = open_cleanly(open_page, "audit")
    assert "**4** of 4 actions, done in the last 30 days." in words(app)
    shown = table(app, "action_label")
    assert shown["action_label"].tolist() == [
        "Stock counted",
        "Supplier order changed",
        "Supplier order held",
        "Alert acknowledged",
    ]
    assert shown["actor"].tolist() == ["Anna", "Bruno", "Anna", "Bruno"]
    assert shown["subcategory"].tolist()[3] == "Red wines"


@pytest.mark.usefixtures("two_stores")
def test_the_audit_trail_can_be_filtered(open_page):
    app = open_cleanly(open_page, "audit", store="All stores")
    assert "**8** of 8 actions, done" in words(app)
    app.multiselect(key="audit_actor").set_value(["Anna"]).run()
    assert "**4** of 8 actions, done" in words(app)
    app.multiselect(key="audit_action").set_value(["stock_counted"]).run()
    assert table(app, "action_label")["batch_code"].tolist() == ["L-C1", "L-C1"]
    app.text_input(key="audit_search").input("strike").run()
    assert "No action fits the filters." in words(app)


def test_nothing_done_yet_is_explained(open_page, serving):
    files.write(serving, files.catalogue(), files.store(), files.stock())
    assert "Nobody has done anything so far" in words(open_cleanly(open_page, "audit"))
