"""The published samples, as events."""

import json
from functools import cache
from typing import Any

from smartshelf_dagster.contracts.model import CONTRACTS_DIR, events_by_topic


@cache
def sample_events(topic: str) -> tuple[dict[str, Any], ...]:
    """Return the sample event of every type and version of a topic."""
    return tuple(
        json.loads((CONTRACTS_DIR / "samples" / f"{event.ce_type}.json").read_text("utf-8"))[
            "event"
        ]
        for event in events_by_topic()[topic]
    )
