"""The dbt docs site: every model, column, test and the lineage, as one static page.

Run as `python -m smartshelf_dagster.services.docs_page` to write it beside the dbt project.
"""

import tempfile
from pathlib import Path

from smartshelf_dagster.pipeline.drain import ensure_raw_tables
from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.storage.reference import ensure_reference_tables
from smartshelf_dagster.transform.runner import DBT_PROJECT_DIR, Transformer

_WRITTEN_BY_DBT = "static_index.html"


def docs_page(settings: Settings) -> Path:
    """Return where the page of a lake is kept."""
    return settings.state_path / "docs" / "index.html"


def build_docs(page: Path) -> None:
    """Write the page; it needs no data, types come from the contracts.

    It is built from empty tables in a folder of its own, so that it neither waits for a
    micro-batch nor holds one up.

    Args:
        page: Where it is written; replaced at once.

    Raises:
        TransformError: dbt refused the project.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="smartshelf-docs-") as folder:
        empty = load_settings(lake=f"{folder}/lake", state_dir=f"{folder}/state")
        ensure_raw_tables(empty)
        ensure_reference_tables(empty)
        transformer = Transformer(empty)
        transformer.invoke("docs", ["generate", "--static", "--empty-catalog"])
        written = page.with_suffix(".new")
        written.write_bytes((transformer.target / _WRITTEN_BY_DBT).read_bytes())
        written.replace(page)


def is_current(page: Path) -> bool:
    """Tell whether a page is newer than everything in the dbt project."""
    if not page.exists():
        return False
    sources = [*DBT_PROJECT_DIR.rglob("*.sql"), *DBT_PROJECT_DIR.rglob("*.yml")]
    return page.stat().st_mtime > max(path.stat().st_mtime for path in sources)


if __name__ == "__main__":
    target = DBT_PROJECT_DIR / "target" / "index.html"
    build_docs(target)
    print(target)  # noqa: T201 - says where to look
