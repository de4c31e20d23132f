"""Mutation operators on Python's syntax tree: each makes small changes of a program that a check has to notice.

They are our own: mutmut leaves out decorated functions, which all handlers of a plugin are, and cosmic-ray deletes no
statements. A change is an edit of the text, at a position that the tree names: what is printed is what a reader sees.

What is for people to read is left alone: docstrings, f-strings, strings with a space, the texts that WORDING gets, and
whole calls of PRINTING.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

PRINTING = {"print", "debug", "info", "warning", "error"}
"""Functions that do nothing but say something: print, and those of a logger."""
WORDING = PRINTING | {"abort", "exit"}
"""Functions that say something, and do more than that."""
SWAPS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
NEGATIONS = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)
"""The comparisons whose swap is their negation."""


@dataclass(frozen=True)
class Mutant:
    """A program with one change. before and after are the lines that it touches: so many, from line on, 1 the first."""

    operator: str
    function: str
    line: int
    lines: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What names this change also when lines are added above it."""
        return self.function, self.before, self.after


@dataclass(frozen=True)
class Edit:
    """Bytes of the program, from start to end, and the text in their place."""

    start: int
    end: int
    new: str


class Program:
    """A program's text, its tree, and where the nodes of the tree are in the text."""

    def __init__(self, source: str) -> None:
        self.source = source.encode()
        self.tree = ast.parse(source)
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}
        self.starts = [0]
        for line in self.source.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def nodes(self) -> Iterator[ast.AST]:
        """Yield the nodes, except for what only prints something, and the insides of f-strings.

        Before Python 3.12, the nodes in an f-string have no position of their own.
        """
        for node in ast.walk(self.tree):
            around = list(self.ancestors(node))
            if not any(is_printing(each) for each in [node, *around]) and not any(map(is_f_string, around)):
                yield node

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is in, from the inside out."""
        while node := self.parents.get(node):  # type: ignore[assignment]
            yield node

    def start(self, node: ast.AST) -> int:
        """Return the first byte of a node."""
        return self.starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined,no-any-return]

    def end(self, node: ast.AST) -> int:
        """Return the byte after a node."""
        return self.starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined,no-any-return]

    def text(self, node: ast.AST) -> str:
        """Return the text of a node, in parentheses where it could not stand as an operand without them."""
        text = self.source[self.start(node) : self.end(node)].decode()
        return f"({text})" if isinstance(node, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr) else text

    def instead(self, node: ast.AST, new: str) -> Edit:
        """Return the edit that puts a text in the place of a node."""
        return Edit(self.start(node), self.end(node), new)

    def function_at(self, place: int) -> str:
        """Return the name of the function around a byte, "Class.name" for a method, "" outside of all."""
        around = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and min(map(self.start, [node, *node.decorator_list])) - 1 <= place < self.end(node)
        ]
        return ".".join(node.name for node in sorted(around, key=self.start))

    def mutate(self, operator: str, edit: Edit) -> Mutant:
        """Return the program after an edit."""
        source = (self.source[: edit.start] + edit.new.encode() + self.source[edit.end :]).decode()
        first = max(number for number, start in enumerate(self.starts) if start <= edit.start)
        after_last = min(start for start in self.starts if start >= edit.end)
        begin = self.starts[first]
        before = self.source[begin:after_last].decode()
        after = source.encode()[begin : after_last + len(edit.new.encode()) - (edit.end - edit.start)].decode()
        lines = before.count("\n")
        return Mutant(operator, self.function_at(edit.start), first + 1, lines, plain(before), plain(after), source)


def plain(lines: str) -> str:
    """Return lines as one, with single spaces between words: how a change is printed and listed."""
    return " ".join(lines.split())


# the operators


def delete_statement(program: Program) -> Iterator[Edit]:
    """Put pass in the place of a statement. Without an import or a definition, nothing would be left to check.

    What comes to the same by another operator is left to it: a value that a function returns at its very end, and an
    if without else, whose condition is fixed to False.
    """
    for node in program.nodes():
        if isinstance(node, ast.stmt) and not isinstance(node, KEPT) and not _is_docstring(node):
            function = program.parents[node]
            at_end = isinstance(function, ast.FunctionDef) and function.body[-1] is node
            returns = isinstance(node, ast.Return) and node.value
            if not (at_end and returns) and not (isinstance(node, ast.If) and not node.orelse):
                yield program.instead(node, "pass")


KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Pass)


def change_condition(program: Program) -> Iterator[Edit]:
    """Negate a condition, or fix it to True or False; leave out one operand of and, or, and negate one."""
    for node in program.nodes():
        for condition in conditions_of(node):
            yield program.instead(condition, "True")
            yield program.instead(condition, "False")
            if not isinstance(condition, ast.BoolOp):
                yield from negate(program, condition)
        if isinstance(node, ast.BoolOp):
            word = " and " if isinstance(node.op, ast.And) else " or "
            for operand in node.values:
                rest = [program.text(each) for each in node.values if each is not operand]
                yield program.instead(node, word.join(rest))
                yield from negate(program, operand)


def conditions_of(node: ast.AST) -> list[ast.expr]:
    """Return the conditions that a node itself depends on."""
    match node:
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test) | ast.Assert(test=test):
            return [test]
        case ast.comprehension(ifs=ifs):
            return ifs
        case ast.Call(func=ast.Name(id="any" | "all"), args=[ast.GeneratorExp(elt=element)]):
            return [element]
    return []


def negate(program: Program, condition: ast.expr) -> Iterator[Edit]:
    """Negate a condition, unless the swap of its comparison does so already."""
    if isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not):
        yield program.instead(condition, program.text(condition.operand))
    elif isinstance(condition, ast.Constant):
        return  # the value where another is empty: no condition
    elif not (isinstance(condition, ast.Compare) and isinstance(condition.ops[0], NEGATIONS)):
        yield program.instead(condition, f"not {program.text(condition)}")


def swap_comparison(program: Program) -> Iterator[Edit]:
    """Put != in the place of ==, <= in that of <, and so on."""
    for node in program.nodes():
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                old, new = SWAPS[type(operator)]
                start, end = program.end(left), program.start(right)
                yield Edit(start, end, program.source[start:end].decode().replace(old, new, 1))


def drop_keyword(program: Program) -> Iterator[Edit]:
    """Leave out a keyword argument of a call."""
    for node in program.nodes():
        if isinstance(node, ast.Call):
            arguments = [*node.args, *node.keywords]
            for dropped in node.keywords:
                rest = ", ".join(program.text(each) for each in arguments if each is not dropped)
                yield program.instead(node, f"{program.text(node.func)}({rest})")


def drop_decorator(program: Program) -> Iterator[Edit]:
    """Leave out a decorator."""
    for node in program.nodes():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                start = program.source.rindex(b"@", 0, program.start(decorator))
                yield Edit(start, program.end(decorator), "")


def return_none(program: Program) -> Iterator[Edit]:
    """Return None, or yield it, in the place of a value."""
    for node in program.nodes():
        match node:
            case ast.Return(value=ast.expr() as value) | ast.Yield(value=ast.expr() as value) | ast.Lambda(body=value):
                yield program.instead(value, "None")


def change_number(program: Program) -> Iterator[Edit]:
    """Put the next number, or 0, in the place of a number."""
    for node in program.nodes():
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            octal = program.text(node).startswith("0o") and isinstance(node.value, int)
            yield program.instead(node, oct(node.value + 1) if octal else str(node.value + 1))  # type: ignore[operator,arg-type]
            yield program.instead(node, "0")


def change_string(program: Program) -> Iterator[Edit]:
    """Put an x behind a string that is protocol: a route, a key, a method, a path, a pattern, a media type."""
    for node in program.nodes():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not is_wording(program, node):
            text = program.text(node)
            yield program.instead(node, f"{text[:-1]}x{text[-1]}")


def is_wording(program: Program, node: ast.Constant) -> bool:
    """Tell whether a string is for people to read, or a part of such a text."""
    above = list(program.ancestors(node))
    said = any(isinstance(each, ast.Call) and name_of(each.func) in WORDING for each in above)
    return " " in str(node.value) or said or isinstance(above[0], ast.Expr)


def is_printing(node: ast.AST) -> bool:
    """Tell whether a node is a call that only says something, or the statement that it is."""
    call = node.value if isinstance(node, ast.Expr) else node
    return isinstance(call, ast.Call) and name_of(call.func) in PRINTING


def is_f_string(node: ast.AST) -> bool:
    """Tell whether a node is an f-string."""
    return isinstance(node, ast.JoinedStr)


def name_of(function: ast.expr) -> str:
    """Return the name by which a function is called, without that of its module."""
    return getattr(function, "id", getattr(function, "attr", ""))


def remove_with(program: Program) -> Iterator[Edit]:
    """Run the body of a with without it: nothing is entered or left. Of several, leave out one."""
    for node in program.nodes():
        if isinstance(node, ast.With):
            start, end = program.start(node), program.end(node.items[-1].optional_vars or node.items[-1].context_expr)
            if len(node.items) > 1:
                for dropped in node.items:
                    rest = ", ".join(item_text(program, each) for each in node.items if each is not dropped)
                    yield Edit(start, end, f"with {rest}")
            else:
                value, name = node.items[0].context_expr, node.items[0].optional_vars
                named = f"({program.text(name)} := {program.text(value)})" if name else "True"
                yield Edit(start, end, f"if {named}")


def item_text(program: Program, item: ast.withitem) -> str:
    """Return one item of a with."""
    name = f" as {program.text(item.optional_vars)}" if item.optional_vars else ""
    return program.text(item.context_expr) + name


def remove_try(program: Program) -> Iterator[Edit]:
    """Run the body of a try alone; of several handlers, leave out one; leave out its finally."""
    for node in program.nodes():
        if not isinstance(node, ast.Try):
            continue
        body, end = program.end(node.body[-1]), program.end(node)
        start = program.start(node)
        yield Edit(start, end, "if True" + program.source[start + len("try") : body].decode())
        for handler in node.handlers if len(node.handlers) > 1 else []:
            yield program.instead(handler, "")
        if node.finalbody and node.handlers:
            yield Edit(program.end((node.orelse or node.handlers)[-1]), end, "")


def _is_docstring(node: ast.stmt) -> bool:
    """Tell whether a statement is a text for people."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


Operator = Callable[[Program], Iterator[Edit]]
OPERATORS: dict[str, Operator] = {
    "delete a statement": delete_statement,
    "change a condition": change_condition,
    "swap a comparison": swap_comparison,
    "drop a keyword argument": drop_keyword,
    "drop a decorator": drop_decorator,
    "return None": return_none,
    "change a number": change_number,
    "change a string": change_string,
    "remove a with": remove_with,
    "remove a try": remove_try,
}


def mutants_of(source: str) -> list[Mutant]:
    """Return the mutants of a program that compile, in the order of its lines; of some that are the same, one."""
    program = Program(source)
    known = {ast.dump(program.tree)}
    found = []
    for name, operator in OPERATORS.items():
        for edit in operator(program):
            mutant = program.mutate(name, edit)
            tree = _compiled(mutant.source)
            if tree and tree not in known:
                known.add(tree)
                found.append(mutant)
    return sorted(found, key=lambda mutant: mutant.line)


def _compiled(source: str) -> str:
    """Return the tree of a program as text, "" for one that does not compile."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a mutant may compare what it should not
        try:
            compile(source, "mutant", "exec")
        except SyntaxError:
            return ""
        return ast.dump(ast.parse(source))
