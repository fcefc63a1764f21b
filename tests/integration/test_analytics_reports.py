"""Business reports and KPIs over HTTP, on the three days that were reckoned by hand."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import fastjsonschema
import httpx
import pytest
from deltalake import DeltaTable

from dashboard.theme import contrast
from smartshelf_dagster.contracts.model import CONTRACTS_DIR
from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.business_reports import (
    BUSINESS_REPORTS,
    NothingToReportError,
    ReportRequestError,
    write_due_reports,
    write_reports,
)
from smartshelf_dagster.reports.content import FIGURES, Report
from smartshelf_dagster.reports.page import render
from smartshelf_dagster.reports.periods import ReportType
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.serving import NothingPublishedError
from tests.dashboard import serving_files
from tests.helpers.api import running_api

pytestmark = pytest.mark.timeout(300)

LAST = date(2025, 3, 5)
JSON_COLUMNS = [
    "kpis_json", "top_products_json", "falling_products_json", "top_stores_json",
    "inventory_health_json", "anomalies_json", "dq_json", "today_json",
]  # fmt: skip
ALL_TOKEN, STORE_TOKEN = "t" * 16, "token-of-S1"
Show = Callable[[str | None], httpx.Client]


@pytest.fixture(scope="module")
def lake(golden, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A week later, with all reports that are due, published."""
    folder = tmp_path_factory.mktemp("reported") / "lake"
    shutil.copytree(golden[0].lake, folder)
    settings = load_settings(lake=str(folder))
    analyse(settings, datetime(2025, 3, 12, tzinfo=UTC))
    write_due_reports(settings)
    analyse(settings, datetime(2025, 3, 12, tzinfo=UTC))
    return settings


def one(settings: Settings, report_type: ReportType, day: date, store: str, out: Path) -> Report:
    (written,) = write_reports(settings, report_type, day=day, store_id=store, out=out)
    return written.report


def query(settings: Settings, sql: str) -> list[tuple]:
    with duckdb.connect(str(settings.serving_path), read_only=True) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.sql(sql).fetchall()


def rows(settings: Settings) -> list[dict]:
    table = DeltaTable(settings.table_uri(BUSINESS_REPORTS)).to_pyarrow_table()
    key = ("report_date", "report_type", "store_id")
    return sorted(table.to_pylist(), key=lambda row: [str(row[name]) for name in key])


@pytest.mark.parametrize("store", ["S1", "S2", "ALL"])
@pytest.mark.parametrize("day", [date(2025, 3, 3), date(2025, 3, 4), LAST])
def test_figures_of_a_day_are_those_of_the_kpis(lake, tmp_path, store: str, day: date) -> None:
    report = one(lake, ReportType.DAILY, day, store, tmp_path)
    (told,) = query(
        lake,
        f"select {', '.join(FIGURES)} from analytics.kpi_daily "
        f"where store_id = '{store}' and date_key = '{day}'",
    )
    plain = [format(v, ".2f") if isinstance(v, Decimal) else v for v in told]
    assert list(report.figures.values()) == plain


def test_report_of_a_day_as_reckoned_by_hand(lake, tmp_path) -> None:
    report = one(lake, ReportType.DAILY, date(2025, 3, 3), "ALL", tmp_path)
    figures = report.figures
    assert (figures["net_sales"], figures["transactions"]) == ("44.00", 3)
    assert figures["atv"] == pytest.approx(44 / 3)
    best = [(p["item_id"], p["net_sales"], p["units_sold"]) for p in report.top_products]
    assert best == [("P1", "30.00", 3), ("P3", "10.00", 4), ("P2", "4.00", 1)]
    assert [(s["rank"], s["store_id"], s["net_sales"]) for s in report.top_stores] == [
        (1, "S1", "34.00"), (2, "S2", "10.00"),
    ]  # fmt: skip
    hours = {h["hour"]: h["transactions"] for h in report.kpis["hours"] if h["transactions"]}
    assert hours == {10: 2, 18: 1}
    assert (report.before, report.falling_products) == ({}, [])


