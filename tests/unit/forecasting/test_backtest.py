"""The protocol is kept, and the outcome follows from it."""

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import orjson
import polars as pl
import pytest
from typer.testing import CliRunner

from smartshelf_dagster.cli import app
from smartshelf_dagster.forecasting.backtest import (
    BLEND,
    CHAMPION,
    MODEL,
    BacktestError,
    Protocol,
    Report,
    backtest,
    choose_champions,
    losses,
)
from smartshelf_dagster.forecasting.baselines import LEVELS, METHODS, Forecast
from smartshelf_dagster.forecasting.calendar import SupplierRound, protection_intervals
from smartshelf_dagster.forecasting.model import ModelSettings
from smartshelf_dagster.forecasting.panel import Panel
from smartshelf_dagster.forecasting.report import to_html, to_json, to_markdown
from smartshelf_dagster.pipeline.backtest import backtest_sales
from smartshelf_dagster.settings import Settings
from tests.helpers.sales import frame, market, panel_of

PROTOCOL = Protocol(
    origins=8,
    warm_up=6,
    refit_every=7,
    horizon=2,
    model=ModelSettings(rounds=25, learning_rate=0.2),
)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(market(items=40, days=150))


@pytest.fixture(scope="module")
def report(panel: Panel) -> Report:
    return backtest(panel, PROTOCOL)


def figure(report: Report, level: str, method: str, name: str) -> float:
    rows = report.table.filter((pl.col("level") == level) & (pl.col("method") == method))
    return float(rows[name].item())


def test_every_level_has_every_method(report: Report) -> None:
    found = report.table.group_by("level").agg(pl.col("method").sort())
    assert set(found["level"]) == {"item-day", "item-interval", "category", "store"}
    for methods in found["method"]:
        assert set(methods) == {CHAMPION, MODEL, BLEND, *METHODS}
    assert figure(report, "item-interval", MODEL, "n") == 8 * 40
    assert figure(report, "item-day", MODEL, "n") == 8 * 40 * 2
    assert figure(report, "category", MODEL, "n") == 8 * 5


def test_champion_beats_the_best_baseline_on_sales_with_promotions(report: Report) -> None:
    gains = report.gains.filter(pl.col("method") == CHAMPION)
    items = gains.filter(pl.col("level").str.starts_with("item"))
    assert (items["gain"] > 0).all()
    assert (items["origins"] == 8).all()
    assert report.failures() == []


def test_origins_are_the_newest_cutoffs_with_known_demand(panel: Panel, report: Report) -> None:
    last = panel.day(panel.observed - 1)
    assert len(report.origins) == 8
    assert all(
        np.datetime64(each).astype(object).isoweekday() in {2, 4, 7} for each in report.origins
    )
    ends = np.datetime64(report.origins[-1]).astype(object)
    assert 3 <= (last - ends).days <= 6


def test_forecasts_do_not_change_with_what_comes_after_them(panel: Panel) -> None:
    """The first judged origin is forecast alike, whatever the last week was like."""
    few = replace(PROTOCOL, model=replace(PROTOCOL.model, rounds=5))
    later = np.arange(panel.days) >= panel.column(
        np.datetime64(backtest(panel, few).origins[-1]).astype(object)
    )
    spiked = replace(
        panel,
        demand=np.where(later, panel.demand * 9, panel.demand),
        late=None if panel.late is None else np.where(later, panel.late * 9, panel.late),
    )
    first, second = (
        backtest(each, few).by_origin.filter(pl.col("level") == "item-interval")
        for each in (panel, spiked)
    )
    # The two origins before the newest have windows that reach into its day.
    is_late = pl.col("origin").rank("dense") > 5
    assert first.filter(~is_late).equals(second.filter(~is_late))
    assert not first.filter(is_late).equals(second.filter(is_late))


def test_panel_that_is_too_short_is_refused() -> None:
    with pytest.raises(BacktestError, match=r"30 days have \d+ cutoffs .* expected at least"):
        backtest(panel_of(market(items=5, days=30)), PROTOCOL)


def test_champion_of_a_class_lost_least_in_it_and_the_model_stands_in_for_the_unseen() -> None:
    demand_class = np.array([0, 0, 1, 1])
    loss = {MODEL: np.array([1.0, 1, 9, 9]), "tsb": np.array([2.0, 2, 3, 3])}
    assert choose_champions(demand_class, loss) == [MODEL, "tsb", MODEL, MODEL, MODEL]


