"""How the app is put together: pages, and what it may know of the rest."""

import ast
import importlib
import pkgutil
import re
from functools import cache

import serving_files as files

import dashboard.views
from dashboard.components import frame
from dashboard.registry import PAGES

ALLOWED = {
    "smartshelf_dagster.domain.access",
    # Pure functions of published columns, so that pages ask them what would be, or what is too
    # long, instead of having a rule of their own.
    "smartshelf_dagster.analytics.replenishment",
    "smartshelf_dagster.domain.cadence",
    "smartshelf_dagster.domain.quality",
    "smartshelf_dagster.domain.version",
    "smartshelf_dagster.settings",
    "smartshelf_dagster.streaming.operator",
    "smartshelf_dagster.streaming.client",
}
FORBIDDEN = {"dagster", "redis", "deltalake", "simulator", "dbt"}


@cache
def parsed_files():
    return [
        (path, ast.parse(path.read_text(encoding="utf-8")))
        for path in (files.ROOT / "dashboard").rglob("*.py")
    ]


def imported_modules():
    for path, tree in parsed_files():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from ((path.name, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield path.name, node.module


def test_the_app_knows_only_settings_access_operator_events_and_pure_rules():
    found = list(imported_modules())
    assert len(found) > 50
    for name, module in found:
        assert module.split(".")[0] not in FORBIDDEN, name
        if module.startswith("smartshelf_dagster"):
            assert module in ALLOWED, name


def test_a46_every_page_is_drawn_by_code_and_in_the_navigation():
    modules = {name for _, name, _ in pkgutil.iter_modules(dashboard.views.__path__)}
    pages = {importlib.import_module(f"dashboard.views.{name}").PAGE for name in modules}
    assert pages == set(PAGES)


def test_a39_only_the_watch_runs_by_itself_and_it_waits_seconds():
    """A page is drawn again when there is something new, or when somebody asks for it.

    Or once for its figures, as the first page of a visit.
    """
    intervals = [
        (path.name, keyword.value.id)
        for path, tree in parsed_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "run_every"
    ]
    assert sorted(intervals) == [("figure.py", "_HEAD_START_S"), ("frame.py", "REFRESH_SECONDS")]
    assert frame.REFRESH_SECONDS == 5
    # Nobody waits by sleeping and then begins again.
    sleeping = [
        path.name
        for path, tree in parsed_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.alias) and "sleep" in ast.unparse(node)
    ]
    assert not sleeping


def test_a39_a_page_is_drawn_once_while_nothing_is_published(one_store, open_page, monkeypatch):
    drawn = []
    render = frame._render
    monkeypatch.setattr(frame, "_render", lambda *args: drawn.append(args) or render(*args))
    app = open_page()
    assert len(drawn) == 1
    app.run()
    assert len(drawn) == 2


def test_pages_have_addresses_of_their_own():
    assert len({page.path for page in PAGES}) == len(PAGES)
    assert PAGES[0].title == "Overview"


def test_streamlit_finds_no_pages_by_itself():
    assert not (files.ROOT / "dashboard" / "pages").exists()


def test_items_in_tables_lead_to_their_page():
    """The column of `components/item_links.py` shows ids; none is plain text beside it."""
    plain = re.compile(r'"(?:\w+_)?(?:item|shelf)_id": config\.')
    found = [
        (path.name, line)
        for path in (files.ROOT / "dashboard").rglob("*.py")
        for line in plain.findall(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_tables_and_figures_are_drawn_in_one_place_that_knows_how_the_reader_writes_numbers():
    drawn = {
        (path.name, node.attr)
        for path, tree in parsed_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in {"dataframe", "table", "plotly_chart"}
        and not (isinstance(node.value, ast.Name) and node.value.id == "tables")
    }
    assert drawn == {("tables.py", "dataframe"), ("figure.py", "plotly_chart")}


def test_no_sentence_writes_decimals_or_thousands_by_itself():
    """`text.formatted` does; what is here is read by a browser, or is an address."""
    by_itself = re.compile(r"^[+]?(,.*|.*\.[1-9][0-9]*[f%])$")
    found = {
        (path.name, part.value)
        for path, tree in parsed_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.FormattedValue) and node.format_spec
        for part in node.format_spec.values
        if isinstance(part, ast.Constant) and by_itself.match(part.value)
    }
    assert found == {
        ("kpi_cards.py", ".1f"),
        ("shelf_list.py", ".1%"),
        ("optimisation.py", ".1%"),
    }
