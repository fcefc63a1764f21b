"""Lockstep: somebody else holds the clock, one JSON object per line in and out.

{"op": "advance", "to": "<RFC 3339>"} -> {"now": ..., "events": {topic: count}}
{"op": "ledger"}                      -> ground truth since the start
{"op": "stock", "path": "<file>"}     -> {"path": ..., "rows": n}; true stock as Parquet
{"op": "stop"}                        -> {"now": ...}; so does the end of the input, silently
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

from simulator.clock import clock_text, parse_instant
from simulator.errors import SimulatorError
from simulator.events import TOPICS
from simulator.simulation import Simulation, write_parquet

STOP: Final = "stop"


class Lockstep:
    """Answers requests about one simulation.

    Args:
        simulation: The world.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "advance": self._advance,
            "ledger": lambda _: simulation.ledger(),
            "stock": self._stock,
            STOP: lambda _: self._now(),
        }

    def serve(self, requests: Iterable[bytes], answers: BinaryIO) -> None:
        """Answers requests until `stop` or the end.

        Args:
            requests: Lines in.
            answers: Lines out, flushed one by one.

        Raises:
            SimulatorError: A request cannot be understood or done.
        """
        for line in requests:
            if not line.strip():
                continue
            request = _parse(line)
            operation = self._operations.get(str(request.get("op")))
            if operation is None:
                known = ", ".join(self._operations)
                raise SimulatorError(f"lockstep: op is {request.get('op')!r}, expected {known}")
            answers.write(orjson.dumps(operation(request)) + b"\n")
            answers.flush()
            if request["op"] == STOP:
                return

    def _now(self) -> dict[str, Any]:
        return {"now": clock_text(self._simulation.now_ms)}

    def _advance(self, request: dict[str, Any]) -> dict[str, Any]:
        events = self._simulation.advance(parse_instant(_text(request, "to")))
        return {**self._now(), "events": {topic: events[topic] for topic in TOPICS}}

    def _stock(self, request: dict[str, Any]) -> dict[str, Any]:
        path, stock = Path(_text(request, "path")), self._simulation.stock()
        try:
            write_parquet(stock, path)
        except OSError as error:
            raise SimulatorError(f"lockstep: cannot write {path}: {error}") from error
        return {"path": str(path), "rows": len(stock)}


def _parse(line: bytes) -> dict[str, Any]:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise SimulatorError(f"lockstep: a request is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise SimulatorError("lockstep: a request is not an object")
    return request


def _text(request: dict[str, Any], name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str):
        raise SimulatorError(f"lockstep: {request.get('op')}: {name} is {value!r}, expected a text")
    return value
