"""What is left of a forecast: the mean of what has passed is taken off."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from smartshelf_dagster.domain.ordering import Economics
from smartshelf_dagster.domain.remaining_demand import remaining_demand

SUNDAY = datetime(2026, 2, 1, 12, tzinfo=UTC)
# 9 trading hours of Sunday, 35 until Wednesday morning, and so on.
DELIVERY, COVER, WEEK = (
    datetime(2026, 2, day, hour, tzinfo=UTC) for day, hour in ((2, 8), (4, 8), (8, 21))
)
HOURS = Economics(opens_h=8.0, closes_h=21.0)
MEANS = {DELIVERY: 9.0, COVER: 35.0, WEEK: 100.0}


def forecasts(store: str = "S1", origin: datetime = SUNDAY) -> pl.DataFrame:
    """A piece per trading hour until Wednesday; the upper quantile is half as much again."""
    return pl.DataFrame(
        [
            (store, "a", origin, until, quantile, mean, mean * factor)
            for until, mean in MEANS.items()
            for quantile, factor in ((0.5, 1.0), (0.9, 1.5))
        ],
        schema=["store_id", "shelf_id", "origin_ts", "until_ts", "quantile", "mean", "demand"],
        orient="row",
    )


def left(as_of: datetime, frame: pl.DataFrame | None = None) -> dict[tuple[datetime, float], float]:
    rows = remaining_demand(forecasts() if frame is None else frame, as_of, HOURS)
    return {(row["until_ts"], row["quantile"]): row["demand"] for row in rows.iter_rows(named=True)}


def test_forecast_made_now_is_left_as_it_is() -> None:
    found = left(SUNDAY)
    assert found == {
        (until, quantile): pytest.approx(mean * factor)
        for until, mean in MEANS.items()
        for quantile, factor in ((0.5, 1.0), (0.9, 1.5))
    }


def test_mean_of_what_has_passed_is_taken_off_all_quantiles() -> None:
    """Monday noon: 9 hours of Sunday and 4 of Monday have passed, a piece each."""
    found = left(SUNDAY + timedelta(days=1))
    assert found == {
        (COVER, 0.5): pytest.approx(22),
        (COVER, 0.9): pytest.approx(52.5 - 13),
        (WEEK, 0.5): pytest.approx(87),
        (WEEK, 0.9): pytest.approx(150 - 13),
    }


def test_at_night_nothing_passes() -> None:
    midnight = datetime(2026, 2, 2, tzinfo=UTC)
    found = left(midnight)
    assert found[DELIVERY, 0.5] == pytest.approx(0)
    assert found[COVER, 0.5] == pytest.approx(26)


def test_demand_that_is_left_is_never_negative() -> None:
    low = forecasts().with_columns(demand=pl.col("demand") * 0.1)
    assert min(left(datetime(2026, 2, 4, 7, tzinfo=UTC), low).values()) == 0


def test_stores_are_told_apart_by_their_origins() -> None:
    later = SUNDAY + timedelta(days=1)
    newer = forecasts("S2", later).filter(pl.col("until_ts") > later)
    both = pl.concat([forecasts(), newer])
    rows = remaining_demand(both, later, HOURS).filter(
        (pl.col("quantile") == 0.5) & (pl.col("until_ts") == COVER)
    )
    assert dict(rows.select("store_id", "demand").iter_rows()) == {
        "S1": pytest.approx(22),
        "S2": pytest.approx(35),
    }


def test_no_forecasts_leave_nothing() -> None:
    assert remaining_demand(forecasts().clear(), SUNDAY).is_empty()
