"""A segmenter that is asked once: the `Segmenter` port, with what it found before in front of it.

On a processor a picture takes a minute, and a killed run had all of its batch to do again. Kept by picture, name and
segmenter, so that a new name asks for itself alone, and the line's thresholds can be moved without asking.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack

import orjson
import sqlalchemy as sa

from hopchain_assets.domain.records import digest
from hopchain_assets.operations.database import Database
from hopchain_assets.operations.statements import insert, utc_now
from hopchain_assets.operations.tables import segmentations
from hopchain_assets.operations.trouble import OperationsError, patiently
from hopchain_assets.ports.segmenter import (
    Found,
    Grounding,
    Segmented,
    Segmenter,
    SegmenterUnavailable,
    ToSegment,
)

# a database takes so many parameters at least
KEYS_AT_ONCE = 500
_KEPT = sa.select(segmentations.c.key, segmentations.c.category, segmentations.c.presence, segmentations.c.found).where(
    segmentations.c.key.in_(sa.bindparam("keys", expanding=True))
)


class SegmentedOnce:
    """A `Segmenter` that asks `inner` only for what is not kept at the database `url`. Opens nothing by itself."""

    def __init__(self, inner: Segmenter, url: str) -> None:
        self._inner, self._database = inner, Database(url)

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def version(self) -> str:
        return self._inner.version

    def segment(self, pictures: Sequence[ToSegment]) -> Iterator[Segmented]:
        """What came of each picture; what `inner` finds is committed before it is told.

        Raises:
            SegmenterUnavailable: when nothing can be segmented, or what was found cannot be kept.
        """
        keys = {(one.image_id, name): self._key(one.image_id, name) for one in pictures for name in one.categories}
        try:
            patiently(self._database.migrate)
            kept = self._kept(keys.values())
        except OperationsError as error:
            raise SegmenterUnavailable(str(error)) from error
        asked: list[ToSegment] = []
        for one in pictures:
            missing = tuple(name for name in one.categories if keys[one.image_id, name] not in kept)
            if missing:
                asked.append(ToSegment(one.image_id, missing, one.read))
            else:
                yield Segmented(one.image_id, tuple(kept[keys[one.image_id, name]] for name in one.categories))
        by_id = {one.image_id: one for one in pictures}
        with ExitStack() as stack:
            connection: sa.Connection | None = None
            for told in self._inner.segment(asked) if asked else ():
                if told.error:
                    yield told
                    continue
                try:
                    connection = connection or stack.enter_context(self._database.connected())
                    self._keep(connection, told)
                except OperationsError as error:
                    raise SegmenterUnavailable(str(error)) from error
                found = {one.category: one for one in told.groundings}
                names = by_id[told.image_id].categories
                whole = (found.get(name) or kept[keys[told.image_id, name]] for name in names)
                yield Segmented(told.image_id, tuple(whole))

    def _key(self, image_id: str, name: str) -> str:
        return digest(image_id, name, self.version)

    def _kept(self, keys: Collection[str]) -> dict[str, Grounding]:
        wanted = sorted(keys)
        kept: dict[str, Grounding] = {}
        with self._database.connected(reading=True) as connection:
            for start in range(0, len(wanted), KEYS_AT_ONCE):
                rows = connection.execute(_KEPT, {"keys": wanted[start : start + KEYS_AT_ONCE]})
                for key, category, presence, found in rows:
                    masks = tuple(Found(mask, score) for mask, score in orjson.loads(found))
                    kept[key] = Grounding(category, presence, masks)
        return kept

    def _keep(self, connection: sa.Connection, told: Segmented) -> None:
        rows = [
            {
                "key": self._key(told.image_id, one.category),
                "image_id": told.image_id,
                "category": one.category,
                "segmenter": self.version,
                "presence": one.presence,
                "found": orjson.dumps([(mask.mask_rle, mask.score) for mask in one.found]).decode(),
                "at": utc_now(),
            }
            for one in told.groundings
        ]

        def work() -> None:
            with connection.begin():
                connection.execute(insert(connection, segmentations).on_conflict_do_nothing(), rows)

        if rows:
            patiently(work)
