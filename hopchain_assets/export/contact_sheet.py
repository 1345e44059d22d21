"""One HTML page of questions to try, with pictures, hops and answers; it loads nothing from outside.

The page has no script and no inline style. Question texts, names and categories come from files
and models, so every text passes `_text`, and the policy in the head forbids all but the page's
own style sheet and pictures inside the page.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

from hopchain_assets.domain.records import Hop, Instance
from hopchain_assets.export.drawing import draw_chain, open_picture, thumbnail_data_uri
from hopchain_assets.export.marks import PALETTE, category_colours
from hopchain_assets.export.words import (
    KIND_WORDS,
    LEVEL_WORDS,
    QUERY_TYPE_WORDS,
    Entry,
    clean_text,
    result_words,
)

__all__ = ["Entry", "write_contact_sheet"]

_PLAIN_BYTES = 150_000
_CHAIN_BYTES = 120_000


def write_contact_sheet(path: Path, entries: Sequence[Entry], summary: Sequence[tuple[str, str]], title: str) -> None:
    """Writes the page: the summary's (name, figure) pairs, then a card for each entry.

    The file is renamed into place when it is whole.

    Raises:
        ValueError: when an entry's picture does not fit its facts.
        OSError: when the page cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(_head(title))
            out.write(_summary(summary, title))
            for number, entry in enumerate(entries, start=1):
                out.write(_card(number, entry))
            if not entries:
                out.write('<p class="none">No questions yet.</p>\n')
            out.write("</main>\n</body>\n</html>\n")
        # mkstemp makes a file that only its owner may read; a page is for others too
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _text(value: object) -> str:
    return html.escape(clean_text(str(value)), quote=True)


def _head(title: str) -> str:
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{_text(title)}</title>\n<style>{style}</style>\n</head>\n"
    )


def _summary(summary: Sequence[tuple[str, str]], title: str) -> str:
    figures = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(figure)}</dd></div>" for name, figure in summary)
    return (
        f"<body>\n<header><h1>{_text(title)}</h1>"
        "<p>Each answer is one number. Try to find it in the picture before you open a card.</p>"
        f'<dl class="figures">{figures}</dl></header>\n<main>\n'
    )


def _card(number: int, entry: Entry) -> str:
    picture = open_picture(entry.picture, entry.facts)
    plain = thumbnail_data_uri(picture, _PLAIN_BYTES)
    drawn = thumbnail_data_uri(draw_chain(picture, entry.facts, entry.chain), _CHAIN_BYTES)
    size = f'width="{picture.width}" height="{picture.height}"'
    shape = "tall" if picture.height > picture.width else "wide"
    return (
        f'<article class="card {shape}" id="q{number}">\n'
        f'<figure><img src="{plain}" {size} alt="The picture that question {number} asks about"></figure>\n'
        f'<div class="ask"><p class="number">Question {number}</p>'
        f'<p class="question">{_text(entry.chain.question)}</p>{_badges(entry)}{_credit(entry)}</div>\n'
        '<details><summary><span class="show">Show the answer</span>'
        '<span class="hide">Hide the answer</span></summary>\n'
        f'<div class="solution"><figure><img src="{drawn}" {size} '
        f'alt="The same picture with the chain of question {number} drawn"></figure>\n'
        f"<div>{_hops(entry)}"
        f'<p class="answer">Answer <strong>{_text(entry.chain.answer)}</strong></p></div></div></details>\n</article>\n'
    )


def _badges(entry: Entry) -> str:
    chain = entry.chain
    meaning = QUERY_TYPE_WORDS.get(chain.query_type, "")
    badges = [
        f'<li class="{"good" if entry.state == "verified" else "wait"}">{_text(entry.state)}</li>',
        f"<li>{len(chain.hops)} hops</li>",
        f'<li title="{_text(meaning)}">type {_text(chain.query_type)}</li>',
        f"<li>{_text(chain.skeleton)}</li>",
    ]
    if entry.split:
        badges.append(f"<li>{_text(entry.split)}</li>")
    note = f'<p class="note">{_text(entry.note)}</p>' if entry.note else ""
    return f'<ul class="badges">{"".join(badges)}</ul>{note}'


def _credit(entry: Entry) -> str:
    parts = [_text(part) for part in (entry.name, entry.author, entry.licence) if part]
    if _is_web_address(entry.source_page):
        parts.append(f'<a href="{_text(entry.source_page)}" rel="noopener noreferrer nofollow">source</a>')
    return f'<p class="credit">{" · ".join(parts)}</p>' if parts else ""


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _hops(entry: Entry) -> str:
    by_id = {instance.instance_id: instance for instance in entry.facts.instances}
    shown = {*entry.chain.instance_ids, *(hop.result for hop in entry.chain.hops)}
    colours = category_colours(one.category for one in entry.facts.instances if one.instance_id in shown)
    items = [_hop(hop, entry, colours, by_id.get(hop.result)) for hop in entry.chain.hops]
    return f'<ol class="hops">{"".join(items)}</ol>'


def _hop(hop: Hop, entry: Entry, colours: Mapping[str, int], found: Instance | None) -> str:
    colour = f"c{colours[found.category]}" if found else "plain"
    uses = " · uses " + ", ".join(map(str, hop.depends_on)) if hop.depends_on else ""
    level, kind = LEVEL_WORDS.get(hop.level, ""), KIND_WORDS.get(hop.kind, hop.kind)
    return (
        f'<li><span class="hop {colour}">{_text(hop.number)}</span><div>'
        f'<p class="kind"><span title="{_text(level)}">{_text(hop.level)}</span> · {_text(kind + uses)}</p>'
        f'<p>{_text(hop.text)}</p><p class="result">{_text(result_words(hop.result, entry.facts))}</p></div></li>'
    )


def _style() -> str:
    """The page's style sheet with a rule for each colour of the drawings."""
    sheet = resources.files("hopchain_assets.export").joinpath("contact_sheet.css").read_text(encoding="utf-8")
    colours = (f".c{index} {{ background: rgb({r}, {g}, {b}); }}" for index, (r, g, b) in enumerate(PALETTE))
    return sheet + "\n".join(colours) + "\n"
