"""Reading what an app under test shows, and a broker that remembers what it sends."""

import json
import math
from typing import Any

import polars as pl
import redis
from streamlit.testing.v1 import AppTest

from smartshelf_dagster.streaming.topics import EVENT_FIELD

URL = "redis://127.0.0.1:6399/0"
SIM_NOW = "2026-01-03T11:50:00.000000Z"


def words(app: AppTest) -> str:
    """Return all text of the page, tables and style sheet left out."""
    kinds = (
        *(app.title, app.subheader, app.markdown, app.caption),
        *(app.info, app.warning, app.success, app.error),
    )
    found = [str(element.value) for kind in kinds for element in kind]
    found += [element.proto.body for element in app.get("html")]
    return "\n".join(text for text in found if "<style>" not in text)


def figure(app: AppTest, label: str) -> str:
    """Return the value of the metric whose label begins so."""
    return next(metric.value for metric in app.metric if metric.label.startswith(label))


def table(app: AppTest, column: str) -> Any:
    """Return the first table that has a column, as a pandas frame."""
    return next(t.value for t in app.dataframe if column in t.value.columns)


def choose_rows(app: AppTest, key: str, *ids: str) -> AppTest:
    """Choose rows of one of our tables, as a click does."""
    app.session_state[key] = list(ids)
    return app.run()


def press(app: AppTest, button: str) -> AppTest:
    """Press the button whose label begins so."""
    next(b for b in app.button if b.label.startswith(button)).click()
    return app.run()


def agree(app: AppTest) -> AppTest:
    """Say yes to the question that stands."""
    return press(app, "Yes, ")


def without_menu(app: AppTest, offered: list[pl.DataFrame]) -> list[list[str]]:
    """Return the columns of the tables that cannot be downloaded.

    A menu is of a table if it has its rows, or more of which those are the first: a third of
    the columns that both have say the same, for some are put in words. Each menu is of one table; others are of charts.

    Args:
        app: What is shown.
        offered: The rows of each menu.
    """
    left, found = list(offered), []
    for element in app.dataframe:
        shown = {str(name): list(element.value[name]) for name in element.value.columns}
        index = next((at for at, frame in enumerate(left) if _has(frame, shown)), None)
        if index is None:
            found.append(list(shown))
        else:
            del left[index]
    return found


def _has(frame: pl.DataFrame, shown: dict[str, list[Any]]) -> bool:
    rows = len(next(iter(shown.values()), []))
    both = [name for name in frame.columns if name in shown]
    alike = [
        sorted(map(_plain, frame[name].head(rows))) == sorted(map(_plain, shown[name]))
        for name in both
    ]
    return rows <= len(frame) and 3 * sum(alike) >= len(both) > 0


def _plain(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return str(value)[:16]


class FakeRedis:
    """As much of Redis as sending an event needs; remembers what was added to which stream."""

    def __init__(self, fails_after=None):
        self.entries = []
        self.closed = False
        self._fails_after = fails_after

    def get(self, key):
        return SIM_NOW.encode() if key == "sim:now" else None

    def pipeline(self, *, transaction):
        assert transaction
        return self

    def xadd(self, stream, fields):
        if len(self.entries) == self._fails_after:
            raise redis.ConnectionError("gone")
        self.entries.append((stream, json.loads(fields[EVENT_FIELD])))

    def execute(self):
        pass

    def close(self):
        self.closed = True