def test_a08_customers_of_a_week_are_counted_and_not_added_up(lake, tmp_path) -> None:
    """C1 came on two days; adding up days would make four customers of three."""
    report = one(lake, ReportType.WEEKLY, LAST, "ALL", tmp_path)
    days = query(
        lake,
        "select sum(customers) from analytics.kpi_daily where store_id = 'ALL' "
        "and date_key between '2025-03-03' and '2025-03-09'",
    )
    assert days == [(4,)]
    assert report.figures["customers"] == 3
    assert (report.figures["net_sales"], report.figures["transactions"]) == ("74.80", 5)


def test_items_out_of_stock_are_a_share_of_all_items(lake) -> None:
    """Of the total as of each store: items out of stock over items, not a mean of rates."""
    told = {
        row["store_id"]: json.loads(row["inventory_health_json"] or "null")
        for row in rows(lake)
        if row["report_type"] == "WEEKLY_ANALYSIS"
    }
    assert told["S2"] is None
    for stock in (told["S1"], told["ALL"]):
        share = stock["out_of_stock_items"] / stock["items_total"]
        assert stock["out_of_stock_rate_pct"] == pytest.approx(100 * share)
    assert told["S1"] == told["ALL"]


def test_days_without_sales_are_reported_as_such(lake, tmp_path) -> None:
    report = one(lake, ReportType.DAILY, date(2025, 3, 10), "S1", tmp_path)
    assert (report.figures["net_sales"], report.figures["atv"]) == ("0.00", None)
    assert (report.before["net_sales"], report.change_pct("net_sales")) == ("34.00", -100.0)
    fell = [(p["item_id"], p["net_sales"], p["net_sales_before"]) for p in report.falling_products]
    assert fell == [("P1", "0.00", "30.00"), ("P2", "0.00", "4.00")]


def test_due_reports_are_those_of_yesterday_and_of_the_week_that_is_over(lake) -> None:
    made = {(r["report_type"], r["report_date"], r["store_id"]) for r in rows(lake)}
    stores = ("ALL", "S1", "S2")
    months = {("MONTHLY_SUMMARY", date(2025, 2, 28), store) for store in stores}
    weeks = {("WEEKLY_ANALYSIS", date(2025, 3, 9), store) for store in stores}
    days = {("DAILY_REPORT", date(2025, 3, 11), store) for store in stores}
    assert made == weeks | days
    assert not made & months
    again = {written.report.period.report_type for written in write_due_reports(lake)}
    assert again == {ReportType.DAILY}


def test_the_same_report_again_is_the_same_but_for_its_time(lake) -> None:
    def content() -> list[dict]:
        return [{k: v for k, v in row.items() if k != "created_at"} for row in rows(lake)]

    def pages() -> dict[str, bytes]:
        found = (Path(lake.lake) / "reports").rglob("*.html")
        return {str(path): path.read_bytes() for path in found}

    before, pages_before = content(), pages()
    write_reports(lake)
    write_reports(lake, ReportType.WEEKLY, store_id="S1")
    assert (content(), pages()) == (before, pages_before)
    assert len(pages_before) == len(before)


def test_only_the_newest_daily_report_says_what_is_to_be_done(lake, tmp_path) -> None:
    assert {row["report_type"] for row in rows(lake) if row["today_json"]} == {"DAILY_REPORT"}
    old = one(lake, ReportType.DAILY, LAST, "S1", tmp_path)
    assert (old.today, old.stock) == (None, None)


def test_json_of_every_report_is_as_its_contract_has_it(lake) -> None:
    schema = json.loads((CONTRACTS_DIR / "reports/business_report.v1.json").read_text("utf-8"))
    validate = fastjsonschema.compile(schema)
    found = [{name: json.loads(row[name] or "null") for name in JSON_COLUMNS} for row in rows(lake)]
    for sections in found:
        validate(sections)
    broken = found[0] | {"kpis_json": found[0]["kpis_json"] | {"currency": 7}}
    with pytest.raises(fastjsonschema.JsonSchemaValueException, match="currency"):
        validate(broken)


