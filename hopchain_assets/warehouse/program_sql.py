"""Compiles a program to one DuckDB query: the second of the two executors (docs/programs.md).

The query has one CTE for each node, named after it. A set is its members' rows, an instance one row, a
number one row with `value`, a condition one row with `holds`. What is undefined has no row (or a NULL), and
plain joins hand that on. Only a count needs care: an empty set counts 0, but a set that is delimited by an
undefined anchor has no count, so a count is joined to the anchors that delimit its set.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence

import duckdb
import polars as pl

from hopchain_assets.domain.program import (
    Arith,
    Compare,
    Count,
    Extreme,
    Farthest,
    Filter,
    Inside,
    Nearest,
    Node,
    Objects,
    Operand,
    Overlapping,
    Perceive,
    Pick,
    Program,
    ProgramError,
    Read,
    SideOf,
)

COLUMNS = {
    "instances": {
        "instance_id": "VARCHAR",
        "image_id": "VARCHAR",
        "category": "VARCHAR",
        "cx": "DOUBLE",
        "cy": "DOUBLE",
        "area": "DOUBLE",
        "attributes": "VARCHAR",
    },
    "pairs": {"image_id": "VARCHAR", "a": "VARCHAR", "b": "VARCHAR", "inside_share": "DOUBLE", "edge_gap": "DOUBLE"},
    "perceptions": {"instance_id": "VARCHAR", "image_id": "VARCHAR", "predicate": "VARCHAR", "value": "VARCHAR"},
}

# the names that the queries use themselves; DuckDB takes `value` for a whole row where a CTE is called so
_TAKEN_NAMES = frozenset({*COLUMNS, "other", "value", "holds"})
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_SURELY_NO_KEYWORD = re.compile(r"[a-z][0-9]*")
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# axis -> (column, order with the first one first, comparison "at least as far along", two wordings)
_AXES = {
    "left": ("cx", "ASC", "<=", "as far left", "from the left"),
    "right": ("cx", "DESC", ">=", "as far right", "from the right"),
    "top": ("cy", "ASC", "<=", "as high up", "from the top"),
    "bottom": ("cy", "DESC", ">=", "as low down", "from the bottom"),
    "largest": ("area", "DESC", ">=", "as large", "from the largest"),
    "smallest": ("area", "ASC", "<=", "as small", "from the smallest"),
}
_BESIDE = {"left": ("cx", "<"), "right": ("cx", ">"), "above": ("cy", "<"), "below": ("cy", ">")}
_RELATIONS = {
    "more": "{left}.value > {right}",
    "fewer": "{left}.value < {right}",
    "equal": "{left}.value = {right}",
    "larger": "{left}.area > {right}.area",
    "smaller": "{left}.area < {right}.area",
}
_SIDE_WORDS = {"left": "left of", "right": "right of", "above": "above", "below": "below"}

# On tables this small the planner costs more than the query; of its passes only these two repay themselves
_USEFUL_OPTIMIZERS = frozenset({"filter_pushdown", "unused_columns"})


def compile_program(program: Program, image_id: str, width: int, height: int) -> str:
    """The program as one DuckDB query over `instances`, `pairs` and `perceptions`.

    It ends with a semicolon, ready to be pasted. Its single row holds `answer`, a DOUBLE, NULL where the
    answer is undefined. The meaning is that of docs/programs.md. Texts of the program are quoted; `width`
    and `height` are the picture's, in pixels. A number to read is a text that TRY_CAST takes for a finite DOUBLE.

    Raises:
        ProgramError: when names, order or types of the nodes do not hold, or a constant is not finite.
    """
    return _Compiler(program, image_id, width, height).query()


def execute_programs(
    instances: pl.DataFrame,
    pairs: pl.DataFrame,
    perceptions: pl.DataFrame,
    programs: Sequence[tuple[str, str, Program, int, int]],
) -> dict[str, float | None]:
    """Runs (chain_id, image_id, program, width, height) each as its own query; gives the answers by chain.

    The frames hold the rows of the warehouse's tables, `attributes` as JSON text; they are loaded once
    into DuckDB in memory. None stands for an undefined answer.

    Raises:
        ProgramError: from `compile_program`.
        ValueError: when a frame lacks a column.
    """
    answers: dict[str, float | None] = {}
    with duckdb.connect(config={"threads": 1}) as connection:
        for table, frame in (("instances", instances), ("pairs", pairs), ("perceptions", perceptions)):
            _load(connection, table, frame)
        _plan_briefly(connection)
        for chain_id, image_id, program, width, height in programs:
            row = connection.execute(compile_program(program, image_id, width, height)).fetchone()
            answers[chain_id] = row[0] if row else None
    return answers


def _load(connection: duckdb.DuckDBPyConnection, table: str, frame: pl.DataFrame) -> None:
    columns = COLUMNS[table]
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ValueError(f"the frame of {table} has no column {missing[0]!r}; select it from the warehouse too")
    connection.register("frame", frame.select(list(columns)))
    casts = ", ".join(f"{name}::{kind} AS {name}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} AS SELECT {casts} FROM frame")
    connection.unregister("frame")


def _plan_briefly(connection: duckdb.DuckDBPyConnection) -> None:
    names = [row[0] for row in connection.execute("SELECT name FROM duckdb_optimizers()").fetchall()]
    useless = ",".join(name for name in names if name not in _USEFUL_OPTIMIZERS)
    connection.execute(f"SET disabled_optimizers = '{useless}'")


class _Compiler:
    """Writes the CTEs of one program, in the program's order."""

    def __init__(self, program: Program, image_id: str, width: int, height: int) -> None:
        self.program = Program.checked(program.nodes, program.answer)
        self.image_id, self.width, self.height = image_id, width, height
        self.nodes = program.by_id()
        self.names = {node.id: _cte_name(node.id, k) for k, node in enumerate(program.nodes, start=1)}
        # set -> instance CTEs without which the set is undefined
        self.delimiters: dict[str, tuple[str, ...]] = {}
        self.ctes: dict[str, str] = {}

    def query(self) -> str:
        """The text of the whole query."""
        for node in self.program.nodes:
            self._node(node)
        answer = self.names[self.program.answer]
        return (
            f"-- One node of the program is one CTE. Picture {_comment(self.image_id)}, {self.width} x {self.height}.\n"
            "-- What finds nothing, or several where one is meant, has no row; such an answer is NULL.\n"
            "WITH\n" + ",\n".join(self.ctes.values()) + "\n"
            f"SELECT any_value(value) AS answer FROM {answer} WHERE isfinite(value);"
        )

    def _node(self, node: Node) -> None:
        match node:
            case Objects():
                self._objects(node)
            case Filter() | Perceive():
                self._narrowed(node)
            case SideOf() | Overlapping() | Inside():
                self._delimited(node)
            case Extreme():
                self._extreme(node)
            case Nearest() | Farthest():
                self._by_distance(node)
            case Count():
                self._count(node)
            case Read():
                self._read(node)
            case Compare():
                self._compare(node)
            case Pick():
                self._pick(node)
            case Arith():
                self._arith(node)
            case _:
                raise ProgramError(f"node {node.id}: there is no SQL for the operation {node.op!r}")

    def _add(self, name: str, comment: str, *lines: str) -> None:
        body = "\n".join(f"  {line}" for line in lines)
        self.ctes[name] = f"-- {_comment(name)}: {_comment(comment)}\n{name} AS (\n{body}\n)"

    def _instance(self, node_id: str) -> str:
        """The CTE of at most one row; a set that stands for an instance gets one of its own."""
        name = self.names[node_id]
        if self.nodes[node_id].gives != "set":
            return name
        only = _helper_name("only", name)
        if only not in self.ctes:
            self._add(
                only,
                f"the member of {name}, where it has just one",
                f"SELECT {name}.* FROM {name}",
                f"ANTI JOIN {name} AS other ON other.instance_id <> {name}.instance_id",
            )
        return only

    def _objects(self, node: Objects) -> None:
        self.delimiters[node.id] = ()
        self._add(
            self.names[node.id],
            f"every {node.category}",
            "SELECT instance_id, cx, cy, area, attributes FROM instances",
            f"WHERE image_id = {_text(self.image_id)} AND category = {_text(node.category)}",
        )

    def _narrowed(self, node: Filter | Perceive) -> None:
        of = self.names[node.of]
        self.delimiters[node.id] = self.delimiters[node.of]
        if isinstance(node, Filter):
            comment = f"those of {of} whose {node.attribute} is {node.value}"
            where = [f"WHERE ({_attribute(of, node.attribute)}) = {_text(node.value)}"]
        else:
            comment = f"those of {of} perceived as {node.predicate} {node.value}"
            where = [
                f"WHERE {of}.instance_id IN (",
                "  SELECT perceptions.instance_id FROM perceptions",
                f"  WHERE perceptions.image_id = {_text(self.image_id)}",
                f"    AND perceptions.predicate = {_text(node.predicate)} AND perceptions.value = {_text(node.value)}",
                ")",
            ]
        self._add(self.names[node.id], comment, f"SELECT {of}.* FROM {of}", *where)

    def _delimited(self, node: SideOf | Overlapping | Inside) -> None:
        of, anchor = self.names[node.of], self._instance(node.anchor)
        self.delimiters[node.id] = tuple(dict.fromkeys((*self.delimiters[node.of], anchor)))
        if isinstance(node, SideOf):
            column, sign = _BESIDE[node.side]
            comment = f"those of {of} {_SIDE_WORDS[node.side]} {anchor}"
            lines = [f"SELECT {of}.* FROM {of} JOIN {anchor} ON {of}.{column} {sign} {anchor}.{column}"]
        else:
            touching = isinstance(node, Overlapping)
            comment = f"those of {of} that {'touch or overlap' if touching else 'lie in the box of'} {anchor}"
            lines = [
                f"SELECT {of}.* FROM {of}",
                f"JOIN {anchor} ON {of}.instance_id <> {anchor}.instance_id",
                f"JOIN pairs ON pairs.a = {of}.instance_id AND pairs.b = {anchor}.instance_id",
                f"WHERE pairs.image_id = {_text(self.image_id)}"
                f" AND {'pairs.edge_gap <= 2' if touching else 'pairs.inside_share >= 0.9'}",
            ]
        self._add(self.names[node.id], comment, *lines)

    def _extreme(self, node: Extreme) -> None:
        of = self.names[node.of]
        column, order, as_far, no_other, direction = _AXES[node.axis]
        if node.rank == 1:
            # an anti join is planned in half the time of a window
            comment = f"the one of {of} with no other {no_other}"
            lines = [
                f"SELECT {of}.* FROM {of}",
                f"ANTI JOIN {of} AS other ON other.{column} {as_far} {of}.{column}"
                f" AND other.instance_id <> {of}.instance_id",
            ]
        else:
            # a tie with the one before lowers rank(), a tie with the one after raises count(*)
            comment = f"number {node.rank} of {of} {direction}, where it ties with no other"
            lines = [
                f"SELECT {of}.* FROM {of} WINDOW line AS (ORDER BY {of}.{column} {order})",
                f"QUALIFY rank() OVER line = {node.rank} AND count(*) OVER line = {node.rank}",
            ]
        self._add(self.names[node.id], comment, *lines)

    def _by_distance(self, node: Nearest | Farthest) -> None:
        of, anchor, name = self.names[node.of], self._instance(node.anchor), self.names[node.id]
        distances = _helper_name("distance", name)
        near = isinstance(node, Nearest)
        across, down = f"({of}.cx - {anchor}.cx)", f"({of}.cy - {anchor}.cy)"
        self._add(
            distances,
            f"squared distances of {of} from {anchor}",
            f"SELECT {of}.*, {across} * {across} + {down} * {down} AS distance FROM {of}",
            f"JOIN {anchor} ON {of}.instance_id <> {anchor}.instance_id",
        )
        self._add(
            name,
            f"the one of {of} with no other as {'near to' if near else 'far from'} {anchor}",
            f"SELECT {distances}.* EXCLUDE (distance) FROM {distances}",
            f"ANTI JOIN {distances} AS other ON other.distance {'<=' if near else '>='} {distances}.distance"
            f" AND other.instance_id <> {distances}.instance_id",
        )

    def _count(self, node: Count) -> None:
        of, anchors = self.names[node.of], self.delimiters[node.of]
        if not anchors:
            self._add(self.names[node.id], f"how many {of}", f"SELECT count(*)::DOUBLE AS value FROM {of}")
            return
        self._add(
            self.names[node.id],
            f"how many {of}; no number without {' and '.join(anchors)}",
            f"SELECT (SELECT count(*) FROM {of})::DOUBLE AS value FROM {', '.join(anchors)}",
        )

    def _read(self, node: Read) -> None:
        of = self._instance(node.of)
        self._add(
            self.names[node.id],
            f"the {node.attribute} that {of} carries, as a number",
            f"SELECT TRY_CAST({_attribute(of, node.attribute)} AS DOUBLE) AS value FROM {of}",
            "WHERE isfinite(value)",
        )

    def _compare(self, node: Compare) -> None:
        left = self.names[node.left] if node.by == "value" else self._instance(node.left)
        sources = [left]
        if node.by == "attribute":
            condition = f"({_attribute(left, node.attribute)}) = {_text(str(node.right))}"
            words = f"whether the {node.attribute} of {left} is {node.right}"
        elif node.to_middle:
            column, sign = _BESIDE[node.relation]
            condition = f"{left}.{column} {sign} {self.width if column == 'cx' else self.height} / 2"
            words = f"whether {left} is {_SIDE_WORDS[node.relation]} the middle of the picture"
        else:
            right, named = self._right_of(node)
            sources += [named] if named else []
            if node.by == "position":
                column, sign = _BESIDE[node.relation]
                condition = f"{left}.{column} {sign} {right}.{column}"
            else:
                condition = _RELATIONS[node.relation].format(left=left, right=right)
            relation = _SIDE_WORDS.get(node.relation, f"{node.relation} {'to' if node.relation == 'equal' else 'than'}")
            words = f"whether {left} is {relation} {named or right}"
        lines = f"SELECT {condition} AS holds FROM {_listed(sources)}"
        self._add(self.names[node.id], words, lines)

    def _right_of(self, node: Compare) -> tuple[str, str]:
        """The right side as an expression, and the CTE it comes from (empty for a constant)."""
        if not isinstance(node.right, str):
            return _number(node.right), ""
        if node.by == "value":
            return f"{self.names[node.right]}.value", self.names[node.right]
        return self._instance(node.right), self._instance(node.right)

    def _pick(self, node: Pick) -> None:
        condition, name = self.names[node.condition], self.names[node.id]
        yes, no = self._branch(node.yes), self._branch(node.no)
        self._add(
            name,
            f"{_bare(yes)} where {condition} holds, else {_bare(no)}",
            self._taken(yes, node.yes, f"{condition}.holds", condition),
            "UNION ALL",
            self._taken(no, node.no, f"NOT {condition}.holds", condition),
        )

    def _branch(self, operand: Operand) -> str:
        return f"{self.names[operand]}.value" if isinstance(operand, str) else f"{_number(operand)}::DOUBLE"

    def _taken(self, value: str, operand: Operand, holds: str, condition: str) -> str:
        sources = [condition, self.names[operand]] if isinstance(operand, str) else [condition]
        return f"SELECT {value} AS value FROM {_listed(sources)} WHERE {holds}"

    def _arith(self, node: Arith) -> None:
        total = ""
        for term, times in node.terms:
            value = f"{self.names[term]}.value"
            total += _signed(times, value if abs(times) == 1 else f"{_number(abs(times))} * {value}", first=not total)
        if node.plus:
            total += _signed(node.plus, _number(abs(node.plus)), first=False)
        self._add(
            self.names[node.id],
            total.replace(".value", ""),
            f"SELECT {total} AS value FROM {_listed([self.names[term] for term, _ in node.terms])}",
        )


