"""Writes what follows from the contracts: the dbt sources and the data dictionary.

Run by `make docs`; a test fails when the files in the repository are not what this writes.
"""

from pathlib import Path

from smartshelf_dagster.contracts.model import Field, TableContract, load_events
from smartshelf_dagster.contracts.tables import QUARANTINE, raw_tables, reference_tables, sql_type
from smartshelf_dagster.settings import PROJECT_ROOT

SOURCES_FILE = PROJECT_ROOT / "dbt_project" / "models" / "staging" / "_sources.yml"
DICTIONARY_FILE = PROJECT_ROOT / "docs" / "reference" / "events-and-tables.md"
_NOTE = "Generated from data/contracts by `make docs`; change the contracts instead."


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _source_table(contract: TableContract) -> list[str]:
    layer, name = contract.table.split("/")
    lines = [
        f"      - name: {name}",
        f"        description: {_quote(contract.description)}",
        "        config:",
        f"          meta: {{plugin: lake, dagster: {{asset_key: [{layer}, {name}]}}}}",
        "        columns:",
    ]
    for f in contract.fields:
        lines += [
            f"          - name: {f.name}",
            f"            description: {_quote(f.description)}",
            f"            data_type: {_quote(sql_type(f))}",
        ]
    return lines


def build_sources() -> str:
    """Return the YAML of the dbt sources."""
    lines = [f"# {_NOTE}", "version: 2", "", "sources:"]
    groups = {
        "raw": ("Events as received.", [*raw_tables().values(), QUARANTINE]),
        "ref": ("Master data.", list(reference_tables().values())),
    }
    for layer, (description, contracts) in groups.items():
        lines += [f"  - name: {layer}", f"    description: {description}", "    tables:"]
        for contract in contracts:
            lines += _source_table(contract)
    return "\n".join(lines) + "\n"


def _row(f: Field, prefix: str = "") -> list[str]:
    unit = f" ({f.unit})" if f.unit and f.unit not in f.description else ""
    need = "yes" if f.required else ""
    rows = [f"| `{prefix}{f.name}` | {f.kind} | {need} | {f.description}{unit} |"]
    for sub in f.fields:
        rows += _row(sub, f"{prefix}{f.name}[].")
    return rows


def build_dictionary() -> str:
    """Return the reference page of events, commands and the tables they land in."""
    lines = [
        "# Events and tables",
        "",
        f"<!-- {_NOTE} -->",
        "",
        "Every event and command is a [CloudEvent](https://cloudevents.io) 1.0 in JSON structured",
        "mode: `specversion`, `id`, `source`, `type`, `time` and `data`. `id` becomes `event_id`,",
        "`time` becomes `event_ts`, `type` names the contract of `data`. On a stream it stands in",
        "the field `e` of an entry; a gateway that batches puts many into the field `b`, one per",
        "line. A topic's streams are `<topic>` and `<topic>:<store>`.",
        "",
        "## Events and commands",
        "",
    ]
    for event in load_events():
        lines += [
            f"### `{event.ce_type}`",
            "",
            f"{event.title}. {event.description}",
            "",
            f"Topic `{event.topic}`, type `{event.event_type}`, version {event.version}.",
            "",
            "| field of `data` | type | required | meaning |",
            "|---|---|---|---|",
            *(row for f in event.fields for row in _row(f)),
            "",
        ]
    lines += ["## Tables written from outside dbt", ""]
    for contract in (*raw_tables().values(), QUARANTINE, *reference_tables().values()):
        grain = ", ".join(f"`{name}`" for name in contract.grain)
        lines += [
            f"### `{contract.table}`",
            "",
            f"{contract.description} A row is identified by {grain}.",
            "",
            "| column | type | not null | meaning |",
            "|---|---|---|---|",
            *(row for f in contract.fields for row in _row(f)),
            "",
        ]
    return "\n".join(lines).rstrip() + "\n"


def outputs() -> dict[Path, str]:
    """Return every generated file with its content."""
    return {SOURCES_FILE: build_sources(), DICTIONARY_FILE: build_dictionary()}


if __name__ == "__main__":
    for path, text in outputs().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
