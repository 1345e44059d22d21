"""Votes out of Label Studio's exports, JSON or JSON-MIN. What cannot be read as a vote is left out with the reason."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from hopchain_assets.annotate.label_studio import ANSWER, DEFECT, NOTE
from hopchain_assets.domain.review import DEFECTS, understand
from hopchain_assets.operations.review.elsewhere import VoteElsewhere
from hopchain_assets.operations.review.refusals import Refused
from hopchain_assets.operations.review.voting import Answer

PROGRAM = "label-studio"
# as a form holds them, by the words or by the key
_REASONS = {words: key for key, words in DEFECTS.items()} | {key: key for key in DEFECTS}
_BOM = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """A file is no export of Label Studio; the message says why."""


@dataclass(frozen=True, slots=True)
class Read:
    """The votes of a file, and by their names those that are none, with the reason."""

    votes: tuple[VoteElsewhere, ...]
    left_out: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Said:
    """An annotation: what stands in each field, who has signed in there (`account`), and whose task it is."""

    origin: str
    person_id: str
    question_id: str
    account: str
    cancelled: bool
    fields: Mapping[str, Sequence[str]]
    seconds: float | None
    at: datetime | None


def read_votes(data: bytes, server: str = "") -> Read:
    """The votes of an export.

    Who has answered is told by the task, not by the account: a project is one person's. So where several accounts have
    answered in it, or one for several people, none of these answers can be told to be theirs.

    Args:
        data: the file.
        server: tells this Label Studio from others that number their annotations alike.

    Raises:
        Unreadable: when it is no such export.
    """
    try:
        told = orjson.loads(data.removeprefix(_BOM))
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"it is not JSON: {error}") from error
    if not isinstance(told, list) or not all(isinstance(task, dict) for task in told):
        raise Unreadable("it is no list of tasks: export JSON from Label Studio")
    name = f"{PROGRAM}:{server}:" if server else f"{PROGRAM}:"
    said = [one for task in told for one in _annotations(task, name)]
    mixed = _mixed([one for one in said if not one.cancelled])
    votes: list[VoteElsewhere] = []
    left_out: list[tuple[str, str]] = []
    for one in said:
        try:
            if one.person_id in mixed and not one.cancelled:
                raise Refused(mixed[one.person_id])
            votes.append(_vote(one))
        except Refused as refused:
            left_out.append((one.origin, str(refused)))
    return Read(tuple(votes), tuple(left_out))


def _annotations(task: Mapping[str, Any], name: str) -> Iterator[_Said]:
    data = task.get("data")
    if not isinstance(data, dict):
        # JSON-MIN: one row an annotation, which names no project
        fields = {field: _texts(task.get(field)) for field in (ANSWER, DEFECT, NOTE)}
        yield _said(f"{name}-/{_id(task.get('annotation_id'))}", task, task, task.get("annotator"), fields)
        return
    annotations = task.get("annotations")
    for one in annotations if isinstance(annotations, list) else []:
        if not isinstance(one, dict):
            continue
        project = one.get("project", task.get("project"))
        origin = f"{name}{_id(project) or '-'}/{_id(one.get('id'))}"
        yield _said(origin, data, one, one.get("completed_by"), _fields(one.get("result")))


def _said(
    origin: str,
    data: Mapping[str, Any],
    annotation: Mapping[str, Any],
    account: object,
    fields: Mapping[str, Sequence[str]],
) -> _Said:
    return _Said(
        origin=origin,
        person_id=str(data.get("person_id") or ""),
        question_id=str(data.get("question_id") or ""),
        account=_account(account),
        cancelled=bool(annotation.get("was_cancelled")),
        fields=fields,
        seconds=_seconds(annotation.get("lead_time")),
        at=_time(annotation.get("updated_at")) or _time(annotation.get("created_at")),
    )


def _vote(said: _Said) -> VoteElsewhere:
    """What was said as a vote.

    Raises:
        Refused: when it is none.
    """
    if said.origin.endswith("/"):
        raise Refused("It has no number of its own.")
    if said.cancelled:
        raise Refused("It was skipped.")
    if not said.person_id or not said.question_id:
        raise Refused("Its task is not one of ours.")
    return VoteElsewhere(said.origin, said.person_id, said.question_id, _answer(said.fields), said.seconds, said.at)


def _answer(fields: Mapping[str, Sequence[str]]) -> Answer:
    """The number or the reason, as the page would read them.

    Raises:
        Refused: when there is neither, or both, or the number cannot be understood.
    """
    numbers, reasons = _filled(fields, ANSWER), _filled(fields, DEFECT)
    note = "\n".join(_filled(fields, NOTE))
    if numbers and reasons:
        raise Refused("It gives both a number and a reason why there is none.")
    if not numbers and not reasons:
        raise Refused("It gives neither a number nor a reason.")
    if len(numbers) > 1 or len(reasons) > 1:
        raise Refused("It gives several answers.")
    if reasons:
        key = _REASONS.get(reasons[0])
        if key is None:
            raise Refused("That reason is not known here.")
        return Answer(defect=key, note=note)
    read = understand(numbers[0])
    if not read.number:
        raise Refused(f"{numbers[0][:40]!r} is no number. {read.why}".strip())
    return Answer(number=read.number, note=note)


def _mixed(said: Sequence[_Said]) -> dict[str, str]:
    """People of whom nobody can tell what they have answered themselves, and why."""
    accounts: dict[str, set[str]] = defaultdict(set)
    people: dict[str, set[str]] = defaultdict(set)
    for one in said:
        if one.person_id and one.account:
            accounts[one.person_id].add(one.account)
            people[one.account].add(one.person_id)
    several = "Several accounts have answered for this person: delete in Label Studio what is not theirs."
    alike = "One account has answered for several people: each has to answer in a project of their own."
    mixed = {person: alike for them in people.values() if len(them) > 1 for person in them}
    return mixed | {person: several for person, them in accounts.items() if len(them) > 1}


def _fields(result: object) -> dict[str, list[str]]:
    """The texts of each field, whatever kind of tag it is."""
    fields: dict[str, list[str]] = defaultdict(list)
    for one in result if isinstance(result, list) else []:
        if isinstance(one, dict) and isinstance(one.get("value"), dict):
            for kind in ("text", "choices", "number"):
                fields[str(one.get("from_name"))] += _texts(one["value"].get(kind))
    return fields


def _filled(fields: Mapping[str, Sequence[str]], name: str) -> list[str]:
    """The different texts of a field that say anything."""
    return list(dict.fromkeys(text.strip() for text in fields.get(name, ()) if text.strip()))


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        # how JSON-MIN has several
        return [text for kind in ("text", "choices", "number") for text in _texts(value.get(kind))]
    if isinstance(value, list):
        return [str(one) for one in value]
    return [] if value is None else [str(value)]


def _account(told: object) -> str:
    return _id(told.get("id")) or str(told.get("email") or "") if isinstance(told, dict) else _id(told)


def _id(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


def _time(value: object) -> datetime | None:
    """A time of Label Studio's in UTC without a time zone; what names no zone is UTC there."""
    try:
        told = datetime.fromisoformat(value) if isinstance(value, str) else None
        return told.astimezone(UTC).replace(tzinfo=None) if told and told.tzinfo else told
    except (ValueError, OverflowError):
        return None
