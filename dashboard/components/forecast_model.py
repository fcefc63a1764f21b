"""The models on the forecast page: who speaks, why, what it looks at, and whether it still fits."""

from typing import Any

import polars as pl
import streamlit as st

from dashboard import text
from dashboard.charts import models
from dashboard.components import (
    downloads,
    explain,
    figure,
    forecast_accuracy,
    forecast_words,
    tables,
)
from dashboard.data import forecasts
from dashboard.page import PageContext

_SHOWN_FEATURES = 12
_FAMILY_HELP = (
    "Orders: windows from the cutoff until goods come, which orders are planned by. Days: whole "
    "days after it, which people look at."
)


def draw(context: PageContext) -> None:
    """Draw the models of all stores: they are trained on all of them together."""
    decisions = forecasts.decisions()
    if decisions.is_empty():
        explain.nothing(
            "No model has been trained yet",
            "Forecasts are made by simple methods until then. The job `model_training` in Dagster "
            "trains one, once there are 56 days of sales.",
        )
        return
    _decisions(decisions, context)
    family = st.segmented_control(
        "Model",
        list(forecast_words.FAMILIES),
        default="orders",
        required=True,
        format_func=forecast_words.FAMILIES.__getitem__,
        key="forecast_family",
        bind="query-params",
        help=_FAMILY_HELP,
    )
    family = family or "orders"
    with explain.what_is_missing():
        _methods(family)
    with explain.what_is_missing():
        _importance(family, context)
    with explain.what_is_missing():
        _drift(family, context)


def _decisions(decisions: pl.DataFrame, context: PageContext) -> None:
    st.subheader("Champions", anchor=False)
    for newest in decisions.unique("family", keep="first", maintain_order=True).rows(named=True):
        family = forecast_words.FAMILIES.get(newest["family"], newest["family"])
        speaks = newest["speaking_version"] or "no model, simple methods speak"
        moment = text.local_time(newest["decided_ts"], context.timezone)
        st.markdown(f"**{family}**: {speaks}. Newest decision, {moment}: {newest['reason']}.")
    downloads.summary(
        "Decisions on trained models, newest first; the model in force speaks for all stores.",
        decisions,
        "model_decisions.csv",
    )
    shown = forecast_words.say(
        decisions,
        decision=forecast_words.DECISIONS,
        family=forecast_words.FAMILIES,
        best_baseline=forecast_words.METHODS,
    ).with_columns(
        state=pl.when("is_champion")
        .then(pl.lit(forecast_words.IN_FORCE))
        .otherwise(pl.col("decision"))
    )
    config = st.column_config

    def loss(label: str, meaning: str) -> Any:
        return config.NumberColumn(label, format="%.3f", help=meaning)

    columns = {
        "state": config.TextColumn("State", width=130),
        "family": config.TextColumn("Model", width=70),
        "decided_ts": config.DatetimeColumn(
            "Decided", format="ddd D MMM, HH:mm", timezone=context.timezone
        ),
        "reason": config.TextColumn("Reason", width="large"),
        "gain": config.NumberColumn(
            "Gain", format="percent", help="How much less it loses than the champion before."
        ),
        "gain_low": config.NumberColumn("Gain, 95 % from", format="percent"),
        "gain_high": config.NumberColumn("Gain, 95 % to", format="percent"),
        "loss_challenger": loss("Loss", "Pinball loss over demand on cutoffs it had not seen."),
        "loss_champion": loss("Champion's loss", "Of the champion before, on the same cutoffs."),
        "best_baseline": config.TextColumn("Best baseline"),
        "loss_baseline": loss("Baseline's loss", "Of the best baseline, on the same cutoffs."),
        "coverage_80": config.NumberColumn("In the 80 % band", format="percent"),
        "coverage_95": config.NumberColumn("In the 95 % band", format="percent"),
        "origins": config.NumberColumn("Cutoffs", help="Cutoffs the decision rests on."),
        "first_day": config.DateColumn("Learnt from", format="D MMM YYYY"),
        "last_day": config.DateColumn("until", format="D MMM YYYY"),
        "model_version": config.TextColumn("Version"),
    }
    tables.show(
        forecast_accuracy.rounded(shown),
        hide_index=True,
        height=tables.height_of(len(shown), most=290),
        placeholder="",
        column_config=columns,
        key="model_decisions",
    )


