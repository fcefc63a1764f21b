"""What people open in the morning, the page of this minute, and that of the past."""

import json
import re
from base64 import b64decode
from datetime import date, timedelta

import analytics_files as analysed
import polars as pl
import pytest
import serving_files as files
import yaml
from app_support import figure, table, words
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue
from streamlit.util import calc_hash

from dashboard import text
from dashboard.charts.history import calendar, months, return_funnel
from dashboard.charts.live import takings
from dashboard.components.kpi_cards import course, judgement
from dashboard.data import history, live, overview, sales
from dashboard.data.analysis import Scope
from dashboard.theme import DARK, LIGHT

ONE = Scope("S001", "EUR")
CHOICE = "Smart Shelf Turku (S002)"


def publish(path, *parts, without=(), **options):
    """Write a serving file that has tables of the analytics as well."""
    tables = {name: columns for name, columns in analysed.TABLES.items() if name not in without}
    return files.write(path, *parts, more_tables=tables, **options)


@pytest.fixture
def morning(serving):
    """A publication about one store of which all is known."""
    return publish(
        serving,
        files.catalogue(),
        files.store(),
        files.stock(),
        files.loop(),
        analysed.versions(),
        analysed.kpis(),
        analysed.goods(),
        analysed.compared("S001"),
        analysed.seasons(),
        analysed.live(),
        analysed.parts(disk="warn"),
        {"analytics.customer_clv": [{"currency": "EUR", "customer_id": "A", "clv_12m": 60}]},
    )


@pytest.fixture
def two(serving):
    """A publication about two stores, and both together."""
    turku = files.store("S002", name="Smart Shelf Turku", timezone="Europe/Helsinki")
    whole = [part for whose in ("S001", "S002", "ALL") for part in (
        analysed.kpis(whose), analysed.live(whose),
    )]  # fmt: skip
    return publish(
        serving, files.catalogue(), files.store(), turku, *whole, analysed.versions(),
        analysed.goods("ALL"), analysed.compared("S002", "S001"), analysed.parts(),
    )  # fmt: skip


def cards(app):
    """Return what the cards say: value, change and judgement by name."""
    return {
        metric.label: (
            metric.value, metric.delta, metric.proto.delta_description, metric.proto.color,
        )
        for metric in app.metric
    }  # fmt: skip


def traces(app, name):
    """Return the trace of that name, of whatever chart."""
    return [
        trace
        for chart in app.get("plotly_chart")
        for trace in json.loads(chart.proto.spec)["data"]
        if trace.get("name") == name
    ]


def ways(app):
    """Return the links to pages: what each says, and its address."""
    return {
        link.proto.label: f"{link.proto.page}?{link.proto.query_string}".removesuffix("?")
        for link in app.get("page_link")
    }


# Overview


@pytest.mark.usefixtures("morning")
def test_cards_tell_change_and_whether_it_is_good(open_page):
    app = open_page()
    assert not app.exception
    shown = cards(app)
    assert shown["Net sales (EUR)"][:3] == ("30465", "+5.0 %", "better")
    assert shown["Margin (%)"][:3] == ("28.5", "-0.5 points", "worse")
    assert shown["Returned (% of sales)"][:3] == ("0.25", "-0.06 points", "better")
    assert shown["Shelves empty (%)"][:3] == ("0.75", "+0.25 points", "worse")
    # A good change has one colour and a bad one another, whichever way it goes.
    good, bad = shown["Net sales (EUR)"][3], shown["Margin (%)"][3]
    assert good != bad
    assert shown["Returned (% of sales)"][3] == good
    assert shown["Shelves empty (%)"][3] == bad
    assert "30 days up to Fri 2 Jan against as many days before." in words(app)


@pytest.mark.usefixtures("morning")
def test_what_did_not_change_or_is_not_known_is_not_judged(open_page):
    shown = cards(open_page())
    assert shown["Per receipt (EUR)"][1:3] == ("0.0 %", "")
    assert shown["Receipts"][1:3] == ("", "")
    # More stock is neither better nor worse.
    assert shown["Stock at cost (EUR)"][1:3] == ("+25.0 %", "")
    assert shown["Customer worth (EUR)"][0] == "60"


