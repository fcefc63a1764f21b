"""Checks of data quality: green on a lake in which nothing is wrong, and red one by one."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from smartshelf_dagster.domain.quality import CHECKS
from smartshelf_dagster.pipeline import quality
from smartshelf_dagster.pipeline.analytics import VERSIONS
from smartshelf_dagster.pipeline.publish import publish
from smartshelf_dagster.pipeline.quality import QualityReport, run_checks
from smartshelf_dagster.pipeline.quality_tables import (
    REPORTS,
    RESULTS,
    STREAM_QUALITY,
    TABLE_MONITORING,
    forget_quality,
)
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import PROJECT_ROOT, Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import connect, read_serving
from smartshelf_dagster.transform.runner import TICK, Transformer
from tests.helpers.quality import AS_OF, NEWEST, record_healthy
from tests.helpers.warehouse import give_warehouse

# The lake takes a minute to make; on a busy machine, longer.
pytestmark = pytest.mark.timeout(400)

RED = {"warn", "fail"}
RUN_TABLES = (RESULTS, REPORTS, TABLE_MONITORING, STREAM_QUALITY)


@dataclass
class Lake:
    """A lake to be broken, and mended by copying."""

    settings: Settings
    transformer: Transformer
    template: Path

    def mend(self) -> None:
        shutil.rmtree(self.settings.lake)
        shutil.copytree(self.template, self.settings.lake)

    def execute(self, *statements: str) -> None:
        with connect(self.settings.warehouse_path, read_only=False) as connection:
            for statement in statements:
                connection.execute(statement)

    def check(self, as_of: datetime = AS_OF) -> QualityReport:
        return run_checks(self.settings, self.transformer, as_of, "run")


@pytest.fixture(scope="module")
def shared(
    broker: EmbeddedRedis, analysed_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Lake:
    folder = tmp_path_factory.mktemp("quality")
    give_warehouse(folder / "lake", analysed_template)
    settings = record_healthy(folder, broker.url)
    transformer = Transformer(settings)
    transformer.prepare(AS_OF)
    lake = Lake(settings, transformer, folder / "template")
    # What runs leave behind is there from the first on.
    lake.check()
    shutil.copytree(settings.lake, lake.template)
    return lake


@pytest.fixture
def lake(shared: Lake) -> Iterator[Lake]:
    yield shared
    shared.mend()


@pytest.fixture
def without_dbt_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what dbt's tests measure, half of the work: the test is of another check."""
    monkeypatch.setattr(quality, "_measure_by_tests", lambda *_: iter(()))


def red(report: QualityReport) -> set[str]:
    return {name for name, status in report.statuses.items() if status in RED}


def test_nothing_is_wrong_and_nothing_is_left_out(lake: Lake) -> None:
    report = lake.check()
    assert report.statuses == {check.name: "pass" for check in CHECKS}
    assert (report.checks_passed, report.checks_total, report.score) == (27, 27, 100)
    assert {check.number for check in CHECKS} == {f"Q{number}" for number in range(1, 21)}


LINES, FACTS = "cleansed.sales_lines", "analytics.fact_sales"
LAST_HOUR = f"event_ts > timestamptz '{NEWEST - timedelta(hours=1)}'"
ONE_LINE = "event_id = 'receipt-S2-04021110#1'"
ONE_FACT = "sale_id = 'receipt-S2-04021110#1'"


def _old_versions(lake: Lake) -> None:
    uri = lake.settings.table_uri(VERSIONS)
    told = delta.read(uri)
    older = pc.subtract(told["as_of_ts"], pa.scalar(timedelta(hours=3), pa.duration("us")))
    place = told.column_names.index("as_of_ts")
    delta.replace(uri, told.set_column(place, "as_of_ts", older), name=VERSIONS)


