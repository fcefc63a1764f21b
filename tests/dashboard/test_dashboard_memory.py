"""What is loaded is looked through for garbage once."""

import gc

import pytest

from dashboard import memory


class Tied:
    """An object that only the search for garbage finds."""

    def __init__(self):
        self.me = self


@pytest.fixture(autouse=True)
def thawed():
    memory.keep_what_is_loaded.cache_clear()
    yield
    gc.unfreeze()
    memory.keep_what_is_loaded.cache_clear()


def test_what_is_loaded_stays_out_of_later_searches_and_what_comes_later_does_not():
    memory.keep_what_is_loaded()
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    assert len(gc.get_objects()) < frozen / 10
    Tied()
    assert gc.collect() >= 1


def test_it_is_done_once():
    memory.keep_what_is_loaded()
    later = [Tied() for _ in range(3)]
    memory.keep_what_is_loaded()
    assert all(any(one is found for found in gc.get_objects()) for one in later)
