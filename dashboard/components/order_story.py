"""Why a planned order has its quantity: needed, rounded, bound, decided."""

from typing import Any

from dashboard import text
from dashboard.components.trail import Step, steps

_DECIDED = {
    "approved": ("Approved", "✓", "ss-good"),
    "held": ("Held back", "✕", "ss-critical"),
    "changed": ("Changed", "◆", "ss-caution"),
}
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
        _decision(line),
        _outcome(line, timezone),
    ]


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
