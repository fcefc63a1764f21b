"""Forecasts of a lake: each step once, also when it is taken again; the demand is made up."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pyarrow as pa
import pytest

from smartshelf_dagster.forecasting.model import ModelSettings
from smartshelf_dagster.forecasting.panel import Panel
from smartshelf_dagster.forecasting.promotion import PROMOTED
from smartshelf_dagster.forecasting.tables import TABLES
from smartshelf_dagster.pipeline import forecast
from smartshelf_dagster.pipeline.forecast import (
    forecast_cutoffs,
    is_training_due,
    newest_alarms,
    newest_predictions,
    served_forecasts,
    track_accuracy,
    train_models,
    watch_drift,
)
from smartshelf_dagster.pipeline.registry import append_rows, read_champion, read_rows
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.storage.warehouse import build_serving_file, read_serving
from smartshelf_dagster.transform.runner import Transformer
from tests.helpers.predictions import cutoff_at, predictions
from tests.helpers.sales import lake_panel

# A Sunday, 87 days after the stores opened.
TRAINED = datetime(2026, 3, 29, 2, tzinfo=UTC)
CUTOFF = cutoff_at(datetime(2026, 3, 29, 12, tzinfo=UTC))
SETTINGS = ModelSettings(rounds=5)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return lake_panel(date(2026, 1, 1))


@pytest.fixture
def transformer(settings: Settings, panel: Panel, monkeypatch: pytest.MonkeyPatch) -> Transformer:
    """A lake whose demand is the panel; building takes no time."""
    found = Transformer(settings)
    found.prepare(TRAINED)
    monkeypatch.setattr(forecast, "build_demand", lambda _transformer, _as_of: [])
    monkeypatch.setattr(forecast, "read_panel", lambda _reader, _as_of: panel)
    return found


def versions(settings: Settings) -> dict[str, int]:
    return {
        table: delta.open_table(settings.table_uri(table)).version()
        for table in TABLES
        if delta.table_exists(settings.table_uri(table))
    }


@pytest.mark.timeout(300)
def test_models_are_trained_once_and_speak_from_then_on(
    settings: Settings, transformer: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_training_due(settings, TRAINED)
    first = train_models(settings, transformer, TRAINED, SETTINGS)
    assert [each.family for each in first] == ["orders", "days"]
    assert {each.decision for each in first} == {PROMOTED}
    stored = versions(settings)
    # Killed before the decision was stored: the same model, not stored again.
    promotions = delta.open_table(settings.table_uri("ml/promotions"))
    promotions.delete("family = 'days'")
    assert train_models(settings, transformer, TRAINED, SETTINGS) == first
    again = versions(settings)
    assert {k: v for k, v in again.items() if k != "ml/promotions"} == {
        k: v for k, v in stored.items() if k != "ml/promotions"
    }
    # Asked by somebody else soon after, nothing is trained.
    assert train_models(settings, transformer, TRAINED + timedelta(hours=3), SETTINGS) == first
    assert versions(settings) == again
    assert not is_training_due(settings, TRAINED + timedelta(days=6))
    assert is_training_due(settings, TRAINED + timedelta(days=7))

    said = forecast_cutoffs(settings, transformer, CUTOFF.cutoff_ts, [CUTOFF])
    assert said.height == 20 * 36
    assert set(said["model_version"].drop_nulls()) <= {each.model_version for each in first}
    champion = read_champion(settings, "orders", CUTOFF.cutoff_ts)
    assert champion is not None
    assert champion.version == first[0].model_version
    assert champion.last_day == date(2026, 3, 28)
    # Before the decision nobody was champion.
    assert read_champion(settings, "orders", TRAINED - timedelta(seconds=1)) is None

    # What has been said stands, whoever is champion by then.
    retrained = train_models(settings, transformer, TRAINED + timedelta(days=7), SETTINGS)
    assert {each.model_version for each in retrained}.isdisjoint(said["model_version"])
    key = ["store_id", "item_id", "window", "horizon"]
    monkeypatch.setattr(forecast, "read_panel", pytest.fail)
    repeated = forecast_cutoffs(settings, transformer, CUTOFF.cutoff_ts, [CUTOFF])
    assert repeated.sort(key).equals(said.sort(key))

    champions = read_rows(settings, "ml/promotions").sort("decided_ts", "family")
    assert champions["decision"].to_list()[:2] == [PROMOTED] * 2
    assert read_rows(settings, "ml/backtests").height > 0
    shares = (
        read_rows(settings, "ml/feature_importance")
        .group_by("model_version")
        .agg(pl.col("gain_share", "shap_share").sum())
    )
    assert shares["gain_share"].to_list() == pytest.approx([1.0] * 4)


@pytest.mark.timeout(300)
def test_accuracy_and_drift_are_followed_once(settings: Settings, transformer: Transformer) -> None:
    train_models(settings, transformer, TRAINED, SETTINGS)
    forecast_cutoffs(settings, transformer, CUTOFF.cutoff_ts, [CUTOFF])
    as_of = datetime(2026, 4, 2, 3, tzinfo=UTC)
    # Sunday's rest, until Wednesday morning, and Monday, Tuesday and Wednesday.
    ended = track_accuracy(settings, transformer, as_of)
    assert sorted(set(ended.select("window", "horizon").iter_rows())) == [
        ("cover", 2), ("day", 1), ("day", 2), ("day", 3), ("delivery", 0),
    ]  # fmt: skip
    assert ended.height == 20 * 5
    assert track_accuracy(settings, transformer, as_of).is_empty()
    later = track_accuracy(settings, transformer, as_of + timedelta(days=1))
    assert set(later["horizon"]) == {4}
    drift = watch_drift(settings, as_of)
    assert set(drift["metric"]) >= {"error_ratio", "coverage_80"}
    assert watch_drift(settings, as_of).height == drift.height
    assert read_rows(settings, "ml/drift").height == drift.height


def test_alarm_calls_for_training_but_not_every_day(settings: Settings) -> None:
    decided = {
        name: [value]
        for name, value in {
            "decided_ts": TRAINED, "family": "orders", "model_version": "m", "decision": PROMOTED,
        }.items()
    }  # fmt: skip
    append_rows(settings, "ml/promotions", filled("ml/promotions", decided))
    assert not is_training_due(settings, TRAINED + timedelta(days=4))
    alarm = {"as_of_ts": [TRAINED + timedelta(days=1)], "metric": ["psi"], "is_alarm": [True]}
    append_rows(settings, "ml/drift", filled("ml/drift", alarm))
    assert newest_alarms(settings).height == 1
    assert not is_training_due(settings, TRAINED + timedelta(days=2))
    assert is_training_due(settings, TRAINED + timedelta(days=3))


def filled(table: str, columns: dict[str, list[object]]) -> pl.DataFrame:
    """A frame with all columns of a table; those not given are null."""
    schema = pl.DataFrame(pl.from_arrow(TABLES[table].empty_table())).schema
    rows = len(next(iter(columns.values())))
    return pl.DataFrame({name: columns.get(name, [None] * rows) for name in schema}, schema=schema)


@pytest.mark.timeout(300)
def test_too_little_history_trains_and_forecasts_nothing(
    settings: Settings, transformer: Transformer
) -> None:
    early = datetime(2026, 1, 20, 3, tzinfo=UTC)
    assert not is_training_due(settings, early)
    assert train_models(settings, transformer, early, SETTINGS) == []
    cutoff = cutoff_at(datetime(2026, 1, 20, 12, tzinfo=UTC))
    assert forecast_cutoffs(settings, transformer, cutoff.cutoff_ts, [cutoff]).is_empty()
    four_weeks = cutoff_at(datetime(2026, 2, 1, 12, tzinfo=UTC))
    said = forecast_cutoffs(settings, transformer, four_weeks.cutoff_ts, [four_weeks])
    assert set(said["method"]) == {"ets"}
    assert said["model_version"].null_count() == said.height > 0


def test_a16_of_several_forecasts_of_a_day_the_newest_of_each_store_counts(
    settings: Settings,
) -> None:
    older = cutoff_at(datetime(2026, 3, 26, 12, tzinfo=UTC))
    append_rows(
        settings, "ml/predictions", predictions(older, {("S001", "A"): 1, ("S002", "A"): 1})
    )
    append_rows(settings, "ml/predictions", predictions(CUTOFF, {("S001", "A"): 2}))
    found = newest_predictions(settings, CUTOFF.cutoff_ts + timedelta(days=1))
    assert set(found.select("store_id", "origin_ts").iter_rows()) == {
        ("S001", CUTOFF.cutoff_ts), ("S002", older.cutoff_ts),
    }  # fmt: skip
    assert set(found["window"]) == {"delivery", "cover", "week", "month"}
    # Seen from between them, the newer one has not been made.
    before = newest_predictions(settings, CUTOFF.cutoff_ts - timedelta(hours=1))
    assert set(before["origin_ts"]) == {older.cutoff_ts}
    assert newest_predictions(settings, CUTOFF.cutoff_ts + timedelta(days=8)).is_empty()


def test_readers_get_every_table_empty_or_filled(settings: Settings) -> None:
    as_of = CUTOFF.cutoff_ts + timedelta(days=1)
    old = cutoff_at(datetime(2026, 2, 22, 12, tzinfo=UTC))

    def serve() -> dict[str, pa.Table]:
        views, copies = served_forecasts(settings, as_of)
        build_serving_file(settings.serving_path, settings.warehouse_path, views, copies)
        names = [table.replace("/", ".") for table in TABLES]
        read = read_serving(settings.serving_path, *(f"from {name}" for name in names))
        return dict(zip(TABLES, read, strict=True))

    empty = serve()
    assert {name: table.num_rows for name, table in empty.items()} == dict.fromkeys(TABLES, 0)
    assert set(empty["ml/models"].column_names) == set(TABLES["ml/models"].names) - {
        "quantiles", "mean",
    }  # fmt: skip
    assert empty["ml/predictions"].column_names == TABLES["ml/predictions"].names
    for cutoff in (old, CUTOFF):
        append_rows(settings, "ml/predictions", predictions(cutoff, {("S001", "A"): 1}))
    served = serve()["ml/predictions"]
    assert served.column_names == TABLES["ml/predictions"].names
    assert set(served["origin_ts"].to_pylist()) == {CUTOFF.cutoff_ts}
