"""The lots page: what expires when, and counts."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import serving_files as files
from app_support import agree, choose_rows, figure, press, table, words

from dashboard import expiry
from dashboard.charts.expiry import lots_over_time, pieces_by_expiry
from dashboard.data import lots
from dashboard.data.lots import LotFilter
from dashboard.expiry import BANDS
from dashboard.theme import DARK, LIGHT, contrast

PALETTES = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
CHICKEN = "S001/shelf/MEACHI0002/L-C1"


def found(**wanted):
    frame = lots.lots(LotFilter(wanted.pop("store_ids", ("S001",)), **wanted))
    return [row_id.removeprefix("S001/") for row_id in frame.get_column("row_id")]


ALL = [
    "shelf/MEACHI0002/L-C1",
    "shelf/MEACHI0002/L-C2",
    "warehouse/MEACHI0002/L-C2",
    "warehouse/MEABEE0001/L-M1",
    "shelf/BEELAG0003/L-B1",
    "warehouse/BEELAG0003/L-B1",
    "shelf/WINRED0004/L-W1",
    "warehouse/WINRED0004/L-W2",
    "shelf/BEELAG0003/",
]


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ALL),
        ({"within": -1}, ALL[:1]),
        ({"within": 1}, ALL[:3]),
        ({"within": 5, "locations": ("warehouse",)}, ALL[2:4]),
        ({"locations": ("shelf",), "categories": ("BEERS", "WINES")}, [ALL[4], ALL[6], ALL[8]]),
        ({"text": "l-c2"}, ALL[1:3]),
        ({"text": " red wines"}, ALL[6:8]),
        ({"text": "%"}, []),
        ({"store_ids": ()}, []),
    ],
)
def test_lot_filters(wanted, expected):
    assert found(**wanted) == expected


@pytest.mark.usefixtures("two_stores")
def test_figures_add_up_pieces():
    one = lots.figures(LotFilter(("S001",))).row(0, named=True)
    assert one == {
        "expired": 2,
        "within_1": 5,
        "within_5": 45,
        "marked_down": 3,
        "unknown_lot": 5,
    }
    both = lots.figures(LotFilter(("S001", "S002"))).row(0, named=True)
    assert both == {name: 2 * value for name, value in one.items()}
    assert lots.count(("S001",)) == 9
    wines = lots.figures(LotFilter(("S001",), categories=("WINES",))).row(0, named=True)
    assert wines["marked_down"] == 0


def test_lots_that_are_used_up_are_left_out(serving):
    used_up = files.lots()
    used_up["cleansed.shelf_batch_state"][0]["batch_quantity_store"] = 0
    files.write(serving, files.catalogue(), files.store(), used_up)
    assert "shelf/MEACHI0002/L-C1" not in found()


@pytest.mark.usefixtures("two_stores")
def test_lots_and_corrections_are_those_of_the_item():
    frame = lots.of_item("S002", "MEACHI0002")
    assert frame.select("location", "batch_code", "quantity", "store_id").rows() == [
        ("shelf", "L-C1", 2, "S002"),
        ("shelf", "L-C2", 3, "S002"),
        ("warehouse", "L-C2", 2, "S002"),
    ]
    assert lots.of_item("S001", "MEACHI").is_empty()
    corrections = lots.corrections("S001", "MEACHI0002")
    assert corrections.select("counted_qty", "book_qty", "correction_qty").rows() == [(2, 4, -2)]
    assert lots.corrections("S001", "MEABEE0001").is_empty()


# Bands


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (None, "not known"),
        (-4, "✕ 4 d ago"),
        (-1, "✕ yesterday"),
        (0, "▲ today"),
        (1, "▲ tomorrow"),
        (5, "◆ in 5 d"),
        (6, "in 6 d"),
    ],
)
def test_expiry_in_words(days, expected):
    assert expiry.words(days) == expected


@PALETTES
def test_bands_can_be_seen_and_told_apart(palette):
    colours = [expiry.colour_of(band, palette) for band in BANDS]
    assert len(set(colours)) == len(BANDS)
    assert all(contrast(colour, palette.page) >= 3 for colour in colours)


# Charts


def bars(chart, location):
    start = 0 if location == "shelf" else 1
    return {trace.name: dict(zip(trace.x, trace.y, strict=True)) for trace in chart.data[start:8:2]}


@PALETTES
def test_pieces_stand_at_their_days(one_store, palette):
    chart = pieces_by_expiry(lots.by_days(LotFilter(("S001",))), 14, palette)
    assert bars(chart, "shelf") == {
        "Expired": {-1: 2},
        "Today or tomorrow": {1: 3},
        "In 2 to 5 days": {},
        "Later": {},
    }
    assert bars(chart, "warehouse") == {
        "Expired": {},
        "Today or tomorrow": {1: 2},
        "In 2 to 5 days": {5: 40},
        "Later": {},
    }
    assert [trace.marker.pattern.shape for trace in chart.data[:2]] == ["", "/"]
    assert chart.layout.xaxis.ticktext[:3] == ("expired", "today", "2 d")
    assert chart.layout.template.layout.font.color == palette.text


def test_all_that_has_expired_stands_together():
    days = pl.DataFrame(
        {"location": ["shelf"] * 3, "days_to_expiry": [-30, -2, -1], "quantity": [1, 2, 4]}
    )
    assert bars(pieces_by_expiry(days, 7, LIGHT), "shelf")["Expired"] == {-1: 7}


def test_a_longer_horizon_shows_more(one_store):
    chart = pieces_by_expiry(lots.by_days(LotFilter(("S001",))), 150, LIGHT)
    assert bars(chart, "shelf")["Later"] == {149: 25}


@PALETTES
def test_lots_last_from_receipt_to_the_end_of_their_last_day(one_store, palette):
    chart = lots_over_time(lots.of_item("S001", "MEACHI0002"), files.AS_OF, "Europe/Rome", palette)
    shelf, warehouse = chart.data
    assert shelf.y[0] == "L-C1, shelf: 2 pcs"
    assert [str(day) for day in shelf.x[:2]] == ["2025-12-24", "2026-01-03"]
    assert list(shelf.customdata[:2]) == ["received 24 Dec 2025", "last day 2 Jan 2026"]
    assert shelf.line.color == palette.shelf
    assert list(warehouse.y[:2]) == ["L-C2, warehouse: 2 pcs"] * 2
    assert chart.layout.shapes[0].x0 == datetime(2026, 1, 3, 12, 48)  # noqa: DTZ001 - of the wall


# The page


@pytest.mark.usefixtures("one_store")
def test_figures_chart_and_table(open_page):
    app = open_page("lots")
    assert not app.exception
    assert figure(app, "Expired") == "2"
    assert figure(app, "Of no known lot") == "5"
    shown = table(app, "lot")
    assert shown["state"].tolist()[:4] == [
        "✕ yesterday",
        "▲ tomorrow",
        "▲ tomorrow",
        "◆ in 5 d",
    ]
    assert shown["lot"].tolist()[-1] == "no known lot"
    assert shown["markdown_percent"].tolist()[1] == 30
    assert "**9** of 9 lots by place, **235** pcs." in words(app)
    assert "183 pieces that expire later, and 5 pieces whose last day is not known" in words(app)
    [chart] = app.get("plotly_chart")
    assert json.loads(chart.proto.spec)["data"][0]["name"] == "Expired"


@pytest.mark.usefixtures("one_store")
def test_filters_of_the_page(open_page):
    app = open_page("lots")
    app.selectbox(key="within").select("2 days").run()
    assert "**3** of 9 lots" in words(app)
    app.button_group(key="lots_where").set_value(["warehouse"]).run()
    assert table(app, "lot")["lot"].tolist() == ["L-C2"]
    app.text_input(key="lots_search").input("nothing").run()
    assert not app.exception
    assert "No lot fits the filters." in words(app)


@pytest.mark.usefixtures("one_store")
def test_the_lot_of_the_address_shows_its_item(open_page):
    app = open_page("lots", lot=CHICKEN)
    assert not app.exception
    assert "MEACHI0002, Chicken" in words(app)
    assert len(app.get("plotly_chart")) == 2
    corrections = table(app, "correction_qty")
    assert corrections["correction_qty"].tolist() == [-2]
    what = app.selectbox(key=f"count:what:{CHICKEN}")
    assert what.value == ("shelf", "L-C1")
    assert what.options == [
        "Shelf, the whole item: 5 pcs in the books",
        "Warehouse, the whole item: 2 pcs in the books",
        "Shelf, lot L-C1: 2 pcs in the books",
        "Shelf, lot L-C2: 3 pcs in the books",
        "Warehouse, lot L-C2: 2 pcs in the books",
    ]


@pytest.mark.usefixtures("one_store")
def test_an_item_without_known_lots_can_be_counted(open_page):
    app = choose_rows(open_page("lots"), "lots_table", "S001/shelf/BEELAG0003/")
    assert not app.exception
    assert "5 more pieces of no known lot" in words(app)
    assert "no count of this item differed" in words(app)
    what = app.selectbox(key="count:what:S001/shelf/BEELAG0003/")
    assert what.value == ("shelf", None)


@pytest.mark.usefixtures("one_store")
def test_an_unknown_lot_of_the_address_is_explained(open_page):
    app = open_page("lots", lot="S001/shelf/GONE/L-1")
    assert "not in stock any more" in words(app)


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize("lot", ["nonsense", "S001/shelf", "S001/shelf/MEACHI0002/L-USED-UP"])
def test_any_lot_in_the_address_is_survived(open_page, lot):
    assert not open_page("lots", lot=lot).exception


@pytest.mark.usefixtures("two_stores")
def test_all_stores_together(open_page):
    app = open_page("lots", store="All stores")
    assert not app.exception
    assert figure(app, "Expired") == "4"
    assert set(table(app, "lot")["store_id"]) == {"S001", "S002"}


# Counting


def send_count(app, what, pieces, *, name="Anna", note=""):
    key = CHICKEN
    app.selectbox(key=f"count:what:{key}").select(what)
    app.number_input(key=f"count:pieces:{key}").set_value(pieces)
    app.text_input(key="actor").input(name)
    app.text_input(key=f"count:note:{key}").input(note)
    return press(app, "Send count")


@pytest.mark.usefixtures("one_store")
def test_a_counted_lot_is_sent_and_marked(open_page, fake_broker):
    app = open_page("lots", lot=CHICKEN)
    send_count(app, ("shelf", "L-C1"), 0, note=" thrown away ")
    told = words(app)
    assert "(Shelf, lot L-C1): the books have 2, counted were **0**." in told
    assert "Taken off: **2 pieces**" in told
    assert not fake_broker.entries
    agree(app)
    assert not app.exception
    [(stream, event)] = fake_broker.entries
    assert stream == "operator_events:S001"
    assert event["type"] == "com.smartshelf.operator.stock_counted.v1"
    assert event["data"] == {
        "store_id": "S001",
        "location": "shelf",
        "shelf_id": "MEACHI0002",
        "counted_quantity": 0,
        "book_quantity": 2,
        "batch_code": "L-C1",
        "actor": "Anna",
        "note": "thrown away",
    }
    assert "Sent: 0 pieces of MEACHI0002 (L-C1, shelf) counted" in words(app)
    assert table(app, "lot")["state"].tolist()[0] == "⏳ counted"
    assert "1 count of this item on the way" in words(app)


@pytest.mark.usefixtures("one_store")
def test_a_whole_item_is_counted_without_a_lot(open_page, fake_broker):
    app = open_page("lots", lot=CHICKEN)
    agree(send_count(app, ("warehouse", None), 7))
    [(_, event)] = fake_broker.entries
    assert event["data"]["location"] == "warehouse"
    assert event["data"]["counted_quantity"] == 7
    assert "batch_code" not in event["data"]
    assert table(app, "lot")["state"].tolist()[:3] == [
        "✕ yesterday",
        "▲ tomorrow",
        "⏳ counted",
    ]


@pytest.mark.usefixtures("one_store")
@pytest.mark.parametrize(
    ("pieces", "name", "message"),
    [(3, " ", "Your name is missing"), (None, "Anna", "The number of pieces is missing")],
)
def test_a_count_needs_pieces_and_a_name(open_page, fake_broker, pieces, name, message):
    app = open_page("lots", lot=CHICKEN)
    send_count(app, ("shelf", None), pieces, name=name)
    assert message in words(app)
    assert not fake_broker.entries


def test_the_mark_goes_when_the_count_has_come_back(open_page, one_store, fake_broker):
    app = open_page("lots", lot=CHICKEN)
    agree(send_count(app, ("shelf", "L-C1"), 1))
    [(_, event)] = fake_broker.entries
    later = datetime.now(UTC) + timedelta(seconds=1)
    more = files.loop()
    more["ops.operator_actions"].append(
        {"event_id": event["id"], "store_id": "S001", "action": "stock_counted"}
    )
    files.write(
        one_store, files.catalogue(), files.store(), files.stock(), more, published_at=later
    )
    app.run()
    assert not app.exception
    assert table(app, "lot")["state"].tolist()[0] == "✕ yesterday"
    assert "on the way" not in words(app)
