"""Windows, figures of the minute and unusual sales: what is known of them, to the cent."""

import random
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from smartshelf_dagster.pipeline import publish as publishing
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.pipeline.rebuild import rebuild
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import Client
from smartshelf_dagster.streaming.producer import send_batches
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY
from smartshelf_dagster.transform.runner import TICK, Transformer, ensure_manifest
from tests.helpers.events import SHELF, cloud_event, encode, sale
from tests.helpers.golden import END
from tests.helpers.world import Recording

STOCK_WINDOWS = "inventory_window_10m inventory_status_10m stock_dynamics_30m"
# As far back as the golden days go.
WEEK = dict.fromkeys(("live_pane_hours", "live_window_hours", "stock_window_hours"), 168)
Tables = Callable[[str], pl.DataFrame]


def built(settings: Settings, as_of: datetime, variables: dict[str, int]) -> Tables:
    """Build everything that is live for a time; returns what reads the tables."""
    transformer = Transformer(settings)
    transformer.prepare(as_of)
    transformer.build(f"{TICK} {STOCK_WINDOWS}", as_of, variables=variables)
    return tables_of(transformer)


def tables_of(transformer: Transformer) -> Tables:
    def table(name: str) -> pl.DataFrame:
        with transformer.reading() as reader:
            return pl.DataFrame(pl.from_arrow(reader.rows(name)))

    return table


@pytest.fixture(scope="module")
def golden_copy(
    golden: tuple[Settings, DrainReport], tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    lake = tmp_path_factory.mktemp("live") / "lake"
    shutil.copytree(golden[0].lake, lake)
    return load_settings(lake=str(lake))


@pytest.fixture(scope="module")
def week(golden_copy: Settings) -> Tables:
    """The golden days, all of whose windows are kept."""
    return built(golden_copy, END, WEEK)


@pytest.fixture(scope="module")
def morning(recorded: Recording, tmp_path_factory: pytest.TempPathFactory) -> Tables:
    """A noisy morning, with its windows of stock."""
    lake = tmp_path_factory.mktemp("morning") / "lake"
    shutil.copytree(recorded.settings.lake, lake)
    return built(load_settings(lake=str(lake)), recorded.now, {})


def tumbling(windows: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """Return the windows that do not overlap."""
    return windows.filter(pl.col("window_end").dt.minute() % minutes == 0)


def test_a_sale_stands_in_five_windows_and_in_one_minute(week: Tables) -> None:
    windows, panes = week("live/sales_window_5m"), week("live/sales_pane_1m")
    mine = (pl.col("store_id") == "S1") & (pl.col("item_id") == "P1")
    chosen = windows.filter(mine).sort("window_start")
    day = datetime(2025, 3, 3, 10, tzinfo=UTC)
    starts = [day + timedelta(minutes=m) for m in (*range(1, 6), *range(36, 41))]
    assert chosen["window_start"].to_list() == starts
    assert chosen["total_revenue"].to_list() == [Decimal("20.00")] * 5 + [Decimal("10.00")] * 5
    assert panes.filter(mine).sort("pane_start")["revenue"].to_list() == [
        Decimal("20.00"),
        Decimal("10.00"),
    ]
    assert set(windows["revision"]) == {0}


def test_a04_only_windows_that_do_not_overlap_add_up(week: Tables) -> None:
    windows, panes = week("live/sales_window_5m"), week("live/sales_pane_1m")
    assert panes["revenue"].sum() == Decimal("84.80")
    assert windows["total_revenue"].sum() == 5 * panes["revenue"].sum()
    assert tumbling(windows, 5)["total_revenue"].sum() == panes["revenue"].sum()
    stock = week("live/inventory_window_10m")
    steps = tumbling(stock, 10)["total_quantity_change"].sum()
    assert (steps, stock["total_quantity_change"].sum()) == (6, 5 * 6)


def test_prices_of_a_window_are_weighed_by_pieces(settings: Settings, client: Client) -> None:
    session = LakeSession(settings, client)
    lines = [
        {"line_no": 1, "item_id": SHELF, "quantity": 9, "unit_price": 1.0, "discount": 0},
        {"line_no": 2, "item_id": SHELF, "quantity": 1, "unit_price": 2.0, "discount": 0},
    ]
    feed(session, client, [sale("two", "2026-01-01T07:20:00Z", items=lines)])
    row = live(session, "live/sales_window_5m").row(0, named=True)
    assert (row["total_quantity"], row["line_count"], row["transaction_count"]) == (10, 2, 1)
    assert row["avg_unit_price"] == pytest.approx(1.1)
    assert row["simple_avg_price"] == pytest.approx(1.5)


def live(session: LakeSession, table: str) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(session.settings.table_uri(table))))


