"""The waste page: what was thrown away, what was marked down, and what is still to do."""

import json
from datetime import date, datetime, timedelta

import polars as pl
import pytest
import serving_files as files
from app_support import figure, table, words

from dashboard.charts.waste import OTHERS, Measure, waste_by_day, waste_by_item
from dashboard.data import waste
from dashboard.data.waste import Wanted
from dashboard.theme import DARK, LIGHT

WEEK = files.TODAY - timedelta(days=6)
MONEY = (Measure("wasted_value", "Waste (EUR)", "EUR"), Measure("markdown_cost", "Cost", "EUR"))


@pytest.mark.usefixtures("two_stores")
@pytest.mark.parametrize(
    ("store_ids", "since", "expected"),
    [
        (["S001"], WEEK, (6, 20.94, 5, 12.22, 5.23)),
        (["S001"], files.TODAY, (2, 6.98, 2, 4.89, 2.09)),
        (["S001"], None, (16, 55.84, 5, 12.22, 5.23)),
        (["S001", "S002"], WEEK, (12, 41.88, 10, 24.44, 10.46)),
        ([], None, (0, 0, 0, 0, 0)),
    ],
)
def test_figures_of_a_period(store_ids, since, expected):
    assert waste.figures(Wanted(tuple(store_ids), since)).row(0) == pytest.approx(expected)


@pytest.mark.usefixtures("two_stores")
def test_days_add_up_stores():
    columns = ("business_date", "category", "wasted_units")
    assert waste.daily(Wanted(("S001", "S002"), WEEK)).select(columns).rows() == [
        (date(2026, 1, 2), "MEAT", 8),
        (date(2026, 1, 3), "MEAT", 2),
        (date(2026, 1, 3), "WINES", 2),
    ]
    assert waste.count(["S001"]) == {"days": 4, "markdowns": 3, "removals": 3}


def parted(wanted):
    """Return which waste is meant, and the filters of the table."""
    of_table = {name: wanted[name] for name in ("statuses", "text") if name in wanted}
    meant = {name: value for name, value in wanted.items() if name not in of_table}
    return Wanted(("S001",), **meant), of_table


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["m-3", "m-1", "m-2"]),
        ({"statuses": ["active", "ended"]}, ["m-1", "m-2"]),
        ({"text": "l-c1"}, ["m-2"]),
        ({"categories": ("BEERS",)}, []),
        # The markdown of L-C1 ended on the 2nd in Rome.
        ({"since": files.TODAY}, ["m-3", "m-1"]),
        ({"until": files.TODAY - timedelta(days=1)}, ["m-2"]),
    ],
)
def test_markdown_filters(wanted, expected):
    meant, wanted = parted(wanted)
    assert waste.markdowns(meant, **wanted).get_column("plan_id").to_list() == expected


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["x-1", "x-2", "x-3"]),
        ({"statuses": ["completed"]}, ["x-2"]),
        ({"text": "beef"}, ["x-3"]),
        # What is still to be done is shown whatever the period.
        ({"since": files.TODAY + timedelta(days=1)}, ["x-1", "x-3"]),
        # But not of days that are chosen.
        ({"until": files.TODAY}, ["x-2"]),
    ],
)
def test_removal_filters(wanted, expected):
    meant, wanted = parted(wanted)
    assert waste.removals(meant, **wanted).get_column("plan_id").to_list() == expected


@pytest.mark.usefixtures("two_stores")
@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("wasted_value", [("WINRED0004", 30.0, 30 / 59.92), ("MEACHI0002", 27.92, 57.92 / 59.92)]),
        ("wasted_units", [("MEACHI0002", 27.92, 0.8), ("MEABEE0001", 2.0, 0.9)]),
    ],
)
def test_waste_adds_up_from_the_item_of_which_most_was_thrown_away(serving, by, expected):
    more = {
        "ops.removals": [
            {"plan_id": name, "store_id": "S001", "shelf_id": item, "status": "completed",
             "removed_qty": 1, "wasted_value": value, "completed_ts": files.ago(minutes)}
            for name, item, value, minutes in (
                ("y-1", "WINRED0004", "30.00", 100),
                ("y-2", "MEABEE0001", "2.00", 100),
                ("y-3", "BEELAG0003", "99.00", 60 * 24 * 8),
            )
        ]
    }  # fmt: skip
    files.write(
        serving, files.catalogue(), files.store(), files.store("S002"), files.waste(),
        files.waste("S002"), more,
    )  # fmt: skip
    found = waste.items(Wanted(("S001", "S002"), WEEK), by)
    assert found.select("item_id", "wasted_value", "share").rows()[:2] == [
        (item, pytest.approx(value), pytest.approx(share)) for item, value, share in expected
    ]
    assert found.get_column("share")[-1] == pytest.approx(1)
    assert "BEELAG0003" in waste.items(Wanted(("S001",)), by).get_column("item_id")
    assert waste.items(Wanted(("S002",), WEEK), by).get_column("item_id").to_list() == [
        "MEACHI0002"
    ]


