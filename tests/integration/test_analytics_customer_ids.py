"""With a salt, nothing that is published names a customer as tills do; all else is the same."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from smartshelf_dagster.domain.customer_ids import pseudonym
from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings, SettingsError, load_settings
from smartshelf_dagster.transform.runner import CustomerSaltError
from tests.helpers.golden import END, record_golden

pytestmark = pytest.mark.timeout(300)

SALT = "salt-of-the-tests"
CUSTOMERS = ("C1", "C2", "C3")


@pytest.fixture(scope="module")
def salted(broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SMARTSHELF_CUSTOMER_ID_SALT", SALT)
        settings, _ = record_golden(tmp_path_factory.mktemp("salted"), broker.url)
        analyse(settings, END)
    return settings


def serving(settings: Settings) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(str(settings.serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    return connection


def tables_that_say(settings: Settings, text: str) -> set[str]:
    """The served tables in which any value has the text in it."""
    with serving(settings) as file:
        tables = file.execute(
            "select distinct schema_name, table_name from duckdb_columns() "
            "where not internal and database_name <> 'system'"
        ).fetchall()
        return {
            f"{layer}/{name}"
            for layer, name in tables
            if file.execute(
                f'select count(*) from "{layer}"."{name}" as t where contains(cast(t as varchar), ?)',
                [text],
            ).fetchall()[0][0]
        }


def test_no_served_table_names_a_customer(salted: Settings, golden) -> None:
    for customer in CUSTOMERS:
        assert tables_that_say(salted, customer) == set()
        told = tables_that_say(salted, pseudonym(SALT, customer))
        assert {"analytics/fact_sales", "analytics/dim_customer", "cleansed/sales_lines"} <= told
    # The search finds them where they are.
    found = tables_that_say(golden[0], "C3")
    assert {"analytics/customer_rfm", "dq/quarantine_latest", "cleansed/sales_lines"} <= found


def test_no_delta_table_but_raw_names_a_customer(salted: Settings) -> None:
    columns = {}
    for log in Path(salted.lake).glob("*/*/_delta_log"):
        table = f"{log.parent.parent.name}/{log.parent.name}"
        rows = DeltaTable(str(log.parent)).to_pyarrow_table()
        if "customer_id" in rows.column_names:
            columns[table] = set(rows["customer_id"].to_pylist()) - {None, "ANONYMOUS"}
    assert columns.pop("raw/pos_transactions") == set(CUSTOMERS)
    everybody = {pseudonym(SALT, customer) for customer in CUSTOMERS}
    assert len(columns) > 5
    for table, told in columns.items():
        assert told <= everybody, table


def test_all_else_is_the_same(salted: Settings, golden) -> None:
    def figures(settings: Settings) -> list[list[tuple]]:
        with serving(settings) as file:
            return [
                file.execute(sql).fetchall()
                for sql in (
                    "from analytics.kpi_daily order by all",
                    (
                        "select segment, customers, revenue from analytics.rfm_segment_summary "
                        "order by all"
                    ),
                    (
                        "select count(*), sum(revenue) from analytics.fact_sales "
                        "join analytics.dim_customer using (customer_key)"
                    ),
                    (
                        "select count(distinct customer_id), count(distinct customer_key) "
                        "from analytics.fact_sales where customer_id is not null"
                    ),
                )
            ]

    assert figures(salted) == figures(golden[0])


def test_another_salt_is_refused_until_everything_is_told_anew(
    salted: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(salted.lake, tmp_path / "lake")
    monkeypatch.delenv("SMARTSHELF_CUSTOMER_ID_SALT", raising=False)
    with pytest.raises(CustomerSaltError, match="smartshelf rebuild"):
        analyse(load_settings(lake=str(tmp_path / "lake")), END)
    other = load_settings(lake=str(tmp_path / "lake"), customer_id_salt="another salt, long enough")
    with pytest.raises(CustomerSaltError, match="SMARTSHELF_CUSTOMER_ID_SALT"):
        analyse(other, END)
    told = rebuild(other)
    assert "cleansed/sales_lines" in told.by_table
    old = pseudonym(SALT, "C1")
    assert tables_that_say(other, old) == set()
    analyse(other, END)
    assert tables_that_say(other, old) == set()
    new = pseudonym("another salt, long enough", "C1")
    assert "analytics/customer_rfm" in tables_that_say(other, new)


def test_a_salt_that_is_too_short_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match=r"SMARTSHELF_CUSTOMER_ID_SALT=\(hidden\)") as refused:
        load_settings(customer_id_salt="abc")
    assert "abc" not in str(refused.value)
