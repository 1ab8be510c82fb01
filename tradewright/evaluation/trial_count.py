"""How many trials stand behind a result."""

from __future__ import annotations

from dataclasses import dataclass

from tradewright.evaluation.formatting import count


@dataclass(frozen=True)
class TrialCount:
    """How often these bars have been asked, as the trial ledger counts it.

    Args:
        trials: parameter sets that were evaluated on them, each once.
        effective: how many independent ones those count for.
        overfitting: the probability of backtest overfitting of the sweep that holds the judged set; None without one.
    """

    trials: int = 1
    effective: float = 1.0
    overfitting: float | None = None

    @property
    def told(self) -> str:
        """The count in words."""
        if self.trials <= 1:
            return count(self.trials, "trial")
        return f"{self.trials:,} trials (as many as {count(max(1, round(self.effective)), 'independent one')})"
