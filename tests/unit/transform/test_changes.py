"""Which models have to be built: those whose origin is another one than when they were."""

from datetime import UTC, datetime

import pytest

from smartshelf_dagster.transform.changes import Changes, Made, timely

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
# facts <- days <- (view) <- periods; dates looks at the time, and the view at dates as well.
INPUTS = {
    "facts": {"raw"},
    "days": {"facts"},
    "dates": set(),
    "closed": {"facts", "dates"},
    "periods": {"closed"},
}


class Lake:
    """Stamps of tables as somebody sets them, and what was noted of the last build."""

    def __init__(self) -> None:
        self.stamps = dict.fromkeys([*INPUTS, "raw"], "0")
        self.made: dict[str, Made] = {}

    def changes(self, time: datetime = NOON, base: str = "project") -> Changes:
        return Changes(
            inputs=INPUTS,
            views={"closed"},
            base=base,
            times={"dates": time},
            stamp_of=self.stamps.__getitem__,
            made=self.made,
        )

    def build(self, changes: Changes, becomes: dict[str, str] | None = None) -> list[str]:
        """Build what is stale; tables hold the same as before unless said otherwise."""
        built = []
        for table in changes.concerned():
            if changes.is_stale(table):
                self.stamps |= {t: s for t, s in (becomes or {}).items() if t == table}
                changes.was_built(table)
                built.append(table)
        self.made = dict(changes.made)
        return built


@pytest.fixture
def lake() -> Lake:
    lake = Lake()
    assert set(lake.build(lake.changes())) == {"facts", "days", "dates", "periods"}
    return lake


def test_nothing_is_concerned_when_nothing_has_changed(lake: Lake) -> None:
    assert lake.changes().concerned() == []


def test_what_follows_from_a_change_is_built_in_order(lake: Lake) -> None:
    lake.stamps["raw"] = "1"
    changes = lake.changes()
    assert changes.concerned()[0] == "facts"
    assert set(changes.concerned()) == {"facts", "days", "periods"}
    lake.stamps["closed"] = "1"
    assert set(lake.build(changes, {"facts": "1", "days": "1"})) == {"facts", "days", "periods"}


def test_a_table_that_holds_the_same_as_before_changes_nothing(lake: Lake) -> None:
    lake.stamps["raw"] = "1"
    assert lake.build(lake.changes()) == ["facts"]
    assert lake.changes().concerned() == []


def test_what_is_seen_through_a_view_counts_and_not_what_it_looks_at(lake: Lake) -> None:
    """Today's sales are new; those of the days that are over are the same."""
    lake.stamps["raw"] = "1"
    assert set(lake.build(lake.changes(), {"facts": "1", "days": "1"})) == {"facts", "days"}


def test_another_time_concerns_who_looks_at_it(lake: Lake) -> None:
    later = NOON.replace(hour=13)
    assert lake.build(lake.changes(later)) == ["dates"]
    assert lake.changes(later).concerned() == []
    assert lake.changes(NOON).concerned() == ["dates", "periods"]


def test_a_table_that_somebody_touched_or_nobody_knows_of_is_built(lake: Lake) -> None:
    lake.stamps["days"] = "touched"
    assert lake.changes().concerned() == ["days"]
    del lake.made["periods"]
    assert set(lake.changes().concerned()) == {"days", "periods"}


def test_another_project_builds_everything(lake: Lake) -> None:
    assert len(lake.changes(base="another").concerned()) == 4


def test_models_look_at_the_time_through_macros_too() -> None:
    macros = {
        "macro.smartshelf.as_of": [],
        "macro.smartshelf.open_date": ["macro.smartshelf.as_of"],
        "macro.smartshelf.dated": ["macro.smartshelf.open_date"],
        "macro.smartshelf.ratio": [],
    }
    models = {"a": ["macro.smartshelf.dated"], "b": ["macro.smartshelf.ratio"], "c": []}
    assert timely(models, macros) == {"a"}