def _refuse_many(lake: Lake) -> None:
    table = delta.open_table(lake.settings.table_uri("raw/quarantine"))
    schema = delta.as_dataset(table.table_uri).schema
    rows = [
        {
            "topic": "pos_transactions", "stream": "pos_transactions:S2", "stream_id": f"9-{n}",
            "entry_index": 0, "reason_code": "not_json", "reason": "no", "event_id": None,
            "payload": " ", "payload_encoding": "utf-8", "ingest_ts": AS_OF, "ingest_batch": 99,
            "ingest_date": AS_OF.date(),
        }
        for n in range(100)
    ]  # fmt: skip
    delta.append(table, pa.Table.from_pylist(rows, schema=schema), {})


def _repeat_a_file(lake: Lake) -> None:
    """What stands in raw twice is counted once; that it was written twice is seen all the same."""
    table = delta.open_table(lake.settings.table_uri("raw/pos_transactions"))
    delta.append(table, delta.read(table.table_uri).slice(0, 10), {})
    lake.transformer.build_once(TICK, AS_OF)
    publish(lake.settings, lake.transformer)


def _add_unplanned_column(lake: Lake) -> None:
    uri = lake.settings.table_uri("raw/foot_traffic")
    extra = pa.table({"unplanned": pa.array([], pa.string())})
    delta.write_deltalake(uri, extra, mode="append", schema_mode="merge")


def sql(*statements: str) -> Callable[[Lake], None]:
    return lambda lake: lake.execute(*statements)


# Faults, each seeded by itself: what was done, and the one check that has to see it.
FAULTS: list[tuple[str, str, Callable[[Lake], None]]] = [
    # First, as it builds what others break.
    ("raw_is_reconciled", "a file is written twice", _repeat_a_file),
    ("sales_are_fresh", "the last sales never came", sql(
        f"delete from {LINES} where event_ts > timestamptz '{AS_OF - timedelta(seconds=301)}'")),
    ("sales_are_made", "tills take goods back and sell none", sql(
        f"update {LINES} set event_type = 'RETURN' where {LAST_HOUR}")),
    ("events_arrive_in_time", "the drain lags", sql(
        f"update {LINES} set ingest_ts = ingest_ts + interval 2 minute where {LAST_HOUR}")),
    ("tables_are_up_to_date", "the hour was built three hours ago", _old_versions),
    ("stores_report", "a store falls silent", sql(
        f"delete from {LINES} where store_id = 'S2' and {LAST_HOUR}")),
    ("volume_is_as_usual", "an hour came three times under other names", sql(
        *(f"insert into {LINES} select * replace (event_id || '{name}' as event_id) from {LINES} "
          "where business_date = '2025-04-07' and hour = 13 and source = 'stream' and event_id not like '%a'"
          for name in "ab"))),
    ("fields_are_filled", "a receipt loses its number", sql(
        f"update {FACTS} set transaction_id = null where {ONE_FACT}")),
    ("customers_are_known_as_usual", "cards are no longer read", sql(
        f"update {FACTS} set customer_id = null "
        f"where transaction_time > timestamptz '{NEWEST - timedelta(days=1)}'")),
    ("events_are_accepted", "many events are refused", _refuse_many),
    ("hours_have_no_gaps", "an hour is dropped", sql(
        f"delete from {LINES} where business_date = '2025-04-03' and hour = 11")),
    ("amounts_are_positive", "nothing is sold", sql(f"update {LINES} set qty = 0 where {ONE_LINE}")),
    ("totals_add_up", "a discount is told in percent", sql(
        f"update {FACTS} set discount = 20 where sale_id = 'receipt-S2-04021110#4'")),
    ("references_exist", "a sale to a customer that nobody knows", sql(
        f"update {FACTS} set customer_key = 42 where {ONE_FACT}")),
    ("nothing_stands_twice", "a line is written twice", sql(
        f"insert into {LINES} select * from {LINES} where {ONE_LINE}")),
    ("stock_is_not_negative", "more is taken than there was", sql(
        "update cleansed.stock_balances set qty = qty - 5000 where location = 'shelf' and item_id = 'P1'",
        "update cleansed.stock_movements set qty_signed = qty_signed - 5000 "
        "where movement_type = 'OPENING' and item_id = 'P1'")),
    ("ledger_balances", "a balance is changed by hand", sql(
        "update cleansed.stock_balances set qty = qty + 1 where location = 'shelf'")),
    ("goods_are_accounted_for", "goods leave unpaid", sql(
        "update analytics.fact_inventory set unreconciled_qty = 100 where date_key >= '2025-04-05'")),
    ("returns_were_sold", "somebody returns what somebody else bought", sql(
        f"update {FACTS} set customer_id = 'C9' || item_id where sgn = -1")),
    ("windows_have_a_length", "a window ends as it begins", sql(
        "update live.sales_window_5m set window_end = window_start")),
    ("nothing_is_in_the_future", "the clock of a till is shifted", sql(
        f"update {LINES} set event_ts = ingest_ts + interval 6 minute where {ONE_LINE}")),
    ("values_are_known", "a type that no list has", sql(
        f"update {LINES} set event_type = 'GIFT' where {ONE_LINE}")),
    ("summaries_agree", "a summary is changed by hand", sql(
        "update analytics.daily_store_sales set net_sales = net_sales + 1 where store_id = 'S2'")),
    ("tables_have_rows", "a table is emptied", sql("delete from analytics.fact_inventory")),
    ("prices_are_steady", "a price is doubled", sql(
        f"update {FACTS} set unit_price = 2 * unit_price, discount = 1 - (1 - discount) / 2 "
        f"where item_id = 'P1' and date_key > '2025-03-31'")),
    ("costs_are_below_prices", "a cost is told by the pack", sql(
        "update analytics.dim_product set unit_cost = 5 * list_price")),
    ("schemas_match", "a column is added to a model", sql(
        "alter table cleansed.pos_adjustments add column unplanned integer")),
    ("schemas_match", "a column is added to a raw table", _add_unplanned_column),
]  # fmt: skip


