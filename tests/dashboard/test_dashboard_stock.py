"""Inventory, optimisation and stores: on few figures that are checked by hand."""

import json
from pathlib import Path
from shutil import copy

import polars as pl
import pytest
import serving_files as files
import stock_files as stock
from app_support import choose_rows, figure, table, words

from dashboard import access
from dashboard.charts import inventory as inventory_charts
from dashboard.charts import store_comparison as store_charts
from dashboard.charts.store_comparison import Measure
from dashboard.data import inventory, optimisation, store_comparison
from dashboard.data.analysis import Scope
from dashboard.theme import DARK, LIGHT
from smartshelf_dagster.analytics.replenishment import PolicyTerms

HERE = Scope("S001", "EUR")
LONDON = files.store("S003", name="Smart Shelf London", timezone="Europe/London")
LONDON["ref.stores"][0]["currency"] = "GBP"
PATHS = ("inventory", "optimisation", "stores")


def opened(open_page, path, **query):
    app = open_page(path, **query)
    assert not app.exception
    return app


def traces(app, key):
    """Return the traces of a chart by its key, by name."""
    [chart] = [c for c in app.get("plotly_chart") if c.proto.id.endswith(f"-{key}")]
    return {trace.get("name"): trace for trace in json.loads(chart.proto.spec)["data"]}


@pytest.fixture(scope="module")
def stocked_file(tmp_path_factory):
    """The file of `stocked`, made once."""
    path = tmp_path_factory.mktemp("stocked") / "smartshelf.duckdb"
    files.write(path, files.catalogue(), files.store(), files.stock(), files.loop())
    return stock.add(
        path,
        stock.products(),
        stock.levels(),
        stock.history(),
        stock.sales("S001", 1_000, 1, square_feet=500),
        frames=stock.planning("S001"),
    )


@pytest.fixture(scope="module")
def three_stores_file(tmp_path_factory):
    """The file of `three_stores`, made once."""
    path = tmp_path_factory.mktemp("three-stores") / "smartshelf.duckdb"
    turku = files.store("S002", name="Smart Shelf Turku", timezone="Europe/Helsinki")
    files.write(path, files.catalogue(), files.store(), turku, LONDON)
    return stock.add(
        path,
        stock.products(),
        stock.levels("S001", whole=False),
        stock.levels("S003", "GBP"),
        stock.sales("S001", 1_000, 1),
        stock.sales("S002", 500, 2),
        stock.sales("S003", 9_000, 1, currency="GBP"),
        frames=stock.planning("S001", "S002"),
    )


def published(path, serving):
    """Publish a file that stays as it is."""
    serving.parent.mkdir(parents=True)
    return Path(copy(path, serving))


@pytest.fixture
def stocked(serving, stocked_file):
    """One store with stock, its history and its plans."""
    return published(stocked_file, serving)


@pytest.fixture
def three_stores(serving, three_stores_file):
    """Two stores that take euros, and one that takes pounds."""
    return published(three_stores_file, serving)


# Inventory


@pytest.mark.usefixtures("stocked")
def test_the_first_view_says_where_stock_hurts_and_what_it_costs(open_page):
    app = opened(open_page, "inventory")
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "Out of stock": "1", "Low": "1", "Above room": "1", "On the shelf (%)": "94.00",
        "Lost sales (EUR)": "100", "Stock (EUR)": "220", "Stays (days)": "12.0", "GMROI": "1.50",
    }  # fmt: skip
    assert "**1 item** of 2 that ran out made half of the lost sales" in words(app)
    assert "**3 items** not as they should be" in words(app)
    assert table(app, "often")["item_id"].tolist() == ["MEABEE0001", "MEACHI0002"]
    assert table(app, "often")["often"].tolist() == ["▲ Often", ""]


@pytest.mark.usefixtures("stocked")
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_lost_sales_add_up_from_the_item_that_lost_most(palette):
    found = inventory.stockout_items(HERE, "30d", categories=[])
    bars, line = inventory_charts.lost_sales_pareto(found, "EUR", palette).data
    assert bars.y[0] == "Beef (MEABEE0001)"
    assert list(bars.x) == [90, 10]
    assert list(line.x) == pytest.approx([90, 100])


