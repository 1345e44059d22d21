"""Why somebody may not do what they ask; each message is a sentence for a person to read."""

from __future__ import annotations


class Refused(Exception):
    """What was asked is against the rules. Nothing was changed."""


class NotYours(Refused):
    """Somebody asks for a question that was not given to them."""


class NoMoreItems(Refused):
    """Somebody is paused, stopped or removed, and gets no more questions."""
