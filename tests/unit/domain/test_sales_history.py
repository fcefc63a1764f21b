"""A made-up history: the same each time, as much as its laws say, and nothing impossible in it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import polars as pl
import pytest

from smartshelf_dagster.contracts.validation import Rejection, validate_event
from smartshelf_dagster.domain.sales_history import (
    HOUR_FACTORS,
    MIX,
    MONTH_FACTORS,
    WEEKEND_FACTOR,
    Association,
    HistoryError,
    Outage,
    Recipe,
    Surge,
    expected_events,
    generate,
    hourly_rates,
)

BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
OUTAGE = Outage(0, 3, datetime(2024, 2, 5, 9, tzinfo=UTC), datetime(2024, 2, 8, 9, tzinfo=UTC))
SMALL = Recipe(months=3, stores=2, items=8, sensors=1, outages=(OUTAGE,))


@pytest.fixture(scope="module")
def small() -> pl.DataFrame:
    """Every event of it, decoded."""
    return decoded(SMALL)


def decoded(recipe: Recipe) -> pl.DataFrame:
    rows = []
    for history in generate(recipe):
        for topic, ts, payload in history.events.select("topic", "event_ts", "payload").rows():
            event = orjson.loads(payload)
            kind = event["type"].split(".", 2)[2].removesuffix(".v1")
            rows.append((history.store_id, topic, kind, event["id"], ts, event["data"], payload))
    columns = ["store_id", "topic", "kind", "id", "ts", "data", "payload"]
    return pl.DataFrame(rows, schema=columns, orient="row", schema_overrides={"data": pl.Object})


def test_the_same_recipe_gives_the_same_events_and_another_seed_other_stores(small) -> None:
    again = decoded(SMALL)
    assert again["payload"].equals(small["payload"])
    assert small["id"].n_unique() == small.height
    other = decoded(Recipe(months=3, stores=2, items=8, sensors=1, seed=43))
    assert set(other["id"]).isdisjoint(small["id"])
    assert set(other["store_id"]).isdisjoint(small["store_id"])


def test_every_event_satisfies_its_contract(small) -> None:
    for topic, payload in small.sample(400, seed=1).select("topic", "payload").iter_rows():
        assert not isinstance(validate_event(topic, payload.encode()), Rejection)
    assert set(small["kind"]) == {
        "pos.sale", "pos.return", "shelf.pickup", "shelf.putback", "warehouse.opening",
        "warehouse.pick", "warehouse.receipt", "warehouse.removal",
    }  # fmt: skip


def test_a_store_without_sensors_has_receipts_only(small) -> None:
    assert set(small.filter(store_id=SMALL.store_id(1))["topic"]) == {"pos_transactions"}


def test_rates_are_the_product_of_the_factors() -> None:
    rates = dict(hourly_rates(Recipe(rate=2), 0).iter_rows())
    saturday, monday = datetime(2024, 12, 7, 18, tzinfo=UTC), datetime(2024, 1, 8, 3, tzinfo=UTC)
    assert len(rates) == (366 + 365) * 24
    assert rates[saturday] == pytest.approx(2 * 1.80 * 1.7 * WEEKEND_FACTOR)
    assert rates[monday] == pytest.approx(2 * 0.70 * 0.2)
    surge = Surge(saturday, 2, 5, store=1)
    strong = Recipe(rate=2, stores=2, surges=(surge,))
    hour = pl.col("hour_start")
    within = hour.is_between(saturday, saturday + timedelta(hours=1))
    for store, factor in enumerate((1, 5)):
        told = hourly_rates(strong, store).filter(within)["expected"].to_list()
        assert told == pytest.approx([factor * rates[h] for h in rates if saturday <= h][:2])


def test_a43_the_expected_number_of_events_is_told_and_met() -> None:
    """A year was said to have 43,200 events; by the factors of that source it has 15,900."""
    year = Recipe(begin=datetime(2025, 1, 1, tzinfo=UTC), months=12, stores=1, sensors=1)
    expected = expected_events(year)
    mean = 1.5 * np.mean(MONTH_FACTORS) * np.mean(HOUR_FACTORS) * (5 + 2 * WEEKEND_FACTOR) / 7
    assert expected == pytest.approx(8_760 * mean, rel=0.01)
    assert 15_500 < expected < 16_200
    (history,) = generate(year)
    assert sum(history.counts.values()) == pytest.approx(expected, abs=4 * expected**0.5)


def test_a42_nine_of_ten_events_are_sales() -> None:
    """A third was returns where each kind was drawn alike."""
    (history,) = generate(Recipe(months=24, stores=1, sensors=1, rate=3))
    total = sum(history.counts.values())
    for kind, share in MIX.items():
        assert history.counts[kind] / total == pytest.approx(share, abs=0.005)


def test_shelves_and_warehouse_never_hold_less_than_nothing(small) -> None:
    signs = {
        "shelf.pickup": -1, "shelf.putback": 1, "warehouse.opening": 1, "warehouse.removal": -1,
    }  # fmt: skip
    levels = {}
    for kind, ts, data in small.select("kind", "ts", "data").iter_rows():
        place = data.get("location", "shelf" if kind.startswith("shelf") else "warehouse")
        sign = signs.get(kind) or {"warehouse.pick": -1, "warehouse.receipt": 1}.get(kind, 0)
        if sign:
            key = (data["shelf_id"], place)
            levels[key] = levels.get(key, 0) + sign * data.get(
                "quantity", data.get("removed_quantity")
            )
            assert levels[key] >= 0, (key, ts)
        if kind == "warehouse.removal":
            assert levels[key] == 0
    assert len(levels) == 2 * SMALL.items


def test_nothing_is_sold_where_nothing_is(small) -> None:
    shelf = SMALL.item_id(OUTAGE.item)
    within = small.filter(
        pl.col("ts").is_between(OUTAGE.begin, OUTAGE.end, closed="none"),
        store_id=SMALL.store_id(0),
    )
    assert within.height > 50
    sold = [
        line["item_id"] for data in within.filter(kind="pos.sale")["data"] for line in data["items"]
    ]
    assert shelf not in sold
    taken = within.filter(pl.col("kind").is_in(["shelf.pickup", "shelf.putback"]))
    assert shelf not in [data["shelf_id"] for data in taken["data"]]
    elsewhere = small.filter(
        pl.col("ts").is_between(OUTAGE.begin, OUTAGE.end), store_id=SMALL.store_id(1)
    )
    assert shelf in [line["item_id"] for data in elsewhere["data"] for line in data["items"]]


def test_receipts_with_the_one_hold_the_other_as_often_as_asked_for() -> None:
    recipe = Recipe(months=6, stores=1, items=20, rate=4, associations=(Association(2, 9, 0.6),))
    sales = decoded(recipe).filter(kind="pos.sale")["data"]
    baskets = [[line["item_id"] for line in data["items"]] for data in sales]
    assert all(len(set(basket)) == len(basket) for basket in baskets)
    one, other = recipe.item_id(2), recipe.item_id(9)
    holding = [basket for basket in baskets if one in basket]
    assert len(holding) > 1_000
    share = np.mean([other in basket for basket in holding])
    assert share == pytest.approx(0.6, abs=4 * (0.24 / len(holding)) ** 0.5)


def test_prices_rise_and_are_lower_before_christmas(small) -> None:
    lines = [
        (ts.month, line["item_id"], line["unit_price"], line["discount"])
        for ts, data in small.filter(kind="pos.sale").select("ts", "data").iter_rows()
        for line in data["items"]
    ]
    first = dict(zip([SMALL.item_id(n) for n in range(8)], SMALL.list_prices(), strict=True))
    for month, item, price, discount in lines:
        assert price == pytest.approx(first[item] * (1 + 0.005 * (month - 1)), abs=0.0051)
        assert discount == (0.10 if month == 1 else 0)
    year = hourly_rates(SMALL, 0)
    assert year["hour_start"].max() < SMALL.end == datetime(2024, 4, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"begin": datetime(2024, 1, 2, tzinfo=UTC)}, "begin: 2024-01-02 .*, expected the first"),
        ({"months": 0}, "months: 0, expected from 1 to 120"),
        ({"rate": 0}, "rate: 0, expected above 0"),
        ({"sensors": 4}, "sensors: 4, expected 0 to 3"),
        ({"outages": (OUTAGE,)}, "outages.store: 0, expected one with sensors"),
        ({"associations": (Association(1, 1, 0.5),)}, r"associations: \(1, 1\), expected two of"),
    ],
)
def test_a_recipe_that_cannot_be_made_is_refused(values, message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        Recipe(**values)
