"""Pages of business reports: files that lie beside the serving file.

Belongs here: finding and reading a page. Does not belong here: which reports there are, and whose
(`data/reports.py`).
"""

from pathlib import Path

from smartshelf_dagster.settings import load_settings

_FOLDER = "reports"


def page_file(html_path: str) -> Path | None:
    """Return where the page of a report lies, `None` where this machine does not have it.

    Args:
        html_path: As `ops.business_reports` has it. It is only followed into the folder of reports.
    """
    root = load_settings().local_root.resolve()
    path = (root / html_path).resolve()
    return path if path.is_relative_to(root / _FOLDER) and path.is_file() else None