def feed(
    session: LakeSession,
    client: Client,
    events: Iterable[dict[str, object]],
    now: str = "2026-01-01T10:00:00Z",
) -> None:
    """Let sales come in, one entry each, and the system take its turn."""
    client.set(SIM_NOW_KEY, now)
    for event in events:
        send_batches(client, "pos_transactions:S001", [encode(event)], 1)
    session.turn()


def at(minute: int, second: int = 0) -> str:
    return f"2026-01-01T{8 + minute // 60:02}:{minute % 60:02}:{second:02}Z"


def test_order_of_arrival_within_the_watermark_changes_nothing(
    lake_template: Path, client: Client, tmp_path: Path
) -> None:
    events = [sale(f"s{n}", at(n // 3, 20 * (n % 3))) for n in range(30)]
    found = []
    for name in ("ordered", "shuffled"):
        shutil.copytree(lake_template, tmp_path / name)
        session = LakeSession(load_settings(lake=str(tmp_path / name)), client)
        client.flushall()
        mixed = list(events)
        if name == "shuffled":
            # Nothing is overtaken by more than a minute.
            chance = random.Random(1)
            for start in range(0, 30, 3):
                part = mixed[start : start + 3]
                chance.shuffle(part)
                mixed[start : start + 3] = part
            assert mixed != events
        feed(session, client, mixed[:17])
        feed(session, client, mixed[17:])
        found.append(live(session, "live/sales_window_5m"))
    assert_frame_equal(*found, check_row_order=False)
    assert set(found[0]["revision"]) == {0}
    assert set(found[0]["status"]) == {"final", "provisional"}


def test_late_sales_count_again_or_only_as_late(session: LakeSession, client: Client) -> None:
    """59 seconds late counts; ten minutes late revises; 61 minutes late is only told of."""
    feed(session, client, [sale("new", at(75)), sale("a-bit", at(74, 1))])
    first = live(session, "live/sales_window_5m")
    assert (first["line_count"].sum(), first["revision"].sum(), first["late_lines"].sum()) == (
        10,
        0,
        0,
    )
    feed(session, client, [sale("late", at(65)), sale("too-late", at(14))])
    windows, panes = live(session, "live/sales_window_5m"), live(session, "live/sales_pane_1m")
    by_start = {row["window_start"]: row for row in windows.iter_rows(named=True)}
    late = [by_start[datetime(2026, 1, 1, 9, minute, tzinfo=UTC)] for minute in range(1, 6)]
    assert [(w["line_count"], w["revision"], w["status"]) for w in late] == [(1, 1, "final")] * 5
    lost = [by_start[datetime(2026, 1, 1, 8, minute, tzinfo=UTC)] for minute in range(10, 15)]
    assert [(w["line_count"], w["late_lines"], w["revision"]) for w in lost] == [(0, 1, 0)] * 5
    assert (panes["lines"].sum(), panes["late_lines"].sum()) == (3, 1)
    assert live(session, "cleansed/sales_lines").height == 4
    assert rebuild(session.settings).differences == 0


def test_a06_a_window_has_one_row_however_often_it_is_told(
    session: LakeSession, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        feed(session, client, [sale(f"s{number}", at(60, number))])
    windows = live(session, "live/sales_window_5m")
    assert windows["line_count"].to_list() == [4] * 5
    assert windows.select("window_start", "store_id", "item_id").is_unique().all()

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no room")

    # What cannot be written does not pass for written.
    monkeypatch.setattr(publishing.delta, "replace", refuse)
    with pytest.raises(OSError, match="no room"):
        feed(session, client, [sale("last", at(61))])


def test_a07_alerts_and_windows_are_tables_of_their_own_with_known_types(week: Tables) -> None:
    nodes = ensure_manifest()["nodes"]
    for name in ("alerts", "sale_alerts", "sales_window_5m", "inventory_window_10m"):
        node = nodes[f"model.smartshelf.{name}"]
        assert node["config"]["materialized"] == "table"
        assert node["config"]["contract"]["enforced"]
    known = {
        value
        for node in nodes.values()
        if node["resource_type"] == "test"
        and node["test_metadata"]["name"] == "accepted_values"
        and node["attached_node"] == "model.smartshelf.sale_alerts"
        and node["column_name"] == "alert_type"
        for value in node["test_metadata"]["kwargs"]["values"]
    }
    assert known == {"HIGH_VALUE_SALE", "PRICE_ANOMALY", "DISCOUNT_ANOMALY"}
    assert set(week("live/sale_alerts")["alert_type"]) <= known
    assert not known & set(week("ops/alerts")["alert_type"])


def test_stock_of_a_window_is_what_there_is_at_its_end(morning: Tables) -> None:
    windows, levels = morning("live/inventory_window_10m"), morning("cleansed/stock_levels")
    assert windows.height > 1000
    assert windows.filter(
        (pl.col("min_observed_stock") > pl.col("latest_stock"))
        | (pl.col("latest_stock") > pl.col("max_observed_stock"))
    ).is_empty()
    keys = ["store_id", "item_id", "location"]
    at_end = windows.with_columns(before=pl.col("window_end") - timedelta(microseconds=1)).sort(
        "before"
    )
    joined = at_end.join_asof(
        levels.select(*keys, "event_ts", "stock").sort("event_ts"),
        left_on="before",
        right_on="event_ts",
        by=keys,
    )
    assert joined["latest_stock"].equals(joined["stock"])


def test_changes_of_windows_that_do_not_overlap_lead_from_opening_to_closing(
    morning: Tables,
) -> None:
    keys = ["store_id", "item_id", "location"]
    windows, levels = morning("live/inventory_window_10m"), morning("cleansed/stock_levels")
    closing = levels.filter("is_latest").select(*keys, "stock")
    # All of it happened within the windows, and before it there was nothing.
    changed = tumbling(windows, 10).group_by(keys).agg(pl.col("total_quantity_change").sum())
    both = changed.join(closing, on=keys)
    assert both.height == closing.height
    assert both["total_quantity_change"].equals(both["stock"])


def test_places_where_nothing_moves_keep_their_status(morning: Tables, recorded: Recording) -> None:
    counts, levels = morning("live/inventory_status_10m"), morning("cleansed/stock_levels")
    for end in (recorded.now - timedelta(hours=h) for h in (0, 1, 3)):
        row = counts.filter((pl.col("window_end") <= end) & (pl.col("location") == "shelf"))
        row = row.sort("window_end").row(-1, named=True)
        known = levels.filter(
            (pl.col("event_ts") < row["window_end"]) & (pl.col("location") == "shelf")
        )
        last = known.sort("event_ts").group_by("store_id", "item_id").last()
        out = last.filter(pl.col("stock") <= 0).height
        low = last.filter(
            (pl.col("stock") > 0) & (pl.col("stock") < pl.col("low_below_qty"))
        ).height
        assert (row["out_of_stock"], row["low_stock"]) == (out, low)
        assert row["in_stock"] == row["places"] - out - low


def test_stock_on_a_shelf_is_weighed_by_time(week: Tables) -> None:
    rows = week("live/stock_dynamics_30m").filter(
        pl.col("window_start") == datetime(2025, 3, 3, 10, tzinfo=UTC)
    )
    row = rows.row(0, named=True)
    # Three pieces for five minutes, one for twenty-five.
    assert row["avg_stock_level"] == pytest.approx((3 * 5 + 1 * 25) / 30)
    assert row["stock_volatility"] == pytest.approx((((9 * 5 + 25) / 30) - (40 / 30) ** 2) ** 0.5)
    assert row["low_stock_pct"] == 100
    assert (row["units_sold"], row["stock_updates"]) == (2, 1)
    assert row["instant_turns"] == pytest.approx(2 / (40 / 30))


def test_mean_stock_lies_between_the_least_and_the_most(morning: Tables) -> None:
    dynamics, levels = morning("live/stock_dynamics_30m"), morning("cleansed/stock_levels")
    extremes = levels.filter(pl.col("location") == "shelf").group_by("store_id", "item_id")
    both = dynamics.join(extremes.agg(most=pl.col("stock").max()), on=["store_id", "item_id"])
    assert both.height == dynamics.height > 1000
    assert both.filter(
        (pl.col("avg_stock_level") > pl.col("most")) | (pl.col("avg_stock_level") < 0)
    ).is_empty()
    assert dynamics.filter(~pl.col("low_stock_pct").is_between(0, 100)).is_empty()


@pytest.mark.parametrize("time", ["10:41:00", "18:15:30"])
def test_figures_of_the_minute_agree_with_the_panes_and_with_the_day(
    golden: tuple[Settings, DrainReport], tmp_path: Path, time: str
) -> None:
    shutil.copytree(golden[0].lake, tmp_path / "lake")
    as_of = datetime.fromisoformat(f"2025-03-03T{time}+00:00")
    table = built(load_settings(lake=str(tmp_path / "lake")), as_of, {})
    kpis = {row["store_id"]: row for row in table("live/live_kpis").iter_rows(named=True)}
    panes = table("live/sales_pane_1m").filter(
        (pl.col("pane_start") > as_of - timedelta(hours=1)) & (pl.col("pane_start") <= as_of)
    )
    assert kpis["ALL"]["revenue_1h"] == panes["revenue"].sum()
    for row in kpis.values():
        receipts = row["transactions_1h"]
        assert row["atv_1h"] == (float(row["revenue_1h"]) / receipts if receipts else None)
    with duckdb.connect(str(golden[0].serving_path), read_only=True) as serving:
        days = serving.sql(
            "select store_id, sales_revenue, transactions from analytics.daily_store_sales "
            "where date_key = '2025-03-03'"
        ).fetchall()
    assert len(days) == 3
    for store, revenue, transactions in days:
        assert kpis[store]["revenue_today"] == revenue
        assert kpis[store]["transactions_today"] == transactions
    assert kpis["ALL"]["units_today"] == kpis["S1"]["units_today"] + kpis["S2"]["units_today"]


def test_events_are_as_many_and_as_new_as_the_raw_table_says(
    golden: tuple[Settings, DrainReport], week: Tables
) -> None:
    raw = pl.DataFrame(pl.from_arrow(delta.read(golden[0].table_uri("raw/pos_transactions"))))
    row = week("live/live_kpis").filter(pl.col("store_id") == "ALL").row(0, named=True)
    assert row["total_events"] == raw["event_id"].n_unique() == 6
    assert row["latest_event_ts"] == raw["event_ts"].max()
    assert row["latest_ingest_ts"] == raw["ingest_ts"].max()


def test_newest_events_are_the_newest_of_each_store_and_of_all(week: Tables) -> None:
    events = week("live/latest_events").sort("scope_id", "number")
    assert events.group_by("scope_id", maintain_order=True).len().rows() == [
        ("ALL", 5), ("S1", 5), ("S2", 3),
    ]  # fmt: skip
    newest = events.filter((pl.col("scope_id") == "ALL") & (pl.col("number") <= 2))
    assert set(newest["event_id"]) == {"receipt-T6#1", "receipt-T6#2"}
    assert events.filter(pl.col("scope_id") == "S1")["event_type"][0] == "SHELF_IN"


def test_countries_of_the_day_share_all_of_it(session: LakeSession, client: Client) -> None:
    events = [
        sale("home", at(1)),
        sale("abroad", at(2), country="France"),
        cloud_event("pos.return", "back", at(3), transaction_id="T-back", original_transaction_id="T-home",
                    items=[{"line_no": 1, "item_id": SHELF, "quantity": 1, "unit_price": 2.5, "discount": 0}]),
    ]  # fmt: skip
    feed(session, client, events)
    rows = live(session, "live/live_country").sort("country")
    assert rows.select("country", "transactions", "share_pct").rows() == [
        ("France", 1, 50.0), ("Italy", 1, 50.0),
    ]  # fmt: skip


def test_status_of_the_system_is_published(golden: tuple[Settings, DrainReport]) -> None:
    with duckdb.connect(str(golden[0].serving_path), read_only=True) as serving:
        rows = dict(serving.sql("select component, status from live.system_status").fetchall())
        newest, events = serving.sql(
            "select max(last_event_ts), sum(rows) from live.stream_status"
        ).fetchall()[0]
        (message,) = serving.sql(
            "select message from live.system_status where component = 'raw'"
        ).fetchall()[0]
    # The golden days were drained when they were over.
    assert rows == {
        "raw": "ok", "cleansed": "ok", "analytics": "ok", "stream": "fail", "serving": "ok",
        "model": "off", "disk": rows["disk"],
    }  # fmt: skip
    assert message.startswith(
        f"{events:,} events, the newest of {newest.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    )
