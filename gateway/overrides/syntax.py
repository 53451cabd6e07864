"""Which templates a store may write: a white list over Jinja's syntax tree (HARDENING rule 10).

Theory of operation. Whatever is not listed is refused before anything runs: Jinja's own sandbox lets `'a' * 300000000`
pass, and constants are folded already when a template is compiled. The shape of every expression is known from the
table of values, so a name that does not exist is found wherever it stands. No text can outgrow a small multiple of the
values: there is no arithmetic, and what repeats takes lists only.

A template that passes reaches dicts and lists of plain values at run time and no attribute of any object.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, Undefined, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import SandboxedEnvironment

from gateway.errors import Invalid, Problem
from gateway.overrides.filters import ASK_FIRST, FILTERS
from gateway.overrides.values import LOOP, VALUES, ListOf, Plain, Record, Shape, Value

SOURCE_BYTES: Final = 64 * 1024
_NODES: Final = 4_000
_DEPTH: Final = 30  # of statements and expressions inside each other
_LOOPS: Final = 3  # inside each other
_ITEMS: Final = 100  # of a list that can be named by a number
_DIGITS: Final = 9
_JINJAS_GUESSES = re.compile(r" Jinja was looking for the following tags: [^.]*\.")

_REFUSALS: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Call: "calls are not allowed; use a filter, as in {{ store|upper }}",
    nodes.BinExpr: "arithmetic is not allowed; write the values one after the other",
    nodes.UnaryExpr: "signs are not allowed; write the number without one",
    nodes.Concat: "~ is not allowed; write {{ a }}{{ b }} in place of {{ a ~ b }}",
    nodes.CondExpr: "if inside {{ }} is not allowed; use {% if … %}…{% else %}…{% endif %}",
    nodes.Test: 'tests with "is" are not allowed; use {% if name %} or a comparison',
    nodes.Literal: "lists and the like cannot be written here; use the lists that are given",
    nodes.Include: "include is not allowed; copy the words into this template",
    nodes.Import: "import is not allowed; copy the words into this template",
    nodes.FromImport: "import is not allowed; copy the words into this template",
    nodes.Extends: "extends is not allowed; the look of the mail comes by itself",
    nodes.Block: "block is not allowed; leave it out",
    nodes.Macro: "macro is not allowed; write the words where they belong",
    nodes.CallBlock: "call is not allowed; write the words where they belong",
    nodes.Assign: "set is not allowed; use the value where it belongs",
    nodes.AssignBlock: "set is not allowed; write the words where they belong",
    nodes.With: "with is not allowed; use the value where it belongs",
    nodes.FilterBlock: "filter blocks are not allowed; use the filter inside {{ }}",
    nodes.Scope: "autoescape is not allowed; values are escaped in HTML, always",
}


class StrictestEnvironment(SandboxedEnvironment):
    """Jinja that knows the listed filters and plain values: items of dicts and lists, and a few facts of `loop`."""

    def __init__(self, *, html: bool) -> None:
        """html: whether values are escaped."""
        super().__init__(autoescape=html, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
        self.globals.clear()
        self.tests.clear()
        self.filters.clear()
        self.filters.update({name: one.run for name, one in FILTERS.items()})

    def getattr(self, obj: object, attribute: str) -> object:
        """What `a.b` stands for."""
        if isinstance(obj, LoopContext) and attribute in LOOP.fields:
            fact: object = getattr(obj, attribute)
            return fact
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """What `a["b"]` and `a[0]` stand for."""
        if isinstance(obj, Undefined):
            return obj
        item: object = self.undefined(f"there is no item {argument} in the list: {ASK_FIRST}")
        if isinstance(obj, dict):
            item = obj.get(argument, item)
        elif isinstance(obj, list) and isinstance(argument, int) and argument < len(obj):
            item = obj[argument]
        return item


_ENVIRONMENTS: Final = {html: StrictestEnvironment(html=html) for html in (False, True)}


def compiled(source: str, *, html: bool, given: Mapping[str, Value] = VALUES) -> Template:
    """A template that is allowed, ready to be rendered. html: whether values are escaped. Raises Invalid.

    given: the values that it may tell.
    """
    environment = _ENVIRONMENTS[html]
    tree = _parse(source, environment)
    problems = _Checker(given).check(tree)
    if problems:
        raise Invalid(problems)
    return Template.from_code(environment, environment.compile(tree), {})


def _parse(source: str, environment: StrictestEnvironment) -> nodes.Template:
    """The syntax tree of a source. Raises Invalid."""
    size = len(source.encode("utf-8", "replace"))
    if size > SOURCE_BYTES:
        raise _invalid(f"it has {size} bytes, at most {SOURCE_BYTES} are allowed; make it shorter")
    try:
        return environment.parse(source)
    except TemplateSyntaxError as error:
        text = _JINJAS_GUESSES.sub("", error.message or "it cannot be read")
        if "unknown tag" in text:
            text += " Only if, elif, else, for and raw are allowed."
        raise _invalid(f"line {error.lineno}: {text}") from error
    except RecursionError as error:
        raise _invalid("it is nested too deeply; leave brackets out") from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise _invalid("it has a number that is too long; write it as words") from error


def _invalid(text: str) -> Invalid:
    return Invalid((Problem("", text),))


class _Refused(Exception):
    """A problem was noted; nothing is known of the shape of this expression."""


class _Checker:
    """Walks a syntax tree and notes everything that is not on the list."""

    def __init__(self, given: Mapping[str, Value]) -> None:
        self._given = given
        self._problems: list[tuple[int, str]] = []
        self._nodes = 0

    def check(self, tree: nodes.Template) -> tuple[Problem, ...]:
        """All problems in the order of their lines."""
        self._statements(tree.body, {name: value.shape for name, value in self._given.items()}, depth=0, loops=0)
        return tuple(Problem("", f"line {line}: {text}") for line, text in sorted(set(self._problems)))

    def _refuse(self, node: nodes.Node, text: str) -> _Refused:
        # A scope has no line of its own, but what stands in it has.
        line = node.lineno or next(child.lineno for child in node.iter_child_nodes())
        self._problems.append((line, text))
        return _Refused()

    def _statements(self, body: Iterable[nodes.Node], scope: Mapping[str, Shape], depth: int, loops: int) -> None:
        for node in body:
            try:
                self._statement(node, scope, depth + 1, loops)
            except _Refused:
                continue  # noted; what comes behind it is looked at all the same

    def _statement(self, node: nodes.Node, scope: Mapping[str, Shape], depth: int, loops: int) -> None:
        self._count(node, depth)
        if isinstance(node, nodes.Output):
            for piece in node.nodes:
                if not isinstance(piece, nodes.TemplateData):
                    self._output(piece, scope, depth)
        elif isinstance(node, nodes.If):
            self._branch(node, scope, depth, loops)
            for branch in node.elif_:
                self._branch(branch, scope, depth, loops)
            self._statements(node.else_, scope, depth, loops)
        elif isinstance(node, nodes.For):
            self._loop(node, scope, depth, loops + 1)
        else:
            raise self._unlisted(node)

    def _branch(self, node: nodes.If, scope: Mapping[str, Shape], depth: int, loops: int) -> None:
        self._known(node.test, scope, depth)
        self._statements(node.body, scope, depth, loops)

    def _loop(self, node: nodes.For, scope: Mapping[str, Shape], depth: int, loops: int) -> None:
        if loops > _LOOPS:
            raise self._refuse(node, f"at most {_LOOPS} loops may stand inside each other; write them side by side")
        if node.recursive:
            raise self._refuse(node, "recursive loops are not allowed; leave the word out")
        if not isinstance(node.target, nodes.Name) or node.target.name == "loop":
            raise self._refuse(node, "a loop gives its items one name, as in {% for message in messages %}")
        over = self._shape(node.iter, scope, depth)
        if not isinstance(over, ListOf):
            lists = ", ".join(_lists(self._given)) or "there is none here"
            raise self._refuse(node, f"a loop needs a list: {lists}")
        inside = {**scope, node.target.name: over.items}
        if node.test is not None:
            self._known(node.test, inside, depth)
        self._statements(node.body, {**inside, "loop": LOOP}, depth, loops)
        self._statements(node.else_, scope, depth, loops)

    def _output(self, node: nodes.Node, scope: Mapping[str, Shape], depth: int) -> None:
        shape = self._known(node, scope, depth)
        if isinstance(shape, ListOf):
            self._refuse(node, "a list cannot be written as it is; use {% for … %} or join")
        elif isinstance(shape, Record):
            self._refuse(node, f"say what of it is to be written: {', '.join(shape.fields)}")
        elif shape is Plain.TRUTH:
            self._refuse(node, "what is true or not cannot be written as it is; use {% if … %}")

    def _known(self, node: nodes.Node, scope: Mapping[str, Shape], depth: int) -> Shape | None:
        """The shape of an expression, None when it was refused."""
        try:
            return self._shape(node, scope, depth)
        except _Refused:
            return None

    def _shape(self, node: nodes.Node, scope: Mapping[str, Shape], depth: int) -> Shape:
        """The shape of an expression. Raises _Refused when it is not allowed."""
        self._count(node, depth)
        depth += 1
        match node:
            case nodes.Name():
                return self._look_up(node, node.name, scope)
            case nodes.Const():
                return self._literal(node)
            case nodes.Getattr():
                return self._part(node, self._shape(node.node, scope, depth), node.attr)
            case nodes.Getitem(arg=nodes.Const(value=key)):
                return self._part(node, self._shape(node.node, scope, depth), key)
            case nodes.Getitem():
                raise self._refuse(node, "an item is named by its place, as in messages[0], a text cut by truncate(40)")
            case nodes.Filter(node=nodes.Expr() as before):
                return self._filtered(node, self._shape(before, scope, depth))
            case nodes.Compare():
                return self._comparison(node, scope, depth)
            case nodes.And() | nodes.Or():
                left, right = self._shape(node.left, scope, depth), self._shape(node.right, scope, depth)
                return left if left == right else Plain.TRUTH
            case nodes.Not():
                self._shape(node.node, scope, depth)
                return Plain.TRUTH
        raise self._unlisted(node)

    def _look_up(self, node: nodes.Node, name: str, scope: Mapping[str, Shape]) -> Shape:
        if name not in scope:
            raise self._refuse(node, f"there is no value {name}; {_known_here(name, scope)}")
        return scope[name]

    def _literal(self, node: nodes.Const) -> Shape:
        value = node.value
        if isinstance(value, bool):
            return Plain.TRUTH
        if isinstance(value, str):
            return Plain.TEXT
        if isinstance(value, int) and value < 10**_DIGITS:
            return Plain.NUMBER
        raise self._refuse(node, f"numbers are whole and have at most {_DIGITS} digits; write it as words")

    def _part(self, node: nodes.Node, whole: Shape, key: object) -> Shape:
        """What `whole.key` and `whole[key]` are."""
        if isinstance(whole, ListOf) and type(key) is int and key < _ITEMS:
            return whole.items
        if isinstance(whole, Record) and isinstance(key, str):
            return self._look_up(node, key, {name: value.shape for name, value in whole.fields.items()})
        what = "a list has items only, as in messages[0]" if isinstance(whole, ListOf) else "it has no parts"
        raise self._refuse(node, f"{key!r} is not to be had here: {what}")

    def _filtered(self, node: nodes.Filter, before: Shape) -> Shape:
        listed = FILTERS.get(node.name)
        if listed is None:
            raise self._refuse(node, f"there is no filter {node.name}; {_known_here(node.name, FILTERS)}")
        arguments = [one.value if isinstance(one, nodes.Const) else None for one in node.args]
        if node.kwargs or node.dyn_args or node.dyn_kwargs or not listed.allows(arguments):
            raise self._refuse(node, f"write {listed.usage}: {listed.meaning}")
        after = listed.shape(before)
        if after is None:
            raise self._refuse(node, f"{node.name} does not take {_called(before)}; it is for {listed.meaning}")
        return after

    def _comparison(self, node: nodes.Compare, scope: Mapping[str, Shape], depth: int) -> Shape:
        left = self._shape(node.expr, scope, depth)
        for operand in node.ops:
            self._count(operand, depth)
            right = self._shape(operand.expr, scope, depth)
            if operand.op in ("in", "notin"):
                fits = right == ListOf(left) or left is right is Plain.TEXT
            else:
                fits = right == left
            if not fits:
                raise self._refuse(node, f"{_called(left)} cannot be compared with {_called(right)} like that")
            left = right
        return Plain.TRUTH

    def _count(self, node: nodes.Node, depth: int) -> None:
        """No more of anything than a mail needs, before anything is compiled."""
        self._nodes += 1
        if self._nodes == _NODES + 1:
            self._refuse(node, f"it has more than {_NODES} pieces; make it shorter")
        if self._nodes > _NODES:
            raise _Refused
        if depth > _DEPTH:
            raise self._refuse(node, f"more than {_DEPTH} things stand inside each other; make it simpler")

    def _unlisted(self, node: nodes.Node) -> _Refused:
        for kind in type(node).__mro__:
            if kind in _REFUSALS:
                return self._refuse(node, _REFUSALS[kind])
        what = type(node).__name__.lower()
        return self._refuse(node, f"{what} is not allowed; values, filters, comparisons, if and for are")


def _known_here(name: str, names: Iterable[str]) -> str:
    close = get_close_matches(name, names, 1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"


def _called(shape: Shape) -> str:
    if isinstance(shape, ListOf):
        return "a list"
    return (
        "a thing with parts"
        if isinstance(shape, Record)
        else {"text": "a text", "number": "a number"}.get(shape.value, shape.value)
    )


def _lists(fields: Mapping[str, Value], before: str = "") -> Iterator[str]:
    """The names of all lists that are given."""
    for name, value in fields.items():
        if isinstance(value.shape, ListOf):
            yield before + name
            if isinstance(value.shape.items, Record):
                yield from _lists(value.shape.items.fields, f"{name.removesuffix('s')}.")
