"""Compiles a program to one DuckDB query: the second of the two executors (docs/programs.md).

The query has one CTE for each node, named after it. A set is its members' rows, an instance one row, a
number one row with `value`, a condition one row with `holds`. What is undefined has no row (or a NULL), and
plain joins hand that on. Only a count needs care: an empty set counts 0, but a set that is delimited by an
undefined anchor has no count, so a count is joined to the anchors that delimit its set.
"""

from __future__ import annotations

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
from hopchain_assets.warehouse.sql_text import (
    attribute_of,
    comment_text,
    cte_name,
    helper_name,
    listed,
    number_text,
    quoted,
    signed,
    without_type,
)

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


def compile_program(program: Program, image_id: str, width: int, height: int) -> str:
    """The program as one DuckDB query over `instances`, `pairs` and `perceptions`.

    It ends with a semicolon, ready to be pasted. Its single row holds `answer`, a DOUBLE, NULL where the
    answer is undefined. The meaning is that of docs/programs.md. Texts of the program are quoted; `width`
    and `height` are the picture's, in pixels. A number to read is a text that TRY_CAST takes for a finite DOUBLE.

    Raises:
        ProgramError: when names, order or types of the nodes do not hold, or a constant is not finite.
    """
    return _Compiler(program, image_id, width, height).query()


class _Compiler:
    """Writes the CTEs of one program, in the program's order."""

    def __init__(self, program: Program, image_id: str, width: int, height: int) -> None:
        self.program = Program.checked(program.nodes, program.answer)
        self.image_id, self.width, self.height = image_id, width, height
        self.nodes = program.by_id()
        self.names = {node.id: cte_name(node.id, k) for k, node in enumerate(program.nodes, start=1)}
        # set -> instance CTEs without which the set is undefined
        self.delimiters: dict[str, tuple[str, ...]] = {}
        self.ctes: dict[str, str] = {}

    def query(self) -> str:
        """The text of the whole query."""
        for node in self.program.nodes:
            self._node(node)
        answer = self.names[self.program.answer]
        picture = comment_text(self.image_id)
        return (
            f"-- One node of the program is one CTE. Picture {picture}, {self.width} x {self.height}.\n"
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
        self.ctes[name] = f"-- {comment_text(name)}: {comment_text(comment)}\n{name} AS (\n{body}\n)"

    def _instance(self, node_id: str) -> str:
        """The CTE of at most one row; a set that stands for an instance gets one of its own."""
        name = self.names[node_id]
        if self.nodes[node_id].gives != "set":
            return name
        only = helper_name("only", name)
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
            f"WHERE image_id = {quoted(self.image_id)} AND category = {quoted(node.category)}",
        )

    def _narrowed(self, node: Filter | Perceive) -> None:
        of = self.names[node.of]
        self.delimiters[node.id] = self.delimiters[node.of]
        if isinstance(node, Filter):
            comment = f"those of {of} whose {node.attribute} is {node.value}"
            where = [f"WHERE ({attribute_of(of, node.attribute)}) = {quoted(node.value)}"]
        else:
            comment = f"those of {of} perceived as {node.predicate} {node.value}"
            where = [
                f"WHERE {of}.instance_id IN (",
                "  SELECT perceptions.instance_id FROM perceptions",
                f"  WHERE perceptions.image_id = {quoted(self.image_id)}",
                f"    AND perceptions.predicate = {quoted(node.predicate)}"
                f" AND perceptions.value = {quoted(node.value)}",
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
                f"WHERE pairs.image_id = {quoted(self.image_id)}"
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
        distances = helper_name("distance", name)
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
            f"SELECT TRY_CAST({attribute_of(of, node.attribute)} AS DOUBLE) AS value FROM {of}",
            "WHERE isfinite(value)",
        )

    def _compare(self, node: Compare) -> None:
        left = self.names[node.left] if node.by == "value" else self._instance(node.left)
        sources = [left]
        if node.by == "attribute":
            condition = f"({attribute_of(left, node.attribute)}) = {quoted(str(node.right))}"
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
        lines = f"SELECT {condition} AS holds FROM {listed(sources)}"
        self._add(self.names[node.id], words, lines)

    def _right_of(self, node: Compare) -> tuple[str, str]:
        """The right side as an expression, and the CTE it comes from (empty for a constant)."""
        if not isinstance(node.right, str):
            return number_text(node.right), ""
        if node.by == "value":
            return f"{self.names[node.right]}.value", self.names[node.right]
        return self._instance(node.right), self._instance(node.right)

    def _pick(self, node: Pick) -> None:
        condition, name = self.names[node.condition], self.names[node.id]
        yes, no = self._branch(node.yes), self._branch(node.no)
        self._add(
            name,
            f"{without_type(yes)} where {condition} holds, else {without_type(no)}",
            self._taken(yes, node.yes, f"{condition}.holds", condition),
            "UNION ALL",
            self._taken(no, node.no, f"NOT {condition}.holds", condition),
        )

    def _branch(self, operand: Operand) -> str:
        return f"{self.names[operand]}.value" if isinstance(operand, str) else f"{number_text(operand)}::DOUBLE"

    def _taken(self, value: str, operand: Operand, holds: str, condition: str) -> str:
        sources = [condition, self.names[operand]] if isinstance(operand, str) else [condition]
        return f"SELECT {value} AS value FROM {listed(sources)} WHERE {holds}"

    def _arith(self, node: Arith) -> None:
        total = ""
        for term, times in node.terms:
            value = f"{self.names[term]}.value"
            multiple = value if abs(times) == 1 else f"{number_text(abs(times))} * {value}"
            total += signed(times, multiple, first=not total)
        if node.plus:
            total += signed(node.plus, number_text(abs(node.plus)), first=False)
        self._add(
            self.names[node.id],
            total.replace(".value", ""),
            f"SELECT {total} AS value FROM {listed([self.names[term] for term, _ in node.terms])}",
        )
