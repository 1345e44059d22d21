"""What has landed and what people said of it: `batch_members` and `category_audit`.

Both are written outside the stages and never removed by them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl

from hopchain_assets.domain.records import digest
from hopchain_assets.warehouse.done import of_batches
from hopchain_assets.warehouse.known import Known, known_contents
from hopchain_assets.warehouse.lake import Lake
from hopchain_assets.warehouse.rows import append, utc_now


@dataclass(frozen=True, slots=True)
class Landed:
    """A picture to take in: where it lies, the sha256 of its bytes, what its source says of it (JSON or None)."""

    source_uri: str
    content_sha256: str
    annotations: str | None


@dataclass(frozen=True, slots=True)
class Audit:
    """Somebody's word on whether all instances of a category are marked in a picture."""

    image_id: str
    category: str
    exhaustive: bool
    by: str


@dataclass(frozen=True, slots=True)
class Sealed:
    """What landing changed.

    `new` are new batches, `changed` batches in which an annotation changed; `known` is how many pictures were known
    before; `touched` are the contents that are new or changed, `left` those that wait for a batch to fill.
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    known: int
    touched: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()


def land(lake: Lake, members: Sequence[Landed], batch_size: int) -> Sealed:
    """Seals pictures not seen before, by content, into batches whose members never change.

    A picture seen before stays in its batch. When its annotations differ they are put in the old ones' place; where
    none are given, those that it has stay.
    """
    return lake.transact("landing", "", lambda connection: seal(connection, members, batch_size), "landing")


def seal(
    connection: duckdb.DuckDBPyConnection, members: Sequence[Landed], batch_size: int, full_only: bool = False
) -> Sealed:
    """What `land` does, within a transaction of the caller's, who holds the lock of ("landing", "").

    With `full_only` what does not fill a batch is left.
    """
    unique = _by_content(members)
    known = known_contents(connection, list(unique))
    changed = [m for m in unique.values() if _differs(m, known.get(m.content_sha256))]
    fresh = [m for m in unique.values() if m.content_sha256 not in known]
    whole = len(fresh) - len(fresh) % batch_size if full_only else len(fresh)
    if changed:
        listed = pl.DataFrame({"content_sha256": [m.content_sha256 for m in changed]})
        connection.register("_changed_members", listed.to_arrow())
        connection.execute(
            "DELETE FROM batch_members WHERE content_sha256 IN (SELECT content_sha256 FROM _changed_members)"
        )
        connection.unregister("_changed_members")
        _insert(connection, [(known[m.content_sha256].batch, m) for m in changed])
    new = _seal_fresh(connection, fresh[:whole], batch_size)
    return Sealed(
        new=tuple(new),
        changed=tuple(sorted({known[m.content_sha256].batch for m in changed})),
        known=len(unique) - len(fresh),
        touched=frozenset(m.content_sha256 for m in (*changed, *fresh[:whole])),
        left=frozenset(m.content_sha256 for m in fresh[whole:]),
    )


def _by_content(members: Sequence[Landed]) -> dict[str, Landed]:
    """One member for each content, in order: the first of which something is said, or the first."""
    unique: dict[str, Landed] = {}
    for member in members:
        first = unique.setdefault(member.content_sha256, member)
        if first.annotations is None and member.annotations is not None:
            unique[member.content_sha256] = member
    return unique


def _differs(member: Landed, known: Known | None) -> bool:
    # a sweep that does not find the annotation file any more says nothing: what people marked stays
    return known is not None and member.annotations is not None and _hash(member) != known.annotations_sha256


def _seal_fresh(connection: duckdb.DuckDBPyConnection, fresh: Sequence[Landed], batch_size: int) -> list[str]:
    if not fresh:
        return []
    count = connection.execute("SELECT count(DISTINCT batch) FROM batch_members").fetchall()[0][0]
    named: dict[str, Sequence[Landed]] = {}
    for start in range(0, len(fresh), batch_size):
        part = fresh[start : start + batch_size]
        named[f"b{count + len(named) + 1:05d}-{digest(*(m.content_sha256 for m in part))[:6]}"] = part
    _insert(connection, [(name, m) for name, part in named.items() for m in part])
    return list(named)


def batches(lake: Lake) -> list[str]:
    """All batches, in the order in which they were sealed."""
    return lake.query("SELECT DISTINCT batch FROM batch_members ORDER BY batch")["batch"].to_list()


def record_audits(lake: Lake, audits: Sequence[Audit]) -> int:
    """Adds people's words on categories; the latest one holds. A word said before by the same is not repeated.

    Pictures that the warehouse does not hold are left out. Returns how many were new.
    """
    return lake.transact("category_audit", "", lambda connection: add_audits(connection, audits), "category audit")


def add_audits(connection: duckdb.DuckDBPyConnection, audits: Sequence[Audit]) -> int:
    """What `record_audits` does, within a transaction of the caller's."""
    known = known_contents(connection, [a.image_id for a in audits])
    batch_of = {name: picture.batch for name, picture in known.items()}
    current = current_audits(connection, sorted(set(batch_of.values())))
    said = {(r["image_id"], r["category"]): (r["exhaustive"], r["by"]) for r in current.iter_rows(named=True)}
    rows = [a for a in audits if a.image_id in batch_of and said.get((a.image_id, a.category)) != (a.exhaustive, a.by)]
    if rows:
        now = utc_now()
        frame = pl.DataFrame(
            [(a.image_id, a.category, a.exhaustive, a.by, now, batch_of[a.image_id]) for a in rows],
            schema=["image_id", "category", "exhaustive", "by", "at", "batch"],
            orient="row",
        )
        append(connection, "category_audit", frame)
    return len(rows)


def members(connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> list[tuple[str, str, str]]:
    """`(batch, content_sha256, annotations_sha256)` of these batches (of all), in order; "" without annotations."""
    return connection.execute(
        f"SELECT batch, content_sha256, coalesce(annotations_sha256, '') FROM batch_members "
        f"WHERE {of_batches(batches)} ORDER BY ALL"
    ).fetchall()


def current_audits(connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None) -> pl.DataFrame:
    """The word that holds for each picture and category of these batches: `image_id, category, exhaustive, by`."""
    return connection.execute(
        'SELECT image_id, category, arg_max(exhaustive, "at") AS exhaustive, arg_max("by", "at") AS "by" '
        f"FROM category_audit WHERE {of_batches(batches)} GROUP BY ALL ORDER BY image_id, category"
    ).pl()


def complete_categories(
    connection: duckdb.DuckDBPyConnection, batches: Sequence[str] | None = None
) -> dict[str, frozenset[str]]:
    """By picture, the categories of which somebody says that all instances are marked."""
    found: dict[str, set[str]] = {}
    for image_id, category, exhaustive, _ in current_audits(connection, batches).iter_rows():
        if exhaustive:
            found.setdefault(image_id, set()).add(category)
    return {name: frozenset(categories) for name, categories in found.items()}


def _hash(member: Landed) -> str | None:
    return None if member.annotations is None else hashlib.sha256(member.annotations.encode()).hexdigest()


def _insert(connection: duckdb.DuckDBPyConnection, rows: Sequence[tuple[str, Landed]]) -> None:
    now = utc_now()
    frame = pl.DataFrame(
        [(batch, m.source_uri, m.content_sha256, m.annotations, now, _hash(m)) for batch, m in rows],
        schema={
            "batch": pl.String, "source_uri": pl.String, "content_sha256": pl.String,
            "annotations": pl.String, "landed_at": pl.Datetime("us"), "annotations_sha256": pl.String,
        },
        orient="row",
    )  # fmt: skip
    append(connection, "batch_members", frame)
