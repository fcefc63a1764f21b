"""Pages about the analytics: on three days reckoned by hand, and on a year of real sales."""

import json
from contextlib import suppress
from datetime import UTC, date, datetime

import polars as pl
import pytest
from app_support import figure, table, without_menu, words

from dashboard import access, serving
from dashboard.charts.anomalies import hours_with_band
from dashboard.charts.baskets import network, strength
from dashboard.charts.customers import retention
from dashboard.charts.sales import sales_by_day
from dashboard.data import anomalies, baskets, customers, overview, sales
from dashboard.data.analysis import Scope, built_for
from dashboard.data.anomalies import Method, Series
from dashboard.period import NAMES
from dashboard.registry import PAGES
from dashboard.theme import DARK, LIGHT

UCI = Scope("UCI-ONLINE", "GBP")
BOTH = Scope("ALL", "EUR")


@pytest.fixture
def days_by_hand(golden, monkeypatch):
    """Three days of two stores as the published data."""
    monkeypatch.setenv("SMARTSHELF_LAKE", str(golden[0].lake))


@pytest.fixture
def real_sales(online_retail_lake, monkeypatch):
    """A year of UCI Online Retail as the published data."""
    monkeypatch.setenv("SMARTSHELF_LAKE", str(online_retail_lake.lake))


@pytest.fixture(scope="module")
def sessions():
    """Sessions of the app that go from page to page, by what they are about."""
    return {}


def traces(app, index=0):
    """Return the traces of a chart of a page."""
    return json.loads(app.get("plotly_chart")[index].proto.spec)["data"]


# Every page, on both


NO_SENSORS = "This store has no shelf sensors"
# Words of the pages that have nothing to draw; the others have a table or a chart.
SAID_OF_REAL_SALES = dict.fromkeys(
    ("map", "states", "alerts", "supply", "inventory", "optimisation", "lots", "waste"), NO_SENSORS
) | {
    "item": "Which item?",
    "live": "Loaded, not live",
    "forecast": "No forecast so far",
    "audit": "Nobody has done anything so far",
    "quality": "The data have not been checked yet",
}
SAID_OF_THREE_DAYS = {
    "forecast": "No forecast so far",
    "waste": "Nothing was wasted or marked down so far",
    "baskets": "No two items are bought together often enough",
    "audit": "Nobody has done anything so far",
    "quality": "The data have not been checked yet",
}


def told(app, words_of_it):
    """Return titles of a page, what it says it failed at, whether it draws, and says the words."""
    shown = words(app)
    failures = ("another version of Smart Shelf", "cannot be read", "are not computed yet")
    return (
        [title.value for title in app.title],
        [failed for failed in failures if failed in shown],
        bool(app.dataframe or app.get("plotly_chart")),
        words_of_it in shown,
    )


def reached(sessions, name, open_page, at_page, path):
    """Go to a page in the session of that name; the first page begins it."""
    if name in sessions:
        return at_page(sessions[name], path)
    return sessions.setdefault(name, open_page(path))


@pytest.mark.usefixtures("real_sales")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_page_has_something_to_say_of_real_sales(sessions, open_page, at_page, page):
    app = reached(sessions, "real sales", open_page, at_page, page.path)
    assert not app.exception
    known = page.path not in SAID_OF_REAL_SALES
    assert told(app, SAID_OF_REAL_SALES.get(page.path, "")) == ([page.title], [], known, True)


@pytest.mark.usefixtures("days_by_hand")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_every_page_has_something_to_say_of_three_days(sessions, open_page, at_page, page):
    app = reached(sessions, "three days", open_page, at_page, page.path)
    assert not app.exception
    known = page.path not in SAID_OF_THREE_DAYS
    assert told(app, SAID_OF_THREE_DAYS.get(page.path, "")) == ([page.title], [], known, True)


# What they say


