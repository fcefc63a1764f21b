"""Streams and raw tables: what comes in.

Belongs here: the assets of the streams (not ours to make), of the raw tables, and the checks that
hold for every commit. Does not belong here: draining itself (`pipeline/drain.py`).
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import dagster as dg

from smartshelf_dagster.contracts.tables import QUARANTINE, raw_tables, reference_tables
from smartshelf_dagster.defs.common import INGEST, OWNERS, REFERENCE, STREAMS
from smartshelf_dagster.pipeline.drain import DrainReport
from smartshelf_dagster.pipeline.verify import find_contract_problems, find_repeated_positions
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.streaming.topics import COMMANDS
from smartshelf_dagster.transform.runner import warehouse_lock

_FRESH = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=2), warn_window=timedelta(minutes=15)
)
_CONTRACT, _EXACTLY_ONCE, _COMPLETE = "rows_match_contract", "no_event_twice", "no_event_lost"


def stream_specs() -> list[dg.AssetSpec]:
    """Return the streams as external assets: the edge of the system."""
    return [
        dg.AssetSpec(
            ["streams", topic],
            description=f"Redis streams `{topic}` and `{topic}:<store>`.",
            group_name=STREAMS,
            kinds={"redis"},
            owners=OWNERS,
        )
        for topic in raw_tables()
    ]


def reference_specs() -> list[dg.AssetSpec]:
    """Return the reference tables: loaded from master data, not made by a run."""
    return [
        dg.AssetSpec(
            ["ref", contract.name],
            description=contract.description,
            group_name=REFERENCE,
            kinds={"deltalake"},
            owners=OWNERS,
        )
        for contract in reference_tables().values()
    ]


def _raw_specs() -> list[dg.AssetSpec]:
    specs = [
        dg.AssetSpec(
            ["raw", topic],
            deps=[["streams", topic]],
            description=contract.description,
            group_name=INGEST,
            kinds={"redis", "deltalake"},
            owners=OWNERS,
            # People do not act every hour, and commands follow what happens.
            freshness_policy=None if topic in {COMMANDS, "operator_events"} else _FRESH,
        )
        for topic, contract in raw_tables().items()
    ]
    quarantine = dg.AssetSpec(
        ["raw", QUARANTINE.name],
        deps=[["streams", topic] for topic in raw_tables()],
        description=QUARANTINE.description,
        group_name=INGEST,
        kinds={"redis", "deltalake"},
        owners=OWNERS,
    )
    return [*specs, quarantine]


def _check_specs() -> list[dg.AssetCheckSpec]:
    texts = {
        _CONTRACT: ("The columns and types of the table are those of its contract.", True),
        _EXACTLY_ONCE: ("No stream position stands in the table twice.", False),
        _COMPLETE: ("Events received are rows plus refused events.", False),
    }
    return [
        dg.AssetCheckSpec(name, asset=["raw", topic], description=text, blocking=blocking)
        for topic in raw_tables()
        for name, (text, blocking) in texts.items()
    ]


@dg.multi_asset(name="drain", specs=_raw_specs(), check_specs=_check_specs())
def drain_streams(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Move what is on the streams into the raw tables, exactly once."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        report = session.drain()
    context.log.info("drained %s events, refused %s", report.events, report.rejected)
    for topic in raw_tables():
        yield dg.MaterializeResult(
            asset_key=["raw", topic],
            metadata=_metadata(report, topic),
            check_results=list(_check(lake, report, topic)),
        )
    yield dg.MaterializeResult(
        asset_key=["raw", QUARANTINE.name], metadata={"rows_added": report.rejected}
    )


def _metadata(report: DrainReport, topic: str) -> dict[str, Any]:
    drained = report.topics.get(topic)
    if drained is None:
        return {"events_received": 0}
    return {
        "events_received": drained.events,
        "rows_added": drained.rows,
        "events_refused": drained.rejected,
        "commits": drained.commits,
        "delta_version": drained.version,
        "last_stream_ids": drained.streams,
        "drain_seconds": round(report.wall_s, 3),
    }


def _check(lake: LakeResource, report: DrainReport, topic: str) -> Iterator[dg.AssetCheckResult]:
    key = dg.AssetKey(["raw", topic])
    problems = find_contract_problems(lake.settings, topic)
    yield dg.AssetCheckResult(
        asset_key=key, check_name=_CONTRACT, passed=not problems, metadata={"problems": problems}
    )
    repeated = find_repeated_positions(lake.settings, topic)
    yield dg.AssetCheckResult(
        asset_key=key,
        check_name=_EXACTLY_ONCE,
        passed=not repeated,
        metadata={"repeated": repeated},
    )
    drained = report.topics.get(topic)
    missing = drained.events - drained.rows - drained.rejected if drained else 0
    yield dg.AssetCheckResult(
        asset_key=key, check_name=_COMPLETE, passed=not missing, metadata={"missing": missing}
    )
