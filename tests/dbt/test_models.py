"""The dbt project: its unit tests, its data tests on a living lake, its layers."""

from typing import Any

import pytest

from smartshelf_dagster.pipeline.analytics import ALL_MODELS, build_analytics
from smartshelf_dagster.pipeline.demand import build_demand
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.transform.runner import FORECAST, TICK, Transformer, ensure_manifest
from tests.helpers.warehouse import BEFORE
from tests.helpers.world import Recording

LAYERS = ("seeds", "staging", "cleansed", "curated", "ops", "live", "analytics", "dq")
MANIFEST = ensure_manifest()
MODELS = {k: n for k, n in MANIFEST["nodes"].items() if n["resource_type"] == "model"}


def layer_of(unique_id: str) -> str:
    node = MANIFEST["nodes"].get(unique_id)
    return node["schema"] if node else "source"


def test_unit_tests_of_the_models_pass(analysed_settings: Settings) -> None:
    # A fixture has the columns of the table it stands for, which is there, if empty.
    transformer = Transformer(analysed_settings)
    transformer.prepare(BEFORE)
    results = transformer.build("test_type:unit", BEFORE, command="test")
    assert [f"{r.unique_id}: {r.message}" for r in results if not r.ok] == []
    assert len(results) >= 30


def test_data_tests_pass_on_a_living_lake(recorded: Recording, recorded_copy: Settings) -> None:
    transformer = Transformer(recorded_copy)
    transformer.prepare(recorded.now)
    build_analytics(transformer, recorded.now)
    build_demand(transformer, recorded.now)
    models = f"{TICK} {FORECAST} {ALL_MODELS}".split()
    select = " ".join(f"{chosen},test_type:data" for chosen in models)
    results = transformer.build(select, recorded.now, command="test")
    assert [f"{r.unique_id}: {r.message}" for r in results if not r.ok] == []
    assert len(results) > 400


def test_only_staging_reads_sources() -> None:
    wrong = [
        unique_id
        for unique_id, node in MODELS.items()
        for dependency in node["depends_on"]["nodes"]
        if dependency.startswith("source.") and node["schema"] != "staging"
    ]
    assert wrong == []


def test_layers_depend_on_lower_layers_only() -> None:
    """Staging feeds cleansed and ops; what is live reads anything below it."""
    wrong = [
        (unique_id, dependency)
        for unique_id, node in MODELS.items()
        for dependency in node["depends_on"]["nodes"]
        if not dependency.startswith("source.")
        and LAYERS.index(layer_of(dependency)) > LAYERS.index(node["schema"])
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "unique_id", sorted(MODELS), ids=lambda unique_id: unique_id.split(".")[-1]
)
def test_model_outside_staging_has_description_grain_owner_and_contract(unique_id: str) -> None:
    node = MODELS[unique_id]
    if node["schema"] == "staging":
        assert node["config"]["materialized"] in {"view", "table"}
        return
    assert node["description"].startswith("One row per")
    assert node["config"]["meta"]["owner"]
    assert node["config"]["contract"]["enforced"]
    tests = {
        test["test_metadata"]["name"]
        for test in MANIFEST["nodes"].values()
        if test["resource_type"] == "test" and test.get("attached_node") == unique_id
    }
    assert "unique_rows" in tests
    undescribed = [c for c, column in node["columns"].items() if not column["description"]]
    assert undescribed == []


def test_models_do_not_read_a_clock() -> None:
    forbidden = ("now(", "current_date", "current_timestamp", "get_current_time", "today(")
    wrong = [
        (unique_id, word)
        for unique_id, node in MODELS.items()
        for word in forbidden
        if word in _without_comments(node).lower()
    ]
    assert wrong == []


def _without_comments(node: dict[str, Any]) -> str:
    lines = node["raw_code"].splitlines()
    return "\n".join(line for line in lines if not line.strip().startswith("--"))
