"""Exposures say who reads what, as the code of the readers has it."""

import re
from pathlib import Path

import pytest

from dashboard.registry import PAGES
from smartshelf_dagster.pipeline.business_reports import MADE_FROM
from smartshelf_dagster.transform.runner import ensure_manifest
from tests.dashboard.page_tables import tables_read_by

ROOT = Path(__file__).parents[2]
MANIFEST = ensure_manifest()
NODES = {**MANIFEST["nodes"], **MANIFEST["sources"]}
EXPOSURES = {node["name"]: node for node in MANIFEST["exposures"].values()}
FRAME = "dashboard.components.frame"
VIEWS = {page.render.__module__: page for page in PAGES}


def table(unique_id: str) -> str:
    return f"{NODES[unique_id]['schema']}/{NODES[unique_id]['name']}"


def said(name: str) -> set[str]:
    """The tables of an exposure, those included that dbt does not make."""
    exposure = EXPOSURES[name]
    made = {table(unique_id) for unique_id in exposure["depends_on"]["nodes"]}
    return made | set(exposure["config"]["meta"].get("also_reads", []))


def exposure_of(module: str) -> str:
    return f"page_{module.rsplit('.', 1)[1]}"


@pytest.mark.parametrize("module", [*sorted(VIEWS), FRAME])
def test_page_reads_what_its_exposure_says(module: str) -> None:
    assert said(exposure_of(module)) == tables_read_by(module)


@pytest.mark.parametrize("module", sorted(VIEWS))
def test_page_is_found_where_its_exposure_says(module: str) -> None:
    assert EXPOSURES[exposure_of(module)]["url"].endswith(f":3001/{VIEWS[module].path}")


def test_every_page_has_an_exposure_and_every_exposure_a_reader() -> None:
    pages = {exposure_of(module) for module in (*VIEWS, FRAME)}
    assert set(EXPOSURES) == pages | {"business_reports", "forecaster", "http_api"}


def test_what_dbt_makes_stands_among_the_dependencies() -> None:
    known = {table(unique_id) for unique_id in NODES}
    for exposure in EXPOSURES.values():
        assert not known & set(exposure["config"]["meta"].get("also_reads", []))


def test_reports_read_what_their_exposure_says() -> None:
    assert said("business_reports") == set(MADE_FROM)


def test_forecasts_read_what_their_exposure_says() -> None:
    code = "".join(
        (ROOT / "smartshelf_dagster" / "pipeline" / f"{name}.py").read_text("utf-8")
        for name in ("demand", "forecast")
    )
    named = set(re.findall(r'"([a-z]+/[a-z_0-9]+)"', code))
    named |= {f"ref/{name}" for name in re.findall(r'read_reference\(settings, "(\w+)"\)', code)}
    assert said("forecaster") == named & {table(unique_id) for unique_id in NODES}


def test_api_serves_what_its_exposure_says() -> None:
    published = {
        table(unique_id)
        for unique_id, node in MANIFEST["nodes"].items()
        if node["resource_type"] == "model"
        and {"publish", "analytics"} & node["config"]["meta"].keys()
    }
    reference = {name for name in said("http_api") if name.startswith("ref/")}
    assert said("http_api") == published | reference
    assert {"ref/stores", "ref/items"} <= reference


def test_every_exposure_has_an_owner_and_says_what_it_is() -> None:
    for exposure in EXPOSURES.values():
        assert exposure["owner"]["name"]
        assert exposure["description"].endswith(".")
        assert exposure["url"].startswith("http://127.0.0.1:")


def test_tables_are_found_through_the_functions_a_page_calls() -> None:
    """The page of waste reads no alerts, though the frame around it does."""
    assert "live/waste_daily" in tables_read_by("dashboard.views.waste")
    assert "ops/alerts" in tables_read_by(FRAME)
    assert "ops/alerts" not in tables_read_by("dashboard.views.waste")