# The chart


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_items_are_drawn_with_their_share_added_up(palette):
    items = pl.DataFrame(
        [(f"I{place}", "Beef", 30 - place, (place + 1) / 20) for place in range(20)],
        schema=["item_id", "subcategory", "wasted_units", "share"],
        orient="row",
    )
    bars, line = waste_by_item(items, Measure("wasted_units", "Waste", "pcs"), palette).data
    assert len(bars.x) == len(line.x) == 12
    assert (bars.y[0], bars.x[0], line.x[0]) == ("Beef (I0)", 30, pytest.approx(5))
    assert bars.hovertemplate.endswith("pcs")


@pytest.mark.usefixtures("one_store")
def test_the_page_says_how_few_items_make_most_of_the_waste(open_page):
    app = open_page("waste")
    assert not app.exception
    assert "**1 item** of 1 that were thrown away made 80 % of the waste (EUR):" in words(app)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_both_measures_are_drawn_by_category(one_store, palette):
    chart = waste_by_day(waste.daily(Wanted(("S001",), WEEK)), MONEY, (WEEK, files.TODAY), palette)
    assert [trace.name for trace in chart.data] == ["Meat", "Wines"] * 2
    meat, wines, cost, _ = chart.data
    assert list(meat.x) == [date(2026, 1, 2), date(2026, 1, 3)]
    assert list(meat.y) == [13.96, 3.49]
    assert list(wines.y) == [3.49]
    assert list(cost.y) == [3.14, 2.09]
    assert meat.marker.color == cost.marker.color == palette.series[0]
    assert [trace.showlegend for trace in chart.data] == [True, True, False, False]
    first, last = chart.layout.xaxis.range
    assert (first, last) == (datetime(2025, 12, 27, 12), datetime(2026, 1, 3, 12))  # noqa: DTZ001


def test_light_categories_are_put_together():
    daily = pl.DataFrame(
        {
            "business_date": [files.TODAY] * 9,
            "category": [f"C{number}" for number in range(9)],
            "wasted_value": [float(number) for number in range(9)],
            "markdown_cost": [0.0] * 9,
        }
    )
    chart = waste_by_day(daily, MONEY, (WEEK, files.TODAY), LIGHT)
    upper = {trace.name: list(trace.y) for trace in chart.data[:7]}
    assert list(upper) == ["C8", "C7", "C6", "C5", "C4", "C3", OTHERS]
    # C0 weighs nothing and has no bar.
    assert upper[OTHERS] == [3.0]


# The page


@pytest.mark.usefixtures("one_store")
def test_figures_follow_the_period(open_page):
    app = open_page("waste")
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "Wasted (pcs)": "6",
        "Wasted (EUR)": "21",
        "Sold marked down (pcs)": "5",
        "Sold marked down (EUR)": "12",
        "Cost of markdowns (EUR)": "5",
    }
    app.button_group(key="period").set_value("all").run()
    assert figure(app, "Wasted (pcs)") == "16"
    chart, _ = app.get("plotly_chart")
    assert "Meat" in [trace["name"] for trace in json.loads(chart.proto.spec)["data"]]


@pytest.mark.usefixtures("one_store")
def test_markdowns_with_what_they_sold(open_page):
    app = open_page("waste")
    shown = table(app, "discount_percent").set_index("plan_id")
    assert shown["state"].to_dict() == {
        "m-3": "○ Planned",
        "m-1": "● In force",
        "m-2": "✓ Ended",
    }
    assert shown["discount_percent"]["m-2"] == 50
    assert "**3** of 3 markdowns, **5** pcs sold." in words(app)
    app.button_group(key="markdown_status").set_value(["active"]).run()
    assert table(app, "discount_percent")["plan_id"].tolist() == ["m-1"]
    app.text_input(key="markdown_search").input("beer").run()
    assert "No markdown fits period and filters." in words(app)


@pytest.mark.usefixtures("one_store")
def test_removals_tell_what_differs(open_page):
    app = open_page("waste", waste="Removals")
    assert not app.exception
    assert table(app, "expected_qty").set_index("plan_id")["state"].to_dict() == {
        "x-1": "◆ Issued",
        "x-2": "▲ Done, differs",
        "x-3": "○ Planned",
    }
    assert "**3** of 3 removals, **4** pcs removed." in words(app)
    app.text_input(key="removal_search").input("beer").run()
    assert "No removal fits period and filters." in words(app)


def test_a_period_without_waste_is_explained(open_page, serving):
    only_old = {"live.waste_daily": files.waste()["live.waste_daily"][-1:]}
    files.write(serving, files.catalogue(), files.store(), only_old)
    app = open_page("waste")
    assert not app.exception
    assert "Nothing was wasted or sold marked down in this period." in words(app)
    assert not app.get("plotly_chart")


def test_money_of_several_currencies_is_not_added_up(open_page, serving):
    other = files.store("S002", name="Smart Shelf London", timezone="Europe/London")
    other["ref.stores"][0]["currency"] = "GBP"
    files.write(
        serving,
        files.catalogue(),
        files.store(),
        files.waste(),
        other,
        files.waste("S002"),
    )
    app = open_page("waste", store="All stores")
    assert not app.exception
    assert [metric.label for metric in app.metric] == ["Wasted (pcs)", "Sold marked down (pcs)"]
    assert figure(app, "Wasted") == "12"
    assert "different currencies" in words(app)