@pytest.mark.parametrize(
    ("change", "is_more_better", "expected"),
    [
        (1, True, "better"),
        (1, False, "worse"),
        (-1, True, "worse"),
        (-1, False, "better"),
        (0, True, None),
        (None, True, None),
        (1, None, None),
    ],
)
def test_judgement(change, is_more_better, expected):
    assert judgement(change, is_more_better=is_more_better) == expected


def test_a_store_without_stock_and_known_customers_says_what_is_left_out(open_page, serving):
    publish(
        serving,
        files.catalogue(),
        files.store(tracks_stock=False),
        analysed.versions("customer_clv"),
        analysed.kpis(leave_out=(*analysed.OF_STOCK, "customers")),
        analysed.goods(),
        analysed.parts(),
    )
    app = open_page()
    assert not app.exception
    labels = set(cards(app))
    assert not {"Stock at cost (EUR)", "Known customers", "Customer worth (EUR)"} & labels
    shown = words(app)
    assert "stock and empty shelves: there are no sensors" in shown
    assert "customers: the tills do not say who bought" in shown
    assert "what customers are worth" in shown
    assert "the error of forecasts: none has come true yet" in shown
    # Nothing leads to pages about stock.
    assert set(ways(app).values()) == {"anomalies", "history", "system", "quality"}


@pytest.mark.usefixtures("morning")
def test_what_needs_hands_is_counted_and_leads_to_its_page(open_page):
    found = ways(open_page())
    told = list(found)

    def about(words):
        return next(label for label in told if words in label)

    counted = "**7 alerts** of shelves and the warehouse: 2 run out, 1 low, 4 near expiry"
    assert found[about(counted)] == "alerts?status=Open"
    assert found[about("**2 low shelves**, 1 of them empty")] == "states?low=true"
    assert found[about("expire by tomorrow")] == "lots"
    assert found[about("**1 order** overdue")] == "supply"
    assert found[about("Orders can be changed until")] == "supply"
    assert found[about("**1 item** came back unusually often")] == "history"
    # The worst comes first, and is told by a sign.
    assert told.index(about("**7 alerts**")) < told.index(about("came back unusually often"))
    assert "▲" in about("**7 alerts**")
    assert "◆" in about("came back unusually often")


@pytest.mark.usefixtures("two")
def test_links_keep_the_store(open_page):
    addresses = ways(open_page(store=CHOICE)).values()
    assert "lots?store=Smart+Shelf+Turku+%28S002%29" in addresses


def test_unusual_hours_are_those_of_the_day_before_the_newest(open_page, serving):
    hours = [
        analysed.anomaly(files.ago(minutes)) for minutes in (60, 23 * 60, 25 * 60, 26 * 60)
    ]  # fmt: skip
    publish(
        serving, files.catalogue(), files.store(), analysed.versions(), analysed.kpis(),
        {"analytics.sales_anomalies": hours},
    )  # fmt: skip
    found = ways(open_page())
    [told] = [label for label in found if "**2 unusual hours** of sales in the last day" in label]
    assert found[told] == "anomalies?acknowledged=Not+yet"


@pytest.mark.parametrize(
    ("looked_at", "expected"),
    [
        (1, "**1 unusual hour** of sales in the last day, 1 more acknowledged"),
        (2, "All unusual hours of the last day are acknowledged"),
    ],
)
def test_hours_that_somebody_has_looked_at_need_no_hands(open_page, serving, looked_at, expected):
    hours = [analysed.anomaly(files.ago(minutes)) for minutes in (60, 120)]
    publish(
        serving, files.catalogue(), files.store(), analysed.versions(), analysed.kpis(),
        {"analytics.sales_anomalies": hours}, files.acknowledged(*hours[:looked_at]),
    )  # fmt: skip
    [told] = [label for label in ways(open_page()) if "unusual hour" in label]
    assert told.endswith(expected)


@pytest.mark.usefixtures("morning")
def test_the_trend_and_the_newest_whole_periods(open_page):
    app = open_page()
    [bars] = traces(app, "Net sales")
    assert len(bars["y"]) == analysed.DAYS
    assert bars["y"][-1] == 1_000 + analysed.DAYS - 1
    assert not traces(app, "Forecast")
    shown = words(app)
    assert "**December 2025**: 31,500, ▼ -2.5 % on the month before." in shown
    assert "**Week of Mon 22 Dec**: 7,200, ▲ +0.7 % on the week before." in shown


