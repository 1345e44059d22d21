"""Column schemas for the asset pages, read from docs/tables.md, which a test compares with the real tables."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg

TABLES_PAGE = Path(__file__).parents[2] / "docs" / "tables.md"
_CELLS = re.compile(r"(?<!\\)\|")


def table_schemas(page: Path = TABLES_PAGE) -> dict[str, dg.TableSchema]:
    """The columns of every documented table; none where the page is not there (it is not part of a wheel)."""
    if not page.is_file():
        return {}
    schemas: dict[str, dg.TableSchema] = {}
    for section in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, _, body = section.partition("\n")
        rows = [[cell.strip() for cell in _CELLS.split(line)[1:-1]] for line in body.splitlines() if line[:1] == "|"]
        columns = [dg.TableColumn(row[0], row[1], row[2]) for row in rows[2:] if len(row) == 3]
        schemas[name.strip()] = dg.TableSchema(columns)
    return schemas
