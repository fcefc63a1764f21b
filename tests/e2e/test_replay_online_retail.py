"""Real sales through the very same path, to the cent."""

import lzma
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from smartshelf_dagster.pipeline.audit import audit
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.replay import ReplayReport, replay_online_retail
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.transform.runner import Transformer

# The counts and sums that are known of this data set, under the rules of domain/online_retail.py.
SALES = {
    "lines": 527_758, "transactions": 19_773, "customers": 4_334, "items": 3_798,
    "units": 5_577_100, "net": Decimal("10271433.06"),
}  # fmt: skip
RETURNS = {"lines": 8_704, "transactions": 3_422, "units": 272_030, "net": Decimal("478724.18")}
MONTHS = {
    "2010-12": "777931.77", "2011-01": "671933.19", "2011-02": "508886.20", "2011-03": "691257.61",
    "2011-04": "516218.12", "2011-05": "741192.41", "2011-06": "738751.87", "2011-07": "689364.41",
    "2011-08": "725513.50", "2011-09": "1030475.36", "2011-10": "1106669.82",
    "2011-11": "1457745.53", "2011-12": "615493.27",
}  # fmt: skip
WEEKDAYS = {1: 3_076, 2: 3_509, 3: 3_667, 4: 4_209, 5: 3_109, 7: 2_203}


@pytest.fixture(scope="module")
def replayed(
    online_retail_replay: tuple[LakeSession, ReplayReport, Path], shared_data: Path
) -> tuple[Settings, list[ReplayReport], list[pl.DataFrame]]:
    """The whole data set, twice in a row: reports and published sales lines after each."""
    session, first, _ = online_retail_replay

    def lines() -> pl.DataFrame:
        table = delta.read(session.settings.table_uri("cleansed/sales_lines"))
        return pl.DataFrame(pl.from_arrow(table))

    once = lines()
    file = shared_data / "online_retail" / "online_retail.parquet"
    second = replay_online_retail(session, file)
    return session.settings, [first, second], [once, lines()]


def measure(lines: pl.DataFrame, event_type: str) -> dict[str, object]:
    chosen = lines.filter(pl.col("is_merchandise") & (pl.col("event_type") == event_type))
    return {
        "lines": chosen.height,
        "transactions": chosen["transaction_id"].n_unique(),
        "customers": chosen["customer_id"].drop_nulls().n_unique(),
        "items": chosen["item_id"].n_unique(),
        "units": chosen["qty"].cast(pl.Int64).sum(),
        "net": chosen["net"].sum(),
    }


@pytest.mark.timeout(300)
def test_replay_every_row_arrives_as_what_it_is(replayed) -> None:
    report = replayed[1][0]
    assert (report.rows, report.sales, report.returns) == (541_909, 530_103, 9_288)
    assert (report.adjustments, report.quarantined) == (2_518, 0)


@pytest.mark.timeout(300)
def test_replay_merchandise_counts_and_money_are_exact(replayed) -> None:
    lines = replayed[2][0]
    assert measure(lines, "SALE") == SALES
    returns = measure(lines, "RETURN")
    assert {name: returns[name] for name in RETURNS} == RETURNS


@pytest.mark.timeout(300)
def test_replay_months_and_weekdays_follow_the_local_calendar(replayed) -> None:
    sales = replayed[2][0].filter(pl.col("is_merchandise") & (pl.col("event_type") == "SALE"))
    months = sales.group_by(pl.col("business_date").dt.strftime("%Y-%m")).agg(pl.col("net").sum())
    assert dict(months.iter_rows()) == {month: Decimal(net) for month, net in MONTHS.items()}
    days = sales.group_by("day_of_week").agg(pl.col("transaction_id").n_unique())
    assert dict(days.iter_rows()) == WEEKDAYS


@pytest.mark.timeout(300)
def test_replay_twice_changes_nothing_but_the_count_of_duplicates(replayed) -> None:
    settings, reports, tables = replayed
    assert reports[0].to_json() | {"wall_s": 0, "events_per_s": 0} == (
        reports[1].to_json() | {"wall_s": 0, "events_per_s": 0}
    )
    assert tables[0].equals(tables[1])
    report = audit(settings)
    assert report.clean, report.details
    assert (report.events, report.duplicates) == (2 * 541_909, 541_909)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("suffix", ["csv", "csv.xz"])
def test_replay_text_files_give_the_same_events_as_parquet(
    session: LakeSession, shared_data: Path, tmp_path: Path, suffix: str
) -> None:
    rows = pl.read_parquet(shared_data / "online_retail" / "online_retail.parquet").head(500)
    parquet, text = tmp_path / "some.parquet", tmp_path / f"some.{suffix}"
    rows.write_parquet(parquet)
    content = rows.write_csv(datetime_format="%Y-%m-%d %H:%M:%S").encode()
    text.write_bytes(lzma.compress(content) if suffix.endswith("xz") else content)
    first = replay_online_retail(session, parquet)
    second = replay_online_retail(session, text)
    assert (first.sales, first.returns, first.adjustments) == (
        second.sales, second.returns, second.adjustments,
    )  # fmt: skip
    raw = delta.read(session.settings.table_uri("raw/pos_transactions"), ["event_id"])
    assert raw.num_rows == 1_000
    assert len(set(raw["event_id"].to_pylist())) == 500


def test_replay_at_a_speed_keeps_the_recorded_distances(
    session: LakeSession, shared_data: Path, tmp_path: Path
) -> None:
    """25 minutes of one morning, at 600 recorded seconds a second: at least two seconds."""
    rows = pl.read_parquet(shared_data / "online_retail" / "online_retail.parquet").head(60)
    minutes = (rows["InvoiceDate"].max() - rows["InvoiceDate"].min()).total_seconds() / 60
    file = tmp_path / "some.parquet"
    rows.write_parquet(file)
    session.build(session.as_of())
    report = replay_online_retail(session, file, speed=600)
    assert report.rows == 60
    assert minutes > 5
    assert report.wall_s >= minutes * 60 / 600


@pytest.mark.timeout(300)
def test_replay_unusual_sales_are_those_that_are_known(replayed, tmp_path: Path) -> None:
    """334 lines above 1000; two giant orders; a price that never changed is never unusual."""
    settings, _, tables = replayed
    shutil.copytree(settings.lake, tmp_path / "lake")
    transformer = Transformer(load_settings(lake=str(tmp_path / "lake")))
    as_of = datetime(2011, 12, 10, tzinfo=UTC)
    transformer.prepare(as_of)
    transformer.build("sale_references sale_alerts", as_of, variables={"sale_alert_hours": 9_600})
    with transformer.reading() as reader:
        alerts = pl.DataFrame(pl.from_arrow(reader.rows("live/sale_alerts")))
    high = alerts.filter(pl.col("severity") == "HIGH")
    assert set(high["alert_type"]) == {"HIGH_VALUE_SALE"}
    assert high.height == 334
    giant = high.sort("qty").tail(2).select("transaction_id", "item_id", "qty").rows()
    assert giant == [("541431", "23166", 74_215), ("581483", "23843", 80_995)]
    sales = tables[0].filter(pl.col("is_merchandise") & (pl.col("event_type") == "SALE"))
    constant = sales.group_by("item_id").agg(prices=pl.col("unit_price").n_unique())
    constant = constant.filter(pl.col("prices") == 1)
    priced = alerts.filter(pl.col("alert_type") == "PRICE_ANOMALY")
    assert constant.height > 100
    assert priced.join(constant, on="item_id", how="semi").is_empty()
