"""Write docs/reference.md: every public name with its signature and its docstring.

    python tests/scripts/reference.py

It reads the source of the package, so that the page is the same for both forms of the parser.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference.md"

# Every public name, as it is grouped on the page.
GROUPS = {
    "Reading a source": "iter_events iter_items iter_chunks",
    "Reading an async source": (
        "aiter_events aiter_items aiter_chunks AsyncEvents AsyncItems AsyncChunks"
    ),
    "Feeding bytes": "EventStream Parser Dispatcher",
    "Items": "Item Event Block Comment Ignored DONE Done",
    "What else the reader of a response needs": "error_message is_event_stream",
    "Writing": "encode",
    "Errors": (
        "SSEError IncompleteStreamError NotEventStreamError EventTooLargeError ParserClosedError"
    ),
}

START = """\
# Reference

Every name that `sse_stream` has for its users. `tests/scripts/reference.py` makes this page of the
docstrings. In the signatures:

- `Buffer` is any bytes-like object: bytes, bytearray, memoryview, array.array, mmap.
- `Source` and `AsyncSource` are the objects in the table
  [What to pass](../README.md#what-to-pass). Any other object is a TypeError that says what to pass.
- `ItemT` is the type of what an EventStream returns.
- Sizes are in bytes, times in milliseconds. Section numbers are those of the
  [HTML standard](https://html.spec.whatwg.org/multipage/server-sent-events.html).

**Threads.** Several threads may use functions and items at the same time. A parser, a stream, a
dispatcher and an iterator have no lock: one thread at a time, or one task, may use them. In the
compiled form, a call of a parser that another thread is using raises RuntimeError or waits, and
damages nothing.

**Errors** of arguments are TypeError and ValueError; they change nothing. Errors of the stream are
subclasses of SSEError.

The examples begin with this:

```pycon
>>> from sse_stream import *
```
"""

TEXTS = {
    "Items": """
Items are immutable values. They are hashable, equal to items of the same class with the same
values, and can be pickled and copied; `copy.replace` of Python 3.13 changes values in a copy. In a
`match` statement, the values stand in the order of the constructor. These classes are final.
""",
    "Errors": """
The values that are listed for a class are its attributes.
""",
}

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """The definitions of one file, as they are at run time."""

    def __init__(self, path: Path) -> None:
        tree = ast.parse(path.read_text("utf-8"))
        self.definitions: dict[str, Definition] = {}
        self.values: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._read(list(self._at_run_time(tree.body)))

    def _at_run_time(self, body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            if isinstance(node, ast.If):
                if ast.unparse(node.test) == "TYPE_CHECKING":
                    yield from self._at_run_time(node.orelse)
            else:
                yield node

    def _read(self, body: list[ast.stmt]) -> None:
        for node, after in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, Definition):
                self.definitions[node.name] = node
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                self.values[name] = ast.unparse(node.value)
                if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                    self.texts[name] = str(after.value.value)


def page(package: Path) -> str:
    """Return the page for the package in a folder."""
    FIRST.clear()
    modules = [Module(path) for path in sorted(package.glob("*.py")) if path.stem[:1] != "_"]
    parts = [START]
    for group, names in GROUPS.items():
        parts.append(f"\n## {group}\n" + TEXTS.get(group, ""))
        parts += [entry(name, modules) for name in names.split()]
    return "".join(parts)


def entry(name: str, modules: list[Module]) -> str:
    """Return the section of one public name."""
    for module in modules:
        node = module.definitions.get(name)
        if isinstance(node, ast.ClassDef):
            return section(name, class_signature(module, node), node) + members(module, node)
        if node is not None:
            return section(name, signature(module, node.name, node), node)
        if name in module.values:
            value = f"{name} = {module.values[name]}" if "|" in module.values[name] else name
            return f"\n### {name}\n{code(value)}\n{markdown(module.texts[name])}"
    raise LookupError(name)


def section(name: str, shown: str, node: Definition) -> str:
    return f"\n### {name}\n{code(shown)}\n{markdown(ast.get_docstring(node) or '')}"


def members(module: Module, kind: ast.ClassDef) -> str:
    """Return the attributes and properties of a class as a list, then its methods."""
    attributes: list[str] = []
    others: list[str] = []
    for node, after in zip(kind.body, [*kind.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(after, ast.Expr):
            assert isinstance(after.value, ast.Constant)
            name, text = ast.unparse(node.target), str(after.value.value)
            attributes.append(attribute(name, node.annotation, text))
    for owner, node in methods(module, kind):
        text = ast.get_docstring(node) or ""
        if node.name[:1] == "_" or not text:
            continue
        if "property" in map(ast.unparse, node.decorator_list):
            assert node.returns is not None
            attributes.append(attribute(node.name, node.returns, text))
        else:
            shown = code(signature(module, f"{kind.name}.{node.name}", node))
            # What a class has from the same base as the one before it is explained there.
            first = FIRST.setdefault((owner, node.name), kind.name)
            same = f"The same as {first}.{node.name}().\n"
            others.append(f"{shown}\n{markdown(text) if first == kind.name else same}")
    if attributes:
        attributes.insert(0, "\nAttributes:\n\n")
    return "".join(attributes + others)


FIRST: dict[tuple[str, str], str] = {}


def attribute(name: str, annotation: ast.expr, docstring: str) -> str:
    text = docstring.replace("``", "`").replace("\n", " ")
    lines = textwrap.wrap(
        f"- `{name}: {ast.unparse(annotation)}`: {text[0].lower()}{text[1:]}",
        width=100,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines) + "\n"


def methods(
    module: Module, kind: ast.ClassDef
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield the methods of a class and of its bases, with the class that defines them."""
    for node in kind.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield kind.name, node
    for base in kind.bases:
        found = module.definitions.get(ast.unparse(base).partition("[")[0])
        if isinstance(found, ast.ClassDef):
            yield from methods(module, found)


def class_signature(module: Module, kind: ast.ClassDef) -> str:
    made = [node for node in kind.body if getattr(node, "name", "") in ("__init__", "__new__")]
    bases = [
        name for name in map(ast.unparse, kind.bases) if name[-9:] in ("Exception", "SSEError")
    ]
    if not made:
        return f"class {kind.name}" + "".join(f"({base})" for base in bases)
    # The last one: those before it are overloads.
    node = made[-1]
    assert isinstance(node, ast.FunctionDef)
    return "class " + signature(module, kind.name, node)


def signature(module: Module, name: str, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return the signature of a function in at most 88 columns."""
    given = node.args
    parameters = [
        parameter(module, argument, default)
        for argument, default in zip(
            [*given.args, *given.kwonlyargs],
            [
                *[None] * (len(given.args) - len(given.defaults)),
                *given.defaults,
                *given.kw_defaults,
            ],
            strict=True,
        )
    ]
    if given.vararg:
        parameters.insert(len(given.args), "*" + parameter(module, given.vararg, None))
    elif given.kwonlyargs:
        parameters.insert(len(given.args), "*")
    parameters = [text for text in parameters if text not in ("self", "cls")]
    is_constructor = node.name in ("__init__", "__new__")
    end = f" -> {ast.unparse(node.returns)}" if node.returns and not is_constructor else ""
    start = ("async " if isinstance(node, ast.AsyncFunctionDef) else "") + name
    line = f"{start}({', '.join(parameters)}){end}"
    if len(line) <= 88:
        return line
    return f"{start}(\n" + "".join(f"    {text},\n" for text in parameters) + f"){end}"


def parameter(module: Module, argument: ast.arg, default: ast.expr | None) -> str:
    text = argument.arg
    if argument.annotation:
        text += f": {ast.unparse(argument.annotation)}"
    if default:
        value = ast.unparse(default).replace("'", '"')
        text += f" = {module.values.get(value, value)}"
    return text


def code(text: str) -> str:
    return f"\n```python\n{text}\n```\n"


def markdown(docstring: str) -> str:
    """Return a docstring as Markdown: its examples are blocks, its names are code."""
    text, start, example = docstring.partition(">>> ")
    text = text.rstrip().replace("``", "`")
    return f"{text}\n" + (f"\n```pycon\n{start}{example.rstrip()}\n```\n" if start else "")


if __name__ == "__main__":
    PAGE.write_text(page(ROOT / "sse_stream"), "utf-8")
