"""Who finds instances and reads printed text in plain pictures, as the environment names them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hopchain_assets.models.sam3.segmenter import REVISION, WEIGHTS, Sam3
from hopchain_assets.ports.segmenter import Segmenter
from hopchain_assets.ports.text_reader import TextReader
from hopchain_assets.settings.environ import SettingsError, folders, number, one_of

SEGMENTERS = ("", "sam3", "stand-in")
SAM3_CODES = ("transformers", "meta")
TEXT_READERS = ("", "rapidocr")


@dataclass(frozen=True, slots=True)
class Eyes:
    """Who finds instances (`segmenter`, of `SEGMENTERS`) and who reads printed text; empty for nobody.

    `truth` are the folders that the stand-in answers from, `faults` the rates at which it errs.
    """

    segmenter: str
    sam3: Sam3
    truth: tuple[str, ...]
    faults: str
    text_reader: str

    @classmethod
    def load(cls, given: Mapping[str, str]) -> Eyes:
        """The eyes of these variables.

        Raises:
            SettingsError: naming the variable and what it may be.
        """
        return cls(
            segmenter=one_of(given, "HOPCHAIN_SEGMENTER", SEGMENTERS),
            sam3=Sam3(
                weights=_place(given.get("HOPCHAIN_SAM3_WEIGHTS") or WEIGHTS),
                revision=given.get("HOPCHAIN_SAM3_REVISION") or REVISION,
                code=one_of(given, "HOPCHAIN_SAM3_CODE", SAM3_CODES),
                device=_device(given),
                batch=number(given, "HOPCHAIN_SAM3_BATCH", 0, 0, 1_024),
            ),
            truth=folders(given.get("HOPCHAIN_STAND_IN_TRUTH")),
            faults=given.get("HOPCHAIN_STAND_IN_FAULTS") or "",
            text_reader=one_of(given, "HOPCHAIN_TEXT_READER", TEXT_READERS),
        )

    def finder(self, operations: str, scenes: Sequence[Path]) -> Segmenter | None:
        """Who finds instances, with what was found before in front of it; None for nobody. Opens nothing.

        Args:
            operations: the URL of the database that keeps what was found.
            scenes: folders that the stand-in answers from where no others are named.

        Raises:
            SettingsError: naming the variable that cannot be used.
        """
        if not self.segmenter:
            return None
        from hopchain_assets.operations.segmented import SegmentedOnce

        return SegmentedOnce(self.sam3 if self.segmenter == "sam3" else self._stand_in(scenes), operations)

    def reader(self) -> TextReader | None:
        """Who reads printed text; None for nobody. Opens nothing."""
        if not self.text_reader:
            return None
        from hopchain_assets.models.rapid_text import RapidText

        return RapidText()

    def _stand_in(self, scenes: Sequence[Path]) -> Segmenter:
        from hopchain_assets.stand_in.segmenter import StandInSegmenter

        try:
            return StandInSegmenter.of([Path(name).expanduser() for name in self.truth] or list(scenes), self.faults)
        except ValueError as error:
            raise SettingsError(f"HOPCHAIN_STAND_IN_TRUTH or HOPCHAIN_STAND_IN_FAULTS: {error}") from error


def _place(weights: str) -> str:
    """A folder as it is found from anywhere, or a name on the hub."""
    path = Path(weights).expanduser()
    return str(path.resolve()) if path.is_dir() else weights


def _device(given: Mapping[str, str]) -> str:
    text = (given.get("HOPCHAIN_SAM3_DEVICE") or "auto").strip().lower()
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", text):
        raise SettingsError(f"HOPCHAIN_SAM3_DEVICE must be auto, cpu, cuda or cuda:N, it is {text!r}")
    return text
