"""HTML of our pages: Jinja templates in which everything is escaped, and nothing from outside is named."""

from __future__ import annotations

import secrets
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from hopchain_assets.domain.review import DEFECTS
from hopchain_assets.operations.review.own import MOST_WAITING

# raised with every start, so that browsers fetch the scripts and sheets of the release that runs
RELEASE = secrets.token_hex(4)

_pages = Environment(
    loader=PackageLoader("hopchain_assets.annotate"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_pages.globals |= {"defects": DEFECTS, "release": RELEASE, "most_waiting": MOST_WAITING}


def page(name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template of `templates/` with its values; nothing of it is kept by browsers."""
    html = _pages.get_template(f"{name}.html").render(values)
    return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
