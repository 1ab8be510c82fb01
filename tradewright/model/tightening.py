"""A limit that a person made tighter than the configuration has it."""

from __future__ import annotations

from tradewright.model.base import FrozenModel


class Tightening(FrozenModel):
    """One tightened limit of an account.

    Args:
        seq: number of its event.
        value: the tighter value, as canonical JSON has it: a decimal as text, a list of names, true or false.
        base: what the configuration had when it was tightened. It applies as long as the configuration has that;
            whoever wants it looser writes another value there.
    """

    seq: int
    name: str
    value: str | int | bool | tuple[str, ...]
    base: str | int | bool | tuple[str, ...] | None
    actor: str
    reason: str

    @property
    def by(self) -> str:
        """Who tightened it, and why."""
        return f"{self.actor} (event {self.seq}): {self.reason}"

    @property
    def text(self) -> str:
        """What was tightened, to what, by whom and why, in one line."""
        value = " ".join(self.value) if isinstance(self.value, tuple) else self.value
        return f"{self.name} {value} by {self.by}"