@pytest.mark.usefixtures("stocked")
def test_stock_outs_can_be_narrowed_to_frequent_ones(open_page):
    app = opened(open_page, "inventory")
    app.toggle(key="frequent").set_value(True).run()
    assert table(app, "often")["item_id"].tolist() == ["MEABEE0001"]
    assert "**1 item** ran out" in words(app)


@pytest.mark.usefixtures("stocked")
def test_levels_can_be_filtered_by_state_and_name(open_page):
    app = opened(open_page, "inventory", inventory="Levels")
    states = table(app, "stock_pct").set_index("item_id")["state"].to_dict()
    assert states == {
        "MEABEE0001": "▲ Out of stock", "MEACHI0002": "▽ To be filled",
        "BEELAG0003": "✓ As it should be", "WINRED0004": "■ Above its room",
    }  # fmt: skip
    app.text_input(key="stock_search").input("lager").run()
    assert table(app, "stock_pct")["item_id"].tolist() == ["BEELAG0003"]
    app.button_group(key="stock_state").set_value(["OUT"]).run()
    assert "No item fits the filters." in words(app)


@pytest.mark.usefixtures("stocked")
def test_goods_flow_from_suppliers_to_customers_and_to_waste(open_page):
    app = opened(open_page, "inventory", inventory="Movements")
    [flow] = traces(app, "goods_flow").values()
    names = flow["node"]["label"]
    links = {
        (names[source], names[target]): units
        for source, target, units in zip(
            flow["link"]["source"], flow["link"]["target"], flow["link"]["value"], strict=True
        )
    }
    # What came back on its way is taken off; the day that is not over does not count.
    assert links == {
        ("Suppliers", "Warehouse"): 100, ("Warehouse", "On the way to shelves"): 56,
        ("Returned at tills", "On the way to shelves"): 2,
        ("On the way to shelves", "Shelves"): 55, ("Shelves", "Carts"): 42, ("Carts", "Sold"): 40,
        ("Shelves", "Wasted"): 3, ("Warehouse", "Wasted"): 1, ("Shelves", "Counts"): 1,
    }  # fmt: skip
    assert "Shelves have **▲ +9** pcs, warehouses **▲ +43** pcs" in words(app)
    assert traces(app, "net_movement")["Warehouse"]["y"] == [43]


@pytest.mark.usefixtures("stocked")
def test_turnover_names_what_stays_longest_first(open_page):
    app = opened(open_page, "inventory", inventory="Turnover")
    shown = table(app, "turnover_class")
    assert shown["category"].tolist() == ["Wines", "Meat"]
    assert shown["turnover_class"].tolist() == ["▽ Slow", "● Fast"]
    assert set(traces(app, "cover")) == {state.words for state in inventory_charts.STATES.values()} - {"Nearly out"}  # fmt: skip


@pytest.mark.usefixtures("stocked")
def test_items_are_counted_by_class_and_listed_by_speed(open_page):
    app = opened(open_page, "inventory", inventory="Items")
    [matrix] = traces(app, "class_matrix").values()
    assert matrix["text"][0][0] == "2 items<br>80.0% of revenue"
    assert matrix["text"][2][0] == "none"
    assert [t.value["item_id"].tolist() for t in app.dataframe] == [["MEABEE0001"], ["WINRED0004"]]


@pytest.mark.usefixtures("stocked")
def test_what_expires_soon_is_listed_by_what_is_likely_to_be_lost(open_page):
    app = opened(open_page, "inventory", inventory="Age")
    shown = table(app, "expiring_value")
    assert shown["item_id"].tolist() == ["MEACHI0002", "BEELAG0003"]
    assert shown["expiring_value"].tolist() == [10, 18]
    assert "**14** pcs of 2 items expire within 7 days" in words(app)
    assert set(traces(app, "ages")) == {"0-7 days", ">90 days"}


@pytest.mark.usefixtures("three_stores")
def test_stock_of_two_currencies_is_never_added_up(open_page):
    app = opened(open_page, "inventory", store="All stores", currency="GBP")
    assert figure(app, "Stock (GBP)") == "220"
    assert figure(app, "Lost sales (GBP)") == "-"
    assert inventory.stores("GBP")["store_id"].to_list() == ["S003"]
    assert "No shelf was empty in this period." in words(app)


