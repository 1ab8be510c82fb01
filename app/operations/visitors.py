"""Who uses a served app: the visitor of the request under which a cell runs, and the acts that a scope allows."""

from __future__ import annotations

import marimo as mo

from app.tokens import OWNER, VISITOR, Scope, Visitor
from tradewright.model.errors import TradewrightError

STRANGER = Visitor("", Scope.LOOK)
"""Somebody whom no gate has admitted by name: may look."""


class ScopeMissing(TradewrightError):
    """The token of a visitor does not allow an act."""


def present() -> Visitor:
    """The visitor whose request runs this cell; the user of the operating system where no server runs it.

    To be asked in the cell's own thread, at the moment of the act: several people may use one server.
    """
    meta = mo.app_meta()
    request = meta.request
    if request is None:
        return STRANGER if meta.mode == "run" else OWNER
    noted = request.meta.get(VISITOR) if isinstance(request.meta, dict) else None
    if not isinstance(noted, dict):
        return STRANGER
    return Visitor(str(noted.get("name", "")), Scope(str(noted.get("scope", Scope.LOOK))))


def demand(visitor: Visitor, scope: Scope) -> None:
    """Pass where the visitor may do what the scope allows.

    Raises:
        ScopeMissing: otherwise.
    """
    if not visitor.scope.includes(scope):
        raise ScopeMissing(
            f"a token of the scope {visitor.scope} does not allow it",
            where=f"token {visitor.name}".strip(),
            remedy=f"use one of the scope {scope}",
            code="SCOPE_MISSING",
        )
