"""The part of the report that tells what was rejected: rules in words, counts, and examples with their picture."""

from __future__ import annotations

import io

from PIL import Image, ImageOps

from hopchain_assets.export.cards import smaller
from hopchain_assets.export.drawing import thumbnail_data_uri
from hopchain_assets.export.page import text
from hopchain_assets.export.report_data import Example, Loss, Report
from hopchain_assets.export.report_tables import number, share, table

_EXAMPLE_SIDE = 360
_EXAMPLE_BYTES = 34_000

RULE_WORDS = {
    "kinds": "not both kinds of hop and both levels occur",
    "chained": "the hops are not one chain of 3 to 6 that all lead to the answer",
    "countable": "it counts or searches what cannot be counted in this picture",
    "unique_reference": "a reference fits no object, or several",
    "number": "it gives no finite number, or another one than it states",
    "coverage": "it involves fewer than 3 objects, or more than 6",
    "decisive": "a choice is too close to call, or another reading of the words gives another one",
    "duplicate": "the same words, or the same looks, were certified for the picture before",
    "necessary": "a hop can be got wrong without changing the answer",
    "self_answered": "a count or a condition can be guessed from the words alone",
    "leakage": "the words name a box, a coordinate, a mask or an id, or quote something",
    "bound": "the words, read back, say another program",
    "robust": "slightly different masks give another answer",
}


def rejects(report: Report) -> str:
    """The section's body, empty where nothing was rejected."""
    parts: list[str] = []
    if report.losses:
        rejected = sum(loss.count for loss in report.losses)
        parts.append(
            f'<p class="soft">{number(rejected)} of {number(report.total.proposed)} proposed questions '
            f"({share(rejected, report.total.proposed)}) broke a rule. "
            "Each is counted for the first rule that it breaks.</p>"
        )
        parts += [_loss(loss, rejected, not place) for place, loss in enumerate(report.losses)]
    if report.unused:
        rows = [[group.name, group.words, number(group.count)] for group in report.unused]
        columns = ("category", "for instance", "pictures")
        caption = "Categories that no question may be about"
        parts.append(table(caption, columns, rows, ("pictures",), ("for instance",)))
    return "\n".join(parts)


def _loss(loss: Loss, rejected: int, unfolded: bool) -> str:
    about = RULE_WORDS.get(loss.rule, "")
    examples = "".join(map(_example, loss.examples))
    fold = "<details open>" if unfolded else "<details>"
    return (
        f'<div class="panel loss">{fold}<summary><code>{text(loss.rule)}</code> <b>{number(loss.count)}</b> '
        f'<span class="soft">{share(loss.count, rejected)}</span> <span class="about">{text(about)}</span></summary>'
        f'<div class="examples">{examples}</div></details></div>\n'
    )


def _example(example: Example) -> str:
    uri = _thumbnail(example.picture)
    picture = f'<img src="{uri}" alt="The picture {text(example.name)}">' if uri else "<span></span>"
    return (
        f'<div class="example">{picture}<div><p>{text(example.question)}</p><p class="broke">{text(example.detail)}</p>'
        f'<p class="credit">{text(example.name)}</p></div></div>'
    )


def _thumbnail(data: bytes) -> str:
    """The picture small, or nothing where it is gone or can no longer be opened."""
    if not data:
        return ""
    try:
        picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        # the words of the example say what was wrong with the question; the store's damage is not this page's to tell
        return ""
    return thumbnail_data_uri(smaller(picture, _EXAMPLE_SIDE), _EXAMPLE_BYTES)