def test_every_check_has_a_fault() -> None:
    assert {name for name, _, _ in FAULTS} == {check.name for check in CHECKS}


# Each look takes seconds, so a few faults that have nothing to do with each other share one.
TOGETHER = [FAULTS[first::7] for first in range(7)]


@pytest.mark.parametrize("faults", TOGETHER, ids=lambda faults: "; ".join(f[1] for f in faults))
def test_faults_turn_their_checks_red_and_no_other(
    lake: Lake, faults: list[tuple[str, str, Callable[[Lake], None]]]
) -> None:
    for _, _, break_it in faults:
        break_it(lake)
    report = lake.check()
    names = {name for name, _, _ in faults}
    assert red(report) == names
    assert (report.score == 100) == all(report.statuses[name] == "warn" for name in names)


@pytest.mark.usefixtures("without_dbt_tests")
def test_a35_a_store_without_a_single_row_is_missed_by_its_name(lake: Lake) -> None:
    """A count by store of what came has no row for the store that nothing came from."""
    window = f"event_ts > timestamptz '{NEWEST - timedelta(hours=1)}'"
    lake.execute(f"delete from {LINES} where store_id in ('S2', 'S3') and {window}")
    with connect(lake.settings.warehouse_path) as connection:
        empty = connection.execute(
            f"select store_id from {LINES} where {window} group by store_id having count(*) = 0"
        ).fetchall()
    assert empty == []
    (found,) = [v for v in lake.check().verdicts if v.check.name == "stores_report"]
    assert (found.status, found.measured.observed) == ("fail", 2)
    assert found.measured.sample_json == '["S2","S3"]'


