"""Reading what an app under test shows."""

from typing import Any

from streamlit.testing.v1 import AppTest


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
