"""What is taken along is what is shown, in every format."""

import re
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from types import SimpleNamespace
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import analytics_files as analysed
import polars as pl
import pytest
import serving_files as files
import stock_files as stock
from app_support import without_menu

from dashboard.components import downloads
from dashboard.registry import PAGES
from smartshelf_dagster.domain.access import StoreScope

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
ROME = "Europe/Rome"
# In summer Rome is two hours ahead of UTC, in winter one.
TIMES = [
    datetime(2026, 1, 3, 11, 48, 30, tzinfo=UTC),
    datetime(2026, 7, 1, 22, 30, tzinfo=UTC),
    None,
]
FRAME = pl.DataFrame(
    {
        "name": ["=1+1", "@cmd", "+39 0522"],
        "link": ["https://example.org", "007", None],
        "pieces": [12, -3, None],
        "share": [0.125, None, 1e-9],
        "money": [Decimal("1234.50"), Decimal("-0.01"), None],
        "is_low": [True, False, None],
        "day": [date(2026, 1, 3), None, date(2026, 7, 1)],
        "event_ts": pl.Series(TIMES, dtype=pl.Datetime("us", "UTC")),
        "lots": [["a", "b"], [], None],
    },
    schema_overrides={"money": pl.Decimal(18, 2)},
)


def _parsed(parts, name):
    return ET.fromstring(parts.read(f"xl/{name}.xml"))  # noqa: S314 - written by ourselves


def cells(book, sheet=1):
    """Return the rows of a sheet of a workbook: lists of (kind, text), None if empty."""
    with zipfile.ZipFile(BytesIO(book)) as parts:
        texts = [
            "".join(t.text or "" for t in si.iter(f"{_SHEET}t"))
            for si in _parsed(parts, "sharedStrings")
        ]
        drawn = _parsed(parts, f"worksheets/sheet{sheet}")
    assert not list(drawn.iter(f"{_SHEET}f")), "a formula"
    assert not list(drawn.iter(f"{_SHEET}hyperlink")), "a link"
    rows = []
    for row in drawn.iter(f"{_SHEET}row"):
        found = {}
        for cell in row:
            value = cell.find(f"{_SHEET}v")
            if value is not None:
                kind = cell.get("t", "n")
                told = texts[int(value.text)] if kind == "s" else value.text
                found["".join(c for c in cell.get("r") if c.isalpha())] = (kind, told)
        rows.append(found)
    letters = sorted(rows[0])
    return [[row.get(letter) for letter in letters] for row in rows]


def as_read(kind, cell):
    """Return what a cell says, in the type of its column."""
    if cell is None:
        return None
    form, told = cell
    assert form == {pl.Boolean: "b", pl.String: "s"}.get(kind, "n")
    if form == "n" and kind.is_temporal():
        # Excel counts days; seconds survive.
        moment = _EPOCH + timedelta(seconds=round(float(told) * 86_400))
        return moment.date() if kind == pl.Date else moment.replace(tzinfo=ZoneInfo(ROME))
    if form == "n":
        return Decimal(told) if kind.is_decimal() else float(told)
    return told == "1" if form == "b" else told


def test_csv_excel_and_parquet_have_the_same_cells():
    header, *rows = cells(downloads.excel(FRAME, ROME, {}))
    flat = FRAME.with_columns(pl.col("lots").list.join(" + "))
    assert [told for _, told in header] == [
        *("name", "link", "pieces", "share", "money", "is_low", "day"),
        *("event_ts (Europe/Rome)", "lots"),
    ]
    kinds = flat.schema.dtypes()
    from_excel = [
        tuple(as_read(kind, cell) for kind, cell in zip(kinds, row, strict=True)) for row in rows
    ]
    from_csv = pl.read_csv(
        downloads.csv(FRAME),
        schema=flat.schema | {"event_ts": pl.String},
    ).with_columns(pl.col("event_ts").str.to_datetime(time_unit="us", time_zone="UTC"))
    from_parquet = pl.read_parquet(BytesIO(downloads.parquet(FRAME)))
    assert from_parquet.equals(FRAME)
    for row, (excel, csv, parquet) in enumerate(
        zip(from_excel, from_csv.rows(), flat.rows(), strict=True)
    ):
        for place, name in enumerate(flat.columns):
            told = {excel[place], csv[place], parquet[place]} - {"", None}
            assert len(told) <= 1, (row, name, told)
    # Empty is empty, and what is there was compared.
    assert [sum(cell is not None for cell in row) for row in from_excel] == [9, 6, 3]