@pytest.mark.parametrize(
    ("growth", "told"), [(0.04, "= 0.0 %"), (-0.04, "= 0.0 %"), (0.06, "▲ +0.1 %")]
)
def test_what_is_rounded_away_has_no_sign(open_page, serving, growth, told):
    known = analysed.kpis()
    known["analytics.period_growth"][-1]["mom_growth_pct"] = growth
    publish(serving, files.catalogue(), files.store(), analysed.versions(), known)
    assert f"7,200, {told} on the week before." in words(open_page())


def test_forecasts_continue_the_trend(open_page, serving):
    publish(
        serving, files.catalogue(), files.store(), files.forecasts(), analysed.versions(),
        analysed.kpis(), analysed.goods(),
    )  # fmt: skip
    app = open_page()
    [bars] = traces(app, "Forecast")
    # 4.4 pieces a day of wine, at 5.00 each; lager was not sold, so it has no price.
    assert bars["y"] == pytest.approx([4.4 * 5.0] * len(bars["y"]))
    assert 0 < len(bars["y"]) <= 7
    assert min(bars["x"]) > "2026-01-02"
    judged = overview.forecast_error(["S001"], 30, files.AS_OF + timedelta(days=9))
    # The five judged outcomes of the window cover miss 11 of 50 pieces.
    assert judged.select("is_current", "n").rows() == [(True, 5)]
    assert judged.get_column("wape").item() == pytest.approx(11 / 50)


@pytest.mark.usefixtures("two")
def test_stores_are_side_by_side_where_all_are_shown(open_page):
    app = open_page(store="All stores")
    assert not app.exception
    ranked = table(app, "revenue_rank")
    assert ranked["store_id"].tolist() == ["S002", "S001"]
    assert not [t for t in open_page().dataframe if "revenue_rank" in t.value.columns]


@pytest.mark.usefixtures("morning")
def test_goods_follow_the_period(open_page):
    app = open_page(period="90 days")
    assert not app.exception
    assert "**Best sellers** of 90 days" in words(app)
    assert table(app, "share_pct")["item_id"].tolist() == ["WINRED0004"]
    sold = {trace["y"][0]: trace["x"][0] for trace in traces(app, None) if trace["type"] == "bar"}
    assert sold == {"Wines": 1_800.0}
    app.button_group(key="period").set_value("7d").run()
    assert table(app, "share_pct")["item_id"].tolist() == ["WINRED0004", "MEABEE0001"]
    assert "**Best sellers** of 7 days" in words(app)


def test_best_sellers_of_any_days_are_summed(serving):
    publish(serving, files.catalogue(), files.store(), analysed.versions(), analysed.goods())
    ranked = ["rank", "item_id", "sales_revenue", "share_pct"]
    store, since = Scope("S001", "EUR"), analysed.LAST_DAY - timedelta(days=29)
    # The day before is in all days alone.
    for first, sold in ((since, 300), (None, 1_200)):
        found = sales.items(store, first, None, (), 50)
        assert found.select(ranked).rows() == [(1, "WINRED0004", sold, 100)]
    assert sales.items(Scope("S001", "GBP"), since, None, (), 50).is_empty()
    assert sales.items(store, since, None, ("MEAT",), 50).is_empty()


def test_before_the_first_kpis_work_and_system_are_told(open_page, serving):
    files.write(
        serving, files.catalogue(), files.store(), files.stock(), files.loop(), analysed.live(),
        analysed.parts(raw="fail"),
    )  # fmt: skip
    app = open_page()
    assert not app.exception
    shown = words(app)
    assert "KPIs are not computed yet" in shown
    assert "**7 alerts**" in " ".join(ways(app))
    assert "▲ 1 part of 3 to look at." in shown
    assert "1,234 events are kept" in shown
    assert table(app, "component")["status"].tolist() == ["▲ Failed", "✓ Well", "✓ Well"]


def test_a_first_day_that_is_not_over_is_explained(open_page, serving):
    publish(serving, files.catalogue(), files.store(), analysed.versions(), analysed.parts())
    for path in ("overview", "history"):
        app = open_page(path)
        assert not app.exception
        assert "No business day is complete yet" in words(app)
    # Nothing stands beside what needs hands.
    app = open_page()
    assert not app.columns
    assert "What needs hands now" in words(app)


@pytest.mark.usefixtures("two")
def test_the_first_page_is_found_by_its_name_as_well(open_page):
    app = open_page("live", store=CHOICE, period="7 days")
    app._page_hash = calc_hash("overview")
    app.run()
    assert not app.exception
    assert app.title[0].value == "Overview"
    assert app.selectbox(key="store").value == "S002"
    assert app.button_group(key="period").value == "7d"


