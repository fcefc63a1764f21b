"""Ports that nobody uses."""

import os
import socket


def free_ports(count: int) -> int:
    """Return the first of some ports in a row that are free.

    They lie below those that the kernel gives out by itself, and processes that look at the same
    time look at different ones.
    """
    for first in range(20_000 + os.getpid() % 1_000 * 10, 32_000, 10):
        try:
            for port in range(first, first + count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise AssertionError("no free ports")