# Optimisation


@pytest.mark.usefixtures("stocked")
def test_the_terms_in_force_give_what_was_published(open_page):
    told = optimisation.policies(HERE)
    again = optimisation.under(told, PolicyTerms())
    assert again.select(told.columns).equals(told)
    app = opened(open_page, "optimisation")
    assert figure(app, "Safety stock (pcs)") == str(told["safety_stock"].sum())
    assert not any(metric.delta for metric in app.metric)


@pytest.mark.usefixtures("stocked")
def test_sliders_ask_what_would_be(open_page):
    usual = opened(open_page, "optimisation")
    safer = opened(open_page, "optimisation", service="99.5%", later="2.0")
    before, after = (int(figure(app, "Safety stock (pcs)")) for app in (usual, safer))
    assert after > before
    told = next(m for m in safer.metric if m.label == "Safety stock (pcs)")
    assert told.delta == str(after - before)
    dearer = opened(open_page, "optimisation", order_cost="100.0")
    quantities = [table(app, "eoq")["eoq"].sum() for app in (usual, dearer)]
    assert quantities[0] < quantities[1]


@pytest.mark.usefixtures("stocked")
def test_a_policy_stands_beside_what_is_in_force(open_page):
    app = opened(open_page, "optimisation")
    shown = table(app, "warehouse_reorder_point").set_index("item_id")
    assert set(shown["warehouse_reorder_point"]) == {5}
    assert shown["planned_qty"].sum() > 0
    assert shown.loc["MEABEE0001", "method_label"] == "Forecast"
    assert shown.loc["WINRED0004", "method_label"] == "Sells seldom"
    assert "planned by base-stock" in words(app)


@pytest.mark.usefixtures("stocked")
def test_an_item_shows_its_stock_to_come_and_what_orders_cost(open_page):
    app = opened(open_page, "optimisation")
    choose_rows(app, "policies", "S001/BEELAG0003")
    assert not app.exception
    assert "BEELAG0003, Lager" in words(app)
    row = optimisation.policies(HERE).row(by_predicate=pl.col("item_id") == "BEELAG0003", named=True)  # fmt: skip
    falls = traces(app, "stock_to_come")["In stock"]
    assert falls["y"][0] == row["on_hand"]
    assert min(falls["y"]) >= row["safety_stock"] - 1
    marked = traces(app, "cost_of_quantities")[f"Least cost: {row['eoq']} pcs"]
    both = traces(app, "cost_of_quantities")["Both"]["y"]
    assert marked["y"][0] <= min(both) * 1.01


@pytest.mark.usefixtures("stocked")
def test_recommended_orders_are_whole_packs_and_name_their_bound(open_page):
    app = opened(open_page, "optimisation", optimisation="Orders")
    shown = table(app, "bound_label").set_index("item_id")
    assert "BEELAG0003" not in shown.index
    assert (shown["recommended_qty"] % 6 == 0).all()
    assert shown.loc["MEABEE0001", "order_value"] == 6 * shown.loc["MEABEE0001", "recommended_qty"]
    labels = {link.proto.label for link in app.get("page_link")}
    assert {"Decide on orders in Supply", "Alerts of what has run low"} <= labels
    addresses = table(app, "bound_label").set_index("item_id")["item_address"]
    assert addresses["MEABEE0001"].endswith("item=MEABEE0001")
    later = opened(open_page, "optimisation", optimisation="Orders", later="7.0")
    assert table(later, "bound_label")["recommended_qty"].sum() > shown["recommended_qty"].sum()


@pytest.mark.usefixtures("stocked")
def test_priorities_follow_stock_and_forecast(open_page):
    app = opened(open_page, "optimisation", optimisation="Priorities")
    shown = table(app, "reason").set_index("item_id")
    assert set(shown["priority"]) == {"▲ High"}
    assert shown.loc["MEABEE0001", "recommendation"] == "Much more than usual"
    [matrix] = traces(app, "priority_matrix").values()
    assert matrix["x"] == ["Much more than usual", "No forecast"]
    assert list(traces(app, "weeks_compared")) == ["High priority (1)"]
    app.button_group(key="priority").set_value(["Normal"]).run()
    assert table(app, "reason")["item_id"].tolist() == ["WINRED0004", "BEELAG0003"]