class Page(HTMLParser):
    """Which elements a page has, and whether each is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "br", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("report_type", list(ReportType)[:2])
@pytest.mark.parametrize("store", ["S1", "S2", "ALL"])
def test_page_needs_nothing_else_and_is_readable_without_seeing(
    lake, tmp_path, report_type: ReportType, store: str
) -> None:
    (written,) = write_reports(lake, report_type, store_id=store, out=tmp_path)
    text = written.path.read_text("utf-8")
    page = Page(text)
    assert page.open == []
    names = [tag for tag, _ in page.elements]
    assert names.count("h1") == names.count("main") == 1
    assert not {"script", "img", "link", "iframe"} & set(names)
    assert not re.search(r"https?://|url\(|@import", text)
    assert dict(page.elements)["html"]["lang"] == "en"
    drawn = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert all(a["role"] == "img" and a["aria-label"] for a in drawn)
    labelled = {a["aria-labelledby"] for tag, a in page.elements if "aria-labelledby" in a}
    assert labelled <= {a.get("id") for _, a in page.elements}
    assert "None" not in re.sub("None is due|None, or", "", text)


def test_page_text_stands_out_from_the_paper() -> None:
    style = Path("smartshelf_dagster/reports/templates/business_report.css").read_text("utf-8")
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", style))
    for name in ("text", "muted", "accent", "bad", "good"):
        for ground in ("#ffffff", colours["soft"]):
            assert contrast(colours[name], ground) >= 4.5


def test_a_report_that_there_cannot_be_is_refused(lake, tmp_path) -> None:
    with pytest.raises(ReportRequestError, match=r"2025-03-12 is not over .* expected 2025-03-11"):
        write_reports(lake, day=date(2025, 3, 12), out=tmp_path)
    with pytest.raises(ReportRequestError, match="'S3': expected one of S1, S2, ALL"):
        write_reports(lake, store_id="S3", out=tmp_path)
    with pytest.raises(ReportRequestError, match="nothing was sold in S1 up to 2025-03-02"):
        write_reports(lake, day=date(2025, 3, 2), store_id="S1", out=tmp_path)
    empty = load_settings(lake=str(tmp_path / "empty"))
    with pytest.raises(NothingPublishedError):
        write_reports(empty)
    serving_files.write(empty.serving_path, serving_files.catalogue(), serving_files.store())
    with pytest.raises(NothingToReportError, match="smartshelf analyse"):
        write_reports(empty)


@pytest.fixture(scope="module")
def show(lake: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    """The API with tokens; a client that shows one of them."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.json"
    opened = {STORE_TOKEN: ["S1"], "token-of-S2": ["S2"], "token-of-none": []}
    tokens.write_text(json.dumps({sha256(t.encode()).hexdigest(): s for t, s in opened.items()}))
    settings = load_settings(lake=lake.lake, api_token=ALL_TOKEN, api_tokens=tokens)
    with running_api(settings) as client:

        def show(token: str | None = ALL_TOKEN) -> httpx.Client:
            client.headers["Authorization"] = f"Bearer {token}"
            return client

        yield show


def test_reports_are_listed_and_read_by_who_may(show: Show) -> None:
    listed = show(ALL_TOKEN).get("/v1/reports").json()["reports"]
    assert [r["report_date"] for r in listed] == ["2025-03-11"] * 3 + ["2025-03-09"] * 3
    own = show(STORE_TOKEN).get("/v1/reports", params={"type": "WEEKLY_ANALYSIS"}).json()["reports"]
    assert [(r["store_id"], r["report_type"]) for r in own] == [("S1", "WEEKLY_ANALYSIS")]
    assert "net sales 44 EUR" in own[0]["narrative"]
    page = show(STORE_TOKEN).get(own[0]["html"])
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<h1>Weekly report · S1</h1>" in page.text
    for other in listed:
        if other["store_id"] != "S1":
            refused = show(STORE_TOKEN).get(other["html"])
            assert (refused.status_code, "S1" in refused.text) == (404, False)
    assert show("token-of-none").get("/v1/reports").json()["reports"] == []
    assert show("unknown").get("/v1/reports").status_code == 401


