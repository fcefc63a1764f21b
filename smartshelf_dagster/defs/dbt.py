"""The dbt models as assets, and dbt's tests as asset checks.

Belongs here: how a model appears in Dagster. Does not belong here: SQL.

`@dbt_assets` and not the dbt component, and dbt in this process and not its command line: see
docs/adr/0002-dbt-in-process.md.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, dbt_assets

from smartshelf_dagster.defs.common import OWNERS
from smartshelf_dagster.pipeline.analytics import DAILY, build_analytics, publish_analytics
from smartshelf_dagster.pipeline.demand import build_demand, publish_demand
from smartshelf_dagster.pipeline.quality import refuse_wrong_facts
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.transform.runner import (
    ANALYTICS,
    CUSTOMERS,
    FORECAST,
    QUALITY,
    TICK,
    NodeResult,
    Transformer,
    ensure_manifest,
    warehouse_lock,
)

MANIFEST = ensure_manifest()
# Built with every tick, when a forecast asks for it, by the hour, by the day, or when the quality
# of the data is checked; by tag.
_TICK, _FORECAST, _ANALYTICS, _CUSTOMERS, _QUALITY = (
    select.removeprefix("tag:") for select in (TICK, FORECAST, ANALYTICS, CUSTOMERS, QUALITY)
)
_BY_TAG = {_TICK, _FORECAST, _ANALYTICS, _CUSTOMERS, _QUALITY}
# Tables that every session prepares, when what they follow from has changed.
PREPARED = {
    f"{node['schema']}/{node['name']}"
    for node in MANIFEST["nodes"].values()
    if node["resource_type"] == "seed"
    or (node["resource_type"] == "model" and not _BY_TAG.intersection(node["tags"]))
}
_EVERYTHING = {
    f"{node['schema']}/{node['name']}"
    for node in MANIFEST["nodes"].values()
    if node["resource_type"] in {"model", "seed"}
    and not {_FORECAST, _ANALYTICS, _CUSTOMERS, _QUALITY}.intersection(node["tags"])
}


class Translator(DagsterDbtTranslator):
    """Asset keys are `<layer>/<model>`, groups are layers; tests are checks of their own below."""

    def __init__(self) -> None:
        """Leave tests to `dbt_tests`: a tick does not run them."""
        super().__init__(settings=DagsterDbtTranslatorSettings(enable_asset_checks=False))

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetSpec:
        """Describe one model."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        node = manifest["nodes"].get(unique_id) or manifest["sources"][unique_id]
        return spec.replace_attributes(
            key=dg.AssetKey([node["schema"], node["name"]]),
            group_name=node["schema"],
            owners=OWNERS,
            kinds={"dbt", "duckdb"},
        )


