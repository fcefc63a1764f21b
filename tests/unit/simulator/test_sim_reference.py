"""The reference data: measured sizes and means, rules of the catalogue, contracts."""

from datetime import date, timedelta
from pathlib import Path

import fastjsonschema
import numpy as np
import orjson
import polars as pl
import pytest
from sim_contracts import inlined
from sim_support import SEED, START

from simulator.clock import parse_instant
from simulator.contracts import table_schema
from simulator.errors import SimulatorError
from simulator.parameters import load_parameters
from simulator.paths import CONTRACTS_DIR, PARAMETERS_FILE, SUBCATEGORIES_FILE
from simulator.reference import bootstrap

TABLES = ("stores", "items", "store_items", "stock_policies", "weekly_discounts", "zones")
START_DAY = date(2026, 1, 1)


def read(folder: Path, table: str, store_id: str | None = None) -> pl.DataFrame:
    frame = pl.read_parquet(folder / f"{table}.parquet")
    frame = frame.with_columns(pl.selectors.decimal().cast(pl.Float64))
    return frame if store_id is None else frame.filter(pl.col("store_id") == store_id)


@pytest.fixture(scope="module", params=[SEED, 1, 2])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Worlds of several seeds: the targets hold for any, not for a lucky one."""
    path = tmp_path_factory.mktemp("seed") / "reference"
    bootstrap(path, stores=2, seed=request.param, start_ms=parse_instant(START))
    return path


@pytest.mark.parametrize("table", TABLES)
def test_tables_have_exactly_the_columns_and_types_of_their_contracts(reference_dir, table):
    frame = pl.read_parquet(reference_dir / f"{table}.parquet")
    contract = orjson.loads((CONTRACTS_DIR / "reference" / f"{table}.v1.json").read_bytes())
    assert frame.columns == list(contract["properties"])
    assert frame.schema == table_schema(table)
    assert not frame.select(pl.struct(contract["x-grain"]).is_duplicated().any()).item()


@pytest.mark.parametrize("table", TABLES)
def test_rows_satisfy_their_contracts(reference_dir, table):
    contract = inlined(CONTRACTS_DIR / "reference" / f"{table}.v1.json")
    validate = fastjsonschema.compile(contract)
    frame = read(reference_dir, table).with_columns(
        pl.selectors.datetime().dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pl.selectors.date().dt.strftime("%Y-%m-%d"),
    )
    for row in frame.head(2500).iter_rows(named=True):
        validate({name: value for name, value in row.items() if value is not None})


def test_row_counts(folder):
    assert len(read(folder, "items")) == 1142
    assert len(read(folder, "store_items", "S001")) == 1142
    assert len(read(folder, "weekly_discounts")) == 9360
    assert len(read(folder, "zones")) == 29
    assert len(read(folder, "stores")) == 2


def test_means_of_the_items_are_those_measured(folder):
    items = read(folder, "items")
    assert items["list_price"].mean() == pytest.approx(5.5815, rel=0.03)
    assert items["unit_weight_g"].mean() == pytest.approx(533.14, rel=0.03)
    assert items["batch_size"].mean() == pytest.approx(35.78, rel=0.03)
    assert items["aisle"].mean() == pytest.approx(13.1427, abs=0.0001)
    assert items["is_perishable"].sum() == 181


@pytest.mark.parametrize("store_id", ["S001", "S002"])
def test_means_of_a_store_are_those_measured(folder, store_id):
    layout = read(folder, "store_items", store_id)
    assert layout["shelf_capacity"].mean() == pytest.approx(48.13, rel=0.03)
    assert layout["warehouse_capacity"].mean() == pytest.approx(306.23, rel=0.03)
    assert layout["visibility"].mean() == pytest.approx(0.1236, rel=0.03)
    assert layout["visibility"].is_between(0.05, 0.20).all()

    lots = read(folder, "opening_lots", store_id)
    by_place = lots.group_by("location").agg(pl.col("quantity").sum(), pl.len())
    totals = {place: (units, count) for place, units, count in by_place.iter_rows()}
    assert totals["shelf"][0] / 1142 == pytest.approx(38.852, rel=0.03)
    assert totals["warehouse"][0] / 1142 == pytest.approx(70.134, rel=0.03)
    assert totals["shelf"][1] == pytest.approx(1830, rel=0.05)
    assert totals["warehouse"][1] == pytest.approx(2250, rel=0.05)
    assert totals["shelf"][0] / totals["shelf"][1] == pytest.approx(24.25, rel=0.03)
    assert totals["warehouse"][0] / totals["warehouse"][1] == pytest.approx(35.60, rel=0.03)


def test_fill_of_the_shelves_is_that_measured(folder):
    fill = stock_by_item(folder, "shelf").with_columns(
        fill=pl.col("quantity") / pl.col("shelf_capacity")
    )
    means = dict(fill.group_by("is_perishable").agg(pl.col("fill").mean()).iter_rows())
    assert means[False] == pytest.approx(0.839, rel=0.03)
    assert means[True] == pytest.approx(0.626, rel=0.03)
    assert (fill["quantity"] <= fill["shelf_capacity"]).all()


def stock_by_item(folder: Path, location: str) -> pl.DataFrame:
    """Items of the first store with capacities and stock at a location."""
    stock = (
        read(folder, "opening_lots", "S001")
        .filter(pl.col("location") == location)
        .group_by(pl.col("shelf_id").alias("item_id"))
        .agg(pl.col("quantity").sum(), pl.len().alias("lots"))
    )
    return (
        read(folder, "items")
        .join(read(folder, "store_items", "S001"), on="item_id")
        .join(stock, on="item_id")
    )


def test_ids_are_two_prefixes_and_a_running_number(folder):
    ids = read(folder, "items")["item_id"].to_list()
    assert [ids[0], ids[132], ids[1137]] == ["BEVWAT0001", "WINWHI0133", "FISSHE1138"]
    assert [int(name[6:]) for name in ids] == list(range(1, 1143))


def test_items_stay_within_the_ranges_of_their_subcategory(folder):
    ranges = pl.read_csv(SUBCATEGORIES_FILE, schema_overrides={"weight_options_g": pl.String()})
    items = read(folder, "items").join(ranges, on=["category", "subcategory", "aisle"])
    assert len(items) == 1142
    assert (items["list_price"] >= items["price_lo"]).all()
    assert (items["list_price"] <= items["price_hi"]).all()
    for options, low, high, weight in items.select(
        "weight_options_g", "weight_lo_g", "weight_hi_g", "unit_weight_g"
    ).iter_rows():
        if options:
            assert str(weight) in options.split(";")
        else:
            assert low <= weight < high


@pytest.mark.parametrize(
    ("category", "perishable", "weight", "sizes"),
    [
        ("BEVERAGES", False, 2000, (18, 24, 30, 36, 42, 48, 60)),
        ("FRUITS AND VEGETABLES", True, 80, (20, 25, 30, 35, 40)),
        ("FRUITS AND VEGETABLES", True, 81, tuple(range(8, 19))),
        ("FRUITS AND VEGETABLES", True, 301, (8, 9, 10, 11, 12)),
        ("MEAT", True, 300, (15, 20, 25, 30, 35, 40)),
        ("MEAT", True, 301, (8, 10, 11, 12, 14, 15, 16, 18, 20)),
        ("FISH", True, 1500, (8, 10, 11, 12, 14, 15)),
        ("FISH", True, 1501, (5, 6, 8, 10, 12)),
        ("SPICES", False, 200, tuple(range(20, 81, 5))),
        ("SPICES", False, 201, tuple(range(20, 61, 5))),
        ("SAUCES", False, 1000, (15, 20, 25, 30, 35, 40)),
        ("SAUCES", False, 2000, (10, 15, 20, 25, 30)),
        ("PET PRODUCTS", False, 5000, (5, 10, 15, 20)),
    ],
)
def test_the_first_batch_rule_that_matches_decides(category, perishable, weight, sizes):
    rules = load_parameters(PARAMETERS_FILE).catalogue.batch_rules
    first = next(rule for rule in rules if rule.matches(category, weight, perishable=perishable))
    assert first.sizes == sizes


def test_items_come_in_a_batch_size_of_their_rule(folder):
    rules = load_parameters(PARAMETERS_FILE).catalogue.batch_rules
    for category, weight, perishable, size in (
        read(folder, "items")
        .select("category", "unit_weight_g", "is_perishable", "batch_size")
        .iter_rows()
    ):
        rule = next(r for r in rules if r.matches(category, weight, perishable=perishable))
        assert size in rule.sizes


def test_capacities_follow_the_rules(folder):
    ranges = pl.read_csv(SUBCATEGORIES_FILE, schema_overrides={"weight_options_g": pl.String()})
    rows = stock_by_item(folder, "warehouse").join(ranges, on=["category", "subcategory", "aisle"])
    batch, shelf = rows["batch_size"].to_numpy(), rows["shelf_capacity"].to_numpy()
    warehouse = rows["warehouse_capacity"].to_numpy()
    top = np.ceil(np.round(rows["store_capacity_hi"].to_numpy() * 1.3, 6)) - 1
    assert (shelf >= np.maximum(rows["store_capacity_lo"].to_numpy(), batch)).all()
    assert (shelf <= np.maximum(top, batch)).all()
    assert shelf.max() > rows["store_capacity_hi"].max()  # the factor is applied

    assert (warehouse % batch == 0).all()
    assert (warehouse >= 2 * batch).all()
    as_shelf = rows["warehouse_capacity_lo"].is_null().to_numpy()
    assert as_shelf.sum() == 124
    expected = -(-np.maximum(shelf, 2 * batch) // batch) * batch
    assert (warehouse[as_shelf] == expected[as_shelf]).all()

    stock = rows["quantity"].to_numpy()
    assert (stock % batch == 0).all()
    assert (stock <= warehouse).all()
    assert (stock >= np.floor(0.05 * warehouse)).all()
    assert rows["lots"].to_list() == (stock // batch).tolist()
    assert set(rows["lots"]) >= {1, 2, 3}


def test_lots_are_full_batches_and_one_rest_that_is_newest(folder):
    lots = read(folder, "opening_lots", "S001").join(
        read(folder, "items"), left_on="shelf_id", right_on="item_id", maintain_order="left"
    )
    for _, item_lots in lots.group_by("location", "shelf_id", maintain_order=True):
        quantities, size = item_lots["quantity"].to_list(), item_lots["batch_size"][0]
        assert all(quantity == size for quantity in quantities[:-1])
        assert 1 <= quantities[-1] <= size


def test_d05_dates_of_lots_follow_the_start(folder):
    lots = read(folder, "opening_lots", "S001").join(
        read(folder, "items"), left_on="shelf_id", right_on="item_id", maintain_order="left"
    )
    lots = lots.with_columns(
        index=pl.int_range(pl.len()).over("location", "shelf_id"),
        count=pl.len().over("location", "shelf_id"),
        life=(pl.col("expiry_date") - START_DAY).dt.total_days(),
        age=(pl.lit(START_DAY) - pl.col("received_date")).dt.total_days(),
    )
    fresh, other = lots.filter("is_perishable"), lots.filter(~pl.col("is_perishable"))
    assert (fresh["life"] >= (fresh["index"] + 2).clip(upper_bound=15)).all()
    assert fresh["life"].max() == 15
    for place, fresh_days, other_days in (("shelf", 9.4, 586), ("warehouse", 8.9, 615)):
        in_place = pl.col("location") == place
        assert fresh.filter(in_place)["life"].mean() == pytest.approx(fresh_days, rel=0.03)
        assert other.filter(in_place)["life"].mean() == pytest.approx(other_days, rel=0.03)
    assert (other["life"] >= 365 + 100 * other["index"]).all()
    assert (other["life"] <= 730 + 100 * other["index"]).all()
    older = lots["count"] - 1 - lots["index"]
    assert ((lots["age"] - older).is_between(0, 2)).all()


def test_batch_codes_run_on_over_locations_and_stores(folder):
    lots = read(folder, "opening_lots")
    assert lots["batch_code"].to_list() == [f"B{n:07d}" for n in range(1, len(lots) + 1)]
    assert lots["location"][0] == "shelf"
    first = lots.filter(pl.col("store_id") == "S001")["location"].rle_id().max()
    assert first == 1  # all shelf lots, then all warehouse lots


def test_weekly_discounts_rotate_through_all_items(folder):
    weekly = read(folder, "weekly_discounts")
    assert weekly["week_start_date"].min() == date(2024, 12, 30)
    assert weekly["week_end_date"].max() == date(2027, 12, 26)
    assert (weekly["week_end_date"] - weekly["week_start_date"]).unique().to_list() == [
        timedelta(days=6)
    ]
    assert weekly["discount"].is_between(0.05, 0.35).all()
    assert weekly["discount"].mean() == pytest.approx(0.1993, rel=0.03)
    assert weekly.group_by("week_index").agg(pl.col("item_id").n_unique())[
        "item_id"
    ].unique().to_list() == [60]
    # 1,142 items at 60 a week: everything comes once in 19.03 weeks, so 8 or 9 times in 156.
    times = weekly.group_by("item_id").len()
    assert len(times) == 1142
    assert set(times["len"]) <= {8, 9}
    off = (weekly["list_price"] * (1 - weekly["discount"])).round(2)
    assert (off - weekly["discounted_price"]).abs().max() < 0.011


def test_policies_are_for_all_stores_from_the_start(reference_dir):
    rows = read(reference_dir, "stock_policies").sort("location").to_dicts()
    shelf, warehouse = rows
    scope = ("store_id", "category", "item_id")
    assert all(row[name] is None for row in rows for name in scope)
    assert (shelf["low_frac"], shelf["low_qty"]) == (0.30, 1)
    assert (shelf["clear_frac"], shelf["target_frac"], shelf["cooldown_minutes"]) == (0.35, 0.8, 60)
    assert (warehouse["low_frac"], warehouse["low_qty"]) == (0.05, 1)
    assert (warehouse["clear_frac"], warehouse["target_frac"]) == (0.05, 1.0)
    assert {row["valid_from_ts"].isoformat() for row in rows} == {"2026-01-01T07:00:00+00:00"}


def test_stores_open_at_the_start(reference_dir):
    rows = read(reference_dir, "stores").to_dicts()
    assert [row["store_id"] for row in rows] == ["S001", "S002"]
    for row in rows:
        assert (row["timezone"], row["currency"], row["stock_tracking"]) == (
            "Europe/Rome",
            "EUR",
            "sensors",
        )
        assert row["opened_ts"].isoformat() == "2026-01-01T07:00:00+00:00"


def test_stores_have_names_of_their_own_when_towns_run_out(tmp_path):
    bootstrap(tmp_path, stores=12, seed=SEED, start_ms=parse_instant(START))
    stores = read(tmp_path, "stores")
    assert stores["store_id"].to_list() == [f"S{number:03d}" for number in range(1, 13)]
    assert stores["store_name"].n_unique() == 12
    assert stores["city"][10] == stores["city"][0]


def test_another_store_changes_nothing_for_the_first(reference_dir, tmp_path):
    bootstrap(tmp_path, stores=1, seed=SEED, start_ms=parse_instant(START))
    for table in ("store_items", "opening_lots"):
        assert read(tmp_path, table).equals(read(reference_dir, table, "S001"))
    first = read(reference_dir, "store_items", "S001")["shelf_capacity"]
    assert first.to_list() != read(reference_dir, "store_items", "S002")["shelf_capacity"].to_list()


def test_the_same_arguments_give_the_same_world(reference_dir, tmp_path):
    for folder in (tmp_path / "a", tmp_path / "b"):
        bootstrap(folder, stores=2, seed=SEED, start_ms=parse_instant(START))
    bootstrap(tmp_path / "b", stores=2, seed=SEED, start_ms=parse_instant(START))
    files = sorted(path.name for path in reference_dir.iterdir())
    assert len(files) == 9
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = tmp_path / "c"
    bootstrap(other, stores=2, seed=SEED + 1, start_ms=parse_instant(START))
    assert not read(other, "items").equals(read(reference_dir, "items"))


def test_a_folder_keeps_its_world(tmp_path):
    bootstrap(tmp_path, stores=1, seed=1, start_ms=parse_instant(START))
    with pytest.raises(SimulatorError, match="another world"):
        bootstrap(tmp_path, stores=1, seed=2, start_ms=parse_instant(START))


def test_d05_dates_move_with_the_start(tmp_path, reference_dir):
    bootstrap(tmp_path, stores=2, seed=SEED, start_ms=parse_instant("2025-01-01T07:00:00Z"))
    moved = read(tmp_path, "opening_lots")
    original = read(reference_dir, "opening_lots")
    assert (original["expiry_date"] - moved["expiry_date"]).unique().to_list() == [
        timedelta(days=365)
    ]
