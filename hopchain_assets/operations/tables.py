"""The tables of the operations database, and how those of an earlier release are brought up to them.

docs/ledger.md tells each column.
"""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

metadata = sa.MetaData()

calls = sa.Table(
    "calls",
    metadata,
    # made by the writer, so that a row that is written again after a lost COMMIT is known for the same row
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("served_by", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("input_id", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("sample_index", sa.BigInteger, nullable=False),
    sa.Column("repair_round", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("reply", sa.Text, nullable=False),
    sa.Column("reasoning", sa.Text, nullable=False),
    sa.Column("prompt_tokens", sa.BigInteger, nullable=False),
    sa.Column("completion_tokens", sa.BigInteger, nullable=False),
    sa.Column("reasoning_tokens", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Double, nullable=False),
    sa.Column("cost", sa.Double),
    sa.Column("at", sa.DateTime, nullable=False),
)
# written out, not a parameter: only then does SQLite see that the partial index answers the question
ANSWERED = sa.text("outcome = 'answered'")
sa.Index(
    # one key is answered once, whatever else goes wrong
    "calls_answered",
    calls.c.key,
    unique=True,
    sqlite_where=ANSWERED,
    postgresql_where=ANSWERED,
)
sa.Index("calls_run", calls.c.run)
sa.Index("calls_stage_at", calls.c.stage, calls.c.at)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("until", sa.DateTime, nullable=False),
)

segmentations = sa.Table(
    "segmentations",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("segmenter", sa.Text, nullable=False),
    sa.Column("presence", sa.Double, nullable=False),
    # JSON: a list of [run lengths, score]
    sa.Column("found", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
)

applied = sa.Table("operations_schema", metadata, sa.Column("number", sa.BigInteger, primary_key=True))

Step = Callable[[sa.Connection], None]
# what brings tables of an earlier release up to the definitions above, in order; a released step is never changed
STEPS: tuple[Step, ...] = (segmentations.create,)