def test_a_report_that_is_not_there_is_named(show: Show) -> None:
    answer = show().get("/v1/reports/DAILY_REPORT/2025-03-01/S1")
    assert answer.status_code == 404
    assert "DAILY_REPORT of 2025-03-01 for S1" in answer.json()["error"]["message"]
    assert show().get("/v1/reports/DAILY_REPORT/yesterday/S1").status_code == 422
    assert show().get("/v1/reports", params={"type": "HOURLY"}).status_code == 422


def values(answer: httpx.Response, *keys: str) -> dict:
    assert answer.status_code == 200, answer.text
    found = answer.json()["rows"]
    return {tuple(row[key] for key in keys): row["value"] for row in found}


@pytest.mark.parametrize(
    ("kpi", "sql"),
    [
        ("net_sales", "sum(net_sales)"),
        ("gross_profit", "sum(gross_profit)"),
        ("units_sold", "sum(units_sold)"),
        ("transactions", "sum(transactions)"),
        ("atv", "sum(sales_revenue) / nullif(sum(transactions), 0)::double"),
        ("margin_pct", "100 * (sum(gross_profit)::double / nullif(sum(net_sales), 0)::double)"),
        ("return_rate_units_pct", "100.0 * sum(units_returned) / nullif(sum(units_sold), 0)"),
    ],
)
@pytest.mark.parametrize("by", ["", "day", "week", "month", "store", "day,store", "month,store"])
def test_kpi_is_what_a_direct_query_says(show: Show, lake, kpi: str, sql: str, by: str) -> None:
    keys = {"day": "date_key", "store": "store_id"}
    names = [name for name in by.split(",") if name]
    columns = [keys.get(n, f"date_trunc('{n}', date_key)::date") for n in names]
    grouped = f"group by {', '.join(columns)}" if columns else ""
    found = query(
        lake,
        f"select {', '.join([*columns, sql])} from analytics.kpi_daily "
        f"where store_id <> 'ALL' and date_key <= '2025-03-11' {grouped}",
    )
    told = values(
        show().get(f"/v1/metrics/{kpi}", params={"by": by, "from": "2025-03-01"}),
        *("store_id" if n == "store" else n for n in names),
    )
    direct = {tuple(str(key) for key in row[:-1]): row[-1] for row in found}
    assert told.keys() == direct.keys()
    for key, value in direct.items():
        text = told[key]
        assert (None if text is None else float(text)) == (
            None if value is None else pytest.approx(float(value))
        )


@pytest.mark.parametrize("kpi", ["net_sales", "transactions", "units_sold", "cogs", "sale_lines"])
def test_totals_of_all_are_the_sum_over_stores(show: Show, lake, kpi: str) -> None:
    span = {"from": "2025-03-03", "to": "2025-03-05"}
    told = [
        values(show(token).get(f"/v1/metrics/{kpi}", params=span), "currency")[("EUR",)]
        for token in (ALL_TOKEN, STORE_TOKEN, "token-of-S2")
    ]
    everything, *stores = (Decimal(str(value)) for value in told)
    assert everything == sum(stores)
    assert [(everything,)] == query(
        lake, f"select sum({kpi}) from analytics.kpi_daily where store_id = 'ALL'"
    )
    assert values(show("token-of-none").get(f"/v1/metrics/{kpi}", params={"by": "store"})) == {}


def test_kpi_of_another_store_is_not_told(show: Show) -> None:
    own = show(STORE_TOKEN).get(
        "/v1/metrics/net_sales", params={"by": "store", "from": "2025-03-01"}
    )
    assert values(own, "store_id") == {("S1",): "44.00"}
    other = {"by": "store", "from": "2025-03-01", "store_id": "S2"}
    assert values(show(STORE_TOKEN).get("/v1/metrics/net_sales", params=other), "store_id") == {}
    both = {"from": "2025-03-01", "store_id": "S1,S2"}
    assert values(show().get("/v1/metrics/net_sales", params=both), "currency") == {
        ("EUR",): "74.80"
    }


