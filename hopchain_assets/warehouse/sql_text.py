"""How names, numbers and texts of a program are written in SQL, whatever letters they bring."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

from hopchain_assets.domain.program import ProgramError

# the names that the queries use themselves; DuckDB takes `value` for a whole row where a CTE is called so
_TAKEN_NAMES = frozenset({"instances", "pairs", "perceptions", "other", "value", "holds"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SURELY_NO_KEYWORD = re.compile(r"[a-z][0-9]*")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def cte_name(node_id: str, position: int) -> str:
    """A node's name where SQL takes it as one, quoted where it may be a keyword, else a name by `position`."""
    if not _NAME.fullmatch(node_id) or node_id in _TAKEN_NAMES:
        return f'"node {position}"'
    return node_id if _SURELY_NO_KEYWORD.fullmatch(node_id) else f'"{node_id}"'


def helper_name(role: str, name: str) -> str:
    """The name of a CTE that helps the node's CTE `name`; `role` says with what."""
    # no node's name begins with an underscore, so a helper never hides a node
    return f'"_{role}_{name[1:]}' if name.startswith('"') else f"_{role}_{name}"


def listed(names: Sequence[str]) -> str:
    """Names for a FROM, each once, in their order."""
    return ", ".join(dict.fromkeys(names))


def signed(sign: float, text: str, first: bool) -> str:
    """A term of a sum with the sign of `sign` before it; the `first` has no plus."""
    # "- " and never "--": two minus signs would begin a comment
    minus = math.copysign(1, sign) < 0
    if first:
        return f"- {text}" if minus else text
    return f" - {text}" if minus else f" + {text}"


def without_type(expression: str) -> str:
    """The expression as a comment names it: without `.value` or the cast."""
    return expression.removesuffix(".value").removesuffix("::DOUBLE")


def number_text(value: float) -> str:
    """The number as SQL reads it back, to the last bit.

    Raises:
        ProgramError: when it is not finite.
    """
    if not math.isfinite(value):
        raise ProgramError(f"the constant {value} is not finite")
    if value == int(value):
        return str(int(value))
    text = repr(float(value))
    # DuckDB reads a long decimal fraction as DECIMAL, and its way to DOUBLE rounds twice; an exponent makes it DOUBLE
    return text if "e" in text or len(text) <= 15 else f"{text}e0"


def quoted(value: str) -> str:
    """The text as SQL: quotes doubled; what cannot be printed is spelled `chr(...)`, so that lines stay whole."""
    parts: list[str] = []
    for printable, run in itertools.groupby(value, str.isprintable):
        letters = "".join(run)
        parts += ["'" + letters.replace("'", "''") + "'"] if printable else [f"chr({ord(each)})" for each in letters]
    return f"({' || '.join(parts)})" if len(parts) > 1 else "".join(parts) or "''"


def attribute_of(of: str, key: str) -> str:
    """The attribute `key` of the rows of `of`, as text."""
    # a key that is not a plain word would be read as a path; as a JSON pointer it is only a name
    path = key if _PLAIN_KEY.fullmatch(key) else "/" + key.replace("~", "~0").replace("/", "~1")
    return f"{of}.attributes->>{quoted(path)}"


def comment_text(text: str) -> str:
    """The text without line ends, so that it stays within its comment."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
