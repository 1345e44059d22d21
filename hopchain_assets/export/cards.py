"""A question as a card: the picture and the words, and behind a fold the drawn chain, its hops and its answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from PIL import Image

from hopchain_assets.domain.certify.margins import Margins
from hopchain_assets.domain.records import Hop, Instance
from hopchain_assets.export.closest_calls import ClosestCall, closest_calls
from hopchain_assets.export.drawing import draw_chain, open_picture, thumbnail_data_uri
from hopchain_assets.export.marks import category_colours
from hopchain_assets.export.page import text
from hopchain_assets.export.words import KIND_WORDS, LEVEL_WORDS, QUERY_TYPE_WORDS, Entry, form_words, result_words

_PLAIN_BYTES = 150_000
_CHAIN_BYTES = 120_000


def card(number: int, entry: Entry, margins: Margins | None = None, side: int = 1000) -> str:
    """The card; with `margins` each hop tells its closest calls. `side` is the longest of a picture, in pixels.

    Raises:
        ValueError: when the entry's picture does not fit its facts.
    """
    picture = open_picture(entry.picture, entry.facts)
    plain = thumbnail_data_uri(smaller(picture, side), _PLAIN_BYTES)
    drawn = thumbnail_data_uri(smaller(draw_chain(picture, entry.facts, entry.chain), side), _CHAIN_BYTES)
    size = f'width="{picture.width}" height="{picture.height}"'
    shape = "tall" if picture.height > picture.width else "wide"
    calls = closest_calls(entry, margins) if margins else []
    return (
        f'<article class="card {shape}" id="q{number}">\n'
        f'<figure><img src="{plain}" {size} alt="The picture that question {number} asks about"></figure>\n'
        f'<div class="ask"><p class="number">Question {number}</p>'
        f'<p class="question">{text(entry.chain.question)}</p>{_badges(entry)}{_credit(entry)}</div>\n'
        '<details><summary><span class="show">Show the answer</span>'
        '<span class="hide">Hide the answer</span></summary>\n'
        f'<div class="solution"><figure><img src="{drawn}" {size} '
        f'alt="The same picture with the chain of question {number} drawn"></figure>\n'
        f"<div>{_hops(entry, calls)}"
        f'<p class="answer">Answer <strong>{text(entry.chain.answer)}</strong></p></div></div></details>\n</article>\n'
    )


def smaller(picture: Image.Image, side: int) -> Image.Image:
    """The picture with no side above `side` pixels."""
    made = picture.copy()
    made.thumbnail((side, side), Image.Resampling.LANCZOS)
    return made


def _badges(entry: Entry) -> str:
    chain = entry.chain
    meaning = QUERY_TYPE_WORDS.get(chain.query_type, "")
    badges = [
        f'<li class="{"good" if entry.state == "verified" else "wait"}">{text(entry.state)}</li>',
        f"<li>{len(chain.hops)} hops</li>",
        f'<li title="{text(meaning)}">type {text(chain.query_type)}</li>',
        f"<li>{text(form_words(chain))}</li>",
    ]
    if entry.split:
        badges.append(f"<li>{text(entry.split)}</li>")
    note = f'<p class="note">{text(entry.note)}</p>' if entry.note else ""
    return f'<ul class="badges">{"".join(badges)}</ul>{note}'


def _credit(entry: Entry) -> str:
    parts = [text(part) for part in (entry.name, entry.author, entry.licence) if part]
    if _is_web_address(entry.source_page):
        parts.append(f'<a href="{text(entry.source_page)}" rel="noopener noreferrer nofollow">source</a>')
    return f'<p class="credit">{" · ".join(parts)}</p>' if parts else ""


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _hops(entry: Entry, calls: Sequence[ClosestCall]) -> str:
    by_id = {instance.instance_id: instance for instance in entry.facts.instances}
    shown = {*entry.chain.instance_ids, *(hop.result for hop in entry.chain.hops)}
    colours = category_colours(one.category for one in entry.facts.instances if one.instance_id in shown)
    of_hop: dict[int, list[ClosestCall]] = defaultdict(list)
    for call in calls:
        of_hop[call.hop].append(call)
    items = [_hop(hop, entry, colours, by_id.get(hop.result), of_hop[hop.number]) for hop in entry.chain.hops]
    return f'<ol class="hops">{"".join(items)}</ol>'


def _hop(
    hop: Hop, entry: Entry, colours: Mapping[str, int], found: Instance | None, calls: Sequence[ClosestCall]
) -> str:
    colour = f"c{colours[found.category]}" if found else "plain"
    uses = " · uses " + ", ".join(map(str, hop.depends_on)) if hop.depends_on else ""
    level, kind = LEVEL_WORDS.get(hop.level, ""), KIND_WORDS.get(hop.kind, hop.kind)
    return (
        f'<li><span class="hop {colour}">{text(hop.number)}</span><div>'
        f'<p class="kind"><span title="{text(level)}">{text(hop.level)}</span> · {text(kind + uses)}</p>'
        f'<p>{text(hop.text)}</p><p class="result">{text(result_words(hop.result, entry.facts))}</p>'
        f"{''.join(map(_call, calls))}</div></li>"
    )


def _call(call: ClosestCall) -> str:
    return (
        f'<p class="call{"" if call.holds else " broken"}">{text(call.what)} <b>{text(call.margin)}</b>'
        f" (needed: {text(call.needed)})</p>"
    )