@pytest.mark.usefixtures("stocked")
def test_optimal_stock_names_what_it_saves(open_page):
    app = opened(open_page, "optimisation", optimisation="Optimal stock")
    shown = table(app, "critical_ratio")
    assert shown["saving"].is_monotonic_decreasing
    assert "would save" in words(app)
    assert (shown["delta_units"] == shown["optimal_stock"] - shown["current_stock"]).all()


@pytest.mark.usefixtures("three_stores")
def test_stores_that_nothing_is_planned_for_are_explained(open_page):
    assert "No order can be planned yet" in words(
        opened(open_page, "optimisation", store="Smart Shelf London (S003)")
    )


def test_policies_of_an_older_version_are_explained(open_page, serving):
    files.write(serving, files.catalogue(), files.store(), files.stock(), files.loop())
    planned = stock.planning("S001")
    planned["inventory_policy"] = planned["inventory_policy"].drop("currency")
    stock.add(serving, stock.products(), frames=planned)
    shown = words(opened(open_page, "optimisation"))
    assert "another version of Smart Shelf" in shown
    assert "`smartshelf rebuild`" in shown


# Stores


@pytest.mark.usefixtures("three_stores")
def test_stores_are_ranked_among_those_of_their_currency(open_page):
    app = opened(open_page, "stores")
    shown = table(app, "revenue_rank")
    assert shown["store_name"].tolist() == ["Smart Shelf Scandiano", "Smart Shelf Turku"]
    assert shown["revenue_rank"].tolist() == [1, 2]
    assert "1 other with another currency" in words(app)
    pounds = opened(open_page, "stores", store="Smart Shelf London (S003)")
    assert table(pounds, "recent")["store_name"].tolist() == ["Smart Shelf London"]
    assert "the only one with sales in GBP" in words(pounds)
    both = opened(open_page, "stores", store="All stores", currency="GBP")
    assert table(both, "recent")["store_name"].tolist() == ["Smart Shelf London"]


@pytest.mark.usefixtures("three_stores")
def test_a_store_without_an_area_has_no_sales_per_area(open_page):
    app = opened(open_page, "stores")
    assert "No sales area is known" in words(app)
    compared = next(t for t in app.dataframe if "revenue_rank" in t.value.columns)
    assert "revenue_per_sqft" not in compared.proto.column_order


@pytest.mark.usefixtures("stocked")
def test_one_store_shows_its_own_trend(open_page):
    app = opened(open_page, "stores")
    assert "it is the only one" in words(app)
    assert table(app, "recent")["revenue_per_sqft"].tolist() == [20]
    [line] = traces(app, "stores_trend").values()
    # Whole days only, and no mean before the seventh.
    assert line["y"] == [None] * 6 + [1_000] * 4
    assert not [c for c in app.get("plotly_chart") if "against" in c.proto.id]


@pytest.mark.usefixtures("three_stores")
def test_the_last_days_are_oldest_first_and_shares_add_up():
    compared = store_comparison.comparison(["S001", "S002"], "EUR", "30d")
    assert [len(days) for days in compared["recent"]] == [10, 10]
    mix = store_comparison.product_mix(["S001", "S002"], "EUR", None)
    assert mix.filter(pl.col("category") == "MEAT")["share"].to_list() == pytest.approx([0.6, 0.6])


@pytest.mark.usefixtures("three_stores")
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_stores_stand_around_their_mean(palette):
    compared = store_comparison.comparison(["S001", "S002"], "EUR", "30d")
    measures = [
        Measure("net_sales", "Net sales", ",.0f", "EUR"),
        Measure("revenue_per_sqft", "Per ft²", ".1f"),
    ]
    one, other = store_charts.against_the_mean(compared, measures, "S002", palette).data
    # 10,000 and 5,000 around 7,500; nobody knows the area.
    assert list(one.y) == list(other.y) == ["Net sales"]
    assert [one.x[0], other.x[0]] == pytest.approx([400 / 3, 200 / 3])
    assert [one.customdata[0], other.customdata[0]] == ["10,000 EUR", "5,000 EUR"]
    assert other.marker.size > one.marker.size


