"""Figures that are kept in a lake, and what they are held against."""

from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS as NAMES
from benchmarks.common import Figure
from benchmarks.targets import TARGETS, Target
from benchmarks.telling import tell
from smartshelf_dagster.contracts.described import MADE_IN_PYTHON
from smartshelf_dagster.pipeline.benchmark_log import BENCHMARKS
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.storage import delta


class Options:
    """What is asked on the command line."""

    json = False

    def __init__(self, lake: Path | None) -> None:
        self.record = str(lake) if lake else None


FIGURES = [
    Figure("drain, one event per entry", (100_000.0, 170_000.0, 160_000.0), "events/s", "three times"),
    Figure("raw to all marts", (61.0,), "s", "once"),
    Figure("replay", (21.0,), "s", "once"),
]  # fmt: skip


def test_each_run_adds_its_figures_with_what_they_are_held_against(tmp_path: Path) -> None:
    for _ in range(2):
        tell(FIGURES, "2 cores", Options(tmp_path))  # type: ignore[arg-type]
    kept = delta.read(load_settings(lake=str(tmp_path)).table_uri(BENCHMARKS))
    assert set(kept.column_names) == MADE_IN_PYTHON[BENCHMARKS].columns.keys()
    rows = kept.to_pylist()
    assert len(rows) == 6
    assert len({row["run_id"] for row in rows}) == 2
    told = {row["name"]: (row["figure"], row["target"], row["is_met"]) for row in rows}
    assert told == {
        "drain, one event per entry": (160_000.0, 150_000.0, True),
        "raw to all marts": (61.0, 60.0, False),
        "replay": (21.0, None, None),
    }
    spread = next(row for row in rows if row["repetitions"] == 3)
    assert (spread["least"], spread["most"], spread["machine"]) == (1e5, 1.7e5, "2 cores")


def test_what_is_printed_says_whether_a_target_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    tell(FIGURES, "2 cores", Options(None))  # type: ignore[arg-type]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 cores"
    assert "| ≥ 150,000: met |" in lines[4]
    assert "| ≤ 60: missed |" in lines[5]
    assert "|  | once |" in lines[6]


@pytest.mark.parametrize(("value", "met"), [(59.9, True), (60.0, True), (60.1, False)])
def test_a_bound_may_be_reached_and_not_crossed(value: float, met: bool) -> None:
    assert Target(60).is_met(value) is met
    assert Target(-60, at_least=True).is_met(-value) is met


def test_targets_are_positive_and_there_is_a_benchmark_for_them() -> None:
    assert all(target.bound > 0 for target in TARGETS.values())
    assert {"sustained", "micro-batch", "drain"} <= NAMES.keys()
