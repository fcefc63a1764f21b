"""Builds all models with dbt's target `sail` from the raw tables of a lake, in two steps, and
compares every row with what DuckDB has built: `python -m tests.helpers.spark_engine LAKE AS_OF`.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import duckdb
from dbt.cli.main import dbtRunner
from pysail.spark import SparkConnectServer
from pyspark.sql import SparkSession

from smartshelf_dagster.contracts.tables import all_tables
from smartshelf_dagster.settings import load_settings
from smartshelf_dagster.transform.runner import DBT_PROJECT_DIR

# Analytics, and the calendar that it alone reads, are DuckDB's; no tick builds them.
WITHOUT = ["--exclude", "tag:analytics", "tag:customers", "tag:quality", "holidays"]
# Numbers of loads and commits, which differ with how often a model was built.
BOOKKEEPING = ("_seq", "ingest_batch")


def invoke(command: list[str], target: str, as_of: str) -> list[Any]:
    outcome = dbtRunner().invoke(
        [
            *command,
            *("--target", "sail", "--vars", json.dumps({"as_of": as_of})),
            *("--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)),
            *("--target-path", target, "--log-path", target, "--log-level", "none", "--quiet"),
        ]
    )
    if outcome.exception:
        raise outcome.exception
    return list(outcome.result.results)


def main(lake: str, as_of: str) -> None:
    lake = str(Path(lake).resolve())
    with tempfile.TemporaryDirectory(prefix="smartshelf-spark-") as folder:
        # Sail keeps its tables under the working folder, which may be somebody's checkout.
        os.chdir(folder)
        compare(lake, as_of)
    # Stopping the server waits for its sessions, and dbt keeps one open.
    os._exit(0)


def compare(lake: str, as_of: str) -> None:
    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    host, port = server.listening_address
    os.environ["SMARTSHELF_DBT_SPARK_PORT"] = str(port)
    spark = SparkSession.builder.remote(f"sc://{host}:{port}").getOrCreate()
    layers = ("raw", "ref", "seeds", "staging", "cleansed", "curated", "ops", "live")
    for schema in (*layers, "smartshelf"):
        spark.sql(f"create database if not exists {schema}")
    for contract in all_tables():
        name = contract.table.replace("/", ".")
        spark.sql(f"create table {name} using delta location '{lake}/{contract.table}'")
    results = []
    with tempfile.TemporaryDirectory() as target:
        # The second run is incremental and must change nothing.
        run = ["run", *WITHOUT]
        for command in (["compile", *WITHOUT], ["seed", *WITHOUT], run, run):
            results += invoke(command, target, as_of)
    failed = [
        f"{r.node.unique_id}: {r.message}"
        for r in results
        if str(r.status) not in {"success", "pass"}
    ]
    built = sorted(
        {(r.node.schema, r.node.name) for r in results if r.node.resource_type == "model"}
    )
    connection = duckdb.connect(str(load_settings(lake=lake).warehouse_path), read_only=True)
    connection.execute("set TimeZone = 'UTC'")
    differences, rows = {}, 0
    for schema, name in built:
        if schema == "staging":
            continue
        own = connection.sql(f"from {schema}.{name}").to_arrow_table()
        connection.register("theirs", spark.sql(f"select * from {schema}.{name}").toArrow())
        connection.register("ours", own)
        columns = ", ".join(c for c in own.column_names if not c.endswith(BOOKKEEPING))
        left, right = (f"(select {columns} from {t})" for t in ("ours", "theirs"))
        counted = connection.sql(
            f"select (select count(*) from ({left} except all {right}))"
            f" + (select count(*) from ({right} except all {left}))"
        ).fetchall()
        differences[f"{schema}.{name}"] = counted[0][0]
        rows += own.num_rows
    print(json.dumps({"failed": failed, "differences": differences, "rows": rows}))
    connection.close()
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