def test_losses_are_the_mean_over_the_judged_quantiles() -> None:
    forecast = Forecast(np.zeros(1), np.full((1, len(LEVELS)), 10.0))
    # 10 pieces short of 20, at 0.1, 0.5, 0.9 and 0.98.
    assert losses(np.array([20.0]), forecast) == pytest.approx([(1 + 5 + 9 + 9.8) / 4])


def test_baseline_becomes_champion_where_the_model_has_nothing_to_add() -> None:
    week = [2.0, 4, 6, 8, 10, 12, 0]
    sales = frame({f"item {index}": [v * (index + 1) for v in week * 22] for index in range(12)})
    settings = ModelSettings(rounds=2)
    report = backtest(panel_of(sales), replace(PROTOCOL, model=settings))
    chosen = report.champions.filter(
        (pl.col("level") == "item-interval") & (pl.col("demand_class") == "smooth")
    )
    assert chosen["method"].to_list() == ["last_same_window"]
    assert figure(report, "item-interval", CHAMPION, "wape") == pytest.approx(0, abs=0.01)
    # An equal is not a better one.
    assert any("pinball loss" in line or "band" in line for line in report.failures())


def test_report_is_written_in_full(report: Report) -> None:
    text = to_markdown(report, "Made-up sales")
    assert text.startswith("# Made-up sales\n")
    for level in ("item-day", "item-interval", "category", "store"):
        assert f"## {level}, " in text
    assert "first_generation" in text
    page = to_html(report, "Made-up sales")
    assert "Made-up sales" in page
    assert 'src="http' not in page
    assert orjson.loads(orjson.dumps(to_json(report)))["origins"] == list(report.origins)


def test_backtest_without_store_and_category_judges_items_only() -> None:
    sales = market(items=10, days=150).select("unique_id", "ds", "y")
    few = replace(PROTOCOL, model=ModelSettings(rounds=3))
    report = backtest_sales(sales, few)
    assert set(report.table["level"]) == {"item-day", "item-interval"}


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["backtest", *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_command_writes_table_charts_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "smartshelf_dagster.forecasting.model.ModelSettings", partial(ModelSettings, rounds=3)
    )
    file = tmp_path / "sales.csv"
    market(items=12, days=120).write_csv(file)
    out = tmp_path / "out"
    code, stdout, stderr = run(
        "tidy", str(file), "--origins", "8", "--horizon", "1", "--out", str(out), "--json"
    )
    figures = orjson.loads(stdout.splitlines()[-1])
    failed = [line for line in stderr.splitlines() if line.startswith("smartshelf:")]
    assert code == (1 if failed else 0)
    assert len(figures["origins"]) == 8
    assert orjson.loads((out / "backtest.json").read_bytes()) == figures
    assert (out / "backtest.md").read_text().startswith("# Backtest of tidy")
    assert (out / "backtest.html").stat().st_size > 1_000_000


def test_simulated_is_judged_at_the_cutoffs_of_the_lake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fridays only, for stores that never close: two days and a third have to last."""
    sales = market(items=6, days=330)
    cutoffs = protection_intervals(
        sales["ds"].min(), sales["ds"].max(), [SupplierRound(5, 720, 1920)]
    )
    asked = []

    def read(settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
        asked.append(settings.lake)
        return sales, cutoffs

    monkeypatch.setattr("smartshelf_dagster.pipeline.backtest.read_lake", read)
    monkeypatch.setattr(
        "smartshelf_dagster.forecasting.model.ModelSettings", partial(ModelSettings, rounds=3)
    )
    code, stdout, _ = run(
        *("simulated", "--lake", str(tmp_path), "--origins", "8", "--horizon", "1", "--json")
    )
    assert code in (0, 1)
    assert asked == [str(tmp_path)]
    origins = [date.fromisoformat(origin) for origin in orjson.loads(stdout)["origins"]]
    assert {origin.isoweekday() for origin in origins} == {5}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["weather", "x.csv"],
            "data set 'weather', expected freshretail or online-retail or tidy or simulated",
        ),
        (["simulated", "x.csv"], "x.csv: a file for 'simulated', expected a lake alone (--lake)"),
        (["simulated", "--lake", "nowhere"], "nowhere: holds no sales, expected a lake that"),
        (["tidy"], "data set 'tidy' without FILE"),
        (["tidy", "missing.csv"], "missing.csv: expected a Parquet or CSV file"),
    ],
)
def test_command_says_what_it_cannot_use(arguments: list[str], message: str) -> None:
    code, _, stderr = run(*arguments)
    assert code == 2
    assert message in stderr
