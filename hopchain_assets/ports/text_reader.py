"""What may be asked of somebody who reads printed text in pictures; never who answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hopchain_assets.domain.printed import Text as Text
from hopchain_assets.ports.unavailable import Unavailable


class TextReaderUnavailable(Unavailable):
    """Nothing can be read now: a package or the weights are missing. A sentence that says what to do."""


class TextReader(Protocol):
    """Reads printed text in a picture, for facts that masks cannot give."""

    @property
    def name(self) -> str:
        """The name of the reader, as the rows that rest on it tell it."""
        ...

    @property
    def version(self) -> str:
        """All that its answers depend on beside the picture."""
        ...

    def read(self, picture: bytes) -> Sequence[Text]:
        """Every line of text that it sees, from the top down.

        Raises:
            ValueError: when the picture cannot be read, with a sentence.
            TextReaderUnavailable: when nothing can be read.
        """
        ...