@pytest.mark.usefixtures("days_by_hand")
def test_sales_of_all_stores_are_those_reckoned_by_hand(open_page):
    app = open_page("sales", store="All stores")
    assert not app.exception
    assert "Sales as of Thu 6 Mar 2025" in words(app)
    assert figure(app, "Net sales") == "75"
    bars, mean = traces(app)
    assert sum(bars["y"]) == pytest.approx(74.80)
    # No week has passed yet.
    assert mean["y"] == [None, None, None]
    categories = sales.categories(BOTH, None)
    assert categories.get_column("category").to_list() == ["A", "B"]
    assert float(categories.get_column("net_sales").sum()) == pytest.approx(74.80)


@pytest.mark.parametrize("path", ["sales", "customers", "baskets", "anomalies"])
@pytest.mark.usefixtures("days_by_hand")
def test_a_manager_of_one_store_finds_no_figure_of_the_other(
    open_page, monkeypatch, tmp_path, path
):
    people = tmp_path / "people.json"
    people.write_text('{"contact": "x", "people": {"a@b": {"role": "manager", "stores": ["S1"]}}}')
    monkeypatch.setenv("SMARTSHELF_PEOPLE", str(people))
    for store in ("All stores", "S2 (S2)"):
        app = open_page(path, user={"is_logged_in": True, "email": "a@b"}, store=store)
        assert not app.exception
        shown = [words(app), *[t.value.to_csv() for t in app.dataframe]]
        shown += [chart.proto.spec for chart in app.get("plotly_chart")]
        assert not [part for part in shown if "S2" in part or "All stores" in part]
    mine = [
        (table, column)
        for table in ("kpi_daily", "fact_sales", "sales_anomalies", "basket_rules", "top_sellers")
        for column in ("store_id", "scope_id", "scope", "scope_value")
    ]
    monkeypatch.setattr(
        access, "principal", lambda: access.read_people(people).principal("a@b", [])
    )
    for name, column in mine:
        with suppress(serving.ServingUnavailableError):
            found = serving.query(f"select distinct {column} from analytics.{name}")
            assert set(found.to_series()) <= {"S1"}, name


@pytest.mark.parametrize("path", ["sales", "customers", "baskets", "overview", "history", "stores"])
@pytest.mark.usefixtures("days_by_hand")
def test_every_table_can_be_downloaded(open_page, offered, path):
    app = open_page(path)
    assert not app.exception
    assert without_menu(app, offered) == []


@pytest.mark.parametrize("path", ["sales", "history", "customers", "baskets", "anomalies"])
@pytest.mark.usefixtures("real_sales")
def test_every_table_of_real_sales_can_be_downloaded(open_page, offered, path):
    app = open_page(path)
    assert app.dataframe
    assert without_menu(app, offered) == []


@pytest.mark.usefixtures("days_by_hand")
def test_a_store_shows_its_own_sales(open_page):
    app = open_page("sales")
    app.selectbox(key="store").set_value("S2").run()
    assert not app.exception
    [(receipts, net_sales)] = serving.query(
        """
        select transactions_30d, net_sales_30d from analytics.kpi_daily
        where store_id = 'S2' order by date_key desc limit 1
        """
    ).rows()
    assert figure(app, "Receipts") == str(receipts)
    assert sum(traces(app)[0]["y"]) == pytest.approx(float(net_sales))


@pytest.mark.usefixtures("real_sales")
@pytest.mark.parametrize("period", ["7d", "30d", "90d", "all"])
def test_figures_of_sales_are_of_the_days_that_are_drawn(open_page, period):
    """Each is also what the analytics say of the period, where they do."""
    app = open_page("sales", period=NAMES[period])
    assert not app.exception
    shown = {metric.label: metric for metric in app.metric}
    assert float(shown["Net sales (GBP)"].value) == pytest.approx(sum(traces(app)[0]["y"]), abs=1)
    told = {row["kpi"]: row for row in overview.kpis(UCI, period).iter_rows(named=True)}
    assert bool(told) == (period != "all")
    totals = sales.totals(UCI, None)
    for kpi, label in (
        ("net_sales", "Net sales (GBP)"), ("transactions", "Receipts"),
        ("units_sold", "Sold (pcs)"), ("atv", "Per receipt (GBP)"),
    ):  # fmt: skip
        value = told[kpi]["value"] if told else totals[kpi]
        assert float(shown[label].value) == pytest.approx(value, abs=0.51), label
        assert bool(shown[label].delta) == (bool(told) and told[kpi]["change"] is not None)
    compared = f"{'All days' if period == 'all' else NAMES[period]} up to Fri 9 Dec"
    assert compared in words(app)
    assert ("against as many days before" in words(app)) == any(
        row["change"] for row in told.values()
    )