def test_times_in_excel_are_those_of_the_store():
    [_, winter, summer, _] = cells(downloads.excel(FRAME.select("event_ts"), ROME, {}))
    local = [
        f"{_EPOCH + timedelta(seconds=round(float(row[0][1]) * 86_400)):%d.%m. %H:%M:%S}"
        for row in (winter, summer)
    ]
    assert local == ["03.01. 12:48:30", "02.07. 00:30:00"]


def test_text_that_no_cell_holds_is_cut_and_says_so():
    frame = pl.DataFrame({"payload": ["x" * 40_000, "short"]})
    [_, long, short] = cells(downloads.excel(frame, ROME, {}))
    assert len(long[0][1]) == 32_767
    assert long[0][1].endswith("x…")
    assert short[0][1] == "short"


def test_what_excel_has_no_number_for_is_no_broken_file():
    frame = pl.DataFrame({"share": [float("inf"), float("nan"), 0.5]})
    assert cells(downloads.excel(frame, ROME, {}))[1:] == [[None], [None], [("n", "0.5")]]


def test_a_table_without_rows_has_its_names():
    assert cells(downloads.excel(FRAME.clear(), ROME, {}))[0][0] == ("s", "name")
    assert downloads.csv(FRAME.clear()).decode().startswith("name,link,pieces")


def buttons(app):
    return {button.proto.label: button.proto for button in app.get("download_button")}


@pytest.mark.usefixtures("one_store")
def test_one_menu_offers_all_formats(open_page):
    offered = buttons(open_page("states"))
    assert list(offered) == ["Download as CSV", "Download as Excel", "Download as Parquet"]
    assert "Europe/Rome" in offered["Download as Excel"].help


@pytest.mark.usefixtures("one_store")
def test_more_rows_than_a_sheet_has_are_not_offered_for_excel(open_page, monkeypatch):
    monkeypatch.setattr(downloads, "SHEET_ROWS", 4)
    offered = buttons(open_page("states"))
    assert offered["Download as Excel"].disabled
    assert "filter the table" in offered["Download as Excel"].help
    assert not offered["Download as CSV"].disabled


@pytest.fixture
def workbooks(monkeypatch):
    """What is said of the workbooks of a page: they are made as soon as their menu is drawn."""
    made = []

    def button(kind, file, stem, data, about, *, disabled=False):
        if kind.name == "Excel":
            told = dict(tuple(told for _, told in row) for row in cells(data(), sheet=2))
            made.append((f"{file}{kind.suffix}", told))

    monkeypatch.setattr(downloads, "_button", button)
    return made


@pytest.mark.usefixtures("two_stores")
def test_a_file_says_what_it_is_about(open_page, workbooks):
    open_page(
        "alerts",
        store="Smart Shelf Turku (S002)",
        period="90 days",
        category=["Meat", "Wines"],
        status="Acknowledged",
        alert_search="=1+1",
    )
    [(name, told)] = workbooks
    assert name == "alerts_S002_90d_Meat-Wines_20260103T1148Z.xlsx"
    published = told.pop("Published (UTC)")
    version = told.pop("Version")
    assert told == {
        "Table": "alerts",
        "Rows": "0",
        "Page": "Alerts",
        "Stores": "Smart Shelf Turku (S002)",
        "As of (UTC)": "2026-01-03 11:48:00",
        "Times in": "Europe/Helsinki",
        "Address": "/alerts",
        "Period": "90 days",
        "Categories": "Meat, Wines",
        "Filter: alert_search": "=1+1",
        "Filter: status": "Acknowledged",
    }
    # As the API and the page call it.
    assert version.startswith(re.sub(r"[-:]", "", published).replace(" ", "T"))


@pytest.mark.usefixtures("two_stores")
def test_a_file_of_all_stores_names_them_within(open_page, workbooks):
    open_page("alerts", store="All stores")
    [(name, told)] = workbooks
    assert name == "alerts_all-stores_20260103T1148Z.xlsx"
    assert told["Stores"] == "Smart Shelf Scandiano (S001), Smart Shelf Turku (S002)"


