"""Files of a table: what is read back is what was published, and what does not fit is refused."""

import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smartshelf_dagster.api import xlsx
from smartshelf_dagster.api.export import ExportReport, export_table, scope_name
from smartshelf_dagster.api.formats import FORMATS
from smartshelf_dagster.api.queries import BadRequestError, Wanted
from smartshelf_dagster.api.xlsx import SheetLimitError
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.serving import NothingPublishedError, UnknownTableError
from tests.dashboard import serving_files as files

TEXTS = ("", "a,b", 'say "no"', "two\nlines", "=1+1", "007", "Grüße 🛒")
COLUMNS = "line_no,item_description,net,is_merchandise,business_date,event_ts"
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def line(number: int, text: str) -> dict[str, Any]:
    return {
        "line_no": number,
        "item_description": text,
        "net": Decimal("12345.60") + number,
        "is_merchandise": number % 2 == 0,
        "business_date": date(2026, 1, 3),
        "event_ts": files.AS_OF + timedelta(milliseconds=number),
        "store_id": f"S00{number % 2 + 1}",
    }


LINES = [line(number, text) for number, text in enumerate(TEXTS)]


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    """A lake with awkward sales lines, and one that is empty but for its number."""
    settings = load_settings(lake=str(tmp_path / "lake"))
    rows = [*LINES, {"line_no": len(TEXTS)}]
    files.write(settings.serving_path, {"cleansed.sales_lines": rows})
    return settings


def export(lake: Settings, form: Any, **more: Any) -> ExportReport:
    wanted = Wanted(**{"columns": COLUMNS} | more)
    return export_table(lake, "cleansed/sales_lines", wanted, form, Path(lake.lake) / "out")


def shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row.get(name) for name in COLUMNS.split(",")}


EXPECTED = [shown(row) for row in [*LINES, {"line_no": len(TEXTS)}]]


def test_parquet_is_read_back_with_values_types_and_origin(lake: Settings) -> None:
    report = export(lake, "parquet")
    found = pq.read_table(report.path)
    assert found.to_pylist() == EXPECTED
    assert found.schema.field("net").type == pa.decimal128(18, 2)
    said = json.loads(found.schema.metadata[b"smartshelf"])
    assert (said["table"], said["filters"]) == ("cleansed/sales_lines", "none")
    assert (said["version"], said["as_of"]) == (report.version, files.AS_OF.isoformat())


def test_csv_is_read_back_with_values(lake: Settings) -> None:
    report = export(lake, "csv")
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.execute(
            f"select * from read_csv('{report.path}', types = {{'net': 'DECIMAL(18,2)', "
            "'item_description': 'VARCHAR', 'event_ts': 'TIMESTAMPTZ'}, allow_quoted_nulls = false)"
        ).fetchall()
    assert [dict(zip(COLUMNS.split(","), row, strict=True)) for row in rows] == EXPECTED


def test_json_is_read_back_with_values(lake: Settings) -> None:
    document = json.loads(export(lake, "json").path.read_text("utf-8"))
    assert document["table"] == "cleansed/sales_lines"
    for row in document["rows"]:
        row["net"] = row["net"] and Decimal(row["net"])
        row["business_date"] = row["business_date"] and date.fromisoformat(row["business_date"])
        row["event_ts"] = row["event_ts"] and datetime.fromisoformat(row["event_ts"])
    assert document["rows"] == EXPECTED


def parsed(text: bytes) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - written by ourselves


def sheets(path: Path) -> dict[str, list[dict[int, tuple[str, str]]]]:
    """Read a workbook by hand: rows of type and value by column, for each sheet."""
    with zipfile.ZipFile(path) as book:
        names = [s.get("name") for s in parsed(book.read("xl/workbook.xml")).iter(f"{SHEET}sheet")]
        shared: list[str] = []
        if "xl/sharedStrings.xml" in book.namelist():
            tree = parsed(book.read("xl/sharedStrings.xml"))
            shared = ["".join(t.text or "" for t in si.iter(f"{SHEET}t")) for si in tree]
        return {
            str(name): rows_of(parsed(book.read(f"xl/worksheets/sheet{n}.xml")), shared)
            for n, name in enumerate(names, 1)
        }


def rows_of(sheet: ET.Element, shared: list[str]) -> list[dict[int, tuple[str, str]]]:
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        cells = {}
        for cell in row.iter(f"{SHEET}c"):
            assert cell.find(f"{SHEET}f") is None
            column = ord(re.sub(r"\d", "", str(cell.get("r")))) - ord("A")
            kind = cell.get("t", "n")
            text = "".join(t.text or "" for t in cell.iter(f"{SHEET}t"))
            value = cell.findtext(f"{SHEET}v") or ""
            if kind == "s":
                kind, text = "inlineStr", shared[int(value)]
            cells[column] = (kind, text if kind == "inlineStr" else value)
        rows.append(cells)
    return rows


