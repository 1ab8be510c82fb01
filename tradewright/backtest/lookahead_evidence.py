"""The result of a look-ahead test, bound to the code and the bars that were tested. Loads no compiler."""

from __future__ import annotations

from dataclasses import dataclass

from tradewright.backtest.code import code_identity
from tradewright.backtest.strategy_errors import features_of
from tradewright.model.allocation import Allocation, decision_of
from tradewright.model.hashing import content_hash
from tradewright.model.strategy import Strategy


@dataclass(frozen=True)
class LookAheadEvidence:
    """The result of one look-ahead test, bound to what was tested.

    Args:
        code: :func:`tested_code` of the strategy: its code, parameters and features.
        data: the hash of the bars.
        bars: how many there were.
        findings: told as text; empty is the good result.
    """

    code: str
    data: str
    bars: int
    findings: tuple[str, ...]

    @property
    def free(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def covers(self, strategy: Strategy | Allocation, data: str) -> bool:
        """Whether this very strategy, on bars of this hash, was tested."""
        return (self.code, self.data) == (tested_code(strategy), data)


def tested_code(strategy: Strategy | Allocation) -> str:
    """The hash of everything that decides: code identity, kind, features and parameters.

    Raises:
        StrategyError: the code cannot be told from its edited self, or the strategy's features are wrong.
    """
    features = [feature.terms for feature in features_of(strategy)]
    return content_hash([strategy.name, code_identity(decision_of(strategy)), features, strategy.parameters()])
