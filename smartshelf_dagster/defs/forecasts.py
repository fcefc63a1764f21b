"""Forecasts: models, what they say of each cutoff, how it turned out, and whether they still fit.

Belongs here: the assets of `ml/*` and the check that turns yellow. Does not belong here: the order
of the steps (`pipeline/forecast.py`), and who is promoted (`forecasting/promotion.py`).
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from smartshelf_dagster.defs.common import FORECASTS, OWNERS
from smartshelf_dagster.defs.cutoffs import CUTOFFS, build_for_cutoff
from smartshelf_dagster.pipeline.forecast import (
    newest_alarms,
    track_accuracy,
    train_models,
    watch_drift,
)
from smartshelf_dagster.resources.lake import LakeResource
from smartshelf_dagster.transform.runner import warehouse_lock

_DEMAND = ["curated", "demand_history"]
_MADE = "forecast_was_made"


@dg.asset(
    key=["ml", "models"],
    deps=[_DEMAND],
    group_name=FORECASTS,
    kinds={"deltalake", "xgboost"},
    owners=OWNERS,
    description="The registry: a model per family, trained on the past year; with it how every "
    "method did on what was held out, what matters to the model, and who forecasts from now on.",
)
def models(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult[None]:
    """Train both families on the demand up to yesterday, and decide."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        session.build(as_of)
        decided = train_models(lake.settings, session.transformer, as_of)
    for each in decided:
        context.log.info("%s: %s, %s", each.model_version, each.decision, each.reason)
    return dg.MaterializeResult(
        metadata={
            "as_of": as_of.isoformat(),
            "models": len(decided),
            "decisions": _markdown(
                pl.DataFrame(decided, schema=["family", "model_version", "decision", "reason"])
            ),
        }
    )


@dg.asset(
    key=["ml", "predictions"],
    deps=[_DEMAND, ["ml", "models"]],
    partitions_def=CUTOFFS,
    group_name=FORECASTS,
    kinds={"deltalake", "xgboost"},
    owners=OWNERS,
    description="Demand of every item after a cutoff, as distributions; made once per cutoff, "
    "with what the model was shown (`curated/features_store`).",
    check_specs=[
        dg.AssetCheckSpec(
            _MADE,
            asset=["ml", "predictions"],
            description="The forecast was made. If not, orders go out without one all the same.",
        )
    ],
)
def predictions(
    context: dg.AssetExecutionContext, lake: LakeResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Forecast this cutoff for every store; what has been forecast is left alone."""
    cutoff = context.partition_time_window.start
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = build_for_cutoff(session, cutoff)
        try:
            said = session.forecast_cutoff(as_of, cutoff)
        except Exception as error:  # suppliers do not wait for whatever it is
            context.log.exception("no forecast of this cutoff")
            failed = dg.AssetCheckResult(
                passed=False, check_name=_MADE, metadata={"error": f"{error}"}
            )
            yield dg.MaterializeResult(check_results=[failed])
            return
    spoke = said.group_by("method", "model_version").agg(rows=pl.len()).sort("rows")
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": said.height,
            "stores": said["store_id"].n_unique(),
            "items": said["item_id"].n_unique(),
            "methods": _markdown(spoke),
            "as_of": as_of.isoformat(),
        },
        check_results=[dg.AssetCheckResult(passed=True, check_name=_MADE)],
    )


@dg.asset(
    key=["ml", "accuracy"],
    deps=[_DEMAND, ["ml", "predictions"]],
    group_name=FORECASTS,
    kinds={"deltalake"},
    owners=OWNERS,
    description="Forecasts whose windows have ended, beside what came.",
)
def accuracy(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Add what has ended since the last time."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        session.build(as_of)
        ended = track_accuracy(lake.settings, session.transformer, as_of)
    return dg.MaterializeResult(metadata={"rows_added": ended.height, "as_of": as_of.isoformat()})


@dg.asset(
    key=["ml", "drift"],
    deps=[["ml", "accuracy"], ["ml", "models"]],
    group_name=FORECASTS,
    kinds={"deltalake"},
    owners=OWNERS,
    description="Whether the newest cutoffs look like those that the model learnt from, and its "
    "forecasts turn out as promised.",
)
def drift(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Compare with training."""
    session = lake.session()
    with warehouse_lock(lake.settings, wait=True):
        as_of = session.as_of()
        found = watch_drift(lake.settings, as_of)
    alarms = found.filter(pl.col("is_alarm"))
    worst = found.filter(pl.col("metric") == "psi").sort("value", descending=True).head(5)
    return dg.MaterializeResult(
        metadata={
            "alarms": alarms.height,
            "figures": found.height,
            "most_changed_features": _markdown(worst.select("feature", "value", "threshold")),
            "as_of": as_of.isoformat(),
        }
    )


@dg.asset_check(
    asset=["ml", "drift"],
    name="models_still_fit",
    description="No alarm: features as in training, losses and bands as promised. An alarm calls "
    "for training.",
)
def models_still_fit(lake: LakeResource) -> dg.AssetCheckResult:
    """Look at the newest figures."""
    alarms = newest_alarms(lake.settings)
    return dg.AssetCheckResult(
        passed=alarms.is_empty(),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"alarms": _markdown(alarms.select("family", "metric", "feature", "value"))},
    )


def _markdown(rows: pl.DataFrame) -> dg.MarkdownMetadataValue:
    lines = [rows.columns, ["---"] * rows.width, *rows.iter_rows()]
    return dg.MetadataValue.md(
        "\n".join(
            "| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in line) + " |"
            for line in lines
        )
    )