@pytest.mark.parametrize(
    ("known", "chosen", "name"),
    [
        (None, ["S1"], "S1"),
        (None, ["S1", "S2"], "all-stores"),
        (("S1", "S2"), ["S1", "S2"], "S1-S2"),
        (("S1", "S2", "S3", "S4"), ["S1", "S2", "S3", "S4"], "4-stores"),
    ],
)
def test_a_reader_of_some_stores_has_no_file_of_all(monkeypatch, known, chosen, name):
    reader = SimpleNamespace(scope=StoreScope(known))
    monkeypatch.setattr(downloads.access, "principal", lambda: reader)
    about = SimpleNamespace(store_ids=chosen)
    assert downloads._stores(PAGES[0], about) == name


# Every table


def _loop(serving):
    files.write(
        serving,
        *files.all_of_one_store(),
        files.quarantine(),
        files.quality(),
        both(files.analytics_of_an_item(), files.handled_alerts(), files.unusual()),
    )


def _morning(serving):
    files.write(
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
        more_tables=analysed.TABLES,
    )


def _planned(serving):
    files.write(serving, files.catalogue(), files.store(), files.stock(), files.loop())
    stock.add(
        serving,
        stock.products(),
        stock.levels(),
        stock.history(),
        stock.sales("S001", 1_000, 1, square_feet=500),
        frames=stock.planning("S001"),
    )


_VIEWS = [
    (_loop, "map", {}),
    (_loop, "map", {"zone": "Meat"}),
    (_loop, "states", {"item": "S001/MEABEE0001"}),
    (_loop, "item", {}),
    (_loop, "item", {"item": "MEABEE0001"}),
    (_loop, "item", {"item": "WINRED0004"}),
    (_loop, "alerts", {"alert": "ack-wine"}),
    (_loop, "alerts", {"show": "Unusual"}),
    (_loop, "alerts", {"show": "How they are handled"}),
    (_loop, "supply", {"line": "S001/MEABEE0001/20260104T1100Z"}),
    *((_loop, "supply", {"supply": part}) for part in ("Orders", "Deliveries", "Past cutoffs")),
    (_loop, "forecast", {"forecast_item": "WINRED0004, Red wines"}),
    (_loop, "forecast", {"forecast": "Accuracy"}),
    (_loop, "forecast", {"forecast": "Model"}),
    (_loop, "lots", {"lot": "S001/shelf/MEACHI0002/L-C1"}),
    (_loop, "waste", {}),
    (_loop, "waste", {"waste": "Removals"}),
    (_loop, "anomalies", {}),
    (_loop, "audit", {}),
    (_loop, "quality", {}),
    (_loop, "system", {}),
    (_morning, "overview", {}),
    (_morning, "live", {}),
    (_morning, "history", {}),
    *(
        (_planned, "inventory", {"inventory": part})
        for part in ("Stock-outs", "Levels", "Movements", "Turnover", "Items", "Age")
    ),
    *(
        (_planned, "optimisation", {"optimisation": part})
        for part in ("Policies", "Orders", "Priorities", "Optimal stock")
    ),
    (_planned, "stores", {}),
]


@pytest.mark.parametrize(("publish", "path", "query"), _VIEWS)
def test_every_table_can_be_downloaded(open_page, serving, offered, publish, path, query):
    publish(serving)
    app = open_page(path, **query)
    assert not app.exception
    assert app.dataframe
    assert without_menu(app, offered) == []


def test_no_page_is_left_out():
    # Those of customers and baskets stand in test_dashboard_analytics.py.
    elsewhere = {"sales", "customers", "baskets"}
    assert {path for _, path, _ in _VIEWS} | elsewhere == {page.path for page in PAGES}


def both(*parts):
    """Put rows together of parts that name the same tables."""
    together = {}
    for part in parts:
        for name, rows in part.items():
            together.setdefault(name, []).extend(rows)
    return together


@pytest.mark.parametrize(
    ("sentence", "rows", "told"),
    [
        ("**Items**, the worst first:", 2, "**Items**, the worst first:"),
        ("**Items**, the worst first:", 3, "**Items**, the worst first; the first 2 are shown:"),
        ("**3** items.", 3, "**3** items. The first 2 are shown."),
    ],
)
def test_a_sentence_says_where_not_all_rows_are_shown(monkeypatch, sentence, rows, told):
    said = []
    monkeypatch.setattr(downloads.st, "markdown", said.append)
    monkeypatch.setattr(downloads, "menu", lambda frame, name: None)
    downloads.summary(sentence, pl.DataFrame({"row": range(rows)}), "items", shown_rows=2)
    assert said == [told]