@pytest.mark.usefixtures("without_dbt_tests")
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (NEWEST + timedelta(seconds=60), "pass"),
        (NEWEST + timedelta(seconds=300), "warn"),
        (NEWEST + timedelta(seconds=301), "fail"),
        # At night nobody buys.
        (NEWEST.replace(hour=20, minute=0, second=0), "skipped"),
        # What is not sold before stores open is not missed; nor right afterwards.
        (datetime(2025, 4, 8, 8, 1, tzinfo=UTC), "pass"),
        (datetime(2025, 4, 8, 8, 5, 1, tzinfo=UTC), "fail"),
    ],
)
def test_sales_are_fresh_by_the_time_that_stores_are_open(
    lake: Lake, moment: datetime, expected: str
) -> None:
    assert lake.check(moment).statuses["sales_are_fresh"] == expected


@pytest.mark.usefixtures("without_dbt_tests")
def test_a_fast_clock_grants_as_many_of_its_own_seconds(lake: Lake) -> None:
    late = NEWEST + timedelta(minutes=10)
    assert lake.check(late).statuses["sales_are_fresh"] == "fail"
    # Two publications a minute apart, which passed for two hours.
    with connect(lake.settings.serving_path, read_only=False) as connection:
        connection.execute(
            "insert into meta.publications select as_of_ts + interval 2 hour, "
            "published_at + interval 1 minute from meta.publications order by published_at desc limit 1"
        )
    report = lake.check(late)
    assert report.statuses["sales_are_fresh"] == "pass"
    told = delta.read(lake.settings.table_uri(REPORTS)).to_pylist()
    assert [row["clock_speed"] for row in told] == [120]


@pytest.mark.usefixtures("without_dbt_tests")
def test_a_single_publication_and_the_clock_tell_how_fast_that_is(lake: Lake) -> None:
    """The first check of a new lake that lives by a fast clock finds nothing late."""
    late = NEWEST + timedelta(minutes=10)
    with connect(lake.settings.serving_path, read_only=False) as connection:
        connection.execute(
            "delete from meta.publications where published_at <> "
            "(select max(published_at) from meta.publications)"
        )
        ((as_of, published_at),) = connection.execute("from meta.publications").fetchall()
    read_at = published_at + (late - as_of) / 60
    report = run_checks(lake.settings, lake.transformer, late, "live", read_at=read_at)
    assert report.statuses["sales_are_fresh"] == "pass"
    told = delta.read(lake.settings.table_uri(REPORTS)).to_pylist()
    assert [r["clock_speed"] for r in told if r["run_id"] == "live"] == [pytest.approx(60)]


def test_a_run_done_again_replaces_its_rows_and_another_adds_its_own(lake: Lake) -> None:
    lake.check()
    first = {table: delta.read(lake.settings.table_uri(table)).num_rows for table in RUN_TABLES}
    lake.check()
    second = {table: delta.read(lake.settings.table_uri(table)).num_rows for table in RUN_TABLES}
    assert second == first
    run_checks(lake.settings, lake.transformer, AS_OF, "another")
    results = delta.read(lake.settings.table_uri(RESULTS))
    assert results.num_rows == 2 * first[RESULTS]
    keys = results.select(["run_id", "check_name", "asset", "scope"])
    assert keys.group_by(keys.column_names).aggregate([]).num_rows == results.num_rows


def test_report_says_what_a_direct_query_says(lake: Lake) -> None:
    report = lake.check()
    (told,) = delta.read(lake.settings.table_uri(REPORTS)).to_pylist()
    with connect(lake.settings.warehouse_path) as connection:
        (direct,) = connection.execute(
            "select count(*), count(distinct store_id), count(distinct item_id), "
            "count(distinct customer_id), avg(qty), avg(unit_price), "
            "sum(if(event_type = 'SALE', net, -net)), min(event_ts), max(event_ts) "
            f"from {LINES} where {LAST_HOUR} and event_ts <= timestamptz '{AS_OF}'"
        ).fetchall()
    names = (
        "total_records", "store_count", "product_count", "customer_count", "avg_quantity",
        "avg_unit_price", "total_revenue", "earliest_record", "latest_record",
    )  # fmt: skip
    assert tuple(told[name] for name in names) == direct
    assert told["total_records"] == 24
    assert told["data_freshness_seconds"] == pytest.approx((AS_OF - NEWEST).total_seconds())
    assert (told["run_ts"], told["dq_score"], told["clock_speed"]) == (AS_OF, 100, 1)
    assert (told["checks_passed"], told["checks_total"]) == (len(CHECKS), len(report.statuses))


