"""The page of the first generation's defects names the tests that hold them off."""

import re
from pathlib import Path

from smartshelf_dagster.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "reference" / "defects.md"
TESTS = Path(__file__).parents[1]


def rows() -> dict[str, set[str]]:
    """Tests by number of the defect."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| D")]
    numbers = [line.split("|")[1].strip() for line in lines]
    assert len(set(numbers)) == len(numbers)
    return {
        number: set(re.findall(r"`(test_\w+)`", line))
        for number, line in zip(numbers, lines, strict=True)
    }


def test_defects_page_names_exactly_the_tests_that_are_named_after_a_defect() -> None:
    named = {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"^def (test_d\d\d_\w+)", file.read_text("utf-8"), re.MULTILINE)
    }
    assert set().union(*rows().values()) == named


def test_defects_page_every_row_has_tests_of_its_own() -> None:
    for number, tests in rows().items():
        assert tests
        assert all(name.startswith(f"test_{number.lower()}_") for name in tests)
