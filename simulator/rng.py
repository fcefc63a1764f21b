"""Independent random substreams (common random numbers).

Each concern draws from its own substream, named by what it is for. Nothing keeps generator state:
a substream is found again from its name, so a checkpoint holds only counters, and a change in one
concern (noise, staff, another policy) leaves the draws of all others as they were.
"""

from enum import IntEnum
from zlib import crc32

import numpy as np


class Concern(IntEnum):
    """What a substream is for. Numbers are part of the world: never reuse or reorder them."""

    ITEMS = 1
    STORE_LAYOUT = 2
    LOTS = 3
    PROMOTIONS = 4
    CUSTOMERS = 5
    LOT_CHOICE = 6
    CHECKOUT = 7
    LOYALTY_RATES = 8
    LOYALTY_VISITS = 9
    NOISE = 10
    SUPPLIERS = 11
    IMPULSES = 12
    RETURNS = 13


def key_of(name: str) -> int:
    """Number that stands for a name in a substream, the same in every process and release."""
    return crc32(name.encode())


def substream(seed: int, concern: Concern, *keys: int) -> np.random.Generator:
    """The generator of one concern.

    Args:
        seed: Seed of the world.
        concern: What the draws are for.
        keys: Narrow it down: store, day, block.
    """
    sequence = np.random.SeedSequence(seed, spawn_key=(concern, *keys))
    return np.random.Generator(np.random.PCG64(sequence))