@pytest.mark.usefixtures("days_by_hand")
def test_ratios_of_several_days_are_divided_anew():
    """44.00, 20.80 and 10.00 on 3, 1 and 1 receipts; a mean of daily ratios would be another."""
    found = sales.totals(BOTH, None)
    receipts = found["transactions"]
    assert receipts == 5
    [(revenue, units, profit)] = serving.query(
        """
        select sum(sales_revenue)::double, sum(units_sold)::double, sum(gross_profit)::double
        from analytics.kpi_daily where store_id = 'ALL'
        """
    ).rows()
    assert found["atv"] == pytest.approx(revenue / 5) == pytest.approx(16.96)
    assert found["upt"] == pytest.approx(units / 5)
    assert found["margin_pct"] == pytest.approx(100 * profit / found["net_sales"])
    assert sales.totals(BOTH, date(2025, 3, 4))["transactions"] == 2
    # Nothing was sold since: nothing to divide by.
    nothing = sales.totals(BOTH, date(2026, 1, 1))
    assert nothing.get("atv") is None


@pytest.mark.usefixtures("days_by_hand")
def test_the_overview_of_all_stores_is_that_reckoned_by_hand(open_page):
    app = open_page("overview", store="All stores")
    assert not app.exception
    assert figure(app, "Net sales (EUR)") == "75"
    assert figure(app, "Receipts") == "5"
    assert figure(app, "Per receipt (EUR)") == "16.96"
    assert figure(app, "Margin (%)") == "43.9"
    # Three days have none before them.
    assert not any(metric.delta for metric in app.metric)


@pytest.mark.usefixtures("real_sales")
def test_a_year_of_real_sales(open_page):
    app = open_page("sales", period="All")
    assert not app.exception
    [(whole,)] = serving.query(
        "select sum(revenue) from analytics.fact_sales where is_merchandise"
    ).rows()
    assert sum(traces(app)[0]["y"]) == pytest.approx(float(whole))
    grown = table(app, "mom_growth_pct")
    assert len(grown) == 13
    assert "So far" in grown["state"].iloc[0]


@pytest.mark.usefixtures("real_sales")
def test_the_overview_of_real_sales_tells_no_stock(open_page):
    app = open_page("overview")
    assert not app.exception
    [card] = [metric for metric in app.metric if metric.label == "Net sales (GBP)"]
    assert card.value == "1438916"
    assert card.delta == "+26.2 %"
    assert card.proto.delta_description == "better"
    assert not [metric for metric in app.metric if "Stock" in metric.label]
    assert "stock and empty shelves: there are no sensors" in words(app)


@pytest.mark.usefixtures("real_sales")
def test_the_history_of_real_sales_tells_what_came_back(open_page):
    app = open_page("history", period="All")
    assert not app.exception
    assert "**4.88 %** of the pieces sold" in words(app)
    assert "**Months** against a mean day" in words(app)


@pytest.mark.usefixtures("real_sales")
def test_best_sellers_are_ranked_without_gaps(open_page):
    app = open_page("sales")
    ranks = table(app, "rank_change")["rank"].tolist()
    assert ranks == list(range(1, len(ranks) + 1))
    assert len(ranks) == 50
    assert "move" in table(app, "rank_change").columns
    for period in ("90d", "all"):
        app.button_group(key="period").set_value(period).run()
        assert not app.exception
        assert table(app, "share_pct")["rank"].tolist() == list(range(1, 51))


