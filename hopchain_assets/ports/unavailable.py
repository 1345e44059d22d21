"""What every port may say: that nobody can be asked at all."""

from __future__ import annotations


class Unavailable(Exception):
    """Nothing can be asked now, and no input is to blame. The message is a sentence that says what to do."""
