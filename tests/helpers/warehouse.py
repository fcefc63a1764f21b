"""A warehouse whose tables are there, for lakes that tests make: dbt takes half a minute for that."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

from smartshelf_dagster.pipeline.analytics import ALL_MODELS, DAILY, build_analytics
from smartshelf_dagster.pipeline.demand import build_demand
from smartshelf_dagster.pipeline.micro_batch import DECISIONS, ORDERING, POSITIONS
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.warehouse import connect
from smartshelf_dagster.transform.runner import ANALYTICS, TICK, Transformer

# Long ago, whatever time a test computes for.
BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def build_empty(settings: Settings) -> None:
    """Build the models of a tick where nothing has happened; how is noted in the warehouse."""
    transformer = Transformer(settings)
    transformer.prepare(BEFORE)
    for select in (TICK, TICK, DECISIONS, POSITIONS, ORDERING):
        transformer.build_again(select, BEFORE)


def analyse_empty(settings: Settings) -> None:
    """Build the analytics of such a lake as well, twice: what creates a table is not noted."""
    transformer = Transformer(settings)
    transformer.prepare(BEFORE)
    build_analytics(transformer, BEFORE)
    with connect(settings.warehouse_path, read_only=False) as connection:
        # What was made from the same is left as it is, where one knows from what it was made.
        connection.execute("delete from main.build_notes where name = 'made'")
    for select in (ALL_MODELS, ANALYTICS, DAILY):
        build_analytics(transformer, BEFORE, select)
    build_demand(transformer, BEFORE)


def give_warehouse(lake: str | Path, template: Path) -> Settings:
    """Give a lake that has none the warehouse of an empty one.

    Reference data are those of another world: the first session loads the lake's own.

    Args:
        lake: The lake.
        template: The other lake.
    """
    settings = load_settings(lake=str(lake))
    source = load_settings(lake=str(template)).warehouse_path
    settings.warehouse_path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, settings.warehouse_path)
    with connect(settings.warehouse_path, read_only=False) as connection:
        connection.execute("drop table main.last_preparation")
    return settings
