"""Checkpoints: the state of a store as one value, with a revision that grows by one per commit.

The header is plain and of fixed length, so that a writer can compare revisions without reading
the body.
"""

import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

from simulator.errors import SimulatorError

# Count it up when the state changes, or the draws: customers are found again, not stored.
MAGIC: Final = b"smartshelf-sim/3 "
REVISION_DIGITS: Final = 16
PLAIN: Final = b"j"
ZIPPED: Final = b"z"
HEADER_BYTES: Final = len(MAGIC) + REVISION_DIGITS + 1
ZIP_FROM_BYTES: Final = 4096
# The fastest level: half a millisecond for a store, to a third of its size.
ZIP_LEVEL: Final = 1


def encode(revision: int, state: Mapping[str, Any]) -> bytes:
    """Encodes a checkpoint.

    Args:
        revision: Number of the commit it is part of.
        state: What to keep, as JSON.
    """
    body = orjson.dumps(state)
    how = PLAIN
    if len(body) >= ZIP_FROM_BYTES:
        body, how = zlib.compress(body, ZIP_LEVEL), ZIPPED
    return MAGIC + f"{revision:0{REVISION_DIGITS}d}".encode() + how + body


def revision_of(header: bytes) -> int:
    """Revision in a checkpoint or its header; 0 when there is none.

    Raises:
        SimulatorError: It is not a checkpoint of this version.
    """
    if not header:
        return 0
    digits = header[len(MAGIC) : len(MAGIC) + REVISION_DIGITS]
    if not header.startswith(MAGIC) or not digits.isdigit():
        raise SimulatorError("the checkpoint in Redis was not written by this version")
    return int(digits)


def decode(checkpoint: bytes) -> tuple[int, dict[str, Any]]:
    """Decodes a checkpoint into its revision and state.

    Raises:
        SimulatorError: It is not a checkpoint of this version, or it is damaged.
    """
    revision = revision_of(checkpoint)
    body = checkpoint[HEADER_BYTES:]
    try:
        if checkpoint[HEADER_BYTES - 1 : HEADER_BYTES] == ZIPPED:
            body = zlib.decompress(body)
        state: dict[str, Any] = orjson.loads(body)
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise SimulatorError(f"the checkpoint in Redis is damaged: {error}") from error
    return revision, state
