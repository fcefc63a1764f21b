"""Days and categories: one choice for all pages, in the address, kept from page to page."""

from datetime import date, timedelta

import polars as pl
import pytest
import serving_files as files
from app_support import figure, table, words

from dashboard.components import pickers
from dashboard.page import Filters
from dashboard.period import LENGTHS, NAMES, Period, nearest
from dashboard.registry import PAGES

# What a day is called in tables of days.
DAYS = ("date_key", "business_date", "delivery_date", "day")
# Each part of each page, with what the address calls it.
PARTS = [
    (page, label, page.sections.filters.get(part, page.filters) if page.sections else page.filters)
    for page in PAGES
    for part, label in (page.sections.names if page.sections else {"": ""}).items()
]
GOODS = [(page, label) for page, label, filters in PARTS if filters.by_category]
FREE = [(page, label) for page, label, filters in PARTS if filters.takes_days]
# Three days of a golden lake have neither of these.
OF_ONE_STORE = {"waste", "forecast"}


def named(parts):
    return pytest.mark.parametrize(
        ("page", "label"), parts, ids=[f"{page.path}-{label or 'all'}" for page, label in parts]
    )


@pytest.fixture
def publish(request, monkeypatch):
    """Put in place what a page needs; returns a category of it, and days of it."""

    def choose(page):
        if page.path in OF_ONE_STORE:
            request.getfixturevalue("one_store")
            return "Meat", [str(files.TODAY - timedelta(days=1)), str(files.TODAY)]
        golden = request.getfixturevalue("golden")
        monkeypatch.setenv("SMARTSHELF_LAKE", str(golden[0].lake))
        return "B", ["2025-03-04", "2025-03-05"]

    return choose


def part_of(page, label):
    return {page.sections.key: label} if page.sections else {}


def has(app, kind, key):
    return any(element.key == key for element in getattr(app, kind))


# Periods


@pytest.mark.parametrize(
    ("name", "offered", "expected"),
    [
        ("30d", ("30d", "90d"), "30d"),
        ("7d", ("30d", "90d", "365d"), "30d"),
        ("all", ("30d", "90d", "365d"), "365d"),
        ("365d", ("7d", "30d", "90d", "all"), "90d"),
        ("7d", ("all",), "all"),
    ],
)
def test_the_nearest_length_stands_in(name, offered, expected):
    assert nearest(name, offered) == expected


def test_a_period_ends_with_the_newest_day_and_chosen_days_with_theirs():
    newest = date(2026, 1, 3)
    assert Period("7d").span(newest) == (date(2025, 12, 28), newest)
    assert Period("all").span(newest) == (None, newest)
    chosen = (date(2025, 12, 1), date(2025, 12, 2))
    assert Period("7d", chosen).span(newest) == chosen
    assert Period("7d", chosen).label == "1 Dec 2025 to 2 Dec 2025"
    assert (Period().when, Period("all").when) == ("in the last 30 days", "so far")


def test_pages_offer_periods_that_have_a_name():
    offered = {name for _, _, filters in PARTS for name in filters.periods}
    assert offered <= LENGTHS.keys() == NAMES.keys()


# Every page draws what it goes by, and nothing else


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.path)
def test_a_page_has_the_filters_it_says(open_page, publish, page):
    category, _ = publish(page)
    label = page.sections.names[page.sections.default] if page.sections else ""
    filters = next(told for one, part, told in PARTS if one is page and part == label)
    app = open_page(page.path, category=category)
    assert not app.exception
    assert has(app, "multiselect", "category") == filters.by_category
    assert has(app, "date_input", "days") == filters.takes_days
    offered = [group.options for group in app.button_group if group.key == "period"]
    told = [[NAMES[name] for name in filters.periods]] if filters.periods else []
    assert offered == told


@named(GOODS)
def test_a_part_shows_the_chosen_category_only(open_page, publish, offered, page, label):
    category, _ = publish(page)
    open_page(page.path, **part_of(page, label))
    everything = [frame for frame in offered if "category" in frame.columns]
    offered.clear()
    app = open_page(page.path, category=category, **part_of(page, label))
    assert not app.exception
    assert app.multiselect(key="category").value == [category.upper()]
    shown = [frame for frame in offered if "category" in frame.columns]
    assert {name for frame in shown for name in frame["category"]} <= {category.upper()}
    total = sum(map(len, everything))
    assert not total or sum(map(len, shown)) < total


@named(FREE)
def test_a_part_shows_the_chosen_days_only(open_page, publish, offered, page, label):
    _, days = publish(page)
    app = open_page(page.path, days=days, **part_of(page, label))
    assert not app.exception
    first, last = (date.fromisoformat(day) for day in days)
    assert app.date_input(key="days").value == (first, last)
    # Calendars and months are told of more.
    told = [frame for frame in offered if set(frame.columns) & set(DAYS)][:1]
    for frame in told:
        [column] = [name for name in DAYS if name in frame.columns]
        assert frame.filter(~pl.col(column).cast(pl.Date).is_between(first, last)).is_empty()


