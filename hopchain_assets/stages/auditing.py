"""Which categories of which pictures a person should look through next, and answers that come as a list."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hopchain_assets.domain.countable import CountLimits
from hopchain_assets.domain.program import Objects, Program
from hopchain_assets.domain.records import Facts
from hopchain_assets.stages.entries import file_name
from hopchain_assets.stages.facts import read_facts
from hopchain_assets.stages.line import Line
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import Audit, current_audits


@dataclass(frozen=True, slots=True)
class Question:
    """A picture and a category that nobody has audited; `waiting` chains would be helped by it."""

    image_id: str
    batch: str
    name: str
    category: str
    marks: int
    waiting: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers that fit a landed picture, and for each other one its name and why it was left out."""

    audits: tuple[Audit, ...]
    left_out: tuple[tuple[str, str], ...]


def open_questions(lake: Lake, image_prefix: str = "", category: str = "") -> list[Question]:
    """What to ask, that which helps the most waiting chains first.

    A category with one mark is asked only where a chain waits for it.
    """
    with lake.reading() as connection:
        said = {(image, name): exhaustive for image, name, exhaustive, _ in current_audits(connection).iter_rows()}
    helped: Counter[tuple[str, str]] = Counter()
    for image, program in lake.query(_WAITING_PROGRAMS).iter_rows():
        used = {(image, node.category) for node in Program.from_json(program).nodes if isinstance(node, Objects)}
        # one category that is not fully marked is enough to hold a chain back for good
        if all(said.get(pair, True) for pair in used):
            helped.update(used)
    asked = [
        Question(image, batch, file_name(uri), name, marks, helped[image, name])
        for image, batch, uri, name, marks in lake.query(_MARKED, [image_prefix, category, category]).iter_rows()
        if (image, name) not in said and (marks >= 2 or helped[image, name])
    ]
    # pictures stay together, so that a person looks at one after the other
    weight: Counter[str] = Counter()
    for question in asked:
        weight[question.image_id] += question.waiting
    return sorted(asked, key=lambda q: (-weight[q.image_id], q.image_id, -q.waiting, -q.marks, q.category))


def facts_of(lake: Lake, question: Question) -> Facts:
    """The facts of the picture that is asked about."""
    with lake.reading() as connection:
        return read_facts(connection, question.batch, CountLimits(), [question.image_id])[question.image_id]


def answers_from(line: Line, rows: Sequence[Mapping[str, object]], by: str) -> Answers:
    """Answers `{file_name, sha256?, category, exhaustive, by?}` matched to landed pictures.

    A `sha256` decides where it is given, else the file's name, which must then be that of one picture.
    """
    known: dict[str, set[str]] = {}
    named: dict[str, list[str]] = defaultdict(list)
    for content, uri, said in line.lake.query(_LANDED).iter_rows():
        known[content] = {mark["category"] for mark in json.loads(said).get("marks", [])} if said else set()
        named[file_name(uri)].append(content)
    audits: list[Audit] = []
    left_out: list[tuple[str, str]] = []
    for row in rows:
        name, category, exhaustive = row.get("file_name"), row.get("category"), row.get("exhaustive")
        content = row.get("sha256")
        matches = [content] if content in known else [] if content else named.get(str(name), [])
        reason = _unfit(matches, category, exhaustive, known)
        if reason:
            left_out.append((f"{name or content}, {category}", reason))
        else:
            audits.append(Audit(str(matches[0]), str(category), exhaustive is True, str(row.get("by") or by)))
    return Answers(tuple(audits), tuple(left_out))


def answers_to_keep(lake: Lake) -> list[dict[str, object]]:
    """All words that hold, in the form that `answers_from` reads."""
    names = {content: file_name(uri) for content, uri, _ in lake.query(_LANDED).iter_rows()}
    with lake.reading() as connection:
        rows = current_audits(connection).rows()
    kept = [
        {"file_name": names.get(image, ""), "sha256": image, "category": category, "exhaustive": exhaustive, "by": by}
        for image, category, exhaustive, by in rows
    ]
    return sorted(kept, key=lambda row: (row["file_name"], row["sha256"], row["category"]))


def _unfit(matches: Sequence[object], category: object, exhaustive: object, known: Mapping[str, set[str]]) -> str:
    if not matches:
        return "no such picture was imported"
    if len(matches) > 1:
        return f"{len(matches)} pictures have that name: give the sha256"
    if not isinstance(exhaustive, bool):
        return "exhaustive must be true or false"
    if category not in known[str(matches[0])]:
        return "nothing of that category is marked in the picture"
    return ""


_WAITING_PROGRAMS = """
SELECT w.image_id, c.program FROM waiting_chains AS w JOIN hop_chains AS c
ON c.chain_id = w.chain_id AND c.batch = w.batch WHERE w.reason = 'category not audited'
"""
_MARKED = """
SELECT n.image_id, n.batch, i.source_uri, n.category, count(*)
FROM instances AS n JOIN images AS i ON i.image_id = n.image_id AND i.batch = n.batch
WHERE starts_with(n.image_id, ?) AND (? = '' OR n.category = ?)
GROUP BY ALL
"""
_LANDED = "SELECT content_sha256, source_uri, annotations FROM batch_members ORDER BY ALL"