@pytest.fixture
def regions(serving):
    """Four stores: two in the north, one in the south, one of which nobody knows."""
    lying = {"S001": "North", "S002": "South", "S003": "North", "S004": None}
    files.write(serving, files.catalogue(), *(files.store(store_id) for store_id in lying))
    return stock.add(
        serving,
        *(
            stock.sales(store_id, 100 * rank, 5 - rank, region=region)
            for rank, (store_id, region) in enumerate(lying.items(), start=1)
        ),
    )


@pytest.mark.usefixtures("regions")
def test_regions_are_drawn_by_what_their_stores_sold(open_page):
    shown = words(opened(open_page, "stores"))
    assert "**2 regions** by net sales" in shown
    found = store_comparison.regions(["S001", "S002", "S003", "S004"], "EUR", "30d")
    assert found.select("region", "stores", "net_sales", "net_sales_per_store").rows() == [
        ("North", 2, 4_000, 2_000),
        (None, 1, 4_000, 4_000),
        ("South", 1, 2_000, 2_000),
    ]
    assert found["share"].to_list() == pytest.approx([0.4, 0.4, 0.2])
    assert found["transactions"].to_list() == [400, 400, 200]


@pytest.mark.usefixtures("regions")
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_stores_without_a_region_are_told_apart(palette):
    found = store_comparison.regions(["S001", "S002", "S003", "S004"], "EUR", "30d")
    [bars] = store_charts.sales_by_region(found, "EUR", palette).data
    assert list(bars.y) == ["North", "No region", "South"]
    assert list(bars.x) == [4_000, 4_000, 2_000]
    assert list(bars.text) == ["40.0%", "40.0%", "20.0%"]
    assert list(bars.marker.color) == [palette.accent, palette.calm_edge, palette.accent]


@pytest.mark.usefixtures("three_stores")
def test_stores_of_unknown_regions_are_not_drawn_by_region(open_page):
    app = opened(open_page, "stores")
    assert not [c for c in app.get("plotly_chart") if c.proto.id.endswith("-regions")]


@pytest.mark.usefixtures("regions")
def test_who_sees_one_region_is_not_told_of_the_other(tmp_path, monkeypatch):
    people = tmp_path / "people.json"
    people.write_text(
        '{"contact": "x", "people": {"a@b": {"role": "manager", "stores": ["S001", "S003"]}}}'
    )
    monkeypatch.setattr(
        access, "principal", lambda: access.read_people(people).principal("a@b", [])
    )
    found = store_comparison.regions(["S001", "S002", "S003", "S004"], "EUR", "30d")
    assert found.select("region", "stores", "share").rows() == [("North", 2, 1.0)]


# What is missing


@pytest.mark.parametrize("path", PATHS)
def test_analytics_without_a_single_row_are_explained(open_page, serving, path):
    files.write(serving, files.catalogue(), files.store())
    stock.add(serving)
    explained = {
        "inventory": "No stock was counted yet",
        "optimisation": "No order can be planned yet",
        "stores": "No business day is complete yet",
    }
    app = opened(open_page, path)
    assert explained[path] in words(app)
    assert not app.get("plotly_chart")


@pytest.mark.parametrize("path", ["inventory", "optimisation"])
def test_sales_without_stock_are_explained(open_page, serving, path):
    files.write(serving, files.catalogue(), files.store(tracks_stock=False))
    stock.add(serving, stock.sales("S001", 1_000, 1))
    app = opened(open_page, path)
    assert "This store has no shelf sensors" in words(app)
    assert not app.get("plotly_chart")


def test_a_store_that_only_sells_is_compared_without_its_stock(open_page, serving):
    files.write(serving, files.catalogue(), files.store(tracks_stock=False))
    stock.add(serving, stock.sales("S001", 1_000, 1))
    app = opened(open_page, "stores")
    [compared] = [t for t in app.dataframe if "recent" in t.value.columns]
    assert "availability_pct" not in compared.proto.column_order
