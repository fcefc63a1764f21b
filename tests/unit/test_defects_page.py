"""The pages of defects of earlier systems name the tests that hold them off."""

import re
from pathlib import Path

import pytest

from smartshelf_dagster.settings import PROJECT_ROOT

PAGES = {"D": "defects.md", "A": "analytics-defects.md"}
TESTS = Path(__file__).parents[1]


def rows(letter: str) -> dict[str, set[str]]:
    """Tests by number of the defect."""
    page = PROJECT_ROOT / "docs" / "reference" / PAGES[letter]
    lines = [
        line for line in page.read_text("utf-8").splitlines() if line.startswith(f"| {letter}")
    ]
    numbers = [line.split("|")[1].strip() for line in lines]
    assert len(set(numbers)) == len(numbers)
    return {
        number: set(re.findall(r"`(test_\w+)`", line))
        for number, line in zip(numbers, lines, strict=True)
    }


@pytest.mark.parametrize("letter", PAGES)
def test_page_names_exactly_the_tests_that_are_named_after_a_defect(letter: str) -> None:
    pattern = re.compile(rf"^def (test_{letter.lower()}\d\d_\w+)", re.MULTILINE)
    named = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in pattern.findall(file.read_text("utf-8"))
    }
    assert set().union(*rows(letter).values()) == named


@pytest.mark.parametrize("letter", PAGES)
def test_page_every_row_has_tests_of_its_own(letter: str) -> None:
    for number, tests in rows(letter).items():
        assert tests
        assert all(name.startswith(f"test_{number.lower()}_") for name in tests)
