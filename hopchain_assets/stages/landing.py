"""From folders to batches: each sweep looks once at the landing folders, and seals what has settled.

A file settles when a later sweep finds it as an earlier one did. Then it is hashed, once, and waits until a
batch is full or the folders are quiet. A sweep that finds nothing new costs one listing and one query.

What is not covered: a writer that pauses for longer than the time between two sweeps. What it had written by then
lands, and is set aside if it is no picture; the whole file lands as another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hopchain_assets.sources.coco import Member
from hopchain_assets.sources.folder import (
    NOT_A_PICTURE,
    UNREADABLE,
    Found,
    Listing,
    Unreadable,
    content_sha256,
    is_annotations,
    is_local,
    list_folder,
    local_path,
)
from hopchain_assets.stages.beside import Said, read_beside
from hopchain_assets.warehouse.known import known_contents
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.landing import Audit, Landed, Sealed, add_audits, seal
from hopchain_assets.warehouse.landing_files import Change, Past, Row, read_past, record

# two sweeps at the same moment are one look, not two
SETTLE_SECONDS = 1.0
# a sweep under the sensor must end within Dagster's minute; the rest has its turn in the next one
HASHED_BYTES = 1 << 30
REMOTE_BYTES = 8 << 20

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class LandingSettings:
    """What is watched, and when a batch is sealed. `own`, a local folder, is made where it is missing."""

    folders: tuple[str, ...]
    batch_size: int
    quiet_seconds: float
    own: str = ""


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep did, and what it left.

    `new` and `changed` are batches: sealed now, and with other annotations. `waiting` pictures are hashed and not
    in a batch, and are sealed at `seals_at` at the latest; `unstable` files are not known yet. `refused` holds an
    address and a sentence for each thing that is not taken in, `out_of_reach` the folders that could not be read.
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    waiting: int
    unstable: int
    seals_at: datetime | None
    refused: tuple[tuple[str, str], ...]
    out_of_reach: tuple[str, ...] = ()


@dataclass(slots=True)
class _Look:
    """The files as they are now: rows, what is set aside, what was hashed or tried again by this sweep."""

    past: Past
    rows: dict[str, Row] = field(default_factory=dict)
    aside: dict[str, tuple[str, str]] = field(default_factory=dict)
    hashed: set[str] = field(default_factory=set)
    tried: set[str] = field(default_factory=set)
    landed: set[str] = field(default_factory=set)
    unstable: int = 0
    unhashed: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A content that waits for its batch: where it lies, and since when it is known."""

    uri: str
    seen_at: datetime


def sweep(
    lake: Lake, settings: LandingSettings, now: datetime, seal_all: bool = False, progress: Progress | None = None
) -> Swept:
    """Looks at the landing folders once, and stores what changed in one transaction, or writes nothing.

    `now` is UTC without a zone. With `seal_all` all that has settled is sealed without waiting for quiet, however much
    there is to hash, and what could not be read is tried again. What is broken is refused, and stops nothing else.

    Raises:
        WarehouseError: when there is no warehouse, or it stays busy.
    """
    _make(settings.own)
    folders = [list_folder(folder) for folder in settings.folders]
    files = {uri: found for folder in folders for uri, found in folder.files.items()}
    look = _Look(read_past(lake))
    _hash(look, files, _compare(look, files, now, seal_all), seal_all, progress)
    _mark_landed(lake, look)
    waiting = _waiting(look)
    rest = bool(waiting) and (seal_all or (not look.unhashed and now >= _seals_at(waiting, settings)))
    sealing = rest or len(waiting) >= settings.batch_size
    said = _annotations(look, files, waiting if sealing else {}, seal_all, progress)
    members = _members(look, waiting if sealing else {}, said)
    unread = tuple(prefix for folder in folders for prefix in folder.unread)
    _set_aside(look, folders, unread)
    change = _change(look, folders, unread)
    sealed = Sealed((), (), 0, left=frozenset() if sealing else frozenset(waiting))
    if change or members:
        stored = record(lake, change, members, _audits(said.members.values()), settings.batch_size, not rest, now)
        sealed = replace(stored, left=stored.left | sealed.left)
    left = {content: one for content, one in waiting.items() if content in sealed.left}
    return Swept(
        new=sealed.new,
        changed=sealed.changed,
        waiting=len(left),
        unstable=look.unstable + look.unhashed,
        seals_at=_seals_at(left, settings) if left else None,
        refused=_refused(look, folders),
        out_of_reach=tuple(
            name for name, folder in zip(settings.folders, folders, strict=True) if folder.prefix in folder.unread
        ),
    )


def take_in(lake: Lake, members: Sequence[Member], batch_size: int) -> tuple[Sealed, int]:
    """Lands annotated pictures, and whose word it is that all is marked, in one transaction.

    Returns what was sealed, and how many words on a picture and a category are new.
    """
    landed = [Landed(m.source_uri, m.content_sha256, m.annotations) for m in members]
    audits = _audits(members)
    return lake.transact(
        "landing",
        "",
        lambda connection: (seal(connection, landed, batch_size), add_audits(connection, audits)),
        "landing",
    )


def _make(folder: str) -> None:
    if folder and is_local(folder):
        try:
            local_path(folder).mkdir(parents=True, exist_ok=True)
        except OSError:
            # listing it says what is wrong, in the same words as of any other folder
            return


