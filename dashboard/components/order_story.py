"""Why a planned order has its quantity: expected, needed, rounded, bound, decided.

Columns that explain a line are null, or missing in older files, where the policy does not say.
"""

from typing import Any

from dashboard import text
from dashboard.components import forecast_words
from dashboard.components.trail import Step, steps

_DECIDED = {
    "approved": ("Approved", "✓", "ss-good"),
    "held": ("Held back", "✕", "ss-critical"),
    "changed": ("Changed", "◆", "ss-caution"),
}
_FORECAST_POLICY = "forecast"
_FALLBACK = "order-up-to"
# Pieces below which nothing is expected to be lost or to expire.
_NOTICEABLE = 0.05

_OUTCOMES = {
    "pending": "will be ordered at the cutoff",
    "issued": "were ordered at the cutoff",
    "completed": "were ordered at the cutoff and have come",
    "canceled": "were ordered",
}


def order_story(line: dict[str, Any], timezone: str) -> None:
    """Draw how a line of ops.supplier_plan came to its quantity."""
    steps(story(line, timezone))


def story(line: dict[str, Any], timezone: str) -> list[Step]:
    """Tell how a line of ops.supplier_plan came to its quantity.

    Args:
        line: The line.
        timezone: Whose clock the cutoff is told by.
    """
    return [
        *_expected(line),
        *_needed(line),
        *_reached(line),
        *_consequences(line),
        _decision(line),
        _outcome(line, timezone),
    ]


def _expected(line: dict[str, Any]) -> list[Step]:
    """Tell what demand the line was planned for, and who said so."""
    source = line.get("source")
    if source == _FALLBACK and line.get("policy") == _FORECAST_POLICY:
        return [
            Step(
                "No forecast for this item",
                "ordered up to 28-day demand",
                mark="▲",
                tone="ss-caution",
            )
        ]
    mean = line.get("demand_mean")
    if mean is None:
        return []
    # The source names a baseline where no model spoke.
    method = line.get("forecast_method") or (source if source != _FORECAST_POLICY else None)
    by = f", by {forecast_words.method(method)}" if method else ""
    return [
        Step(
            f"{text.quantity(mean)} pcs are expected to be asked for",
            f"until the delivery after next{by}",
            line.get("model_version"),
        )
    ]


def _needed(line: dict[str, Any]) -> list[Step]:
    """Tell how the plan was made; of lines that were ordered only the decision is kept."""
    if line.get("target_qty") is None:
        return []
    return [
        Step(
            f"{text.number(line['target_qty'])} pcs are the target",
            f"by the policy {line['policy']}",
        ),
        Step(
            f"{text.number(line['needed_qty'])} are needed",
            f"with {text.number(line['stock_qty'])} in stock and "
            f"{text.number(line['on_order_qty'])} on order",
        ),
        Step(f"{text.number(line['planned_qty'])} are planned", _bound(line)),
    ]


def _reached(line: dict[str, Any]) -> list[Step]:
    """Tell how far the target goes, and how far margin and holding cost would have it go."""
    quantile, ratio = line.get("level_quantile"), line.get("critical_ratio")
    if quantile is None:
        return []
    wanted = "" if ratio is None else f"; margin and cost ask for {text.percent(ratio)}"
    return [Step(f"Enough in {text.percent(quantile)} of cases", f"until then{wanted}")]


def _consequences(line: dict[str, Any]) -> list[Step]:
    """Tell what will be missing and what will expire, on average."""
    if line.get("expected_lost") is None:
        return []
    parts = [
        # column, what happens to the pieces
        ("expected_lost", "will be asked for in vain"),
        ("expected_outdated", "of the stock will expire"),
        ("expected_order_outdated", "of this order will expire"),
    ]
    told = [
        f"{text.quantity(line[column])} {fate}"
        for column, fate in parts
        if (line.get(column) or 0) >= _NOTICEABLE
    ]
    if not told:
        return [Step("Nothing will be missing or expire", "as far as is to be expected")]
    return [Step("To be expected:", f"{', '.join(told)} (pcs)")]


def _bound(line: dict[str, Any]) -> str:
    batch = text.number(line["batch_size"] or 1)
    return {
        "batch": f"because it comes in whole batches of {batch}",
        "capacity": f"because no more fits in; batches of {batch}",
        "shelf_life": f"because more would expire before it is sold; batches of {batch}",
    }.get(line["bound"] or "none", "as nothing limits them")


def _decision(line: dict[str, Any]) -> Step:
    known = _DECIDED.get(line["decision"] or "")
    if not known:
        return Step("Nobody decided otherwise", mark="○")
    title, mark, tone = known
    to = f" to {text.number(line['order_qty'])}" if line["decision"] == "changed" else ""
    return Step(f"{title}{to}", f"by {line['actor']}", line["note"], mark, tone)


def _outcome(line: dict[str, Any], timezone: str) -> Step:
    ordered = line["order_qty"]
    pieces = f"{text.number(ordered)} pcs" if ordered else "None"
    outcome = _OUTCOMES.get(line["status"], "are ordered at the cutoff")
    moment = text.local_time(line["cutoff_ts"], timezone)
    tone = "ss-good" if ordered else "ss-muted"
    return Step(f"{pieces} {outcome}", f"({moment})", mark="▶", tone=tone)
