"""The line's side of people's review: questions go out to them, and what they make of these comes back.

Both ways end where they began when they are killed: the next call does what is left, and nothing twice.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from hopchain_assets.domain.program import Objects
from hopchain_assets.domain.records import Chain, Facts, Hop, Instance, digest
from hopchain_assets.export.closest_calls import closest_calls
from hopchain_assets.export.words import Entry, clean_text, result_words
from hopchain_assets.ports.reviews import Kind, ReviewItem, Reviews, Shown, ShownHop, ShownInstance
from hopchain_assets.stages.facts import chain_of, read_facts
from hopchain_assets.stages.line import Line
from hopchain_assets.stages.policies import ASKED_OF_PEOPLE, EXECUTION, PEOPLE
from hopchain_assets.warehouse.done import of_batches, pending
from hopchain_assets.warehouse.landing import Audit, batches, record_audits
from hopchain_assets.warehouse.reviews import put_reviews

CODE = 1
STAGE = "verified_set"
PRACTICE_EACH = 20
# begins `by` of a word on a category that came of a review
BY_REVIEW = "review/"


def mark_of(line: Line) -> str:
    """Changes whenever there may be something to bring.

    Raises:
        Unavailable: when the place where people's questions are cannot be reached.
    """
    with _reviews(line) as reviews:
        return reviews.mark()


def waiting_for_people(line: Line) -> int:
    """How many questions people have not closed yet.

    Raises:
        Unavailable: as above.
    """
    with _reviews(line) as reviews:
        return reviews.waiting()


def bring_reviews(line: Line) -> list[str]:
    """Makes the warehouse hold what people said by now; the batches in which anything changed, in order.

    Objects that were seen without a mark become words on their category: it is not complete.

    Raises:
        Unavailable: as above; nothing is lost, the next call brings it.
    """
    # of two that bring at once the one with the older votes could write last
    with line.lake.claim("reviews", "", wait=True), _reviews(line) as reviews:
        changed = set(put_reviews(line.lake, *reviews.reviewed()))
        seen = reviews.not_marked()
        batch_of = _batches_of(line, {one.image_id for one in seen}) if seen else {}
        # another home may share the operations database: its pictures are not ours to record
        ours = [one for one in seen if one.image_id in batch_of]
        if ours:
            record_audits(line.lake, [Audit(one.image_id, one.category, False, BY_REVIEW + one.by) for one in ours])
            # only now: killed in between, they are recorded again, which a word that was said before is not
            reviews.fetched([one.finding_id for one in ours])
            changed |= {batch_of[one.image_id] for one in ours}
    return sorted(changed)


def push_reviews(line: Line, seconds: float = math.inf) -> int:
    """Leaves all questions that people decide where they find them; how many are new.

    These are the chains that wait for people, and those that people verified: they measure other people. Some that
    execution verifies are for practice. A batch of which nothing changed since it was pushed is not looked at again;
    one whose verified set is out of date is left for the next call.

    Args:
        line: whose questions they are.
        seconds: after so many no other batch is begun; the next call goes on.

    Raises:
        Unavailable: as above; the next call pushes what is left.
    """
    new, end = 0, time.monotonic() + seconds
    with line.lake.claim("push", "", wait=True), _reviews(line) as reviews:
        pushed, known = reviews.pushed(), batches(line.lake)
        with line.lake.reading() as connection:
            practice = _practice(connection)
            stamps = _stamps(connection, line, practice, known)
        for batch in known:
            if stamps[batch] != pushed.get(batch, "") and time.monotonic() < end:
                new += _push(line, reviews, batch, practice[batch])
    return new


@contextmanager
def _reviews(line: Line) -> Iterator[Reviews]:
    if line.reviews is None:
        raise ValueError("this line leaves nobody a question: give it `reviews`")
    with line.reviews() as reviews:
        yield reviews


def _batches_of(line: Line, images: set[str]) -> dict[str, str]:
    """By picture, its batch; pictures that did not land here are left out."""
    sql = "SELECT content_sha256, batch FROM batch_members WHERE list_contains(?, content_sha256)"
    return dict(line.lake.query(sql, [sorted(images)]).iter_rows())


def _push(line: Line, reviews: Reviews, batch: str, practice: Sequence[str]) -> int:
    """The questions of one batch, of one snapshot; how many are new."""
    with line.lake.reading() as connection:
        stage = line.stages()[STAGE]
        if pending(connection, STAGE, stage.version, stage.inputs(connection, [batch]), [batch]):
            return 0
        stamp = _stamps(connection, line, {batch: practice}, [batch])[batch]
        rows = _rows(connection, batch, practice)
        images = sorted({row["image_id"] for row in rows})
        facts = read_facts(connection, batch, line.chains.limits, images) if images else {}
    items = [_item(line, row, facts[row["image_id"]]) for row in rows if row["image_id"] in facts]
    return reviews.push(items, [batch], stamp)


def _practice(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """By batch, ids of chains for practice: a few of each source, of the first batches, so that it stays the same."""
    found: dict[str, list[str]] = defaultdict(list)
    for batch, chain_id in connection.execute(_PRACTICE, [EXECUTION, PRACTICE_EACH]).fetchall():
        found[batch].append(chain_id)
    return found


def _stamps(
    connection: duckdb.DuckDBPyConnection, line: Line, practice: Mapping[str, Sequence[str]], wanted: Sequence[str]
) -> dict[str, str]:
    """By batch, a hash of all that its questions are made from; "" where it has none."""
    rows = dict(connection.execute(_STATES.format(which=of_batches(wanted))).fetchall())
    settings = digest(str(CODE), repr(line.chains.certifier.margins))
    return {batch: digest(settings, rows[batch], *practice.get(batch, ())) if batch in rows else "" for batch in wanted}


def _rows(connection: duckdb.DuckDBPyConnection, batch: str, practice: Sequence[str]) -> list[dict[str, Any]]:
    """Chains to ask about, one of each question: where one of its chains needs people, that one."""
    asked = {"batch": batch, "reasons": list(ASKED_OF_PEOPLE), "people": PEOPLE, "practice": list(practice)}
    return connection.execute(_CHAINS, asked).pl().to_dicts()


def _item(line: Line, row: dict[str, Any], facts: Facts) -> ReviewItem:
    chain = chain_of(row)
    kind: Kind = "work" if row["work"] else "practice"
    return ReviewItem(
        question_id=chain.question_id,
        image_id=chain.image_id,
        batch=row["batch"],
        source=row["source"],
        question=clean_text(chain.question),
        executed=chain.answer,
        shown=_shown(line, chain, facts).to_json(),
        kind=kind,
    )


def _shown(line: Line, chain: Chain, facts: Facts) -> Shown:
    margins: dict[int, list[str]] = defaultdict(list)
    # the picture itself is not read: nothing is drawn here
    for call in closest_calls(Entry(b"", facts, chain, "certified"), line.chains.certifier.margins):
        margins[call.hop].append(f"{call.what} {call.margin} (needed: {call.needed})")
    used = sorted({node.category for node in chain.program.nodes if isinstance(node, Objects)})
    involved = set(chain.instance_ids)
    return Shown(
        width=facts.width,
        height=facts.height,
        chain_id=chain.chain_id,
        generator=chain.generator,
        answer=chain.answer,
        hops=tuple(_hop(hop, facts, margins[hop.number]) for hop in chain.hops),
        instances=tuple(_mark(one, one.mask_rle) for one in facts.instances if one.instance_id in involved),
        others=tuple(
            _mark(one, "") for one in facts.instances if one.category in used and one.instance_id not in involved
        ),
        categories=tuple(used),
    )


def _hop(hop: Hop, facts: Facts, margins: Sequence[str]) -> ShownHop:
    found = result_words(hop.result, facts)
    return ShownHop(hop.number, hop.kind, hop.level, clean_text(hop.text), found, tuple(margins))


def _mark(one: Instance, mask: str) -> ShownInstance:
    return ShownInstance(one.instance_id, one.category, one.box, mask)


_SOURCES = "SELECT image_id, batch, min(source) AS source FROM instances GROUP BY ALL"
_PRACTICE = f"""
SELECT batch, chain_id FROM (
    SELECT v.batch, v.chain_id, s.source, row_number() OVER (PARTITION BY v.image_id ORDER BY md5(v.chain_id)) AS turn
    FROM verified_set AS v JOIN ({_SOURCES}) AS s ON s.image_id = v.image_id AND s.batch = v.batch
    WHERE v.verified_by = ?
)
QUALIFY row_number() OVER (PARTITION BY source ORDER BY batch, turn, md5(chain_id)) <= ?
ORDER BY batch, chain_id
"""
# of these stages the ledger tells every row by its hash; what people said is in that of the verified set
_STATES = """
SELECT batch, md5(string_agg(stage || input_id || stage_version || output_hash, ' ' ORDER BY stage, input_id))
FROM stage_done WHERE {which} AND stage IN ('instance_masks', 'hop_chains', 'verified_set') GROUP BY batch
"""
_CHAINS = f"""
WITH asked AS (
    SELECT chain_id, true AS work FROM waiting_chains WHERE batch = $batch AND list_contains($reasons, reason)
    UNION ALL
    SELECT chain_id, true FROM verified_set WHERE batch = $batch AND verified_by = $people
    UNION ALL
    SELECT chain_id, false FROM verified_set WHERE batch = $batch AND list_contains($practice, chain_id)
)
SELECT c.*, a.work, s.source FROM asked AS a
JOIN hop_chains AS c ON c.chain_id = a.chain_id AND c.batch = $batch
JOIN ({_SOURCES}) AS s ON s.image_id = c.image_id AND s.batch = c.batch
QUALIFY row_number() OVER (PARTITION BY c.question_id ORDER BY a.work DESC, c.chain_id) = 1
ORDER BY c.chain_id
"""
