"""Small bugs that could be planted in a module: each one change of one expression or statement."""

import ast
import copy
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_Changed = tuple[str, ast.AST]  # in words, and what stands there instead

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_CALLED = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "any": "all",
    "all": "any",
    "floor": "ceil",
    "ceil": "floor",
    "isfinite": "isnan",
    "sorted": "list",
}
_WORDS = ("InputError", "RunError", "warning", "debug", "info", "Field", "Annotated")


@dataclass(frozen=True, kw_only=True, order=True)
class Mutant:
    """One bug: where it goes, in bytes of the file, and what stands there instead."""

    line: int
    start: int
    stop: int
    about: str
    text: str

    def plant(self, source: bytes) -> bytes:
        """Put the bug into the module it was found in."""
        return source[: self.start] + self.text.encode() + source[self.stop :]


def mutants_of(source: bytes) -> list[Mutant]:
    """List every bug that could be planted, in the order of the text; all of them parse."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    tree, found = ast.parse(source), set()
    begins = [starts[_first_line(part) - 1] for part in tree.body]
    ends = [*begins[1:], len(source)]
    for node in _code(tree):
        for about, other in _changes(node):
            text = _text(other)
            if text is None or ast.unparse(other) == ast.unparse(node):
                continue
            start, stop = _place(node, starts)
            mutant = Mutant(line=_line(node), start=start, stop=stop, about=about, text=text)
            part = bisect_right(begins, start) - 1  # of the module: the rest stays as it parses
            if _parses(source[begins[part] : start] + text.encode() + source[stop : ends[part]]):
                found.add(mutant)
    return sorted(found)


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs and matters: no annotation, no text, no words of an error or a log."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and not _told(node):
                yield node
                yield from _code(node)


def _told(node: ast.AST) -> bool:
    """Tell whether a node is words rather than work."""
    if isinstance(node, ast.JoinedStr | ast.Raise | ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.Call) and _name(node.func) in _WORDS


def _changes(node: ast.AST) -> Iterator[_Changed]:
    for kind, change in _KINDS.items():
        if isinstance(node, kind):
            yield from change(node)


def _comparison(node: ast.Compare) -> Iterator[_Changed]:
    for place, one in enumerate(node.ops):
        for other in _COMPARED[type(one)]:
            changed = copy.deepcopy(node)
            changed.ops[place] = other()
            yield "comparison", changed


def _calculation(node: ast.BinOp) -> Iterator[_Changed]:
    other = _CALCULATED.get(type(node.op))
    words = any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        for side in (node.left, node.right)
    )
    if other is not None and not words:
        yield "calculation", ast.BinOp(node.left, other(), node.right)


def _connection(node: ast.BoolOp) -> Iterator[_Changed]:
    other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield "and/or", ast.BoolOp(other, node.values)
    for place in range(len(node.values)):
        kept = node.values[:place] + node.values[place + 1 :]
        yield "condition dropped", kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept)


def _sign(node: ast.UnaryOp) -> Iterator[_Changed]:
    if isinstance(node.op, ast.Not | ast.Invert | ast.USub):
        yield "sign or not dropped", node.operand


def _constant(node: ast.Constant) -> Iterator[_Changed]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int):
        yield "constant", ast.Constant(value + 1)
        yield "constant", ast.Constant(value - 1)
    elif isinstance(value, float):
        yield "constant", ast.Constant(value * 2 or 1.0)
        yield "constant", ast.Constant(value / 2 or -1.0)


def _call(node: ast.Call) -> Iterator[_Changed]:
    other = _CALLED.get(_name(node.func))
    if other is not None and (other != "list" or not node.keywords):
        changed = copy.deepcopy(node)
        if isinstance(changed.func, ast.Name):
            changed.func.id = other
        elif isinstance(changed.func, ast.Attribute):
            changed.func.attr = other
        yield "min/max and the like", changed
    plain = not any(isinstance(word, ast.Starred) for word in node.args)
    if len(node.args) >= 2 and plain and _name(node.func) not in ("isinstance", "cast"):
        changed = copy.deepcopy(node)
        changed.args[:2] = changed.args[1::-1]
        yield "arguments swapped", changed


def _slice(node: ast.Slice) -> Iterator[_Changed]:
    one = ast.Constant(1)
    for end in ("lower", "upper"):
        value = getattr(node, end)
        if value is None:
            continue
        for other in (None, ast.BinOp(value, ast.Add(), one), ast.BinOp(value, ast.Sub(), one)):
            changed = copy.deepcopy(node)
            setattr(changed, end, other)
            yield "bounds of a slice", changed


def _choice(node: ast.If | ast.IfExp | ast.While) -> Iterator[_Changed]:
    """Turn a condition round; what `_place` gives of it is the condition alone."""
    yield "condition turned round", ast.UnaryOp(ast.Not(), node.test)


def _statement(node: ast.Expr | ast.AugAssign) -> Iterator[_Changed]:
    words = isinstance(node, ast.Expr) and not isinstance(node.value, ast.Call)
    if not words and not (isinstance(node, ast.Expr) and _told(node.value)):
        yield "statement dropped", ast.Pass()


def _early(node: ast.Return) -> Iterator[_Changed]:
    if node.value is not None and not (
        isinstance(node.value, ast.Constant) and node.value.value is None
    ):
        yield "returns early", ast.Return(ast.Constant(None))


def _leap(node: ast.Break | ast.Continue) -> Iterator[_Changed]:
    yield "break/continue", ast.Continue() if isinstance(node, ast.Break) else ast.Break()


_KINDS: dict[type[ast.AST] | tuple[type[ast.AST], ...], Callable[..., Iterator[_Changed]]] = {
    ast.Compare: _comparison,
    ast.BinOp: _calculation,
    ast.BoolOp: _connection,
    ast.UnaryOp: _sign,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Slice: _slice,
    (ast.If, ast.IfExp, ast.While): _choice,
    (ast.Expr, ast.AugAssign): _statement,
    ast.Return: _early,
    (ast.Break, ast.Continue): _leap,
}


def _name(function: ast.AST) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _spot(node: ast.AST) -> ast.AST:
    return node.test if isinstance(node, ast.If | ast.IfExp | ast.While) else node


def _line(node: ast.AST) -> int:
    return int(getattr(_spot(node), "lineno", 0))


def _place(node: ast.AST, starts: list[int]) -> tuple[int, int]:
    """Find a node in the bytes of its file; columns of `ast` count bytes too."""
    spot = _spot(node)
    assert isinstance(spot, ast.expr | ast.stmt)
    assert spot.end_lineno is not None
    assert spot.end_col_offset is not None
    first = starts[spot.lineno - 1] + spot.col_offset
    return first, starts[spot.end_lineno - 1] + spot.end_col_offset


def _text(node: ast.AST) -> str | None:
    """Write a changed node; an expression in brackets, since it may stand inside another."""
    text = ast.unparse(ast.fix_missing_locations(node))
    if isinstance(node, ast.Slice | ast.stmt | ast.Constant | ast.Call | ast.Name):
        return text
    return f"({text})"


def _first_line(part: ast.stmt) -> int:
    return min([part.lineno, *(each.lineno for each in getattr(part, "decorator_list", []))])


def _parses(source: bytes) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True
