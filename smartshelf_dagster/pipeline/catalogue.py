"""What the served tables and their columns mean, gathered from where it is said.

Belongs here: the descriptions that go into the serving file: those of dbt models, of contracts,
and of tables made in Python. Does not belong here: writing them (`storage/warehouse.py`).
"""

from dataclasses import replace

import pyarrow as pa

from smartshelf_dagster.contracts.described import MADE_IN_PYTHON, Description
from smartshelf_dagster.contracts.tables import reference_tables
from smartshelf_dagster.transform.runner import Transformer, project_variables

METRICS = "meta/metrics"
_METRICS_SCHEMA = pa.schema(
    [
        ("metric", pa.string()),
        ("numerator", pa.string()),
        ("denominator", pa.string()),
        ("factor", pa.int64()),
        ("adds_up", pa.string()),
    ]
)
# From more to less.
_ADDS_UP = ("everywhere", "receipts", "nowhere")

# Master data of the chain rather than of one store.
_SHARED_REFERENCE = ("ref/items", "ref/zones")
# The plan has columns of what it is made from.
_PLAN, _PLAN_SOURCES = "ops/supplier_plan", ("ops/supplier_positions", "ops/supplier_orders")


def metric_definitions() -> pa.Table:
    """Return what KPIs of sales are made of, as the dbt project says."""
    measures = project_variables()["sales_measures"]
    rows = [
        {"metric": name, "numerator": name, "denominator": None, "factor": 1, "adds_up": adds_up}
        for name, adds_up in measures.items()
    ]
    rows += [
        {
            "metric": name,
            "numerator": numerator,
            "denominator": denominator,
            "factor": 100 if name.endswith("_pct") else 1,
            # What is divided anew adds up as far as both of its parts do.
            "adds_up": max(measures[numerator], measures[denominator], key=_ADDS_UP.index),
        }
        for name, (numerator, denominator) in project_variables()["sales_ratios"].items()
    ]
    return pa.Table.from_pylist(rows, schema=_METRICS_SCHEMA)


def describe_tables(transformer: Transformer) -> dict[str, Description]:
    """Return what is known of the tables that a serving file may hold, by `<layer>/<name>`.

    A dbt model without store_id that holds nothing of a single store says so with
    `shared: true` in its `meta.publish` or `meta.analytics`.

    Args:
        transformer: Whose dbt project describes the models.
    """
    known = {
        contract.table: Description(
            contract.description,
            {field.name: field.description for field in contract.fields},
            is_shared=contract.table in _SHARED_REFERENCE,
        )
        for contract in reference_tables().values()
    }
    for table, node in transformer.models().items():
        meta = node["config"]["meta"]
        publish = meta.get("publish") or meta.get("analytics") or {}
        known[table] = Description(
            " ".join(node["description"].split()),
            {column["name"]: column["description"] for column in node["columns"].values()},
            is_shared=bool(publish.get("shared")),
        )
    known |= MADE_IN_PYTHON
    plan = MADE_IN_PYTHON[_PLAN]
    for source in _PLAN_SOURCES:
        plan = replace(plan, columns=known[source].columns | plan.columns)
    return known | {_PLAN: plan}