@dbt_assets(
    manifest=MANIFEST,
    dagster_dbt_translator=Translator(),
    name="dbt_models",
    exclude=f"{FORECAST} {ANALYTICS} {CUSTOMERS} {QUALITY}",
)
def dbt_models(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """State, alerts and plans, as of the clock in force."""
    session = lake.session()
    chosen = {"/".join(key.path) for key in context.selected_asset_keys}
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        results = session.prepare(as_of)
        select = _selection(chosen)
        if select == TICK:
            results += session.transformer.build_again(select, as_of)
        elif select:
            results += session.transformer.build_once(select, as_of)
        counts = _count_rows(session.transformer, results)
    yield from _materialized((r for r in results if r.table in chosen), counts, as_of)


@dbt_assets(
    manifest=MANIFEST,
    dagster_dbt_translator=Translator(),
    name="demand_models",
    select=FORECAST,
)
def demand_models(lake: LakeResource) -> Iterator[dg.MaterializeResult[None]]:
    """What was sold and what was missing, day by day, as of the clock in force."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        session.build(as_of)
        results = build_demand(session.transformer, as_of)
        with session.transformer.reading() as reader:
            publish_demand(lake.settings, reader)
        counts = _count_rows(session.transformer, results)
    yield from _materialized(results, counts, as_of)


@dbt_assets(
    manifest=MANIFEST,
    dagster_dbt_translator=Translator(),
    name="analytics_models",
    select=ANALYTICS,
)
def analytics_models(lake: LakeResource) -> Iterator[dg.MaterializeResult[None]]:
    """Dimensions, facts and summaries, as of the clock in force."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        session.build(as_of)
        results = build_analytics(session.transformer, as_of, ANALYTICS)
        refuse_wrong_facts(session.transformer, as_of)
        publish_analytics(lake.settings, session.transformer, as_of, [ANALYTICS])
        counts = _count_rows(session.transformer, results)
    yield from _materialized(results, counts, as_of)


@dbt_assets(
    manifest=MANIFEST,
    dagster_dbt_translator=Translator(),
    name="customer_models",
    select=CUSTOMERS,
)
def customer_models(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Customers and baskets, and the facts they are made from, as of the clock in force."""
    session = lake.session()
    chosen = {"/".join(key.path) for key in context.selected_asset_keys}
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        session.build(as_of)
        results = build_analytics(session.transformer, as_of, DAILY)
        publish_analytics(lake.settings, session.transformer, as_of, [CUSTOMERS])
        counts = _count_rows(session.transformer, results)
    yield from _materialized((r for r in results if r.table in chosen), counts, as_of)


def _materialized(
    results: Iterable[NodeResult], counts: Mapping[str, int], as_of: datetime
) -> Iterator[dg.MaterializeResult[None]]:
    for result in results:
        metadata: dict[str, Any] = {
            "seconds": round(result.seconds, 3),
            "as_of": as_of.isoformat(),
        }
        if result.table in counts:
            metadata["dagster/row_count"] = counts[result.table]
        yield dg.MaterializeResult(asset_key=result.table.split("/"), metadata=metadata)


def _selection(chosen: set[str]) -> str:
    """Return what to build beyond what every session prepares anyway."""
    if chosen == _EVERYTHING:
        return TICK
    return " ".join(sorted(t.split("/")[1] for t in chosen - PREPARED))


def _count_rows(transformer: Transformer, results: list[NodeResult]) -> dict[str, int]:
    tables = [r.table for r in results if r.table.split("/")[0] not in {"seeds", "staging"}]
    with transformer.reading() as reader:
        return {table: reader.count(table) for table in tables}


def _test_specs(tags: set[str]) -> dict[str, dg.AssetCheckSpec]:
    """Return a check for every dbt test of a model with one of the tags, by dbt's id."""
    nodes = MANIFEST["nodes"]
    specs = {}
    for unique_id, node in nodes.items():
        model = nodes.get(node.get("attached_node") or "")
        if node["resource_type"] == "test" and model and tags.intersection(model["tags"]):
            specs[unique_id] = dg.AssetCheckSpec(
                node["name"],
                asset=[model["schema"], model["name"]],
                description=node.get("description")
                or f"dbt test `{node['test_metadata']['name']}`.",
            )
    return specs


def _run_tests(
    specs: Mapping[str, dg.AssetCheckSpec],
    selected: Collection[dg.AssetCheckKey],
    lake: LakeResource,
) -> Iterator[dg.AssetCheckResult]:
    session = lake.session()
    chosen = {unique_id: spec for unique_id, spec in specs.items() if spec.key in selected}
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        session.prepare(as_of)
        select = " ".join(spec.name for spec in chosen.values())
        results = session.transformer.build(select, as_of, command="test")
    for result in results:
        spec = chosen[result.unique_id]
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=result.ok,
            metadata={"failing_rows": result.failures, "message": result.message},
        )


def _tests(name: str, tags: set[str], description: str) -> dg.AssetChecksDefinition:
    """Return the dbt tests of the models with one of the tags, as checks that run together."""
    specs = _test_specs(tags)

    @dg.multi_asset_check(
        name=name, specs=list(specs.values()), description=description, can_subset=True
    )
    def tests(
        context: dg.AssetCheckExecutionContext, lake: LakeResource
    ) -> Iterator[dg.AssetCheckResult]:
        yield from _run_tests(specs, context.selected_asset_check_keys, lake)

    return tests


dbt_tests = _tests("dbt_tests", {_TICK, "reference"}, "dbt's tests on what was built last.")
demand_tests = _tests("demand_tests", {_FORECAST}, "dbt's tests on the demand history.")
analytics_tests = _tests("analytics_tests", {_ANALYTICS}, "dbt's tests on the analytics.")
customer_tests = _tests("customer_tests", {_CUSTOMERS}, "dbt's tests on customers and baskets.")