def test_money_of_two_currencies_is_chosen_between(open_page, serving):
    other = files.store("S002", name="Smart Shelf London", timezone="Europe/London")
    other["ref.stores"][0]["currency"] = "GBP"
    publish(
        serving, files.catalogue(), files.store(), other, analysed.versions(), analysed.kpis("ALL")
    )
    app = open_page(store="All stores")
    assert not app.exception
    assert figure(app, "Net sales (EUR)") == "30465"
    app.button_group(key="currency").set_value("GBP").run()
    assert not app.exception
    assert "No business day is complete yet" in words(app)


# Choices that hold on every page


@pytest.mark.usefixtures("two")
def test_store_and_period_hold_on_the_next_page(open_page, at_page):
    app = open_page(store=CHOICE, period="7 days")
    for path in ("history", "live", "overview"):
        at_page(app, path)
        assert not app.exception
        assert app.selectbox(key="store").value == "S002"
        if path != "live":
            assert app.button_group(key="period").value == "7d"


@pytest.mark.usefixtures("two")
def test_a_page_without_the_choice_leaves_it_to_the_others(open_page, at_page):
    app = open_page("history", store="All stores", period="All")
    # The map is of one store; the overview of 90 days at most, which is nearest to all.
    assert at_page(app, "map").selectbox(key="store").value == "S001"
    at_page(app, "overview")
    assert app.selectbox(key="store").value == "all"
    assert app.button_group(key="period").value == "90d"
    assert "All: not told here. The nearest is shown, 90 days." in words(app)
    assert at_page(app, "history").button_group(key="period").value == "all"


@pytest.mark.usefixtures("morning")
@pytest.mark.parametrize(("path", "item"), [("item", "MEABEE0001"), ("states", "S001/MEABEE0001")])
def test_the_span_of_a_stock_and_the_period_of_figures_leave_each_other_alone(
    open_page, at_page, path, item
):
    app = open_page("history", period="90 days")
    app.query_params["item"] = item
    assert at_page(app, path).button_group(key="stock_span").value == "7d"
    assert "period" not in app.query_params
    app.button_group(key="stock_span").set_value("24h").run()
    assert at_page(app, "history").button_group(key="period").value == "90d"
    assert app.query_params["period"] == "90 days"
    assert "stock_span" not in app.query_params
    assert at_page(app, path).button_group(key="stock_span").value == "24h"


@pytest.mark.usefixtures("morning")
def test_the_span_of_an_address_is_not_taken_for_a_period(open_page, at_page):
    app = open_page("states", item="S001/MEABEE0001", stock_span="24 hours")
    assert app.button_group(key="stock_span").value == "24h"
    assert at_page(app, "overview").button_group(key="period").value == "30d"


@pytest.mark.parametrize("lying", [("North", "South", None), ("North", "North", None)])
def test_live_tells_regions_where_there_are_several(open_page, serving, lying):
    named = dict(zip(("S001", "S002", "S003"), lying, strict=True))
    stores = [files.store(store_id, region=region) for store_id, region in named.items()]
    publish(
        serving, files.catalogue(), *stores, analysed.live(), analysed.live("S002"),
        analysed.live("ALL"), {"live.sales_pane_5m": [{
            "pane_start": files.ago(10), "store_id": "S002", "currency": "EUR", "revenue": 900,
            "transactions": 1, "units": 1,
        }]},
    )  # fmt: skip
    app = open_page("live", store="All stores", range="1 hour")
    assert not app.exception
    has_several = len(set(lying)) > 2
    assert ("**2 regions** by sales:" in words(app)) is has_several
    drawn = [c for c in app.get("plotly_chart") if c.proto.id.endswith("-regions")]
    assert len(drawn) == has_several
    if has_several:
        found = live.regions(list(named), "EUR", 60)
        assert found.select("region", "stores", "net_sales").rows() == [
            ("South", 1, 1_500), ("North", 1, 1_200), (None, 1, 0),
        ]  # fmt: skip
        assert found.get_column("share").sum() == pytest.approx(1)


# Courses and figures