@pytest.mark.usefixtures("real_sales")
def test_segments_have_every_customer_once(open_page):
    app = open_page("customers")
    assert not app.exception
    [tiles] = traces(app)
    everybody = customers.members("GBP", None, "")
    assert sum(row[0] for row in tiles["customdata"]) == len(everybody) == 4261
    assert "upper bounds" in words(app)
    app.selectbox(key="segment").set_value("Champions").run()
    shown = table(app, "rfm_code")
    assert set(shown["segment"]) == {"Champions"}
    assert f"**{len(shown)} customers**" in words(app)
    app.text_input(key="customer_search").input("nobody").run()
    assert "No customer fits the filters." in words(app)


@pytest.mark.usefixtures("real_sales")
def test_scores_values_and_habits_have_every_customer_once(open_page):
    scores = customers.scores("GBP")
    everybody = customers.members("GBP", None, "")
    assert scores.get_column("customers").sum() == len(everybody) == 4261
    segments = customers.segments("GBP").select("segment", "customers", "revenue").sort("segment")
    by_segment = scores.group_by("segment").agg(pl.col("customers", "revenue").sum())
    assert by_segment.sort("segment").rows() == segments.rows()
    valued = customers.deciles("GBP")
    classes = customers.value_classes("GBP")
    for column in ("customers", "clv_12m"):
        assert classes.get_column(column).sum() == valued.get_column(column).sum()
    assert classes.get_column("to_value")[:-1].equals(classes.get_column("from_value")[1:])
    known = customers.habits("GBP")
    assert known.get_column("customers_share_pct").sum() == pytest.approx(100)
    assert (
        customers.favourite_hours("GBP").get_column("customers").sum() == known["customers"].sum()
    )
    app = open_page("customers", staying_away="Lapsed")
    assert not app.exception
    shown = table(app, "gaps_missed")
    [gone] = known.filter(churn_risk="lapsed").get_column("customers")
    assert f"**{gone:,} customers** missed for over three times" in words(app)
    assert len(shown) == gone
    # Written with one decimal.
    assert (shown["gaps_missed"] >= 3).all()
    assert shown["total_spent"].astype(float).is_monotonic_decreasing


@pytest.mark.usefixtures("real_sales")
def test_months_still_to_come_are_empty_cells():
    chart = retention(customers.cohorts("GBP"), LIGHT)
    [cells] = chart.data
    assert cells.y[0].startswith("2010-12")
    assert cells.z[-1][-1] is None
    assert cells.text[-1][-1] == ""


@pytest.mark.usefixtures("real_sales")
def test_rules_follow_their_thresholds_and_offers_their_item(open_page):
    app = open_page("baskets")
    assert not app.exception
    some = baskets.rules("90d", "UCI-ONLINE", support=0.01, confidence=0.3, lift=2)
    assert f"**{len(some):,} rules**" in words(app)
    app.slider(key="confidence").set_value(80).run()
    shown = table(app, "support_count")
    assert (shown["confidence"] >= 0.8).all()
    assert 0 < len(shown) < len(some)
    first = baskets.offered_items("90d", "UCI-ONLINE").row(0)[0]
    app.selectbox(key="beside").set_value(first).run()
    assert not app.exception
    offered = table(app, "recommended_item_id")
    assert offered["rank"].tolist() == list(range(1, len(offered) + 1))
    assert first not in offered["recommended_item_id"].tolist()