def test_kpi_by_category_counts_the_receipts_of_each(show: Show) -> None:
    asked = {"by": "category", "from": "2025-03-01"}
    told = values(show().get("/v1/metrics/net_sales", params=asked), "category")
    assert told == {("A",): "59.80", ("B",): "15.00"}
    receipts = values(show().get("/v1/metrics/transactions", params=asked), "category")
    # T4 has goods of both.
    assert receipts == {("A",): 4, ("B",): 2}


def test_customers_are_told_where_they_were_counted(show: Show) -> None:
    since = {"from": "2025-03-01"}

    def ask(by: str, token: str = ALL_TOKEN) -> httpx.Response:
        return show(token).get("/v1/metrics/customers", params={"by": by, **since})

    assert values(ask("week"), "week") == {("2025-03-03",): 3}
    assert values(ask("month,store"), "month", "store_id") == {
        ("2025-03-01", "S1"): 2, ("2025-03-01", "S2"): 1,
    }  # fmt: skip
    assert values(ask("day"), "day")[("2025-03-04",)] == 1
    assert values(ask("day,store", STORE_TOKEN), "day", "store_id")[("2025-03-03", "S1")] == 2
    for refused in (ask("store"), ask("day,category"), ask("week", STORE_TOKEN)):
        assert refused.status_code == 422
        assert "customers does not add up" in refused.json()["error"]["expected"]


@pytest.mark.parametrize(
    ("address", "field", "expected"),
    [
        ("profit", "kpi", "gross_profit"),
        ("net_sales?by=shoe", "by", "day, week, month, store, category"),
        ("net_sales?by=day,week", "by", "one of day, week, month at most"),
        ("net_sales?by=day,day", "by", "each at most once"),
        ("net_sales?from=soon", "from", "a date such as"),
        ("net_sales?from=2025-03-05&to=2025-03-04", "from", "a date up to 2025-03-04"),
        ("net_sales?store_id=ALL", "store_id", "stores with commas between"),
    ],
)
def test_a_kpi_that_cannot_be_told_names_what_was_expected(
    show: Show, address: str, field: str, expected: str
) -> None:
    answer = show().get(f"/v1/metrics/{address}")
    assert answer.status_code == 422
    assert answer.json()["error"]["field"] == field
    assert expected in answer.json()["error"]["expected"]


def test_kpis_end_with_the_last_day_that_is_over(show: Show) -> None:
    answer = show().get("/v1/metrics/net_sales", params={"to": "2030-01-01"}).json()
    assert (answer["from"], answer["to"]) == ("2025-02-10", "2025-03-11")


def test_kpis_that_are_listed_can_be_read(show: Show) -> None:
    listed = {metric["name"]: metric for metric in show().get("/v1/metrics").json()}
    assert listed["margin_pct"]["numerator"] == "gross_profit"
    assert listed["customers"]["adds"] == "nowhere"
    for name in listed:
        assert show().get(f"/v1/metrics/{name}", params={"by": "day"}).status_code == 200


def test_weeks_and_months_hold_what_their_days_hold(lake) -> None:
    sums = query(
        lake,
        "select period_type, store_id, sum(net_sales), sum(units_sold), sum(transactions) "
        "from analytics.kpi_calendar group by all order by all",
    )
    days = query(
        lake,
        "select store_id, sum(net_sales), sum(units_sold), sum(transactions) "
        "from analytics.daily_store_sales group by all order by all",
    )
    assert sums == [(span, *row) for span in ("month", "week") for row in days]


def test_names_of_products_stand_in_the_page_as_text(lake, tmp_path) -> None:
    """What comes from outside is text, whatever it looks like."""
    (written,) = write_reports(lake, day=LAST, store_id="S2", out=tmp_path)
    written.report.top_products[0]["product_name"] = "<script>alert(1)</script>"
    assert "<script>" not in render(written.report)