def test_a_course_goes_from_its_lowest_to_its_highest_value():
    drawn = course((1.0, 3.0, 2.0), "#0b6e4f")
    assert drawn.count('points="0.0,32.0 50.0,0.0 100.0,16.0"') == 1
    assert drawn.count("#0b6e4f") == 2
    # What never changes is a line at the bottom.
    assert 'points="0.0,32.0 100.0,32.0"' in course((5.0, 5.0), "#000000")


@pytest.mark.usefixtures("morning")
def test_a_course_has_the_colour_of_its_judgement(open_page):
    shown = "".join(element.proto.body for element in open_page().get("html"))
    coded = re.findall(r'class="ss-course" alt="" src="data:image/svg\+xml;base64,([^"]+)"', shown)
    drawn = [b64decode(text).decode() for text in coded]
    # Net sales rose, the margin fell.
    assert sum(LIGHT.good in one for one in drawn) >= 1
    assert sum(LIGHT.critical in one for one in drawn) >= 1


@pytest.mark.usefixtures("morning")
@pytest.mark.parametrize("path", ["overview", "live", "map"])
def test_figures_are_sent_when_all_else_has_been(open_page, monkeypatch, path):
    sent = []
    ours = ForwardMsgQueue.enqueue

    def note(queue, message):
        if message.WhichOneof("type") == "delta":
            sent.append(message.delta.new_element.WhichOneof("type"))
        return ours(queue, message)

    monkeypatch.setattr(ForwardMsgQueue, "enqueue", note)
    open_page(path)
    kinds = [kind for kind in sent if kind]
    first = kinds.index("plotly_chart")
    assert kinds[first:].count("plotly_chart") == kinds.count("plotly_chart") >= 1
    assert {"metric", "heading"} <= set(kinds[:first])


# Live


@pytest.mark.usefixtures("morning")
def test_live_tells_today_and_the_last_hour(open_page):
    app = open_page("live")
    assert not app.exception
    assert {name: shown[0] for name, shown in cards(app).items()} == {
        "Sales today (EUR)": "4000",
        "Receipts today": "80",
        "Per receipt (EUR)": "50.0",
        "Sold today (pcs)": "950",
        "People in store": "30",
        "Conversion (%)": "80.0",
    }
    shown = words(app)
    assert "In the last hour: 600 of sales on 12 receipts." in shown
    assert "20 s or less, 95 % of them 1 min or less" in shown
    assert "Alerts of shelves and the warehouse" in shown
    assert "**2** run out" in shown
    assert table(app, "event_type")["event_type"].tolist() == ["Sale", "Came in"]
    assert table(app, "alert_type")["alert_type"].tolist() == ["◆ Unusual price"]


@pytest.mark.usefixtures("morning")
@pytest.mark.parametrize(
    ("chosen", "receipts", "panes"),
    [("1 hour", 12, 12), ("6 hours", 12, 24), ("24 hours", 14, 24)],
)
def test_a_range_has_all_its_panes_and_receipts(open_page, chosen, receipts, panes):
    app = open_page("live", range=chosen)
    assert not app.exception
    drawn = traces(app, "Receipts")
    assert sum(drawn[0]["y"]) == receipts
    assert len(drawn[0]["x"]) == panes
    # The last hour is drawn once, beside whatever else.
    assert [len(trace["x"]) for trace in drawn[1:]] == ([] if chosen == "1 hour" else [12])
    best = table(app, "units")
    assert best["item_id"].tolist() == ["WINRED0004", "MEABEE0001"]
    assert best["units"].tolist() == [10 * receipts / 2] * 2


@pytest.mark.usefixtures("two")
def test_live_figures_of_all_stores(open_page):
    app = open_page("live", store="All stores")
    assert not app.exception
    # Panes are of stores; those of ALL would count twice.
    assert table(app, "people_in_store")["store_id"].tolist() == ["S001", "S002"]


@pytest.mark.usefixtures("morning")
def test_the_pane_that_still_fills_is_outlined():
    panes = live.takings(["S001"], "EUR", minutes=60, step=5)
    for palette in (LIGHT, DARK):
        bars, line = takings(panes, "EUR", "Europe/Rome", palette).data
        assert set(bars.marker.color[:-1]) == {palette.calm_edge}
        assert bars.marker.color[-1] == palette.floor
        assert line.yaxis == "y2"
    # Rome is an hour ahead; it is 12:48 there.
    assert bars.x[-1].hour == 12
    assert bars.x[-1].minute == 45