def _cte_name(node_id: str, position: int) -> str:
    if not _NAME.fullmatch(node_id) or node_id in _TAKEN_NAMES:
        return f'"node {position}"'
    return node_id if _SURELY_NO_KEYWORD.fullmatch(node_id) else f'"{node_id}"'


def _helper_name(role: str, name: str) -> str:
    # no node's name begins with an underscore, so a helper never hides a node
    return f'"_{role}_{name[1:]}' if name.startswith('"') else f"_{role}_{name}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _signed(sign: float, text: str, first: bool) -> str:
    # "- " and never "--": two minus signs would begin a comment
    minus = math.copysign(1, sign) < 0
    if first:
        return f"- {text}" if minus else text
    return f" - {text}" if minus else f" + {text}"


def _bare(expression: str) -> str:
    return expression.removesuffix(".value").removesuffix("::DOUBLE")


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ProgramError(f"the constant {value} is not finite")
    if value == int(value):
        return str(int(value))
    text = repr(float(value))
    # DuckDB reads a long decimal fraction as DECIMAL, and its way to DOUBLE rounds twice; an exponent makes it DOUBLE
    return text if "e" in text or len(text) <= 15 else f"{text}e0"


def _text(value: str) -> str:
    """The text as SQL: quotes doubled; what cannot be printed is spelled `chr(...)`, so that lines stay whole."""
    parts: list[str] = []
    for printable, run in itertools.groupby(value, str.isprintable):
        letters = "".join(run)
        parts += ["'" + letters.replace("'", "''") + "'"] if printable else [f"chr({ord(each)})" for each in letters]
    return f"({' || '.join(parts)})" if len(parts) > 1 else "".join(parts) or "''"


def _attribute(of: str, key: str) -> str:
    # a key that is not a plain word would be read as a path; as a JSON pointer it is only a name
    path = key if _PLAIN_KEY.fullmatch(key) else "/" + key.replace("~", "~0").replace("/", "~1")
    return f"{of}.attributes->>{_text(path)}"


def _comment(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