def test_tables_and_streams_are_monitored_as_they_are(lake: Lake) -> None:
    _refuse_many(lake)
    lake.check()
    for row in delta.read(lake.settings.table_uri(TABLE_MONITORING)).to_pylist():
        uri = lake.settings.table_uri(row["table"])
        if row["table"] in RUN_TABLES:
            # As they were before this run wrote to them.
            continue
        dataset = delta.as_dataset(uri)
        files = dataset.files
        assert row["rows"] == dataset.count_rows(), row["table"]
        assert row["files"] == len(files)
        assert row["status"] == ("HAS_DATA" if row["rows"] else "EMPTY")
        assert row["partitions"] == len({Path(file).parent for file in files}), row["table"]
    streams = delta.read(lake.settings.table_uri(STREAM_QUALITY)).to_pylist()
    found = {(row["topic"], row["event_type"]): row for row in streams}
    refused = found["pos_transactions", "refused"]
    assert (refused["total"], refused["valid"], refused["empty"]) == (100, 0, 100)
    assert found["pos_transactions", "return"]["total"] == 1
    sales = found["pos_transactions", "sale"]
    raw = delta.read(lake.settings.table_uri("raw/pos_transactions"))
    assert sales["total"] == sales["valid"] == raw.num_rows - 1
    assert sales["latest_ts"] == NEWEST
    lags = pc.subtract(raw["ingest_ts"], raw["event_ts"]).cast(pa.int64()).to_pylist()
    back = raw["event_type"].to_pylist().index("return")
    mean = (sum(lags) - lags[back]) / (len(lags) - 1) / 1e6
    assert sales["avg_processing_lag_s"] == pytest.approx(mean)


def test_readers_get_what_was_found_and_the_command_fails_with_it(lake: Lake) -> None:
    lake.execute(f"delete from {LINES} where store_id = 'S2' and {LAST_HOUR}")
    command = [sys.executable, "-m", "smartshelf_dagster.cli", "quality", "--json"]
    done = subprocess.run(
        [*command, "--lake", lake.settings.lake],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "Q5 stores_report" in done.stderr
    assert "S2" in done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["statuses"]["stores_report"] == "fail"
    assert told["dq_score"] < 100
    results, columns = read_serving(
        lake.settings.serving_path,
        "select check_name from dq.results where status = 'fail'",
        "select distinct \"table\" from meta.columns where description = '' "
        "and (\"table\" like 'dq/%' or \"table\" = 'ops/job_runs')",
    )
    assert results["check_name"].to_pylist() == ["stores_report"]
    assert columns.num_rows == 0


def test_what_is_too_old_is_forgotten_and_readers_get_the_last_days(lake: Lake) -> None:
    lake.check()
    settings = lake.settings
    rows = {table: delta.read(settings.table_uri(table)) for table in RUN_TABLES}
    for days in (100, 30):
        for table, told in rows.items():
            place = told.column_names.index("run_ts")
            older = pa.array([AS_OF - timedelta(days=days)] * told.num_rows, told["run_ts"].type)
            run_id = pa.array([f"{days} days ago"] * told.num_rows, pa.string())
            dated = told.set_column(place, "run_ts", older).set_column(
                told.column_names.index("run_id"), "run_id", run_id
            )
            delta.append(delta.open_table(settings.table_uri(table)), dated, {})
    forget_quality(settings)
    for table in RUN_TABLES:
        kept = set(delta.read(settings.table_uri(table))["run_id"].to_pylist())
        assert kept == {"run", "30 days ago"}
    publish(settings, lake.transformer)
    (served,) = read_serving(settings.serving_path, "select distinct run_id from dq.results")
    assert served["run_id"].to_pylist() == ["run"]
