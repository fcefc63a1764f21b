"""The closed loop, and a past period again under another policy."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from smartshelf_dagster.domain.ordering import PolicyParameterError, UnknownPolicyError
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.services.closed_loop import (
    ALL_GOODS,
    ALL_RULES,
    FLOOR_RULES,
    copy_lake,
    loop_figures,
    run_closed_loop,
)
from smartshelf_dagster.services.embedded_redis import EmbeddedRedis
from smartshelf_dagster.services.simulator import LockstepSimulator, bootstrap_world, state_dir
from smartshelf_dagster.services.what_if import (
    Branch,
    ReplayMismatchError,
    WhatIfError,
    run_what_if,
)
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage import delta
from smartshelf_dagster.streaming.client import connect
from tests.helpers.warehouse import give_warehouse
from tests.integration.test_cli import smartshelf

pytestmark = pytest.mark.timeout(600)

# A Saturday; cutoffs on Sunday and Tuesday.
START = datetime(2026, 1, 3, tzinfo=UTC)
DAY = timedelta(days=1)
SUNDAY, TUESDAY = START + DAY + DAY / 2, START + 3 * DAY + DAY / 2
END = START + 4 * DAY


@dataclass(frozen=True)
class Past:
    """A lake that knows every kind of past.

    Attributes:
        settings: The lake.
        told: What the loop told of its cutoffs: time, orders, pieces.
    """

    settings: Settings
    told: list[tuple[datetime, int, int]]


@pytest.fixture(scope="module")
def past(lake_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Past:
    """A day by standing rules, one by the system, two in the closed loop."""
    folder = tmp_path_factory.mktemp("what-if")
    give_warehouse(folder / "lake", lake_template)
    settings = load_settings(lake=str(folder / "lake"), order_policy="rule")
    bootstrap_world(settings, seed=4, start=START)
    told: list[tuple[datetime, int, int]] = []
    with EmbeddedRedis(settings.state_path / "redis") as server:
        session = LakeSession(settings, connect(server.url, 30))
        with LockstepSimulator(settings, server.url, *ALL_RULES) as simulator:
            simulator.advance(START + DAY)
            session.drain()
        with LockstepSimulator(settings, server.url) as simulator, session.transformer.held():
            for turn in range(1, 5):
                simulator.advance(START + DAY + turn * DAY / 4)
                session.turn(publish_now=False)
        with LockstepSimulator(settings, server.url, *FLOOR_RULES) as simulator:
            run_closed_loop(
                session,
                simulator,
                until=END,
                on_cutoff=lambda cutoff, closed: told.extend(
                    (cutoff, each.order_lines, each.order_pieces) for each in closed
                ),
            )
    return Past(settings, told)


def commands(settings: Settings) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(delta.read(settings.table_uri("raw/commands"))))


def test_closed_loop_orders_come_from_the_system_once_for_each_item_and_cutoff(past: Past) -> None:
    frame = commands(past.settings)
    closed = frame.filter(pl.col("event_type") == "supplier_cutoff").sort("cutoff_ts")
    assert closed.select("cutoff_ts", "policy").rows() == [(SUNDAY, "rule"), (TUESDAY, "rule")]
    orders = frame.filter(pl.col("event_type") == "supplier_order")
    assert orders["source"].unique().to_list() == ["/stores/S001/supply-planner"]
    assert orders.select("shelf_id", "cutoff_ts").n_unique() == orders.height
    sums = orders.filter(pl.col("cutoff_ts") == TUESDAY)["quantity"]
    assert past.told == [(TUESDAY, len(sums), sums.sum())]
    assert len(sums) > 10


def test_closed_loop_staff_go_by_standing_rules(past: Past) -> None:
    later = commands(past.settings).filter(pl.col("event_ts") > START + 2 * DAY)
    restocks = later.filter(pl.col("event_type") == "restock")
    assert restocks["source"].unique().to_list() == ["/stores/S001/standing-rules"]
    assert restocks["event_ts"].dt.hour().n_unique() > 10


def test_what_if_nothing_were_different(past: Past) -> None:
    """The branches repeat what the closed loop did, to the piece and the cent."""
    begin = START + 3 * DAY
    before = commands(past.settings)
    report = run_what_if(
        past.settings, begin, END, baseline=Branch("rule"), alternative=Branch("rule")
    )
    day = begin.date()
    was = loop_figures(past.settings, day, day)
    assert report.figures[0].equals(was)
    changes = report.differences().drop("group")
    assert changes.select(pl.all().abs().max()).row(0) == (0,) * changes.width
    assert report.to_json()["groups"][ALL_GOODS]["baseline"]["sold_units"] > 5_000
    assert commands(past.settings).equals(before)


def test_what_if_more_were_ordered_and_suppliers_were_late(past: Past) -> None:
    """What was ordered on Sunday has not come by the end of Monday, so there is less."""
    report = run_what_if(
        past.settings,
        START + DAY,
        START + 3 * DAY,
        baseline=Branch("order-up-to"),
        alternative=Branch("order-up-to", {"safety_factor": 4.0}, {"late": 1.0}),
    )
    change = report.differences().row(0, named=True)
    assert change["ordered_units"] > 500
    assert change["average_stock"] < 0
    table = report.to_markdown()
    assert "order-up-to (safety_factor=4, supplier_faults.late=1)" in table
    assert "| all goods | baseline | alternative | difference |" in table


def test_what_if_a_past_that_comes_out_different_is_refused(past: Past, tmp_path: Path) -> None:
    copy = copy_lake(past.settings, tmp_path / "copy")
    file = state_dir(copy) / "ledger" / "store=S001" / "2026-01-03.parquet"
    pl.read_parquet(file).with_columns(pl.col("sold_units") + 1).write_parquet(file)
    with pytest.raises(ReplayMismatchError, match="from 2026-01-03 on the ledger differs"):
        run_what_if(
            copy, START + DAY, END, baseline=Branch("rule"), alternative=Branch("order-up-to")
        )


@pytest.mark.parametrize(
    ("begin", "end", "message"),
    [
        (START, END, "--from 2026-01-03, expected a day after 2026-01-03 up to 2026-01-07"),
        (END + DAY, END + 2 * DAY, "--from 2026-01-08, expected a day after"),
        (START + DAY, START + DAY, "--to 2026-01-04, expected a day after --from 2026-01-04"),
    ],
)
def test_what_if_a_period_that_is_not_there_is_refused(
    past: Past, begin: datetime, end: datetime, message: str
) -> None:
    with pytest.raises(WhatIfError, match=message):
        run_what_if(past.settings, begin, end, baseline=Branch("rule"), alternative=Branch("rule"))


def test_what_if_policies_and_parameters_that_are_not_known_are_refused(past: Past) -> None:
    for branch, error in (
        (Branch("magic"), UnknownPolicyError),
        (Branch("rule", {"safety_factor": 1.0}), PolicyParameterError),
    ):
        with pytest.raises(error, match="expected"):
            run_what_if(
                past.settings, START + DAY, END, baseline=Branch("rule"), alternative=branch
            )


def test_what_if_by_the_command_line_refuses_what_it_does_not_know(past: Past) -> None:
    result = smartshelf(
        *("what-if", "--from", "2026-01-05", "--to", "2026-01-07", "--policy", "order-up-to"),
        *("--set", "magic=1", "--lake", past.settings.lake),
    )
    assert result.returncode == 2
    assert "'magic' of ordering policy order-up-to, expected safety_factor" in result.stderr


def test_what_if_needs_a_simulated_world(tmp_path: Path) -> None:
    settings = load_settings(lake=str(tmp_path / "lake"))
    with pytest.raises(WhatIfError, match="no simulated world"):
        run_what_if(settings, START, END, baseline=Branch("rule"), alternative=Branch("rule"))


def test_figures_of_days_that_are_not_there_are_refused(past: Past) -> None:
    with pytest.raises(ValueError, match="expected days from 2026-01-03 to 2026-01-06"):
        loop_figures(past.settings, date(2026, 1, 3), date(2026, 1, 9))
