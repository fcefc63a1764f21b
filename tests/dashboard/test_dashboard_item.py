"""The page about one item: found from everywhere, and everything of it on one page."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
import serving_files as files
from app_support import choose_rows, figure, table, words

from dashboard import links
from dashboard.charts.item_sales import units_and_price
from dashboard.data import items
from dashboard.data.stores import Store
from dashboard.theme import DARK, LIGHT

TURKU = "Smart Shelf Turku (S002)"


@pytest.fixture
def known_item(serving):
    """A store whose analytics know about beef."""
    return files.write(
        serving,
        *files.all_of_one_store(),
        files.analytics_of_an_item(),
    )


def item_page(open_page, item="MEABEE0001", **query):
    app = open_page("item", item=item, **query)
    assert not app.exception
    return app


def traces(app):
    return {
        trace["name"]: trace
        for chart in app.get("plotly_chart")
        for trace in json.loads(chart.proto.spec)["data"]
        if trace.get("name")
    }


def way(app, label):
    """Return where a link of the page leads: path, and the choices in its address."""
    link = next(link for link in app.get("page_link") if link.proto.label == label)
    return link.proto.page, {
        name: value for name, [value] in parse_qs(link.proto.query_string).items()
    }


@pytest.mark.usefixtures("known_item")
def test_everything_of_an_item_is_on_its_page(open_page):
    app = item_page(open_page)
    assert [heading.value for heading in app.subheader] == [
        "Beef, best, MEABEE0001",
        *("Alerts", "Lots", "Sales", "Forecast and orders", "Bought with it", "Events behind it"),
    ]
    assert figure(app, "On the shelf") == "0"
    assert figure(app, "In the warehouse") == "40"
    assert figure(app, "Days of cover") == "0.4"
    assert figure(app, "Risk to run out") == "87 %"
    shown = words(app)
    assert "class AY, fast, 16 pcs sold in 30 days" in shown
    assert "**1** active of 2 alerts" in shown
    assert "**40** pcs in 1 lot" in shown
    # The sale of six weeks before is not within 30 days.
    assert "30 days: **16** pcs sold on 2 days, **12** of them in promotions." in shown
    assert table(app, "recommended_item_id")["product_name"].tolist() == ["Lager, best"]


@pytest.mark.usefixtures("known_item")
def test_the_period_of_sales_is_a_choice_of_the_address(open_page):
    app = item_page(open_page, period="90 days")
    assert "90 days: **25** pcs sold on 3 days, **12** of them in promotions." in words(app)


@pytest.mark.usefixtures("known_item")
def test_alerts_say_what_to_do_and_how_they_went(open_page):
    app = item_page(open_page)
    assert table(app, "action")["action"].tolist() == ["Refill 16", ""]
    app = choose_rows(app, "item_alerts", "open-meat")
    assert any(button.label == "Acknowledge 1" for button in app.button)
    app = item_page(open_page, "MEACHI0002")
    # Held back: nothing will be ordered.
    assert table(app, "action")["action"].tolist() == ["Nothing to order"]


@pytest.mark.usefixtures("known_item")
def test_events_have_the_ids_of_raw_events(open_page):
    events = table(item_page(open_page), "raw_table")
    assert events["event_id"].tolist()[:3] == ["S001-5", "S001-4", "S001-3"]
    assert events["qty"].tolist()[:3] == [-15, 10, -10]
    assert set(events["raw_table"]) == {"raw/shelf_events"}


def test_events_of_all_kinds_are_told_and_old_ones_left_out(serving):
    sale = {
        "store_id": "S001",
        "item_id": "MEACHI0002",
        "event_type": "SALE",
        "event_id": "till-9#3",
        "receipt_event_id": "till-9",
        "transaction_id": "R-9",
        "qty": 2,
        "net": "6.98",
        "business_date": files.TODAY,
    }
    files.write(
        serving,
        files.catalogue(),
        files.store(),
        files.loop(),
        {
            "cleansed.sales_lines": [
                sale | {"event_ts": files.ago(10)},
                sale | {"event_ts": files.ago(20), "event_type": "RETURN"},
                sale | {"event_ts": files.ago(60 * 24 * 40)},
            ]
        },
    )
    found = items.events(
        "S001", "MEACHI0002", files.AS_OF, since=files.ago(60 * 24 * 30), before=10
    )
    assert found.select("event_type", "qty", "event_id").rows() == [
        ("SALE", -2, "till-9"),
        ("RETURN", 2, "till-9"),
        ("stock_counted", 2, "S001-operator-0"),
        ("supplier_order_held", None, "S001-operator-2"),
    ]
    assert found.get_column("detail")[2] == "Anna: two were torn"
    newest = items.events(
        "S001", "MEACHI0002", files.AS_OF, since=files.ago(60 * 24 * 30), before=1
    )
    assert newest.rows() == found.head(1).rows()


def busy_item(alert_age):
    """Return 300 sales of beef, one every ten minutes up to now, and an alert among them."""
    rows = [
        {
            "store_id": "S001",
            "item_id": "MEABEE0001",
            "event_type": "SALE",
            "event_id": f"till-{number}",
            "qty": 1,
            "event_ts": files.ago(10 * number),
            "business_date": files.ago(10 * number).date(),
        }
        for number in range(300)
    ]
    alert = files.alert(
        "old-meat", "MEABEE0001", "MEAT", "resolved", opened_ts=files.ago(alert_age)
    )
    return {"cleansed.sales_lines": rows, "ops.alerts": [alert]}


def test_events_behind_an_alert_are_those_around_its_opening(open_page, serving):
    """The newest 200 events of an item that sells fast are not those that led to its alert."""
    files.write(
        serving, files.catalogue(), files.store(), files.stock(), files.loop(),
        busy_item(alert_age=2_505),
    )  # fmt: skip
    app = choose_rows(item_page(open_page), "item_alerts", "old-meat")
    assert not app.exception
    told = table(app, "raw_table")
    assert told["event_id"].tolist()[:7] == [
        *(f"till-{number}" for number in range(246, 251)), "old-meat", "till-251",
    ]  # fmt: skip
    assert told["event_type"].tolist()[5] == "▲ Refill shelf"
    led_to_it = len(told) - 6
    assert 49 <= led_to_it < 60
    assert f"The last **{led_to_it} events** up to the alert ▲, of 30 days at most, and" in (
        words(app)
    )
    # Without a choice they are the newest ones.
    assert table(choose_rows(app, "item_alerts"), "raw_table")["event_id"][0] == "till-0"
    # Beside the alert itself they are the same.
    beside = table(open_page("alerts", alert="old-meat", status="Resolved"), "raw_table")
    assert beside["event_id"].tolist() == told["event_id"].tolist()


def test_events_of_an_alert_are_bounded_in_number_and_days(serving):
    files.write(serving, files.catalogue(), files.store(), busy_item(alert_age=2_505))
    opened = files.ago(2_505)
    found = items.events(
        "S001", "MEABEE0001", opened, since=opened - timedelta(minutes=26), before=200,
        until=opened + timedelta(minutes=14), after=5,
    )  # fmt: skip
    assert found["event_id"].to_list() == ["till-250", "till-251", "till-252", "till-253"]
    few = items.events("S001", "MEABEE0001", opened, since=files.ago(9_999), before=2)
    assert few["event_id"].to_list() == ["till-251", "till-252"]


@pytest.mark.usefixtures("known_item")
def test_what_happened_is_marked_on_the_stock(open_page):
    marked = traces(item_page(open_page))
    assert marked["Shelf empty"]["y"] == [0]
    assert marked["Restock"]["customdata"] == [10]
    assert "Nothing was moved yet." in words(item_page(open_page, "MEACHI0002"))


def test_counts_and_markdowns_are_marked(serving):
    files.write(serving, files.catalogue(), files.store(), files.loop())
    marks = items.marks("S001", "MEACHI0002")
    assert marks.select("kind", "location", "detail").rows() == [
        ("markdown", "shelf", 50.0),
        ("markdown", "shelf", 30.0),
        ("count", "shelf", -2.0),
    ]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_promotions_and_prices_are_drawn_apart(known_item, palette):
    drawn = units_and_price(items.sales("S001", "MEABEE0001", None), "EUR", palette)
    assert {trace.name: list(trace.y) for trace in drawn.data} == {
        "Sold": [9, 4],
        "Sold in a promotion": [12],
        "Mean price paid": [3.49, 2.99, 3.49],
    }


@pytest.mark.usefixtures("one_store")
def test_before_the_analytics_the_rest_is_shown(open_page):
    app = item_page(open_page)
    shown = words(app)
    assert "Sales by item and day are not computed yet" in shown
    assert "Bought with it" not in shown
    assert app.subheader[0].value == "Beef, MEABEE0001"


def test_an_item_of_a_store_without_sensors_has_sales_but_no_stock(open_page, serving):
    files.write(
        serving,
        files.catalogue(),
        files.store(tracks_stock=False),
        files.analytics_of_an_item(),
    )
    app = item_page(open_page)
    assert "only its sales are known" in words(app)
    assert "**16** pcs sold" in words(app)
    assert "Alerts" not in [heading.value for heading in app.subheader]


@pytest.mark.usefixtures("one_store")
def test_an_unknown_item_is_explained(open_page):
    assert "No item NOTHING0000" in words(item_page(open_page, "NOTHING0000"))


@pytest.mark.usefixtures("one_store")
def test_without_an_item_those_in_need_are_listed(open_page):
    app = open_page("item")
    assert "Which item?" in words(app)
    low = table(app, "item_address")
    assert low["shelf_id"].tolist() == ["MEABEE0001", "MEACHI0002", "WINRED0004"]


@pytest.mark.usefixtures("one_store")
def test_the_item_shown_last_comes_back(open_page):
    app = item_page(open_page)
    del app.query_params["item"]
    assert "Beef, MEABEE0001" in [heading.value for heading in app.run().subheader]


@pytest.mark.usefixtures("two_stores")
def test_a_store_can_be_named_by_its_id(open_page):
    app = item_page(open_page, store="S002")
    assert app.selectbox(key="store").value == "S002"
    assert "13:48" in words(app)


@pytest.mark.usefixtures("two_stores")
def test_links_lead_to_other_pages_with_the_item_chosen_there(open_page):
    app = item_page(open_page, "WINRED0004", store=TURKU)
    expected = {
        "Alerts": ("alerts", {"alert_search": "WINRED0004"}),
        "States": ("states", {"item": "S002/WINRED0004"}),
        "Lots and counts": ("lots", {"lots_search": "WINRED0004"}),
        "Next order": ("supply", {"plan_search": "WINRED0004"}),
        "Forecast": ("forecast", {"forecast_item": "WINRED0004, Red wines"}),
        "Audit": ("audit", {"audit_search": "WINRED0004"}),
        "On the map": ("map", {"zone": "Wines"}),
    }
    for label, (path, choices) in expected.items():
        assert way(app, label) == (path, {"store": TURKU, **choices})


@pytest.mark.usefixtures("two_stores")
@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("alerts", {"alert": "S002-ack-wine"}),
        ("states", {"item": "S002/WINRED0004"}),
        ("lots", {"lot": "S002/shelf/WINRED0004/L-W1"}),
    ],
)
def test_what_is_told_about_an_item_leads_to_its_page(open_page, path, query):
    app = open_page(path, store=TURKU, **query)
    assert way(app, "Everything about this item") == (
        "item",
        {"store": TURKU, "item": "WINRED0004"},
    )


@pytest.mark.usefixtures("two_stores")
def test_an_alert_leads_to_its_zone_of_the_map(open_page):
    app = open_page("alerts", store="All stores", alert="S002-ack-wine")
    assert way(app, "On the map") == ("map", {"store": TURKU, "zone": "Wines"})


def test_what_has_no_zone_or_no_shelf_does_not_lead_to_the_map(open_page, serving):
    catalogue = files.catalogue()
    zones = [zone for zone in catalogue["ref.zones"] if zone["category"] != "MEAT"]
    files.write(serving, catalogue | {"ref.zones": zones}, files.store(), files.stock())
    labels = {link.proto.label for link in item_page(open_page).get("page_link")}
    assert "Alerts" in labels
    assert "On the map" not in labels
    files.write(serving, files.catalogue(), files.store(tracks_stock=False))
    labels = {link.proto.label for link in item_page(open_page).get("page_link")}
    assert "On the map" not in labels


@pytest.mark.usefixtures("two_stores")
@pytest.mark.parametrize("path", ["alerts", "states", "supply", "lots", "waste", "audit"])
def test_rows_of_tables_lead_to_the_page_of_their_item(open_page, path):
    rows = table(open_page(path, store="All stores"), "item_address")
    for row in rows.to_dict("records"):
        address = urlsplit(row["item_address"])
        chosen = parse_qs(address.query)
        assert address.path == "item"
        assert chosen["item"] == [row["shelf_id"]]
        assert chosen["store"][0].endswith(f"({row['store_id']})")


def test_addresses_survive_odd_ids():
    store = Store("S 1", "Market & more", "Rome", "Europe/Rome", "EUR", tracks_stock=True)
    frame = pl.DataFrame(
        {"store_id": ["S 1", "S 1", "S9"], "item_id": ["BANK CHARGES", "a/b&c=d", "x"]}
    )
    found = links.with_item_addresses(frame, (store,), "item_id").get_column("item_address")
    asked = [parse_qs(urlsplit(address).query)["item"] for address in found[:2]]
    assert asked == [["BANK CHARGES"], ["a/b&c=d"]]
    assert parse_qs(urlsplit(found[0]).query)["store"] == ["Market & more (S 1)"]
    # A store that is not shown has no address.
    assert found[2] is None
    # What is told of all stores together leads to the first.
    for rows in (frame.drop("store_id"), frame.with_columns(store_id=pl.lit("ALL"))):
        addresses = links.with_item_addresses(rows, (store,), "item_id").get_column("item_address")
        assert parse_qs(urlsplit(addresses[2]).query)["store"] == ["Market & more (S 1)"]


# The search


def search_box(app):
    return next(box for box in app.selectbox if box.label == "Find an item")


@pytest.mark.usefixtures("two_stores")
@pytest.mark.parametrize("path", ["map", "sales", "system"])
def test_every_page_searches_the_catalogue_once_for_all_stores(open_page, path):
    box = search_box(open_page(path))
    assert box.options == [
        "Beef, MEABEE0001",
        "Chicken, MEACHI0002",
        "Lager, BEELAG0003",
        "Red wines, WINRED0004",
    ]
    assert box.value is None


@pytest.mark.usefixtures("known_item")
def test_the_search_knows_the_names_of_the_analytics():
    assert items.catalogue().get_column("label")[0] == "Beef, best, MEABEE0001"


@pytest.mark.usefixtures("two_stores")
def test_a_choice_leads_to_the_page_of_the_item_in_the_chosen_store(open_page):
    app = open_page("alerts", store=TURKU)
    search_box(app).select("BEELAG0003").run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Item"]
    assert app.subheader[0].value == "Lager, BEELAG0003"
    assert app.selectbox(key="store").value == "S002"
    assert search_box(app).value is None


@pytest.mark.usefixtures("two_stores")
def test_a_choice_among_all_stores_shows_the_first_one(open_page):
    app = open_page("alerts", store="All stores")
    search_box(app).select("BEELAG0003").run()
    assert not app.exception
    assert app.selectbox(key="store").value == "S001"


def test_without_a_catalogue_there_is_nothing_to_search(open_page, serving):
    files.write(serving, files.store())
    assert [box.label for box in open_page("system").selectbox] == []


def test_sales_of_a_past_that_was_replayed_are_told_up_to_its_end(open_page, serving):
    """The clock of the publication has gone on for a year, the sales have not."""
    past = files.analytics_of_an_item()
    ended = files.ago(60 * 24 * 365)
    for version in past["analytics.versions"]:
        version["as_of_ts"] = ended
    for day in past["analytics.daily_product_sales"]:
        day["date_key"] -= timedelta(days=365)
    files.write(serving, files.catalogue(), files.store(), files.stock(), past)
    app = item_page(open_page, period="30 days")
    assert "**16** pcs sold on 2 days" in words(app)
