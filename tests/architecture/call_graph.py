"""Which functions a command of ``app`` can reach, by the syntax of the sources alone.

Nodes are ``module:function``, ``module:Class.method`` and ``CommandKind.NAME``. A function reaches what it names: a
function of its own module, an imported one, ``module.function``, a class (hence its ``__init__``), a command kind, a
method of that name of any class that it may know; a private method only of its own module. The domain knows the
classes of what it imports, directly or not; the program above it may be handed any. A kind reaches the handler that
the actor's table gives for it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
FOLDERS = ("app", "runtime", "tradewright/execution", "tradewright/model", "tradewright/ledger")
Function = ast.FunctionDef | ast.AsyncFunctionDef
KIND = "CommandKind"


def sources() -> dict[str, str]:
    """The production files of the road from a command to the ledger, by dotted module name."""
    files = (path for folder in FOLDERS for path in (SOURCE / folder).rglob("*.py"))
    return {".".join(path.relative_to(SOURCE).with_suffix("").parts): path.read_text() for path in files}


@dataclass
class CallGraph:
    """The graph of some sources."""

    edges: dict[str, set[str]] = field(default_factory=dict)
    roots: set[str] = field(default_factory=set)

    def reached(self) -> set[str]:
        """Every node that a command reaches."""
        found, todo = set[str](), list(self.roots)
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                todo += self.edges.get(node, ())
        return found


def functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    """The functions and methods of a module by their names, such as ``send`` and ``Inbox.send``."""
    for node in tree.body:
        if isinstance(node, Function):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{item.name}", item) for item in node.body if isinstance(item, Function))


_parsed = cache(ast.parse)


def graph_of(files: Mapping[str, str]) -> CallGraph:
    """The graph of sources that are given by module name."""
    trees = {name: _parsed(text) for name, text in files.items()}
    methods: dict[str, set[str]] = {}
    for module, tree in trees.items():
        for name, _ in functions(tree):
            if "." in name:
                methods.setdefault(name.rpartition(".")[2], set()).add(f"{module}:{name}")
    imports = {name: _imports(tree) for name, tree in trees.items()}
    graph = CallGraph()
    for module, tree in trees.items():
        known = _known(module, imports) if module.startswith("tradewright.") else set(trees)
        visible = {name: {node for node in nodes if node.partition(":")[0] in known} for name, nodes in methods.items()}
        named = _Named(module, tree, visible, set(trees))
        for name, node in functions(tree):
            graph.edges[f"{module}:{name}"] = named.of(node)
            decorators = " ".join(map(ast.unparse, node.decorator_list))
            if module.startswith("app.commands.") and "commands.command" in decorators:
                graph.roots.add(f"{module}:{name}")
        _add_handlers(graph, module, tree)
    return graph


def _imports(tree: ast.Module) -> list[str]:
    """What a module imports from, and what it imports from there, each of which may be a module."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return [
        name for node in nodes for name in (str(node.module), *(f"{node.module}.{each.name}" for each in node.names))
    ]


def _known(module: str, imports: Mapping[str, list[str]]) -> set[str]:
    """A module and everything that it imports, directly or not."""
    found, todo = set[str](), [module]
    while todo:
        if (name := todo.pop()) in imports and name not in found:
            found.add(name)
            todo += imports[name]
    return found


def _add_handlers(graph: CallGraph, module: str, tree: ast.Module) -> None:
    """The actor's table of handlers: a kind reaches its handler, and making the actor reaches neither."""
    for name, node in functions(tree):
        for item in ast.walk(node):
            keys = item.keys if isinstance(item, ast.Dict) else []
            for key, value in zip(keys, getattr(item, "values", []), strict=False):
                if isinstance(key, ast.Attribute) and ast.unparse(key).startswith(f"{KIND}."):
                    assert isinstance(value, ast.Attribute)
                    handler = f"{module}:{name.rpartition('.')[0]}.{value.attr}"
                    graph.edges.setdefault(ast.unparse(key), set()).add(handler)
                    graph.edges[f"{module}:{name}"] -= {handler, ast.unparse(key)}


class _Named:
    """Everything that a function of a module names."""

    def __init__(self, module: str, tree: ast.Module, methods: Mapping[str, set[str]], modules: set[str]) -> None:
        self._module, self._methods, self._modules = module, methods, modules
        self._names = {name: f"{module}:{name}" for name, _ in functions(tree) if "." not in name}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    target = whole if whole in modules else f"{node.module}:{alias.name}"
                    self._names[alias.asname or alias.name] = target

    def of(self, function: Function) -> set[str]:
        """The nodes that it names, also inside of its lambdas and inner functions."""
        local = {alias.asname or alias.name: node for node in ast.walk(function) if isinstance(node, ast.ImportFrom)
                 for alias in node.names}  # fmt: skip
        names = self._names | {
            name: whole if (whole := f"{node.module}.{name}") in self._modules else f"{node.module}:{name}"
            for name, node in local.items()
        }
        found = set[str]()
        for node in ast.walk(function):
            if isinstance(node, ast.Name):
                found |= {names[node.id], f"{names[node.id]}.__init__"} if node.id in names else set()
            elif isinstance(node, ast.Attribute):
                found |= self._attribute(node, names)
        return found

    def _attribute(self, node: ast.Attribute, names: Mapping[str, str]) -> set[str]:
        if isinstance(node.value, ast.Name) and node.value.id == KIND:
            return {f"{KIND}.{node.attr}"}
        owner = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
        if owner in self._modules:
            return {f"{owner}:{node.attr}", f"{owner}:{node.attr}.__init__"}
        found = set(self._methods.get(node.attr, ()))
        if node.attr.startswith("_"):
            return {name for name in found if name.startswith(f"{self._module}:")}
        return found