def test_stores_that_sell_nothing_now_are_led_to_the_past(open_page, serving):
    quiet = analysed.live(
        transactions_today=0, transactions_1h=0, visits_today=0, conversion_today_rate=None
    )
    files.write(
        serving, files.catalogue(), files.store(tracks_stock=False),
        {"live.live_kpis": quiet["live.live_kpis"]},
    )  # fmt: skip
    app = open_page("live")
    assert not app.exception
    shown = words(app)
    assert "Nothing has been sold today" in shown
    assert "Nothing was sold in the last 24 hours" in shown
    assert "Nothing has happened" in shown
    assert not app.metric
    assert not app.get("plotly_chart")
    assert ways(app)["History"] == "history"


def test_no_live_figures_are_explained(open_page, serving):
    files.write(serving, files.catalogue(), files.store())
    assert "No store has reported yet" in words(open_page("live"))


def test_a_publication_before_the_panes_says_so_in_their_place(open_page, serving):
    files.write(
        serving, files.catalogue(), files.store(), files.stock(), analysed.live(), leave_out=[]
    )
    assert "another version" not in words(open_page("live"))
    parts = {k: v for k, v in analysed.live().items() if k != "live.sales_pane_5m"}
    files.write(serving, files.catalogue(), files.store(), parts, leave_out=["live.sales_pane_5m"])
    app = open_page("live")
    assert "sales_pane_5m" in words(app)
    assert figure(app, "Receipts today") == "80"


# History


@pytest.mark.usefixtures("morning")
def test_days_of_the_address_come_before_the_period(open_page):
    app = open_page("history", days=["2025-12-30", "2026-01-01"])
    assert not app.exception
    assert "3 business days from Tue 30 Dec 2025 to Thu 1 Jan 2026." in words(app)
    assert figure(app, "Net sales") == "3111"
    [bars, _] = traces(app, "Net sales")
    assert bars["y"] == [1_036, 1_037, 1_038]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(("period", "told"), [("7 days", "7 days"), ("All", "all days")])
def test_parts_that_chosen_days_do_not_reach_say_so(open_page, period, told):
    said = f"told of periods: of **{told}**, not of the days chosen above"
    app = open_page("history", store="All stores", period=period)
    assert not app.exception
    assert said not in words(app)
    app.date_input(key="days").set_value([date(2025, 12, 1), date(2025, 12, 2)]).run()
    assert not app.exception
    assert said in words(app)
    assert f"over {told}, the one that sold most first" in words(app)


def test_chosen_days_reach_all_where_no_part_is_of_a_period(open_page, serving):
    publish(
        serving, files.catalogue(), files.store(),
        analysed.versions("return_rate_analysis", "store_comparison"), analysed.kpis(),
    )  # fmt: skip
    app = open_page("history", days=["2025-12-30", "2026-01-01"])
    assert not app.exception
    assert "3 business days" in words(app)
    assert "told of periods" not in words(app)


@pytest.mark.usefixtures("morning")
def test_a_period_is_the_newest_days(open_page):
    app = open_page("history", period="7 days")
    assert "7 business days from Sat 27 Dec 2025 to Fri 2 Jan 2026." in words(app)
    assert figure(app, "Best day") == "1039"
    app.date_input(key="days").set_value([date(2025, 12, 1), date(2025, 12, 2)]).run()
    assert figure(app, "Receipts") == "40"


@pytest.mark.usefixtures("morning")
def test_items_that_come_back_are_told_by_the_surest(open_page):
    app = open_page("history")
    assert not app.exception
    back = table(app, "units_returned")
    # Lager was sold too seldom to tell, and no milk came back.
    assert back["item_id"].tolist() == ["WINRED0004", "MEABEE0001"]
    assert back["state"].tolist() == ["▲", ""]
    assert "chance_low_pct" not in back
    assert "**1.20 %** of the pieces sold" in words(app)


