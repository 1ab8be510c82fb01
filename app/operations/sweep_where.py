"""A condition on the parameter sets of a sweep, as a person writes it: ``fast < slow and slow <= 4 * fast``."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from conf.problems import nearest
from tradewright.model.errors import ConfigError

OPTION = "--where"
SYNTAX = "compare parameters with < <= > >= == != and join with and, or, not; + - * / // % and numbers are known too"
Numbers = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]

COMPARED: Mapping[type[ast.cmpop], Callable[[Numbers, Numbers], Truth]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
COMPUTED: Mapping[type[ast.operator], Callable[[Numbers, Numbers], Numbers]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def sets_where(
    condition: str, sets: Sequence[Mapping[str, float]], others: Mapping[str, float]
) -> list[Mapping[str, float]]:
    """The sets that fulfil a condition, in their order; all of them for an empty one.

    A division by zero fulfils no comparison but ``!=``.

    Args:
        others: the parameters of the strategy that are not swept, with their values.

    Raises:
        ConfigError: a condition that cannot be read, names something else than a parameter, or that no set fulfils.
    """
    if not condition.strip():
        return list(sets)
    known = {name: np.array([float(each.get(name, value)) for each in sets]) for name, value in others.items()}
    with np.errstate(all="ignore"):
        fulfilled = _Condition(condition, known).truth()
    kept = [each for each, taken in zip(sets, np.broadcast_to(fulfilled, len(sets)), strict=True) if taken]
    if not kept:
        remedy = "widen the ranges or correct the condition"
        raise ConfigError(f"none of {len(sets)} sets fulfils {condition!r}", where=OPTION, remedy=remedy)
    return kept


class _Condition:
    """A condition over one column per parameter."""

    def __init__(self, text: str, known: Mapping[str, Numbers]) -> None:
        self._text, self._known = text, known

    def truth(self) -> Truth:
        """Whether each set fulfils it."""
        try:
            tree = ast.parse(self._text.strip(), mode="eval").body
            return self._truth(tree)
        except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
            raise self._unread("it is no condition") from error

    def _truth(self, node: ast.expr) -> Truth:
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            found = self._truth(node.values[0])
            for each in node.values[1:]:
                found = join(found, self._truth(each))
            return found
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return np.logical_not(self._truth(node.operand))
        if isinstance(node, ast.Compare):
            return self._compared(node)
        raise self._unread(f"{ast.unparse(node)!r} is neither true nor false")

    def _compared(self, node: ast.Compare) -> Truth:
        values = [self._value(each) for each in (node.left, *node.comparators)]
        found: Truth = np.ones(1, np.bool_)
        for left, sign, right in zip(values, node.ops, values[1:], strict=False):
            if type(sign) not in COMPARED:
                raise self._unread(f"{ast.unparse(node)!r} does not compare numbers")
            found = np.logical_and(found, COMPARED[type(sign)](left, right))
        return found

    def _value(self, node: ast.expr) -> Numbers:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return np.array(float(node.value))
        if isinstance(node, ast.Name):
            return self._column(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            value = self._value(node.operand)
            return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
            made = COMPUTED[type(node.op)](self._value(node.left), self._value(node.right))
            return np.where(np.isfinite(made), made, np.nan)
        raise self._unread(f"{ast.unparse(node)!r} is no number")

    def _column(self, name: str) -> Numbers:
        if name not in self._known:
            near = nearest(name, list(self._known))
            hint = f"did you mean {near!r}? " if near else ""
            remedy = f"{hint}the parameters are {', '.join(self._known)}"
            raise ConfigError(f"{name!r} is no parameter of the strategy", where=OPTION, remedy=remedy)
        return self._known[name]

    def _unread(self, why: str) -> ConfigError:
        return ConfigError(f"{self._text!r} cannot be read: {why}", where=OPTION, remedy=SYNTAX)
