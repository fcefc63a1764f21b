"""Two years of three stores whose laws are known, with what statistics must find hidden in them."""

from datetime import UTC, datetime
from pathlib import Path

from smartshelf_dagster.domain.sales_history import Association, Outage, Recipe, Surge
from smartshelf_dagster.pipeline.analyse import analyse
from smartshelf_dagster.pipeline.generate import HistoryReport, generate_history
from smartshelf_dagster.pipeline.micro_batch import LakeSession
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.streaming.client import connect
from smartshelf_dagster.streaming.topics import SIM_NOW_KEY


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Hours of ordinary days with five times the sales, and busy ones without any.
STRONG = [
    at(text)
    for text in (
        "2025-02-11T11:00", "2025-03-19T09:00", "2025-05-06T18:00", "2025-06-14T08:00",
        "2025-08-23T18:00", "2025-10-01T20:00",
    )
]  # fmt: skip
SILENT = [
    at(text)
    for text in (
        "2025-04-12T18:00", "2025-07-05T19:00", "2025-10-18T17:00", "2025-11-14T18:00",
        "2025-11-29T11:00", "2025-12-13T19:00",
    )
]  # fmt: skip
OUTAGE = Outage(store=0, item=5, begin=at("2025-12-09T09:00"), end=at("2025-12-12T15:00"))
PAIR = Association(item=10, other=40, probability=0.6)
RECIPE = Recipe(
    months=24,
    stores=3,
    items=60,
    seed=42,
    rate=2.2,
    sensors=1,
    surges=(*(Surge(hour, 1, 5) for hour in STRONG), *(Surge(hour, 1, 0) for hour in SILENT)),
    outages=(OUTAGE,),
    associations=(PAIR,),
)


def load_generated(folder: Path, url: str) -> tuple[Settings, HistoryReport]:
    """Load the history into a lake, and analyse it as of its end.

    Args:
        folder: Where to.
        url: A broker whose content may be lost.
    """
    settings = load_settings(lake=str(folder / "lake"))
    client = connect(url, 60)
    client.flushall()
    client.set(SIM_NOW_KEY, RECIPE.end.strftime("%Y-%m-%dT%H:%M:%SZ"))
    session = LakeSession(settings, client)
    report = generate_history(session, RECIPE)
    client.close()
    analyse(settings, RECIPE.end)
    return settings, report