def test_xlsx_has_numbers_dates_texts_and_a_sheet_about_itself(lake: Settings) -> None:
    report = export(lake, "xlsx", filters=(("line_no.le", "6"),))
    found = sheets(report.path)
    header, *rows = found["rows"]
    assert [text for _, text in header.values()] == COLUMNS.split(",")
    epoch = datetime(1899, 12, 30, tzinfo=files.AS_OF.tzinfo)
    for row, expected in zip(rows, LINES, strict=True):
        kinds = [row[column][0] for column in range(6) if column in row]
        assert (float(row[0][1]), row.get(1, ("", ""))[1]) == (
            expected["line_no"],
            expected["item_description"],
        )
        assert Decimal(row[2][1]) == expected["net"]
        assert bool(int(row[3][1])) == expected["is_merchandise"]
        assert epoch + timedelta(days=int(row[4][1])) == epoch.replace(2026, 1, 3)
        moment = epoch + timedelta(days=float(row[5][1]))
        assert abs(moment - expected["event_ts"]) < timedelta(microseconds=500)
        assert kinds[0] == kinds[2] == kinds[4] == kinds[5] == "n"
        assert kinds[3] == "b"
    about = {row[0][1]: row[1][1] for row in found["about"]}
    assert about["filters"] == "line_no.le=6"
    assert (about["table"], about["version"]) == ("cleansed/sales_lines", report.version)
    assert about["as_of"] == files.AS_OF.isoformat()
    assert datetime.fromisoformat(about["generated_at"]).tzinfo is not None


def test_xlsx_number_that_a_cell_would_round_is_text(tmp_path: Path) -> None:
    numbers = pa.record_batch(
        {
            "exact": pa.array([2**53, -(2**53)]),
            "long": pa.array([2**53 + 1, -(2**62)]),
            "money": pa.array([Decimal("9999999999999.99"), Decimal("99999999999999.99")]),
            "odd": pa.array([float("nan"), float("-inf")]),
            "list": pa.array([["a"], None]),
        }
    )
    xlsx.write_xlsx(tmp_path / "n.xlsx", iter([numbers]), {})
    kinds = [
        [row[c][0] if c in row else None for c in range(5)]
        for row in sheets(tmp_path / "n.xlsx")["rows"]
    ]
    texts = sheets(tmp_path / "n.xlsx")["rows"][2]
    assert kinds[1] == ["n", "inlineStr", "n", "inlineStr", "inlineStr"]
    assert kinds[2] == ["n", "inlineStr", "inlineStr", "inlineStr", None]
    assert (texts[1][1], texts[2][1]) == (str(-(2**62)), "99999999999999.99")


def test_xlsx_says_what_a_sheet_cannot_hold(
    lake: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SheetLimitError, match=r"1048576 rows, expected at most 1048575.*parquet"):
        xlsx.check_rows("live/x", 1_048_576)
    xlsx.check_rows("live/x", 1_048_575)
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 8)
    with pytest.raises(SheetLimitError, match="8 rows, expected at most 7"):
        export(lake, "xlsx")
    monkeypatch.setattr(xlsx, "_CELL_CHARACTERS", 5)
    with pytest.raises(SheetLimitError, match=r"row 3, column 2: 8 characters, expected at most 5"):
        export(lake, "xlsx", filters=(("line_no.lt", "5"),))
    # Nothing half-written is left.
    assert list((Path(lake.lake) / "out").iterdir()) == []


def test_file_is_named_after_table_filters_and_time(lake: Settings) -> None:
    report = export(lake, "csv", filters=(("store_id", "S001"),), columns="store_id")
    name = "cleansed.sales_lines_store_id-S001_20260103T114800Z.csv"
    assert (report.path.name, report.rows) == (name, 4)
    assert set(pl.read_csv(report.path)["store_id"]) == {"S001"}
    again = export(lake, "csv", filters=(("store_id", "S001"),), columns="store_id,line_no")
    assert pl.read_csv(again.path).columns == ["store_id", "line_no"]
    assert [path.name for path in report.path.parent.iterdir()] == [name]


def test_scope_is_a_safe_and_short_part_of_a_name() -> None:
    assert scope_name(()) == "all"
    assert scope_name((("note", "../../etc/passwd"),)) == "note-..-..-etc-passwd"
    long = [scope_name((("note", "x" * 200 + end),)) for end in "ab"]
    assert long[0] != long[1]
    assert all(len(name) < 100 for name in long)


def test_export_that_cannot_be_made_says_why(lake: Settings, tmp_path: Path) -> None:
    with pytest.raises(UnknownTableError, match=r"'ops/none': expected one of .*ops/alerts"):
        export_table(lake, "ops/none", Wanted(), "csv", tmp_path)
    with pytest.raises(BadRequestError, match="line_no='x': expected an integer"):
        export(lake, "csv", filters=(("line_no", "x"),))
    empty = load_settings(lake=str(tmp_path / "empty"))
    with pytest.raises(NothingPublishedError, match="smartshelf run --days 1"):
        export_table(empty, "ops/alerts", Wanted(), "csv", tmp_path)


@pytest.mark.parametrize("form", ["csv", "parquet", "json", "arrow"])
def test_rows_are_written_as_they_are_read(form: str) -> None:
    read = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal read
        for _ in range(50):
            read += 1
            yield pa.record_batch({"n": list(range(1_000))})

    pieces = FORMATS[form].pieces(batches(), {})
    for number, _ in enumerate(pieces, 1):
        # At no time is more read than the batch that is being written.
        assert read <= number
    assert read == 50


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_more_than_a_million_rows_are_written(tmp_path: Path, form: Any) -> None:
    settings = load_settings(lake=str(tmp_path / "lake"))
    files.write(settings.serving_path)
    with duckdb.connect(str(settings.serving_path)) as connection:
        connection.execute("create table live.numbers as select i from range(1_100_000) r(i)")
    report = export_table(settings, "live/numbers", Wanted(), form, tmp_path)
    scan = pl.scan_csv(report.path) if form == "csv" else pl.scan_parquet(report.path)
    total = 1_100_000 * 1_099_999 // 2
    assert scan.select(pl.len(), pl.sum("i")).collect().row(0) == (1_100_000, total)
    with pytest.raises(SheetLimitError):
        export_table(settings, "live/numbers", Wanted(), "xlsx", tmp_path)