def _compare(look: _Look, files: Mapping[str, Found], now: datetime, again: bool) -> list[str]:
    """Fills the rows; returns the addresses of the files that have settled and are to be hashed."""
    settled: list[str] = []
    before = now - timedelta(seconds=SETTLE_SECONDS)
    for uri, found in files.items():
        row = look.past.files.get(uri)
        if row is None or (row.byte_size, row.stamp) != found:
            look.rows[uri] = Row(found.byte_size, found.stamp, None, now)
            look.unstable += 1
            continue
        look.rows[uri] = row
        failed = look.past.aside.get(uri)
        if failed:
            look.aside[uri] = failed
        if row.content_sha256 is None and (again or not failed):
            if row.seen_at <= before:
                settled.append(uri)
            else:
                look.unstable += 1
    return sorted(settled)


def _hash(
    look: _Look, files: Mapping[str, Found], settled: Sequence[str], all_of_them: bool, progress: Progress | None
) -> None:
    spent = 0
    for number, uri in enumerate(settled, start=1):
        if spent > HASHED_BYTES and not all_of_them:
            look.unhashed = len(settled) - number + 1
            return
        spent += files[uri].byte_size + (0 if is_local(uri) else REMOTE_BYTES)
        look.tried.add(uri)
        look.aside.pop(uri, None)
        try:
            content = content_sha256(uri, files[uri])
        except Unreadable as error:
            look.aside[uri] = (UNREADABLE, str(error))
            continue
        if content is None:
            look.unstable += 1
        else:
            look.rows[uri] = replace(look.rows[uri], content_sha256=content)
            look.hashed.add(uri)
        if progress:
            progress(number, len(settled))


def _mark_landed(lake: Lake, look: _Look) -> None:
    look.landed = {row.content_sha256 for row in look.rows.values() if row.landed and row.content_sha256}
    new = {look.rows[uri].content_sha256 or "" for uri in look.hashed} - look.landed
    if new:
        look.landed.update(known_contents(lake, sorted(new)))


def _waiting(look: _Look) -> dict[str, _Waiting]:
    """By content, in the order of their addresses. The time is the first copy's: another copy is nothing new."""
    found: dict[str, _Waiting] = {}
    fresh = (
        (uri, row)
        for uri, row in look.rows.items()
        if row.content_sha256 and row.content_sha256 not in look.landed and not is_annotations(uri)
    )
    for uri, row in sorted(fresh, key=lambda item: item[0]):
        content = row.content_sha256 or ""
        first = found.setdefault(content, _Waiting(uri, row.seen_at))
        if row.seen_at < first.seen_at:
            found[content] = replace(first, seen_at=row.seen_at)
    return found


def _seals_at(waiting: Mapping[str, _Waiting], settings: LandingSettings) -> datetime:
    return max(one.seen_at for one in waiting.values()) + timedelta(seconds=settings.quiet_seconds)


def _annotations(
    look: _Look, files: Mapping[str, Found], sealed: Mapping[str, _Waiting], again: bool, progress: Progress | None
) -> Said:
    """What COCO files say of the pictures that land now, and of landed ones where a file or a copy is new."""
    annotations = {uri for uri, row in look.rows.items() if is_annotations(uri) and row.content_sha256}
    fresh = {uri for uri in annotations if uri in look.hashed or (again and uri in look.aside)}
    copies = {uri for uri in look.hashed if look.rows[uri].content_sha256 in look.landed}
    wanted = {one.uri for one in sealed.values()} | copies
    present = {uri: look.rows[uri].content_sha256 if uri in look.rows else None for uri in files}
    said = read_beside(annotations, fresh, wanted, present, progress)
    for uri, remark in said.remarks.items():
        look.tried.add(uri)
        look.aside.pop(uri, None)
        if remark:
            look.aside[uri] = remark
    return said


def _members(look: _Look, sealed: Mapping[str, _Waiting], said: Said) -> list[Landed]:
    words = {content: member.annotations for content, member in said.members.items()}
    members = [Landed(one.uri, content, words.get(content)) for content, one in sealed.items()]
    known = {content for content in words if content in look.landed}
    if known:
        place = {row.content_sha256: uri for uri, row in sorted(look.rows.items(), reverse=True)}
        members += [Landed(place[content], content, words[content]) for content in sorted(known) if content in place]
    return members


def _audits(members: Iterable[Member]) -> list[Audit]:
    return [Audit(m.content_sha256, c, True, m.audited) for m in members if m.audited for c in m.categories]


def _set_aside(look: _Look, folders: Sequence[Listing], unread: tuple[str, ...]) -> None:
    """Adds what the folders refuse, and what was set aside before where nobody can look now."""
    for folder in folders:
        look.aside |= {one.uri: (one.reason, one.detail) for one in folder.refused if one.reason != NOT_A_PICTURE}
    hidden = (uri for uri in look.past.aside if uri not in look.aside and uri.startswith(unread))
    look.aside |= {uri: look.past.aside[uri] for uri in hidden}


def _change(look: _Look, folders: Sequence[Listing], unread: tuple[str, ...]) -> Change:
    past = look.past
    watched = tuple(folder.prefix for folder in folders)
    missing = (uri for uri in past.files if uri not in look.rows)
    new = {
        uri: why
        for uri, why in look.aside.items()
        # an error's words may differ each time, and that alone is nothing new
        if past.aside.get(uri, ("",))[0] != why[0] or (uri in look.tried and past.aside[uri] != why)
    }
    return Change(
        files={uri: row for uri, row in look.rows.items() if past.files.get(uri) is not row},
        gone=[uri for uri in missing if uri.startswith(watched) and not uri.startswith(unread)],
        aside=new,
        mended=past.aside.keys() - look.aside.keys(),
    )


def _refused(look: _Look, folders: Sequence[Listing]) -> tuple[tuple[str, str], ...]:
    companions = {
        one.uri: (one.reason, one.detail) for folder in folders for one in folder.refused if one.reason == NOT_A_PICTURE
    }
    told = companions | look.aside
    return tuple((uri, f"{reason}: {detail}") for uri, (reason, detail) in sorted(told.items()))
