"""Tables of the report page. Every text in them is escaped."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from hopchain_assets.export.page import text
from hopchain_assets.export.plots import percent


@dataclass(frozen=True, slots=True)
class Mark:
    """A word that stands out; `look` is `good`, `bad` or `wait`."""

    words: str
    look: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar as long as `share` of its cell, 0 to 1."""

    share: float


Cell = str | Mark | Bar


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    right: Collection[str] = (),
    long: Collection[str] = (),
    whole: bool = False,
) -> str:
    """A table that scrolls sideways where it does not fit.

    Columns named in `right` hold numbers, those in `long` sentences; with `whole` the first row sums up the others.
    """
    looks = [" count" if name in right else " long" if name in long else "" for name in columns]
    names = "".join(
        f'<th scope="col" class="{look.strip()}">{text(name)}</th>' for name, look in zip(columns, looks, strict=True)
    )
    lines = ["<tr>" + _row(row, looks) for row in rows]
    if whole and lines:
        lines[0] = lines[0].replace("<tr>", '<tr class="whole">', 1)
    body = "".join(f"{line}</tr>\n" for line in lines)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption><thead><tr>{names}</tr></thead>\n<tbody>{body}</tbody></table></div>\n"
    )


def counted(caption: str, what: str, rows: Sequence[tuple[str, int]]) -> str:
    """A table of values with how many there are of each, as a bar and as a share of all."""
    total, largest = sum(count for _, count in rows), max((count for _, count in rows), default=0)
    cells = [[name, Bar(count / largest), number(count), share(count, total)] for name, count in rows if largest]
    return table(caption, (what, "", "count", "share"), cells, right=("count", "share"))


def number(count: int) -> str:
    """A count with its thousands set apart."""
    return f"{count:,}"


def share(count: int, of: int) -> str:
    """A share in percent; a dash where there is nothing to share."""
    return percent(count / of) if of else "\u2013"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _row(row: Sequence[Cell], looks: Sequence[str]) -> str:
    cells = [_cell(cell, look) for cell, look in zip(row, looks, strict=True)]
    head = f'<th scope="row"{cells[0][len("<td") : -len("</td>")]}</th>'
    return head + "".join(cells[1:])


def _cell(cell: Cell, look: str) -> str:
    if isinstance(cell, Bar):
        width = 100 * min(1.0, max(0.004 if cell.share > 0 else 0.0, cell.share))
        bar = f'<rect width="{width:.1f}%" height="100%" rx="2"></rect>'
        return f'<td class="bar"><svg aria-hidden="true">{bar}</svg></td>'
    if isinstance(cell, Mark):
        return f'<td><span class="mark {cell.look}">{text(cell.words)}</span></td>'
    return f'<td class="{look.strip()}">{text(cell)}</td>'
