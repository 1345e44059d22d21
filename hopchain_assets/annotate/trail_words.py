"""The audit trail in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from hopchain_assets.operations.review.listing import Happened
from hopchain_assets.operations.review.trail import LINE

# by action; what only the clock and the line do is told without an actor
_OF_PEOPLE: Mapping[str, str] = {
    "invited": "{actor} invited {person} ({detail})",
    "new link": "{actor} made a new link for {person}",
    "removed": "{actor} removed {person}",
    "handed out": "{actor} handed {detail} questions out to {person}",
    "handed out again": "{actor} handed {detail} questions out to {person} again",
    "taken back": "{actor} took {detail} questions back that were handed out",
    "set votes aside": "{actor} set {detail} votes of {person} aside",
    "active": "{actor} let {person} go on",
    "paused": "{actor} paused {person}",
}
_OF_QUESTIONS: Mapping[str, str] = {
    "voted": "{actor} answered",
    "undone": "{actor} took an answer back",
    "accepted": "{actor} accepted people's number {detail}",
    "reopened": "{actor} reopened it",
    "not marked": "{actor} reported that one is not marked: {detail}",
    "withdrawn: removed": "{actor} removed it",
    "withdrawn: gone": "withdrawn: its chain is gone",
    "came back": "asked again: its chain came back",
    "open": "open again",
    "unanimous": "closed: unanimous on {detail}",
    "disagreed": "closed: people disagree",
    "defect": "closed: a defect was reported",
}


def sentence(happened: Happened) -> str:
    """What happened, without the question, which stands beside it. Not escaped: names and details are anybody's."""
    # what was said of a question that is open again is for nobody to know
    closed = happened.closed or happened.action not in ("unanimous", "accepted")
    detail = happened.detail if closed else "…"
    known = {"actor": _apart(happened.actor), "person": _apart(happened.person), "detail": _apart(detail)}
    if happened.action == "stopped":
        by = "was stopped: {detail}" if happened.actor == LINE else "was stopped by {actor}"
        return ("{person} " + by).format(**known)
    if happened.action == "pushed":
        return f"{happened.detail} came from the line"
    words = _OF_PEOPLE.get(happened.action) or _OF_QUESTIONS.get(happened.action)
    if words:
        return words.format(**known)
    told = f" ({_apart(happened.detail)})" if happened.detail else ""
    return f"{known['actor']}: {happened.action}{told}"


def _apart(text: str) -> str:
    """In isolates, so that an Arabic name does not turn the sentence around."""
    return f"\u2068{text}\u2069"
