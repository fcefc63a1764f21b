"""Checks of data quality: green on a lake in which nothing is wrong, and red one by one."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from smartshelf_dagster.domain.quality import CHECKS
from smartshelf_dagster.pipeline.analytics import VERSIONS
from smartshelf_dagster.pipeline.publish import publish
from smartshelf_dagster.pipeline.quality import QualityReport, check_lake, run_checks
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import connect, read_serving
from smartshelf_dagster.transform.runner import TICK, Transformer
from tests.helpers.quality import AS_OF, NEWEST, record_healthy

RED = {"warn", "fail"}


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
def shared(broker: EmbeddedRedis, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    folder = tmp_path_factory.mktemp("quality")
    settings = record_healthy(folder, broker.url)
    shutil.copytree(settings.lake, folder / "template")
    transformer = Transformer(settings)
    transformer.prepare(AS_OF)
    return Lake(settings, transformer, folder / "template")


@pytest.fixture
def lake(shared: Lake) -> Iterator[Lake]:
    yield shared
    shared.mend()


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
        "update analytics.fact_inventory set unreconciled_qty = 100 where date_key = '2025-04-06'")),
    ("returns_were_sold", "somebody returns what somebody else bought", sql(
        f"update {FACTS} set customer_id = 'C9' || item_id where sgn = -1")),
    ("windows_have_a_length", "a window ends as it begins", sql(
        "update live.sales_window_5m set window_end = window_start")),
    ("nothing_is_in_the_future", "the clock of a till is shifted", sql(
        f"update {LINES} set event_ts = ingest_ts + interval 6 minute where {ONE_LINE}")),
    ("values_are_known", "a type that no list has", sql(
        f"update {LINES} set event_type = 'GIFT' where {ONE_LINE}")),
    ("raw_is_reconciled", "a file is written twice", _repeat_a_file),
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


@pytest.mark.parametrize(("name", "story", "break_it"), FAULTS, ids=[f"{n}: {s}" for n, s, _ in FAULTS])
def test_a_fault_turns_its_check_red_and_no_other(
    lake: Lake, name: str, story: str, break_it: Callable[[Lake], None]
) -> None:
    break_it(lake)
    report = lake.check()
    assert red(report) == {name}
    assert (report.score == 100) == (report.statuses[name] == "warn")