@pytest.mark.usefixtures("real_sales")
def test_rules_are_drawn_as_the_table_has_them(open_page):
    app = open_page("baskets")
    shown = table(app, "conviction")
    [dots] = [t for t in traces(app, 1) if t["mode"] == "markers"]
    assert sorted(dots["x"]) == sorted(shown["support"])
    assert sorted(dots["y"]) == sorted(shown["confidence"])
    assert (shown["q_value"] < 0.05).all()
    assert (shown["conviction"].dropna() > 1).all()


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_the_strongest_rule_lies_on_top(palette):
    rules = pl.DataFrame(
        {
            "bought": [["Tea", "Milk"], ["Tea"]],
            "also": [["Cup"], ["Milk"]],
            "support": [0.01, 0.05],
            "support_count": [20, 100],
            "confidence": [0.9, 0.4],
            "lift": [100.0, 2.0],
        }
    )
    [dots] = strength(rules, palette).data
    assert list(dots.x) == [0.05, 0.01]
    assert list(dots.y) == [0.4, 0.9]
    assert list(dots.marker.color) == pytest.approx([0.30103, 2])
    assert list(dots.customdata[1]) == ["Tea + Milk", "Cup", 20, 100.0]
    bar = dots.marker.colorbar
    assert bar.ticktext == ("2", "3", "5", "10", "20", "30", "50", "100")
    assert dots.marker.colorscale[1][1] == palette.shelf
    # One rule only has one shade, and none at all nothing to draw.
    assert len(strength(rules.head(1), palette).data[0].x) == 1
    assert not strength(rules.clear(), palette).data[0].x


@pytest.mark.usefixtures("real_sales")
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_the_network_has_all_items_and_pairs(palette):
    nodes = baskets.nodes("90d", "ALL")
    edges = baskets.edges("90d", "ALL")
    chosen = nodes.get_column("item")[3]
    *lines, dots = network(nodes, edges, chosen, palette).data
    assert len(lines) == len(edges)
    assert len(dots.x) == len(nodes)
    assert [place for place, width in enumerate(dots.marker.line.width) if width > 1] == [3]
    # Each group is named once.
    assert sum(bool(label) for label in dots.text) == nodes.get_column("community").n_unique()


@pytest.mark.usefixtures("real_sales")
def test_every_marked_hour_is_counted_and_drawn(open_page):
    app = open_page("anomalies", period="30 days")
    assert not app.exception
    since = anomalies.newest(["GBP"])
    assert since == datetime(2011, 12, 9, 23, tzinfo=UTC)
    marked = table(app, "baseline")
    assert figure(app, "Marked") == str(len(marked))
    up = int((marked["direction"] == "▲ More").sum())
    assert figure(app, "More than usual") == str(up)
    assert 0 < up < len(marked)
    drawn = [t for t in traces(app) if t.get("name") in {"More than usual", "Less than usual"}]
    of_all = marked[marked["series"] == "All stores"]
    assert sum(len(trace["x"]) for trace in drawn) == len(of_all)


@pytest.mark.usefixtures("real_sales")
def test_the_fall_of_a_holiday_is_marked_as_less():
    since = datetime(2011, 5, 30, tzinfo=UTC)
    hours = anomalies.hours(
        Series("store", "UCI-ONLINE", "GBP"), "transactions", Method("seasonal_mad", "hour"), since
    ).filter(pl.col("bucket_start") < datetime(2011, 5, 31, tzinfo=UTC))
    low = hours.filter("is_anomaly")
    assert set(low.get_column("direction")) == {"low"}
    assert low.get_column("is_holiday").all()
    chart = hours_with_band(hours, "receipts", "Europe/London", LIGHT)
    assert chart.data[-1].name == "Less than usual"
    assert len(chart.data[-1].x) == len(low)


@pytest.mark.usefixtures("one_store")
def test_nothing_is_built_before_the_first_time():
    assert built_for("kpi_daily") is None


@pytest.mark.usefixtures("real_sales")
def test_a_mean_of_seven_days_begins_with_the_seventh_day_of_the_store():
    whole = sales.daily(UCI, None)
    assert whole.get_column("mean_7d").null_count() == 6
    week = whole.get_column("net_sales").cast(pl.Float64)[:7].mean()
    assert whole.get_column("mean_7d")[6] == pytest.approx(week)
    newest = sales.daily(UCI, date(2011, 12, 1))
    [_, mean] = sales_by_day(newest, "GBP", LIGHT).data
    assert None not in mean.y
    assert list(mean.y) == whole.get_column("mean_7d")[-9:].to_list()
