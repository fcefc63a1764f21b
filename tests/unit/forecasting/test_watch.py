"""How forecasts turned out, and alarms."""

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from smartshelf_dagster.forecasting.calendar import protection_intervals
from smartshelf_dagster.forecasting.features import CLASSES, FEATURES
from smartshelf_dagster.forecasting.model import ModelSettings
from smartshelf_dagster.forecasting.promotion import Trained, train_family
from smartshelf_dagster.forecasting.serving import Speaker, forecast_cutoff
from smartshelf_dagster.forecasting.tables import ACCURACY, DAYS, ORDERS
from smartshelf_dagster.forecasting.watch import (
    WATCHED,
    Reference,
    accuracy_rows,
    feature_drift,
    importance,
    outcome_drift,
    references,
    stability_index,
)
from smartshelf_dagster.forecasting.windows import Cutoff
from tests.helpers.sales import frame, market, panel_of

CUTOFF = Cutoff(
    datetime(2025, 2, 16, 12, tzinfo=UTC),
    datetime(2025, 2, 17, 8, tzinfo=UTC),
    datetime(2025, 2, 19, 8, tzinfo=UTC),
)
SPEAKERS = {family: Speaker(("moving_average",) * len(CLASSES)) for family in (ORDERS, DAYS)}


@pytest.fixture(scope="module")
def trained() -> Trained:
    panel = panel_of(market(items=40, days=100))
    cutoffs = protection_intervals(panel.first_day, panel.day(panel.observed - 1))
    return train_family(panel, cutoffs, ORDERS, ModelSettings(rounds=8))


def two_items() -> pl.DataFrame:
    """One sells 10 a day, 4 of them late; the other nothing for want of stock on three days."""
    days = 60
    empty = [0.0] * 42 + [1.0] * 3 + [0.0] * 15
    sold = [0.0 if out else 10.0 for out in empty]
    never = [0.0] * days
    lost = {"S/a": never, "S/b": empty}
    return frame(
        {"S/a": [10.0] * days, "S/b": sold},
        y_late={"S/a": [4.0] * days, "S/b": [0.4 * each for each in sold]},
        lost_share=lost,
        lost_share_late=lost,
    )


def test_windows_that_have_ended_stand_beside_what_came() -> None:
    panel = panel_of(two_items())
    said = forecast_cutoff(panel, CUTOFF, SPEAKERS).predictions
    rows = accuracy_rows(panel, said)
    assert set(rows.columns) == set(ACCURACY.names)
    # The panel ends 18 days after the cutoff.
    single = rows.filter((pl.col("window") == "day") & (pl.col("item_id") == "a"))
    assert single["horizon"].to_list() == list(range(1, 18 + 1))[: single.height]
    assert "month" not in rows["window"].to_list()
    cover = rows.filter((pl.col("window") == "cover") & (pl.col("item_id") == "a")).row(
        0, named=True
    )
    assert (cover["actual"], cover["sold"]) == (pytest.approx(24), pytest.approx(24))
    assert cover["is_censored"] is False
    assert cover["in_80"] is (cover["median"] == pytest.approx(24, abs=1))


def test_windows_out_of_stock_are_marked_and_their_demand_made_up_for() -> None:
    panel = panel_of(two_items())
    said = forecast_cutoff(panel, CUTOFF, SPEAKERS).predictions
    rows = accuracy_rows(panel, said).filter(pl.col("item_id") == "b")
    cover = rows.filter(pl.col("window") == "cover").row(0, named=True)
    week = rows.filter(pl.col("window") == "week").row(0, named=True)
    assert (cover["is_censored"], week["is_censored"]) == (True, False)
    assert cover["sold"] == 4
    assert cover["actual"] > 4
    assert week["sold"] == pytest.approx(44)


def test_nothing_has_ended_yet() -> None:
    panel = panel_of(two_items())
    said = forecast_cutoff(panel, CUTOFF, SPEAKERS).predictions
    known = panel.truncated(panel.column(CUTOFF.cutoff_ts.date()))
    assert accuracy_rows(known, said).is_empty()


def test_stability_index_of_a_shift_by_hand() -> None:
    reference = Reference((1.0,), (0.5, 0.5))
    values = np.array([0.0] * 20 + [2.0] * 80)
    by_hand = -0.3 * np.log(0.2 / 0.5) + 0.3 * np.log(0.8 / 0.5)
    assert stability_index(reference, values) == pytest.approx(by_hand)
    assert stability_index(reference, np.array([0.0, 2.0] * 50)) == pytest.approx(0)


def shown(trained: Trained) -> pl.DataFrame:
    judged = trained.examples.take(trained.is_judged)
    return pl.DataFrame(judged.features, schema=list(FEATURES), orient="row")


def test_same_world_does_not_alarm_and_another_does(trained: Trained) -> None:
    known = references(trained)
    assert set(known) <= set(WATCHED)
    same = feature_drift(shown(trained), known)
    assert not same["is_alarm"].any()
    moved = shown(trained).with_columns(pl.col("level_log") + 2)
    found = feature_drift(moved, known).filter(pl.col("is_alarm"))
    assert found["feature"].to_list() == ["level_log"]
    assert found["threshold"].to_list() == [0.25]


def test_features_with_few_known_values_are_left_out(trained: Trained) -> None:
    known = references(trained)
    assert "holiday" not in known
    assert feature_drift(shown(trained).head(99), known).is_empty()


def outcomes(pinball: float, inside: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "window": ["cover"] * 10 + ["month"],
            "horizon": [2] * 10 + [30],
            "actual": [10.0] * 10 + [1e6],
            "pinball": [pinball] * 10 + [1e6],
            "in_80": [True] * inside + [False] * (10 - inside) + [True],
            "is_censored": [False] * 11,
        }
    )


@pytest.mark.parametrize(
    ("pinball", "inside", "alarms"),
    [
        (1.0, 8, []),
        (1.6, 8, ["error_ratio"]),
        (1.0, 6, ["coverage_80"]),
        (1.0, 10, ["coverage_80"]),
    ],
)
def test_alarms_of_how_forecasts_turned_out(pinball: float, inside: int, alarms: list[str]) -> None:
    found = outcome_drift(outcomes(pinball, inside), ORDERS, promised_loss=0.1)
    assert found.filter(pl.col("is_alarm"))["metric"].to_list() == alarms
    assert dict(found.select("metric", "value").iter_rows()) == {
        "error_ratio": pytest.approx(pinball), "coverage_80": pytest.approx(inside / 10),
    }  # fmt: skip


def test_no_outcome_is_no_alarm() -> None:
    censored = outcomes(9.0, 0).with_columns(is_censored=pl.lit(value=True))
    assert outcome_drift(censored, ORDERS, 0.1).is_empty()


def test_importance_adds_up_to_one_twice(trained: Trained) -> None:
    rows = importance(trained)
    assert set(rows["feature"]) == set(FEATURES)
    assert rows["gain_share"].sum() == pytest.approx(1)
    assert rows["shap_share"].sum() == pytest.approx(1)
    assert (rows["shap_share"] >= 0).all()
