"""The dbt docs site: every model, column, test and the lineage, as one static page."""

from pathlib import Path

from smartshelf_dagster.settings import Settings, load_settings
from smartshelf_dagster.transform.runner import DBT_PROJECT_DIR, Transformer

_PAGE = "static_index.html"


def docs_page(settings: Settings) -> Path:
    """Return where the page is written for a lake."""
    return settings.state_path / "dbt" / _PAGE


def build_docs(settings: Settings) -> Path:
    """Write the page; needs no warehouse, types come from the contracts.

    Returns:
        Where the page is.
    """
    Transformer(settings).invoke("docs", ["generate", "--static", "--empty-catalog"])
    return docs_page(settings)


def is_current(page: Path) -> bool:
    """Tell whether a page is newer than everything in the dbt project."""
    if not page.exists():
        return False
    sources = [*DBT_PROJECT_DIR.rglob("*.sql"), *DBT_PROJECT_DIR.rglob("*.yml")]
    return page.stat().st_mtime > max(path.stat().st_mtime for path in sources)


if __name__ == "__main__":
    target = DBT_PROJECT_DIR / "target" / "index.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(build_docs(load_settings()).read_bytes())
    print(target)  # noqa: T201 - says where to look
