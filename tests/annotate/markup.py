"""What is wrong with a page's HTML for who cannot see it, or for a browser that is told to be strict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = frozenset({"meta", "link", "input", "img", "br", "circle", "rect", "line"})
FIELDS = frozenset({"input", "select", "textarea"})


@dataclass
class Page(HTMLParser):
    """A parsed page. `tags` counts elements, also as "tag attribute"."""

    tags: Counter[str] = field(default_factory=Counter)
    values: dict[str, str] = field(default_factory=dict)
    _headings: list[int] = field(default_factory=list)
    _ids: Counter[str] = field(default_factory=Counter)
    _named: set[str] = field(default_factory=set)
    _labels: set[str] = field(default_factory=set)
    _fields: list[tuple[str, bool]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)
    _faults: list[str] = field(default_factory=list)
    _captions: int = 0

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        self.tags.update([tag, *(f"{tag} {name}" for name in known)])
        if tag not in VOID:
            self._open.append(tag)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._headings.append(int(tag[1]))
        if "id" in known:
            self._ids[known["id"]] += 1
        for name in ("aria-labelledby", "aria-describedby"):
            self._named.update(known.get(name, "").split())
        self._check(tag, known)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open.pop() != tag:
            self._faults.append(f"</{tag}> closes nothing")

    def _check(self, tag: str, known: dict[str, str]) -> None:
        if tag == "label":
            self._labels.add(known.get("for", ""))
        if tag in FIELDS and known.get("type") != "hidden":
            self._fields.append((known.get("id", ""), "label" in self._open))
            self.values[known.get("id", "")] = known.get("value", "")
        if tag == "img" and not known.get("alt"):
            self._faults.append("a picture says nothing")
        if tag == "th" and "scope" not in known:
            self._faults.append("a head of a table is of nothing")
        if tag == "svg" and known.get("role") != "img":
            self._faults.append("a plot is no picture")
        if tag == "script" and "src" not in known:
            self._faults.append("a script stands in the page")
        if tag == "style" or "style" in known or any(name.startswith("on") for name in known):
            self._faults.append(f"<{tag}> has a style or script of its own")
        self._captions += tag == "caption"

    def faults(self) -> list[str]:
        """All that is wrong, in words; empty for a sound page."""
        found = list(self._faults)
        if self._open:
            found.append(f"never closed: {self._open}")
        steps = zip([0, *self._headings], self._headings, strict=False)
        if self._headings.count(1) != 1 or any(after > before + 1 for before, after in steps):
            found.append(f"headings in no order: {self._headings}")
        found += [f"id {name} twice" for name, count in self._ids.items() if count > 1]
        found += [f"nothing has the id {name}" for name in self._named - set(self._ids)]
        found += [
            f"field {name} has no label" for name, inside in self._fields if not inside and name not in self._labels
        ]
        if self.tags["table"] != self._captions:
            found.append("a table has no caption")
        return found


def read(html: str) -> Page:
    """Parses a page."""
    page = Page()
    page.feed(html)
    page.close()
    return page