@pytest.mark.usefixtures("one_store")
def test_a_day_can_be_chosen_alone(open_page):
    app = open_page("waste", days=[str(files.TODAY)] * 2)
    assert not app.exception
    assert figure(app, "Wasted (pcs)") == "2"


# From page to page


@pytest.mark.usefixtures("one_store")
def test_days_and_categories_hold_on_the_next_page(open_page, at_page):
    yesterday = files.TODAY - timedelta(days=1)
    days = [str(yesterday), str(files.TODAY)]
    app = open_page("alerts", category=["Wines", "Meat"], days=days)
    assert table(app, "state")["category_label"].unique().tolist() == ["Meat", "Wines"]
    # The page of this minute has neither.
    for path in ("live", "lots", "waste"):
        at_page(app, path)
        assert not app.exception
    assert app.multiselect(key="category").value == ["WINES", "MEAT"]
    assert app.query_params["category"] == ["Wines", "Meat"]
    assert app.date_input(key="days").value == (yesterday, files.TODAY)
    assert figure(app, "Wasted (pcs)") == "6"
    # Whoever chooses a period wants no days of his own any more.
    app.button_group(key="period").set_value("all").run()
    assert app.date_input(key="days").value in ((), [])
    assert figure(app, "Wasted (pcs)") == "16"
    app.multiselect(key="category").set_value([]).run()
    assert not at_page(app, "states").multiselect(key="category").value


@pytest.mark.usefixtures("one_store")
def test_a_part_without_a_choice_leaves_it_to_the_others(open_page):
    app = open_page("supply", supply="Orders", period="7 days", category="Meat")
    app.button_group(key="period").set_value("90d").run()
    app.button_group(key="supply").set_value("plan").run()
    assert not has(app, "button_group", "period")
    assert app.multiselect(key="category").value == ["MEAT"]
    app.button_group(key="supply").set_value("cutoffs").run()
    assert not has(app, "multiselect", "category")
    app.button_group(key="supply").set_value("orders").run()
    assert not app.exception
    assert app.button_group(key="period").value == "90d"
    assert app.multiselect(key="category").value == ["MEAT"]


def test_a_length_that_is_not_told_says_what_stands_in(open_page, at_page, publish):
    publish(next(page for page in PAGES if page.path == "inventory"))
    app = open_page("inventory", period="7 days")
    assert app.button_group(key="period").value == "30d"
    assert "7 days: not told here. The nearest is shown, 30 days." in words(app)
    assert at_page(app, "sales").button_group(key="period").value == "7d"
    app.date_input(key="days").set_value([date(2025, 3, 4), date(2025, 3, 5)]).run()
    at_page(app, "inventory")
    assert "Days of your own are not told here" in words(app)
    assert at_page(app, "sales").date_input(key="days").value[0] == date(2025, 3, 4)


def test_nobody_who_chose_nothing_is_told_of_a_stand_in(open_page, publish):
    publish(next(page for page in PAGES if page.path == "baskets"))
    app = open_page("baskets")
    assert app.button_group(key="period").value == "90d"
    assert "not told here" not in words(app)


# Totals


def test_sales_of_a_category_leave_out_what_receipts_tell(open_page, publish):
    publish(next(page for page in PAGES if page.path == "sales"))
    app = open_page("sales", store="All stores")
    both = float(figure(app, "Net sales"))
    parts = []
    for category in ("A", "B"):
        app = open_page("sales", store="All stores", category=category)
        labels = [metric.label for metric in app.metric]
        assert labels == ["Net sales (EUR)", "Gross profit (EUR)", "Sold (pcs)", "Margin (%)"]
        parts.append(float(figure(app, "Net sales")))
        assert "Receipts are of all goods" in words(app)
    assert sum(parts) == pytest.approx(both, abs=1)


@pytest.mark.usefixtures("one_store")
def test_figures_of_the_map_are_those_of_the_category(open_page):
    app = open_page("map", category="Wines")
    assert not app.exception
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown == {
        "Shelf alerts": "1", "Warehouse alerts": "0", "Empty shelves": "0", "Open tasks": "1",
    }  # fmt: skip


@pytest.mark.usefixtures("one_store")
def test_one_category_is_no_choice(open_page, serving):
    meat = files.catalogue()
    meat["ref.items"] = [row for row in meat["ref.items"] if row["category"] == "MEAT"]
    files.write(serving, meat, files.store(), files.stock())
    assert not has(open_page("states"), "multiselect", "category")


def test_the_part_of_an_address_is_known_before_it_is_drawn(monkeypatch):
    [supply] = [page for page in PAGES if page.path == "supply"]
    monkeypatch.setattr(pickers.st, "session_state", {})
    monkeypatch.setattr(pickers.st, "query_params", {"supply": "Next cutoff"})
    assert supply.sections.filters[pickers.shown(supply.sections)] == Filters(by_category=True)