def _methods(family: str) -> None:
    left, right = st.columns([32, 68], gap="medium")
    spoken = forecasts.methods().filter(pl.col("family") == family)
    with left:
        downloads.heading("Who speaks for what", spoken, "methods")
        config = st.column_config
        tables.show(
            forecast_words.say(
                spoken, demand_class=forecast_words.CLASSES, method=forecast_words.METHODS
            ),
            hide_index=True,
            height=tables.height_of(len(spoken), most=260),
            placeholder="",
            column_config={
                "demand_class": config.TextColumn("Demand"),
                "method": config.TextColumn("Method"),
            },
            key="forecast_methods",
        )
        downloads.summary(
            "For each kind of demand, the method that lost least before.",
            spoken,
            f"methods_{family}.csv",
        )
    with right:
        st.subheader("Backtest", anchor=False)
        tried = forecasts.backtest(family)
        columns = {
            "method": config.TextColumn("Method"),
            "n": config.NumberColumn("Forecasts", format="localized"),
            **forecast_accuracy.measures(),
        }
        tables.show(
            forecast_accuracy.rounded(forecast_words.say(tried, method=forecast_words.METHODS)),
            hide_index=True,
            height=tables.height_of(len(tried), most=420),
            placeholder="",
            column_config=columns,
            key="forecast_backtest",
        )
        downloads.summary(
            "Every method on the same cutoffs, which none had seen; the best first.",
            tried,
            f"backtest_{family}.csv",
        )


def _importance(family: str, context: PageContext) -> None:
    st.subheader("What the model looks at", anchor=False)
    features = forecasts.importance(family)
    if features.is_empty():
        st.caption("No model is in force, or its shares were not kept: simple methods speak.")
        return
    shown = features.head(_SHOWN_FEATURES)
    figure.draw(
        lambda: models.feature_importance(
            shown, [forecast_words.feature(name) for name in shown["feature"]], context.palette
        ),
        "feature_importance",
        "Share of each feature in the forecasts and in the gain of the model",
    )
    downloads.summary(
        f"{len(shown)} of {len(features)} features, those that move forecasts most. SHAP: how far "
        "each moves them on average; gain: what it took off the error in training.",
        features,
        f"feature_importance_{family}.csv",
    )


def _drift(family: str, context: PageContext) -> None:
    st.subheader("Does it still fit?", anchor=False)
    features, measured = forecasts.drift_of_features(family), forecasts.drift_over_time(family)
    if features.is_empty() and measured.is_empty():
        st.caption("Not measured yet; the job `forecast_watch` in Dagster does it every night.")
        return
    left, right = st.columns(2, gap="medium")
    with left:
        _drift_of_features(features, family, context)
    with right:
        if measured.is_empty():
            st.caption("No forecast could be judged yet, so there is no error to compare.")
            return
        figure.draw(
            lambda: models.drift_over_time(measured, context.timezone, context.palette),
            "drift_over_time",
            "Error ratio and share in the 80 % band over time, with alarms",
        )
        downloads.summary(
            "Error ratio: loss of the newest forecasts over the loss when the model was chosen. "
            "A triangle is an alarm; it leads to a new training.",
            measured,
            f"drift_{family}.csv",
        )


def _drift_of_features(features: pl.DataFrame, family: str, context: PageContext) -> None:
    if features.is_empty():
        st.caption("The features have not been compared yet.")
        return
    shown = features.head(_SHOWN_FEATURES)
    figure.draw(
        lambda: models.drift_of_features(
            shown, [forecast_words.feature(name) for name in shown["feature"]], context.palette
        ),
        "drift_of_features",
        "Population stability index of each feature against its threshold",
    )
    alarms = int(features.get_column("is_alarm").sum())
    downloads.summary(
        f"How far features have moved since training (population stability index); "
        f"**{alarms}** of {len(features)} are above their threshold.",
        features,
        f"feature_drift_{family}.csv",
    )
