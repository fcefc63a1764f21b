"""A lake that nobody is at work on, opened for a piece of work on what was built.

Belongs here: the lock, and what has to be there first. Does not belong here: the work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from smartshelf_dagster.errors import SmartShelfError
from smartshelf_dagster.pipeline.publish import read_publication
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.transform.runner import TICK, Transformer, warehouse_lock


@contextmanager
def standing_lake(
    settings: Settings, as_of: datetime | None, refusal: type[SmartShelfError]
) -> Iterator[tuple[Transformer, datetime]]:
    """Hold the writer lock of a lake that has been built, with its warehouse prepared.

    Args:
        settings: Which lake.
        as_of: The time to work for; that of the last publication by default.
        refusal: What to raise where nothing was published yet, or the warehouse is gone.

    Yields:
        dbt of the lake, and the time.

    Raises:
        WarehouseBusyError: Another process is writing to the lake.
        OutdatedWarehouseError: Another version built the warehouse.
    """
    with warehouse_lock(settings):
        publication = read_publication(settings)
        if publication is None or not settings.warehouse_path.exists():
            raise refusal(
                f"{settings.lake}: expected a lake that has been built; run `smartshelf rebuild`"
            )
        moment = as_of or publication.as_of
        transformer = Transformer(settings)
        ensure_reference_tables(settings)
        transformer.prepare(moment)
        transformer.refuse_outdated(transformer.models(TICK), missing=True)
        yield transformer, moment