@pytest.mark.usefixtures("morning")
def test_the_funnel_holds_all_items_that_can_be_judged_and_marks_those_beyond_their_category():
    found = history.returns("EUR", "30d")
    assert found["item_id"].to_list() == ["WINRED0004", "MEABEE0001", "DAIMIL0002"]
    high, low, rate, items, flagged = return_funnel(found, 1.2, LIGHT).data
    assert list(high.y) == list(found["chance_high_pct"])[::-1]
    assert list(low.y) == list(found["chance_low_pct"])[::-1]
    assert (list(rate.x), list(rate.y)) == ([50, 200], [1.2, 1.2])
    assert (list(items.x), list(items.y)) == ([50, 100], [0.0, 3.0])
    assert (list(flagged.x), list(flagged.y)) == ([200], [4.0])
    assert items.marker.symbol != flagged.marker.symbol
    # Curves through thousands of items have a hundred points, with both ends; items are all there.
    many = pl.concat([found.with_columns(units_sold=pl.lit(n)) for n in range(1, 1_001)])
    curve, *_, dots, _ = return_funnel(many, 1.2, LIGHT).data
    assert (len(curve.x), curve.x[0], curve.x[-1], len(dots.x)) == (101, 1, 1_000, 2_000)


def test_nothing_that_came_back_is_said(open_page, serving):
    publish(serving, files.catalogue(), files.store(), analysed.versions(), analysed.kpis())
    app = open_page("history")
    assert not app.exception
    assert "Nothing came back" in words(app)


@pytest.mark.usefixtures("morning")
def test_categories_by_month_are_of_the_days_shown():
    first, last = date(2025, 12, 20), analysed.LAST_DAY
    found = history.category_months(ONE, first, last)
    assert found.select("category", "month").rows() == [
        ("MEAT", date(2025, 12, 1)),
        ("MEAT", date(2026, 1, 1)),
        ("WINES", date(2025, 12, 1)),
        ("WINES", date(2026, 1, 1)),
    ]


@pytest.mark.parametrize("year_before", [None, 12.5])
def test_months_are_compared_with_the_year_before_where_there_was_one(year_before):
    found = pl.DataFrame(
        {
            "period_start": [date(2025, 11, 1), date(2025, 12, 1)],
            "net_sales": [900, 1_000],
            "mom_growth_pct": [None, 11.1],
            "yoy_growth_pct": pl.Series([None, year_before], dtype=pl.Float64),
            "is_complete": [True, True],
        }
    )
    names = {trace.name for trace in months(found, "EUR", LIGHT).data}
    assert ("On the year before (%)" in names) == (year_before is not None)
    assert "On the month before (%)" in names


@pytest.mark.usefixtures("morning")
def test_a_calendar_has_whole_weeks_and_gaps_where_nothing_is_known():
    daily = sales.daily(ONE, None)
    [cells] = calendar(daily, "EUR", LIGHT).data
    known = [value for row in cells.z for value in row if value is not None]
    assert sorted(known) == daily.get_column("net_sales").cast(float).to_list()
    assert all(week.weekday() == 0 for week in cells.x)
    assert len(cells.z) == 7


@pytest.mark.parametrize(("months", "told"), [(12, 1), (3, 0)])
def test_months_are_a_season_once_there_is_one_of_each(open_page, serving, months, told):
    publish(
        serving, files.catalogue(), files.store(), analysed.versions(), analysed.kpis(),
        analysed.seasons(months=months),
    )  # fmt: skip
    shown = words(open_page("history"))
    assert shown.count("**Months** against a mean day") == told
    assert shown.count("**Weekdays** against a mean day") == 1


def test_growth_is_told_with_a_sign():
    assert text.signed(12.34, locale="en-GB") == "+12.3"
    assert text.signed(-1_234.5, locale="it-IT") == "-1.234,5"
    assert text.signed(-0.04, locale="en-GB") == "0.0"
    assert text.signed(0.024, 2, locale="fi-FI") == "+0,02"
    assert text.signed(1_234.5, 0, locale="it-IT") == "+1.234"


def test_the_tables_have_the_columns_of_their_models():
    known = {}
    for path in (files.ROOT / "dbt_project" / "models").glob("*/_*__models.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8"))["models"]:
            known[f"analytics.{model['name']}"] = {
                column["name"]: column["data_type"] for column in model["columns"]
            }
    compared = [name for name in analysed.TABLES if name in known and name not in files.LATER]
    assert len(compared) >= 8
    pattern = r'"?(\w+)"? (VARCHAR|TIMESTAMPTZ|[A-Z]+(?:\(\d+,\d+\))?)'
    for name in compared:
        for column, kind in re.findall(pattern, analysed.TABLES[name]):
            wanted = {"TIMESTAMPTZ": "timestamp with time zone"}.get(kind, kind.lower())
            assert known[name].get(column) == wanted, f"{name}.{column}"
