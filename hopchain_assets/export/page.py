"""The frame of our HTML pages: one file that loads nothing from outside and runs nothing.

Texts come from files and models, so every text passes `text`, and the policy in the head forbids all but the page's own
style sheet and pictures inside the page. There is no script and no inline style.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TextIO

from hopchain_assets.export.marks import PALETTE
from hopchain_assets.export.words import clean_text

END = "</main>\n</body>\n</html>\n"


def text(value: object) -> str:
    """A value as it stands, for an element or an attribute: one line, nothing in it is markup."""
    return html.escape(clean_text(str(value)), quote=True)


def head(title: str, sheets: Sequence[str]) -> str:
    """The page up to its body; `sheets` are style sheets of this package, joined."""
    style = _style(sheets)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n"
    )


def figures(rows: Sequence[tuple[str, str]]) -> str:
    """(name, figure) pairs as tiles."""
    tiles = "".join(f"<div><dt>{text(name)}</dt><dd>{text(figure)}</dd></div>" for name, figure in rows)
    return f'<dl class="figures">{tiles}</dl>'


@contextmanager
def written(path: Path) -> Iterator[TextIO]:
    """A file to write a page to; it is renamed into place when it is whole, and gone when it is not.

    Raises:
        OSError: when the page cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            yield out
        # mkstemp makes a file that only its owner may read; a page is for others too
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _style(sheets: Sequence[str]) -> str:
    """The style sheets with a rule for each colour of the drawings."""
    folder = resources.files("hopchain_assets.export")
    text_of = [folder.joinpath(name).read_text(encoding="utf-8") for name in sheets]
    colours = (f".c{index} {{ background: rgb({r}, {g}, {b}); }}" for index, (r, g, b) in enumerate(PALETTE))
    return "".join(text_of) + "\n".join(colours) + "\n"
