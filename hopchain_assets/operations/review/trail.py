"""The audit trail: who did what and when. Rows are only added."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from hopchain_assets.operations.tables import review_trail

# who acts where nobody does: the line, or the clock
LINE = "line"
_ADD = review_trail.insert()


def record(
    connection: sa.Connection,
    now: datetime,
    actor: str,
    action: str,
    question_id: str = "",
    person_id: str = "",
    detail: str = "",
) -> None:
    """Adds a row. `actor` is a person's id, never a name: names can be removed, rows cannot."""
    row = {"at": now, "actor": actor, "action": action, "question_id": question_id, "person_id": person_id}
    connection.execute(_ADD, row | {"detail": detail})
