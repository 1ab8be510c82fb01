"""No setting without effect: every key of the settings is read by the product, as an attribute of that name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel

from conf.environment import SOURCE
from conf.schema.settings import Settings

FOLDERS = ("app", "assets", "brokers", "conf", "notebooks", "runtime", "strategies", "tradewright")


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """The schemas inside of an annotation, those of a union all."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def keys(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every dotted key of a schema."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        for inner in models(field.annotation):
            yield from keys(inner, f"{above}{name}.")


def attributes(files: Iterable[Path]) -> set[str]:
    """The names of all attributes that the sources read."""
    trees = (ast.parse(path.read_text()) for path in files)
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}


def unread(model: type[BaseModel]) -> set[str]:
    files = (path for folder in FOLDERS for path in (SOURCE / folder).rglob("*.py"))
    read = attributes(files)
    return {key for key in keys(model) if key.rpartition(".")[2] not in read}


def test_every_key_is_read() -> None:
    assert unread(Settings) == set()


def test_a_key_that_nothing_reads_is_found() -> None:
    class Planted(Settings):
        broker_api_secret: str = ""

    assert unread(Planted) == {"broker_api_secret"}
