"""What is known of a made-up history is what the analytics tell of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import polars as pl
import pytest

from smartshelf_dagster.domain.sales_history import MIX, hourly_rates
from smartshelf_dagster.pipeline.generate import HistoryReport
from smartshelf_dagster.settings import Settings
from tests.helpers.generated import OUTAGE, PAIR, RECIPE, SILENT, STRONG

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]


@pytest.fixture(scope="module")
def serving(
    generated_lake: tuple[Settings, HistoryReport],
) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(generated_lake[0].serving_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'; set schema = 'analytics'")
    yield connection
    connection.close()


def test_everything_arrives(generated_lake, serving) -> None:
    _, report = generated_lake
    assert (report.quarantined, report.events) == (
        0,
        report.sales + report.returns + report.restocks,
    )
    told = serving.sql(
        "select count(*), count(distinct (store_key, transaction_id)) filter (where event_type = 'SALE'), "
        "count(distinct (store_key, transaction_id)) filter (where event_type = 'RETURN') from fact_sales"
    ).fetchall()
    assert told == [(report.new_lines, report.sales, report.returns)]
    assert report.events == pytest.approx(
        report.expected_events, abs=4 * report.expected_events**0.5
    )
    assert serving.sql("select distinct source from fact_sales").fetchall() == [("backfill",)]


@pytest.mark.parametrize(
    ("dimension", "part"), [("month", "month"), ("day_of_week", "weekday"), ("hour", "hour")]
)
def test_the_factors_of_months_weekdays_and_hours_are_recovered(serving, dimension, part) -> None:
    rates = hourly_rates(RECIPE, 0).with_columns(value=getattr(pl.col("hour_start").dt, part)())
    mean = rates["expected"].mean()
    expected = dict(
        rates.group_by("value").agg(pl.col("expected").mean() / mean).sort("value").iter_rows()
    )
    told = dict(
        serving.sql(
            "select value, index from seasonal_indices where scope_type = 'all' "
            f"and metric = 'transactions' and dimension = '{dimension}' order by 1"
        ).fetchall()
    )
    assert told.keys() == expected.keys()
    assert told == pytest.approx(expected, rel=0.1)


def test_the_mix_is_recovered(serving) -> None:
    store = RECIPE.store_id(0)
    counts = dict(
        serving.sql(
            "select transaction_type, count(*) from (select distinct transaction_type, "
            "case transaction_type when 'RESTOCK' then event_id else "
            "regexp_replace(event_id, '[#/:][0-9]+$', '') end from sales_events_unified "
            f"where store_id = '{store}') group by 1"
        ).fetchall()
    )
    total = sum(counts.values())
    for kind, share in MIX.items():
        # The shelf was filled once more when the outage ended.
        assert counts[kind.upper()] / total == pytest.approx(share, abs=0.005)


def anomalies(serving: duckdb.DuckDBPyConnection, table: str, method: str) -> dict:
    rows = serving.sql(
        f"select bucket_start, direction from {table} where scope_type = 'all' and grain = 'hour' "
        f"and metric = 'transactions' and method = '{method}' and is_anomaly"
    ).fetchall()
    return dict(rows)


def test_injected_hours_are_found_and_hardly_another(serving) -> None:
    injected = dict.fromkeys(STRONG, "high") | dict.fromkeys(SILENT, "low")
    found = anomalies(serving, "nightly_anomalies", "stl_esd")
    assert injected.items() <= found.items()
    assert len(injected) / len(found) >= 0.9


def test_medians_of_eight_weeks_find_strong_hours_and_silence_in_busy_ones(serving) -> None:
    """Of ten receipts, eight weeks cannot tell silence from chance; here some twenty were due."""
    found = anomalies(serving, "sales_anomalies", "seasonal_mad")
    assert {hour for hour in STRONG if found.get(hour) == "high"} == set(STRONG)
    assert {hour: found.get(hour) for hour in SILENT[-2:]} == dict.fromkeys(SILENT[-2:], "low")


def test_a25_the_summary_counts_what_all_methods_found(serving) -> None:
    counted = serving.sql(
        "select scope_type, grain, method, count(*) from (from sales_anomalies select scope_type, "
        "grain, method, is_anomaly, days_ago union all by name from nightly_anomalies select "
        "scope_type, grain, method, is_anomaly, days_ago) where is_anomaly and days_ago between 1 "
        "and 30 group by all order by all"
    ).fetchall()
    told = serving.sql(
        "select scope_type, grain, method, sum(anomaly_count)::bigint from anomaly_summary "
        "where period = '30d' and anomaly_count > 0 group by all order by all"
    ).fetchall()
    assert told == counted
    assert {row[0] for row in told} >= {"all", "store", "category"}
    scored = {
        row[0] for row in serving.sql("select distinct scope_type from anomaly_summary").fetchall()
    }
    assert scored == {"all", "store", "category", "store_category", "item"}


def test_an_item_that_was_sold_out_is_told(serving) -> None:
    store, item = RECIPE.store_id(OUTAGE.store), RECIPE.item_id(OUTAGE.item)
    spells = serving.sql(
        "select from_ts, until_ts, minutes from stockout_spells "
        f"where store_id = '{store}' and item_id = '{item}'"
    ).fetchall()
    minutes = int((OUTAGE.end - OUTAGE.begin) / timedelta(minutes=1))
    assert spells == [(OUTAGE.begin, OUTAGE.end, minutes)]
    others = serving.sql(
        f"select count(*) from stockout_spells where item_id <> '{item}'"
    ).fetchall()
    assert others == [(0,)]
    told = serving.sql(
        "select oos_events, oos_minutes from stockout_analysis "
        f"where period = '30d' and store_id = '{store}' and item_id = '{item}'"
    ).fetchall()
    assert told == [(1, minutes)]


def test_the_injected_pair_is_the_strongest_rule(serving) -> None:
    one, other = RECIPE.item_id(PAIR.item), RECIPE.item_id(PAIR.other)
    rank, antecedent, consequent, confidence, lift = serving.sql(
        "select rank, antecedent, consequent, confidence, lift from basket_rules "
        "where period = '365d' and scope = 'ALL' order by rank limit 1"
    ).fetchall()[0]
    assert (rank, antecedent, consequent) == (1, [one], [other])
    assert confidence == pytest.approx(PAIR.probability, abs=0.05)
    assert lift > 5


def test_days_are_utc_midnights(serving) -> None:
    first = serving.sql(
        "select min(bucket_start) from nightly_anomalies where grain = 'day'"
    ).fetchall()
    assert first[0][0].astimezone(UTC).time() == datetime(2024, 1, 1, tzinfo=UTC).time()
