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

# people who review, and who lead; a name and a link are all that is known of them
review_people = sa.Table(
    "review_people",
    metadata,
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    # sha256 of the token in the person's link; with a new link all sessions end
    sa.Column("token_sha256", sa.Text, unique=True),
    sa.Column("invited_at", sa.DateTime, nullable=False),
    sa.Column("seen_at", sa.DateTime),
)

review_items = sa.Table(
    "review_items",
    metadata,
    sa.Column("question_id", sa.Text, primary_key=True),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("executed", sa.Text, nullable=False),
    # JSON: hops, margins and outlines, for who leads
    sa.Column("shown", sa.Text, nullable=False),
    sa.Column("sampled", sa.Boolean, nullable=False),
    # "" while it is asked, else why not: its chain is gone, or who leads removed it
    sa.Column("withdrawn", sa.Text, nullable=False),
    # what the final votes make of it; worked out anew with each of them
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("accepted_by", sa.Text, nullable=False),
    # how many people had to answer when it was closed; another setting later does not change what is closed
    sa.Column("needed", sa.BigInteger, nullable=False),
    # how many more people may take it
    sa.Column("places", sa.BigInteger, nullable=False),
    # a random order, the same on each machine: nobody gets one picture over and over
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("pushed_at", sa.DateTime, nullable=False),
    sa.Column("closed_at", sa.DateTime),
)
sa.Index(
    "review_items_next",
    review_items.c.kind,
    review_items.c.withdrawn,
    review_items.c.state,
    review_items.c.places,
    review_items.c.position,
)
sa.Index("review_items_batch", review_items.c.batch)
sa.Index("review_items_image", review_items.c.image_id)

# what the questions of a batch were made from when they were last left here
review_batches = sa.Table(
    "review_batches",
    metadata,
    sa.Column("batch", sa.Text, primary_key=True),
    sa.Column("stamp", sa.Text, nullable=False),
)

review_leases = sa.Table(
    "review_leases",
    metadata,
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("question_id", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("until", sa.DateTime, nullable=False),
    # an expired one takes no place, but its holder may still answer while there is one
    sa.Column("live", sa.Boolean, nullable=False),
)
sa.Index("review_leases_question", review_leases.c.question_id)

# questions that somebody answers in another program: many at once, for days
review_assignments = sa.Table(
    "review_assignments",
    metadata,
    sa.Column("person_id", sa.Text, primary_key=True),
    sa.Column("question_id", sa.Text, primary_key=True),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("since", sa.DateTime, nullable=False),
    sa.Column("until", sa.DateTime, nullable=False),
    # as with leases
    sa.Column("live", sa.Boolean, nullable=False),
)
sa.Index(
    # with all that is asked of it: by the question alone SQLite reads all that are live instead
    "review_assignments_question",
    review_assignments.c.question_id,
    review_assignments.c.purpose,
    review_assignments.c.live,
)
sa.Index("review_assignments_until", review_assignments.c.live, review_assignments.c.until)

# what was said stays as it was said; `state` goes on from pending to final, undone or set aside
review_votes = sa.Table(
    "review_votes",
    metadata,
    sa.Column("vote_id", sa.Text, primary_key=True),
    sa.Column("question_id", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("number", sa.Text, nullable=False),
    sa.Column("defect", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("seconds", sa.Double),
    sa.Column("at", sa.DateTime, nullable=False),
    # "page", or the project and annotation of another program: from there each comes once
    sa.Column("origin", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
)
# written out, as ANSWERED is
NOT_UNDONE = review_votes.c.state != sa.literal_column("'undone'")
sa.Index(
    # nobody answers a question twice
    "review_votes_once",
    review_votes.c.person_id,
    review_votes.c.question_id,
    unique=True,
    sqlite_where=NOT_UNDONE,
    postgresql_where=NOT_UNDONE,
)
sa.Index("review_votes_question", review_votes.c.question_id)
sa.Index("review_votes_person", review_votes.c.person_id, review_votes.c.at)
PENDING = review_votes.c.state == sa.literal_column("'pending'")
sa.Index("review_votes_pending", review_votes.c.at, sqlite_where=PENDING, postgresql_where=PENDING)
FROM_ELSEWHERE = sa.text("origin <> 'page'")
sa.Index(
    "review_votes_origin",
    review_votes.c.origin,
    unique=True,
    sqlite_where=FROM_ELSEWHERE,
    postgresql_where=FROM_ELSEWHERE,
)

# "one is not marked": what who leads saw in the marks, for the audit of categories
review_findings = sa.Table(
    "review_findings",
    metadata,
    sa.Column("finding_id", sa.Text, primary_key=True),
    sa.Column("question_id", sa.Text, nullable=False),
    sa.Column("image_id", sa.Text, nullable=False),
    sa.Column("category", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("brought", sa.Boolean, nullable=False),
)

# who did what and when; rows are only added
review_trail = sa.Table(
    "review_trail",
    metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("question_id", sa.Text, nullable=False),
    sa.Column("person_id", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)
REVIEW = (
    review_people, review_items, review_batches, review_leases, review_assignments, review_votes, review_findings,
    review_trail,
)  # fmt: skip


def _create_review(connection: sa.Connection) -> None:
    metadata.create_all(connection, REVIEW)


applied = sa.Table("operations_schema", metadata, sa.Column("number", sa.BigInteger, primary_key=True))

Step = Callable[[sa.Connection], None]
# what brings tables of an earlier release up to the definitions above, in order; a released step is never changed
STEPS: tuple[Step, ...] = (segmentations.create, _create_review)
