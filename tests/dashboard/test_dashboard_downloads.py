"""What is taken along is what is shown, in every format."""

import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import serving_files as files

from dashboard.components import downloads

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


def cells(book):
    """Return the rows of the first sheet of a workbook: lists of (kind, text), None if empty."""
    with zipfile.ZipFile(BytesIO(book)) as parts:
        texts = [
            "".join(t.text or "" for t in si.iter(f"{_SHEET}t"))
            for si in _parsed(parts, "sharedStrings")
        ]
        sheet = _parsed(parts, "worksheets/sheet1")
    assert not list(sheet.iter(f"{_SHEET}f")), "a formula"
    assert not list(sheet.iter(f"{_SHEET}hyperlink")), "a link"
    rows = []
    for row in sheet.iter(f"{_SHEET}row"):
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
    header, *rows = cells(downloads.excel(FRAME, ROME))
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
    [_, winter, summer, _] = cells(downloads.excel(FRAME.select("event_ts"), ROME))
    local = [
        f"{_EPOCH + timedelta(seconds=round(float(row[0][1]) * 86_400)):%d.%m. %H:%M:%S}"
        for row in (winter, summer)
    ]
    assert local == ["03.01. 12:48:30", "02.07. 00:30:00"]


def test_text_that_no_cell_holds_is_cut_and_says_so():
    frame = pl.DataFrame({"payload": ["x" * 40_000, "short"]})
    [_, long, short] = cells(downloads.excel(frame, ROME))
    assert len(long[0][1]) == 32_767
    assert long[0][1].endswith("x…")
    assert short[0][1] == "short"


def test_what_excel_has_no_number_for_is_no_broken_file():
    frame = pl.DataFrame({"share": [float("inf"), float("nan"), 0.5]})
    assert cells(downloads.excel(frame, ROME))[1:] == [[None], [None], [("n", "0.5")]]


def test_a_table_without_rows_has_its_names():
    assert cells(downloads.excel(FRAME.clear(), ROME))[0][0] == ("s", "name")
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


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("map", {}),
        ("map", {"zone": "Meat"}),
        ("states", {"item": "S001/MEABEE0001"}),
        ("item", {}),
        ("item", {"item": "MEABEE0001"}),
        ("item", {"item": "WINRED0004"}),
        ("alerts", {"alert": "ack-wine"}),
        ("alerts", {"show": "Unusual"}),
        ("alerts", {"show": "How they are handled"}),
        ("supply", {"line": "S001/MEABEE0001/20260104T1100Z"}),
        ("supply", {"supply": "Orders"}),
        ("supply", {"supply": "Deliveries"}),
        ("supply", {"supply": "Past cutoffs"}),
        ("forecast", {"forecast_item": "WINRED0004, Red wines"}),
        ("forecast", {"forecast": "Accuracy"}),
        ("forecast", {"forecast": "Model"}),
        ("lots", {"lot": "S001/shelf/MEACHI0002/L-C1"}),
        ("waste", {}),
        ("anomalies", {}),
        ("audit", {}),
        ("quality", {}),
        ("system", {}),
    ],
)
def test_every_table_can_be_downloaded(open_page, serving, path, query):
    files.write(
        serving,
        files.catalogue(),
        files.store(),
        files.stock(),
        files.loop(),
        files.forecasts(),
        files.models(),
        files.quarantine(),
        files.quality(),
        both(files.analytics_of_an_item(), files.handled_alerts(), files.unusual()),
    )
    app = open_page(path, **query)
    assert not app.exception
    tables = len(app.dataframe)
    menus = sum(b.proto.label == "Download as CSV" for b in app.get("download_button"))
    assert 0 < tables <= menus


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
