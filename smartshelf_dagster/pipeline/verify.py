"""Quick truths about the raw tables, checked at every drain.

Belongs here: what can be told from the newest commit and the schema. The whole truth is told by
`pipeline/audit.py`.
"""

from smartshelf_dagster.contracts.tables import arrow_schema, raw_tables
from smartshelf_dagster.settings import Settings
from smartshelf_dagster.storage import delta

# What one micro-batch adds, and a little before it.
_FILES_LOOKED_AT = 20


def find_contract_problems(settings: Settings, topic: str) -> list[str]:
    """Compare the schema of a raw table with its contract.

    Returns:
        One line for each column that is missing, unknown, or of another type.
    """
    contract = raw_tables()[topic]
    return delta.schema_problems(settings.table_uri(contract.table), arrow_schema(contract))


def find_repeated_positions(settings: Settings, topic: str) -> int:
    """Count stream positions that stand more than once among the rows of the newest commits."""
    contract = raw_tables()[topic]
    rows = delta.read_newest_files(
        settings.table_uri(contract.table), list(contract.grain), files=_FILES_LOOKED_AT
    )
    distinct = rows.group_by(list(contract.grain)).aggregate([])
    return int(rows.num_rows) - int(distinct.num_rows)
