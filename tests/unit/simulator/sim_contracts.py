"""Validators made of the contracts, with shared definitions put in place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastjsonschema
import orjson

from simulator.paths import CONTRACTS_DIR


def inlined(path: Path) -> dict[str, Any]:
    """A contract without references."""
    shared = orjson.loads((CONTRACTS_DIR / "common.v1.json").read_bytes())["$defs"]

    def resolve(node: Any) -> Any:
        if isinstance(node, list):
            return [resolve(item) for item in node]
        if not isinstance(node, dict):
            return node
        if reference := node.get("$ref"):
            return resolve(shared[reference.rsplit("/", 1)[1]])
        return {key: resolve(value) for key, value in node.items() if key != "$id"}

    return resolve(orjson.loads(path.read_bytes()))


def event_validators() -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """(topic, validator of the payload) by CloudEvents type."""
    validators = {}
    for path in (CONTRACTS_DIR / "events").rglob("*.json"):
        contract = inlined(path)
        validators[contract["x-cloudevents-type"]] = (
            contract["x-topic"],
            fastjsonschema.compile(contract),
        )
    return validators


def envelope_validator() -> Callable[[Any], Any]:
    """Validator of the envelope."""
    return fastjsonschema.compile(inlined(CONTRACTS_DIR / "envelope.v1.json"))
