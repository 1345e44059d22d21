"""Who looks at pictures that nobody annotated: a segmenter and a reader of printed text, asked picture by picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from hopchain_assets.domain.printed import PrintedSettings
from hopchain_assets.domain.sift import SiftSettings
from hopchain_assets.ports.segmenter import Segmented, Segmenter, ToSegment
from hopchain_assets.ports.text_reader import Text, TextReader
from hopchain_assets.stages.spread import Failed
from hopchain_assets.warehouse.pictures import PictureStore

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Keeping:
    """What of the finds is kept, and whose they are, without those who find: it is sent to other processes."""

    sift: SiftSettings
    printed: PrintedSettings
    segmenter: str
    reader: str


@dataclass(frozen=True, slots=True)
class Sight:
    """Who finds instances and who reads printed text, None for nobody; and what of their finds is kept."""

    segmenter: Segmenter | None = None
    reader: TextReader | None = None
    sift: SiftSettings = field(default_factory=SiftSettings)
    printed: PrintedSettings = field(default_factory=PrintedSettings)

    @property
    def version(self) -> tuple[object, ...]:
        """All that counts of it, for the version of the stage that looks; nothing where nobody does."""
        found = (self.segmenter.version, self.sift) if self.segmenter else ()
        return found + ((self.reader.version, self.printed) if self.reader else ())

    @property
    def keeping(self) -> Keeping:
        """What of the finds is kept."""
        segmenter, reader = (who.name if who else "" for who in (self.segmenter, self.reader))
        return Keeping(self.sift, self.printed, segmenter, reader)

    def segmented(
        self, pictures: PictureStore, names: Mapping[str, Sequence[str]], progress: Progress
    ) -> dict[str, Segmented]:
        """What the segmenter found of the names of each picture, by image id; needs a segmenter.

        Raises:
            SegmenterUnavailable: when nothing can be segmented.
            OSError: when the store cannot be reached.
        """
        if not names or self.segmenter is None:
            return {}
        # a store that cannot be reached is no picture's fault: it fails here, before any is blamed
        pictures.has("0" * 64)
        asked = [ToSegment(one, tuple(wanted), partial(pictures.get, one)) for one, wanted in names.items()]
        found: dict[str, Segmented] = {}
        for told in self.segmenter.segment(asked):
            found[told.image_id] = told
            progress(len(found), len(asked))
        return found

    def read(
        self, pictures: PictureStore, ids: Sequence[str], progress: Progress
    ) -> dict[str, Sequence[Text] | Failed]:
        """The printed texts of each picture, by image id; nothing where nobody reads.

        Raises:
            TextReaderUnavailable: when nothing can be read.
        """
        found: dict[str, Sequence[Text] | Failed] = {}
        for one in ids if self.reader else ():
            found[one] = self._read(pictures, one)
            progress(len(found), len(ids))
        return found

    def _read(self, pictures: PictureStore, image_id: str) -> Sequence[Text] | Failed:
        assert self.reader is not None
        try:
            return self.reader.read(pictures.get(image_id))
        except (ValueError, OSError) as error:
            return Failed(f"its printed text cannot be read: {error}")
